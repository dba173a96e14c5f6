//! Safetensors: a length, JSON that says where each tensor lies, and the tensors, without holes.

use std::fmt;
use std::io::BufReader;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::report::{Code, Found};
use crate::source::{Part, Reading, Source, Stop, Walk};

/// The format's own limit is 100 MB; real ones have some hundred kilobytes.
const MAX_HEADER: u64 = 16 * 1024 * 1024;
const MAX_TENSORS: usize = 1_000_000;

pub(crate) fn walk(source: &mut dyn Source, size: u64, found: &mut Found) {
    if let Err(stop) = look(source, size, found) {
        found.stopped(&stop, "");
    }
}

/// A tensor of the header.
#[derive(serde::Deserialize)]
struct Tensor {
    dtype: String,
    shape: Shape,
    data_offsets: [u64; 2],
}

/// How many elements a shape has, where that can be counted: a stranger's may have a million axes.
struct Shape(Option<u64>);

/// What is kept of all of them.
#[derive(Default)]
struct Header {
    /// Where each begins and ends.
    ranges: Vec<(u64, u64)>,
    problems: Vec<(Code, String)>,
}

fn look(source: &mut dyn Source, size: u64, found: &mut Found) -> Walk<()> {
    let length = source.u64()?;
    let rest = size.saturating_sub(8);
    if length > rest {
        let text = format!("its header announces {length} bytes, the file has {rest}");
        found.add(Code::SizeBomb, text, "");
        return Ok(());
    }
    if length > MAX_HEADER {
        return Err(Stop::Spent);
    }
    let data = rest - length;
    let mut part = Part::new(source, &[], length);
    let header: Result<Header, _> = serde_json::from_reader(BufReader::new(Reading(&mut part)));
    let Header { mut ranges, problems } = match header {
        Ok(header) => header,
        Err(error) if error.is_io() => return Err(Stop::from(std::io::Error::from(error))),
        Err(_) => return Err(Stop::Broken("its header is not JSON of tensors")),
    };
    for (code, text) in problems {
        found.add(code, text, "");
    }
    if ranges.len() >= MAX_TENSORS {
        return Err(Stop::Spent);
    }
    found.summary = format!("{} tensors, {data} bytes", ranges.len());
    ranges.sort_unstable();
    let mut end = 0;
    for (from, to) in ranges {
        if from < end {
            found.add(Code::Overlap, format!("two tensors share the bytes from {from} to {}", end.min(to)), "");
            break;
        }
        if from > end {
            found.add(Code::Damaged, format!("the bytes from {end} to {from} belong to no tensor"), "");
            break;
        }
        end = to;
    }
    if end > data {
        let text = format!("its tensors have {end} bytes, behind the header are {data}");
        found.add(Code::SizeBomb, text, "");
    } else if end < data {
        found.add(Code::Damaged, format!("{} bytes behind its tensors belong to none", data - end), "");
    }
    Ok(())
}

fn bits(dtype: &str) -> Option<u64> {
    Some(match dtype {
        "F4" => 4,
        "F6_E2M3" | "F6_E3M2" => 6,
        "BOOL" | "U8" | "I8" | "F8_E4M3" | "F8_E5M2" | "F8_E8M0" | "F8_E4M3FNUZ" | "F8_E5M2FNUZ" => 8,
        "I16" | "U16" | "F16" | "BF16" => 16,
        "I32" | "U32" | "F32" => 32,
        "I64" | "U64" | "F64" | "C64" => 64,
        _ => return None,
    })
}

impl Header {
    fn take(&mut self, Tensor { dtype, shape, data_offsets: [from, to] }: Tensor) {
        let mut problem = |code, text| {
            if self.problems.len() < 16 {
                self.problems.push((code, text));
            }
        };
        let Shape(elements) = shape;
        let needs = elements.zip(bits(&dtype)).and_then(|(elements, bits)| elements.checked_mul(bits));
        match (elements, bits(&dtype), to.checked_sub(from)) {
            (_, _, None) => problem(Code::Damaged, format!("a tensor ends at {to}, before it begins at {from}")),
            (_, None, _) => {}
            (None, _, _) => problem(Code::SizeBomb, "a tensor has more elements than can be counted".to_owned()),
            (Some(count), Some(_), Some(has)) if needs.map(|bits| bits.div_ceil(8)) != Some(has) => {
                let text = format!("a tensor of {count} elements of {dtype} has {has} bytes");
                problem(Code::SizeMismatch, text);
            }
            _ => {}
        }
        if from <= to && self.ranges.len() < MAX_TENSORS {
            self.ranges.push((from, to));
        }
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Shape, D::Error> {
        struct Axes;
        impl<'de> Visitor<'de> for Axes {
            type Value = Shape;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the sizes of axes")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut axes: A) -> Result<Shape, A::Error> {
                let mut elements = Some(1_u64);
                while let Some(axis) = axes.next_element::<u64>()? {
                    elements = elements.and_then(|elements| elements.checked_mul(axis));
                }
                Ok(Shape(elements))
            }
        }
        deserializer.deserialize_seq(Axes)
    }
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Header, D::Error> {
        struct Tensors;
        impl<'de> Visitor<'de> for Tensors {
            type Value = Header;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("tensors by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Header, A::Error> {
                let mut header = Header::default();
                while let Some(name) = entries.next_key::<String>()? {
                    if name == "__metadata__" {
                        entries.next_value::<IgnoredAny>()?;
                    } else {
                        header.take(entries.next_value()?);
                    }
                }
                Ok(header)
            }
        }
        deserializer.deserialize_map(Tensors)
    }
}
