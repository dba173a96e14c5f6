//! How much a call's message may hold, looked at before it is read.
//!
//! Always: a message that passes takes, once it is read, a small multiple of its own size. In Protocol Buffers two
//! bytes are an empty tensor, and one is a number of eight: without this, sixteen megabytes would become gigabytes.

use api::{MAX_SHAPE, MAX_TENSORS};

/// Most elements in the typed contents of a message.
pub(super) const MAX_ELEMENTS: usize = 1 << 20;

/// Why a message is not read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It is not in the binary form of Protocol Buffers.
    Malformed,
    /// More of something than is taken.
    Many { what: &'static str, limit: usize },
}

/// Looks through a `ModelInferRequest`.
pub(super) fn check(message: &[u8]) -> Result<(), Unfit> {
    let (mut inputs, mut outputs, mut raw, mut elements) = (0, 0, 0, 0);
    each(message, |number, value| {
        match (number, value) {
            (5, Value::Bytes(input)) => {
                inputs += 1;
                check_input(input, &mut elements)?;
            }
            (6, _) => outputs += 1,
            (7, _) => raw += 1,
            _ => {}
        }
        at_most("inputs", inputs, MAX_TENSORS)?;
        at_most("outputs", outputs, MAX_TENSORS)?;
        at_most("raw_input_contents", raw, MAX_TENSORS)
    })
}

fn check_input(input: &[u8], elements: &mut usize) -> Result<(), Unfit> {
    let mut shape = 0;
    each(input, |number, value| {
        match (number, value) {
            (3, value) => shape += value.varints(),
            (5, Value::Bytes(contents)) => each(contents, |number, value| {
                *elements += match (number, value) {
                    (6, Value::Bytes(packed)) => packed.len() / 4,
                    (7, Value::Bytes(packed)) => packed.len() / 8,
                    (8, _) => 1,
                    (_, value) => value.varints(),
                };
                at_most("elements of typed contents", *elements, MAX_ELEMENTS)
            })?,
            _ => {}
        }
        at_most("entries of a shape", shape, MAX_SHAPE)
    })
}

fn at_most(what: &'static str, count: usize, limit: usize) -> Result<(), Unfit> {
    if count > limit { Err(Unfit::Many { what, limit }) } else { Ok(()) }
}

/// The value of a field, as far as it matters here.
#[derive(Clone, Copy)]
enum Value<'a> {
    One,
    Bytes(&'a [u8]),
}

impl Value<'_> {
    /// How many numbers these are, if they are numbers of variable length.
    fn varints(self) -> usize {
        match self {
            Value::One => 1,
            Value::Bytes(packed) => packed.iter().filter(|byte| **byte < 0x80).count(),
        }
    }
}

/// Calls `look` with the number and value of each field.
fn each(message: &[u8], mut look: impl FnMut(u64, Value<'_>) -> Result<(), Unfit>) -> Result<(), Unfit> {
    let mut rest = message;
    while !rest.is_empty() {
        let key = varint(&mut rest).ok_or(Unfit::Malformed)?;
        let size = match key & 7 {
            0 => varint(&mut rest).map(|_| 0),
            1 => Some(8),
            2 => varint(&mut rest),
            5 => Some(4),
            // Groups, which nobody has written for a long time.
            _ => None,
        };
        let size = size.and_then(|size| usize::try_from(size).ok());
        let (bytes, after) = size.and_then(|size| rest.split_at_checked(size)).ok_or(Unfit::Malformed)?;
        rest = after;
        look(key >> 3, if key & 7 == 2 { Value::Bytes(bytes) } else { Value::One })?;
    }
    Ok(())
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::grpc::messages::{AskedOutput, Contents, InferTensor, ModelInferRequest};

    fn many(what: &'static str, limit: usize) -> Result<(), Unfit> {
        Err(Unfit::Many { what, limit })
    }

    fn with(inputs: Vec<InferTensor>) -> ModelInferRequest {
        ModelInferRequest { inputs, ..Default::default() }
    }

    fn typed(contents: Contents) -> ModelInferRequest {
        with(vec![InferTensor { contents: Some(contents), ..Default::default() }])
    }

    #[test]
    fn what_would_grow_is_refused_before_it_is_read() {
        let check = |message: ModelInferRequest| check(&message.encode_to_vec());
        let empty = InferTensor::default();
        assert_eq!(check(with(vec![empty.clone(); MAX_TENSORS])), Ok(()));
        assert_eq!(check(with(vec![empty.clone(); MAX_TENSORS + 1])), many("inputs", MAX_TENSORS));
        let outputs = vec![AskedOutput::default(); MAX_TENSORS + 1];
        assert_eq!(check(ModelInferRequest { outputs, ..Default::default() }), many("outputs", MAX_TENSORS));
        let raw = vec![bytes::Bytes::new(); MAX_TENSORS + 1];
        let raw = ModelInferRequest { raw_input_contents: raw, ..Default::default() };
        assert_eq!(check(raw), many("raw_input_contents", MAX_TENSORS));
        let shape = |axes| with(vec![InferTensor { shape: vec![-1; axes], ..empty.clone() }]);
        assert_eq!(check(shape(MAX_SHAPE)), Ok(()));
        assert_eq!(check(shape(MAX_SHAPE + 1)), many("entries of a shape", MAX_SHAPE));
    }

    #[test]
    fn elements_of_every_type_are_counted() {
        let count = MAX_ELEMENTS + 1;
        let bytes = vec![bytes::Bytes::new(); count];
        for contents in [
            Contents { bool_contents: vec![true; count], ..Default::default() },
            Contents { int_contents: vec![-1; count], ..Default::default() },
            Contents { int64_contents: vec![i64::MIN; count], ..Default::default() },
            Contents { uint_contents: vec![1; count], ..Default::default() },
            Contents { uint64_contents: vec![u64::MAX; count], ..Default::default() },
            Contents { fp32_contents: vec![0.5; count], ..Default::default() },
            Contents { fp64_contents: vec![0.5; count], ..Default::default() },
            Contents { bytes_contents: bytes, ..Default::default() },
        ] {
            let message = typed(contents).encode_to_vec();
            assert_eq!(check(&message), many("elements of typed contents", MAX_ELEMENTS));
        }
        // Half of them in each of two tensors.
        let half = InferTensor {
            contents: Some(Contents { uint_contents: vec![1; count / 2 + 1], ..Default::default() }),
            ..Default::default()
        };
        let message = with(vec![half.clone(), half]).encode_to_vec();
        assert_eq!(check(&message), many("elements of typed contents", MAX_ELEMENTS));
        // Not packed: a key of one byte before each number, in contents in an input in a message.
        let mut message = [8, 1].repeat(count);
        for key in [0x2a, 0x2a] {
            let inner = std::mem::replace(&mut message, vec![key]);
            prost::encode_length_delimiter(inner.len(), &mut message).unwrap();
            message.extend(inner);
        }
        assert_eq!(check(&message), many("elements of typed contents", MAX_ELEMENTS));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for bytes in
            [&b"{\"inputs\":[]}"[..], &[0x80; 11], &[0x2a, 5, 1], &[0x0b, 0x0c], &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff]]
        {
            assert_eq!(check(bytes), Err(Unfit::Malformed), "{bytes:?}");
        }
        assert_eq!(check(b""), Ok(()));
    }
}
