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
