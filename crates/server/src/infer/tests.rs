//! Any tensors, written as an answer and read as a call.

use hub::infer::{Answer, PaidFrom};
use ledger::{Amount, Purse};
use proptest::prelude::*;
use registry::{Digest, ReleaseNumber};
use tensor::{DataType, Tensor};

use super::answered::{Written, written};
use super::asked::{Asked, Output, Wanted};

/// An answer of these outputs.
pub(crate) fn answer(outputs: &[Tensor]) -> Answer {
    Answer {
        outputs: outputs.to_vec(),
        model: "alice/iris".parse().unwrap(),
        release: ReleaseNumber::FIRST,
        digest: Digest([7; 32]),
        call: "call_00000000000000000000000000".parse().unwrap(),
        cost: Amount::ZERO,
        paid_from: PaidFrom::Purse(Purse::Cash),
        cold: false,
        yanked: None,
        replayed: false,
    }
}

/// One to four tensors of any types, shapes and values.
pub(crate) fn any_tensors() -> impl Strategy<Value = Vec<Tensor>> {
    let tensor = (prop::sample::select(&DataType::ALL[..]), prop::collection::vec(0..4_u64, 0..4)).prop_flat_map(
        |(datatype, shape)| {
            let count = shape.iter().product::<u64>() as usize;
            let bytes = match (datatype, datatype.size_bytes()) {
                (DataType::Bool, _) => prop::collection::vec(0..2_u8, count).boxed(),
                (_, Some(size)) => prop::collection::vec(any::<u8>(), count * size).boxed(),
                (_, None) => {
                    let elements = prop::collection::vec(prop::collection::vec(any::<u8>(), 0..6), count);
                    elements.prop_map(|elements| elements.iter().flat_map(|e| element(e)).collect()).boxed()
                }
            };
            (Just(datatype), Just(shape), bytes)
        },
    );
    prop::collection::vec(tensor, 1..5).prop_map(|tensors| {
        let named = |(place, (datatype, shape, bytes)): (usize, (DataType, Vec<u64>, Vec<u8>))| {
            Tensor::new(format!("t \"{place}\""), datatype, shape, bytes).unwrap()
        };
        tensors.into_iter().enumerate().map(named).collect()
    })
}

/// In the binary form of BYTES.
fn element(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_le_bytes()[..], bytes].concat()
}

proptest! {
    #[test]
    fn any_tensors_go_out_and_come_back_the_same(tensors in any_tensors(), binary: [bool; 4]) {
        let output = |(tensor, binary): (&Tensor, &bool)| Output {
            name: tensor.name().to_owned(),
            binary: *binary || !tensor.fits_json(),
        };
        let outputs: Vec<Output> = tensors.iter().zip(&binary).map(output).collect();
        let some = outputs.iter().any(|output| output.binary);
        let wanted = Wanted { id: Some("\"r-1\"".to_owned()), outputs: Some(outputs), binary: false };
        let Written { bytes, head } = written(&answer(&tensors), &wanted);
        prop_assert_eq!(head.is_some(), some);

        // An answer's outputs are written as a call's inputs are.
        let (json, behind) = bytes.split_at(head.unwrap_or(bytes.len()));
        let json = std::str::from_utf8(json).unwrap().replacen("\"outputs\"", "\"inputs\"", 1);
        let body = [json.as_bytes(), behind].concat();
        let asked = Asked::parse(&body, head.map(|_| json.len()), None).unwrap();
        prop_assert_eq!(asked.inputs, tensors);
        prop_assert_eq!(asked.wanted.id.unwrap(), "\"r-1\"");
    }
}
