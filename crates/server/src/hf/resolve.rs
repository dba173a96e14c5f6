//! The bytes of a file.
//!
//! Always: of a file no more than a piece is in memory; what a stranger has uploaded never runs in a reader's browser as
//! if it were the hub's; a range or HEAD tells nobody more than the whole file would.

use std::io;
use std::sync::Arc;

use api::{Code, Problem};
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    IF_RANGE, RANGE,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use hub::Hub;
use registry::File;

use crate::extract::AnyCaller;
use crate::hf::error::{Refusal, X_REPO_COMMIT};
use crate::hf::files::commit;
use crate::hf::path::Place;
use crate::hf::query::Fields;

const X_LINKED_ETAG: HeaderName = HeaderName::from_static("x-linked-etag");
const X_LINKED_SIZE: HeaderName = HeaderName::from_static("x-linked-size");

/// How much is read at once.
const PIECE: u64 = 256 * 1024;

/// What a browser may show as text. Everything else it saves.
const TEXTS: &[&str] = &["cfg", "csv", "ini", "json", "jsonl", "md", "py", "rst", "toml", "tsv", "txt", "yaml", "yml"];

/// `HEAD` and `GET /{owner}/{name}/resolve/{revision}/{path}`
pub(crate) async fn file(
    State(hub): State<Hub>,
    AnyCaller(viewer): AnyCaller,
    method: Method,
    Place { model, revision, path }: Place,
    fields: Fields,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let snapshot = hub.snapshot(viewer.as_ref(), &model, &revision).await?;
    // Which commit it is not in, or not open in, is remembered by clients.
    let beside = |error: hub::Error| Refusal::from(error).with(X_REPO_COMMIT, commit(&snapshot));
    let file = hub.file(viewer.as_ref(), &snapshot, &path).await.map_err(beside)?;
    let etag = etag(&hub, file).await?;
    // A part of what the client has seen in another state would not fit it.
    let same = headers.get(IF_RANGE).is_none_or(|seen| *seen == etag);
    let range = headers.get(RANGE).filter(|_| same).and_then(|range| range.to_str().ok());
    let span = range.map_or(Span::Whole, |range| Span::of(range, file.size));
    let (start, end) = match span {
        Span::Whole => (0, file.size),
        Span::Part { start, end } => (start, end),
        Span::PastEnd => {
            let message = format!("{path} has {} bytes; the range begins behind them", file.size);
            let refusal = Refusal::from(Problem::new(Code::RangeNotSatisfiable, message));
            return Err(refusal.with(CONTENT_RANGE, ascii(&format!("bytes */{}", file.size))));
        }
    };
    let body = match method {
        Method::HEAD => Body::empty(),
        _ => content(hub.open(viewer.as_ref(), &snapshot, &path).await?.content, start, end),
    };
    let mut response = Response::new(body);
    if let Span::Part { start, end } = span {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        let range = format!("bytes {start}-{}/{}", end - 1, file.size);
        response.headers_mut().insert(CONTENT_RANGE, ascii(&range));
    }
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(end - start));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(X_REPO_COMMIT, commit(&snapshot));
    if file.is_large() {
        headers.insert(X_LINKED_ETAG, etag.clone());
        headers.insert(X_LINKED_SIZE, HeaderValue::from(file.size));
    }
    headers.insert(ETAG, etag);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type(file)));
    headers.insert(CONTENT_DISPOSITION, disposition(file, fields.last("download").is_some()));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    Ok(response)
}

/// Names the content: what git calls a small file, the SHA-256 of a large one. Clients name their copy by it.
async fn etag(hub: &Hub, file: &File) -> Result<HeaderValue, Refusal> {
    if file.is_large() {
        return Ok(ascii(&format!("\"{}\"", file.sha256)));
    }
    let oids = hub.git_oids(std::slice::from_ref(file)).await?;
    let oid = oids.get(&file.sha256).map_or_else(|| file.sha256.to_string(), ToString::to_string);
    Ok(ascii(&format!("\"{oid}\"")))
}

/// How much of a file is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Span {
    Whole,
    /// From the first of these bytes to before the second.
    Part {
        start: u64,
        end: u64,
    },
    PastEnd,
}

impl Span {
    /// Of a header `Range`. One that is not understood, or asks for several parts, is answered by the whole file.
    fn of(range: &str, size: u64) -> Span {
        let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
        let Some((first, last)) = range.trim().strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
            return Span::Whole;
        };
        let (start, end) = match (first.trim(), last.trim()) {
            ("", last) => match number(last) {
                Some(0) => return Span::PastEnd,
                Some(count) => (size.saturating_sub(count), size),
                None => return Span::Whole,
            },
            (first, "") => match number(first) {
                Some(start) => (start, size),
                None => return Span::Whole,
            },
            (first, last) => match (number(first), number(last)) {
                (Some(start), Some(last)) if start <= last => (start, last.saturating_add(1).min(size)),
                _ => return Span::Whole,
            },
        };
        if start < size { Span::Part { start, end } } else { Span::PastEnd }
    }
}

/// These bytes of a file, read as the client takes them. A file that ends too early ends the connection.
fn content(file: store::Content, start: u64, end: u64) -> Body {
    let file = Arc::new(file);
    Body::from_stream(stream::try_unfold(start, move |at| {
        let file = file.clone();
        async move {
            let left = end.saturating_sub(at).min(PIECE) as usize;
            if left == 0 {
                return Ok(None);
            }
            let piece =
                tokio::task::spawn_blocking(move || piece(&file, at, left)).await.map_err(io::Error::other)??;
            Ok::<_, io::Error>(Some((piece, at + left as u64)))
        }
    }))
}

fn piece(file: &store::Content, at: u64, length: usize) -> io::Result<Bytes> {
    let mut piece = BytesMut::zeroed(length);
    file.read_exact_at(&mut piece, at).inspect_err(|error| tracing::error!("A blob cannot be read: {error}"))?;
    Ok(piece.freeze())
}

/// Never a type that a browser runs, and none that it draws.
fn content_type(file: &File) -> &'static str {
    let name = file.path.file_name().to_ascii_lowercase();
    let text = name.rsplit_once('.').is_some_and(|(_, end)| TEXTS.contains(&end));
    if text { "text/plain; charset=utf-8" } else { "application/octet-stream" }
}

/// The name to save it by.
fn disposition(file: &File, download: bool) -> HeaderValue {
    let name = file.path.file_name();
    let plain: String =
        name.chars().map(|c| if c.is_ascii_graphic() && c != '"' && c != '\\' || c == ' ' { c } else { '_' }).collect();
    let kind = if download { "attachment" } else { "inline" };
    ascii(&format!("{kind}; filename=\"{plain}\"; filename*=UTF-8''{}", web::segment(name)))
}

/// Of texts made here of digits and escaped names.
fn ascii(text: &str) -> HeaderValue {
    HeaderValue::try_from(text).expect("visible ASCII can stand in a header")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> File {
        File { path: path.parse().unwrap(), sha256: registry::Digest::of(b""), size: 0 }
    }

    #[test]
    fn ranges_are_read_as_their_standard_has_them() {
        let part = |start, end| Span::Part { start, end };
        for (range, size, span) in [
            ("bytes=0-", 10, part(0, 10)),
            ("bytes=3-5", 10, part(3, 6)),
            ("bytes=9-9", 10, part(9, 10)),
            ("bytes=3-99", 10, part(3, 10)),
            ("bytes=3-18446744073709551615", 10, part(3, 10)),
            ("bytes=-3", 10, part(7, 10)),
            ("bytes=-99", 10, part(0, 10)),
            ("bytes=10-", 10, Span::PastEnd),
            ("bytes=10-12", 10, Span::PastEnd),
            ("bytes=-0", 10, Span::PastEnd),
            ("bytes=0-", 0, Span::PastEnd),
            ("bytes=-5", 0, Span::PastEnd),
            ("bytes=5-3", 10, Span::Whole),
            ("bytes=0-1,4-5", 10, Span::Whole),
            ("bytes=-", 10, Span::Whole),
            ("bytes=+1-2", 10, Span::Whole),
            ("bytes=99999999999999999999-", 10, Span::Whole),
            ("lines=1-2", 10, Span::Whole),
            ("", 10, Span::Whole),
        ] {
            assert_eq!(Span::of(range, size), span, "{range} of {size}");
        }
    }

    #[test]
    fn nothing_is_sent_as_a_type_that_a_browser_runs() {
        for path in ["x.html", "x.HTM", "x.svg", "x.xhtml", "x.xml", "x.js", "x.css", "x.pdf", "x", "md", "x.png"] {
            assert_eq!(content_type(&file(path)), "application/octet-stream", "{path}");
        }
        for path in ["README.md", "config.JSON", "a/b.py"] {
            assert_eq!(content_type(&file(path)), "text/plain; charset=utf-8", "{path}");
        }
    }

    #[test]
    fn a_files_name_cannot_leave_its_place_in_the_header() {
        assert_eq!(
            disposition(&file("a/b\"; x=\u{e9}%.md"), true),
            "attachment; filename=\"b_; x=_%.md\"; filename*=UTF-8''b%22%3B%20x%3D%C3%A9%25.md"
        );
    }
}
