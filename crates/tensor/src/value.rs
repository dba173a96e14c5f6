//! One typed array, checked when it is made.

use std::fmt;

use crate::{DataType, MAX_BYTES, MAX_NAME_BYTES, MAX_RANK, Mismatch, json, mismatch};

/// A named, typed array. Holds the protocol's binary form: little-endian, row-major; BOOL one byte 0 or 1; BYTES each
/// element as a length of four bytes and as many bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Tensor {
    name: String,
    datatype: DataType,
    shape: Vec<u64>,
    bytes: Vec<u8>,
}

impl Tensor {
    /// Takes data in the binary form and checks all of it.
    pub fn new(
        name: impl Into<String>,
        datatype: DataType,
        shape: Vec<u64>,
        bytes: Vec<u8>,
    ) -> Result<Tensor, Mismatch> {
        let name = name.into();
        let count = checked_count(&name, datatype, &shape)?;
        if bytes.len() > MAX_BYTES {
            return Err(Mismatch::TooLarge { name });
        }
        match datatype.size_bytes() {
            Some(size) if bytes.len() != count * size => {
                return Err(Mismatch::Size { name, given: bytes.len(), expected: count * size });
            }
            Some(_) => {}
            None => check_elements(&name, count, &bytes)?,
        }
        if datatype == DataType::Bool
            && let Some(index) = bytes.iter().position(|byte| *byte > 1)
        {
            return Err(Mismatch::Value { name, index: index as u64, value: bytes[index].to_string(), datatype });
        }
        Ok(Tensor { name, datatype, shape, bytes })
    }

    /// Reads the JSON of a `data` field: a flat array, or arrays nested in any way that flattens to the count of
    /// `shape`; for a scalar also the bare value. Strict: whole numbers in the range of the type, no numbers in
    /// strings, BOOL only from `true` and `false`, BYTES only from strings; FP16 and BF16 have no JSON form.
    pub fn from_json(name: String, datatype: DataType, shape: Vec<u64>, data: &str) -> Result<Tensor, Mismatch> {
        let count = checked_count(&name, datatype, &shape)?;
        let bytes = json::read(&name, datatype, count, shape.is_empty(), data)?;
        Ok(Tensor { name, datatype, shape, bytes })
    }

    /// Appends the data as a flat JSON array. Floats are the shortest text that reads back to the same value. What JSON
    /// cannot say is told as near as can be: a float that is not finite becomes `null`, bytes that are not UTF-8 become
    /// U+FFFD; [`Tensor::fits_json`] tells whether that happens.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        json::write(self, out);
    }

    /// Appends the protocol's JSON object of an input or output: with the data as JSON, or, if it is `binary`, with the
    /// size of the binary data that follows the JSON.
    pub fn write_object(&self, out: &mut Vec<u8>, binary: bool) {
        json::object(self, out, binary);
    }

    /// Whether [`Tensor::write_json`] loses nothing and every client can read it back: not for FP16 and BF16, floats
    /// that are not finite, and bytes that are not UTF-8. Such tensors go out in the binary form.
    pub fn fits_json(&self) -> bool {
        match self.datatype {
            DataType::Fp16 | DataType::Bf16 => false,
            DataType::Fp32 => self.bytes.as_chunks::<4>().0.iter().all(|bytes| f32::from_le_bytes(*bytes).is_finite()),
            DataType::Fp64 => self.bytes.as_chunks::<8>().0.iter().all(|bytes| f64::from_le_bytes(*bytes).is_finite()),
            DataType::Bytes => self.byte_elements().all(|element| std::str::from_utf8(element).is_ok()),
            _ => true,
        }
    }

    /// An FP32 tensor of these values.
    pub fn fp32(name: impl Into<String>, shape: &[u64], values: &[f32]) -> Result<Tensor, Mismatch> {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Tensor::new(name, DataType::Fp32, shape.to_vec(), bytes)
    }

    /// An INT64 tensor of these values.
    pub fn int64(name: impl Into<String>, shape: &[u64], values: &[i64]) -> Result<Tensor, Mismatch> {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Tensor::new(name, DataType::Int64, shape.to_vec(), bytes)
    }

    /// A BYTES tensor of these elements.
    pub fn strings<T: AsRef<[u8]>>(name: impl Into<String>, shape: &[u64], values: &[T]) -> Result<Tensor, Mismatch> {
        let name = name.into();
        let mut bytes = Vec::new();
        for value in values {
            if push_element(&mut bytes, value.as_ref()).is_none() {
                return Err(Mismatch::TooLarge { name });
            }
        }
        Tensor::new(name, DataType::Bytes, shape.to_vec(), bytes)
    }

    /// The name of the input or output.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The type of the elements.
    pub fn datatype(&self) -> DataType {
        self.datatype
    }

    /// The size of each axis; empty for a scalar.
    pub fn shape(&self) -> &[u64] {
        &self.shape
    }

    /// The data in the protocol's binary form.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The data in the protocol's binary form, without a copy.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// How many elements there are: the product of the shape.
    pub fn element_count(&self) -> usize {
        self.shape.iter().product::<u64>() as usize
    }

    /// The elements of a BYTES tensor in their order; nothing for other types.
    pub fn byte_elements(&self) -> ByteElements<'_> {
        ByteElements { rest: if self.datatype == DataType::Bytes { &self.bytes } else { &[] } }
    }

    /// The same data under another name.
    pub fn with_name(self, name: impl Into<String>) -> Result<Tensor, Mismatch> {
        let name = name.into();
        check_name(&name)?;
        Ok(Tensor { name, ..self })
    }
}

/// Data can be large and private, so only its size is shown.
impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tensor { name, datatype, shape, bytes } = self;
        write!(f, "Tensor({:?} {datatype} {shape:?}, {} bytes)", mismatch::clip(name), bytes.len())
    }
}

/// The elements of a BYTES tensor.
#[derive(Debug, Clone)]
pub struct ByteElements<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for ByteElements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (element, rest) = split_element(self.rest)?;
        self.rest = rest;
        Some(element)
    }
}

/// The first element of the binary form of BYTES, and what follows it.
fn split_element(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

/// Appends an element to the binary form of BYTES, unless the whole grew past [`MAX_BYTES`].
pub(crate) fn push_element(bytes: &mut Vec<u8>, element: &[u8]) -> Option<()> {
    if bytes.len() + 4 + element.len() > MAX_BYTES {
        return None;
    }
    bytes.extend_from_slice(&(element.len() as u32).to_le_bytes());
    bytes.extend_from_slice(element);
    Some(())
}

fn check_name(name: &str) -> Result<(), Mismatch> {
    if name.is_empty() || name.len() > MAX_NAME_BYTES {
        return Err(Mismatch::Name { given: name.len() });
    }
    Ok(())
}

/// How many elements a tensor of this shape has. An axis of size 0 counts as 1 for the limit, so that no product of
/// axes that anyone multiplies later can overflow.
fn checked_count(name: &str, datatype: DataType, shape: &[u64]) -> Result<usize, Mismatch> {
    check_name(name)?;
    if shape.len() > MAX_RANK {
        return Err(Mismatch::TooManyAxes { name: name.to_owned(), given: shape.len() });
    }
    let smallest = datatype.size_bytes().unwrap_or(4) as u64;
    shape
        .iter()
        .try_fold(1u64, |product, axis| product.checked_mul((*axis).max(1)))
        .and_then(|product| product.checked_mul(smallest))
        .filter(|bytes| *bytes <= MAX_BYTES as u64)
        .map(|_| shape.iter().product::<u64>() as usize)
        .ok_or_else(|| Mismatch::TooLarge { name: name.to_owned() })
}

fn check_elements(name: &str, count: usize, bytes: &[u8]) -> Result<(), Mismatch> {
    let mut rest = bytes;
    for index in 0..count {
        let Some((_, after)) = split_element(rest) else {
            return Err(Mismatch::Element { name: name.to_owned(), index: index as u64 });
        };
        rest = after;
    }
    if !rest.is_empty() {
        return Err(Mismatch::Size { name: name.to_owned(), given: bytes.len(), expected: bytes.len() - rest.len() });
    }
    Ok(())
}
