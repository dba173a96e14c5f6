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
