//! GGUF: counts, names with values, and where tensors lie.

use crate::report::{Code, Found};
use crate::source::{Source, Stop, Walk};
use crate::{search, text};

/// A name or a value takes so many bytes at least, and the place of a tensor.
const MIN_PAIR: u64 = 8 + 4 + 1;
const MIN_TENSOR: u64 = 8 + 4 + 4 + 8;
/// How deep lists lie in lists.
const MAX_DEPTH: u32 = 4;
const MAX_NAME: u64 = 64 * 1024;
/// A template of prompts.
const MAX_TEMPLATE: usize = 1024 * 1024;
const MAX_AXES: u32 = 8;

pub(crate) fn walk(source: &mut dyn Source, size: u64, found: &mut Found) {
    if let Err(stop) = look(source, size, found) {
        found.stopped(&stop, "");
    }
}

fn look(source: &mut dyn Source, size: u64, found: &mut Found) -> Walk<()> {
    source.skip(4)?;
    let version = source.u32()?;
    if !(2..=3).contains(&version) {
        found.add(Code::NotLookedInto, format!("it is version {version} of GGUF; 2 and 3 are read here"), "");
        return Ok(());
    }
    let (tensors, pairs) = (source.u64()?, source.u64()?);
    let least = tensors.checked_mul(MIN_TENSOR).zip(pairs.checked_mul(MIN_PAIR)).map(|(a, b)| a.saturating_add(b));
    if least.is_none_or(|least| least > size) {
        let text = format!("it announces {tensors} tensors and {pairs} values, the file has {size} bytes");
        found.add(Code::SizeBomb, text, "");
        return Ok(());
    }
    found.summary = format!("GGUF {version}, {tensors} tensors, {pairs} values");
    for _ in 0..pairs {
        let length = source.u64()?;
        if length > MAX_NAME {
            return bomb(length, "a name", found);
        }
        let name = source.some(length, MAX_NAME as usize)?;
        let kind = source.u32()?;
        let template = name.starts_with(b"tokenizer.chat_template");
        if kind == 8 && template {
            let length = source.u64()?;
            if length > size {
                return bomb(length, "a text", found);
            }
            if search::reaches_inside(&source.some(length, MAX_TEMPLATE)?) {
                text::say_template(found);
            }
        } else if let Some(length) = value(source, kind, size, 0)? {
            return bomb(length, "a value", found);
        }
    }
    for _ in 0..tensors {
        source.step()?;
        let length = source.u64()?;
        if length > MAX_NAME {
            return bomb(length, "a name", found);
        }
        let name = String::from_utf8_lossy(&source.some(length, 200)?).into_owned();
        let axes = source.u32()?;
        if axes > MAX_AXES {
            return Err(Stop::Broken("a tensor has more axes than any"));
        }
        let mut elements = Some(1_u64);
        for _ in 0..axes {
            let axis = source.u64()?;
            elements = elements.and_then(|elements| elements.checked_mul(axis));
        }
        source.skip(4)?;
        let offset = source.u64()?;
        // The smallest types have about a bit and a half for each element.
        if elements.is_none_or(|elements| elements / 8 > size) || offset > size {
            let text = "it announces more elements, or a place further on, than the file has";
            found.add(Code::SizeBomb, text.to_owned(), &format!("tensor {name}"));
        }
    }
    Ok(())
}

fn bomb(length: u64, what: &str, found: &mut Found) -> Walk<()> {
    found.add(Code::SizeBomb, format!("{what} announces {length} bytes"), "");
    Ok(())
}

/// Passes over a value. A length that cannot be is given back.
fn value(source: &mut dyn Source, kind: u32, size: u64, depth: u32) -> Walk<Option<u64>> {
    source.step()?;
    let fixed = match kind {
        0 | 1 | 7 => 1,
        2 | 3 => 2,
        4..=6 => 4,
        10..=12 => 8,
        8 => {
            let length = source.u64()?;
            if length > size {
                return Ok(Some(length));
            }
            length
        }
        9 if depth < MAX_DEPTH => {
            let (kind, count) = (source.u32()?, source.u64()?);
            let least = match kind {
                2 | 3 => 2,
                4..=6 => 4,
                8 | 10..=12 => 8,
                9 => 12,
                _ => 1,
            };
            let bytes = count.checked_mul(least).filter(|bytes| *bytes <= size);
            let Some(bytes) = bytes else { return Ok(Some(count)) };
            if !matches!(kind, 8 | 9) {
                source.skip(bytes)?;
                return Ok(None);
            }
            for _ in 0..count {
                if let Some(length) = value(source, kind, size, depth + 1)? {
                    return Ok(Some(length));
                }
            }
            return Ok(None);
        }
        _ => return Err(Stop::Broken("a value is of no kind")),
    };
    source.skip(fixed)?;
    Ok(None)
}
