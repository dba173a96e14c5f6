//! How often somebody may ask, over every surface; keys with a rate, other secrets for keys.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::hub::{Answer, TestHub, fitting};

/// A key of bob's with a rate.
async fn slow_key(hub: &TestHub, rate: &str) -> Value {
    let body = json!({"scopes": ["call", "read"], "rate": rate});
    let answer = hub.post("/api/v1/keys").key(&hub.bob).json(&body).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

fn fields(answer: &Answer) -> (&str, &str, &str) {
    (answer.header("ratelimit-policy"), answer.header("ratelimit"), answer.header("retry-after"))
}

#[tokio::test]
async fn a_key_is_told_how_many_calls_are_left_and_when_there_are_more() {
    let hub = TestHub::ready().await;
    let made = slow_key(&hub, "2/min").await;
    assert_eq!(made["rate"], "2/min");
    let key = made["key"].as_str().unwrap();
    let call = || hub.post("/v2/models/alice/iris/infer").key(key).json(&fitting());
    let first = call().await;
    assert_eq!((first.status.as_u16(), fields(&first)), (200, ("\"calls\";q=2;w=60", "\"calls\";r=1;t=30", "")));
    call().await;
    let third = call().await;
    third.refused(429, "rate_limited", "this key may make calls at 2/min");
    assert_eq!(fields(&third), ("\"calls\";q=2;w=60", "\"calls\";r=0;t=30", "30"));
    assert_eq!(hub.cash(&hub.bob).await, "0.996", "what was refused cost nothing");
    let read = hub.get("/api/v1/account").key(key).send().await;
    assert_eq!((read.status.as_u16(), fields(&read)), (200, ("", "", "")));
    hub.clock.advance_ms(30_000);
    assert_eq!(call().await.status, 200);
}

#[tokio::test]
async fn each_surface_is_refused_in_its_own_words() {
    let hub = TestHub::ready().await;
    let key = slow_key(&hub, "1/day").await["key"].as_str().unwrap().to_owned();
    hub.post("/v2/models/alice/iris/infer").key(&key).json(&fitting()).await;
    let openai = hub.post("/v1/embeddings").key(&key).json(&json!({})).await;
    openai.refused(429, "rate_limited", "1/day");
    assert_eq!(openai.json()["error"]["type"], "rate_limit_error");
    hub.post("/api/v1/run/alice/iris").key(&key).json(&json!({})).await.refused(429, "rate_limited", "1/day");
    let grpc = hub.post("/inference.GRPCInferenceService/ModelInfer").key(&key).send().await;
    assert_eq!((grpc.status.as_u16(), grpc.header("grpc-status")), (200, "8"), "RESOURCE_EXHAUSTED");
    assert_eq!((grpc.header("x-error-code"), grpc.header("retry-after")), ("rate_limited", "86400"));
    assert_eq!(grpc.header("ratelimit"), "\"calls\";r=0;t=86400");
    // The rest is of strangers, by their address.
    let rates = json!({"address": {"calls": "1/min", "writes": "1/min", "reads": "1/min"}});
    let set = hub.ask("PUT", "/api/v1/admin/request-rates").key(&hub.operator).json(&rates).await;
    assert_eq!(set.json()["address"]["reads"], "1/min", "{}", set.text());
    let ask = |path: &str| hub.get(path).from("203.0.113.1").send();
    assert_eq!(ask("/api/models").await.status, 200);
    let hf = ask("/api/models").await;
    hf.refused(429, "rate_limited", "this address may make reads at 1/min");
    assert_eq!(fields(&hf), ("\"reads\";q=1;w=60", "\"reads\";r=0;t=60", "60"));
    assert!(hf.header("x-error-message").contains("1/min"));
    let page = ask("/search").await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (429, "text/html; charset=utf-8"));
    let head = hub.ask("HEAD", "/alice/iris/resolve/main/README.md").from("203.0.113.1").send().await;
    assert_eq!((head.status.as_u16(), head.body.len()), (429, 0));
    hub.post("/api/v0/models/").from("203.0.113.1").json(&json!({})).await;
    let v0 = hub.post("/api/v0/models/").from("203.0.113.1").json(&json!({})).await;
    assert_eq!((v0.status.as_u16(), v0.json()["code"].as_str()), (429, Some("rate_limited")));
    for free in ["/v2/health/live", "/static/none"] {
        assert_ne!(ask(free).await.status, 429, "{free}");
    }
    assert_eq!(hub.get("/api/models").from("127.0.0.1").send().await.status, 200, "this machine");
    assert_eq!(hub.get("/api/models").from("203.0.113.2").send().await.status, 200, "another");
    let known = hub.get("/api/models").from("203.0.113.1").key(&hub.bob).send().await;
    assert_eq!(known.status, 200, "whoever has a key is not counted with the address");
    let wrong = hub.get("/api/models").from("203.0.113.1").key("mh_guessed").send().await;
    assert_eq!(wrong.status, 429, "and whoever has a wrong one is");
}

#[tokio::test]
async fn a_body_is_not_read_of_whoever_comes_too_often() {
    let hub = TestHub::ready().await;
    let key = slow_key(&hub, "1/day").await["key"].as_str().unwrap().to_owned();
    hub.post("/v2/models/alice/iris/infer").key(&key).json(&fitting()).await;
    // A body that never comes: whoever waited for it would wait here for ever.
    let body = axum::body::Body::from_stream(futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>());
    let refused = hub.post("/v2/models/alice/iris/infer").key(&key).body(body).await;
    refused.refused(429, "rate_limited", "1/day");
}

#[tokio::test]
async fn the_other_side_of_a_connection_is_who_asks() {
    let hub = TestHub::empty().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    tokio::spawn(server::serve(listener, hub.hub.clone(), std::future::pending()));
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let lie = "GET /api/models HTTP/1.1\r\nhost: hub\r\nx-forwarded-for: 203.0.113.1\r\nconnection: close\r\n\r\n";
    stream.write_all(lie.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200") && !text.contains("ratelimit"), "this machine is not counted: {text}");
}

#[tokio::test]
async fn sign_ins_that_fail_are_bounded_and_do_not_stop_others() {
    let hub = TestHub::empty().await;
    let guess = |from: &str| {
        let form = hub.post("/login/key").from(from).header("content-type", "application/x-www-form-urlencoded");
        form.body("key=mh_guessed")
    };
    for _ in 0..10 {
        assert_eq!(guess("203.0.113.1").await.status, 401);
    }
    let eleventh = guess("203.0.113.1").await;
    assert_eq!((eleventh.status.as_u16(), eleventh.header("retry-after")), (429, "60"));
    assert!(eleventh.text().contains("too many tries"), "{}", eleventh.text());
    let asked = json!({"device_code": "guessed"});
    hub.post("/api/v1/devices/token").from("203.0.113.1").json(&asked).await.refused(429, "too_many_attempts", "60 s");
    let elsewhere =
        hub.post("/login/key").from("203.0.113.2").header("content-type", "application/x-www-form-urlencoded");
    let elsewhere = elsewhere.body(format!("key={}", hub.alice)).await;
    assert_eq!(elsewhere.status, 303, "{}", elsewhere.text());
    // Whoever looks at the page without a code, or is not signed in, has tried nothing.
    for _ in 0..20 {
        assert_eq!(hub.get("/login/device?code=BCDF-GHJK").from("203.0.113.3").send().await.status, 303);
        assert_eq!(hub.get("/login/device").from("203.0.113.3").key(&hub.alice).send().await.status, 200);
    }
    hub.clock.advance_ms(60_000);
    assert_eq!(guess("203.0.113.1").await.status, 401);
}

#[tokio::test]
async fn a_key_gets_another_secret() {
    let hub = TestHub::empty().await;
    let made = slow_key(&hub, "9/min").await;
    let (id, old) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    let rotate = |body: Value| hub.post(&format!("/api/v1/keys/{id}/rotate")).key(&hub.bob).json(&body);
    let rotated = rotate(json!({"overlap_hours": 1})).await;
    assert_eq!(rotated.status, 200, "{}", rotated.text());
    let answer = rotated.json();
    assert_eq!((&answer["id"], &answer["rate"], &answer["scopes"]), (&made["id"], &made["rate"], &made["scopes"]));
    let new = answer["key"].as_str().unwrap();
    let keys = hub.get("/api/v1/keys").key(&hub.bob).send().await.json();
    let listed = keys["items"].as_array().unwrap().iter().find(|key| key["id"] == id).unwrap().clone();
    assert_eq!((&listed["rotated"], &listed["old_until"]), (&answer["rotated"], &answer["old_until"]));
    assert!(listed["old_until"].is_string() && !keys.to_string().contains(new));
    let ask = |key: &str| hub.get("/api/v1/account").key(key).send();
    assert_eq!((ask(old).await.status.as_u16(), ask(new).await.status.as_u16()), (200, 200));
    hub.clock.advance_ms(3_600_000);
    ask(old).await.refused(401, "bad_key", "expired");
    assert_eq!(ask(new).await.status, 200);
    rotate(json!({"overlap_hours": 721})).await.refused(400, "invalid_request", "0 to 720 hours");
    rotate(json!({"overlap": 1})).await.refused(400, "invalid_request", "unknown field");
    let usual = rotate(json!({})).await;
    assert_eq!(usual.status, 200, "{}", usual.text());
}

#[tokio::test]
async fn a_page_rotates_a_key_and_shows_the_secret_once() {
    let hub = TestHub::empty().await;
    let id = slow_key(&hub, "9/min").await["id"].as_str().unwrap().to_owned();
    let send = |hours: &'static str| hub.post(&format!("/account/keys/{id}/rotate")).key(&hub.bob).body(hours);
    let page = send("hours=24").await;
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(page.text().contains("mh_") && page.text().contains("its old secret until"), "{}", page.text());
    let later = hub.get("/account/keys").key(&hub.bob).send().await;
    assert!(!later.text().contains("mh_") && later.text().contains("9/min calls"), "{}", later.text());
    let wrong = send("hours=soon").await;
    assert!(wrong.status == 400 && wrong.text().contains("a whole number"), "{}", wrong.text());
}

#[tokio::test]
async fn what_is_no_rate_is_named() {
    let hub = TestHub::empty().await;
    let body = json!({"scopes": ["call"], "rate": "60/month"});
    hub.post("/api/v1/keys").key(&hub.bob).json(&body).await.refused(400, "invalid_request", "rate: \"60/month\"");
    let set = |body: Value| hub.ask("PUT", "/api/v1/admin/request-rates").key(&hub.operator).json(&body);
    let wrong = set(json!({"key": {"calls": "0/s"}})).await;
    wrong.refused(400, "invalid_request", "key.calls: \"0/s\"");
    set(json!({"keys": {}})).await.refused(400, "invalid_request", "unknown field");
    let none = set(json!({})).await.json();
    assert_eq!(none["address"], json!({"calls": null, "writes": null, "reads": null}), "left out: without bounds");
}
