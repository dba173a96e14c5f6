//! What becomes of a release: what it changed, yanked, priced anew.

use serde_json::{Value, json};

use crate::hub::{Answer, TestHub, fitting};

const RELEASES: &str = "/api/v1/models/alice/iris/releases";

/// `alice/iris` as 1.00 and, with another card, as 1.01; bob has 1 OPG.
async fn two() -> TestHub {
    let hub = TestHub::ready().await;
    hub.publish("alice/iris", "modelhub: { price: { per_call: \"0.002 OPG\" } }\ntags: [flowers]").await;
    hub
}

async fn yank(hub: &TestHub, release: &str, reason: &str) -> Answer {
    hub.post(&format!("{RELEASES}/{release}/yank")).key(&hub.alice).json(&json!({"reason": reason})).await
}

async fn price(hub: &TestHub, body: Value) -> Answer {
    hub.ask("PUT", &format!("{RELEASES}/1.01/price")).key(&hub.alice).json(&body).await
}

#[tokio::test]
async fn a_yank_is_shown_everywhere_and_told_to_who_calls() {
    let hub = two().await;
    let state = json!({"model": "alice/iris", "release": "1.01", "yanked": "wrong für 100 %"});
    assert_eq!(yank(&hub, "1.01", "wrong für 100 %").await.json(), state);
    let unversioned = hub.call().json(&fitting()).await;
    assert_eq!((unversioned.header("x-model-release"), unversioned.header("x-release-yanked")), ("1.00", ""));
    let path = "/v2/models/alice/iris/versions/1.01";
    let named = hub.post(&format!("{path}/infer")).key(&hub.bob).json(&fitting()).await;
    assert_eq!((named.status.as_u16(), named.header("x-release-yanked")), (200, "wrong f%C3%BCr 100 %25"));
    let metadata = hub.get(path).send().await.json();
    assert_eq!((&metadata["yanked"], &metadata["release"]), (&json!("wrong für 100 %"), &json!("1.01")));
    assert_eq!(hub.post(&format!("{path}/quote")).send().await.json()["yanked"], "wrong für 100 %");
    assert_eq!(hub.get("/v2/models/alice/iris").send().await.json()["release"], "1.00");
    let page = hub.get("/alice/iris").send().await;
    assert!(page.text().contains("Yanked: wrong für 100 %"), "{}", page.text());
    let refs = hub.get("/api/models/alice/iris/refs").send().await.json();
    let tag = refs["tags"].as_array().unwrap().iter().find(|tag| tag["name"] == "1.01").unwrap();
    assert_eq!(tag["yanked"], "wrong für 100 %");
    let undone = hub.ask("DELETE", &format!("{RELEASES}/1.01/yank")).key(&hub.alice).send().await;
    assert_eq!(undone.json(), json!({"model": "alice/iris", "release": "1.01"}));
    assert_eq!(hub.call().json(&fitting()).await.header("x-model-release"), "1.01");
}

#[tokio::test]
async fn where_nothing_is_left_an_unversioned_call_is_refused_and_costs_nothing() {
    let hub = two().await;
    for release in ["1.00", "1.01"] {
        assert_eq!(yank(&hub, release, "leaks").await.status, 200);
    }
    let refused = hub.call().json(&fitting()).await;
    refused.refused(410, "release_yanked", "alice/iris 1.01 was yanked: leaks");
    assert!(refused.text().contains("alice/iris@1.01 still runs for who names it"), "{}", refused.text());
    hub.post("/v2/models/alice/iris/quote").send().await.refused(410, "release_yanked", "leaks");
    let run = hub.post("/api/v1/run/alice/iris").key(&hub.bob).json(&json!({"inputs": ["x"]})).await;
    assert!(run.status.as_u16() >= 400, "{}", run.text());
    assert_eq!(hub.cash(&hub.bob).await, "1");
    let listed = hub.get("/api/v1/models").send().await.json();
    assert_eq!(listed["items"][0]["yanked"], "leaks");
    assert_eq!(hub.get("/alice/iris").send().await.status, 200);
}

#[tokio::test]
async fn a_price_is_changed_with_notice_and_shown_before_it_holds() {
    let hub = two().await;
    let lower = price(&hub, json!({"price": {"per_call": "0.001 OPG"}})).await.json();
    assert_eq!((&lower["price"]["per_call"], &lower["notice_days"]), (&json!("0.001 OPG"), &json!(14)));
    let higher = price(&hub, json!({"price": {"per_call": "0.004 OPG"}})).await.json();
    let coming = json!({"price": {"per_call": "0.004 OPG"}, "from": "2026-12-07T10:00:00.000Z"});
    assert_eq!((&higher["coming"], higher["history"].as_array().unwrap().len()), (&coming, 3));
    assert_eq!(hub.get(&format!("{RELEASES}/1.01/price")).send().await.json(), higher);
    assert_eq!(hub.post("/v2/models/alice/iris/quote").send().await.json()["coming"], coming);
    assert_eq!(hub.get("/v2/models/alice/iris").send().await.json()["coming"], coming);
    let page = hub.get("/alice/iris").send().await;
    assert!(page.text().contains("2026-12-07"), "{}", page.text());
    assert_eq!(hub.call().json(&fitting()).await.header("x-cost"), "0.001");
    hub.clock.advance_ms(14 * 86_400_000);
    assert_eq!(hub.call().json(&fitting()).await.header("x-cost"), "0.004");
    assert!(hub.post("/v2/models/alice/iris/quote").send().await.json()["coming"].is_null());
}

#[tokio::test]
async fn wrong_yanks_and_prices_are_refused() {
    let hub = two().await;
    for (body, status, code, message) in [
        (
            json!({"price": {"per_call": "0.004 OPG"}, "from": "2026-11-24T00:00:00Z"}),
            422,
            "invalid_price",
            "holds from 2026-12-07T10:00:00.000Z on",
        ),
        (
            json!({"price": {"per_call": "0.0001 USD"}, "from": "2026-11-24T00:00:00Z"}),
            422,
            "invalid_price",
            "can cost more",
        ),
        (
            json!({"price": {"per_call": "0.001 OPG"}, "from": "2026-11-22T00:00:00Z"}),
            422,
            "invalid_price",
            "that is over",
        ),
        (
            json!({"price": {"per_call": "0.001 OPG"}, "from": "2028-11-22T00:00:00Z"}),
            422,
            "invalid_price",
            "at the latest",
        ),
        (
            json!({"price": {"per_call": "0.001 OPG"}, "from": "tomorrow"}),
            400,
            "invalid_request",
            "from: \"tomorrow\" is not a moment",
        ),
        (json!({"price": {}}), 422, "invalid_price", "the price names no price"),
        (json!({"price": {"per_call": "-1 OPG"}}), 422, "invalid_price", "-1 OPG"),
        (json!({"price": {"per_call": "1 OPG", "per_item": "1 USD"}}), 422, "invalid_price", "mixed"),
        (json!({"price": {"per_1k_in": "1 OPG"}}), 422, "publish_refused", "counts tokens"),
        (json!({"price": "0.001 OPG"}), 400, "invalid_request", ""),
        (json!({"price": {"per_call": "0.001 OPG"}, "until": "x"}), 400, "invalid_request", "until"),
    ] {
        price(&hub, body).await.refused(status, code, message);
    }
    yank(&hub, "9.00", "x").await.refused(404, "release_not_found", "9.00");
    yank(&hub, "latest", "x").await.refused(404, "release_not_found", "latest");
    yank(&hub, "1.00", " ").await.refused(400, "invalid_request", "it says why");
    yank(&hub, "1.00", "a\nb").await.refused(400, "invalid_request", "on one line");
    let by_bob = hub.post(&format!("{RELEASES}/1.00/yank")).key(&hub.bob).json(&json!({"reason": "x"})).await;
    by_bob.refused(403, "forbidden", "bob does not belong to alice's group");
    let notice = hub.ask("PUT", "/api/v1/admin/notice").key(&hub.operator).json(&json!({"days": 400})).await;
    notice.refused(400, "invalid_request", "at most 365 days");
    let notice = hub.ask("PUT", "/api/v1/admin/notice").key(&hub.operator).json(&json!({"days": 30})).await;
    assert_eq!(notice.json(), json!({"days": 30}));
    assert_eq!(hub.get("/api/v1/admin/notice").key(&hub.operator).send().await.json(), json!({"days": 30}));
}

#[tokio::test]
async fn a_difference_is_told_and_has_a_page() {
    let hub = two().await;
    let path = "/api/v1/models/alice/iris/diff/1.00/1.01";
    let diff = hub.get(path).send().await.json();
    assert_eq!(
        (&diff["from"], &diff["to"], &diff["contract"], &diff["terms"]),
        (&json!("1.00"), &json!("1.01"), &json!([]), &json!([]))
    );
    let file = &diff["files"][0];
    assert_eq!((&file["path"], &file["change"]), (&json!("README.md"), &json!("changed")));
    assert_eq!(file["to"]["sha256"].as_str().unwrap().len(), 64);
    assert!(diff["texts"][0]["diff"].as_str().unwrap().contains("+tags: [flowers]"), "{diff}");
    assert!(diff["price"].is_null() && diff["files_left_out"].is_null());
    let page = hub.get("/alice/iris/diff/1.00/1.01").send().await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(page.text().contains("+tags: [flowers]"), "{}", page.text());
    assert!(hub.get("/alice/iris").send().await.text().contains("href=\"/alice/iris/diff/1.00/1.01\""));
    for (path, status, code) in [
        ("/api/v1/models/alice/iris/diff/1.00/9.00", 404, "release_not_found"),
        ("/api/v1/models/alice/iris/diff/x/1.00", 404, "release_not_found"),
        ("/api/v1/models/alice/none/diff/1.00/1.01", 404, "model_not_found"),
    ] {
        hub.get(path).send().await.refused(status, code, "");
    }
    assert_eq!(hub.get("/alice/iris/diff/1.00/9.00").send().await.status, 404);
}
