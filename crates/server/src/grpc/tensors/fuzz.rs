//! Messages of calls from whoever sends them: what is looked through, what is read of it, and what it takes.

use std::collections::BTreeMap;

use fuzz::{Random, Target, holding};
use prost::Message;
use tensor::Tensor;

use super::{Asked, Wanted, contents, written};
use crate::grpc::bounds::{self, Unfit};
use crate::grpc::messages::{AskedOutput, Contents, InferTensor, ModelInferRequest, ModelInferResponse};
use crate::infer::fuzz::{refusal, tensors};
use crate::infer::tests::answer;

const WORDS: &[&[u8]] = &[
    // Keys of the message, of an input, of its contents; lengths; numbers that go on for ever.
    &[0x0a],
    &[0x1a],
    &[0x2a],
    &[0x2a, 0],
    &[0x32],
    &[0x32, 0],
    &[0x3a],
    &[0x3a, 0],
    &[0x18, 1],
    &[0x1a, 2, 1, 1],
    &[0x22],
    &[0x2a, 2, 8, 1],
    &[0x35, 0, 0, 0, 0],
    &[0x42, 0],
    &[0x0b],
    &[0x0c],
    &[0x80],
    &[0xff; 9],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    b"FP32",
    b"INT64",
    b"BYTES",
];

fn make(random: &mut Random) -> Vec<u8> {
    let inputs = tensors(random);
    let typed = random.one_in(2);
    let input = |tensor: &Tensor| InferTensor {
        name: tensor.name().to_owned(),
        datatype: tensor.datatype().name().to_owned(),
        shape: tensor.shape().iter().map(|axis| *axis as i64).collect(),
        contents: typed.then(|| contents(tensor)),
    };
    let mut message = ModelInferRequest {
        model_name: "alice/iris".to_owned(),
        id: "r-1".to_owned(),
        inputs: inputs.iter().map(input).collect(),
        outputs: vec![AskedOutput { name: "y".to_owned() }; random.below(3)],
        ..Default::default()
    };
    if !typed {
        message.raw_input_contents = inputs.into_iter().map(|tensor| tensor.into_bytes().into()).collect();
    }
    // Many of what is small: what would grow.
    match random.below(12) {
        0 => message.inputs = vec![InferTensor::default(); 1 + random.below(1_100)],
        1 => message.outputs = vec![AskedOutput::default(); 1 + random.below(1_100)],
        2 => message.raw_input_contents = vec![Default::default(); 1 + random.below(1_100)],
        3 => {
            let contents =
                Contents { bytes_contents: vec![Default::default(); random.below(20_000)], ..Default::default() };
            message.inputs = vec![InferTensor { contents: Some(contents), ..Default::default() }];
        }
        4 => {
            let contents = Contents { uint64_contents: vec![1; random.below(20_000)], ..Default::default() };
            message.inputs = vec![InferTensor { contents: Some(contents), ..Default::default() }];
        }
        _ => {}
    }
    message.encode_to_vec()
}

/// The most a message of the looked-through kind takes once it is read: its few lists, which double while they grow,
/// and for each byte one number of eight, or half an element of BYTES, in lists that double.
fn most(message: &[u8]) -> usize {
    let lists = size_of::<InferTensor>() + size_of::<AskedOutput>() + size_of::<bytes::Bytes>();
    3 * api::MAX_TENSORS * lists + 64 * message.len()
}

#[test]
fn a_message_that_is_let_through_takes_what_its_size_allows_and_reads_back() {
    Target::new("grpc-message", WORDS).run(make, |message| {
        if let Err(unfit) = holding(0, || bounds::check(message)) {
            return match unfit {
                Unfit::Malformed => "malformed".to_owned(),
                Unfit::Many { what, .. } => what.to_owned(),
            };
        }
        let Ok(read) = holding(most(message), || ModelInferRequest::decode(message)) else {
            return "no message".to_owned();
        };
        match holding(most(message), || Asked::parse(read.clone(), Some("route"))) {
            Ok(asked) => {
                for typed in [true, false] {
                    assert_eq!(Asked::parse(again(&asked.inputs, typed), None).unwrap().inputs, asked.inputs);
                }
                "taken".to_owned()
            }
            Err(refused) => refusal(refused),
        }
    });
}

/// An answer's outputs as a call's inputs.
fn again(tensors: &[Tensor], typed: bool) -> ModelInferRequest {
    let wanted = Wanted { id: String::new(), outputs: Vec::new(), typed };
    let ModelInferResponse { outputs: inputs, raw_output_contents: raw_input_contents, .. } =
        written(answer(tensors), wanted, BTreeMap::new());
    ModelInferRequest { inputs, raw_input_contents, ..Default::default() }
}
