//! Bytes of a file as numbers, cut as Google's magika does it (`Magika._extract_features_from_seekable`).

use registry::task::Bytes;
use tensor::{Port, Tensor};

use crate::given::Given;
use crate::refusal::Refusal;
use crate::rows;

pub(crate) fn encode(bytes: &Bytes, port: &Port, given: &[Given]) -> Result<Vec<Tensor>, Refusal> {
    let width = (bytes.begin + bytes.end) as usize;
    rows::bounded(given.len(), width)?;
    let mut numbers = Vec::with_capacity(given.len() * width);
    for (at, given) in given.iter().enumerate() {
        features(bytes, &given.as_bytes(at)?, at, &mut numbers)?;
    }
    let shape = vec![given.len() as u64, width as u64];
    Ok(vec![rows::numbers(port, shape, numbers.into_iter().map(f64::from))?])
}

/// Only the outer side of each end is trimmed, and padding stands on the inner one.
fn features(bytes: &Bytes, file: &[u8], at: usize, numbers: &mut Vec<u32>) -> Result<(), Refusal> {
    let size = file.len().min(bytes.block as usize);
    let from_begin = trim_start(&file[..size]);
    let from_end = trim_end(&file[file.len() - size..]);
    if from_begin.len() < bytes.least as usize {
        return Err(Refusal::FewBytes { at, bytes: from_begin.len(), least: bytes.least });
    }
    let (begin, end) = (bytes.begin as usize, bytes.end as usize);
    let from_begin = &from_begin[..begin.min(from_begin.len())];
    let from_end = &from_end[from_end.len() - end.min(from_end.len())..];
    numbers.extend(from_begin.iter().copied().map(u32::from));
    let missing = begin - from_begin.len() + end - from_end.len();
    numbers.extend(std::iter::repeat_n(bytes.padding, missing));
    numbers.extend(from_end.iter().copied().map(u32::from));
    Ok(())
}

/// What Python's `bytes.strip` takes away.
fn is_space(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

fn trim_start(bytes: &[u8]) -> &[u8] {
    &bytes[bytes.iter().take_while(|byte| is_space(byte)).count()..]
}

fn trim_end(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len() - bytes.iter().rev().take_while(|byte| is_space(byte)).count()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features_of(file: &[u8]) -> Result<Vec<u32>, Refusal> {
        let bytes = Bytes { input: "bytes".to_owned(), begin: 4, end: 4, block: 8, padding: 256, least: 2 };
        let mut numbers = Vec::new();
        features(&bytes, file, 0, &mut numbers).map(|()| numbers)
    }

    #[test]
    fn bytes_are_cut_as_the_package_cuts_them() {
        for (file, expected) in [
            (&b"  ab \x0b"[..], [97, 98, 32, 11, 32, 32, 97, 98]),
            (b"abc", [97, 98, 99, 256, 256, 97, 98, 99]),
            (b"0123456789", [48, 49, 50, 51, 54, 55, 56, 57]),
        ] {
            assert_eq!(features_of(file).unwrap(), expected, "{file:?}");
        }
        assert_eq!(features_of(b"0123456789      \n\n").unwrap()[4..], [256; 4], "white space alone says nothing");
        assert_eq!(features_of(b" a"), Err(Refusal::FewBytes { at: 0, bytes: 1, least: 2 }));
    }
}
