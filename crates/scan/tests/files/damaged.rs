//! Damaged files of every format.

use std::io::Cursor;

use fuzz::{Random, Target, holding, shown};
use scan::{Limits, Verdict, scan};

use crate::made::*;

const WORDS: &[&[u8]] = &[
    b"PK\x03\x04",
    b"PK\x01\x02",
    b"PK\x05\x06",
    b"PK\x06\x06",
    b"PK\x06\x07",
    b"\x80\x04",
    b"cos\nsystem\n",
    b"\x8c\x02os\x94",
    b"\x93",
    b"\x94",
    b"(",
    b"t",
    b"R",
    b"b",
    b".",
    b"2",
    b"h\x00",
    b"q\x00",
    b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}b",
    b"GGUF\x03\0\0\0",
    b"\x93NUMPY\x01\0",
    b"'descr': '|O'",
    b"'shape': (9,)",
    b"\x1f\x8b\x08\0\0\0\0\0\0\0",
    b"x\x9c",
    b"ustar\0",
    b"../",
    b"\"data_offsets\":[0,8]",
    b"\"shape\":[1,2]",
    b"\"dtype\":\"F32\"",
    b"{\"class_name\": \"Lambda\"}",
    b"location",
    b"\xff\xff\xff\xff",
    b"\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"\0\0\0\0\0\0\0\0",
    b"\x0a\x02",
    b"\x3a\x10",
    b"\x13",
    b"\x14",
];

#[test]
fn no_file_makes_a_scan_panic_or_hold_more_than_it_may() {
    let model = onnx(
        &[
            node("mine", "Twice", &[bytes(5, &bytes(6, &node("", "Relu", &[])))]),
            bytes(5, &tensor("w", &[2, 2], 16)),
            bytes(5, &elsewhere("v", "../w")),
        ],
        &[bytes(25, &bytes(1, b"Twice"))],
    );
    let archive =
        zip_of(&[Entry::stored("m/data.pkl", STATE), Entry::deflated("a/config.json", b"{\"class_name\": \"x\"}")]);
    let good: Vec<Vec<u8>> = vec![
        model,
        zip(&[("a.zip", &archive), ("b.npy", &npy("<f4", "2,", &[0; 8]))]),
        archive.clone(),
        tar(&[("a.pkl", b'0', "", SYSTEM), ("b", b'2', "c", b""), ("d.zip", b'0', "", &archive)]),
        gzip(&tar(&[("a.pkl", b'0', "", STATE)])),
        zlib(SYSTEM_4),
        STATE.to_vec(),
        SYSTEM.to_vec(),
        [STATE, SYSTEM_4].concat(),
        npy("|O", "1,", SYSTEM_4),
        gguf(&[("general.name", "x"), ("tokenizer.chat_template", "{{ a }}")], &[("w", &[2, 2])]),
        safetensors(r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"__metadata__":{}}"#, 8),
        b"\x89HDF\r\n\x1a\n keras {\"class_name\": \"Dense\"}".to_vec(),
        [number(1, 1), bytes(2, &bytes(2, b"ReadFile"))].concat(),
    ];
    let make = |random: &mut Random| random.pick(&good).clone();
    let limits = Limits { bytes: 4 * 1024 * 1024, steps: 100_000 };
    Target::new("files", WORDS).cases(20_000).run(make, |input| {
        // Windows, decoders, and what they unpack: an archive in an archive lies in memory whole.
        let report = holding(12 * 1024 * 1024 + 64 * input.len(), || scan(&mut Cursor::new(input), limits)).unwrap();
        assert_eq!(report.findings.is_empty(), report.verdict == Verdict::Clean);
        assert!(report.findings.len() <= 32 && report.imports.len() <= 32);
        for finding in &report.findings {
            shown(&finding.text, 240);
            assert!(finding.place.chars().count() <= 160 && !finding.place.contains(char::is_control));
        }
        let codes: Vec<_> = report.findings.iter().map(|finding| finding.code.word()).collect();
        format!("{} {} {}", report.format, report.verdict, codes.join(" "))
    });
}
