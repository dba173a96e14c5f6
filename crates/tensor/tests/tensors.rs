//! Shapes, bytes, names and signatures; and the bytes receipts commit to.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use tensor::{DataType, MAX_BYTES, Mismatch, Port, Signature, Tensor, canonical};

fn port(name: &str, datatype: DataType, shape: &[Option<u64>]) -> Port {
    Port { name: name.into(), datatype, shape: shape.to_vec() }
}

fn refusal(result: Result<impl std::fmt::Debug, Mismatch>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn data_types_are_known_by_the_names_of_the_protocol() {
    for datatype in DataType::ALL {
        assert_eq!(datatype.to_string().parse(), Ok(datatype));
        assert_eq!(serde_json::to_string(&datatype).unwrap(), format!("\"{datatype}\""));
    }
    assert!("fp32".parse::<DataType>().unwrap_err().to_string().starts_with("\"fp32\" is not a data type"));
}

#[test]
fn bytes_must_be_as_many_as_type_and_shape_say() {
    assert!(Tensor::new("x", DataType::Fp32, vec![2, 3], vec![0; 24]).is_ok());
    assert_eq!(
        refusal(Tensor::new("x", DataType::Fp32, vec![2, 3], vec![0; 23])),
        r#""x" has 23 bytes of data; expected 24, as its datatype and shape say"#
    );
    assert!(Tensor::new("x", DataType::Int64, vec![], vec![0; 8]).is_ok());
    assert!(Tensor::new("x", DataType::Int64, vec![0, 5], vec![]).is_ok());
}

#[test]
fn a_bool_is_zero_or_one() {
    assert_eq!(
        refusal(Tensor::new("x", DataType::Bool, vec![3], vec![0, 1, 2])),
        r#""x" has 2 as element 2; expected true or false (BOOL; in binary 1 or 0)"#
    );
}

#[test]
fn elements_of_bytes_end_where_the_bytes_end() {
    let two = |bytes: &[u8]| Tensor::new("x", DataType::Bytes, vec![2], bytes.to_vec());
    let tensor = two(b"\x01\0\0\0a\x02\0\0\0bc").unwrap();
    assert_eq!(tensor.byte_elements().collect::<Vec<_>>(), [&b"a"[..], b"bc"]);
    assert!(matches!(two(b"\x01\0\0\0a\x03\0\0\0bc"), Err(Mismatch::Element { index: 1, .. })));
    assert!(matches!(two(b"\x01\0\0\0a\xff\xff\xff\xff"), Err(Mismatch::Element { index: 1, .. })));
    assert!(matches!(two(b"\x01\0\0\0a\0\0"), Err(Mismatch::Element { index: 1, .. })));
    assert!(matches!(two(b"\x01\0\0\0a\0\0\0\0z"), Err(Mismatch::Size { given: 10, expected: 9, .. })));
}

#[test]
fn shapes_that_overflow_are_refused_without_reserving_anything() {
    for shape in [vec![u64::MAX], vec![u64::MAX, u64::MAX], vec![0, u64::MAX], vec![1 << 32, 1 << 32, 0]] {
        for datatype in DataType::ALL {
            assert!(
                matches!(Tensor::new("x", datatype, shape.clone(), vec![]), Err(Mismatch::TooLarge { .. })),
                "{datatype} {shape:?}"
            );
        }
    }
    assert!(matches!(
        Tensor::new("x", DataType::Int8, vec![MAX_BYTES as u64 + 1], vec![]),
        Err(Mismatch::TooLarge { .. })
    ));
    assert!(Tensor::new("x", DataType::Int8, vec![1; 16], vec![0]).is_ok());
    assert!(matches!(
        Tensor::new("x", DataType::Int8, vec![1; 17], vec![0]),
        Err(Mismatch::TooManyAxes { given: 17, .. })
    ));
}

#[test]
fn names_are_bounded_and_shown_safely() {
    assert!(matches!(Tensor::fp32("", &[], &[1.0]), Err(Mismatch::Name { given: 0 })));
    assert!(matches!(Tensor::fp32("n".repeat(1025), &[], &[1.0]), Err(Mismatch::Name { given: 1025 })));
    let text = refusal(Tensor::fp32("\u{1b}[31m".repeat(40), &[2], &[1.0]));
    assert!(text.len() < 400 && !text.contains('\u{1b}'), "{text}");
}

fn signature() -> Signature {
    Signature {
        inputs: vec![port("a", DataType::Fp32, &[None, Some(2)]), port("b:0", DataType::Bytes, &[])],
        outputs: vec![port("y", DataType::Int64, &[Some(1)])],
    }
}

#[test]
fn a_call_brings_each_input_once_in_any_order() {
    let a = Tensor::fp32("a", &[3, 2], &[0.0; 6]).unwrap();
    let b = Tensor::strings("b:0", &[], &["t"]).unwrap();
    let check = |tensors: &[&Tensor]| {
        let tensors: Vec<Tensor> = tensors.iter().map(|tensor| (*tensor).clone()).collect();
        signature().check_inputs(&tensors).map_err(|mismatch| mismatch.to_string())
    };
    let named = |tensor: &Tensor, name: &str| tensor.clone().with_name(name).unwrap();
    let wide = Tensor::fp32("a", &[2, 3], &[0.0; 6]).unwrap();
    let flat = Tensor::fp32("a", &[6], &[0.0; 6]).unwrap();
    let whole = Tensor::int64("a", &[1, 2], &[0; 2]).unwrap();

    assert_eq!(check(&[&a, &b]), Ok(()));
    assert_eq!(check(&[&b, &a]), Ok(()));
    assert_eq!(check(&[&a]), Err(r#""b:0" is missing; expected BYTES of shape []"#.into()));
    assert_eq!(check(&[&b]), Err(r#""a" is missing; expected FP32 of shape [any, 2]"#.into()));
    assert_eq!(check(&[&a, &a, &b]), Err(r#""a" is given twice; each name is expected once"#.into()));
    assert_eq!(check(&[&a, &b, &named(&a, "c")]), Err(r#""c" is unknown; expected "a", "b:0""#.into()));
    assert_eq!(check(&[&wide, &b]), Err(r#""a" has size 3 on axis 1; expected 2"#.into()));
    assert_eq!(check(&[&flat, &b]), Err(r#""a" has 1 axes; expected 2, shape [any, 2]"#.into()));
    assert_eq!(check(&[&whole, &b]), Err(r#""a" has datatype INT64; expected FP32"#.into()));
}

#[test]
fn an_answer_holds_every_output() {
    assert!(signature().check_outputs(&[Tensor::int64("y", &[1], &[5]).unwrap()]).is_ok());
    assert!(matches!(signature().check_outputs(&[]), Err(Mismatch::Missing { .. })));
}

#[test]
fn a_signature_is_json_with_minus_one_for_any() {
    let json = r#"{"inputs":[{"name":"a","datatype":"FP32","shape":[-1,2]},{"name":"b:0","datatype":"BYTES","shape":[]}],"outputs":[{"name":"y","datatype":"INT64","shape":[1]}]}"#;
    assert_eq!(serde_json::to_string(&signature()).unwrap(), json);
    assert_eq!(serde_json::from_str::<Signature>(json).unwrap(), signature());
    let negative = serde_json::from_str::<Port>(r#"{"name":"a","datatype":"FP32","shape":[-2]}"#);
    assert!(negative.unwrap_err().to_string().contains("-2 is not the size of an axis"));
}

fn bytes(tensors: &[Tensor]) -> Vec<u8> {
    let mut bytes = Vec::new();
    canonical(tensors, &mut |part| bytes.extend_from_slice(part));
    bytes
}

#[test]
fn canonical_bytes_depend_on_the_tensors_and_not_on_their_order() {
    let a = Tensor::fp32("a", &[1], &[1.0]).unwrap();
    let b = Tensor::strings("b", &[1], &["t"]).unwrap();
    assert_eq!(bytes(&[a.clone(), b.clone()]), bytes(&[b.clone(), a.clone()]));
    assert_ne!(bytes(std::slice::from_ref(&a)), bytes(&[a.clone(), b.clone()]));

    // Each differs from `a` in one respect.
    let others = [
        Tensor::fp32("a", &[1], &[2.0]).unwrap(),
        Tensor::fp32("c", &[1], &[1.0]).unwrap(),
        Tensor::fp32("a", &[1, 1], &[1.0]).unwrap(),
        Tensor::fp32("a", &[], &[1.0]).unwrap(),
        Tensor::new("a", DataType::Int32, vec![1], a.bytes().to_vec()).unwrap(),
    ];
    for other in others {
        assert_ne!(bytes(std::slice::from_ref(&a)), bytes(std::slice::from_ref(&other)), "{other:?}");
    }
}

#[test]
fn canonical_bytes_are_these_and_stay_so() {
    let tensor = Tensor::int64("ab", &[1], &[-2]).unwrap();
    let expected =
        b"\x01\x01\0\0\0\x02\0\0\0ab\x05\x01\0\0\0\x01\0\0\0\0\0\0\0\x08\0\0\0\0\0\0\0\xfe\xff\xff\xff\xff\xff\xff\xff";
    assert_eq!(bytes(&[tensor]), expected);
    assert_eq!(bytes(&[]), [1, 0, 0, 0, 0]);
}
