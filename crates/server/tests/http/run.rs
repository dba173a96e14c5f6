//! Calls in people's values, and embeddings for clients made for OpenAI.

use engine::fake::{Behaviour, Fake};
use serde_json::{Value, json};
use tensor::{DataType, Signature};

use crate::hub::{Answer, TestHub, port};

/// A model of four bytes, whose scores are what it was given.
const BYTES: &str = "modelhub: { price: { per_item: \"0.001 OPG\" }, labels: [a, b, c, d], \
    task: { type: file-type, begin: 2, end: 2, padding: 0, top: 2 } }";
const RUN: &str = "/api/v1/run/alice/bytes";

async fn selling() -> TestHub {
    let signature = Signature {
        inputs: vec![port("x", DataType::Fp32, &[None, Some(4)])],
        outputs: vec![port("y", DataType::Fp32, &[None, Some(4)])],
    };
    let hub = TestHub::with(Fake::new(signature, Behaviour::Echo)).await;
    hub.publish("alice/bytes", BYTES).await;
    hub.publish("alice/iris", "modelhub: { price: { per_call: \"0.002 OPG\" } }").await;
    hub.deposit("bob", "1").await;
    hub
}

fn labels(answer: &Answer) -> Vec<String> {
    let outputs = answer.json()["outputs"].as_array().cloned().unwrap_or_else(|| panic!("{}", answer.text()));
    outputs.iter().map(|output| output["label"].as_str().unwrap_or_default().to_owned()).collect()
}

fn form(parts: &[(&str, &[u8])], boundary: &str) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, bytes) in parts {
        let head = format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"; filename=\"f\"\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    body
}

#[tokio::test]
async fn a_value_is_answered_with_what_it_is_and_costs() {
    let hub = selling().await;
    let answer = hub.post(RUN).key(&hub.bob).json(&json!({"input": {"text": "abyz"}})).await;
    assert_eq!(
        answer.text(),
        concat!(
            r#"{"model":"alice/bytes","release":"1.00","outputs":[{"label":"d","score":122.0,"#,
            r#""top":[{"label":"d","score":122.0},{"label":"c","score":121.0}]}]}"#
        )
    );
    assert_eq!((answer.header("x-cost"), answer.header("x-model-release")), ("0.001", "1.00"));
    assert!(answer.header("x-receipt-id").starts_with("call_"));

    // The same bytes as a data URL, two at once.
    let body = json!({"inputs": ["data:text/plain;base64,YWJ5eg==", {"text": "zyba"}]});
    let versioned = format!("{RUN}/versions/1.00");
    let answer = hub.post(&versioned).key(&hub.bob).json(&body).await;
    assert_eq!((labels(&answer), answer.header("x-cost")), (vec!["d".to_owned(), "a".to_owned()], "0.002"));
    assert_eq!(hub.cash(&hub.bob).await, "0.997");

    let page = hub.get("/alice/bytes").send().await;
    assert!(
        page.text().contains("https://hub.example/api/v1/run/alice/bytes") && page.text().contains("-F file=@FILE")
    );
    let metadata = hub.get("/v2/models/alice/bytes").send().await.json();
    assert_eq!(metadata["task"]["type"], "file-type");
    assert_eq!(metadata["task"]["bytes"]["begin"], 2);
    let listed = hub.get("/api/v1/models").send().await.json();
    assert!(listed["items"].as_array().unwrap().iter().any(|item| item["task"] == "file-type"), "{listed}");
}

#[tokio::test]
async fn a_form_brings_files_and_a_key_stands_for_them_however_they_are_cut() {
    let hub = selling().await;
    let parts: [(&str, &[u8]); 2] = [("file", b"ab\xff\xfe"), ("input", b"zyba")];
    let mut receipts = Vec::new();
    for boundary in ["one", "another"] {
        let kind = format!("multipart/form-data; boundary={boundary}");
        let asking = hub.post(RUN).key(&hub.bob).header("content-type", &kind).header("idempotency-key", "k");
        let answer = asking.body(form(&parts, boundary)).await;
        assert_eq!(labels(&answer), ["c", "a"]);
        receipts.push((answer.header("x-receipt-id").to_owned(), answer.header("idempotent-replayed").to_owned()));
    }
    assert_eq!((&receipts[0].0, receipts[1].1.as_str()), (&receipts[1].0, "true"));
    assert_eq!(hub.cash(&hub.bob).await, "0.998");
    let kind = "multipart/form-data; boundary=one";
    let other = hub.post(RUN).key(&hub.bob).header("content-type", kind).header("idempotency-key", "k");
    other.body(form(&parts[..1], "one")).await.refused(409, "idempotency_conflict", "used before");
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_costs_nothing() {
    let hub = selling().await;
    for (body, code, message) in [
        (json!({}), "invalid_request", "expected one of \"input\" and \"inputs\""),
        (json!({"input": "x", "inputs": []}), "invalid_request", "expected one of"),
        (json!({"inptu": "x"}), "invalid_request", "unknown field `inptu`"),
        (json!({"inputs": []}), "invalid_input", "there are 0 inputs; expected 1 to 1024"),
        (json!({"inputs": ["data:;base64,YQ==", 7]}), "invalid_input", "input 1 is 7; expected a data URL"),
        (json!({"input": "data:;base64,?"}), "invalid_input", "input 0 is \"data:;base64,?\""),
        (json!({"inputs": vec![1; 1025]}), "invalid_request", "inputs: more than 1024 entries"),
    ] {
        hub.post(RUN).key(&hub.bob).json(&body).await.refused(400, code, message);
    }
    let parts: [(&str, &[u8]); 1] = [("image", b"x")];
    let asking = hub.post(RUN).key(&hub.bob).header("content-type", "multipart/form-data; boundary=b");
    asking.body(form(&parts, "b")).await.refused(400, "invalid_request", "part \"image\" is unknown; expected input");
    let asking = hub.post(RUN).key(&hub.bob).header("content-type", "multipart/form-data");
    asking.body("x").await.refused(400, "invalid_request", "expected a boundary");

    let plain = hub.post("/api/v1/run/alice/iris").key(&hub.bob).json(&json!({"input": "x"})).await;
    plain.refused(400, "invalid_request", "alice/iris has no task");
    assert_eq!(plain.json()["error"]["hint"], "POST /v2/models/alice/iris/infer");
    let dear =
        hub.post(RUN).key(&hub.bob).header("x-max-cost", "0.0001").json(&json!({"input": {"text": "abcd"}})).await;
    dear.refused(402, "cost_above_limit", "0.001 OPG");
    hub.post(RUN).json(&json!({"input": "x"})).await.refused(402, "payment_required", "costs");
    assert_eq!(hub.cash(&hub.bob).await, "1");
}

#[tokio::test]
async fn embeddings_are_refused_in_the_form_that_openais_clients_read() {
    let hub = selling().await;
    let ask = |body: Value| hub.post("/v1/embeddings").key(&hub.bob).json(&body);
    for (body, status, code, message) in [
        (json!({"model": "alice/bytes", "input": "x"}), 400, "invalid_request", "makes no embeddings"),
        (json!({"model": "alice/none", "input": "x"}), 404, "model_not_found", "alice/none"),
        (json!({"model": "gpt", "input": "x"}), 404, "model_not_found", "gpt"),
        (json!({"model": "alice/bytes@9.00", "input": "x"}), 404, "release_not_found", "9.00"),
        (json!({"model": "alice/bytes", "input": [[1, 2]]}), 400, "invalid_request", "input holds [1,2]"),
        (json!({"model": "alice/bytes", "input": 7}), 400, "invalid_request", "input holds 7"),
        (json!({"model": "alice/bytes", "input": "x", "encoding_format": "hex"}), 400, "invalid_request", "\"hex\""),
        (json!({"input": "x"}), 400, "invalid_request", "missing field `model`"),
    ] {
        let answer = ask(body).await;
        answer.refused(status, code, message);
        assert_eq!(
            (&answer.json()["error"]["type"], &answer.json()["error"]["param"]),
            (&json!("invalid_request_error"), &Value::Null)
        );
    }
    let nobody = hub.post("/v1/embeddings").json(&json!({"model": "alice/bytes", "input": "x"})).await;
    nobody.refused(401, "no_key", "a key is needed");
    assert_eq!(nobody.json()["error"]["type"], "authentication_error");
}
