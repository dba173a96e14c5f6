//! Reports, hidden and taken down, verified: over every surface.

use serde_json::{Value, json};

use crate::hub::{Answer, TestHub, fitting};

const MODEL: &str = "/api/v1/models/alice/iris";
const ADMIN: &str = "/api/v1/admin/models/alice/iris";
const TEXT: &str = "its authors asked for it";

async fn act(hub: &TestHub, act: &str, body: Value) -> Answer {
    hub.post(&format!("{ADMIN}/{act}")).key(&hub.operator).json(&body).await
}

async fn take_down(hub: &TestHub, reason: &str) {
    let done = act(hub, "take-down", json!({"reason": reason, "text": TEXT, "note": "by mail"})).await;
    assert_eq!((done.status.as_u16(), &done.json()["state"]), (200, &json!("taken_down")), "{}", done.text());
}

async fn report(hub: &TestHub, key: &str, body: Value) -> Answer {
    hub.post(&format!("{MODEL}/reports")).key(key).json(&body).await
}

#[tokio::test]
async fn every_surface_refuses_what_was_taken_down_and_charges_nothing() {
    let hub = TestHub::ready().await;
    assert_eq!(hub.call().json(&fitting()).await.status, 200);
    take_down(&hub, "copyright").await;
    let embed = json!({"model": "alice/iris", "input": "a text"});
    let run = json!({"inputs": ["a text"]});
    for (path, body) in [
        ("/v2/models/alice/iris/infer", fitting()),
        ("/v2/models/alice/iris/versions/1.00/infer", fitting()),
        ("/v2/models/alice/iris/quote", json!({})),
        ("/api/v1/run/alice/iris", run),
        ("/v1/embeddings", embed),
    ] {
        let refused = hub.post(path).key(&hub.bob).json(&body).await;
        assert_eq!(refused.status, 451, "{path}: {}", refused.text());
        assert!(refused.text().contains("taken_down") && refused.text().contains(TEXT), "{path}: {}", refused.text());
    }
    let anonymous = hub.post("/v2/models/alice/iris/infer").json(&fitting()).await;
    assert_eq!(anonymous.status, 451, "{}", anonymous.text());
    for path in [
        "/v2/models/alice/iris",
        "/v2/models/alice/iris/ready",
        "/api/v1/models/alice/iris/card",
        "/api/v1/models/alice/iris/scan",
        "/api/v1/models/alice/iris/checks",
        "/api/v1/models/alice/iris/diff/1.00/1.00",
        "/api/models/alice/iris",
        "/api/models/alice/iris/tree/main",
        "/api/models/alice/iris/refs",
        "/alice/iris/resolve/main/README.md",
        "/alice/iris/resolve/main/model.onnx",
    ] {
        let refused = hub.get(path).key(&hub.bob).send().await;
        assert_eq!(refused.status, 451, "{path}: {}", refused.text());
        assert!(refused.text().contains(TEXT), "{path}: {}", refused.text());
    }
    // By this very text Hugging Face's clients know that it is disabled.
    let file = hub.get("/alice/iris/resolve/main/README.md").send().await;
    assert_eq!(file.header("x-error-message"), "Access to this resource is disabled.");
    // Over gRPC it is a status of its own; message 1 of a frame that is not packed begins with the model's name.
    let name = b"alice/iris";
    let message = [&[0x0a, name.len() as u8][..], name].concat();
    let frame = [&[0][..], &(message.len() as u32).to_be_bytes(), &message].concat();
    for method in ["ModelMetadata", "ModelInfer"] {
        let asking = hub.post(&format!("/inference.GRPCInferenceService/{method}")).key(&hub.bob);
        let asking = asking.header("content-type", "application/grpc");
        let answer = asking.header("content-length", &frame.len().to_string()).body(frame.clone()).await;
        let word = |code: &str| answer.header("x-error-code") == code;
        // What does not fit the contract is not looked at: it is taken down first.
        assert!(word("taken_down"), "{method}: {:?}", answer.headers);
    }
    assert_eq!((hub.cash(&hub.bob).await, hub.cash(&hub.alice).await), ("0.998".to_owned(), "0.0018".to_owned()));
    let payout = json!({"handle": "alice", "amount": "0.0018", "reference": "what was earned"});
    assert_eq!(hub.post("/api/v1/admin/payouts").key(&hub.operator).json(&payout).await.status, 200);
    // Its owner reads it, and publishes nothing.
    assert_eq!(hub.get("/alice/iris/resolve/main/model.onnx").key(&hub.alice).send().await.status, 200);
    assert_eq!(hub.get("/api/models/alice/iris").key(&hub.alice).send().await.json()["disabled"], true);
    let refused = hub.try_publish("alice/iris", "tags: [more]\nmodelhub: { price: { per_call: \"0 OPG\" } }").await;
    assert!(refused.text().contains("taken_down"), "{}", refused.text());
    take_down(&hub, "malware").await;
    assert_eq!(hub.get("/alice/iris/resolve/main/model.onnx").key(&hub.alice).send().await.status, 451);
    let back = act(&hub, "restore", json!({"text": "settled"})).await.json();
    assert_eq!(back, json!({"model": "alice/iris", "state": "listed"}));
    assert_eq!(hub.call().json(&fitting()).await.status, 200);
}

#[tokio::test]
async fn a_tombstone_says_why_and_that_money_stays() {
    let hub = TestHub::ready().await;
    take_down(&hub, "illegal").await;
    for key in [&hub.bob, &hub.alice] {
        let page = hub.get("/alice/iris").key(key).send().await;
        assert_eq!((page.status.as_u16(), page.header("content-type")), (451, "text/html; charset=utf-8"));
        let text = page.text();
        assert!(text.contains(TEXT) && text.contains("illegal content"), "{text}");
        assert!(text.contains("stays with those who earned it"), "{text}");
        assert!(!text.contains("irises") && !text.contains("by mail"), "{text}");
    }
    let told = hub.get(&format!("{MODEL}/moderation")).send().await.json();
    assert_eq!(
        (&told["state"], &told["reason"], &told["text"]),
        (&json!("taken_down"), &json!("illegal"), &json!(TEXT))
    );
    let lines = told["decisions"].as_array().unwrap();
    assert_eq!((lines.len(), &lines[0]["decision"], &lines[0]["note"]), (1, &json!("taken_down"), &Value::Null));
    let trail = hub.get("/api/v1/admin/moderation").key(&hub.operator).send().await.json();
    let line = &trail["items"][0];
    assert_eq!(
        (&line["note"], &line["by"], &line["about"]),
        (&json!("by mail"), &json!("operator"), &json!("alice/iris"))
    );
    assert!(!hub.get("/").send().await.text().contains("alice/"), "it is on no list");
    assert_eq!(hub.get("/api/v1/models").send().await.json()["items"], json!([]));
    let own = hub.get("/account").key(&hub.alice).send().await;
    assert!(own.text().contains("taken down"), "{}", own.text());
}

#[tokio::test]
async fn what_is_hidden_has_its_page_and_is_called() {
    let hub = TestHub::ready().await;
    let done = act(&hub, "hide", json!({"reason": "spam", "text": "forty times the same"})).await.json();
    assert_eq!((&done["state"], &done["reason"]), (&json!("hidden"), &json!("spam")));
    let page = hub.get("/alice/iris").send().await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains("forty times the same") && page.text().contains("irises"), "{}", page.text());
    assert_eq!(hub.call().json(&fitting()).await.status, 200);
    assert_eq!(hub.get("/api/v1/models").send().await.json()["items"], json!([]));
    assert_eq!(hub.get("/api/models").send().await.json(), json!([]));
    let restricted = hub.get("/api/v1/admin/restricted").key(&hub.operator).send().await.json();
    assert_eq!(restricted["items"][0]["model"], "alice/iris");
}

#[tokio::test]
async fn a_report_goes_its_way_and_nobody_learns_whose_it_was() {
    let hub = TestHub::ready().await;
    let sent = report(&hub, &hub.bob, json!({"reason": "copyright", "text": "mine", "release": "1.00"})).await;
    assert_eq!(sent.status, 201, "{}", sent.text());
    let sent = sent.json();
    assert_eq!((&sent["id"], &sent["state"], &sent["by"]), (&json!("report_1"), &json!("open"), &Value::Null));
    let listed = hub.get("/api/v1/admin/reports?state=open").key(&hub.operator).send().await.json();
    assert_eq!((&listed["items"][0]["by"], &listed["items"][0]["release"]), (&json!("bob"), &json!("1.00")));
    let path = "/api/v1/admin/reports/report_1/dismiss";
    let done = hub.post(path).key(&hub.operator).json(&json!({"text": "it is hers", "note": "asked"})).await;
    assert_eq!(done.json()["state"], "dismissed");
    let again = hub.post(path).key(&hub.operator).json(&json!({"text": "it is hers"})).await;
    again.refused(409, "report_answered", "report 1 was answered already: dismissed");
    let own = hub.get("/api/v1/reports").key(&hub.bob).send().await.json();
    assert_eq!((&own["items"][0]["answer"], &own["items"][0]["by"]), (&json!("it is hers"), &Value::Null));
    for page in ["/alice/iris", "/account", "/account/reports"] {
        let text = hub.get(page).key(&hub.alice).send().await.text().to_owned();
        assert!(!text.contains("bob"), "{page}: {text}");
    }
    for (body, code, message) in [
        (json!({"reason": "ugly"}), "invalid_request", "reason is \"ugly\"; expected one of malware, copyright"),
        (json!({"reason": "other"}), "invalid_request", "told in words"),
        (json!({"reason": "spam", "text": "x".repeat(2_001)}), "invalid_request", "at most 2000 characters"),
        (json!({"reason": "spam", "release": "x"}), "invalid_request", "release"),
        (json!({"reason": "spam", "who": "me"}), "invalid_request", "who"),
    ] {
        report(&hub, &hub.bob, body).await.refused(400, code, message);
    }
    report(&hub, &hub.bob, json!({"reason": "spam", "release": "9.00"})).await.refused(
        404,
        "release_not_found",
        "9.00",
    );
    hub.get("/api/v1/admin/reports?state=lost").key(&hub.operator).send().await.refused(400, "invalid_request", "lost");
    for _ in 0..19 {
        assert_eq!(report(&hub, &hub.bob, json!({"reason": "spam"})).await.status, 201);
    }
    let many = report(&hub, &hub.bob, json!({"reason": "spam"})).await;
    many.refused(429, "too_many_reports", "at most 20 reports");
    assert_eq!(many.header("retry-after"), "86400");
}

#[tokio::test]
async fn pages_take_reports_and_decisions_from_this_hub_alone() {
    let hub = TestHub::ready().await;
    let form = "application/x-www-form-urlencoded";
    let send = async |path: &str, key: &str, body: &str| {
        let asking = hub.post(path).key(key).header("content-type", form);
        asking.header("content-length", &body.len().to_string()).body(body.as_bytes().to_vec()).await
    };
    let page = hub.get("/alice/iris").key(&hub.bob).send().await;
    assert!(page.text().contains("action=\"/alice/iris/report\""), "{}", page.text());
    let sent = send("/alice/iris/report", &hub.bob, "reason=spam&release=&text=twice").await;
    assert_eq!((sent.status.as_u16(), sent.header("location")), (303, "/account/reports"));
    assert!(hub.get("/account/reports").key(&hub.bob).send().await.text().contains("twice"));
    let wrong = send("/alice/iris/report", &hub.bob, "reason=other&text=+").await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.text().contains("role=\"alert\"") && wrong.text().contains("told in words"), "{}", wrong.text());
    let overview = hub.get("/operator/moderation").key(&hub.operator).send().await;
    assert!(overview.text().contains("/operator/models/alice/iris") && overview.text().contains("by bob"));
    let wrong = send("/operator/models/alice/iris", &hub.operator, "act=take-down&reason=spam&text=").await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.text().contains("it says why"), "{}", wrong.text());
    let done = send("/operator/models/alice/iris", &hub.operator, "act=hide&reason=spam&text=enough&note=n").await;
    assert_eq!((done.status.as_u16(), done.header("location")), (303, "/operator/models/alice/iris"));
    let own = hub.get("/account/reports").key(&hub.bob).send().await;
    assert!(own.text().contains("the model was hidden") && own.text().contains("enough"), "{}", own.text());
    let done = send("/operator/models/alice/iris", &hub.operator, "act=restore&text=").await;
    assert_eq!(done.status, 303);
    assert!(hub.get("/operator/models/alice/iris").key(&hub.operator).send().await.text().contains("restored"));
    // A page of another site sends nothing with a session's cookie.
    let session = send("/login/key", "", &format!("key={}", hub.operator)).await;
    let cookie = session.header("set-cookie").split(';').next().unwrap().to_owned();
    for (site, status) in [("cross-site", 403), ("same-origin", 303)] {
        let asking = hub.post("/operator/verified").header("cookie", &cookie).header("sec-fetch-site", site);
        let body = "act=verify&handle=alice&note=alice.example";
        let asking = asking.header("content-type", form).header("content-length", &body.len().to_string());
        assert_eq!(asking.body(body.as_bytes().to_vec()).await.status, status, "{site}");
    }
    assert!(hub.get("/alice/iris").send().await.text().contains("The operator checked who this is: alice.example"));
}

#[tokio::test]
async fn a_verified_owner_is_told_of_in_lists_and_search() {
    let hub = TestHub::ready().await;
    let path = "/api/v1/admin/verified/alice";
    let done = hub.ask("PUT", path).key(&hub.operator).json(&json!({"note": "alice.example"})).await.json();
    assert_eq!((&done["verified"], &done["note"]), (&json!(true), &json!("alice.example")));
    assert_eq!(hub.get("/api/v1/models").send().await.json()["items"][0]["verified"], true);
    assert_eq!(hub.get("/v2/models/alice/iris").send().await.json()["verified"], true);
    assert_eq!(hub.get("/api/v1/verified").send().await.json()["items"][0]["handle"], "alice");
    testkit::until("it is found", async || {
        let found = hub.get("/api/v1/search?q=iris").send().await.json();
        found["items"].get(0).map(|item| assert_eq!(item["verified"], true))
    })
    .await;
    let page = hub.get("/search?q=iris").send().await;
    assert!(page.text().contains("href=\"/alice/iris#verified\""), "{}", page.text());
    let events = hub.get("/api/v1/events?kind=account.verified").send().await.json();
    assert_eq!(
        (&events["items"][0]["account"], &events["items"][0]["detail"]["note"]),
        (&json!("alice"), &json!("alice.example"))
    );
    let gone = hub.ask("DELETE", path).key(&hub.operator).send().await.json();
    assert_eq!(gone, json!({"handle": "alice", "verified": false}));
    hub.ask("DELETE", path).key(&hub.operator).send().await.refused(404, "not_verified", "alice is not verified");
    let nobody = hub.ask("PUT", "/api/v1/admin/verified/nobody").key(&hub.operator).json(&json!({"note": "x"})).await;
    nobody.refused(404, "account_not_found", "nobody");
    assert_eq!(hub.get("/api/v1/models").send().await.json()["items"][0]["verified"], false);
}
