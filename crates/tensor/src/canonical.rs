//! The bytes a receipt commits to.

use crate::{DataType, Tensor};

/// The layout below. A change of layout is another number; old receipts keep theirs.
const VERSION: u8 = 1;

/// Hands `sink` bytes that say all of `tensors` and nothing else: the same set of tensors gives the same bytes in
/// whatever order it comes, two different ones never do.
///
/// A version byte and the number of tensors (u32); then, sorted by the bytes of the name, each tensor's name (u32
/// length, bytes), data type (one byte), shape (u32 rank, u64 each axis) and data (u64 length, the binary form of the
/// protocol). All numbers little-endian. Names are taken to be distinct, as every signature check has made sure.
pub fn canonical(tensors: &[Tensor], sink: &mut dyn FnMut(&[u8])) {
    let mut sorted: Vec<&Tensor> = tensors.iter().collect();
    sorted.sort_by(|a, b| a.name().cmp(b.name()));

    sink(&[VERSION]);
    sink(&(sorted.len() as u32).to_le_bytes());
    for tensor in sorted {
        sink(&(tensor.name().len() as u32).to_le_bytes());
        sink(tensor.name().as_bytes());
        sink(&[number(tensor.datatype())]);
        sink(&(tensor.shape().len() as u32).to_le_bytes());
        for axis in tensor.shape() {
            sink(&axis.to_le_bytes());
        }
        sink(&(tensor.bytes().len() as u64).to_le_bytes());
        sink(tensor.bytes());
    }
}

/// The number of a type in receipts. Never changed, never used again.
fn number(datatype: DataType) -> u8 {
    match datatype {
        DataType::Bool => 1,
        DataType::Int8 => 2,
        DataType::Int16 => 3,
        DataType::Int32 => 4,
        DataType::Int64 => 5,
        DataType::Uint8 => 6,
        DataType::Uint16 => 7,
        DataType::Uint32 => 8,
        DataType::Uint64 => 9,
        DataType::Fp16 => 10,
        DataType::Bf16 => 11,
        DataType::Fp32 => 12,
        DataType::Fp64 => 13,
        DataType::Bytes => 14,
    }
}
