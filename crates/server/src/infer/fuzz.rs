//! Bodies of calls from whoever sends them: JSON with tensors behind it, and packed bodies.

use std::collections::BTreeSet;

use api::Code;
use fuzz::{Random, Target, holding, shown};
use tensor::{DataType, Tensor};

use super::answered::{Written, written};
use super::asked::{Asked, Output, Wanted};
use super::tests::answer;
use crate::packing::Packing;
use crate::problem::Refused;

#[global_allocator]
static ALLOCATOR: fuzz::Counting = fuzz::Counting;

const WORDS: &[&[u8]] = &[
    b"{\"inputs\":[",
    b"\"outputs\":[",
    b"{\"name\":\"x\"",
    b",\"datatype\":\"FP32\"",
    b",\"shape\":[1]",
    b",\"data\":[1.5]",
    b"\"parameters\":{",
    b"\"binary_data_size\":",
    b"\"binary_data\":true",
    b"\"binary_data_output\":true",
    b"\"id\":\"r\"",
    b"BYTES",
    b"INT64",
    b"FP16",
    b"BOOL",
    b"],",
    b"}",
    b"]",
    b"[",
    b"{",
    b",",
    b":",
    b"\"",
    b"null",
    b"-1",
    b"\\u0000",
    b"\\ud83d",
    b"\x1b[31m",
    b"\xff",
    b"\0\0\0\0",
    b"\x01\0\0\0",
    b"\xff\xff\xff\xff",
];

/// One to three tensors.
pub(crate) fn tensors(random: &mut Random) -> Vec<Tensor> {
    let tensor = |number: usize, random: &mut Random| {
        let datatype = *random.pick(&DataType::ALL);
        let shape: Vec<u64> = (0..random.below(4)).map(|_| random.below(4) as u64).collect();
        let count = shape.iter().product::<u64>() as usize;
        let bytes = match (datatype, datatype.size_bytes()) {
            (DataType::Bool, _) => (0..count).map(|_| random.below(2) as u8).collect(),
            (_, Some(size)) => (0..count * size).map(|_| random.byte() & 0xbf).collect(),
            (_, None) => (0..count).flat_map(|_| [2, 0, 0, 0, b'a', random.byte()]).collect(),
        };
        Tensor::new(format!("t{number}"), datatype, shape, bytes).unwrap()
    };
    (0..=random.below(3)).map(|number| tensor(number, random)).collect()
}

/// A body that asks for these inputs, and where its JSON ends.
fn body(tensors: &[Tensor], mut binary: impl FnMut(&Tensor) -> bool) -> (Vec<u8>, Option<usize>) {
    let output = |tensor: &Tensor| Output { name: tensor.name().to_owned(), binary: binary(tensor) };
    let outputs = Some(tensors.iter().map(output).collect());
    let wanted = Wanted { id: Some("\"r-1\"".to_owned()), outputs, binary: false };
    let Written { bytes, head } = written(&answer(tensors), &wanted);
    // An answer's outputs are written as a call's inputs are.
    let (json, behind) = bytes.split_at(head.unwrap_or(bytes.len()));
    let json = String::from_utf8(json.to_vec()).unwrap().replacen("\"outputs\"", "\"inputs\"", 1);
    ([json.as_bytes(), behind].concat(), head.map(|_| json.len()))
}

/// Where the JSON ends (u32, 0: nowhere), and a body.
fn make(random: &mut Random) -> Vec<u8> {
    let (body, head) = body(&tensors(random), |tensor| !tensor.fits_json() || random.one_in(2));
    [&(head.unwrap_or(0) as u32).to_le_bytes()[..], &body].concat()
}

/// That it names what is wrong, without what a terminal would obey.
pub(crate) fn refusal(refused: Refused) -> String {
    let problem = refused.into_problem();
    assert!(matches!(problem.code, Code::InvalidInput | Code::InvalidRequest | Code::BodyTooLarge), "{problem:?}");
    shown(&problem.message, 700);
    problem.message
}

#[test]
fn a_body_is_read_or_refused_within_its_own_size_and_reads_back() {
    Target::new("infer-body", WORDS).run(make, |input| {
        let Some((head, bytes)) = input.split_first_chunk::<4>() else { return "short".to_owned() };
        let head = Some(u32::from_le_bytes(*head) as usize).filter(|head| *head > 0);
        // An input takes some fifty characters and becomes three values of a hundred bytes each; an element of JSON
        // takes two characters and becomes eight bytes; lists double while they grow.
        match holding(24 * bytes.len() + 16 * 1024, || Asked::parse(bytes, head, Some("route"))) {
            Ok(asked) => {
                assert!(asked.inputs.len() <= api::MAX_TENSORS);
                let names: BTreeSet<&str> = asked.inputs.iter().map(Tensor::name).collect();
                // An answer has no two outputs of one name.
                if names.len() == asked.inputs.len() {
                    let (again, head) = body(&asked.inputs, |tensor| !tensor.fits_json());
                    assert_eq!(Asked::parse(&again, head, None).unwrap().inputs, asked.inputs);
                }
                "taken".to_owned()
            }
            Err(refused) => refusal(refused),
        }
    });
}

#[test]
fn what_is_packed_is_unpacked_to_its_limit_and_no_further() {
    const LIMIT: usize = 32 * 1024;
    let make = |random: &mut Random| {
        let packing = *random.pick(&[Packing::Gzip, Packing::Deflate]);
        let bytes = vec![random.byte(); random.below(2 * LIMIT)];
        let mut packed = vec![packing as u8];
        packed.extend(packing.pack(&bytes));
        // A body may have members one behind the other.
        if random.one_in(4) {
            packed.extend(packing.pack(b"more"));
        }
        packed
    };
    let words: &[&[u8]] =
        &[&[0x1f, 0x8b, 8, 0], &[0x78, 0x01], &[0x78, 0x9c], &[0, 0, 0xff, 0xff], &[3, 0], &[1, 0, 0]];
    Target::new("packed-body", words).cases(6_000).run(make, |input| {
        let Some((kind, packed)) = input.split_first() else { return "short".to_owned() };
        let packing = if kind % 2 == Packing::Gzip as u8 { Packing::Gzip } else { Packing::Deflate };
        // Once more while the room for what comes out doubles, and what the unpacking itself needs.
        match holding(3 * LIMIT + 128 * 1024, || packing.unpack(packed, LIMIT)) {
            Ok(bytes) => {
                assert!(bytes.len() <= LIMIT);
                assert_eq!(packing.unpack(&packing.pack(&bytes), LIMIT).unwrap(), bytes);
                "taken".to_owned()
            }
            Err(refused) => refusal(refused),
        }
    });
}
