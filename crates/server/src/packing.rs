//! Packed bodies: gzip, and zlib, which HTTP calls deflate.
//!
//! Always: what comes out has a limit, whatever goes in; what goes in is one whole body of its kind and nothing behind
//! it; the same bytes are packed into the same bytes.

use std::io::{self, Read, Write};

use api::{Code, Problem};
use axum::http::HeaderValue;
use axum::http::header::HeaderMap;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
use flate2::Compression;
use flate2::bufread::{MultiGzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};

use crate::edge::clip;
use crate::problem::Refused;

/// How a body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    Gzip,
    Deflate,
}

impl Packing {
    /// The better one first: it has a checksum, and everybody means the same by it.
    const ALL: [Packing; 2] = [Packing::Gzip, Packing::Deflate];

    const fn word(self) -> &'static str {
        match self {
            Packing::Gzip => "gzip",
            Packing::Deflate => "deflate",
        }
    }

    pub(crate) fn header(self) -> HeaderValue {
        HeaderValue::from_static(self.word())
    }

    /// How a request's body is packed, by its `Content-Encoding`.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Option<Packing>, Refused> {
        let mut values = headers.get_all(CONTENT_ENCODING).iter();
        let Some(value) = values.next() else { return Ok(None) };
        if value.as_bytes() == b"identity" && values.next().is_none() {
            return Ok(None);
        }
        let known = Packing::ALL.into_iter().find(|packing| value.as_bytes() == packing.word().as_bytes());
        match (known, values.next()) {
            (Some(packing), None) => Ok(Some(packing)),
            _ => Err(unknown(value.as_bytes(), "send it as gzip or deflate, or without Content-Encoding")),
        }
    }

    /// How an answer may be packed, by the request's `Accept-Encoding`: as the client likes best, gzip before deflate.
    /// What cannot be read there asks for nothing.
    pub(crate) fn accepted(headers: &HeaderMap) -> Option<Packing> {
        let mut best = (0.0, None);
        let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
        for choice in values.flat_map(|value| value.split(',')) {
            let (word, quality) = choice.split_once(';').unwrap_or((choice, "q=1"));
            let quality = quality.trim().strip_prefix("q=").and_then(|quality| quality.parse::<f32>().ok());
            let packing = Packing::ALL.into_iter().find(|packing| word.trim().eq_ignore_ascii_case(packing.word()));
            if let (Some(packing), Some(quality)) = (packing, quality)
                && (quality > best.0 || quality == best.0 && best.1 == Some(Packing::Deflate))
            {
                best = (quality, Some(packing));
            }
        }
        best.1
    }

    pub(crate) fn pack(self, bytes: &[u8]) -> Vec<u8> {
        let out = Vec::with_capacity(bytes.len() / 2 + 64);
        // Tensors shrink little however long one tries.
        let packed = match self {
            Packing::Gzip => written(GzEncoder::new(out, Compression::fast()), bytes, GzEncoder::finish),
            Packing::Deflate => written(ZlibEncoder::new(out, Compression::fast()), bytes, ZlibEncoder::finish),
        };
        packed.expect("a Vec takes all that is written to it")
    }

    pub(crate) fn unpack(self, packed: &[u8], limit: usize) -> Result<Vec<u8>, Refused> {
        let mut rest = packed;
        let unpacked = match self {
            Packing::Gzip => read(MultiGzDecoder::new(&mut rest), limit),
            Packing::Deflate => read(ZlibDecoder::new(&mut rest), limit),
        };
        let wrong = match unpacked {
            Ok(bytes) if bytes.len() > limit => {
                let message = format!("the body is larger than {limit} bytes once it is unpacked, which is too much");
                return Err(Problem::new(Code::BodyTooLarge, message).into());
            }
            Ok(bytes) if rest.is_empty() => return Ok(bytes),
            Ok(_) => format!("{} bytes follow its end", rest.len()),
            Err(error) => error.to_string(),
        };
        let message = format!("the body is not {}, as its Content-Encoding says: {wrong}", self.word());
        Err(Problem::new(Code::InvalidRequest, message)
            .hint(
                "tritonclient writes Content-Encoding into the headers it is given: give each call headers of its own",
            )
            .into())
    }
}

/// A body in an encoding that is not read at its path.
pub(crate) fn unknown(encoding: &[u8], hint: &str) -> Refused {
    let encoding = clip(&String::from_utf8_lossy(encoding));
    let message = format!("the body has the encoding \"{encoding}\", which is not read here");
    Problem::new(Code::UnsupportedMediaType, message).hint(hint).into()
}

/// All there is, or more than `limit` bytes of it.
fn read(decoder: impl Read, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    decoder.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn written<W: Write>(
    mut encoder: W,
    bytes: &[u8],
    finish: impl FnOnce(W) -> io::Result<Vec<u8>>,
) -> io::Result<Vec<u8>> {
    encoder.write_all(bytes)?;
    finish(encoder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(packing: Packing, packed: &[u8], limit: usize) -> (Code, String) {
        let problem = packing.unpack(packed, limit).unwrap_err().into_problem();
        (problem.code, problem.message)
    }

    #[test]
    fn what_is_packed_is_unpacked_and_nothing_else_is() {
        for packing in Packing::ALL {
            let bytes: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
            let packed = packing.pack(&bytes);
            assert_eq!(packing.unpack(&packed, bytes.len()).unwrap(), bytes);
            assert_eq!(packing.unpack(&packing.pack(b""), 0).unwrap(), b"");
            assert_eq!(packing.pack(&bytes), packed, "the same bytes");

            let other = Packing::ALL.into_iter().find(|other| *other != packing).unwrap();
            for wrong in [
                &b""[..],
                b"{\"inputs\":[]}",
                &packed[..packed.len() / 2],
                &packed[..packed.len() - 1],
                &other.pack(b"x"),
            ] {
                let (code, message) = refused(packing, wrong, bytes.len());
                assert_eq!(code, Code::InvalidRequest, "{packing:?} {message}");
                assert!(message.starts_with(&format!("the body is not {}", packing.word())), "{message}");
            }
            let followed = [&packed[..], b"more"].concat();
            assert_eq!(refused(packing, &followed, bytes.len()).0, Code::InvalidRequest);
            let mut changed = packed.clone();
            *changed.last_mut().unwrap() ^= 1;
            assert_eq!(refused(packing, &changed, bytes.len()).0, Code::InvalidRequest, "its checksum");
        }
    }

    #[test]
    fn a_bomb_is_not_unpacked_past_the_limit() {
        for packing in Packing::ALL {
            let bomb = packing.pack(&vec![0; 64 * 1024 * 1024]);
            assert!(bomb.len() < 1_000_000, "{}", bomb.len());
            let (code, message) = refused(packing, &bomb, 1000);
            assert_eq!(code, Code::BodyTooLarge);
            assert!(message.contains("larger than 1000 bytes once it is unpacked"), "{message}");
        }
    }

    #[test]
    fn an_answer_is_packed_as_the_client_likes_best() {
        let accepted = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(ACCEPT_ENCODING, HeaderValue::from_static(value));
            }
            Packing::accepted(&headers)
        };
        assert_eq!(accepted(&[]), None);
        assert_eq!(accepted(&["gzip"]), Some(Packing::Gzip));
        assert_eq!(accepted(&["deflate"]), Some(Packing::Deflate));
        assert_eq!(accepted(&["br, deflate, GZIP"]), Some(Packing::Gzip));
        assert_eq!(accepted(&["gzip;q=0.5", "deflate; q=0.8"]), Some(Packing::Deflate));
        assert_eq!(accepted(&["gzip;q=0", "identity", "*;q=1", "deflate;q=x"]), None);
        assert_eq!(accepted(&["gzip;q=NaN, deflate;q=-1"]), None);
    }
}
