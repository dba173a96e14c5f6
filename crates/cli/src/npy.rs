//! Reads NumPy's `.npy` files: one array.
//!
//! Always: the header is read as text and never run; sizes are checked before anything is allocated; what NumPy
//! stores in another order or byte order is turned into the protocol's: row-major, little-endian.
//!
//! Absent on purpose: objects (they are Python's pickles, and those are programs), records, and writing.

use tensor::{DataType, MAX_BYTES, MAX_RANK};

/// An array without a name: type, shape, and the data in the protocol's binary form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Array {
    pub(crate) datatype: DataType,
    pub(crate) shape: Vec<u64>,
    pub(crate) bytes: Vec<u8>,
}

/// Why a file is no array for us.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NpyError {
    #[error("it does not begin as a .npy file does")]
    Magic,
    #[error("its format has version {major}.{minor}, expected 1.0, 2.0 or 3.0")]
    Version { major: u8, minor: u8 },
    #[error("its header is cut short or longer than {limit} bytes")]
    HeaderSize { limit: usize },
    #[error("its header has no readable {field}")]
    Header { field: &'static str },
    #[error("its elements have the type {descr:?}; expected numbers, booleans or texts (save others with .astype(…))")]
    Descr { descr: String },
    #[error("it has {axes} axes, expected at most {limit}")]
    Axes { axes: usize, limit: usize },
    #[error("its shape asks for more than {limit} bytes")]
    TooLarge { limit: usize },
    #[error("it holds {found} bytes of data, its shape and type ask for {expected}")]
    Size { found: usize, expected: usize },
    #[error("element {index} is no text: {value:#x} is no character")]
    Character { index: usize, value: u32 },
}

/// Longest header that is read.
const HEADER_LIMIT: usize = 64 * 1024;

/// How the elements lie in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    Number(DataType),
    /// `S12`: bytes, padded with NUL.
    Bytes(usize),
    /// `U12`: characters of four bytes, padded with NUL.
    Text(usize),
}

impl Element {
    fn size_bytes(self) -> usize {
        match self {
            Element::Number(datatype) => datatype.size_bytes().unwrap_or(1),
            Element::Bytes(length) => length,
            Element::Text(length) => length.saturating_mul(4),
        }
    }
}

/// Reads a whole file.
pub(crate) fn read(file: &[u8]) -> Result<Array, NpyError> {
    let rest = file.strip_prefix(b"\x93NUMPY").ok_or(NpyError::Magic)?;
    let (version, rest) = rest.split_first_chunk::<2>().ok_or(NpyError::Magic)?;
    let short = || NpyError::HeaderSize { limit: HEADER_LIMIT };
    let (length, rest) = match version {
        [1, 0] => {
            let (length, rest) = rest.split_first_chunk::<2>().ok_or_else(short)?;
            (usize::from(u16::from_le_bytes(*length)), rest)
        }
        [2 | 3, 0] => {
            let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(short)?;
            (u32::from_le_bytes(*length) as usize, rest)
        }
        [major, minor] => return Err(NpyError::Version { major: *major, minor: *minor }),
    };
    if length > HEADER_LIMIT {
        return Err(short());
    }
    let (header, data) = rest.split_at_checked(length).ok_or_else(short)?;
    let header = std::str::from_utf8(header).map_err(|_| NpyError::Header { field: "text" })?;
    array(header, data)
}

fn array(header: &str, data: &[u8]) -> Result<Array, NpyError> {
    let descr = quoted(value_of(header, "descr")?).ok_or(NpyError::Header { field: "descr" })?;
    let fortran = match value_of(header, "fortran_order")? {
        text if text.starts_with("True") => true,
        text if text.starts_with("False") => false,
        _ => return Err(NpyError::Header { field: "fortran_order" }),
    };
    let shape = shape(value_of(header, "shape")?)?;
    let (element, big_endian) = element(descr)?;
    let count = shape
        .iter()
        .try_fold(1_u64, |product, axis| product.checked_mul((*axis).max(1)))
        .filter(|count| count.saturating_mul(element.size_bytes() as u64) <= MAX_BYTES as u64)
        .map(|_| shape.iter().product::<u64>() as usize)
        .ok_or(NpyError::TooLarge { limit: MAX_BYTES })?;
    let expected = count * element.size_bytes();
    if data.len() != expected {
        return Err(NpyError::Size { found: data.len(), expected });
    }
    let data = if fortran { row_major(data, &shape, element.size_bytes()) } else { data.to_vec() };
    let (datatype, bytes) = match element {
        Element::Number(datatype) => (datatype, little_endian(data, element.size_bytes(), big_endian)),
        Element::Bytes(length) => (DataType::Bytes, texts(&data, length, count, |_, bytes| Ok(bytes.to_vec()))?),
        Element::Text(length) => {
            let data = little_endian(data, 4, big_endian);
            (DataType::Bytes, texts(&data, length * 4, count, characters)?)
        }
    };
    Ok(Array { datatype, shape, bytes })
}

/// What follows `'name':` in the header, which is the text of a Python dictionary.
fn value_of<'a>(header: &'a str, name: &'static str) -> Result<&'a str, NpyError> {
    let missing = NpyError::Header { field: name };
    for quote in ['\'', '"'] {
        if let Some((_, after)) = header.split_once(&format!("{quote}{name}{quote}")) {
            return after.trim_start().strip_prefix(':').map(str::trim_start).ok_or(missing);
        }
    }
    Err(missing)
}

fn quoted(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    text[1..].split_once(quote).map(|(inside, _)| inside)
}

fn shape(text: &str) -> Result<Vec<u64>, NpyError> {
    let bad = || NpyError::Header { field: "shape" };
    let (inside, _) = text.strip_prefix('(').and_then(|text| text.split_once(')')).ok_or_else(bad)?;
    let axes: Vec<&str> = inside.split(',').map(str::trim).filter(|axis| !axis.is_empty()).collect();
    if axes.len() > MAX_RANK {
        return Err(NpyError::Axes { axes: axes.len(), limit: MAX_RANK });
    }
    axes.iter().map(|axis| axis.trim_end_matches('L').parse().map_err(|_| bad())).collect()
}

/// The type a `descr` like `<f4` names, and whether its bytes are the other way round.
fn element(descr: &str) -> Result<(Element, bool), NpyError> {
    let unknown = || NpyError::Descr { descr: descr.chars().take(40).collect() };
    let mut characters = descr.chars();
    let order = characters.next().ok_or_else(unknown)?;
    let kind = characters.next().ok_or_else(unknown)?;
    let size: usize = characters.as_str().parse().map_err(|_| unknown())?;
    if !matches!(order, '<' | '>' | '|' | '=') {
        return Err(unknown());
    }
    let element = match (kind, size) {
        ('b', 1) => Element::Number(DataType::Bool),
        ('i', 1) => Element::Number(DataType::Int8),
        ('i', 2) => Element::Number(DataType::Int16),
        ('i', 4) => Element::Number(DataType::Int32),
        ('i', 8) => Element::Number(DataType::Int64),
        ('u', 1) => Element::Number(DataType::Uint8),
        ('u', 2) => Element::Number(DataType::Uint16),
        ('u', 4) => Element::Number(DataType::Uint32),
        ('u', 8) => Element::Number(DataType::Uint64),
        ('f', 2) => Element::Number(DataType::Fp16),
        ('f', 4) => Element::Number(DataType::Fp32),
        ('f', 8) => Element::Number(DataType::Fp64),
        ('S', length) => Element::Bytes(length),
        ('U', length) => Element::Text(length),
        _ => return Err(unknown()),
    };
    Ok((element, order == '>'))
}

fn little_endian(mut data: Vec<u8>, size: usize, big_endian: bool) -> Vec<u8> {
    if big_endian {
        data.chunks_exact_mut(size).for_each(<[u8]>::reverse);
    }
    data
}

/// Data whose first axis moves fastest, so that its last one does.
fn row_major(data: &[u8], shape: &[u64], size: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len());
    let mut index = vec![0_u64; shape.len()];
    for _ in 0..data.len() / size.max(1) {
        let mut place = 0;
        for (at, axis) in index.iter().zip(shape).rev() {
            place = place * axis + at;
        }
        let from = place as usize * size;
        out.extend_from_slice(&data[from..from + size]);
        for (at, axis) in index.iter_mut().zip(shape).rev() {
            *at += 1;
            if *at < *axis {
                break;
            }
            *at = 0;
        }
    }
    out
}

/// Fixed-size elements without their padding, each behind its length.
fn texts(
    data: &[u8],
    size: usize,
    count: usize,
    read: impl Fn(usize, &[u8]) -> Result<Vec<u8>, NpyError>,
) -> Result<Vec<u8>, NpyError> {
    let mut out = Vec::new();
    for index in 0..count {
        let text = read(index, &data[index * size..(index + 1) * size])?;
        let end = text.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        out.extend_from_slice(&(end as u32).to_le_bytes());
        out.extend_from_slice(&text[..end]);
        // Elements of no size still cost their length each.
        if out.len() > MAX_BYTES {
            return Err(NpyError::TooLarge { limit: MAX_BYTES });
        }
    }
    Ok(out)
}

fn characters(index: usize, bytes: &[u8]) -> Result<Vec<u8>, NpyError> {
    let (characters, _) = bytes.as_chunks::<4>();
    let read = |bytes: &[u8; 4]| {
        let value = u32::from_le_bytes(*bytes);
        char::from_u32(value).ok_or(NpyError::Character { index, value })
    };
    Ok(characters.iter().map(read).collect::<Result<String, _>>()?.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        let mut file = b"\x93NUMPY\x01\x00".to_vec();
        file.extend_from_slice(&(header.len() as u16).to_le_bytes());
        file.extend_from_slice(header.as_bytes());
        file.extend_from_slice(data);
        file
    }

    fn npy(descr: &str, fortran: bool, shape: &str, data: &[u8]) -> Result<Array, NpyError> {
        let order = if fortran { "True" } else { "False" };
        read(&file(&format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}   \n"), data))
    }

    #[test]
    fn numbers_are_read_with_their_type_and_shape() {
        let data: Vec<u8> = [1.5_f32, -2.0].iter().flat_map(|value| value.to_le_bytes()).collect();
        let array = npy("<f4", false, "(1, 2)", &data).unwrap();
        assert_eq!(array, Array { datatype: DataType::Fp32, shape: vec![1, 2], bytes: data });
        for (descr, datatype, size) in [
            ("|b1", DataType::Bool, 1),
            ("<i8", DataType::Int64, 8),
            ("|u1", DataType::Uint8, 1),
            ("<f2", DataType::Fp16, 2),
        ] {
            assert_eq!(npy(descr, false, "(1,)", &vec![0; size]).unwrap().datatype, datatype);
        }
        assert_eq!(npy("<f8", false, "()", &[0; 8]).unwrap().shape, Vec::<u64>::new(), "a scalar");
        assert_eq!(npy("<f8", false, "(0, 3)", &[]).unwrap().shape, [0, 3], "nothing at all");
    }

    #[test]
    fn other_orders_become_ours() {
        let array = npy(">i2", false, "(2,)", &[0, 1, 1, 0]).unwrap();
        assert_eq!(array.bytes, [1, 0, 0, 1], "256 and 1, big-endian");
        // [[0, 1, 2], [3, 4, 5]], column by column.
        let array = npy("|u1", true, "(2, 3)", &[0, 3, 1, 4, 2, 5]).unwrap();
        assert_eq!(array.bytes, [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn texts_lose_their_padding() {
        let array = npy("|S3", false, "(2,)", b"ab\0xyz").unwrap();
        assert_eq!((array.datatype, array.bytes), (DataType::Bytes, b"\x02\0\0\0ab\x03\0\0\0xyz".to_vec()));
        let text: Vec<u8> = ['é', '\0'].iter().flat_map(|c| (*c as u32).to_le_bytes()).collect();
        assert_eq!(npy("<U2", false, "(1,)", &text).unwrap().bytes, "\u{2}\0\0\0é".as_bytes());
        assert_eq!(
            npy("<U1", false, "(1,)", &0x0011_0000_u32.to_le_bytes()),
            Err(NpyError::Character { index: 0, value: 0x0011_0000 })
        );
    }

    #[test]
    fn what_is_no_array_for_us_is_refused_with_the_reason() {
        for (result, reason) in [
            (read(b""), "does not begin"),
            (read(b"\x93NUMPY"), "does not begin"),
            (read(b"\x93NUMPY\x04\x00\x00\x00"), "version 4.0"),
            (read(b"\x93NUMPY\x01\x00\xff\xff{}"), "cut short"),
            (read(b"\x93NUMPY\x02\x00\xff\xff\xff\xff"), "cut short"),
            (read(&file("{}", b"")), "no readable descr"),
            (read(&file("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", b"")), "no readable descr"),
            (npy("|O", false, "(1,)", &[0; 8]), "type \"|O\""),
            (npy("|O8", false, "(1,)", &[0; 8]), "type \"|O8\""),
            (npy("<f16", false, "(1,)", &[0; 16]), "type \"<f16\""),
            (npy("<M8", false, "(1,)", &[0; 8]), "type \"<M8\""),
            (npy("<f4", false, "(2,)", &[0; 4]), "4 bytes of data, its shape and type ask for 8"),
            (npy("<f4", false, "(1,)", &[0; 5]), "5 bytes of data"),
            (npy("<f4", false, "(-1,)", &[]), "no readable shape"),
            (npy("<f4", false, "[1]", &[]), "no readable shape"),
            (npy("<f4", false, "(18446744073709551615, 2)", &[]), "more than"),
            (npy("<f4", false, "(18446744073709551615, 0)", &[]), "more than"),
            (npy("|S0", false, "(60000000,)", &[]), "more than"),
            (npy("<f4", false, "(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1)", &[0; 4]), "17 axes"),
        ] {
            let error = result.unwrap_err().to_string();
            assert!(error.contains(reason), "{reason}: {error}");
        }
    }

    #[test]
    fn damaged_files_never_make_reading_panic() {
        let good = file("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2), }", &[0; 16]);
        for cut in 0..good.len() {
            let _ = read(&good[..cut]);
        }
        for at in 0..good.len() {
            for byte in [0, b'9', b'(', 0xff] {
                let mut bad = good.clone();
                bad[at] = byte;
                let _ = read(&bad);
            }
        }
    }
}
