//! Protocol Buffers, field by field. What a reader does not know is passed over, as all readers do.

use crate::source::{Source, Stop, Walk};

/// A field's value, or that it begins here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value {
    Number(u64),
    /// The field ends there; whoever wants it reads it, whoever does not, skips it.
    Bytes {
        end: u64,
    },
    /// Four or eight bytes, passed over.
    Fixed,
}

/// Groups are no more written, but still passed over.
const MAX_GROUPS: u32 = 64;

/// The next field before `end`. A value of bytes is the caller's to read to its end.
pub(crate) fn field(source: &mut dyn Source, end: u64) -> Walk<Option<(u32, Value)>> {
    loop {
        if source.at() >= end {
            return if source.at() == end { Ok(None) } else { Err(BEYOND) };
        }
        source.step()?;
        let tag = varint(source)?;
        let number = u32::try_from(tag >> 3).ok().filter(|number| (1..1 << 29).contains(number));
        let number = number.ok_or(Stop::Broken("a field has no number that a field may have"))?;
        let value = match tag & 7 {
            0 => Value::Number(varint(source)?),
            1 => fixed(source, 8)?,
            2 => Value::Bytes { end: length(source, end)? },
            3 => {
                group(source, end, number)?;
                continue;
            }
            5 => fixed(source, 4)?,
            _ => return Err(Stop::Broken("a field is of no kind")),
        };
        if source.at() > end {
            return Err(BEYOND);
        }
        return Ok(Some((number, value)));
    }
}

const BEYOND: Stop = Stop::Broken("a field reaches beyond what it is in");

fn fixed(source: &mut dyn Source, size: u64) -> Walk<Value> {
    source.skip(size)?;
    Ok(Value::Fixed)
}

/// Where the bytes that follow end.
fn length(source: &mut dyn Source, end: u64) -> Walk<u64> {
    let length = varint(source)?;
    source.at().checked_add(length).filter(|to| *to <= end).ok_or(BEYOND)
}

fn group(source: &mut dyn Source, end: u64, number: u32) -> Walk<()> {
    let mut open = vec![u64::from(number)];
    while let Some(innermost) = open.last().copied() {
        source.step()?;
        let tag = varint(source)?;
        match tag & 7 {
            0 => drop(varint(source)?),
            1 => source.skip(8)?,
            2 => {
                let to = length(source, end)?;
                skip_to(source, to)?;
            }
            3 if open.len() as u32 == MAX_GROUPS => return Err(Stop::Broken("groups are nested too deep")),
            3 => open.push(tag >> 3),
            4 if tag >> 3 == innermost => drop(open.pop()),
            5 => source.skip(4)?,
            _ => return Err(Stop::Broken("a field is of no kind")),
        }
        if source.at() > end {
            return Err(BEYOND);
        }
    }
    Ok(())
}

pub(crate) fn varint(source: &mut dyn Source) -> Walk<u64> {
    let mut number = 0_u64;
    for shift in (0..70).step_by(7) {
        let byte = source.byte()?;
        // The tenth byte has one bit that counts.
        number |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(Stop::Broken("a number has more than ten bytes"))
}

pub(crate) fn skip_to(source: &mut dyn Source, end: u64) -> Walk<()> {
    let left = end.checked_sub(source.at()).ok_or(BEYOND)?;
    source.skip(left)
}

/// A text of at most so many bytes, the rest passed over.
pub(crate) fn text(source: &mut dyn Source, end: u64, keep: usize) -> Walk<String> {
    let left = end.checked_sub(source.at()).ok_or(BEYOND)?;
    Ok(String::from_utf8_lossy(&source.some(left, keep)?).into_owned())
}
