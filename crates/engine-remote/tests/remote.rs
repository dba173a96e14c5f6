//! Servers that run models, well and badly.

#![expect(clippy::unwrap_used, reason = "what fails here fails a test")]

mod support;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use engine::fake::Fake;
use engine::{Absence, Away, Call, Engine, Failure, Model, Remote};
use engine_remote::{Anywhere, Remotes, Sign};
use outbound::{Client, Reach};
use support::{Received, Reply, Server, answer, call, good, http, signature, x};
use tensor::{DataType, Tensor};
use tokio::sync::watch;

/// An engine that may ask this machine.
fn anywhere() -> Anywhere {
    signing(None)
}

fn signing(sign: Option<Arc<dyn Sign>>) -> Anywhere {
    let fake = Fake::echo(signature());
    Anywhere::new(Arc::new(fake), Remotes::new(Client::new(Reach::Anywhere), sign))
}

fn model(remote: Remote) -> Model {
    Model { digest: [9; 32], weights: "unread".into(), batch_rows: 1, remote: Some(Arc::new(remote)) }
}

/// A server whose calls are answered like this; all else it does well.
async fn answering(reply: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Server {
    Server::start(move |received| if received.is_infer() { reply(received) } else { good(received, false) }).await
}

#[tokio::test]
async fn a_call_goes_there_and_back_as_json_and_as_bytes() {
    let values = [0.1, f32::MIN_POSITIVE, -0.0, 16_777_217.0, 1.0e-45, f32::MAX];
    for binary in [false, true] {
        let server = Server::start(move |received| good(received, binary)).await;
        let (engine, model) = (anywhere(), model(server.remote()));
        for cold in [true, false] {
            let ran = engine.run(&model, call(&values, 5_000)).await.unwrap();
            let [y, n] = &ran.outputs[..] else { panic!("two outputs") };
            assert_eq!((y.name(), y.bytes()), ("y", x(&values)[0].bytes()), "every bit, in the signature's order");
            assert_eq!((n.name(), n.bytes()), ("n", &3_i64.to_le_bytes()[..]));
            assert_eq!(ran.cold, cold);
        }
        let log = server.log();
        let lines: Vec<_> = log.iter().map(|received| received.line.as_str()).collect();
        let infer = "POST /prefix/v2/models/net/infer";
        assert_eq!(lines, ["GET /prefix/v2", infer, infer], "what it takes is asked once");
        assert_eq!(server.connections.load(Ordering::SeqCst), 1, "connections are kept");
        let head = log[1].header("inference-header-content-length");
        assert_eq!(head.is_some(), binary);
        let json = &log[1].body[..head.map_or(log[1].body.len(), |head| head.parse().unwrap())];
        let json: serde_json::Value = serde_json::from_slice(json).unwrap();
        let names: Vec<_> = json["outputs"].as_array().unwrap().iter().map(|output| &output["name"]).collect();
        assert_eq!(names, ["y", "n"], "what the release promises is asked for by name");
    }
}

#[tokio::test]
async fn a_version_stands_in_the_path_and_what_json_cannot_carry_is_said() {
    let server = Server::start(|received| good(received, false)).await;
    let engine = anywhere();
    let remote = Remote { version: Some("3".to_owned()), ..server.remote() };
    let model = model(remote);
    engine.run(&model, call(&[1.0, 2.0], 5_000)).await.unwrap();
    assert_eq!(server.log().pop().unwrap().line, "POST /prefix/v2/models/net/versions/3/infer");
    let refused = engine.run(&model, call(&[f32::NAN, 2.0], 5_000)).await.unwrap_err();
    assert!(refused.to_string().contains("\"x\" has values that JSON cannot carry, and 127.0.0.1:"), "{refused}");
    assert_eq!(server.calls(), 1);
}

/// What a call says of a server that answers like this, and how often it was asked.
async fn failure(limit_ms: u64, reply: Reply) -> (Failure, usize) {
    let server = answering(move |_| reply.clone()).await;
    let ran = anywhere().run(&model(server.remote()), call(&[1.0, 2.0], limit_ms)).await;
    let failure = ran.expect_err("an answer that is none");
    assert!(failure.to_string().len() < 700, "{failure}");
    assert!(!failure.to_string().contains(char::is_control), "{failure}");
    (failure, server.calls())
}

#[tokio::test]
async fn an_answer_in_another_form_is_none() {
    let json = |text: &str| Reply::Bytes(http(200, "", text.as_bytes()));
    let y = |rest: &str| {
        json(&format!(
            r#"{{"outputs":[{{"name":"n","datatype":"INT64","shape":[1],"data":[1]}},{{"name":"y",{rest}}}]}}"#
        ))
    };
    let with_head = |head: &str, body: &[u8]| {
        Reply::Bytes(http(200, &format!("inference-header-content-length: {head}\r\n"), body))
    };
    let long = "e".repeat(100_000);
    let sized = br#"{"outputs":[{"name":"y","datatype":"FP32","shape":[1,2],"parameters":{"binary_data_size":8}}]}"#;
    let head = sized.len().to_string();
    let ys = Tensor::fp32("y", &[1, 2], &[1.0, 2.0]).unwrap();
    for (reply, reason) in [
        (json(""), "broke the protocol: EOF"),
        (json("<html>"), "broke the protocol: expected value"),
        (json("[]"), "broke the protocol: invalid length 0"),
        (json(r#"{"outputs":{}}"#), "broke the protocol"),
        (json(r#"{"outputs":[]}"#), "output \"y\" is missing"),
        (y(r#""datatype":"FP32","shape":[1,3],"data":[1,2,3]"#), "has size 3 on axis 1; expected 2"),
        (y(r#""datatype":"FP32","shape":[2],"data":[1,2]"#), "has 1 axes; expected 2"),
        (y(r#""datatype":"FP64","shape":[1,2],"data":[1,2]"#), "has datatype FP64; expected FP32"),
        (y(r#""datatype":"FP33","shape":[1,2],"data":[1,2]"#), "broke the protocol: output \"y\": "),
        (y(r#""datatype":"FP32","shape":[1,2],"data":[1]"#), "has 1 elements in its data; expected 2"),
        (y(r#""datatype":"FP32","shape":[1,2],"data":[1,2,3]"#), "more elements in its data than the 2"),
        (y(r#""datatype":"FP32","shape":[1,2],"data":[1,null]"#), "has null as element 1"),
        (y(r#""datatype":"FP32","shape":[1,2],"data":[1,NaN]"#), "broke the protocol"),
        (y(r#""datatype":"FP32","shape":[1,2]"#), "output \"y\" has no data"),
        (y(r#""datatype":"FP32","shape":[9223372036854775807,2],"data":[1,2]"#), "is larger than a tensor may be"),
        (
            y(r#""datatype":"FP32","shape":[1,2],"parameters":{"binary_data_size":8}"#),
            "nothing says where the JSON ends",
        ),
        (answer(&[ys.clone(), ys.clone()], false), "\"y\" is given twice"),
        (answer(&[ys.clone(), ys.clone().with_name("z").unwrap()], true), "\"z\" is unknown"),
        (answer(&[Tensor::new("y", DataType::Fp16, vec![1, 2], vec![0; 4]).unwrap()], true), "has datatype FP16"),
        (with_head("99999", sized), "is said to have 99999 bytes"),
        (with_head("-1", sized), "is no number"),
        (with_head("18446744073709551616", sized), "is no number"),
        (with_head(&head, sized), "has binary_data_size 8; 0 bytes are left"),
        (with_head(&head, &[&sized[..], &[0; 9]].concat()), "1 bytes of the body belong to no output"),
        (with_head(&format!("{head}\r\ninference-header-content-length: 3"), sized), "broke the protocol"),
        (Reply::Bytes(http(200, "content-encoding: gzip\r\n", b"\x1f\x8b")), "its answer is packed"),
        (Reply::Bytes(http(201, "", b"{}")), "it answered 201, not 200"),
        (Reply::Bytes(http(500, "", b"{\"error\":\"in the\\nbeginning\"}")), "answered 500: in the beginning"),
        (Reply::Bytes(http(400, "", format!(r#"{{"error":"{long}"}}"#).as_bytes())), "answered 400: eeee"),
        (Reply::Bytes(http(404, "", b"<h1>Not found</h1>")), "answered 404"),
        (Reply::Bytes(http(401, "", b"")), "answered 401"),
        (Reply::Bytes(b"SSH-2.0-OpenSSH_9\r\n\r\n".to_vec()), "is not HTTP/1.1"),
        (
            Reply::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n".to_vec()),
            "more than 16777216 bytes",
        ),
        (
            Reply::Endless(
                b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec(),
                [&b"10000\r\n"[..], &[b' '; 0x10000], b"\r\n"].concat(),
            ),
            "more than 16777216 bytes",
        ),
        (Reply::Endless(b"HTTP/1.1 200 OK\r\n".to_vec(), b"a: b\r\n".to_vec()), "is not HTTP/1.1"),
        (Reply::Endless(Vec::new(), vec![b'x'; 4096]), "is not HTTP/1.1"),
    ] {
        let shown = format!("{reply:?}").chars().take(200).collect::<String>();
        let (failure, calls) = failure(20_000, reply).await;
        assert!(failure.to_string().contains(reason), "{shown}: {failure}");
        assert!(!failure.to_string().contains("<h1>"), "{failure}");
        assert_eq!(calls, 1, "what was answered is not asked again: {shown}");
    }
}

#[tokio::test]
async fn a_server_that_takes_its_time_is_given_up_at_the_deadline() {
    let whole = http(200, "", br#"{"outputs":[]}"#);
    let pause = Duration::from_millis(50);
    let begun = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{";
    for reply in [Reply::Hang, Reply::Drip(whole.clone(), pause), Reply::Drip(begun.repeat(2), pause)] {
        let (failure, calls) = failure(300, reply).await;
        assert!(matches!(failure, Failure::TimedOut { .. }) && calls == 1, "{failure}");
    }
    // A server that is slow to say what it takes, too.
    let server = Server::start(|_| Reply::Hang).await;
    let ran = anywhere().run(&model(server.remote()), call(&[1.0, 2.0], 300)).await;
    assert!(matches!(ran, Err(Failure::TimedOut { .. })), "{ran:?}");
}

#[tokio::test]
async fn what_brought_nothing_of_an_answer_is_tried_once_more() {
    let unavailable = Reply::Bytes(http(503, "", b"{}"));
    let gone = Reply::Cut(Vec::new());
    for (reply, reason, times) in [
        (gone.clone(), "gave no answer", 2),
        (unavailable.clone(), "answered 503", 2),
        (Reply::Bytes(http(502, "", b"")), "answered 502", 1),
        (Reply::Bytes(http(429, "", b"")), "answered 429", 1),
        (Reply::Cut(http(200, "", b"{\"outputs\":[]}")[..50].to_vec()), "ended before it was whole", 1),
    ] {
        let (failure, calls) = failure(5_000, reply.clone()).await;
        assert!(matches!(failure, Failure::Away(_)) && failure.to_string().contains(reason), "{reply:?}: {failure}");
        assert_eq!(calls, times, "{reply:?}");
    }
    for first in [gone, unavailable] {
        let again = AtomicBool::new(false);
        let server = answering(move |received| match again.swap(true, Ordering::SeqCst) {
            false => first.clone(),
            true => good(received, false),
        })
        .await;
        anywhere().run(&model(server.remote()), call(&[1.0, 2.0], 5_000)).await.unwrap();
        assert_eq!(server.calls(), 2);
    }
    let mut nobody = Server::start(|_| Reply::Hang).await.remote();
    nobody.url = "http://127.0.0.1:1".to_owned();
    let failure = anywhere().run(&model(nobody), call(&[1.0, 2.0], 5_000)).await.unwrap_err();
    assert!(failure.to_string().contains("Connection refused"), "{failure}");
}

#[tokio::test]
async fn redirects_lead_nowhere() {
    let inside = Server::start(|received| good(received, false)).await;
    let location = format!("location: {}/v2/models/net/infer\r\n", inside.url);
    for status in [301, 302, 303, 307, 308] {
        let (failure, calls) = failure(5_000, Reply::Bytes(http(status, &location, b""))).await;
        assert!(failure.to_string().contains("redirects are not followed"), "{failure}");
        assert_eq!(calls, 1);
    }
    assert!(inside.log().is_empty());
}

#[tokio::test]
async fn addresses_of_our_own_network_are_not_asked() {
    let server = Server::start(|received| good(received, false)).await;
    let engine = Anywhere::new(Arc::new(Fake::echo(signature())), Remotes::new(Client::new(Reach::Public), None));
    let port = server.url.split(':').nth(2).unwrap();
    for (url, reason) in [
        (server.url.clone(), "https is needed"),
        (format!("https://127.0.0.1:{port}"), "127.0.0.1 is not on the open internet"),
        (format!("https://localhost:{port}"), "localhost is not on the open internet"),
        (format!("https://[::ffff:127.0.0.1]:{port}"), "is not on the open internet"),
    ] {
        let model = model(Remote { url, ..server.remote() });
        let deadline = Instant::now() + Duration::from_secs(5);
        let trial = engine.trial(&model, deadline).await.unwrap_err();
        let ran = engine.run(&model, call(&[1.0, 2.0], 5_000)).await.unwrap_err();
        assert!(trial.to_string().contains(reason) && ran.to_string().contains(reason), "{trial}, {ran}");
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_server_that_fails_again_and_again_is_left_alone_until_it_is_back() {
    let up = Arc::new(AtomicUsize::new(0));
    let state = Arc::clone(&up);
    let server = Server::start(move |received| match state.load(Ordering::SeqCst) {
        0 => Reply::Bytes(http(504, "", b"")),
        // It says that it is there, and is not.
        1 if received.is_infer() => Reply::Bytes(http(502, "", b"")),
        _ => good(received, false),
    })
    .await;
    let (engine, model) = (anywhere(), model(server.remote()));
    for _ in 0..5 {
        let failure = engine.run(&model, call(&[1.0, 2.0], 5_000)).await.unwrap_err();
        assert!(failure.to_string().contains("answered 504"), "{failure}");
        engine.ready(&model).unwrap_or_else(|failure| assert!(matches!(failure, Failure::Away(_))));
    }
    let asked = server.log().len();
    let left_alone = |failure: Failure| match failure {
        Failure::Away(Away { how: Absence::LeftAlone { failures }, retry_after: Some(wait), .. }) => (failures, wait),
        other => panic!("{other}"),
    };
    let (failures, wait) = left_alone(engine.run(&model, call(&[1.0, 2.0], 5_000)).await.unwrap_err());
    assert!(failures == 5 && wait <= Duration::from_secs(1), "{wait:?}");
    left_alone(engine.ready(&model).unwrap_err());
    assert_eq!(server.log().len(), asked, "nobody asks");

    // The pause is over: one finds out, and it is not back.
    let until_asked = async || {
        loop {
            match engine.run(&model, call(&[1.0, 2.0], 5_000)).await {
                Err(Failure::Away(Away { how: Absence::LeftAlone { .. }, .. })) => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                ran => return ran,
            }
        }
    };
    let failure = until_asked().await.unwrap_err();
    assert!(failure.to_string().contains("answered 504"), "{failure}");
    let log = server.log();
    assert_eq!(log.len(), asked + 1);
    assert_eq!(log[asked].line, "GET /prefix/v2/models/net/ready");
    let (_, wait) = left_alone(engine.run(&model, call(&[1.0, 2.0], 5_000)).await.unwrap_err());
    assert!(wait > Duration::from_secs(1), "the pause grows: {wait:?}");

    // It says that it is back, and the first call shows that it is not.
    up.store(1, Ordering::SeqCst);
    let failure = until_asked().await.unwrap_err();
    assert!(failure.to_string().contains("answered 502"), "{failure}");
    let (_, wait) = left_alone(engine.run(&model, call(&[1.0, 2.0], 5_000)).await.unwrap_err());
    assert!(wait > Duration::from_secs(2), "{wait:?}");

    up.store(2, Ordering::SeqCst);
    until_asked().await.unwrap();
    engine.run(&model, call(&[1.0, 2.0], 5_000)).await.unwrap();
    engine.ready(&model).unwrap();
}

#[tokio::test]
async fn a_model_that_fails_does_not_make_its_server_be_left_alone() {
    let server = answering(|_| Reply::Bytes(http(500, "", br#"{"error":"cannot"}"#))).await;
    let (engine, model) = (anywhere(), model(server.remote()));
    for _ in 0..20 {
        let failure = engine.run(&model, call(&[1.0, 2.0], 5_000)).await.unwrap_err();
        assert!(matches!(&failure, Failure::Run { reason } if reason.ends_with("answered 500: cannot")), "{failure}");
    }
    assert_eq!(server.calls(), 20);
}

#[tokio::test]
async fn only_so_many_calls_are_there_at_a_time_and_only_so_many_wait() {
    let (open, gate) = watch::channel(false);
    let server = answering(move |received| Reply::Behind(gate.clone(), Box::new(good(received, false)))).await;
    let (engine, model) = (Arc::new(anywhere()), model(server.remote()));
    let mut calls = tokio::task::JoinSet::new();
    let start = |calls: &mut tokio::task::JoinSet<_>, count| {
        for _ in 0..count {
            let (engine, model) = (Arc::clone(&engine), model.clone());
            calls.spawn(async move { engine.run(&model, call(&[1.0, 2.0], 60_000)).await });
        }
    };
    start(&mut calls, 64 + 256 + 5);
    for _ in 0..5 {
        let refused = calls.join_next().await.unwrap().unwrap().unwrap_err();
        assert_eq!(refused, Failure::Busy { waiting: 256, limit: 256 });
    }
    let mut seen = server.calls();
    while seen < 64 {
        tokio::task::yield_now().await;
        seen = server.calls();
    }
    assert_eq!(server.calls(), 64);
    open.send_replace(true);
    while let Some(ran) = calls.join_next().await {
        ran.unwrap().unwrap();
    }
    assert_eq!(server.calls(), 64 + 256);
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_is_over() {
    let server = answering(|_| Reply::Hang).await;
    let (engine, model) = (anywhere(), model(server.remote()));
    let mut left = server.left.clone();
    let before = *left.borrow_and_update();
    let run = tokio::spawn(async move { engine.run(&model, call(&[1.0, 2.0], 60_000)).await });
    while server.calls() == 0 {
        tokio::task::yield_now().await;
    }
    run.abort();
    left.wait_for(|left| *left > before).await.unwrap();
}

#[derive(Debug, Default)]
struct Signed(Mutex<Vec<Vec<u8>>>);

#[async_trait]
impl Sign for Signed {
    async fn sign(&self, owner: [u8; 16], body: &[u8]) -> Result<Vec<(&'static str, String)>, String> {
        assert_eq!(owner, [7; 16]);
        self.0.lock().unwrap().push(body.to_vec());
        Ok(vec![("webhook-signature", format!("v1,{}", body.len()))])
    }
}

#[tokio::test]
async fn every_request_is_signed_for_the_owner() {
    let server = Server::start(|received| good(received, true)).await;
    let signed = Arc::new(Signed::default());
    let (engine, model) = (signing(Some(signed.clone())), model(server.remote()));
    let mut trial = engine.trial(&model, Instant::now() + Duration::from_secs(5)).await.unwrap();
    trial.run(x(&[1.0, 2.0]), Instant::now() + Duration::from_secs(5)).await.unwrap();
    engine.run(&model, call(&[1.0, 2.0], 5_000)).await.unwrap();
    let log = server.log();
    assert_eq!(log.len(), 5, "metadata, and twice what it takes and a call");
    for (received, body) in log.iter().zip(signed.0.lock().unwrap().iter()) {
        assert_eq!(&received.body, body);
        assert_eq!(received.header("webhook-signature").unwrap(), format!("v1,{}", body.len()), "{}", received.line);
    }
}

#[derive(Debug)]
struct Unreadable;

#[async_trait]
impl Sign for Unreadable {
    async fn sign(&self, _: [u8; 16], _: &[u8]) -> Result<Vec<(&'static str, String)>, String> {
        Err("the disk is gone".to_owned())
    }
}

#[tokio::test]
async fn nothing_is_sent_unsigned_when_the_secret_cannot_be_read() {
    let server = Server::start(|received| good(received, true)).await;
    let (engine, model) = (signing(Some(Arc::new(Unreadable))), model(server.remote()));
    for _ in 0..10 {
        let failure = engine.run(&model, call(&[1.0, 2.0], 5_000)).await.unwrap_err();
        assert!(matches!(failure, Failure::Unavailable(_)), "{failure}");
    }
    assert!(server.log().is_empty());
    engine.ready(&model).unwrap();
}

#[tokio::test]
async fn a_trial_asks_what_the_model_is_and_runs_it() {
    let server = Server::start(|received| good(received, false)).await;
    let engine = anywhere();
    let unknown = Remote { signature: Default::default(), version: Some("3".to_owned()), ..server.remote() };
    let mut trial = engine.trial(&model(unknown), Instant::now() + Duration::from_secs(5)).await.unwrap();
    assert_eq!(trial.signature(), &signature());
    let ran = trial.run(x(&[1.0, 2.0]), Instant::now() + Duration::from_secs(5)).await.unwrap();
    assert_eq!(ran.outputs[0].bytes(), x(&[1.0, 2.0])[0].bytes());
    let lines: Vec<_> = server.log().into_iter().map(|received| received.line).collect();
    let path = "/prefix/v2/models/net/versions/3";
    assert_eq!(lines, [format!("GET {path}"), "GET /prefix/v2".to_owned(), format!("POST {path}/infer")]);
    let refused = trial.run(Vec::new(), Instant::now() + Duration::from_secs(5)).await.unwrap_err();
    assert!(matches!(refused, Failure::Input(_)), "{refused}");
}

#[tokio::test]
async fn metadata_that_no_call_can_keep_to_is_refused() {
    let port = |name: &str, rest: &str| format!(r#"{{"name":"{name}",{rest}}}"#);
    let of = |inputs: &str| {
        let outputs = port("y", r#""datatype":"FP32","shape":[1]"#);
        http(200, "", format!(r#"{{"name":"net","inputs":[{inputs}],"outputs":[{outputs}]}}"#).as_bytes())
    };
    let fp32 = |name: &str| port(name, r#""datatype":"FP32","shape":[1]"#);
    let axes = vec!["1"; 17].join(",");
    let many: Vec<_> = (0..1025).map(|n| fp32(&format!("x{n}"))).collect();
    for (reply, reason) in [
        (of(""), "names no inputs of the model"),
        (http(200, "", br#"{"name":"net","inputs":null}"#), "names no inputs of the model"),
        (http(200, "", br#"{"name":"net","inputs":[{"name":"x","datatype":"FP32","shape":[1]}]}"#), "names no outputs"),
        (of(&port("x", r#""datatype":"TYPE_FP32","shape":[1]"#)), "broke the protocol"),
        (of(&port("x", r#""datatype":"FP32","shape":[-2]"#)), "-2 is not the size of an axis"),
        (of(&port("x", r#""datatype":"FP32","shape":{}"#)), "broke the protocol"),
        (of(&port("x", &format!(r#""datatype":"FP32","shape":[{axes}]"#))), "more than 16 axes"),
        (of(&[fp32("x"), fp32("x")].join(",")), "names two inputs or outputs the same"),
        (of(&fp32("")), "empty or longer than 1024 bytes"),
        (of(&many.join(",")), "more than 1024 inputs"),
        (http(200, "", &vec![b' '; 1024 * 1024 + 1]), "more than 1048576 bytes"),
        (http(200, "", b"<html>"), "broke the protocol"),
        (http(404, "", br#"{"error":"Model net not found"}"#), "answered 404: Model net not found"),
        (http(503, "", b""), "answered 503"),
        (http(302, "location: http://127.0.0.1/\r\n", b""), "redirects are not followed"),
        (Vec::new(), "gave no answer"),
    ] {
        let cut = reply.is_empty();
        let server =
            Server::start(move |_| if cut { Reply::Cut(Vec::new()) } else { Reply::Bytes(reply.clone()) }).await;
        let trial = anywhere().trial(&model(server.remote()), Instant::now() + Duration::from_secs(5)).await;
        let failure = trial.expect_err("a model that cannot be called");
        assert!(failure.to_string().contains(reason) && failure.to_string().len() < 700, "{failure}");
    }
}

#[tokio::test]
async fn what_lies_here_runs_here() {
    let server = Server::start(|received| good(received, false)).await;
    let fake = Fake::new(signature(), engine::fake::Behaviour::Fail(Failure::Run { reason: "here".to_owned() }));
    let engine = Anywhere::new(Arc::new(fake.clone()), Remotes::new(Client::new(Reach::Anywhere), None));
    let here = Model { remote: None, ..model(server.remote()) };
    let there = model(server.remote());
    let failure = engine.run(&here, call(&[1.0, 2.0], 5_000)).await.unwrap_err();
    assert_eq!(failure.to_string(), "the model failed: here");
    engine.run(&there, call(&[1.0, 2.0], 5_000)).await.unwrap();
    engine.preload(&there);
    engine.preload(&here);
    assert_eq!((fake.calls(), fake.preloaded(), server.calls()), (1, vec![[9; 32]], 1));
    let nothing = engine::Unavailable { reason: "no library".to_owned(), hint: "install it" };
    fake.set_unavailable(Some(nothing));
    assert!(engine.ready(&here).is_err() && engine.status().is_err());
    engine.ready(&there).unwrap();
    let late = Call { deadline: Instant::now(), ..call(&[1.0, 2.0], 0) };
    assert!(matches!(engine.run(&there, late).await, Err(Failure::TimedOut { .. })));
}
