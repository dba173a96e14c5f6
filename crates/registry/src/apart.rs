//! How far two results of a model lie apart, in words that tell no value of either: they are shown to people who may
//! see neither.

use std::fmt;

use tensor::{DataType, Tensor};

use crate::agree::{elements, half};
use crate::text::clip;
use crate::{Tolerance, agree};

/// The first output in which two results part.
#[derive(Debug, Clone, PartialEq)]
pub struct Apart {
    pub output: String,
    pub how: How,
}

/// In what.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum How {
    Missing,
    Datatype,
    Shape,
    /// So many elements of so many; of numbers, by how much at most.
    Values {
        count: usize,
        of: usize,
        by: Option<f64>,
    },
}

impl fmt::Display for Apart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let output = &self.output;
        match self.how {
            How::Missing => write!(f, "output \"{output}\" is missing"),
            How::Datatype => write!(f, "output \"{output}\" has another type"),
            How::Shape => write!(f, "output \"{output}\" has another shape"),
            How::Values { count, of, by: Some(by) } if by.is_finite() => {
                write!(f, "output \"{output}\" differs in {count} of {of} elements, by up to {by:.1e}")
            }
            How::Values { count, of, .. } => write!(f, "output \"{output}\" differs in {count} of {of} elements"),
        }
    }
}

/// Where `actual` parts from `expected`, if it does by more than the tolerance; without one, in any bit. Elements are
/// counted bit by bit.
pub fn apart(expected: &[Tensor], actual: &[Tensor], tolerance: Option<Tolerance>) -> Option<Apart> {
    expected.iter().find_map(|expected| {
        let found = actual.iter().find(|actual| actual.name() == expected.name());
        let how = match found {
            None => How::Missing,
            Some(actual) if actual.datatype() != expected.datatype() => How::Datatype,
            Some(actual) if actual.shape() != expected.shape() => How::Shape,
            Some(actual) if actual.bytes() == expected.bytes() => return None,
            Some(actual) => {
                let (one, other) = (std::slice::from_ref(expected), std::slice::from_ref(actual));
                if tolerance.is_some_and(|tolerance| agree(one, other, tolerance).is_ok()) {
                    return None;
                }
                values(expected, actual)
            }
        };
        Some(Apart { output: clip(expected.name()), how })
    })
}

/// Counts what differs between two tensors of one type and shape.
fn values(one: &Tensor, other: &Tensor) -> How {
    fn numbers<const N: usize>(one: &Tensor, other: &Tensor, read: impl Fn([u8; N]) -> f64 + Copy) -> How {
        let differing = elements(one, |bytes: [u8; N]| bytes).zip(elements(other, |bytes: [u8; N]| bytes));
        let (mut count, mut by) = (0, 0.0_f64);
        for (one, other) in differing.filter(|(one, other)| one != other) {
            count += 1;
            let distance = (read(one) - read(other)).abs();
            // What is no number is infinitely far from everything.
            by = by.max(if distance.is_nan() { f64::INFINITY } else { distance });
        }
        How::Values { count, of: one.bytes().len() / N, by: Some(by) }
    }
    match one.datatype() {
        DataType::Fp16 => numbers(one, other, |bytes| half(u16::from_le_bytes(bytes))),
        DataType::Bf16 => numbers(one, other, |[low, high]: [u8; 2]| f64::from(f32::from_le_bytes([0, 0, low, high]))),
        DataType::Fp32 => numbers(one, other, |bytes| f64::from(f32::from_le_bytes(bytes))),
        DataType::Fp64 => numbers(one, other, f64::from_le_bytes),
        DataType::Int8 => numbers(one, other, |bytes| f64::from(i8::from_le_bytes(bytes))),
        DataType::Int16 => numbers(one, other, |bytes| f64::from(i16::from_le_bytes(bytes))),
        DataType::Int32 => numbers(one, other, |bytes| f64::from(i32::from_le_bytes(bytes))),
        DataType::Int64 => numbers(one, other, |bytes| i64::from_le_bytes(bytes) as f64),
        DataType::Uint8 => numbers(one, other, |[byte]: [u8; 1]| f64::from(byte)),
        DataType::Uint16 => numbers(one, other, |bytes| f64::from(u16::from_le_bytes(bytes))),
        DataType::Uint32 => numbers(one, other, |bytes| f64::from(u32::from_le_bytes(bytes))),
        DataType::Uint64 => numbers(one, other, |bytes| u64::from_le_bytes(bytes) as f64),
        DataType::Bool => {
            let pairs = one.bytes().iter().zip(other.bytes());
            How::Values { count: pairs.filter(|(one, other)| one != other).count(), of: one.bytes().len(), by: None }
        }
        DataType::Bytes => {
            let pairs = one.byte_elements().zip(other.byte_elements());
            let of = one.byte_elements().count();
            How::Values { count: pairs.filter(|(one, other)| one != other).count(), of, by: None }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fp32(values: &[f32]) -> Vec<Tensor> {
        vec![Tensor::fp32("y", &[values.len() as u64], values).expect("a tensor")]
    }

    fn said(one: &[Tensor], other: &[Tensor], tolerance: Option<Tolerance>) -> Option<String> {
        apart(one, other, tolerance).map(|apart| apart.to_string())
    }

    #[test]
    fn a_difference_tells_how_far_and_no_value() {
        let said_of = said(&fp32(&[1.5, 7.0, 3.0]), &fp32(&[1.5, 7.25, 3.5]), None);
        assert_eq!(said_of.as_deref(), Some("output \"y\" differs in 2 of 3 elements, by up to 5.0e-1"));
        let nan = said(&fp32(&[7.0]), &fp32(&[f32::NAN]), None);
        assert_eq!(nan.as_deref(), Some("output \"y\" differs in 1 of 1 elements"));
        let texts = |text: &str| vec![Tensor::strings("s", &[2], &["same", text]).expect("a tensor")];
        let secret = said(&texts("cat"), &texts("dog"), None);
        assert_eq!(secret.as_deref(), Some("output \"s\" differs in 1 of 2 elements"));
        let ints = |value| vec![Tensor::int64("i", &[1], &[value]).expect("a tensor")];
        assert_eq!(
            said(&ints(4), &ints(6), None).as_deref(),
            Some("output \"i\" differs in 1 of 1 elements, by up to 2.0e0")
        );
    }

    #[test]
    fn what_is_close_is_apart_only_to_the_bit() {
        let (one, other) = (fp32(&[1.0]), fp32(&[1.000_001]));
        assert_eq!(said(&one, &other, Some(Tolerance::REPEATED)), None);
        assert!(said(&one, &other, None).is_some());
        assert_eq!(said(&one, &one, None), None);
    }

    #[test]
    fn forms_that_differ_are_named() {
        let one = fp32(&[1.0]);
        for (other, what) in [
            (vec![], "output \"y\" is missing"),
            (fp32(&[1.0, 2.0]), "output \"y\" has another shape"),
            (vec![Tensor::int64("y", &[1], &[1]).expect("a tensor")], "output \"y\" has another type"),
        ] {
            assert_eq!(said(&one, &other, Some(Tolerance::REPEATED)).as_deref(), Some(what));
        }
    }
}
