//! The accept loop, over real sockets.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use engine::fake::{Behaviour, Fake};

use crate::hub::{TestHub, fitting, iris};

#[tokio::test]
async fn a_request_that_runs_is_finished_before_the_hub_stops() {
    let slow = Behaviour::After(Duration::from_millis(300), Box::new(Behaviour::Echo));
    let hub = TestHub::with(Fake::new(iris(), Behaviour::Echo).then(Behaviour::Echo).then(slow)).await;
    hub.publish("alice/iris", "modelhub: { price: { per_call: \"0 OPG\" } }").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(server::serve(listener, hub.hub.clone(), async {
        let _ = stopped.await;
    }));

    let body = fitting().to_string();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "POST /v2/models/alice/iris/infer HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: {}\r\n\r\n{body}",
        hub.bob,
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    stop.send(()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"data\":[1.5,2.0]"), "{answer}");
    serving.await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_client_that_hangs_up_is_charged_for_what_was_answered() {
    let slow = Behaviour::After(Duration::from_millis(200), Box::new(Behaviour::Echo));
    let hub = TestHub::with(Fake::new(iris(), Behaviour::Echo).then(Behaviour::Echo).then(slow)).await;
    hub.publish("alice/iris", "modelhub: { price: { per_call: \"0.002 OPG\" } }").await;
    hub.deposit("bob", "1").await;
    let call = hub.call().header("idempotency-key", "k").json(&fitting());
    assert!(tokio::time::timeout(Duration::from_millis(50), call).await.is_err());
    let again = hub.call().header("idempotency-key", "k").json(&fitting()).await;
    assert_eq!((again.status.as_u16(), again.header("idempotent-replayed")), (200, "true"));
    assert_eq!(hub.cash(&hub.bob).await, "0.998");
}

#[tokio::test]
async fn a_handler_that_panics_is_an_internal_problem_and_tells_nothing() {
    let hub = TestHub::ready().await;
    let answer = hub.call().body(crashing()).await;
    answer.refused(500, "internal", "the hub failed");
    assert!(!answer.text().contains("secret"), "{}", answer.text());
    assert_eq!(hub.call().json(&fitting()).await.status, 200);
}

fn crashing() -> axum::body::Body {
    let read = || -> Result<bytes::Bytes, std::io::Error> { panic!("a secret") };
    axum::body::Body::from_stream(futures_util::stream::once(async move { read() }))
}

/// From here on, time passes as soon as everybody waits for it.
async fn serving_with_time_to_spare(hub: &TestHub) -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(server::serve(listener, hub.hub.clone(), std::future::pending()));
    TcpStream::connect(address).await.unwrap()
}

#[tokio::test]
async fn a_body_that_stops_coming_is_not_waited_for_for_ever() {
    let hub = TestHub::ready().await;
    // The key is known from here on: a look into the catalogue would be a wait, in which a paused clock leaps.
    assert_eq!(hub.call().body("{}").await.status, 400);
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    let stuck = axum::body::Body::from_stream(futures_util::stream::pending::<Result<bytes::Bytes, std::io::Error>>());
    let answer = hub.call().body(stuck).await;
    answer.refused(400, "invalid_request", "nothing more of the body came for 30 s");
    assert_eq!(start.elapsed().as_secs(), 30);
}

#[tokio::test]
async fn a_head_that_stops_coming_is_not_waited_for_for_ever() {
    let hub = TestHub::ready().await;
    let mut stream = serving_with_time_to_spare(&hub).await;
    stream.write_all(b"GET /v2 HTTP/1.1\r\nhost: x\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!((29..=31).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[tokio::test]
async fn an_answer_that_is_not_taken_is_not_kept_for_ever() {
    let hub = TestHub::ready().await;
    let mut stream = serving_with_time_to_spare(&hub).await;
    let data = vec!["0.5"; 4_000_000].join(",");
    let body = format!(r#"{{"inputs":[{{"name":"x","shape":[2000000,2],"datatype":"FP32","data":[{data}]}}]}}"#);
    let head = format!(
        "POST /v2/models/alice/iris/infer HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: {}\r\n\r\n",
        hub.bob,
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    while stream.peek(&mut [0; 16]).await.unwrap() == 0 {}
    tokio::time::sleep(Duration::from_millis(200)).await;
    tokio::time::pause();
    tokio::time::sleep(Duration::from_secs(40)).await;
    tokio::time::resume();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.starts_with(b"HTTP/1.1 200") && answer.len() < 16_000_000, "{} bytes", answer.len());
}
