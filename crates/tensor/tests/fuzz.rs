//! Data as JSON from whoever sends it.

use fuzz::{Random, Target, holding, shown};
use serde::de::IgnoredAny;
use tensor::{DataType, MAX_RANK, Mismatch, Tensor};

#[global_allocator]
static ALLOCATOR: fuzz::Counting = fuzz::Counting;

const WORDS: &[&[u8]] = &[
    b"[",
    b"]",
    b",",
    b"[]",
    b"[[",
    b"]]",
    b"\"",
    b"\\",
    b"\\u00e9",
    b"\\ud800",
    b"\"\"",
    b"true",
    b"false",
    b"null",
    b"NaN",
    b"inf",
    b"-",
    b"+1",
    b"1e39",
    b"1e309",
    b"{}",
    b" ",
    b"\n",
    b"\xc3\xbc",
    b"\x7f",
    b"\x1b[31m",
];

/// A type, a shape and its data, nested as the shape or flat, with space here and there.
fn make(random: &mut Random) -> Vec<u8> {
    let datatype = random.below(DataType::ALL.len());
    let shape: Vec<u8> = (0..random.below(4)).map(|_| random.below(5) as u8).collect();
    let mut input = vec![datatype as u8, shape.len() as u8];
    input.extend(&shape);
    let flat = [shape.iter().product()];
    let shape = if shape.is_empty() || random.one_in(3) { &flat[..] } else { &shape };
    write(&mut input, shape, DataType::ALL[datatype], random);
    input
}

fn write(out: &mut Vec<u8>, shape: &[u8], datatype: DataType, random: &mut Random) {
    let Some((axis, inner)) = shape.split_first() else {
        let element = match datatype {
            DataType::Bool => random.one_in(2).to_string(),
            DataType::Bytes => format!("\"{}\"", random.pick(&["", "a", "\\n", "\\u00fc", "ü", "a longer text"])),
            DataType::Fp16 | DataType::Bf16 | DataType::Fp32 => f32::from_bits(random.word() as u32).to_string(),
            DataType::Fp64 => f64::from_bits(random.word()).to_string(),
            _ => (random.edge() as i8).to_string(),
        };
        out.extend(element.bytes());
        return;
    };
    out.push(b'[');
    for place in 0..*axis {
        out.extend_from_slice(if place > 0 { b"," } else { b"" });
        out.extend(random.pick(&["", "", " ", "\n\t"]).bytes());
        write(out, inner, datatype, random);
    }
    out.push(b']');
}

#[test]
fn data_is_read_strictly_within_its_own_size_and_comes_back() {
    Target::new("tensor-json", WORDS).run(make, |input| {
        let [datatype, rank, rest @ ..] = input else { return "short".to_owned() };
        let datatype = DataType::ALL[usize::from(*datatype) % DataType::ALL.len()];
        let Some((shape, text)) = rest.split_at_checked(usize::from(*rank) % (MAX_RANK + 2)) else {
            return "short".to_owned();
        };
        let Ok(text) = std::str::from_utf8(text) else { return "no text".to_owned() };
        let shape: Vec<u64> = shape.iter().map(|axis| u64::from(*axis)).collect();
        // An element takes two characters at least and eight bytes at most; a list doubles while it grows.
        let most = 12 * text.len() + 2_048;
        match holding(most, || Tensor::from_json("x\ty".to_owned(), datatype, shape.clone(), text)) {
            Ok(tensor) => {
                assert!(serde_json::from_str::<IgnoredAny>(text).is_ok(), "{text} is not JSON");
                assert_eq!((tensor.shape(), tensor.datatype()), (&shape[..], datatype));
                assert!(tensor.fits_json());
                let mut written = Vec::new();
                tensor.write_json(&mut written);
                let written = std::str::from_utf8(&written).unwrap();
                assert_eq!(Tensor::from_json("x\ty".to_owned(), datatype, shape, written), Ok(tensor));
                "taken".to_owned()
            }
            Err(mismatch) => {
                let refusal = mismatch.to_string();
                shown(&refusal, 400);
                assert!(refusal.contains(r#""x\ty""#), "{refusal}");
                // A value that is refused stands there as it is.
                match mismatch {
                    Mismatch::Value { .. } => "a value".to_owned(),
                    _ => refusal,
                }
            }
        }
    });
}
