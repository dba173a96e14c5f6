//! What is said of files, good and bad.

use std::io::Cursor;

use scan::{Code, Danger, Format, Limits, Report, Verdict, scan};

use crate::made::*;

fn look(bytes: impl AsRef<[u8]>) -> Report {
    scan(&mut Cursor::new(bytes.as_ref()), Limits::USUAL).unwrap()
}

/// Format, verdict and codes, as `pickle dangerous: dangerous_import`.
fn told(bytes: impl AsRef<[u8]>) -> String {
    let report = look(bytes);
    let mut codes: Vec<_> = report.findings.iter().map(|finding| finding.code.word()).collect();
    codes.dedup();
    format!("{} {}: {}", report.format, report.verdict, codes.join(" ")).trim_end_matches(": ").to_owned()
}

#[test]
fn formats_are_told_by_their_content() {
    let model = onnx(&[node("", "Relu", &[])], &[]);
    for (bytes, expected) in [
        (&b""[..], "empty clean"),
        (b"# A card\n", "text clean"),
        (b"{\"a\": 1}", "json clean"),
        (b"\xef\xbb\xbfcaf\xc3\xa9", "text clean"),
        (b"\x00\x01\x02", "unknown notice: unknown_format"),
        (&model, "onnx clean"),
        (b"\x08\x01\x12\x02\x0a\x00", "savedmodel clean"),
        (b"\x1c\0\0\0TFL3\0\0", "tflite clean"),
        (b"\x1c\0\0\0ORTM\0\0", "ort notice: not_looked_into"),
        (b"\x89PNG\r\n\x1a\n", "image clean"),
        (b"\x7fELF\x02", "program notice: program"),
        (b"7z\xbc\xaf\x27\x1c\0", "packed notice: not_looked_into"),
        (b"x\x9cno", "unknown notice: unknown_format"),
    ] {
        assert_eq!(told(bytes), expected, "{bytes:?}");
    }
    assert_eq!(look(&model).summary, "1 nodes, 0 tensors, 0 functions, opset 17");
}

#[test]
fn pickles_are_dangerous_where_what_they_import_is() {
    for (bytes, expected) in [
        (SYSTEM, "pickle dangerous: dangerous_import"),
        (SYSTEM_4, "pickle dangerous: dangerous_import"),
        (STATE, "pickle notice: imports"),
        (b"\x80\x04K\x01.", "pickle clean"),
        // By the instruction that names and makes at once.
        (b"(S'id'\nios\nsystem\n.", "pickle dangerous: dangerous_import"),
        // The names lie in the memo, and their order is turned.
        (b"\x80\x04\x8c\x06system\x94\x8c\x02os\x94h\x01h\x00\x93.", "pickle dangerous: dangerous_import"),
        // A path with dots.
        (b"\x80\x04\x8c\x05numpy\x8c\x0ef2py.os.system\x93.", "pickle dangerous: dangerous_import"),
        // The name is made of pieces.
        (b"\x80\x04K\x01\x8c\x06system\x93.", "pickle dangerous: hidden_import"),
        // Broken behind the call: readers have run it by then.
        (b"\x80\x02cos\nsystem\nX\x02\0\0\0id\x85R\xff", "pickle dangerous: dangerous_import damaged"),
        (b"cos\nsystem\n(S'id'\ntRzz", "pickle dangerous: dangerous_import damaged"),
        // The second of two.
        (b"\x80\x02K\x01.\x80\x02cos\nsystem\n(S'id'\ntR.", "pickle dangerous: dangerous_import"),
        (b"\x80\x04\x82\x01.", "pickle notice: imports"),
        (b"\x80\x02R.", "pickle notice: damaged"),
        (b"\x80\x02h\x07.", "pickle notice: damaged"),
        (b"\x80\x02csklearn.tree\nTree\n)R.", "pickle notice: imports"),
    ] {
        assert_eq!(told(bytes), expected, "{:?}", String::from_utf8_lossy(bytes));
    }
    let imports = look(STATE).imports;
    assert_eq!(imports.len(), 3);
    assert!(imports.iter().all(|import| import.danger == Danger::Known));
    assert!(look(SYSTEM_4).findings[0].text.contains("posix.system"));
}

#[test]
fn texts_that_look_like_pickles_are_texts() {
    for text in ["cos\nsin\ntan\n", "cat\ndog\n.", "import os\nos.system('id')\n", "(a, b).", "coffee\nbreak\n. more"] {
        assert!(told(text).starts_with("text clean"), "{text}: {}", told(text));
    }
}

#[test]
fn arrays_in_the_middle_of_a_pickle_do_not_hide_what_follows() {
    let wrapper = b"\x80\x02cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}b";
    let file = |rest: &[u8]| [&wrapper[..], &[7; 100], rest].concat();
    assert_eq!(told(file(b"\x8c\x02os\x94\x8c\x06system\x94\x93.")), "pickle dangerous: dangerous_import unfinished");
    assert_eq!(told(file(SYSTEM)), "pickle dangerous: dangerous_import unfinished");
    assert_eq!(told(file(b"cosine\n.")), "pickle notice: unfinished imports");
    // Joblib's own packing.
    assert_eq!(told(zlib(SYSTEM_4)), "zlib dangerous: dangerous_import");
    assert_eq!(told(gzip(SYSTEM_4)), "gzip dangerous: dangerous_import");
}

#[test]
fn archives_are_looked_into() {
    for (bytes, expected) in [
        (zip(&[("m/data.pkl", STATE), ("m/data/0", &[0; 16]), ("m/version", b"3\n")]), "pytorch notice: imports"),
        (zip(&[("m/data.pkl", SYSTEM_4)]), "pytorch dangerous: dangerous_import"),
        (zip_of(&[Entry::deflated("m/data.pkl", SYSTEM_4)]), "pytorch dangerous: dangerous_import"),
        (zip(&[("m/data.pkl", STATE), ("m/code/a.py", b"x")]), "pytorch notice: imports program"),
        (zip(&[("a.txt", b"hello")]), "zip clean"),
        // Whatever it is called.
        (zip(&[("a.txt", SYSTEM_4)]), "zip dangerous: dangerous_import"),
        (zip(&[("a/run.py", b"import os")]), "zip notice: program"),
        (zip(&[("../../a.txt", b"hello")]), "zip dangerous: outside_path"),
        (zip(&[("c:\\a.txt", b"hello")]), "zip dangerous: outside_path"),
        (zip(&[("a.zip", &zip(&[("b.pkl", SYSTEM)]))]), "zip dangerous: dangerous_import"),
        (zip(&[("a.npy", &npy("<f4", "2,", &[0; 8]))]), "npz clean"),
        (zip(&[("a.npy", &npy("|O", "1,", SYSTEM_4))]), "npz dangerous: dangerous_import"),
        (zip(&[("metadata.json", b"{}"), ("config.json", b"{\"class_name\": \"Dense\"}")]), "keras clean"),
        (
            zip(&[("metadata.json", b"{}"), ("config.json", b"{\"class_name\" : \"Lambda\"}")]),
            "keras dangerous: python_layer",
        ),
        (tar(&[("a.txt", b'0', "", b"hello")]), "tar clean"),
        (tar(&[("a.pkl", b'0', "", SYSTEM)]), "tar dangerous: dangerous_import"),
        (tar(&[("/etc/passwd", b'0', "", b"hello")]), "tar dangerous: outside_path"),
        (tar(&[("a", b'2', "../../b", b"")]), "tar dangerous: outside_path"),
        (tar(&[("long", b'L', "", b"../up\0"), ("a", b'0', "", b"hello")]), "tar dangerous: outside_path"),
        (tar(&[("pax", b'x', "", b"16 path=../up/a\n"), ("a", b'0', "", b"hello")]), "tar dangerous: outside_path"),
        (gzip(&tar(&[("a.pkl", b'0', "", SYSTEM)])), "gzip dangerous: dangerous_import"),
        (tar(&[("w.ckpt", b'0', "", &zip(&[("m/data.pkl", SYSTEM_4)]))]), "tar dangerous: dangerous_import"),
    ] {
        assert_eq!(told(&bytes), expected, "{:?}", String::from_utf8_lossy(&bytes));
    }
    let matryoshka = (0..6).fold(zip(&[("a.txt", b"hello")]), |inner, _| zip(&[("a.zip", &inner)]));
    assert_eq!(told(matryoshka), "zip dangerous: nesting");
}

#[test]
fn archives_that_lie_are_dangerous() {
    let entry = Entry::stored("a.txt", b"hello");
    for (entries, expected) in [
        (vec![Entry { name_at_place: "b.txt".into(), ..entry.clone() }], "zip dangerous: disagreement"),
        (vec![Entry { offset: Some(3), ..entry.clone() }], "zip dangerous: disagreement"),
        (vec![Entry { offset: Some(4_000_000_000), ..entry.clone() }], "zip dangerous: disagreement"),
        (vec![entry.clone(), Entry { offset: Some(0), ..entry.clone() }], "zip dangerous: overlap"),
        (vec![Entry { method: 12, ..entry.clone() }], "zip notice: not_looked_into"),
        (vec![Entry { flags: 1, ..entry.clone() }], "zip notice: not_looked_into"),
        // PyTorch reads over the mark of encryption.
        (vec![Entry { flags: 1, ..Entry::stored("m/data.pkl", SYSTEM_4) }], "pytorch dangerous: dangerous_import"),
        (vec![Entry { unpacked: u32::MAX - 1, ..entry.clone() }], "zip dangerous: size_bomb"),
        (vec![Entry { method: 8, ..entry.clone() }], "zip notice: damaged"),
    ] {
        assert_eq!(told(zip_of(&entries)), expected);
    }
    assert_eq!(told(b"PK\x03\x04 and no more"), "zip notice: damaged");
    let mut counted = zip(&[("a.txt", b"hello")]);
    let at = counted.len() - 12;
    counted[at] = 9;
    assert_eq!(told(counted), "zip dangerous: disagreement");
    assert_eq!(
        told([STATE, &zip(&[("a.pkl", SYSTEM)])].concat()),
        "pickle dangerous: dangerous_import two_formats imports"
    );
    let zeros = vec![0; 100_000_000];
    let report = look(gzip(&zeros));
    assert_eq!((report.verdict, report.findings[0].code), (Verdict::Dangerous, Code::SizeBomb));
    assert_eq!(told(&gzip(b"hello")[..12]), "gzip notice: damaged");
}

#[test]
fn onnx_is_read_as_its_fields() {
    let graph = |tensor: Vec<u8>| onnx(&[node("", "Relu", &[]), bytes(5, &tensor)], &[]);
    let own = bytes(25, &[bytes(1, b"Twice"), bytes(10, b"mine")].concat());
    let inner =
        |deep| (0..deep).fold(bytes(1, &bytes(4, b"Relu")), |graph, _| node("", "If", &[bytes(5, &bytes(6, &graph))]));
    for (bytes, expected) in [
        (graph(tensor("w", &[2, 2], 16)), "onnx clean"),
        (graph(tensor("w", &[], 4)), "onnx clean"),
        (graph(tensor("w", &[0], 0)), "onnx clean"),
        (graph(tensor("w", &[2, 2], 12)), "onnx notice: size_mismatch"),
        (graph(tensor("w", &[2, 2], 20)), "onnx notice: size_mismatch"),
        (graph(tensor("w", &[1 << 20, 1 << 20], 16)), "onnx dangerous: size_bomb"),
        (graph(tensor("w", &[u64::MAX, 2], 16)), "onnx dangerous: size_bomb"),
        (graph(tensor("w", &[1 << 40, 1 << 40], 16)), "onnx dangerous: size_bomb"),
        (graph(elsewhere("w", "weights.bin")), "onnx notice: external_data"),
        (graph(elsewhere("w", "../weights.bin")), "onnx dangerous: outside_path external_data"),
        (graph(elsewhere("w", "/etc/passwd")), "onnx dangerous: outside_path external_data"),
        (graph(elsewhere("w", "a\\..\\..\\b")), "onnx dangerous: outside_path external_data"),
        (onnx(&[node("mine", "Twice", &[])], &[]), "onnx notice: custom_operator"),
        (onnx(&[node("mine", "Twice", &[])], std::slice::from_ref(&own)), "onnx clean"),
        (onnx(&[node("com.microsoft", "Gelu", &[]), node("ai.onnx.ml", "Scaler", &[])], &[]), "onnx clean"),
        (onnx(&[inner(30)], &[]), "onnx clean"),
        (onnx(&[inner(40)], &[]), "onnx dangerous: nesting"),
        // Both halves of a graph that is there twice.
        (
            [graph(tensor("w", &[2, 2], 16)), graph(elsewhere("w", "../w"))].concat(),
            "onnx dangerous: outside_path external_data",
        ),
    ] {
        assert_eq!(told(&bytes), expected, "{bytes:?}");
    }
    // A graph that is cut is no message, so it is not ONNX to anybody.
    let whole = graph(tensor("w", &[2, 2], 16));
    assert_eq!(look(&whole[..whole.len() - 1]).format, Format::Unknown);
    // Outside it is one, inside it breaks.
    assert_eq!(told(onnx(&[bytes(1, b"\xff")], &[])), "onnx notice: damaged");
    // The mark of a pickle is a field that nobody knows.
    assert_eq!(
        told([&b"\x80\x02\x00"[..], &graph(elsewhere("w", "../w"))].concat()),
        "pickle dangerous: outside_path two_formats external_data damaged"
    );
}

#[test]
fn real_models_are_clean() {
    let fixtures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../testkit/fixtures");
    for name in ["echo", "scaler", "strings", "loop", "unsteady", "zipmap", "types", "colours", "houses", "passengers"]
    {
        let bytes = std::fs::read(fixtures.join(format!("{name}.onnx"))).unwrap();
        assert_eq!(told(bytes), "onnx clean", "{name}");
    }
    assert_eq!(told(std::fs::read(fixtures.join("external.onnx")).unwrap()), "onnx notice: external_data");
}

#[test]
fn tensors_of_other_formats_are_counted() {
    let one = r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#;
    for (bytes, expected) in [
        (safetensors(&format!("{one}}}"), 8), "safetensors clean"),
        (safetensors(&format!("{one},\"__metadata__\":{{\"format\":\"pt\"}}}}  "), 8), "safetensors clean"),
        (safetensors(&format!("{one}}}"), 4), "safetensors dangerous: size_bomb"),
        (safetensors(&format!("{one}}}"), 9), "safetensors notice: damaged"),
        (
            safetensors(&format!("{one},\"b\":{{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[4,8]}}}}"), 8),
            "safetensors dangerous: overlap",
        ),
        (
            safetensors(&format!("{one},\"b\":{{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[9,13]}}}}"), 13),
            "safetensors notice: damaged",
        ),
        (
            safetensors(r#"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#, 8),
            "safetensors notice: size_mismatch",
        ),
        (
            safetensors(r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}"#, 8),
            "safetensors dangerous: size_bomb",
        ),
        (safetensors(r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#, 8), "safetensors notice: damaged"),
        (safetensors("{\"a\": 1}", 0), "safetensors notice: damaged"),
        (b"\xff\xff\xff\xff\0\0\0\0{\"a\"".to_vec(), "safetensors dangerous: size_bomb"),
        (gguf(&[("general.name", "x")], &[("w", &[2, 2])]), "gguf clean"),
        (gguf(&[("tokenizer.chat_template", "{{ messages[0] }}")], &[]), "gguf clean"),
        (gguf(&[("tokenizer.chat_template", "{{ ''.__class__.__mro__ }}")], &[]), "gguf dangerous: template"),
        (gguf(&[], &[("w", &[1 << 40, 1 << 40])]), "gguf dangerous: size_bomb"),
        (b"GGUF\x03\0\0\0\xff\xff\xff\xff\xff\xff\xff\x7f\0\0\0\0\0\0\0\0".to_vec(), "gguf dangerous: size_bomb"),
        (b"GGUF\x03\0\0\0\0\0".to_vec(), "gguf notice: damaged"),
        (npy("<f4", "2, 2", &[0; 16]), "numpy clean"),
        (npy("<f8", "2, 2", &[0; 16]), "numpy dangerous: size_bomb"),
        (npy("|O", "1,", SYSTEM), "numpy dangerous: dangerous_import"),
        (npy("<f4", "99999999999, 99999999999", &[]), "numpy dangerous: size_bomb"),
        (b"\x89HDF\r\n\x1a\n keras {\"class_name\":\n \"Lambda\"}".to_vec(), "keras dangerous: python_layer"),
        (b"\x89HDF\r\n\x1a\n keras {\"class_name\": \"Dense\"}".to_vec(), "keras clean"),
        (b"\x89HDF\r\n\x1a\n".to_vec(), "hdf5 clean"),
        (
            [number(1, 1), bytes(2, &bytes(2, &bytes(1, &bytes(2, b"ReadFile"))))].concat(),
            "savedmodel dangerous: file_operator",
        ),
        (br#"{"chat_template": "{% if x.__globals__ %}"}"#.to_vec(), "json dangerous: template"),
        (b"{% if x.__globals__ %}".to_vec(), "text dangerous: template"),
        (b"# How `{{ x.__globals__ }}` is refused\n".to_vec(), "text clean"),
        (br#"{"auto_map": {"AutoModel": "m.py"}}"#.to_vec(), "json notice: program"),
    ] {
        assert_eq!(told(&bytes), expected, "{:?}", String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn what_is_beyond_the_limits_is_not_called_clean() {
    let small = Limits { bytes: 64 * 1024, steps: 1_000 };
    let look = |bytes: Vec<u8>| scan(&mut Cursor::new(bytes), small).unwrap();
    let nodes: Vec<_> = (0..1_000).map(|_| node("", "Relu", &[])).collect();
    let long = [b"\x80\x02".to_vec(), b"K\x01".repeat(1_000), SYSTEM.to_vec()].concat();
    for bytes in [onnx(&nodes, &[]), long, gzip(&vec![7; 1 << 20])] {
        let report = look(bytes);
        assert_eq!(report.unseen().map(|finding| finding.code), Some(Code::Unfinished), "{report:?}");
        assert_ne!(report.verdict, Verdict::Clean);
    }
}

#[test]
fn a_report_is_bounded_and_fit_to_be_shown() {
    let tensors: Vec<_> =
        (0..1_000).map(|n| bytes(5, &tensor(&format!("\u{1b}[2J\u{202e}{n}"), &[1 << 50], 4))).collect();
    let report = look(onnx(&tensors, &[]));
    assert_eq!((report.findings.len(), report.more), (32, 968));
    for finding in &report.findings {
        assert!(!finding.place.contains(['\u{1b}', '\u{202e}']) && finding.place.chars().count() <= 160, "{finding:?}");
    }
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
}

#[test]
fn a_disk_that_fails_is_an_error_and_no_verdict() {
    struct Failing(u64);
    impl std::io::Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::PermissionDenied.into())
        }
    }
    impl std::io::Seek for Failing {
        fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
            Ok(if let std::io::SeekFrom::End(_) = to { self.0 } else { 0 })
        }
    }
    assert!(scan(&mut Failing(100), Limits::USUAL).is_err());
}
