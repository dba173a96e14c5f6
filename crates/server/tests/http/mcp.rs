//! `/mcp`: what comes over HTTP before a tool is reached, and whose purse is open. What tools do is in
//! `tests/clients/agents.py`, with the protocol's own library.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::hub::{Answer, Asking, TestHub, fitting};

const ACCEPT: &str = "application/json, text/event-stream";

fn tool(name: &str, arguments: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}})
}

fn call(max_cost: &str) -> Value {
    tool("call_model", json!({"model": "alice/iris", "max_cost": max_cost, "tensors": fitting()["inputs"]}))
}

/// A message as agents' programs send it.
fn message(hub: &TestHub) -> Asking<'_> {
    hub.post("/mcp").header("host", "hub").header("accept", ACCEPT).header("content-type", "application/json")
}

fn content(answer: &Answer) -> Value {
    answer.json()["result"]["structuredContent"].clone()
}

#[tokio::test]
async fn an_agent_s_call_is_paid_by_its_key_and_noted_as_an_agent_s() {
    let hub = TestHub::ready().await;
    let answer = content(&message(&hub).key(&hub.bob).json(&call("0.002")).await);
    assert_eq!((&answer["cost"], &answer["model_name"]), (&json!("0.002"), &json!("alice/iris")), "{answer}");
    let calls = hub.get("/api/v1/calls").key(&hub.bob).send().await.json();
    assert_eq!(calls["items"][0]["surface"], "mcp");
}

#[tokio::test]
async fn a_cookie_pays_nothing_here_and_a_bad_key_is_one() {
    let hub = TestHub::selling("0.002 OPG").await;
    let before = hub.cash(&hub.bob).await;
    for (name, value, code) in [
        ("cookie", format!("modelhub_session={}", hub.bob), "payment_required"),
        ("authorization", "Bearer mh_nobody".to_owned(), "bad_key"),
    ] {
        let answer = content(&message(&hub).header(name, &value).json(&call("1")).await);
        assert_eq!(answer["error"]["code"], code, "{answer}");
    }
    assert_eq!(hub.cash(&hub.bob).await, before);
}

#[tokio::test]
async fn what_is_no_message_is_refused_in_few_words() {
    let hub = TestHub::selling("0.002 OPG").await;
    let answer = hub.get("/mcp").send().await;
    answer.refused(405, "method_not_allowed", "/mcp does not take GET");
    for (kind, accept, body, status) in [
        ("application/json", ACCEPT, "no JSON".to_owned(), 400),
        ("text/plain", ACCEPT, call("1").to_string(), 400),
        ("application/json", "text/html", call("1").to_string(), 400),
        // Whoever has no key sends little.
        ("application/json", ACCEPT, format!("{}{}", " ".repeat(64 * 1024), call("1")), 413),
    ] {
        let asking = hub.post("/mcp").header("host", "hub").header("accept", accept).header("content-type", kind);
        let answer = asking.body(body).await;
        assert_eq!(answer.status, StatusCode::from_u16(status).unwrap(), "{kind} {accept}: {}", answer.text());
        assert!(!answer.text().contains("<html"), "{}", answer.text());
    }
}

#[tokio::test]
async fn a_key_may_send_more_up_to_a_limit() {
    let hub = TestHub::ready().await;
    let sent = async |spaces: usize| {
        let asking = message(&hub).key(&hub.bob);
        asking.body(format!("{}{}", " ".repeat(spaces), call("0.002"))).await
    };
    let answer = content(&sent(64 * 1024).await);
    assert_eq!(answer["model_name"], "alice/iris", "{answer}");
    sent(mcp::MESSAGE_LIMIT).await.refused(413, "body_too_large", "larger than 8388608 bytes");
}

#[tokio::test]
async fn a_tool_that_is_not_there_is_named_beside_those_that_are() {
    let hub = TestHub::selling("0.002 OPG").await;
    let answer = message(&hub).json(&tool("buy_everything", json!({}))).await.json();
    let words = answer["error"]["message"].as_str().unwrap();
    assert!(words.contains("buy_everything") && words.contains("search_models"), "{words}");
}
