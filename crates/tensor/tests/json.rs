//! Data as JSON: what is taken, what is refused and with which words, and that nothing is lost on the way.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use proptest::prelude::*;
use tensor::{DataType, MAX_BYTES, Tensor};

fn read(datatype: &str, shape: &[u64], data: &str) -> Result<Tensor, String> {
    let datatype = datatype.parse().expect("a data type");
    Tensor::from_json("x".into(), datatype, shape.to_vec(), data).map_err(|mismatch| mismatch.to_string())
}

fn written(tensor: &Tensor) -> String {
    let mut out = Vec::new();
    tensor.write_json(&mut out);
    String::from_utf8(out).unwrap()
}

/// Each line: type, shape, data => the data written again, or the refusal.
fn check(table: &str) {
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (given, expected) = line.split_once(" => ").expect(line);
        let (datatype, rest) = given.trim().split_once(' ').expect(line);
        let (shape, data) = rest.trim().split_once(' ').expect(line);
        let shape: Vec<u64> = serde_json::from_str(shape).expect(line);
        let got = match read(datatype, &shape, data.trim()) {
            Ok(tensor) => written(&tensor),
            Err(text) => text,
        };
        assert_eq!(got, expected.trim(), "{line}");
    }
}

#[test]
fn flat_nested_and_scalar_data_are_read() {
    check(
        r#"
        FP32   [4]     [1, 2.5, -3e2, 0.1]              => [1.0,2.5,-300.0,0.1]
        FP32   [2,2]   [[1,2],[3,4]]                    => [1.0,2.0,3.0,4.0]
        FP32   [2,2]   [ [ 1 , 2 ] , [ 3 , 4 ] ]        => [1.0,2.0,3.0,4.0]
        FP32   [2,2]   [1,2,3,4]                        => [1.0,2.0,3.0,4.0]
        FP32   [4]     [[1],[[2,3]],4]                  => [1.0,2.0,3.0,4.0]
        FP64   [1]     [0.30000000000000004]            => [0.30000000000000004]
        FP32   []      7                                => [7.0]
        FP32   []      [7]                              => [7.0]
        FP32   [0]     []                               => []
        FP32   [2,0]   [[],[]]                          => []
        INT64  [2]     [-9223372036854775808,9223372036854775807] => [-9223372036854775808,9223372036854775807]
        UINT64 [1]     [18446744073709551615]           => [18446744073709551615]
        INT8   [3]     [-128,-0,127]                    => [-128,0,127]
        BOOL   [2]     [true,false]                     => [true,false]
        BYTES  [3]     ["a","", "\u00e9\n\"\\ü"]        => ["a","","é\n\"\\ü"]
        "#,
    );
}

#[test]
fn what_is_not_exactly_the_type_is_refused_and_named() {
    check(
        r#"
        INT8   [2]  [1,128]         => "x" has 128 as element 1; expected a whole number from -128 to 127 (INT8)
        UINT8  [1]  [-1]            => "x" has -1 as element 0; expected a whole number from 0 to 255 (UINT8)
        INT32  [1]  [1.0]           => "x" has 1.0 as element 0; expected a whole number from -2147483648 to 2147483647 (INT32)
        INT32  [1]  [1e2]           => "x" has 1e2 as element 0; expected a whole number from -2147483648 to 2147483647 (INT32)
        INT16  [1]  ["1"]           => "x" has "1" as element 0; expected a whole number from -32768 to 32767 (INT16)
        UINT32 [1]  [true]          => "x" has true as element 0; expected a whole number from 0 to 4294967295 (UINT32)
        INT64  [1]  [007]           => "x" has 007 as element 0; expected a whole number from -9223372036854775808 to 9223372036854775807 (INT64)
        UINT16 [1]  [+1]            => "x" has +1 as element 0; expected a whole number from 0 to 65535 (UINT16)
        FP32   [1]  ["1.5"]         => "x" has "1.5" as element 0; expected a number in the range of FP32
        FP32   [1]  [1e39]          => "x" has 1e39 as element 0; expected a number in the range of FP32
        FP64   [1]  [1e999]         => "x" has 1e999 as element 0; expected a number in the range of FP64
        FP32   [1]  [NaN]           => "x" has NaN as element 0; expected a number in the range of FP32
        FP32   [1]  [null]          => "x" has null as element 0; expected a number in the range of FP32
        FP32   [1]  [1.]            => "x" has 1. as element 0; expected a number in the range of FP32
        FP32   [1]  [.5]            => "x" has .5 as element 0; expected a number in the range of FP32
        FP32   [1]  [inf]           => "x" has inf as element 0; expected a number in the range of FP32
        BOOL   [1]  [1]             => "x" has 1 as element 0; expected true or false (BOOL; in binary 1 or 0)
        BYTES  [1]  [1]             => "x" has 1 as element 0; expected a string (BYTES)
        BYTES  [1]  [{"a":1}]       => "x" has { as element 0; expected a string (BYTES)
        FP16   [1]  [1]             => "x" has datatype FP16, which has no JSON form; expected binary data
        BF16   [1]  [1]             => "x" has datatype BF16, which has no JSON form; expected binary data
        "#,
    );
}

#[test]
fn data_of_another_count_depth_or_syntax_is_refused() {
    check(
        r#"
        FP32   [2]     [1]              => "x" has 1 elements in its data; expected 2, as its shape says
        FP32   [2]     [1,2,3]          => "x" has more elements in its data than the 2 its shape says
        FP32   [1]     5                => "x" has data that is not JSON at byte 0; expected an array
        FP32   [1]     {}               => "x" has data that is not JSON at byte 0; expected an array
        FP32   [1]     [1               => "x" has data that is not JSON at byte 2; expected ',' or ']'
        FP32   [1]     [1]]             => "x" has data that is not JSON at byte 3; expected the end
        FP32   [1]     [,1]             => "x" has data that is not JSON at byte 1; expected a value
        FP32   [2]     [1 2]            => "x" has data that is not JSON at byte 3; expected ',' or ']'
        FP32   [2]     [1,]             => "x" has data that is not JSON at byte 3; expected a value
        BYTES  [1]     ["a              => "x" has data that is not JSON at byte 1; expected the end of the string
        BYTES  [1]     ["\q"]           => "x" has data that is not JSON at byte 1; expected a string with valid escapes
        BYTES  [1]     ["\ud800"]       => "x" has data that is not JSON at byte 1; expected a string with valid escapes
        "#,
    );
    let deep = format!("{}1{}", "[".repeat(17), "]".repeat(17));
    assert!(read("FP32", &[1], &deep).unwrap_err().contains("nested more than 16 deep"));
    let deep = format!("{}1{}", "[".repeat(16), "]".repeat(16));
    assert!(read("FP32", &[1], &deep).is_ok());
    // A million brackets neither recurse nor take long.
    assert!(read("FP32", &[1], &"[".repeat(1_000_000)).is_err());
}

#[test]
fn a_large_shape_alone_reserves_nothing() {
    let text = read("FP64", &[MAX_BYTES as u64 / 8], "[]").unwrap_err();
    assert_eq!(text, r#""x" has 0 elements in its data; expected 8388608, as its shape says"#);
}

#[test]
fn floats_that_are_not_finite_are_written_as_null() {
    let tensor = Tensor::fp32("x", &[4], &[f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1.0]).unwrap();
    assert_eq!(written(&tensor), "[null,null,null,1.0]");
    assert!(!tensor.fits_json());
}

#[test]
fn half_precision_is_written_as_its_exact_value() {
    let halves = [0x3c00u16, 0xc000, 0x0001, 0x7bff, 0x3555, 0x8000, 0x7c00];
    let bytes = halves.iter().flat_map(|half| half.to_le_bytes()).collect();
    let tensor = Tensor::new("x", DataType::Fp16, vec![7], bytes).unwrap();
    assert_eq!(written(&tensor), "[1.0,-2.0,5.9604645e-8,65504.0,0.33325195,-0.0,null]");
    let brain = Tensor::new("x", DataType::Bf16, vec![1], vec![0x80, 0x3f]).unwrap();
    assert_eq!(written(&brain), "[1.0]");
}

#[test]
fn bytes_that_are_not_text_are_written_with_replacements() {
    let tensor = Tensor::strings("x", &[1], &[b"a\xff"]).unwrap();
    assert_eq!(written(&tensor), "[\"a\u{fffd}\"]");
    assert!(!tensor.fits_json());
}

proptest! {
    #[test]
    fn every_finite_fp32_comes_back_from_its_text(bits in proptest::collection::vec(any::<u32>(), 0..50)) {
        let values: Vec<f32> = bits.into_iter().map(f32::from_bits).filter(|value| value.is_finite()).collect();
        let tensor = Tensor::fp32("x", &[values.len() as u64], &values).unwrap();
        prop_assert_eq!(read("FP32", tensor.shape(), &written(&tensor)).unwrap(), tensor);
    }

    #[test]
    fn every_finite_fp64_comes_back_from_its_text(bits in proptest::collection::vec(any::<u64>(), 0..50)) {
        let values: Vec<f64> = bits.into_iter().map(f64::from_bits).filter(|value| value.is_finite()).collect();
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let tensor = Tensor::new("x", DataType::Fp64, vec![values.len() as u64], bytes).unwrap();
        prop_assert_eq!(read("FP64", tensor.shape(), &written(&tensor)).unwrap(), tensor);
    }

    #[test]
    fn every_string_comes_back_from_its_text(values in proptest::collection::vec(any::<String>(), 0..20)) {
        let tensor = Tensor::strings("x", &[values.len() as u64], &values).unwrap();
        prop_assert_eq!(read("BYTES", tensor.shape(), &written(&tensor)).unwrap(), tensor);
    }

    #[test]
    fn any_text_is_answered_and_json_is_judged_as_serde_json_does(text in "[\\[\\],0-9eE.+\\- \"truefalsn\\\\]{0,24}") {
        let ours = (0..6).any(|count| read("FP64", &[count], &text).is_ok());
        let theirs = serde_json::from_str::<serde_json::Value>(&text);
        fn flat(value: &serde_json::Value) -> Option<usize> {
            match value {
                serde_json::Value::Number(_) => Some(1),
                serde_json::Value::Array(items) => items.iter().map(flat).sum(),
                _ => None,
            }
        }
        let allowed = theirs.ok().filter(serde_json::Value::is_array).and_then(|value| flat(&value));
        prop_assert_eq!(ours, allowed.is_some_and(|count| count < 6));
    }
}
