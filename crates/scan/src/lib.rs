//! What a stranger's file is, and what would happen to whoever opens it: by its content alone, never by its name.
//!
//! Always: nothing of a file is run, and no file is unpacked to a disk; what is read, unpacked, remembered and said is
//! bounded ([`Limits`]), and a file that goes beyond is not clean but [`Code::Unfinished`]; a report is a function of
//! the bytes and of [`VERSION`]; what is said is fit to be shown.
//!
//! Absent on purpose: a clock (bytes and steps bound the time), names and models, and looking for viruses. That a file
//! is clean means that nothing of the list in [`Code`] was found in it.
//!
//! To add a format: its word in [`Format`], its mark in `sniff.rs`, its reader in a file of its own, a case in
//! `tests/files/good_and_bad.rs`, a good input in `tests/files/damaged.rs`. To add a finding: a line in `report.rs`.
//! Either raises [`VERSION`].

mod danger;
mod gguf;
mod numpy;
mod onnx;
mod packed;
mod pickle;
mod proto;
mod report;
mod safetensors;
mod search;
mod sniff;
mod source;
mod tar;
mod text;
mod zip;

use std::io::{self, Read, Seek, SeekFrom};

pub use danger::{Danger, danger};
pub use report::{Code, Finding, Format, Import, Report, Verdict};

use crate::report::Found;
use crate::source::{Budget, Content, Source, Stop};

/// Rises with every change of what is found, so that files are looked at anew.
pub const VERSION: u32 = 1;

/// How far a scan goes.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes read, and bytes unpacked, together.
    pub bytes: u64,
    /// Instructions, fields and entries.
    pub steps: u64,
}

impl Limits {
    /// Enough for what people publish, and a few seconds.
    pub const USUAL: Limits = Limits { bytes: 512 * 1024 * 1024, steps: 300_000_000 };
}

/// Looks at a file. An error is the disk's, never the file's.
pub fn scan<R: Read + Seek>(content: &mut R, limits: Limits) -> io::Result<Report> {
    let size = content.seek(SeekFrom::End(0))?;
    let budget = Budget::new(limits);
    let mut found = Found::default();
    let format = look(content, size, &budget, &mut found, 0).unwrap_or_else(|stop| {
        found.stopped(&stop, "");
        Format::Unknown
    });
    match found.disk {
        Some(kind) => Err(kind.into()),
        None => Ok(found.report(format)),
    }
}

/// Archives in archives are looked into so deep.
const MAX_DEPTH: u32 = 3;

/// What a whole content is; used again for archives in archives.
fn look<R: Read + Seek>(
    content: &mut R,
    size: u64,
    budget: &Budget,
    found: &mut Found,
    depth: u32,
) -> Result<Format, Stop> {
    let mut head = [0; sniff::HEAD];
    let head = {
        let mut source = Content::new(content, size, budget)?;
        let length = size.min(head.len() as u64) as usize;
        source.read(&mut head[..length])?;
        &head[..length]
    };
    let mut format = sniff::sniff(head, size);
    // Protocol Buffers have no mark, and what begins with another's mark may be read as a model all the same.
    let shape = onnx::shape(&mut Content::new(content, size, budget)?, size);
    match (shape, format) {
        (onnx::Shape::Model, None) => format = Some(Format::Onnx),
        (onnx::Shape::TensorFlow, None) => format = Some(Format::SavedModel),
        (onnx::Shape::Model, Some(other)) => {
            found.add(Code::TwoFormats, format!("it can be read as ONNX and as {other}"), "");
            onnx::walk(&mut Content::new(content, size, budget)?, size, found);
        }
        _ => {}
    }
    if format != Some(Format::Zip) && depth == 0 && zip::ends_like_one(content, size, budget)? {
        found.add(Code::TwoFormats, "it ends as a zip archive does".to_owned(), "");
        zip::walk(content, size, budget, found, depth)?;
    }
    let Some(format) = format else {
        let mut source = Content::new(content, size, budget)?;
        return text::walk(&mut source, size, found);
    };
    let mut source = Content::new(content, size, budget)?;
    Ok(match format {
        Format::Onnx => {
            onnx::walk(&mut source, size, found);
            format
        }
        Format::SavedModel => {
            search::tensorflow(&mut source, found)?;
            format
        }
        Format::Safetensors => {
            safetensors::walk(&mut source, size, found);
            format
        }
        Format::Gguf => {
            gguf::walk(&mut source, size, found);
            format
        }
        Format::Numpy => {
            numpy::walk(&mut source, size, "", found);
            format
        }
        Format::Pickle => {
            pickle::walk(&mut source, "", found);
            format
        }
        Format::Hdf5 => search::keras(&mut source, "", found)?,
        Format::Tar => {
            tar::walk(&mut source, budget, found, depth);
            format
        }
        Format::Gzip | Format::Zlib => {
            drop(source);
            packed::walk(content, size, format, budget, found, depth)?
        }
        Format::Zip => {
            drop(source);
            zip::walk(content, size, budget, found, depth)?
        }
        Format::Packed => {
            found.add(Code::NotLookedInto, "it is packed in a way that is not unpacked here".to_owned(), "");
            format
        }
        Format::Ort => {
            found.add(Code::NotLookedInto, "it is ONNX Runtime's own format, which is not read here".to_owned(), "");
            format
        }
        Format::Program => {
            found.add(Code::Program, "it is a program of a machine".to_owned(), "");
            format
        }
        other => other,
    })
}
