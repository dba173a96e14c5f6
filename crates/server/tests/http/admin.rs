//! Accounts, keys and the operator's acts.

use serde_json::{Value, json};

use crate::hub::{TestHub, fitting};

#[tokio::test]
async fn an_account_sees_itself() {
    let hub = TestHub::ready().await;
    let account = hub.get("/api/v1/account").key(&hub.bob).send().await.json();
    assert_eq!((&account["handle"], &account["kind"]), (&json!("bob"), &json!("user")));
    assert_eq!(account["scopes"], json!(["read", "publish", "call", "money"]));
    assert!(account["account"].as_str().unwrap().starts_with("acct_"));
    assert!(account["key"].as_str().unwrap().starts_with("key_"));
    let balance = hub.get("/api/v1/balance").key(&hub.bob).send().await;
    assert_eq!(balance.text(), r#"{"cash":"1","promo":"0","held":"0","owed":"0"}"#);
}

#[tokio::test]
async fn a_new_key_can_do_what_it_was_made_for_and_no_more() {
    let hub = TestHub::ready().await;
    let keys = || hub.post("/api/v1/keys").key(&hub.bob);
    let wish =
        json!({"name": "ci", "scopes": ["call"], "models": ["alice/iris"], "expires_in_days": 1, "max_cost": "0.002"});
    let made = keys().json(&wish).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let made = made.json();
    let (secret, id) = (made["key"].as_str().unwrap(), made["id"].as_str().unwrap());
    assert_eq!((&made["max_cost"], &made["models"]), (&json!("0.002"), &json!(["alice/iris"])));

    let call = || hub.post("/v2/models/alice/iris/infer").key(secret).json(&fitting());
    assert_eq!(call().await.status, 200);
    let balance = hub.get("/api/v1/balance").key(secret).send().await;
    balance.refused(403, "scope_missing", "the key has not the scope \"read\" (it has: call)");
    let listed = hub.get("/api/v1/keys").key(&hub.bob).send().await;
    assert!(listed.text().contains(id) && !listed.text().contains(secret), "secrets are not kept");

    hub.clock.advance_ms(86_400_000);
    call().await.refused(401, "bad_key", "the key expired at 2026-11-");
    let revoked = hub.ask("DELETE", &format!("/api/v1/keys/{id}")).key(&hub.bob).send().await;
    assert_eq!(revoked.json(), json!({"id": id, "revoked": true}));
    call().await.refused(401, "bad_key", "the key was revoked");
    let again = hub.ask("DELETE", &format!("/api/v1/keys/{id}")).key(&hub.bob).send().await;
    again.refused(404, "key_not_found", "there is no key");
    hub.ask("DELETE", "/api/v1/keys/x").key(&hub.bob).send().await.refused(404, "key_not_found", "\"x\"");
}

#[tokio::test]
async fn a_wish_for_a_key_is_read_strictly() {
    let hub = TestHub::ready().await;
    for (wish, status, code, message) in [
        (json!({"scopes": ["admin"]}), 403, "scope_missing", "the scope \"admin\""),
        (
            json!({"scopes": ["fly"]}),
            400,
            "invalid_request",
            "scopes: \"fly\" is none of read, publish, call, money, admin",
        ),
        (json!({"scopes": ["call"], "maxcost": "1"}), 400, "invalid_request", "unknown field `maxcost`"),
        (
            json!({"scopes": ["call"], "max_cost": "1 OPG"}),
            400,
            "invalid_request",
            "max_cost: \"1 OPG\" is not an amount",
        ),
        (json!({"scopes": ["call"], "models": ["iris"]}), 400, "invalid_request", "models: \"iris\" is not a model"),
        (json!({"name": "x"}), 400, "invalid_request", "missing field `scopes`"),
        (Value::Null, 400, "invalid_request", "the body cannot be read"),
    ] {
        hub.post("/api/v1/keys").key(&hub.bob).json(&wish).await.refused(status, code, message);
    }
}

#[tokio::test]
async fn only_the_operator_moves_money_by_hand() {
    let hub = TestHub::ready().await;
    let id = "tr_01jd3e5vkg000000000000000a";
    let grant = json!({"handle": "bob", "amount": "5", "reference": "welcome", "id": id});
    let given = || hub.post("/api/v1/admin/grants").key(&hub.operator).json(&grant);
    let first = given().await.json();
    assert_eq!(first["transfer"], id);
    assert_eq!(first["balance"], json!({"cash": "1", "promo": "5", "held": "0", "owed": "0"}));
    assert_eq!(given().await.json(), first, "the same id with the same content is the same transfer");
    let other = json!({"handle": "bob", "amount": "6", "reference": "welcome", "id": id});
    hub.post("/api/v1/admin/grants").key(&hub.operator).json(&other).await.refused(409, "id_reused", id);

    let payout = |amount: &str| json!({"handle": "bob", "amount": amount, "reference": "bank"});
    let paid = hub.post("/api/v1/admin/payouts").key(&hub.operator).json(&payout("0.4")).await;
    assert_eq!(paid.json()["balance"]["cash"], "0.6");
    let too_much = hub.post("/api/v1/admin/payouts").key(&hub.operator).json(&payout("2")).await;
    too_much.refused(402, "insufficient_funds", "0.6 OPG cash");

    for (body, status, code, message) in [
        (
            json!({"handle": "nobody-here", "amount": "1"}),
            404,
            "account_not_found",
            "there is no account \"nobody-here\"",
        ),
        (json!({"handle": "B", "amount": "1"}), 400, "invalid_request", "handle: \"B\" is not a handle"),
        (json!({"handle": "bob", "amount": "0"}), 400, "invalid_request", "more than 0 OPG"),
        (json!({"handle": "bob", "amount": "x"}), 400, "invalid_request", "amount: \"x\" is not an amount"),
        (json!({"handle": "bob", "amount": "1", "id": "x"}), 400, "invalid_request", "id: \"x\" is not an id"),
    ] {
        hub.post("/api/v1/admin/deposits").key(&hub.operator).json(&body).await.refused(status, code, message);
    }
    for path in ["/api/v1/admin/grants", "/api/v1/admin/deposits", "/api/v1/admin/payouts"] {
        hub.post(path).key(&hub.bob).json(&payout("1")).await.refused(403, "scope_missing", "the scope \"admin\"");
    }
}

#[tokio::test]
async fn handles_are_taken_once_and_never_when_reserved() {
    let hub = TestHub::empty().await;
    let create = |body: Value| hub.post("/api/v1/admin/accounts").key(&hub.operator).body(body.to_string());
    create(json!({"handle": "bob"})).await.refused(409, "handle_taken", "the handle \"bob\" is taken");
    create(json!({"handle": "api"})).await.refused(400, "invalid_request", "reserved");
    create(json!({"handle": "carol", "kind": "hub"})).await.refused(
        400,
        "invalid_request",
        "kinds are user, org, agent",
    );
    create(json!({"handle": "carol", "kind": "cat"})).await.refused(400, "invalid_request", "kind is \"cat\"");
    assert_eq!(create(json!({"handle": "carol", "kind": "org"})).await.status, 201);
}

#[tokio::test]
async fn the_operator_sets_fee_and_rate() {
    let hub = TestHub::ready().await;
    let put = |path: &'static str, key: &str, body: Value| hub.ask("PUT", path).key(key).body(body.to_string());
    let (fee, rate) = ("/api/v1/admin/fee", "/api/v1/admin/rate");
    assert_eq!(put(fee, &hub.operator, json!({"share": "12.5%"})).await.json(), json!({"share": "12.5%"}));
    assert_eq!(hub.get(fee).key(&hub.operator).send().await.json(), json!({"share": "12.5%"}));
    assert_eq!(hub.get(rate).key(&hub.operator).send().await.json(), json!({"rate": null}));
    put(fee, &hub.operator, json!({"share": "half"})).await.refused(400, "invalid_request", "share: \"half\"");
    put(rate, &hub.operator, json!({"rate": "0"})).await.refused(400, "invalid_request", "rate \"0\"");
    put(fee, &hub.bob, json!({"share": "0%"})).await.refused(403, "scope_missing", "admin");
    hub.get(rate).key(&hub.bob).send().await.refused(403, "scope_missing", "admin");
    let quote = hub.post("/v2/models/alice/iris/quote").send().await.json();
    assert_eq!(quote["fee"], "0.00025");
}
