//! Models that another server runs: what callers are told of it, and what it says when it is away.

use std::time::Duration;

use engine::fake::{Behaviour, Fake};
use engine::{Absence, Away, Failure};
use serde_json::{Value, json};

use crate::hub::{TestHub, fitting, iris};

const CARD: &str = "---
modelhub:
  price: { per_call: \"0.002 OPG\" }
  remote: { url: \"https://models.example.com:8443/a\", model: iris }
---
# Iris
";

/// A hub whose one model is elsewhere: it is run twice there, and then like this.
async fn scene(behaviour: Behaviour) -> TestHub {
    let engine = Fake::new(iris(), Behaviour::Echo).then(Behaviour::Echo).then(behaviour);
    let hub = TestHub::with(engine).await;
    let Value::Object(mut card) = hub.upload(CARD.as_bytes()).await else { panic!("an object") };
    card.insert("path".to_owned(), "README.md".into());
    let wish = json!({ "model": "alice/iris", "files": [card] });
    let answer = hub.post("/api/v1/publish").key(&hub.alice).json(&wish).await;
    assert!(answer.text().contains("\"sealed\":true"), "{}", answer.text());
    hub.deposit("bob", "1").await;
    hub
}

#[tokio::test]
async fn callers_are_told_where_a_model_runs() {
    let hub = scene(Behaviour::Echo).await;
    let told = hub.get("/v2/models/alice/iris").send().await.json();
    assert_eq!(
        (&told["platform"], &told["engine"], &told["runs_on"]),
        (&json!("remote"), &json!("remote"), &json!("models.example.com:8443"))
    );
    let page = hub.get("/alice/iris").send().await;
    for sentence in [
        "Runs on the owner’s server at models.example.com:8443",
        "Inputs go to models.example.com:8443; the hub stores none.",
        "cannot tell which weights gave it",
    ] {
        assert!(page.text().contains(sentence), "{sentence}");
    }
    assert!(!page.text().contains("the weights stay here") && !page.text().contains("Inputs are never stored."));
    assert_eq!(hub.call().json(&fitting()).await.status, 200);

    let here = TestHub::ready().await;
    let told = here.get("/v2/models/alice/iris").send().await.json();
    assert_eq!((&told["platform"], &told["engine"]), (&json!("onnx_onnxv1"), &json!("onnxruntime")));
    assert!(told.get("runs_on").is_none());
    assert!(!here.get("/alice/iris").send().await.text().contains("owner’s server"));
}

#[tokio::test]
async fn a_server_that_is_away_is_503_with_the_time_to_ask_again_and_no_charge() {
    let host = "models.example.com:8443".to_owned();
    for (how, retry_after, message, retry) in [
        (Absence::LeftAlone { failures: 5 }, Some(Duration::from_millis(2_100)), "left alone for now", "3"),
        (Absence::Status(503), None, "answered 503", "5"),
        (Absence::Unreachable { reason: "refused".to_owned() }, None, "gave no answer: refused", "5"),
    ] {
        let hub = scene(Behaviour::Fail(Failure::Away(Away { host: host.clone(), how, retry_after }))).await;
        let answer = hub.call().json(&fitting()).await;
        answer.refused(503, "remote_unavailable", message);
        answer.refused(503, "remote_unavailable", "models.example.com:8443, where this model runs, ");
        answer.refused(503, "remote_unavailable", "nothing was charged");
        assert_eq!(answer.header("retry-after"), retry);
        assert!(answer.json()["hint"].as_str().unwrap().contains("owner"), "{}", answer.text());
        assert_eq!(hub.cash(&hub.bob).await, "1");
    }
    let broken = Failure::Protocol { host, reason: "no outputs".to_owned() };
    let hub = scene(Behaviour::Fail(broken)).await;
    let answer = hub.call().json(&fitting()).await;
    answer.refused(502, "engine_failed", "broke the protocol: no outputs; nothing was charged");
    assert_eq!(hub.cash(&hub.bob).await, "1");
}
