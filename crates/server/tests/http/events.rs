//! What happened, and webhooks that are told of it.

use serde_json::{Value, json};
use testkit::until;

use crate::hub::TestHub;

fn types(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_feed_goes_on_from_where_it_ended() {
    let hub = TestHub::selling("0.002 OPG").await;
    let page = hub.get("/api/v1/events?limit=3").send().await.json();
    assert_eq!(types(&page), ["model.created", "commit.added", "release.sealed"]);
    assert_eq!(page["next"], "3");
    let sealed = &page["items"][2];
    assert_eq!(
        (&sealed["seq"], &sealed["model"], &sealed["actor"], &sealed["account"], &sealed["time"]),
        (&json!(3), &json!("alice/iris"), &json!("alice"), &json!("alice"), &json!("2026-11-23T10:00:00.000Z"))
    );
    assert_eq!((&sealed["detail"]["v"], &sealed["detail"]["release"]), (&json!(1), &json!("1.00")));
    let rest = hub.get("/api/v1/events?after=3").send().await.json();
    assert_eq!((types(&rest), &rest["next"]), (vec!["release.latest"], &json!("4")));
    let end = hub.get("/api/v1/events?after=4&wait=0").send().await.json();
    assert_eq!(end, json!({"items": [], "next": "4"}));
    let some = hub.get("/api/v1/events?kind=release.sealed&model=alice/Iris&account=alice").send().await.json();
    assert_eq!(types(&some), ["release.sealed"]);
}

#[tokio::test]
async fn a_feed_that_cannot_be_is_refused() {
    let hub = TestHub::selling("0.002 OPG").await;
    for (query, status, code, message) in [
        ("after=-1", 400, "invalid_request", "after is \"-1\"; expected a number from 0 to 9223372036854775807"),
        ("after=x", 400, "invalid_request", "after is \"x\""),
        ("limit=0", 400, "invalid_request", "limit is \"0\"; expected a number from 1 to 1000"),
        ("limit=1001", 400, "invalid_request", "limit is \"1001\""),
        ("wait=31", 400, "invalid_request", "wait is \"31\"; expected a number from 0 to 30"),
        ("kind=none", 400, "invalid_request", "kind is \"none\"; known are model.created, "),
        ("model=iris", 400, "invalid_request", "model: "),
        ("model=alice/none", 404, "model_not_found", "there is no model alice/none"),
        ("account=nobody", 404, "account_not_found", "there is no account \"nobody\""),
        ("account=Nobody!", 400, "invalid_request", "account: "),
    ] {
        hub.get(&format!("/api/v1/events?{query}")).send().await.refused(status, code, message);
    }
    hub.get("/api/v1/events").key("mh_wrong").send().await.refused(401, "bad_key", "not known here");
}

#[tokio::test]
async fn a_webhook_is_set_told_looked_at_and_removed() {
    let hub = TestHub::selling("0.002 OPG").await;
    let wish = json!({"url": "https://alice.example/ci", "model": "alice/iris", "types": ["release.yanked"]});
    let made = hub.post("/api/v1/webhooks").key(&hub.alice).json(&wish).await.json();
    assert!(made["secret"].as_str().unwrap().starts_with("whsec_"), "{made}");
    let expected = json!({
        "id": "hook_1", "account": "alice", "model": "alice/iris", "url": "https://alice.example/ci",
        "types": ["release.yanked"], "paused": false, "created": "2026-11-23T10:00:00.000Z",
    });
    let shown = hub.get("/api/v1/webhooks/hook_1").key(&hub.alice).send().await.json();
    assert_eq!(shown, expected, "without the secret");
    let listed = hub.get("/api/v1/webhooks").key(&hub.alice).send().await.json();
    assert_eq!(listed, json!({"items": [expected]}));
    let yank = "/api/v1/models/alice/iris/releases/1.00/yank";
    hub.post(yank).key(&hub.alice).json(&json!({"reason": "wrong"})).await;
    let path = "/api/v1/webhooks/hook_1/deliveries";
    let log = until("it was told", async || {
        let log = hub.get(path).key(&hub.alice).send().await.json();
        log["items"][0]["delivered"].is_string().then_some(log)
    })
    .await;
    let told = json!({
        "id": "delivery_1", "message": "event_5", "type": "release.yanked", "event": 5, "attempts": 1, "status": 204,
        "time": "2026-11-23T10:00:00.000Z", "delivered": "2026-11-23T10:00:00.000Z", "said": "answered 204",
    });
    assert_eq!(log, json!({"items": [told]}));
    let sent = hub.outbox.sent();
    assert_eq!((sent.len(), sent[0].url.as_str()), (1, "https://alice.example/ci"));
    assert_eq!(sent[0].json()["data"]["detail"]["reason"], "wrong");
    let again = hub.post(&format!("{path}/delivery_1/redeliver")).key(&hub.alice).json(&json!({})).await.json();
    assert_eq!(
        (&again["id"], &again["message"], &again["attempts"]),
        (&json!("delivery_2"), &json!("event_5"), &json!(0))
    );
    let test = hub.post("/api/v1/webhooks/hook_1/test").key(&hub.alice).json(&json!({})).await.json();
    assert_eq!((&test["type"], &test["message"]), (&json!("webhook.test"), &json!("test_3")));
    let page = hub.get(&format!("{path}?limit=2")).key(&hub.alice).send().await.json();
    assert_eq!((&page["items"][0]["id"], &page["next"]), (&json!("delivery_3"), &json!("2")));
    let change = json!({"paused": true, "types": []});
    let changed = hub.ask("PUT", "/api/v1/webhooks/hook_1").key(&hub.alice).json(&change).await.json();
    assert_eq!((&changed["paused"], &changed["types"], &changed["url"]), (&json!(true), &json!([]), &expected["url"]));
    let gone = hub.ask("DELETE", "/api/v1/webhooks/hook_1").key(&hub.alice).send().await;
    assert_eq!(gone.json(), json!({"id": "hook_1", "removed": true}));
    hub.get(path).key(&hub.alice).send().await.refused(404, "webhook_not_found", "there is no webhook hook_1");
}

#[tokio::test]
async fn webhooks_that_are_not_well_formed_are_refused() {
    let hub = TestHub::selling("0.002 OPG").await;
    let url = "https://alice.example/";
    for (body, status, code, message) in [
        (json!({"url": "http://alice.example/"}), 400, "invalid_request", "https://"),
        (json!({"url": url, "types": ["nothing"]}), 400, "invalid_request", "types is \"nothing\"; known are "),
        (json!({"url": url, "model": "iris"}), 400, "invalid_request", "model: "),
        (json!({"url": url, "model": "alice/none"}), 404, "model_not_found", "alice/none"),
        (json!({"url": url, "account": "bob"}), 403, "forbidden", "does not belong to bob's group"),
        (json!({"url": url, "account": "nobody"}), 404, "account_not_found", "nobody"),
        (json!({"url": url, "kinds": []}), 400, "invalid_request", "kinds"),
        (json!({"types": []}), 400, "invalid_request", "url"),
    ] {
        let answer = hub.post("/api/v1/webhooks").key(&hub.alice).json(&body).await;
        answer.refused(status, code, message);
    }
    for (method, path) in [
        ("GET", "/api/v1/webhooks/hook_9"),
        ("GET", "/api/v1/webhooks/9"),
        ("PUT", "/api/v1/webhooks/hook_-1"),
        ("DELETE", "/api/v1/webhooks/hook_9"),
        ("POST", "/api/v1/webhooks/hook_9/test"),
        ("GET", "/api/v1/webhooks/hook_9/deliveries"),
        ("POST", "/api/v1/webhooks/hook_9/deliveries/delivery_1/redeliver"),
    ] {
        let answer = hub.ask(method, path).key(&hub.alice).json(&json!({})).await;
        answer.refused(404, "webhook_not_found", "there is no webhook");
    }
    hub.post("/api/v1/webhooks").key(&hub.alice).json(&json!({"url": url})).await;
    for delivery in ["delivery_9", "9"] {
        let path = format!("/api/v1/webhooks/hook_1/deliveries/{delivery}/redeliver");
        let answer = hub.post(&path).key(&hub.alice).json(&json!({})).await;
        answer.refused(404, "delivery_not_found", "the webhook has no delivery");
    }
    hub.get("/api/v1/webhooks/hook_1").key(&hub.bob).send().await.refused(404, "webhook_not_found", "hook_1");
}
