//! Rows of numbers, put under each other into the tensor of a port.

use tensor::{DataType, MAX_BYTES, Mismatch, Port, Tensor};

use crate::refusal::Refusal;

/// Numbers of a type that a port may have. Tasks are fitted to ports whose type is one of these.
pub(crate) fn numbers(port: &Port, shape: Vec<u64>, values: impl Iterator<Item = f64>) -> Result<Tensor, Mismatch> {
    let bytes: Vec<u8> = match port.datatype {
        DataType::Fp64 => values.flat_map(f64::to_le_bytes).collect(),
        DataType::Int32 => values.flat_map(|value| (value as i32).to_le_bytes()).collect(),
        DataType::Int64 => values.flat_map(|value| (value as i64).to_le_bytes()).collect(),
        _ => values.flat_map(|value| (value as f32).to_le_bytes()).collect(),
    };
    let datatype = match port.datatype {
        kept @ (DataType::Fp64 | DataType::Int32 | DataType::Int64) => kept,
        _ => DataType::Fp32,
    };
    Tensor::new(port.name.clone(), datatype, shape, bytes)
}

/// Before numbers are made: as many of them as a tensor may hold.
pub(crate) fn bounded(count: usize, of_one: usize) -> Result<(), Refusal> {
    let size = count.checked_mul(of_one).and_then(|numbers| numbers.checked_mul(8));
    match size {
        Some(size) if size <= MAX_BYTES => Ok(()),
        _ => Err(Refusal::TooMuch { count, limit: MAX_BYTES }),
    }
}

/// The FP32 numbers of an output.
pub(crate) fn floats(tensor: &Tensor) -> Option<Vec<f32>> {
    let chunks = tensor.bytes().as_chunks::<4>().0;
    (tensor.datatype() == DataType::Fp32).then(|| chunks.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

/// The FP32 or FP64 numbers of an output.
pub(crate) fn doubles(tensor: &Tensor) -> Option<Vec<f64>> {
    match tensor.datatype() {
        DataType::Fp64 => {
            Some(tensor.bytes().as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect())
        }
        _ => Some(floats(tensor)?.into_iter().map(f64::from).collect()),
    }
}

/// The numbers of an output of any type that classes come in, as far as they are exact: there are few classes.
pub(crate) fn small(tensor: &Tensor) -> Option<Vec<f32>> {
    let bytes = tensor.bytes();
    match tensor.datatype() {
        DataType::Int64 => {
            Some(bytes.as_chunks::<8>().0.iter().map(|bytes| i64::from_le_bytes(*bytes) as f32).collect())
        }
        DataType::Int32 => {
            Some(bytes.as_chunks::<4>().0.iter().map(|bytes| i32::from_le_bytes(*bytes) as f32).collect())
        }
        _ => floats(tensor),
    }
}
