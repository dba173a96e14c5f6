//! One thing packed by gzip or zlib: a tar, a pickle of joblib, anything.

use std::io::{Read, Seek};

use flate2::read::{MultiGzDecoder, ZlibDecoder};

use crate::report::{Code, Format, Found};
use crate::source::{Budget, Content, Part, Reading, Source, Stop, Stream, Walk};
use crate::{numpy, pickle, sniff, tar, zip};

/// Above both, what comes out is a bomb.
const BOMB_BYTES: u64 = 64 * 1024 * 1024;
const BOMB_RATIO: u64 = 200;

pub(crate) fn walk<R: Read + Seek>(
    content: &mut R,
    size: u64,
    format: Format,
    budget: &Budget,
    found: &mut Found,
    depth: u32,
) -> Walk<Format> {
    let mut source = Content::new(content, size, budget)?;
    let packed = Reading(&mut source);
    match format {
        Format::Gzip => {
            inside(&mut Stream::new(MultiGzDecoder::new(packed), budget), size, format, budget, found, depth)
        }
        _ => inside(&mut Stream::new(ZlibDecoder::new(packed), budget), size, format, budget, found, depth),
    }
}

fn inside(
    source: &mut dyn Source,
    size: u64,
    format: Format,
    budget: &Budget,
    found: &mut Found,
    depth: u32,
) -> Walk<Format> {
    let mut head = [0; sniff::HEAD];
    let length = match source.up_to(&mut head) {
        Ok(length) => length,
        // Two bytes are no mark: it is something else.
        Err(Stop::Broken(_) | Stop::End) if format == Format::Zlib => {
            found.add(Code::UnknownFormat, "its format is not known here, so nothing was looked for".to_owned(), "");
            return Ok(Format::Unknown);
        }
        Err(stop) => {
            found.stopped(&stop, "");
            return Ok(format);
        }
    };
    let head = &head[..length];
    let inner = sniff::sniff(head, length as u64);
    found.summary = format!("inside: {}", inner.map_or("nothing that has a mark", Format::word));
    {
        let mut part = Part::new(source, head, u64::MAX);
        match inner {
            Some(Format::Tar) => tar::walk(&mut part, budget, found, depth),
            Some(Format::Numpy) => numpy::walk(&mut part, u64::MAX, "", found),
            Some(Format::Pickle) => pickle::walk(&mut part, "", found),
            Some(Format::Zip | Format::Gzip | Format::Zlib | Format::Packed) => {
                zip::inside(&mut part, 0, "", budget, found, depth)?;
            }
            None => {
                pickle::attempt(&mut part, "", found);
            }
            _ => {}
        }
    }
    // To its end, or as far as it goes: what unpacks to a thousand times as much is made for that.
    let rest = loop {
        if let Err(stop) = source.skip(64 * 1024) {
            break stop;
        }
    };
    let out = source.at();
    if out > BOMB_BYTES && out / BOMB_RATIO > size {
        found.add(Code::SizeBomb, format!("{size} bytes unpack to {out} and more"), "");
    }
    if !matches!(rest, Stop::End) {
        found.stopped(&rest, "");
    }
    Ok(format)
}
