//! Tensors in binary form, packed bodies, and those that only pretend.

use std::io::{Read, Write};

use engine::fake::{Behaviour, Fake};
use serde_json::{Value, json};
use tensor::{DataType, Signature};

use crate::hub::{Answer, TestHub, fitting, iris, port};

/// A call's body in the making.
struct Body {
    json: Value,
    behind: Vec<u8>,
}

impl Body {
    /// `x` of `iris` in binary form; the answer as the client's default has it.
    fn fitting() -> Body {
        let x = json!({"name": "x", "shape": [1, 2], "datatype": "FP32", "parameters": {"binary_data_size": 8}});
        let json = json!({"id": "r-1", "inputs": [x], "parameters": {"binary_data_output": true}});
        Body { json, behind: [1.5_f32.to_le_bytes(), 2_f32.to_le_bytes()].concat() }
    }

    fn head(&self) -> usize {
        self.json.to_string().len()
    }

    fn bytes(&self) -> Vec<u8> {
        [self.json.to_string().as_bytes(), &self.behind].concat()
    }

    async fn send(&self, hub: &TestHub) -> Answer {
        let asking = hub.call().header("inference-header-content-length", &self.head().to_string());
        asking.body(self.bytes()).await
    }
}

/// The JSON of an answer, and the bytes behind it.
fn split(headers: &Answer, body: &[u8]) -> (Value, Vec<u8>) {
    let head: usize = headers.header("inference-header-content-length").parse().unwrap();
    let (json, behind) = body.split_at(head);
    (serde_json::from_slice(json).unwrap(), behind.to_vec())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn unpacked(answer: &Answer) -> Vec<u8> {
    let mut bytes = Vec::new();
    let read = match answer.header("content-encoding") {
        "gzip" => flate2::read::GzDecoder::new(&answer.body[..]).read_to_end(&mut bytes),
        "deflate" => flate2::read::ZlibDecoder::new(&answer.body[..]).read_to_end(&mut bytes),
        other => panic!("{other:?}"),
    };
    read.unwrap();
    bytes
}

#[tokio::test]
async fn a_call_in_binary_form_is_the_same_call() {
    let hub = TestHub::ready().await;
    let answer = Body::fitting().send(&hub).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/octet-stream"));
    let (json, behind) = split(&answer, &answer.body);
    assert_eq!(
        json,
        json!({
            "model_name": "alice/iris", "model_version": "1.00", "id": "r-1",
            "outputs": [{"name": "y", "datatype": "FP32", "shape": [1, 2], "parameters": {"binary_data_size": 8}}]
        })
    );
    assert_eq!(behind, Body::fitting().behind);
    assert_eq!((answer.header("x-cost"), hub.cash(&hub.bob).await.as_str()), ("0.002", "0.998"));

    let receipt = hub.get(&format!("/api/v1/receipts/{}", answer.header("x-receipt-id"))).key(&hub.bob).send().await;
    let signed: receipt::Signed = serde_json::from_value(receipt.json()).unwrap();
    let x = tensor::Tensor::fp32("x", &[1, 2], &[1.5, 2.0]).unwrap();
    assert_eq!(signed.proves_inputs(|sink| tensor::canonical(std::slice::from_ref(&x), sink)), Some(true));
}

#[tokio::test]
async fn each_output_comes_as_it_is_asked_for() {
    let signature = Signature {
        inputs: vec![
            port("a", DataType::Fp16, &[None]),
            port("b", DataType::Bytes, &[]),
            port("c", DataType::Bool, &[]),
        ],
        outputs: vec![
            port("A", DataType::Fp16, &[None]),
            port("B", DataType::Bytes, &[]),
            port("C", DataType::Bool, &[]),
        ],
    };
    let hub = TestHub::with(Fake::new(signature, Behaviour::Echo)).await;
    hub.publish("alice/iris", "modelhub: { price: { per_call: \"0 OPG\" } }").await;
    let inputs = json!([
        {"name": "b", "shape": [], "datatype": "BYTES", "parameters": {"binary_data_size": 6}},
        {"name": "c", "shape": [], "datatype": "BOOL", "data": true},
        {"name": "a", "shape": [2], "datatype": "FP16", "parameters": {"binary_data_size": 4}}
    ]);
    // Two bytes that are no text; 1.0 and infinity.
    let behind = [&[2, 0, 0, 0, 0xff, 0xfe][..], &[0x00, 0x3c, 0x00, 0x7c]].concat();
    let ask = async |outputs: Value, default: Value| {
        let json = json!({"inputs": inputs, "outputs": outputs, "parameters": {"binary_data_output": default}});
        Body { json, behind: behind.clone() }.send(&hub).await
    };

    let mixed =
        ask(json!([{"name": "C"}, {"name": "B"}, {"name": "A", "parameters": {"binary_data": false}}]), json!(true));
    let mixed = mixed.await;
    let (json, raw) = split(&mixed, &mixed.body);
    assert_eq!(raw, [&[1][..], &behind[..6]].concat());
    let outputs = json["outputs"].as_array().unwrap();
    assert_eq!(outputs[0]["parameters"], json!({"binary_data_size": 1}));
    assert_eq!(outputs[1]["parameters"], json!({"binary_data_size": 6}));
    assert_eq!(outputs[2], json!({"name": "A", "datatype": "FP16", "shape": [2], "data": [1.0, null]}));

    let plain = ask(json!([{"name": "C", "parameters": {}}]), Value::Null).await;
    assert_eq!(
        (plain.header("inference-header-content-length"), plain.header("content-type")),
        ("", "application/json")
    );
    assert_eq!(plain.json()["outputs"][0]["data"], json!([true]));
    let all = ask(Value::Null, json!(true)).await;
    assert_eq!(split(&all, &all.body).1, [&behind[6..], &behind[..6], &[1]].concat());

    let json_only = json!([{"name": "a", "shape": [1], "datatype": "FP16", "data": [1]}]);
    let answer = hub.call().json(&json!({"inputs": json_only})).await;
    answer.refused(400, "invalid_input", "\"a\" has datatype FP16, which has no JSON form; expected binary data");
    assert!(answer.text().contains("set_data_from_numpy(array, binary_data=True)"), "{}", answer.text());
}

#[tokio::test]
async fn lengths_and_bytes_that_lie_are_refused_and_cost_nothing() {
    let hub = TestHub::ready().await;
    for (length, message) in [
        ("-1", "Inference-Header-Content-Length is \"-1\"; expected how many bytes of the body are JSON"),
        ("+5", "is \"+5\""),
        ("", "is \"\""),
        ("0x10", "is \"0x10\""),
        ("1e3", "is \"1e3\""),
        ("18446744073709551616", "is \"18446744073709551616\""),
        ("18446744073709551615", "said to have 18446744073709551615 bytes"),
        ("100000", "said to have 100000 bytes"),
        ("0", "EOF while parsing"),
        ("12", "EOF while parsing"),
    ] {
        let asking = hub.call().header("inference-header-content-length", length);
        asking.body(Body::fitting().bytes()).await.refused(400, "invalid_request", message);
    }
    let right = Body::fitting().head().to_string();
    let twice = hub.call().header("inference-header-content-length", &right);
    let twice = twice.header("inference-header-content-length", &right).body(Body::fitting().bytes()).await;
    twice.refused(400, "invalid_request", "inference-header-content-length stands there twice");

    let sized = |shape: Value, datatype: &str, behind: &[u8]| {
        let size = json!({"binary_data_size": behind.len()});
        let x = json!({"name": "x", "shape": shape, "datatype": datatype, "parameters": size});
        Body { json: json!({"inputs": [x]}), behind: behind.to_vec() }
    };
    let huge = u64::MAX;
    for (body, message) in [
        (sized(json!([1, 2]), "FP32", &[0; 7]), "\"x\" has 7 bytes of data; expected 8"),
        (sized(json!([1, 2]), "FP32", &[0; 12]), "\"x\" has 12 bytes of data; expected 8"),
        (sized(json!([huge, huge]), "FP32", &[0; 8]), "\"x\" is larger than a tensor may be"),
        (sized(json!([huge, 0]), "FP32", &[]), "\"x\" is larger than a tensor may be"),
        (sized(json!([2]), "BYTES", &[1, 0, 0, 0, 7, 2, 0, 0, 0, 7]), "\"x\" ends inside element 1"),
        (sized(json!([1]), "BYTES", &[255, 255, 255, 255, 7]), "\"x\" ends inside element 0"),
        (sized(json!([1]), "BYTES", &[0, 0, 0]), "\"x\" ends inside element 0"),
        (sized(json!([1]), "BYTES", &[0, 0, 0, 0, 7]), "\"x\" has 5 bytes of data; expected 4"),
        (sized(json!([2]), "BOOL", &[1, 2]), "\"x\" has 2 as element 1"),
        (sized(json!([1, 2]), "INT64", &[0; 16]), "\"x\" has datatype INT64; expected FP32"),
        (sized(json!([4]), "FP16", &[0; 8]), "\"x\" has datatype FP16; expected FP32"),
        (Body { behind: vec![0; 9], ..Body::fitting() }, "1 bytes of the body belong to no input"),
        (Body { behind: vec![0; 7], ..Body::fitting() }, "has binary_data_size 8; 7 bytes are left"),
    ] {
        body.send(&hub).await.refused(400, "invalid_input", message);
    }
    assert_eq!(hub.cash(&hub.bob).await, "1");
    assert_eq!(hub.engine.calls(), 2, "only the dry run of the publish has run the model");
}

#[tokio::test]
async fn packed_bodies_are_read_and_answers_packed_as_asked() {
    let hub = TestHub::ready().await;
    let body = Body::fitting();
    let plain = body.send(&hub).await;
    for (word, packed) in [("gzip", gzip(&body.bytes())), ("deflate", zlib(&body.bytes()))] {
        let asking = hub.call().header("content-encoding", word).header("accept-encoding", word);
        let answer = asking.header("inference-header-content-length", &body.head().to_string()).body(packed).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-encoding")), (200, word));
        assert_eq!(split(&answer, &unpacked(&answer)), split(&plain, &plain.body));
        assert_eq!(answer.header("content-type"), "application/octet-stream");
        let json = hub.call().header("accept-encoding", word).json(&fitting()).await;
        let unpacked: Value = serde_json::from_slice(&unpacked(&json)).unwrap();
        assert_eq!(unpacked["outputs"][0]["data"], json!([1.5, 2.0]));
        assert_eq!((json.header("content-type"), json.header("x-cost")), ("application/json", "0.002"));
    }
    let other = hub.call().header("accept-encoding", "br, identity").json(&fitting()).await;
    assert_eq!((other.status.as_u16(), other.header("content-encoding")), (200, ""));
    // What is refused is not packed: its text has to be readable.
    let refused = hub.call().header("accept-encoding", "gzip").body("{").await;
    refused.refused(400, "invalid_request", "the body cannot be read");
}

#[tokio::test]
async fn a_bomb_is_refused_with_the_limit() {
    let hub = TestHub::ready().await;
    let zeros = vec![b' '; 256 * 1024 * 1024];
    for (word, bomb) in [("gzip", gzip(&zeros)), ("deflate", zlib(&zeros))] {
        assert!(bomb.len() < 300_000);
        let answer = hub.call().header("content-encoding", word).body(bomb).await;
        answer.refused(413, "body_too_large", "larger than 16777216 bytes once it is unpacked");
    }
    let twice = hub.call().header("content-encoding", "gzip").header("content-encoding", "gzip");
    twice.body(gzip(&gzip(b"{}"))).await.refused(415, "unsupported_media_type", "\"gzip\", which is not read here");
    let cut = gzip(fitting().to_string().as_bytes());
    let cut = hub.call().header("content-encoding", "gzip").body(cut[..cut.len() - 3].to_vec()).await;
    cut.refused(400, "invalid_request", "the body is not gzip, as its Content-Encoding says");
}

#[tokio::test]
async fn a_kept_answer_is_the_same_and_packed_as_the_repeat_asks() {
    let hub = TestHub::ready().await;
    let body = Body::fitting();
    let send = async |accept: &str, packed: bool| {
        let mut asking = hub.call().header("idempotency-key", "k").header("accept-encoding", accept);
        asking = asking.header("inference-header-content-length", &body.head().to_string());
        match packed {
            true => asking.header("content-encoding", "gzip").body(gzip(&body.bytes())).await,
            false => asking.body(body.bytes()).await,
        }
    };
    let first = send("gzip", false).await;
    for (accept, packed) in [("gzip", false), ("gzip", true), ("deflate", false), ("identity", true)] {
        let again = send(accept, packed).await;
        assert_eq!((again.status.as_u16(), again.header("idempotent-replayed")), (200, "true"), "{accept} {packed}");
        assert_eq!(again.header("x-receipt-id"), first.header("x-receipt-id"));
        assert_eq!(again.header("content-encoding"), if accept == "identity" { "" } else { accept });
        if accept == "gzip" {
            assert_eq!(again.body, first.body);
            let mut headers = again.headers.clone();
            headers.remove("idempotent-replayed");
            assert_eq!(headers, first.headers);
        }
    }
    assert_eq!(hub.cash(&hub.bob).await, "0.998");

    // The same bytes, said to be something else, are another request.
    let keyed = || hub.call().header("idempotency-key", "json");
    let plain = fitting().to_string();
    assert_eq!(keyed().body(plain.clone()).await.status, 200);
    let cut = keyed().header("inference-header-content-length", &plain.len().to_string()).body(plain).await;
    cut.refused(409, "idempotency_conflict", "used before for another request");
}

#[tokio::test]
async fn large_tensors_are_kept_and_packed_too() {
    let hub = TestHub::with(Fake::new(iris(), Behaviour::Echo)).await;
    hub.publish("alice/iris", "modelhub: { price: { per_call: \"0 OPG\" } }").await;
    let large = vec![0.5_f32.to_le_bytes(); 200_000].concat();
    let x =
        json!({"name": "x", "shape": [100_000, 2], "datatype": "FP32", "parameters": {"binary_data_size": 800_000}});
    let body = Body {
        json: json!({"inputs": [x], "outputs": [{"name": "y", "parameters": {"binary_data": true}}]}),
        behind: large,
    };
    for packed in [gzip(&body.bytes()), body.bytes()] {
        let mut asking = hub.call().header("inference-header-content-length", &body.head().to_string());
        asking = asking.header("idempotency-key", "k").header("accept-encoding", "gzip");
        if packed.len() < 800_000 {
            asking = asking.header("content-encoding", "gzip");
        }
        let answer = asking.body(packed).await;
        assert_eq!(split(&answer, &unpacked(&answer)).1, body.behind);
    }
}
