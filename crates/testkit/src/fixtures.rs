//! Small models. `fixtures/make.py` makes the files; with a fake engine their bytes are only names.

use tensor::{DataType, Port, Signature, Tensor};

/// `x` FP32 [n, m] → `y`, the same.
pub const ECHO: &[u8] = include_bytes!("../fixtures/echo.onnx");
/// `features` FP32 [n, 4] → `label`, `probabilities`.
pub const SCALER: &[u8] = include_bytes!("../fixtures/scaler.onnx");
/// `text` BYTES [n] → `kind`.
pub const STRINGS: &[u8] = include_bytes!("../fixtures/strings.onnx");
/// `count` INT64 [1] → `total`, counted up one by one.
pub const LOOP: &[u8] = include_bytes!("../fixtures/loop.onnx");
/// Another answer every time.
pub const UNSTEADY: &[u8] = include_bytes!("../fixtures/unsteady.onnx");

/// A port with these axes; `None` takes any size.
pub fn port(name: &str, datatype: DataType, shape: &[Option<u64>]) -> Port {
    Port { name: name.to_owned(), datatype, shape: shape.to_vec() }
}

/// The signature of [`ECHO`].
pub fn echo_signature() -> Signature {
    let side = |name| vec![port(name, DataType::Fp32, &[None, None])];
    Signature { inputs: side("x"), outputs: side("y") }
}

/// One row for [`ECHO`].
pub fn row(values: &[f32]) -> Vec<Tensor> {
    rows(1, values)
}

/// Several rows for [`ECHO`].
pub fn rows(count: u64, values: &[f32]) -> Vec<Tensor> {
    vec![Tensor::fp32("x", &[count, values.len() as u64 / count.max(1)], values).unwrap()]
}

/// What [`ECHO`] answers to [`row`].
pub fn echoed(values: &[f32]) -> Vec<Tensor> {
    vec![Tensor::fp32("y", &[1, values.len() as u64], values).unwrap()]
}
