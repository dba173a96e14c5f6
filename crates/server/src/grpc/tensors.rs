//! Tensors of messages, and back.
//!
//! Always: a message holds all its tensors raw or all of them typed; who asks typed is answered typed, as far as there
//! is a list for the type.

use std::collections::BTreeMap;

use api::{Code, MAX_ID_BYTES, Problem};
use axum::http::header::HeaderMap;
use bytes::Bytes;
use hub::infer::Answer;
use sha2::{Digest, Sha256};
use tensor::{DataType, Mismatch, Tensor};

use crate::beside::{LARGE, beside};
use crate::edge::clip;
use crate::grpc::messages::{Contents, InferParameter, InferTensor, ModelInferRequest, ModelInferResponse, Parameter};
use crate::problem::Refused;

/// What is asked for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) inputs: Vec<Tensor>,
    /// What an idempotency key stands for; zeros without one.
    pub(super) content: [u8; 32],
    pub(super) wanted: Wanted,
}

/// What the answer is to be like.
#[derive(Debug)]
pub(super) struct Wanted {
    id: String,
    /// Empty: all of them.
    pub(super) outputs: Vec<String>,
    typed: bool,
}

impl Asked {
    /// With a `route`, the idempotency key's content is told, too.
    pub(super) async fn read(message: ModelInferRequest, route: Option<String>) -> Result<Asked, Refused> {
        let raw: usize = message.raw_input_contents.iter().map(Bytes::len).sum();
        let read = move || Asked::parse(message, route.as_deref());
        if raw < LARGE { read() } else { beside(read).await? }
    }

    fn parse(message: ModelInferRequest, route: Option<&str>) -> Result<Asked, Refused> {
        let ModelInferRequest { id, inputs, outputs, raw_input_contents: raw, .. } = message;
        if id.len() > MAX_ID_BYTES {
            let message = format!("id: {} bytes, at most {MAX_ID_BYTES} are taken", id.len());
            return Err(Problem::new(Code::InvalidRequest, message).into());
        }
        let typed = raw.is_empty() && inputs.iter().any(|input| input.contents.is_some());
        let inputs = if typed { inputs.into_iter().map(from_typed).collect() } else { from_raw(inputs, raw) }?;
        let outputs: Vec<String> = outputs.into_iter().map(|output| output.name).collect();
        let content = route.map_or([0; 32], |route| content(route, &outputs, &inputs));
        Ok(Asked { inputs, content, wanted: Wanted { id, outputs, typed } })
    }
}

/// Not the message's bytes: the same message may be written in many ways.
fn content(route: &str, outputs: &[String], inputs: &[Tensor]) -> [u8; 32] {
    let mut hash = Sha256::new_with_prefix(route);
    for output in outputs {
        hash.update((output.len() as u64).to_le_bytes());
        hash.update(output);
    }
    tensor::canonical(inputs, &mut |bytes| hash.update(bytes));
    hash.finalize().into()
}

fn invalid(what: String) -> Refused {
    Problem::new(Code::InvalidInput, what).into()
}

fn from_raw(inputs: Vec<InferTensor>, raw: Vec<Bytes>) -> Result<Vec<Tensor>, Refused> {
    if inputs.len() != raw.len() {
        let (raw, inputs) = (raw.len(), inputs.len());
        let rule = "expected one for each, or contents in each input";
        return Err(invalid(format!("raw_input_contents has {raw} entries for {inputs} inputs; {rule}")));
    }
    inputs.into_iter().zip(raw).map(|(input, raw)| one_raw(input, &raw)).collect()
}

fn one_raw(input: InferTensor, raw: &[u8]) -> Result<Tensor, Refused> {
    let InferTensor { name, datatype, shape, contents } = input;
    if contents.is_some_and(|contents| contents != Contents::default()) {
        let rule = "expected one of them in a message";
        return Err(invalid(format!("input {:?} has contents beside raw_input_contents; {rule}", clip(&name))));
    }
    let (datatype, shape) = kind(&name, &datatype, &shape)?;
    Tensor::new(name, datatype, shape, raw.to_vec()).map_err(|mismatch| invalid(format!("input {mismatch}")))
}

fn kind(name: &str, datatype: &str, shape: &[i64]) -> Result<(DataType, Vec<u64>), Refused> {
    let wrong = |what: String| invalid(format!("input {:?}: {what}", clip(name)));
    let datatype: DataType = datatype.parse().map_err(|error: tensor::UnknownDataType| wrong(error.to_string()))?;
    let axis = |axis: &i64| {
        u64::try_from(*axis).map_err(|_| wrong(format!("{axis} is not the size of an axis; expected 0 or more")))
    };
    Ok((datatype, shape.iter().map(axis).collect::<Result<_, _>>()?))
}

fn from_typed(input: InferTensor) -> Result<Tensor, Refused> {
    let InferTensor { name, datatype, shape, contents } = input;
    let (datatype, shape) = kind(&name, &datatype, &shape)?;
    let contents = contents.unwrap_or_default();
    let Some(list) = list(datatype) else {
        return Err(invalid(format!("input {:?}: {datatype} has no typed contents; expected raw", clip(&name))));
    };
    if let Some((other, _)) = lengths(&contents).into_iter().find(|(other, length)| *other != list && *length > 0) {
        return Err(invalid(format!("input {:?}: {other} given; expected {list} for {datatype}", clip(&name))));
    }
    let given: usize = lengths(&contents).into_iter().map(|(_, length)| length).sum();
    let expected = shape.iter().try_fold(1_u64, |product, axis| product.checked_mul(*axis));
    let mismatch = match expected {
        Some(expected) if expected != given as u64 => Mismatch::Count { name, given: given as u64, expected },
        _ => {
            let tensor =
                elements(&name, datatype, &contents).and_then(|bytes| Tensor::new(name, datatype, shape, bytes));
            match tensor {
                Ok(tensor) => return Ok(tensor),
                Err(mismatch) => mismatch,
            }
        }
    };
    Err(invalid(format!("input {mismatch}")))
}

/// The list that holds the elements of a type; none: they come raw only.
fn list(datatype: DataType) -> Option<&'static str> {
    match datatype {
        DataType::Bool => Some("bool_contents"),
        DataType::Int8 | DataType::Int16 | DataType::Int32 => Some("int_contents"),
        DataType::Int64 => Some("int64_contents"),
        DataType::Uint8 | DataType::Uint16 | DataType::Uint32 => Some("uint_contents"),
        DataType::Uint64 => Some("uint64_contents"),
        DataType::Fp32 => Some("fp32_contents"),
        DataType::Fp64 => Some("fp64_contents"),
        DataType::Bytes => Some("bytes_contents"),
        DataType::Fp16 | DataType::Bf16 => None,
    }
}

fn lengths(contents: &Contents) -> [(&'static str, usize); 8] {
    [
        ("bool_contents", contents.bool_contents.len()),
        ("int_contents", contents.int_contents.len()),
        ("int64_contents", contents.int64_contents.len()),
        ("uint_contents", contents.uint_contents.len()),
        ("uint64_contents", contents.uint64_contents.len()),
        ("fp32_contents", contents.fp32_contents.len()),
        ("fp64_contents", contents.fp64_contents.len()),
        ("bytes_contents", contents.bytes_contents.len()),
    ]
}

/// The elements in the binary form.
fn elements(name: &str, datatype: DataType, contents: &Contents) -> Result<Vec<u8>, Mismatch> {
    let Contents { bool_contents, int_contents: int, uint_contents: uint, .. } = contents;
    match datatype {
        DataType::Bool => Ok(bool_contents.iter().map(|value| u8::from(*value)).collect()),
        DataType::Int8 => narrow(name, datatype, int, i8::to_le_bytes),
        DataType::Int16 => narrow(name, datatype, int, i16::to_le_bytes),
        DataType::Int32 => narrow(name, datatype, int, i32::to_le_bytes),
        DataType::Int64 => narrow(name, datatype, &contents.int64_contents, i64::to_le_bytes),
        DataType::Uint8 => narrow(name, datatype, uint, u8::to_le_bytes),
        DataType::Uint16 => narrow(name, datatype, uint, u16::to_le_bytes),
        DataType::Uint32 => narrow(name, datatype, uint, u32::to_le_bytes),
        DataType::Uint64 => narrow(name, datatype, &contents.uint64_contents, u64::to_le_bytes),
        DataType::Fp32 => Ok(contents.fp32_contents.iter().flat_map(|value| value.to_le_bytes()).collect()),
        DataType::Fp64 => Ok(contents.fp64_contents.iter().flat_map(|value| value.to_le_bytes()).collect()),
        DataType::Bytes => Tensor::strings(name, &[contents.bytes_contents.len() as u64], &contents.bytes_contents)
            .map(Tensor::into_bytes),
        DataType::Fp16 | DataType::Bf16 => Ok(Vec::new()),
    }
}

/// Whole numbers of a wider type than the tensor's: each has to fit.
fn narrow<W: Copy + ToString, T: TryFrom<W>, const N: usize>(
    name: &str,
    datatype: DataType,
    values: &[W],
    bytes: fn(T) -> [u8; N],
) -> Result<Vec<u8>, Mismatch> {
    let mut out = Vec::with_capacity(values.len() * N);
    for (index, value) in values.iter().enumerate() {
        let narrow = T::try_from(*value).map_err(|_| Mismatch::Value {
            name: name.to_owned(),
            index: index as u64,
            value: value.to_string(),
            datatype,
        });
        out.extend_from_slice(&bytes(narrow?));
    }
    Ok(out)
}

/// The answer's message. What is told beside it in the metadata is repeated in its parameters: most clients show their
/// users no metadata of an answer.
pub(super) async fn answered(answer: Answer, wanted: Wanted, told: &HeaderMap) -> Result<ModelInferResponse, Refused> {
    let text = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let parameter = |value| InferParameter { parameter: Some(Parameter::Text(text(value))) };
    let parameters = told.iter().map(|(name, value)| (name.as_str().to_owned(), parameter(value))).collect();
    let size: usize = answer.outputs.iter().map(|output| output.bytes().len()).sum();
    let write = move || written(answer, wanted, parameters);
    if size < LARGE { Ok(write()) } else { beside(write).await }
}

fn written(answer: Answer, wanted: Wanted, parameters: BTreeMap<String, InferParameter>) -> ModelInferResponse {
    let Wanted { id, outputs: names, typed } = wanted;
    let mut outputs = answer.outputs;
    if !names.is_empty() {
        let mut take = |name: &String| {
            let place = outputs.iter().position(|output| output.name() == name)?;
            Some(outputs.swap_remove(place))
        };
        outputs = names.iter().filter_map(&mut take).collect();
    }
    let typed = typed && outputs.iter().all(|output| list(output.datatype()).is_some());
    let described = |output: &Tensor| InferTensor {
        name: output.name().to_owned(),
        datatype: output.datatype().name().to_owned(),
        // A tensor's axes are far below the limit of i64.
        shape: output.shape().iter().map(|axis| *axis as i64).collect(),
        contents: typed.then(|| contents(output)),
    };
    ModelInferResponse {
        model_name: answer.model.to_string(),
        model_version: answer.release.to_string(),
        id,
        parameters,
        outputs: outputs.iter().map(described).collect(),
        raw_output_contents: match typed {
            true => Vec::new(),
            false => outputs.into_iter().map(|output| Bytes::from(output.into_bytes())).collect(),
        },
    }
}

/// The elements in the list for their type.
fn contents(tensor: &Tensor) -> Contents {
    let mut contents = Contents::default();
    match tensor.datatype() {
        DataType::Bool => contents.bool_contents = each(tensor, |[byte]: [u8; 1]| byte != 0),
        DataType::Int8 => contents.int_contents = each(tensor, |bytes| i8::from_le_bytes(bytes).into()),
        DataType::Int16 => contents.int_contents = each(tensor, |bytes| i16::from_le_bytes(bytes).into()),
        DataType::Int32 => contents.int_contents = each(tensor, i32::from_le_bytes),
        DataType::Int64 => contents.int64_contents = each(tensor, i64::from_le_bytes),
        DataType::Uint8 => contents.uint_contents = each(tensor, |bytes| u8::from_le_bytes(bytes).into()),
        DataType::Uint16 => contents.uint_contents = each(tensor, |bytes| u16::from_le_bytes(bytes).into()),
        DataType::Uint32 => contents.uint_contents = each(tensor, u32::from_le_bytes),
        DataType::Uint64 => contents.uint64_contents = each(tensor, u64::from_le_bytes),
        DataType::Fp32 => contents.fp32_contents = each(tensor, f32::from_le_bytes),
        DataType::Fp64 => contents.fp64_contents = each(tensor, f64::from_le_bytes),
        DataType::Bytes => contents.bytes_contents = tensor.byte_elements().map(Bytes::copy_from_slice).collect(),
        DataType::Fp16 | DataType::Bf16 => {}
    }
    contents
}

fn each<T, const N: usize>(tensor: &Tensor, value: fn([u8; N]) -> T) -> Vec<T> {
    tensor.bytes().as_chunks::<N>().0.iter().map(|bytes| value(*bytes)).collect()
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message;

    use super::*;
    use crate::grpc::bounds;
    use crate::infer::tests::{answer, any_tensors};

    fn one(datatype: &str, shape: &[i64], contents: Contents) -> ModelInferRequest {
        let (name, datatype, shape) = ("x".to_owned(), datatype.to_owned(), shape.to_vec());
        let input = InferTensor { name, datatype, shape, contents: Some(contents) };
        ModelInferRequest { inputs: vec![input], ..Default::default() }
    }

    fn refused(message: ModelInferRequest) -> String {
        Asked::parse(message, None).unwrap_err().into_problem().message
    }

    proptest! {
        #[test]
        fn any_tensors_go_out_and_come_back_the_same(tensors in any_tensors(), typed: bool) {
            let wanted = Wanted { id: "r-1".to_owned(), outputs: Vec::new(), typed };
            let response = written(answer(&tensors), wanted, BTreeMap::new());
            let raw = !response.raw_output_contents.is_empty();
            prop_assert_eq!(raw, !typed || tensors.iter().any(|tensor| list(tensor.datatype()).is_none()));
            let ModelInferResponse { id, outputs: inputs, raw_output_contents: raw_input_contents, .. } = response;
            let bytes = ModelInferRequest { id, inputs, raw_input_contents, ..Default::default() }.encode_to_vec();
            prop_assert_eq!(bounds::check(&bytes), Ok(()));
            let asked = Asked::parse(ModelInferRequest::decode(&bytes[..]).unwrap(), None).unwrap();
            prop_assert_eq!(asked.inputs, tensors);
            prop_assert_eq!((asked.wanted.id.as_str(), asked.wanted.typed), ("r-1", !raw));
        }

        #[test]
        fn nothing_that_can_be_read_is_refused_by_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if bounds::check(&bytes).is_ok() && let Ok(message) = ModelInferRequest::decode(&bytes[..]) {
                let _ = Asked::parse(message, None);
            }
        }
    }

    #[test]
    fn typed_contents_have_to_be_those_of_the_type() {
        let ints = |values: &[i32]| Contents { int_contents: values.to_vec(), ..Default::default() };
        for (datatype, shape, contents, reason) in [
            ("INT8", &[2_i64][..], ints(&[1, 128]), "\"x\" has 128 as element 1; expected a whole number from -128"),
            ("UINT8", &[1], ints(&[1]), "int_contents given; expected uint_contents for UINT8"),
            ("FP16", &[1], ints(&[1]), "FP16 has no typed contents; expected raw"),
            ("INT32", &[3], ints(&[1, 2]), "has 2 elements in its data; expected 3"),
            ("INT32", &[-1], ints(&[1, 2]), "-1 is not the size of an axis"),
            ("INT32", &[i64::MAX, i64::MAX], ints(&[1]), "larger than a tensor may be"),
            ("INT32", &[2, 0, 0], ints(&[1]), "has 1 elements in its data; expected 0"),
            ("BYTES", &[1], Contents::default(), "has 0 elements in its data; expected 1"),
            ("int32", &[1], ints(&[1]), "\"int32\" is not a data type"),
        ] {
            let message = refused(one(datatype, shape, contents));
            assert!(message.contains(reason), "{datatype} {shape:?}: {message}");
        }
    }

    #[test]
    fn raw_contents_are_one_for_each_input_and_alone() {
        let raw = |count: usize| ModelInferRequest {
            raw_input_contents: vec![Bytes::from_static(&[1; 4]); count],
            ..one("INT32", &[1], Contents::default())
        };
        assert_eq!(Asked::parse(raw(1), None).unwrap().inputs.len(), 1);
        assert!(refused(raw(2)).contains("raw_input_contents has 2 entries for 1 inputs"));
        let mut none = raw(0);
        none.inputs[0].contents = None;
        assert!(refused(none).contains("raw_input_contents has 0 entries for 1 inputs"));
        let mut both = raw(1);
        both.inputs[0].contents = Some(Contents { int_contents: vec![1], ..Default::default() });
        assert!(refused(both).contains("has contents beside raw_input_contents"));
        let mut long = raw(1);
        long.inputs[0].shape = vec![2];
        assert!(refused(long).contains("has 4 bytes of data; expected 8"));
    }

    #[test]
    fn a_key_stands_for_tensors_and_outputs_however_they_are_written() {
        let content = |message: ModelInferRequest| Asked::parse(message, Some("route")).unwrap().content;
        let typed = one("INT32", &[1], Contents { int_contents: vec![7], ..Default::default() });
        let mut raw =
            ModelInferRequest { raw_input_contents: vec![Bytes::from_static(&[7, 0, 0, 0])], ..typed.clone() };
        raw.inputs[0].contents = None;
        assert_eq!(content(typed.clone()), content(raw.clone()));
        raw.raw_input_contents = vec![Bytes::from_static(&[8, 0, 0, 0])];
        assert_ne!(content(typed.clone()), content(raw));
        let some = ModelInferRequest { outputs: vec![Default::default()], ..typed.clone() };
        assert_ne!(content(typed), content(some));
    }
}
