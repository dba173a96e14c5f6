//! Tensors of ours to values of ONNX Runtime and back.
//!
//! Numbers are copied as bytes: both sides hold them little-endian and row-major, also the half precisions, and a BOOL
//! that a model made of something else than 0 and 1 never becomes a Rust `bool`.

use ort::memory::Allocator;
use ort::value::{DynTensor, DynTensorValueType, DynValue, TensorElementType, ValueRef, ValueType};
use tensor::{DataType, Port, Tensor};

/// Our name of an element type; nothing if the protocol has none.
pub(crate) fn datatype(element: TensorElementType) -> Option<DataType> {
    DataType::ALL.into_iter().find(|datatype| self::element(*datatype) == element)
}

fn element(datatype: DataType) -> TensorElementType {
    match datatype {
        DataType::Bool => TensorElementType::Bool,
        DataType::Int8 => TensorElementType::Int8,
        DataType::Int16 => TensorElementType::Int16,
        DataType::Int32 => TensorElementType::Int32,
        DataType::Int64 => TensorElementType::Int64,
        DataType::Uint8 => TensorElementType::Uint8,
        DataType::Uint16 => TensorElementType::Uint16,
        DataType::Uint32 => TensorElementType::Uint32,
        DataType::Uint64 => TensorElementType::Uint64,
        DataType::Fp16 => TensorElementType::Float16,
        DataType::Bf16 => TensorElementType::Bfloat16,
        DataType::Fp32 => TensorElementType::Float32,
        DataType::Fp64 => TensorElementType::Float64,
        DataType::Bytes => TensorElementType::String,
    }
}

/// A value for an input.
pub(crate) fn write(allocator: &Allocator, tensor: &Tensor) -> Result<DynValue, String> {
    // A tensor's axes are far below the limit of i64.
    let shape: Vec<i64> = tensor.shape().iter().map(|axis| *axis as i64).collect();
    if tensor.datatype() == DataType::Bytes {
        let strings = tensor.byte_elements().enumerate().map(|(index, element)| match std::str::from_utf8(element) {
            Ok(text) if !text.contains('\0') => Ok(text.to_owned()),
            _ => Err(format!("element {index} of {:?} is not UTF-8 text without NUL", tensor.name())),
        });
        let strings = strings.collect::<Result<Vec<String>, String>>()?;
        let value = ort::value::Tensor::from_string_array((shape, strings.as_slice()));
        return value.map(|value| value.into_dyn()).map_err(text);
    }
    let mut value = DynTensor::new(allocator, element(tensor.datatype()), shape).map_err(text)?;
    fill(&mut value, tensor.bytes())?;
    Ok(value.into_dyn())
}

/// The tensor of an output.
pub(crate) fn read(port: &Port, value: ValueRef<'_>) -> Result<Tensor, String> {
    let ValueType::Tensor { ty, shape, .. } = value.dtype() else {
        return Err(format!("output {:?} is not a tensor this time", port.name));
    };
    let datatype = datatype(*ty).ok_or_else(|| format!("output {:?} has elements of type {ty}", port.name))?;
    let shape = shape.iter().map(|axis| u64::try_from(*axis)).collect::<Result<Vec<u64>, _>>();
    let shape = shape.map_err(|_| format!("output {:?} has no shape", port.name))?;
    let tensor = if datatype == DataType::Bytes {
        let strings = match shape.contains(&0) {
            true => Vec::new(),
            false => value.try_extract_strings().map_err(text)?.1,
        };
        Tensor::strings(&*port.name, &shape, &strings)
    } else {
        let value = value.downcast::<DynTensorValueType>().map_err(text)?;
        Tensor::new(&*port.name, datatype, shape, copy(&value)?)
    };
    tensor.map_err(|mismatch| format!("output {mismatch}"))
}

#[expect(unsafe_code, reason = "ort gives tensors of any type as a pointer")]
fn fill(value: &mut DynTensor, bytes: &[u8]) -> Result<(), String> {
    if value.size() != Some(bytes.len()) {
        return Err("a tensor of another size than its data".to_owned());
    }
    if !bytes.is_empty() {
        // SAFETY: the tensor lies in memory of the CPU, as `DynTensor::new` was given the default allocator; it has as
        // many bytes as `size` said, is not empty, and nobody else holds it.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), value.data_ptr_mut().cast::<u8>(), bytes.len()) };
    }
    Ok(())
}

#[expect(unsafe_code, reason = "ort gives tensors of any type as a pointer")]
fn copy(value: &DynTensor) -> Result<Vec<u8>, String> {
    if !value.memory_info().is_cpu_accessible() {
        return Err("a tensor outside the memory of the CPU".to_owned());
    }
    let size = value.size().unwrap_or(0);
    if size > tensor::MAX_BYTES {
        return Err(format!("an output of {size} bytes; at most {} may be", tensor::MAX_BYTES));
    }
    if size == 0 {
        return Ok(Vec::new());
    }
    // SAFETY: it lies in memory of the CPU, is not empty, and has as many initialised bytes as `size` said; the borrow
    // keeps it alive.
    Ok(unsafe { std::slice::from_raw_parts(value.data_ptr().cast::<u8>(), size) }.to_vec())
}

pub(crate) fn text(error: ort::Error) -> String {
    error.message().to_owned()
}
