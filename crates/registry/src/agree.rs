//! Whether two results of a model agree: what it gave and what its author expects, or one run and the next.

use std::fmt;

use tensor::{DataType, Tensor};

use crate::text::clip;

/// How far two floats may lie apart: `absolute + relative × the larger of the two`. Everything else has to be equal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    pub relative: f64,
    pub absolute: f64,
}

impl Tolerance {
    /// For what an author wrote down, perhaps on another machine.
    pub const EXPECTED: Tolerance = Tolerance { relative: 1e-4, absolute: 1e-6 };
    /// For two runs here. Sums taken in another order differ in their last digits, more than that is chance at work.
    pub const REPEATED: Tolerance = Tolerance { relative: 1e-5, absolute: 1e-7 };

    /// NaN agrees with NaN, an infinity with itself.
    fn allows(self, one: f64, two: f64) -> bool {
        if one == two || one.is_nan() && two.is_nan() {
            return true;
        }
        let apart = (one - two).abs();
        one.is_finite() && two.is_finite() && apart <= self.absolute + self.relative * one.abs().max(two.abs())
    }
}

/// Where two results part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Disagreement {
    #[error("\"{tensor}\" was expected, but there is none")]
    Missing { tensor: String },
    #[error("\"{tensor}\" has the type {actual}, expected {expected}")]
    Datatype { tensor: String, expected: DataType, actual: DataType },
    #[error("\"{tensor}\" has the shape {actual:?}, expected {expected:?}")]
    Shape { tensor: String, expected: Vec<u64>, actual: Vec<u64> },
    #[error("\"{tensor}\" has {actual} as element {index}, expected {expected}")]
    Value { tensor: String, index: usize, expected: String, actual: String },
}

/// Whether `actual` holds all of `expected`, each value within the tolerance. Tensors nobody expects are fine. The
/// first that parts is named.
pub fn agree(expected: &[Tensor], actual: &[Tensor], tolerance: Tolerance) -> Result<(), Disagreement> {
    expected.iter().try_for_each(|expected| {
        let name = || clip(expected.name());
        let found = actual.iter().find(|actual| actual.name() == expected.name());
        let actual = found.ok_or_else(|| Disagreement::Missing { tensor: name() })?;
        if expected.datatype() != actual.datatype() {
            let (expected, actual) = (expected.datatype(), actual.datatype());
            return Err(Disagreement::Datatype { tensor: name(), expected, actual });
        }
        if expected.shape() != actual.shape() {
            let (expected, actual) = (expected.shape().to_vec(), actual.shape().to_vec());
            return Err(Disagreement::Shape { tensor: name(), expected, actual });
        }
        // Most results are equal to the bit.
        if expected.bytes() == actual.bytes() { Ok(()) } else { values(expected, actual, tolerance) }
    })
}

/// Compares two tensors of one type and shape.
fn values(expected: &Tensor, actual: &Tensor, tolerance: Tolerance) -> Result<(), Disagreement> {
    let close = |one: &f64, two: &f64| tolerance.allows(*one, *two);
    macro_rules! floats {
        ($read:expr) => {
            first_apart(expected, elements(expected, $read), elements(actual, $read), close)
        };
    }
    macro_rules! exact {
        ($number:ty) => {{
            let (one, two) = (elements(expected, <$number>::from_le_bytes), elements(actual, <$number>::from_le_bytes));
            first_apart(expected, one, two, PartialEq::eq)
        }};
    }
    match expected.datatype() {
        DataType::Fp16 => floats!(|bytes| half(u16::from_le_bytes(bytes))),
        DataType::Bf16 => floats!(|[low, high]: [u8; 2]| f64::from(f32::from_le_bytes([0, 0, low, high]))),
        DataType::Fp32 => floats!(|bytes| f64::from(f32::from_le_bytes(bytes))),
        DataType::Fp64 => floats!(f64::from_le_bytes),
        DataType::Bool => first_apart(
            expected,
            elements(expected, |[byte]: [u8; 1]| byte == 1),
            elements(actual, |[byte]: [u8; 1]| byte == 1),
            PartialEq::eq,
        ),
        DataType::Int8 => exact!(i8),
        DataType::Int16 => exact!(i16),
        DataType::Int32 => exact!(i32),
        DataType::Int64 => exact!(i64),
        DataType::Uint8 => exact!(u8),
        DataType::Uint16 => exact!(u16),
        DataType::Uint32 => exact!(u32),
        DataType::Uint64 => exact!(u64),
        DataType::Bytes => {
            let text = |bytes| String::from_utf8_lossy(bytes);
            let (one, two) = (expected.byte_elements(), actual.byte_elements());
            match one.zip(two).enumerate().find(|(_, (one, two))| one != two) {
                None => Ok(()),
                Some((index, (one, two))) => Err(Disagreement::Value {
                    tensor: clip(expected.name()),
                    index,
                    expected: format!("{:?}", clip(&text(one))),
                    actual: format!("{:?}", clip(&text(two))),
                }),
            }
        }
    }
}

pub(crate) fn elements<T, const N: usize>(tensor: &Tensor, read: impl Fn([u8; N]) -> T) -> impl Iterator<Item = T> {
    tensor.bytes().as_chunks::<N>().0.iter().map(move |bytes| read(*bytes))
}

fn first_apart<T: fmt::Display>(
    tensor: &Tensor,
    expected: impl Iterator<Item = T>,
    actual: impl Iterator<Item = T>,
    same: impl Fn(&T, &T) -> bool,
) -> Result<(), Disagreement> {
    match expected.zip(actual).enumerate().find(|(_, (expected, actual))| !same(expected, actual)) {
        None => Ok(()),
        Some((index, (expected, actual))) => Err(Disagreement::Value {
            tensor: clip(tensor.name()),
            index,
            expected: expected.to_string(),
            actual: actual.to_string(),
        }),
    }
}

/// Half precision: five bits of exponent biased by 15, ten of fraction.
pub(crate) fn half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 0 { 1.0 } else { -1.0 };
    let exponent = i32::from(bits >> 10 & 0x1f);
    let fraction = f64::from(bits & 0x3ff) / 1024.0;
    sign * match exponent {
        0 => fraction * 2_f64.powi(-14),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1.0 + fraction) * 2_f64.powi(exponent - 15),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fp32(values: &[f32]) -> Vec<Tensor> {
        vec![Tensor::fp32("y", &[values.len() as u64], values).expect("a tensor")]
    }

    fn check(expected: &[Tensor], actual: &[Tensor]) -> Result<(), String> {
        agree(expected, actual, Tolerance::EXPECTED).map_err(|error| error.to_string())
    }

    #[test]
    fn floats_agree_when_they_are_close() {
        for (one, two) in [
            (1.0, 1.00009),
            (0.0, 9e-7),
            (-0.0, 0.0),
            (1e30, 1.00005e30),
            (f32::NAN, -f32::NAN),
            (f32::INFINITY, f32::INFINITY),
        ] {
            assert_eq!(check(&fp32(&[one]), &fp32(&[two])), Ok(()), "{one} and {two}");
        }
        for (one, two) in [
            (1.0, 1.001),
            (0.0, 1e-5),
            (1.0, f32::NAN),
            (f32::NAN, 1.0),
            (1.0, f32::INFINITY),
            (f32::INFINITY, 1.0),
            (f32::INFINITY, f32::NEG_INFINITY),
            (1.0, -1.0),
        ] {
            assert!(check(&fp32(&[one]), &fp32(&[two])).is_err(), "{one} and {two}");
        }
        assert!(agree(&fp32(&[1.0]), &fp32(&[1.00009]), Tolerance::REPEATED).is_err(), "two runs lie closer");
    }

    #[test]
    fn the_first_difference_is_named() {
        let error = check(&fp32(&[1.0, 2.0, 3.0]), &fp32(&[1.0, 2.5, 4.0])).unwrap_err();
        assert_eq!(error, "\"y\" has 2.5 as element 1, expected 2");
        let strings = |value: &str| vec![Tensor::strings("s", &[2], &["same", value]).unwrap()];
        assert_eq!(
            check(&strings("cat"), &strings("dog")).unwrap_err(),
            "\"s\" has \"dog\" as element 1, expected \"cat\""
        );
        assert_eq!(check(&strings("cat"), &strings("cat")), Ok(()));
        let ints = |value| vec![Tensor::int64("i", &[1], &[value]).unwrap()];
        assert_eq!(
            check(&ints(i64::MAX), &ints(i64::MAX - 1)).unwrap_err(),
            "\"i\" has 9223372036854775806 as element 0, expected 9223372036854775807"
        );
        assert!(check(&fp32(&[1.0]), &[]).unwrap_err().contains("\"y\" was expected"));
        assert!(check(&fp32(&[1.0]), &fp32(&[1.0, 2.0])).unwrap_err().contains("shape [2], expected [1]"));
        let other = ints(1).remove(0).with_name("y").unwrap();
        assert!(check(&fp32(&[1.0]), &[other]).unwrap_err().contains("type INT64, expected FP32"));
        assert_eq!(check(&[], &fp32(&[1.0])), Ok(()), "what nobody expects is fine");
    }

    #[test]
    fn half_precision_is_read_right() {
        for (bits, value) in
            [(0x3c00, 1.0), (0xc000, -2.0), (0x0001, 2_f64.powi(-24)), (0x7bff, 65504.0), (0x3555, 0.333251953125)]
        {
            assert_eq!(half(bits), value);
        }
        assert!(half(0x7c01).is_nan() && half(0xfc00) == f64::NEG_INFINITY);
        let halves = |bits: u16| vec![Tensor::new("h", DataType::Fp16, vec![1], bits.to_le_bytes().to_vec()).unwrap()];
        assert!(check(&halves(0x3c00), &halves(0x3c01)).unwrap_err().contains("1.0009765625"));
        assert_eq!(check(&halves(0x7c01), &halves(0x7e00)), Ok(()), "every NaN is one");
    }

    proptest! {
        #[test]
        fn every_result_agrees_with_itself(bits in prop::collection::vec(any::<u32>(), 1..8)) {
            let values: Vec<f32> = bits.into_iter().map(f32::from_bits).collect();
            prop_assert_eq!(check(&fp32(&values), &fp32(&values)), Ok(()));
        }
    }
}
