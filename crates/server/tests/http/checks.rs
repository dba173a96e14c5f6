//! What the hub has checked of a model by itself.

use engine::fake::{Behaviour, Fake};
use hub::Checking;
use serde_json::{Value, json};
use tensor::Tensor;
use testkit::until;

use crate::hub::{TestHub, iris};

const RELEASES: Checking = Checking { releases: true, one_call_in: 0 };

/// A hub that checks alice's iris, which does this: twice for the publish, then once in each of two fresh runners.
async fn checking(behaviours: impl IntoIterator<Item = Behaviour>) -> TestHub {
    let engine = behaviours.into_iter().fold(Fake::new(iris(), Behaviour::Echo), Fake::then);
    let hub = TestHub::checking(engine, RELEASES).await;
    hub.publish("alice/iris", "modelhub: { price: { per_call: \"0.002 OPG\" } }").await;
    hub
}

async fn checks(hub: &TestHub) -> Value {
    until("the release was checked", async || {
        let found = hub.get("/api/v1/models/alice/iris/checks").send().await.json();
        found["items"].as_array().is_some_and(|items| !items.is_empty()).then_some(found)
    })
    .await
}

#[tokio::test]
async fn checks_of_a_model_are_everybodys_to_read() {
    let hub = checking([]).await;
    let agreed = json!({
        "kind": "two_runners", "run": 1, "agreed": 1, "differed": 0, "failed": 0, "outcome": "agreed",
        "compared": "digest", "last": "2026-11-23T10:00:00.000Z",
    });
    let expected = json!({"model": "alice/iris", "items": [{"release": "1.00", "checks": [agreed]}]});
    assert_eq!(checks(&hub).await, expected);
    let page = hub.get("/alice/iris").send().await;
    assert!(page.text().contains("Checks by the hub") && page.text().contains("two fresh runners"), "{}", page.text());
    let metrics = hub.get("/metrics").key(&hub.operator).send().await;
    for line in [
        "modelhub_checks_total{kind=\"two_runners\",outcome=\"agreed\"} 1",
        "modelhub_checks_total{kind=\"two_runners\",outcome=\"differed\"} 0",
        "modelhub_re_executions_waiting 0",
        "modelhub_re_executions_dropped_total 0",
    ] {
        assert!(metrics.text().contains(line), "{line} is not in {}", metrics.text());
    }
}

#[tokio::test]
async fn a_difference_is_shown_without_a_value_of_an_answer() {
    let lie = Tensor::fp32("y", &[1, 2], &[1234.5, 0.25]).unwrap();
    let echo = || Behaviour::Echo;
    let hub = checking([echo(), echo(), Behaviour::Answer(vec![lie])]).await;
    let found = checks(&hub).await;
    let check = &found["items"][0]["checks"][0];
    assert_eq!((&check["differed"], &check["outcome"]), (&json!(1), &json!("differed")));
    let words = "a generated input: output \"y\" differs in 1 of 2 elements, by up to 1.2e3";
    assert_eq!(check["last_difference"], json!({"what": words, "time": check["last"]}));
    let page = hub.get("/alice/iris").send().await;
    assert!(page.text().contains("by up to 1.2e3") && !page.text().contains("1234.5"), "{}", page.text());
    let alerts = hub.get("/api/v1/alerts").key(&hub.alice).send().await.json();
    assert_eq!(
        (&alerts["items"][0]["type"], &alerts["items"][0]["data"]["difference"]),
        (&json!("model.check"), &json!(words))
    );
}

#[tokio::test]
async fn a_model_that_is_not_there_has_no_checks() {
    let hub = TestHub::ready().await;
    let nothing = json!({"model": "alice/iris", "items": []});
    assert_eq!(hub.get("/api/v1/models/alice/Iris/checks").send().await.json(), nothing);
    assert!(!hub.get("/alice/iris").send().await.text().contains("Checks by the hub"));
    let answer = hub.get("/api/v1/models/alice/none/checks").send().await;
    answer.refused(404, "model_not_found", "there is no model alice/none");
}
