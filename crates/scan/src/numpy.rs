//! Arrays of NumPy: a header that is a dictionary of Python's, then numbers, or a pickle where the elements are objects.

use crate::pickle;
use crate::report::{Code, Found};
use crate::source::{Source, Stop, Walk};

/// Headers of real files have some hundred bytes.
const MAX_HEADER: u64 = 64 * 1024;

pub(crate) fn walk(source: &mut dyn Source, size: u64, place: &str, found: &mut Found) {
    if let Err(stop) = look(source, size, place, found) {
        found.stopped(&stop, place);
    }
}

fn look(source: &mut dyn Source, size: u64, place: &str, found: &mut Found) -> Walk<()> {
    source.skip(6)?;
    let [major, _minor] = [source.byte()?, source.byte()?];
    let length = if major == 1 { source.u16()?.into() } else { source.u32()?.into() };
    if length > MAX_HEADER {
        return Err(Stop::Broken("its header is longer than any"));
    }
    let header = source.some(length, MAX_HEADER as usize)?;
    let header = String::from_utf8_lossy(&header);
    let after = |name: &str| {
        let (_, rest) = header.split_once(name)?;
        Some(rest.trim_start_matches(['\'', '"', ':', ' ']))
    };
    let descr = after("descr").ok_or(Stop::Broken("its header names no type"))?;
    if descr.starts_with("|O") || descr.starts_with('O') || descr.contains("'|O") || descr.contains("'O") {
        pickle::walk(source, place, found);
        return Ok(());
    }
    let shape = after("shape").and_then(|rest| rest.strip_prefix('(')?.split_once(')'));
    let (shape, _) = shape.ok_or(Stop::Broken("its header names no shape"))?;
    let axes = shape.split(',').map(str::trim).filter(|axis| !axis.is_empty());
    let axes: Option<Vec<u64>> = axes.map(|axis| axis.trim_end_matches('L').parse().ok()).collect();
    let axes = axes.ok_or(Stop::Broken("its shape is not one of numbers"))?;
    let elements = axes.iter().try_fold(1_u64, |product, axis| product.checked_mul(*axis));
    // `<f4`, `|S20`, `<U3` of four bytes a character; of structures a byte at least.
    let digits: String = descr.chars().skip(2).take_while(char::is_ascii_digit).collect();
    let wide = if descr.chars().nth(1) == Some('U') { 4 } else { 1 };
    let item = digits.parse::<u64>().unwrap_or(1).saturating_mul(wide);
    let bytes = elements.and_then(|elements| elements.checked_mul(item));
    let left = size.saturating_sub(source.at());
    match bytes {
        Some(bytes) if bytes <= left => {}
        Some(bytes) => {
            let text = format!("its header announces {bytes} bytes of numbers, {left} are there");
            found.add(Code::SizeBomb, text, place);
        }
        None => found.add(Code::SizeBomb, "its shape has more elements than can be counted".to_owned(), place),
    }
    Ok(())
}
