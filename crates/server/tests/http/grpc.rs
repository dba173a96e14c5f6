//! The protocol over gRPC: messages as they go over the wire, without a client. `tests/clients/triton.py` has a real one.

use std::io::Write;
use std::time::Duration;

use axum::http::HeaderMap;
use bytes::Bytes;
use engine::fake::{Behaviour, Fake};
use engine::{Failure, Unavailable};
use prost::Message;
use serde_json::json;
use tokio::net::TcpListener;

use crate::hub::{Answer, Asking, TestHub, iris};

/// A `ModelInferRequest`, as far as it is used here.
#[derive(Clone, PartialEq, Message)]
struct Infer {
    #[prost(string, tag = "1")]
    model: String,
    #[prost(string, tag = "2")]
    version: String,
    #[prost(string, tag = "3")]
    id: String,
    /// Its entries; said nothing of by the hub.
    #[prost(btree_map = "string, message", tag = "4")]
    parameters: std::collections::BTreeMap<String, Parameter>,
    #[prost(message, repeated, tag = "5")]
    inputs: Vec<Tensor>,
    #[prost(message, repeated, tag = "6")]
    outputs: Vec<Output>,
    #[prost(bytes = "bytes", repeated, tag = "7")]
    raw: Vec<Bytes>,
}

/// A `ModelInferResponse`.
#[derive(Clone, PartialEq, Message)]
struct Inferred {
    #[prost(string, tag = "1")]
    model: String,
    #[prost(string, tag = "2")]
    version: String,
    #[prost(string, tag = "3")]
    id: String,
    #[prost(btree_map = "string, message", tag = "4")]
    parameters: std::collections::BTreeMap<String, Parameter>,
    #[prost(message, repeated, tag = "5")]
    outputs: Vec<Tensor>,
    #[prost(bytes = "bytes", repeated, tag = "6")]
    raw: Vec<Bytes>,
}

#[derive(Clone, PartialEq, Message)]
struct Tensor {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    datatype: String,
    #[prost(int64, repeated, tag = "3")]
    shape: Vec<i64>,
    #[prost(message, optional, tag = "5")]
    contents: Option<Floats>,
}

#[derive(Clone, PartialEq, Message)]
struct Floats {
    #[prost(float, repeated, tag = "6")]
    fp32: Vec<f32>,
}

#[derive(Clone, PartialEq, Message)]
struct Parameter {
    #[prost(string, tag = "3")]
    text: String,
}

#[derive(Clone, PartialEq, Message)]
struct Output {
    #[prost(string, tag = "1")]
    name: String,
}

/// `ModelReadyRequest` and `ModelMetadataRequest`.
#[derive(Clone, PartialEq, Message)]
struct Named {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    version: String,
}

/// Every answer that is a yes or a no.
#[derive(Clone, PartialEq, Message)]
struct Yes {
    #[prost(bool, tag = "1")]
    yes: bool,
}

fn frame(packed: bool, message: &[u8]) -> Vec<u8> {
    [&[u8::from(packed)][..], &(message.len() as u32).to_be_bytes(), message].concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A call that fits [`iris`].
fn fitting() -> Infer {
    let x = Tensor { name: "x".into(), datatype: "FP32".into(), shape: vec![1, 2], contents: None };
    let raw = [1.5_f32.to_le_bytes(), 2_f32.to_le_bytes()].concat();
    Infer { model: "alice/iris".into(), id: "r-1".into(), inputs: vec![x], raw: vec![raw.into()], ..Infer::default() }
}

fn typed() -> Infer {
    let mut call = fitting();
    call.raw.clear();
    call.inputs[0].contents = Some(Floats { fp32: vec![1.5, 2.0] });
    call
}

fn method<'a>(hub: &'a TestHub, name: &str) -> Asking<'a> {
    let asking = hub.post(&format!("/inference.GRPCInferenceService/{name}"));
    asking.header("content-type", "application/grpc").header("te", "trailers")
}

async fn call(hub: &TestHub, call: &Infer) -> Answer {
    method(hub, "ModelInfer").key(&hub.bob).body(frame(false, &call.encode_to_vec())).await
}

/// The one message of an answer that is one.
fn message<M: Message + Default>(answer: &Answer) -> M {
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/grpc"));
    assert_eq!(answer.header("grpc-status"), "", "{}", text(&answer.headers));
    assert_eq!(answer.trailers.get("grpc-status").unwrap(), "0");
    let (head, message) = answer.body.split_first_chunk::<5>().unwrap();
    assert_eq!(head[0], 0, "answers are not packed");
    assert_eq!(u32::from_be_bytes(head[1..].try_into().unwrap()) as usize, message.len());
    M::decode(message).unwrap()
}

/// `grpc-message`, read.
fn text(headers: &HeaderMap) -> String {
    let told = headers.get("grpc-message").map_or("", |value| value.to_str().unwrap());
    let mut pieces = told.split('%');
    let mut bytes = pieces.next().unwrap().as_bytes().to_vec();
    for piece in pieces {
        bytes.push(u8::from_str_radix(&piece[..2], 16).unwrap());
        bytes.extend_from_slice(&piece.as_bytes()[2..]);
    }
    String::from_utf8(bytes).unwrap()
}

#[track_caller]
fn refused(answer: &Answer, status: &str, code: &str, said: &str) {
    let text = text(&answer.headers);
    assert_eq!((answer.header("grpc-status"), answer.header("x-error-code")), (status, code), "{text}");
    assert!(text.contains(said), "{text:?} does not say {said:?}");
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/grpc"));
    assert!(answer.body.is_empty());
}

#[tokio::test]
async fn a_call_costs_and_answers_as_it_does_over_http() {
    let hub = TestHub::ready().await;
    for asked in [fitting(), typed()] {
        let before: f64 = hub.cash(&hub.bob).await.parse().unwrap();
        let answer = call(&hub, &asked).await;
        let inferred: Inferred = message(&answer);
        assert_eq!(
            (inferred.model.as_str(), inferred.version.as_str(), inferred.id.as_str()),
            ("alice/iris", "1.00", "r-1")
        );
        let [output] = &inferred.outputs[..] else { panic!("one output") };
        assert_eq!((output.name.as_str(), output.datatype.as_str(), &output.shape[..]), ("y", "FP32", &[1, 2][..]));
        assert_eq!((&output.contents, &inferred.raw), (&asked.inputs[0].contents, &asked.raw), "as it was asked");
        assert_eq!((answer.header("x-cost"), answer.header("x-paid-from")), ("0.002", "cash"));
        let after: f64 = hub.cash(&hub.bob).await.parse().unwrap();
        assert_eq!(((before - after) * 1e9).round(), 2e6);

        // What the metadata say, the parameters say too.
        for (name, Parameter { text }) in &inferred.parameters {
            assert_eq!(answer.header(name), text);
        }
        let names: Vec<&str> = inferred.parameters.keys().map(String::as_str).collect();
        let told = ["x-cold-start", "x-cost", "x-model-digest", "x-model-release", "x-paid-from", "x-receipt-id"];
        assert_eq!(names, told);

        let receipt =
            hub.get(&format!("/api/v1/receipts/{}", answer.header("x-receipt-id"))).key(&hub.bob).send().await;
        let signed: receipt::Signed = serde_json::from_value(receipt.json()).unwrap();
        signed.verify(&hub.hub.signing_keys()).unwrap();
    }
    let calls = hub.get("/api/v1/calls").key(&hub.bob).send().await.json();
    assert_eq!((&calls["items"][0]["surface"], &calls["items"][0]["outcome"]), (&json!("grpc"), &json!("ok")));
}

#[tokio::test]
async fn the_server_and_its_models_tell_of_themselves_without_a_key() {
    let hub = TestHub::ready().await;
    let ask = async |name: &str, asked: Named| method(&hub, name).body(frame(false, &asked.encode_to_vec())).await;
    let iris = |version: &str| Named { name: "alice/iris".into(), version: version.into() };
    for name in ["ServerLive", "ServerReady"] {
        assert!(message::<Yes>(&ask(name, Named::default()).await).yes, "{name}");
    }
    let server: Named = message(&ask("ServerMetadata", Named::default()).await);
    assert_eq!((server.name.as_str(), server.version.as_str()), ("modelhub", env!("CARGO_PKG_VERSION")));

    let other = |name: &str| Named { name: name.into(), ..Named::default() };
    for (model, ready) in [
        (iris(""), true),
        (iris("1.00"), true),
        (iris("2.00"), false),
        (iris("latest"), false),
        (other("alice/none"), false),
        (other("iris"), false),
        (other("Alice/../.."), false),
        (Named::default(), false),
    ] {
        assert_eq!(message::<Yes>(&ask("ModelReady", model.clone()).await).yes, ready, "{model:?}");
    }
    let metadata = ask("ModelMetadata", iris("")).await;
    assert_eq!(message::<Named>(&metadata).name, "alice/iris");
    for (model, code, said) in [
        (iris("9.00"), "release_not_found", "alice/iris has no release 9.00"),
        (iris("x"), "release_not_found", "alice/iris has no release \"x\""),
        (other("alice/none"), "model_not_found", "there is no model alice/none"),
        (other("iris"), "model_not_found", "there is no model \"iris/\""),
    ] {
        refused(&ask("ModelMetadata", model).await, "5", code, said);
    }

    let reason = "/secret/path".to_owned();
    hub.engine.set_unavailable(Some(Unavailable { reason, hint: "modelhub engine install" }));
    assert!(!message::<Yes>(&ask("ServerReady", Named::default()).await).yes);
    assert!(!message::<Yes>(&ask("ModelReady", iris("")).await).yes);
    assert!(message::<Yes>(&ask("ServerLive", Named::default()).await).yes);
    let answer = call(&hub, &fitting()).await;
    refused(&answer, "14", "engine_unavailable", "nothing can run models at present; modelhub engine install");
    assert_eq!(answer.header("retry-after"), "10");
}

#[tokio::test]
async fn methods_of_other_servers_are_not_implemented() {
    let hub = TestHub::ready().await;
    for name in ["ModelStreamInfer", "ModelConfig", "RepositoryIndex", "SystemSharedMemoryStatus", "LogSettings"] {
        let answer = method(&hub, name).key(&hub.bob).body(frame(false, b"")).await;
        refused(
            &answer,
            "12",
            "method_not_allowed",
            &format!("/{name} is not a method of this hub; it has ServerLive"),
        );
    }
    refused(
        &hub.get("/inference.GRPCInferenceService/ModelInfer").send().await,
        "12",
        "method_not_allowed",
        "take GET",
    );
}

#[tokio::test]
async fn a_call_that_is_refused_costs_nothing_and_says_why() {
    let hub = TestHub::ready().await;
    let with = |change: &dyn Fn(&mut Infer)| {
        let mut call = fitting();
        change(&mut call);
        call
    };
    for (asked, status, code, said) in [
        (with(&|call| call.model = "alice/none".into()), "5", "model_not_found", "there is no model alice/none"),
        (with(&|call| call.version = "2.00".into()), "5", "release_not_found", "has no release 2.00"),
        (
            with(&|call| call.inputs[0].name = "z".into()),
            "3",
            "invalid_input",
            "input \"z\" is unknown; expected \"x\"",
        ),
        (with(&|call| call.inputs[0].datatype = "INT64".into()), "3", "invalid_input", "8 bytes of data; expected 16"),
        (with(&|call| call.inputs[0].shape = vec![1, 3]), "3", "invalid_input", "8 bytes of data; expected 12"),
        (with(&|call| call.inputs[0].shape = vec![2]), "3", "invalid_input", "\"x\" has 1 axes; expected 2"),
        (with(&|call| call.raw.push(Bytes::new())), "3", "invalid_input", "has 2 entries for 1 inputs"),
        (with(&|call| call.inputs.clear()), "3", "invalid_input", "has 1 entries for 0 inputs"),
        (with(&|call| call.inputs = vec![Tensor::default(); 1025]), "3", "invalid_request", "more than 1024 inputs"),
        (
            with(&|call| call.outputs = vec![Output { name: "z".into() }]),
            "3",
            "invalid_input",
            "output \"z\" is unknown; the model has \"y\"",
        ),
        (with(&|call| call.id = "r".repeat(1025)), "3", "invalid_request", "id: 1025 bytes"),
    ] {
        refused(&call(&hub, &asked).await, status, code, said);
    }
    let body = frame(false, &fitting().encode_to_vec());
    let infer = || method(&hub, "ModelInfer");
    refused(&infer().body(body.clone()).await, "16", "no_key", "a key is needed; send Authorization: Bearer mh_…");
    refused(&infer().key("mh_wrong").body(body.clone()).await, "16", "bad_key", "not known here");
    let cheap = infer().key(&hub.bob).header("x-max-cost", "0.001").body(body.clone()).await;
    refused(&cheap, "8", "cost_above_limit", "the call costs 0.002 OPG, above the limit of 0.001 OPG");
    let poor = infer().key(&hub.alice).body(body.clone()).await;
    assert_eq!(poor.header("grpc-status"), "8", "alice has nothing");
    assert_eq!(poor.header("x-error-code"), "insufficient_funds");
    let reader = hub.post("/api/v1/keys").key(&hub.bob).json(&json!({"scopes": ["read"]})).await.json();
    let forbidden = infer().key(reader["key"].as_str().unwrap()).body(body).await;
    refused(&forbidden, "7", "scope_missing", "has not the scope \"call\"");
    assert_eq!(hub.cash(&hub.bob).await, "1");
    assert_eq!(hub.engine.calls(), 2, "only the dry run of the publish has run the model");
}

#[tokio::test]
async fn a_failed_run_costs_nothing() {
    for (failure, status, code, said) in [
        (Failure::Run { reason: "bad shape".to_owned() }, "13", "engine_failed", "the model failed: bad shape"),
        (Failure::Busy { waiting: 9, limit: 9 }, "8", "busy", "9 calls of this model are waiting"),
        (Failure::TimedOut { limit_ms: 5 }, "4", "timed_out", "no answer within 5 ms"),
    ] {
        let engine = Fake::new(iris(), Behaviour::Echo).then(Behaviour::Echo).then(Behaviour::Fail(failure));
        let hub = TestHub::with(engine).await;
        hub.publish("alice/iris", "modelhub: { price: { per_call: \"0.002 OPG\" } }").await;
        hub.deposit("bob", "1").await;
        refused(&call(&hub, &fitting()).await, status, code, said);
        assert_eq!(hub.cash(&hub.bob).await, "1");
    }
}

#[tokio::test]
async fn a_repeat_with_the_same_key_is_the_same_call_however_it_is_written() {
    let hub = TestHub::ready().await;
    let keyed = async |call: &Infer| {
        let asking = method(&hub, "ModelInfer").key(&hub.bob).header("idempotency-key", "k");
        asking.body(frame(false, &call.encode_to_vec())).await
    };
    let first = keyed(&fitting()).await;
    let again = keyed(&fitting()).await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.header("x-receipt-id"), first.header("x-receipt-id"));
    let (first, mut again): (Inferred, Inferred) = (message(&first), message(&again));
    assert_eq!(again.parameters.remove("idempotent-replayed").unwrap().text, "true");
    assert_eq!(again, first);
    let other = Infer { id: "r-2".into(), ..typed() };
    assert_eq!(keyed(&other).await.header("idempotent-replayed"), "true");
    assert_eq!(hub.cash(&hub.bob).await, "0.998");
    let mut different = fitting();
    different.raw[0] = Bytes::from(vec![0; 8]);
    refused(&keyed(&different).await, "6", "idempotency_conflict", "used before for another request");
    let http = hub.call().header("idempotency-key", "k").json(&crate::hub::fitting()).await;
    http.refused(409, "idempotency_conflict", "used before for another request");
}

#[tokio::test]
async fn frames_that_lie_are_refused() {
    let hub = TestHub::ready().await;
    let infer = || method(&hub, "ModelInfer").key(&hub.bob);
    let good = fitting().encode_to_vec();
    for (body, status, code) in [
        (Vec::new(), "13", "invalid_request"),
        (vec![0, 0, 0], "13", "invalid_request"),
        (frame(false, &good)[..40].to_vec(), "13", "invalid_request"),
        (vec![0, 0xff, 0xff, 0xff, 0xff], "11", "body_too_large"),
        ([vec![9], frame(false, &good)[1..].to_vec()].concat(), "13", "invalid_request"),
        (frame(true, &gzip(&good)), "13", "invalid_request"),
        (frame(false, b"{\"inputs\": []}"), "3", "invalid_request"),
    ] {
        refused(&infer().body(body).await, status, code, "");
    }
    for (word, body, status, code) in [
        ("gzip", frame(true, b"no gzip at all"), "13", "invalid_request"),
        ("gzip", frame(true, &gzip(&vec![0; 64 * 1024 * 1024])), "8", "body_too_large"),
        ("br", frame(true, b""), "12", "unsupported_media_type"),
    ] {
        refused(&infer().header("grpc-encoding", word).body(body).await, status, code, "");
    }
    let packed = infer().header("grpc-encoding", "gzip").body(frame(true, &gzip(&good))).await;
    assert_eq!(message::<Inferred>(&packed).raw, fitting().raw);
    let large = infer().body(vec![0; 16 * 1024 * 1024 + 1]).await;
    refused(&large, "8", "body_too_large", "larger than 16777216 bytes");
    let live = method(&hub, "ServerLive").body(vec![0; 64 * 1024 + 1]).await;
    refused(&live, "8", "body_too_large", "larger than 65536 bytes");
}

#[tokio::test]
async fn a_panic_is_a_status_and_tells_nothing() {
    let hub = TestHub::ready().await;
    let read = || -> Result<Bytes, std::io::Error> { panic!("a secret") };
    let body = axum::body::Body::from_stream(futures_util::stream::once(async move { read() }));
    let answer = method(&hub, "ModelInfer").key(&hub.bob).body(body).await;
    refused(&answer, "13", "internal", "the hub failed");
    assert!(!text(&answer.headers).contains("secret"));
}

#[tokio::test]
async fn a_body_that_stops_coming_is_not_waited_for_for_ever() {
    let hub = TestHub::ready().await;
    tokio::time::pause();
    let stuck = axum::body::Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
    let answer = method(&hub, "ModelInfer").key(&hub.bob).body(stuck).await;
    refused(&answer, "3", "invalid_request", "nothing more of the body came for 30 s");
}

#[tokio::test]
async fn nobody_without_a_key_makes_the_hub_read_a_call() {
    let hub = TestHub::ready().await;
    let unread = axum::body::Body::from_stream(futures_util::stream::once(async {
        panic!("the body was read");
        #[expect(unreachable_code, reason = "gives the stream its type")]
        Ok::<Bytes, std::io::Error>(Bytes::new())
    }));
    refused(&method(&hub, "ModelInfer").body(unread).await, "16", "no_key", "a key is needed");
}

#[tokio::test]
async fn http_2_without_tls_is_spoken_on_the_same_port() {
    let hub = TestHub::ready().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(server::serve(listener, hub.hub.clone(), std::future::pending()));
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    // The preface and empty settings, as a client with prior knowledge begins.
    let mut stream = stream.into_std().unwrap();
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let first = tokio::task::spawn_blocking(move || {
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap();
        let mut head = [0; 9];
        std::io::Read::read_exact(&mut stream, &mut head).unwrap();
        head
    });
    assert_eq!(first.await.unwrap()[3], 4, "settings come back");
}
