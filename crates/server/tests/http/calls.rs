//! Calls: what is answered, what is charged, what is refused.

use engine::fake::{Behaviour, Fake};
use engine::{Failure, Unavailable};
use serde_json::{Value, json};
use tensor::{DataType, Signature, Tensor};

use crate::hub::{TestHub, fitting, iris, port};

#[tokio::test]
async fn a_paid_call_is_answered_with_cost_and_receipt() {
    let hub = TestHub::ready().await;
    let answer = hub.call().json(&fitting()).await;
    assert_eq!(
        answer.text(),
        concat!(
            r#"{"model_name":"alice/iris","model_version":"1.00","id":"r-1","#,
            r#""outputs":[{"name":"y","datatype":"FP32","shape":[1,2],"data":[1.5,2.0]}]}"#
        )
    );
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("x-cost"), "0.002");
    assert_eq!(answer.header("x-model-release"), "1.00");
    assert_eq!(answer.header("x-model-digest").len(), 64);
    assert_eq!(answer.header("x-cold-start"), "false");
    assert!(!answer.headers.contains_key("idempotent-replayed"));
    assert_eq!(hub.cash(&hub.bob).await, "0.998");
    assert_eq!(hub.cash(&hub.alice).await, "0.0018");

    let id = answer.header("x-receipt-id");
    let receipt = hub.get(&format!("/api/v1/receipts/{id}")).key(&hub.bob).send().await.json();
    let signed: receipt::Signed = serde_json::from_value(receipt).unwrap();
    signed.verify(&hub.hub.signing_keys()).unwrap();
    assert_eq!(signed.id, id);
    assert!(
        signed.proves_inputs(|sink| {
            tensor::canonical(&[Tensor::fp32("x", &[1, 2], &[1.5, 2.0]).unwrap()], sink);
        }) == Some(true)
    );
}

#[tokio::test]
async fn a_receipt_is_there_for_those_it_names_alone() {
    let hub = TestHub::ready().await;
    let answer = hub.call().json(&fitting()).await;
    let path = format!("/api/v1/receipts/{}", answer.header("x-receipt-id"));
    for key in [&hub.bob, &hub.alice, &hub.operator] {
        assert_eq!(hub.get(&path).key(key).send().await.status, 200);
    }
    let carol = hub.post("/api/v1/admin/accounts").key(&hub.operator).json(&json!({"handle": "carol"})).await.json();
    let carol = carol["key"].as_str().unwrap();
    hub.get(&path).key(carol).send().await.refused(404, "receipt_not_found", "there is no receipt call_");
    hub.get("/api/v1/receipts/x").key(carol).send().await.refused(404, "receipt_not_found", "\"x\" names nothing");
}

#[tokio::test]
async fn calls_and_earnings_are_listed() {
    let hub = TestHub::ready().await;
    for _ in 0..3 {
        hub.call().header("x-modelhub-surface", "cli").json(&fitting()).await;
    }
    let first = hub.get("/api/v1/calls?limit=2").key(&hub.bob).send().await.json();
    assert_eq!(first["items"].as_array().unwrap().len(), 2);
    let call = &first["items"][0];
    assert_eq!(call["model"], "alice/iris");
    assert_eq!((&call["class"], &call["surface"], &call["outcome"]), (&json!("paid"), &json!("cli"), &json!("ok")));
    assert_eq!((&call["cost"], &call["fee"]), (&json!("0.002"), &json!("0.0002")));
    let next = first["next"].as_str().unwrap();
    let second = hub.get(&format!("/api/v1/calls?limit=2&cursor={next}")).key(&hub.bob).send().await.json();
    assert_eq!((second["items"].as_array().unwrap().len(), &second["next"]), (1, &Value::Null));

    let earned = |by: &'static str| hub.get(by).key(&hub.alice).send();
    let by_model = earned("/api/v1/earnings").await.json();
    assert_eq!(
        by_model,
        json!({
            "items": [{"model": "alice/iris", "class": "paid", "purse": "cash", "kind": "creator", "calls": 3,
                       "amount": "0.0054"}],
            "totals": {"paid": "0.0054", "trial": "0", "own": "0"}
        })
    );
    let by_day = earned("/api/v1/earnings?by=day").await.json();
    assert_eq!((&by_day["items"][0]["day"], &by_day["items"][0]["release"]), (&json!("2026-11-23"), &json!("1.00")));
    let wrong = hub.get("/api/v1/earnings?by=hour").key(&hub.alice).send().await;
    wrong.refused(400, "invalid_request", "by is \"hour\"; expected model, release, day, class or payer");
}

#[tokio::test]
async fn a_body_that_does_not_fit_is_refused_and_costs_nothing() {
    let hub = TestHub::ready().await;
    let input = |input: Value| json!({"inputs": [input]}).to_string();
    for (body, code, message) in [
        (String::new(), "invalid_request", "EOF while parsing"),
        ("{".to_owned(), "invalid_request", "line 1 column 1"),
        ("[]".to_owned(), "invalid_request", "the body cannot be read"),
        ("{\"inputs\": []} x".to_owned(), "invalid_request", "trailing characters"),
        (json!({"inputs": []}).to_string(), "invalid_input", "\"x\" is missing; expected FP32 of shape [any, 2]"),
        (
            input(json!({"name": "z", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]})),
            "invalid_input",
            "input \"z\" is unknown; expected \"x\"",
        ),
        (
            input(json!({"name": "x", "shape": [1, 2], "datatype": "INT64", "data": [1, 2]})),
            "invalid_input",
            "\"x\" has datatype INT64; expected FP32",
        ),
        (
            input(json!({"name": "x", "shape": [1, 2], "datatype": "FLOAT", "data": [1, 2]})),
            "invalid_input",
            "\"FLOAT\" is not a data type",
        ),
        (
            input(json!({"name": "x", "shape": [2], "datatype": "FP32", "data": [1, 2]})),
            "invalid_input",
            "\"x\" has 1 axes; expected 2",
        ),
        (
            input(json!({"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]})),
            "invalid_input",
            "\"x\" has size 3 on axis 1; expected 2",
        ),
        (
            input(json!({"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1]})),
            "invalid_input",
            "\"x\" has 1 elements in its data; expected 2",
        ),
        (
            input(json!({"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, "2"]})),
            "invalid_input",
            "as element 1; expected a number",
        ),
        (input(json!({"name": "x", "shape": [1, 2], "datatype": "FP32"})), "invalid_input", "\"x\" has no data"),
        (
            input(json!({"name": "x", "shape": [1, 2], "datatype": "FP32", "parameters": {"binary_data_size": 8}})),
            "invalid_input",
            "input \"x\" has binary_data_size, and nothing says where the JSON ends",
        ),
        (
            json!({"inputs": fitting()["inputs"], "outputs": [{"name": "z"}]}).to_string(),
            "invalid_input",
            "output \"z\" is unknown; the model has \"y\"",
        ),
        (
            json!({"inputs": fitting()["inputs"], "outputs": [{"name": "y"}, {"name": "y"}]}).to_string(),
            "invalid_input",
            "output \"y\" is asked for twice",
        ),
    ] {
        hub.call().body(body).await.refused(400, code, message);
    }
    assert_eq!(hub.cash(&hub.bob).await, "1");
    assert_eq!(hub.engine.calls(), 2, "only the dry run of the publish has run the model");
}

#[tokio::test]
async fn headers_that_cannot_be_kept_to_are_refused() {
    let hub = TestHub::ready().await;
    let long = "k".repeat(256);
    for (name, value, status, code, message) in [
        ("authorization", "Basic YTpi", 400, "invalid_request", "authorization stands there twice"),
        ("x-max-cost", "cheap", 400, "invalid_request", "X-Max-Cost: \"cheap\" is not an amount"),
        ("x-max-cost", "-1", 400, "invalid_request", "X-Max-Cost: -1 is below zero"),
        ("x-max-cost", "0.001", 402, "cost_above_limit", "the call costs 0.002 OPG, above the limit of 0.001 OPG"),
        ("idempotency-key", "", 400, "invalid_request", "expected 1 to 255 visible ASCII characters"),
        ("idempotency-key", "a b", 400, "invalid_request", "Idempotency-Key is \"a b\""),
        ("idempotency-key", &long, 400, "invalid_request", "expected 1 to 255"),
        ("x-modelhub-surface", "grpc", 400, "invalid_request", "X-Modelhub-Surface is \"grpc\""),
        ("content-encoding", "br", 415, "unsupported_media_type", "\"br\""),
        ("content-encoding", "gzip, gzip", 415, "unsupported_media_type", "\"gzip, gzip\""),
        ("content-encoding", "gzip", 400, "invalid_request", "the body is not gzip, as its Content-Encoding says"),
        ("content-encoding", "deflate", 400, "invalid_request", "the body is not deflate"),
        ("inference-header-content-length", "40", 400, "invalid_request", "the body cannot be read"),
        ("inference-header-content-length", "4000", 400, "invalid_request", "said to have 4000 bytes; the body has 8"),
    ] {
        hub.call().header(name, value).json(&fitting()).await.refused(status, code, message);
    }
    let basic = hub.post("/v2/models/alice/iris/infer").header("authorization", "Basic YTpi").json(&fitting()).await;
    basic.refused(401, "bad_key", "not of the kind \"Bearer\"");
    let twice = hub.call().header("x-max-cost", "1").header("x-max-cost", "2").json(&fitting()).await;
    twice.refused(400, "invalid_request", "x-max-cost stands there twice");
    assert_eq!(hub.call().header("x-max-cost", "0.002").json(&fitting()).await.status, 200);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_with_the_limit() {
    let hub = TestHub::ready().await;
    let message = "larger than 16777216 bytes";
    hub.call().body(vec![b' '; 16 * 1024 * 1024 + 1]).await.refused(413, "body_too_large", message);
    // The same without an announced length.
    let piece = || Ok::<_, std::io::Error>(bytes::Bytes::from(vec![b' '; 1024 * 1024]));
    let pieces = futures_util::stream::iter((0..17).map(move |_| piece()));
    hub.call().body(axum::body::Body::from_stream(pieces)).await.refused(413, "body_too_large", message);
    let large = hub.post("/api/v1/keys").key(&hub.bob).body(vec![b' '; 4 * 1024 * 1024 + 1]).await;
    large.refused(413, "body_too_large", "larger than 4194304 bytes");
}

#[tokio::test]
async fn a_large_body_in_pieces_is_read_whole() {
    let hub = TestHub::ready().await;
    let rows = 40_000_u64;
    let data: Vec<u64> = (0..rows * 2).collect();
    let body = json!({"inputs": [{"name": "x", "shape": [rows, 2], "datatype": "FP32", "data": data}]}).to_string();
    let pieces: Vec<_> = body.as_bytes().chunks(60_000).map(|p| Ok::<_, std::io::Error>(p.to_vec())).collect();
    let answer = hub.call().body(axum::body::Body::from_stream(futures_util::stream::iter(pieces))).await;
    assert_eq!(answer.json()["outputs"][0]["data"][79_999], json!(79_999.0));
}

#[tokio::test]
async fn a_repeat_with_the_same_idempotency_key_is_the_same_call() {
    let hub = TestHub::ready().await;
    let keyed = |body: Value| hub.call().header("idempotency-key", "k-1").body(body.to_string());
    let first = keyed(fitting()).await;
    let again = keyed(fitting()).await;
    assert_eq!((first.header("idempotent-replayed"), again.header("idempotent-replayed")), ("", "true"));
    assert_eq!(first.text(), again.text());
    assert_eq!(first.header("x-receipt-id"), again.header("x-receipt-id"));
    assert_eq!(hub.cash(&hub.bob).await, "0.998");

    let mut other = fitting();
    other["inputs"][0]["data"] = json!([9, 9]);
    keyed(other).await.refused(409, "idempotency_conflict", "used before for another request");
    let elsewhere = hub.post("/v2/models/alice/iris/versions/1.00/infer").key(&hub.bob);
    let elsewhere = elsewhere.header("idempotency-key", "k-1").json(&fitting()).await;
    elsewhere.refused(409, "idempotency_conflict", "used before");
    // Another account's key of the same name is another key.
    hub.deposit("alice", "1").await;
    let alice = hub.post("/v2/models/alice/iris/infer").key(&hub.alice).header("idempotency-key", "k-1");
    assert_eq!(alice.json(&fitting()).await.header("idempotent-replayed"), "");
}

#[tokio::test]
async fn only_the_outputs_that_are_asked_for_are_answered() {
    let two = Signature {
        inputs: vec![port("a", DataType::Int64, &[]), port("b", DataType::Bytes, &[Some(1)])],
        outputs: vec![port("A \"1\"", DataType::Int64, &[]), port("B", DataType::Bytes, &[Some(1)])],
    };
    let hub = TestHub::with(Fake::new(two, Behaviour::Echo)).await;
    hub.publish("alice/iris", "modelhub: { price: { per_call: \"0 OPG\" } }").await;
    let inputs = json!([
        {"name": "b", "shape": [1], "datatype": "BYTES", "data": ["é\""]},
        {"name": "a", "shape": [], "datatype": "INT64", "data": 7}
    ]);
    let all = hub.call().json(&json!({"inputs": inputs, "outputs": []})).await.json();
    assert_eq!(all["outputs"][0], json!({"name": "A \"1\"", "datatype": "INT64", "shape": [], "data": [7]}));
    let wanted = hub.call().json(&json!({"inputs": inputs, "outputs": [{"name": "B"}]})).await.json();
    assert_eq!(wanted["outputs"], json!([{"name": "B", "datatype": "BYTES", "shape": [1], "data": ["é\""]}]));
    assert!(wanted.get("id").is_none());
}

#[tokio::test]
async fn no_money_no_call() {
    let hub = TestHub::selling("0.002 OPG").await;
    let answer = hub.call().json(&fitting()).await;
    answer.refused(402, "insufficient_funds", "0.002 OPG are needed; available are 0 OPG cash and 0 OPG promo");
}

#[tokio::test]
async fn a_failed_run_costs_nothing_and_says_why() {
    for (failure, status, code, message, retry) in [
        (Failure::Run { reason: "bad shape".to_owned() }, 502, "engine_failed", "the model failed: bad shape", ""),
        (Failure::Busy { waiting: 9, limit: 9 }, 429, "busy", "9 calls of this model are waiting", "1"),
        (Failure::TimedOut { limit_ms: 5 }, 504, "timed_out", "no answer within 5 ms", ""),
        (
            Failure::Weights { reason: "/secret/path: gone".to_owned() },
            502,
            "engine_failed",
            "the weights cannot be opened",
            "",
        ),
    ] {
        let engine = Fake::new(iris(), Behaviour::Echo).then(Behaviour::Echo).then(Behaviour::Fail(failure));
        let hub = TestHub::with(engine).await;
        hub.publish("alice/iris", "modelhub: { price: { per_call: \"0.002 OPG\" } }").await;
        hub.deposit("bob", "1").await;
        let answer = hub.call().json(&fitting()).await;
        answer.refused(status, code, message);
        assert!(!answer.text().contains("secret"));
        assert_eq!(answer.header("retry-after"), retry);
        assert_eq!(hub.cash(&hub.bob).await, "1");
    }
}

#[tokio::test]
async fn without_an_engine_the_hub_lives_but_is_not_ready() {
    let hub = TestHub::ready().await;
    for path in ["/v2/health/ready", "/v2/models/alice/iris/ready"] {
        assert_eq!(hub.get(path).send().await.text(), r#"{"ready":true}"#);
    }
    let reason = "/secret/path is not there".to_owned();
    hub.engine.set_unavailable(Some(Unavailable { reason, hint: "modelhub engine install" }));
    assert_eq!(hub.get("/v2/health/live").send().await.status, 200);
    for path in ["/v2/health/ready", "/v2/models/alice/iris/ready"] {
        let answer = hub.get(path).send().await;
        answer.refused(503, "engine_unavailable", "nothing can run models at present");
        assert!(!answer.text().contains("secret") && answer.text().contains("modelhub engine install"));
    }
    let answer = hub.call().json(&fitting()).await;
    answer.refused(503, "engine_unavailable", "nothing can run models");
    assert_eq!(answer.header("retry-after"), "10");
}

#[tokio::test]
async fn metadata_is_what_the_protocols_clients_read() {
    let hub = TestHub::ready().await;
    let server = hub.get("/v2").send().await.json();
    assert_eq!((&server["name"], &server["extensions"]), (&json!("modelhub"), &json!(["binary_tensor_data"])));
    let model = hub.get("/v2/models/alice/iris").send().await.json();
    let digest = model["digest"].as_str().unwrap();
    assert_eq!(digest.len(), 64);
    assert_eq!(
        model,
        json!({
            "name": "alice/iris", "versions": ["1.00"], "platform": "onnx_onnxv1", "engine": "onnxruntime",
            "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}],
            "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, 2]}],
            "release": "1.00", "digest": digest, "price": {"per_call": "0.002 OPG"}, "cost": "0.002",
            "deadline_ms": 30000
        })
    );
    assert_eq!(hub.get("/v2/models/alice/iris/versions/1.00").send().await.json(), model);
    assert_eq!(hub.get("/v2/models/alice/IRIS").send().await.status, 200, "case does not matter");

    let quote = hub.post("/v2/models/alice/iris/quote").send().await.json();
    assert_eq!((&quote["cost"], &quote["fee"]), (&json!("0.002"), &json!("0.0002")));
    let info = hub.get("/.well-known/modelhub").send().await.json();
    assert_eq!(info["hub"], format!("0x{}", "09".repeat(32)));
    assert_eq!(info["keys"][0], hub.hub.signing_keys()[0].to_string());
}

#[tokio::test]
async fn a_price_in_usd_is_charged_at_the_operators_rate() {
    let hub = TestHub::selling("0.0002 USD").await;
    hub.deposit("bob", "1").await;
    let answer = hub.call().json(&fitting()).await;
    answer.refused(422, "invalid_price", "this hub has no rate for OPG yet");
    assert_eq!(hub.get("/v2/models/alice/iris").send().await.json().get("cost"), None);
    assert!(hub.get("/alice/iris").send().await.text().contains("no rate for OPG yet"));

    let set = hub.ask("PUT", "/api/v1/admin/rate").key(&hub.operator).json(&json!({"rate": "0.1"})).await;
    assert_eq!(set.json(), json!({"rate": "0.1"}));
    assert_eq!(hub.call().json(&fitting()).await.header("x-cost"), "0.002");
    let quote = hub.post("/v2/models/alice/iris/quote").send().await.json();
    assert_eq!((&quote["currency"], &quote["rate"]), (&json!("USD"), &json!("0.1")));
}
