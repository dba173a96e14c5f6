//! What moved money, and what may: entries, statements, refunds, holds, limits, trials, deposits, webhooks, metrics.

use std::time::Duration;

use hub::signing::{Message, Secret};
use serde_json::{Value, json};

use crate::hub::{Answer, TestHub, fitting};

const NOW_S: i64 = 1_795_428_000;

impl TestHub {
    async fn called(&self) -> String {
        let answer = self.call().json(&fitting()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.header("x-receipt-id").to_owned()
    }

    async fn asked(&self, path: &str, key: &str) -> Value {
        let answer = self.get(path).key(key).send().await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    fn put(&self, path: &str, key: &str, body: &Value) -> impl Future<Output = Answer> + use<'_> {
        self.ask("PUT", path).key(key).json(body)
    }

    fn operate(&self, path: &str, body: &Value) -> impl Future<Output = Answer> + use<'_> {
        self.post(path).key(&self.operator).json(body)
    }
}

#[tokio::test]
async fn entries_tell_everything_that_moved_money_page_by_page() {
    let hub = TestHub::ready().await;
    let call = hub.called().await;
    let all = hub.asked("/api/v1/entries", &hub.bob).await;
    let [paid, deposit] = &all["items"].as_array().unwrap()[..] else { panic!("{all}") };
    assert_eq!((&paid["kind"], &paid["amount"], &paid["purse"]), (&json!("call"), &json!("-0.002"), &json!("cash")));
    assert_eq!((&paid["model"], &paid["release"], &paid["call"]), (&json!("alice/iris"), &json!("1.00"), &json!(call)));
    assert_eq!(
        (&deposit["kind"], &deposit["amount"], &deposit["reference"]),
        (&json!("deposit"), &json!("1"), &json!("test"))
    );
    assert!(all["next"].is_null());

    let first = hub.asked("/api/v1/entries?limit=1", &hub.bob).await;
    let next = first["next"].as_str().unwrap();
    let rest = hub.asked(&format!("/api/v1/entries?limit=1&cursor={next}"), &hub.bob).await;
    assert_eq!((&first["items"][0], &rest["items"][0]), (paid, deposit));
}

#[tokio::test]
async fn a_statement_adds_up_as_json_and_as_csv() {
    let hub = TestHub::ready().await;
    hub.called().await;
    let statement = hub.asked("/api/v1/statements/2026-11", &hub.bob).await;
    assert_eq!(statement["opening"], json!({"cash": "0", "promo": "0"}));
    assert_eq!(statement["closing"], json!({"cash": "0.998", "promo": "0"}));
    assert_eq!((&statement["account"], &statement["complete"]), (&json!("bob"), &json!(false)));
    let totals = json!([
        {"kind": "call", "purse": "cash", "count": 1, "amount": "-0.002"},
        {"kind": "deposit", "purse": "cash", "count": 1, "amount": "1"},
    ]);
    assert_eq!(statement["totals"], totals);

    let csv = hub.get("/api/v1/statements/2026-11.csv").key(&hub.bob).send().await;
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(csv.header("content-disposition"), "attachment; filename=\"bob-2026-11.csv\"");
    let lines: Vec<_> = csv.text().split("\r\n").collect();
    assert_eq!(
        lines,
        [
            "day,kind,purse,class,model,release,count,amount_opg",
            "2026-11-01,opening,cash,,,,,0",
            "2026-11-01,opening,promo,,,,,0",
            "2026-11-23,call,cash,paid,alice/iris,1.00,1,-0.002",
            "2026-11-23,deposit,cash,,,,1,1",
            "2026-11-30,closing,cash,,,,,0.998",
            "2026-11-30,closing,promo,,,,,0",
            "",
        ]
    );
    for month in ["2026-13", "november", "2026-11.xls"] {
        let answer = hub.get(&format!("/api/v1/statements/{month}")).key(&hub.bob).send().await;
        answer.refused(400, "invalid_request", "is not a month");
    }
}

#[tokio::test]
async fn earnings_are_told_by_class_and_by_payers_whom_nobody_knows() {
    let hub = TestHub::ready().await;
    hub.called().await;
    let by_class = hub.asked("/api/v1/earnings?by=class", &hub.alice).await;
    let line = json!([{"class": "paid", "purse": "cash", "kind": "creator", "calls": 1, "amount": "0.0018"}]);
    assert_eq!((&by_class["items"], &by_class["totals"]["paid"]), (&line, &json!("0.0018")));
    let by_payer = hub.asked("/api/v1/earnings?by=payer", &hub.alice).await;
    let payer = by_payer["items"][0]["payer"].as_str().unwrap();
    assert!(payer.starts_with("payer_") && payer.len() == 26, "{payer}");
    let bob = hub.asked("/api/v1/account", &hub.bob).await;
    assert!(!by_payer.to_string().contains(bob["account"].as_str().unwrap()));
    let wrong = hub.get("/api/v1/earnings?by=year").key(&hub.alice).send().await;
    wrong.refused(400, "invalid_request", "by is \"year\"; expected model, release, day, class or payer");
}

#[tokio::test]
async fn an_uploader_gives_a_call_back_once() {
    let hub = TestHub::ready().await;
    let call = hub.called().await;
    let id = "tr_01jd3e5vkg000000000000000a";
    let wish = json!({"call": call, "amount": "0.001", "reason": "half of it failed", "id": id});
    let refund = |key: &str, wish: &Value| hub.post("/api/v1/refunds").key(key).json(wish);
    let given = refund(&hub.alice, &wish).await.json();
    assert_eq!((&given["amount"], &given["owed"], &given["purse"]), (&json!("0.001"), &json!("0"), &json!("cash")));
    let roles: Vec<_> =
        given["parts"].as_array().unwrap().iter().map(|part| (&part["role"], &part["at_once"])).collect();
    assert_eq!(roles, [(&json!("fee"), &json!("0.0001")), (&json!("creator"), &json!("0.0009"))]);
    assert_eq!(refund(&hub.alice, &wish).await.json(), given, "the same id is the same refund");
    assert_eq!(hub.cash(&hub.bob).await, "0.999");
    let seen = hub.asked(&format!("/api/v1/refunds?call={call}"), &hub.bob).await;
    assert_eq!(seen["items"], json!([given]));
    assert_eq!(hub.asked("/api/v1/debts", &hub.alice).await, json!({"items": []}));

    let more = json!({"call": call, "amount": "0.0011", "reason": "more"});
    refund(&hub.alice, &more).await.refused(422, "refund_refused", "0.001 OPG of its cost are left");
    let other = json!({"call": call, "amount": "0.0002", "reason": "other", "id": id});
    refund(&hub.alice, &other).await.refused(409, "id_reused", id);
    let theirs = json!({"call": call, "reason": "I want it back"});
    refund(&hub.bob, &theirs).await.refused(403, "forbidden", "bob does not belong to alice's group");
    refund(&hub.alice, &json!({"call": call, "reason": " "})).await.refused(400, "invalid_request", "reason");
    refund(&hub.alice, &json!({"call": "call_x", "reason": "x"})).await.refused(400, "invalid_request", "call: ");
    hub.clock.advance_ms(31 * 86_400_000);
    refund(&hub.alice, &theirs).await.refused(422, "refund_refused", "its uploader may refund it for 30 days");
    assert_eq!(refund(&hub.operator, &theirs).await.status, 200, "the operator always may");
    assert_eq!(hub.cash(&hub.bob).await, "1");
    hub.get("/api/v1/refunds").key(&hub.bob).send().await.refused(400, "invalid_request", "call is missing");
}

#[tokio::test]
async fn what_account_or_key_may_spend_ends_calls() {
    let hub = TestHub::ready().await;
    let limits = json!({"max_day": "0.003", "max_month": "0.1"});
    assert_eq!(hub.put("/api/v1/limits", &hub.bob, &limits).await.json(), limits);
    hub.called().await;
    let refused = hub.call().json(&fitting()).await;
    refused.refused(402, "spending_limit", "the account may spend 0.003 OPG a day: 0.002 OPG are spent");
    let used = hub.asked("/api/v1/limits", &hub.bob).await;
    let account = json!({"max_day": "0.003", "max_month": "0.1", "spent_today": "0.002", "spent_this_month": "0.002"});
    assert_eq!((&used["account"], &used["key"]["spent_today"]), (&account, &json!("0.002")));
    hub.clock.advance_ms(86_400_000);
    hub.called().await;

    let wish = json!({"scopes": ["call"], "max_day": "0.002"});
    let key = hub.post("/api/v1/keys").key(&hub.bob).json(&wish).await.json();
    assert_eq!(key["max_day"], "0.002");
    hub.put("/api/v1/limits", &hub.bob, &json!({})).await;
    let call = || hub.post("/v2/models/alice/iris/infer").key(key["key"].as_str().unwrap()).json(&fitting());
    assert_eq!(call().await.status, 200);
    call().await.refused(402, "spending_limit", "the key may spend 0.002 OPG a day");
    for (body, message) in [
        (json!({"max_day": "0"}), "more than 0 OPG"),
        (json!({"max_day": "x"}), "max_day: \"x\" is not an amount"),
        (json!({"max_week": "1"}), "unknown field `max_week`"),
    ] {
        hub.put("/api/v1/limits", &hub.bob, &body).await.refused(400, "invalid_request", message);
    }
}

#[tokio::test]
async fn a_webhook_is_told_and_its_secret_is_shown_once() {
    let hub = TestHub::ready().await;
    hub.get("/api/v1/webhook").key(&hub.bob).send().await.refused(404, "webhook_not_found", "no webhook");
    let wish = json!({"url": "https://bob.example/hook", "low_balance": "0.999"});
    let set = hub.put("/api/v1/webhook", &hub.bob, &wish).await.json();
    let secret: Secret = set["secret"].as_str().unwrap().parse().unwrap();
    assert!(hub.asked("/api/v1/webhook", &hub.bob).await["secret"].is_null());
    assert!(hub.put("/api/v1/webhook", &hub.bob, &wish).await.json()["secret"].is_null(), "the secret stays");
    hub.called().await;
    hub.post("/api/v1/webhook/test").key(&hub.bob).json(&json!({})).await;

    for _ in 0..100 {
        let all = hub.asked("/api/v1/alerts", &hub.bob).await;
        let told = all["items"].as_array().unwrap().iter().filter(|alert| alert["delivered"].is_string()).count();
        if told == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let sent = hub.outbox.sent();
    let low = sent.iter().find(|sent| sent.json()["type"] == "balance.low").expect("bob has 0.998");
    assert_eq!(low.json()["data"], json!({"cash": "0.998", "promo": "0", "threshold": "0.999"}));
    assert_eq!(low.url, "https://bob.example/hook");
    let (id, timestamp) = (&low.headers["webhook-id"], low.headers["webhook-timestamp"].parse().unwrap());
    let message = Message { id, timestamp, body: low.body.as_bytes() };
    message.verify(&secret, &low.headers["webhook-signature"], ledger::Time(NOW_S * 1_000)).unwrap();
    assert!(sent.iter().any(|sent| sent.json()["type"] == "webhook.test"));

    let http = json!({"url": "http://bob.example/hook"});
    hub.put("/api/v1/webhook", &hub.bob, &http).await.refused(400, "invalid_request", "https://");
    let gone = hub.ask("DELETE", "/api/v1/webhook").key(&hub.bob).send().await;
    assert_eq!(gone.json(), json!({"removed": true}));
    let again = hub.ask("DELETE", "/api/v1/webhook").key(&hub.bob).send().await;
    again.refused(404, "webhook_not_found", "no webhook");
}

/// A message of the operator's own tools.
async fn announce(hub: &TestHub, id: &str, body: &str, signature: Option<&str>, timestamp: i64) -> Answer {
    let secret: Secret = testkit::DEPOSIT_SECRET.parse().unwrap();
    let signed = Message { id, timestamp, body: body.as_bytes() }.sign(&secret);
    hub.post("/api/v1/deposits")
        .header("webhook-id", id)
        .header("webhook-timestamp", &timestamp.to_string())
        .header("webhook-signature", signature.unwrap_or(&signed))
        .body(body.to_owned())
        .await
}

#[tokio::test]
async fn deposits_are_credited_by_signed_messages_once_and_together() {
    let hub = TestHub::ready().await;
    let body = r#"{"deposits":[{"account":"bob","amount":"5","reference":"pi_1"},{"account":"alice","amount":"0.5"}]}"#;
    let first = announce(&hub, "evt_1", body, None, NOW_S).await;
    assert_eq!(first.status, 200, "{}", first.text());
    assert_eq!(announce(&hub, "evt_1", body, None, NOW_S + 60).await.json(), first.json(), "a repeat moves nothing");
    assert_eq!((hub.cash(&hub.bob).await, hub.cash(&hub.alice).await), ("6".to_owned(), "0.5".to_owned()));

    let other = body.replace("\"5\"", "\"6\"");
    announce(&hub, "evt_1", &other, None, NOW_S).await.refused(409, "id_reused", "was posted before");
    let half = body.replace("alice", "nobody-here");
    announce(&hub, "evt_2", &half, None, NOW_S).await.refused(404, "account_not_found", "nobody-here");
    assert_eq!(hub.cash(&hub.bob).await, "6", "all of them or none");

    let wrong = announce(&hub, "evt_3", body, Some("v1,AAAA"), NOW_S).await;
    wrong.refused(401, "bad_signature", "webhook-signature is none of this body");
    announce(&hub, "evt_3", body, None, NOW_S - 301).await.refused(401, "bad_signature", "more than 300 s away");
    for (body, message) in [
        ("{}", "missing field `deposits`"),
        (r#"{"deposits":[]}"#, "at least one deposit"),
        (r#"{"deposits":[{"account":"bob","amount":"-1"}]}"#, "deposits[0].amount: -1 is below zero"),
        (r#"{"deposits":[{"account":"B","amount":"1"}]}"#, "deposits[0].account: \"B\" is not a handle"),
    ] {
        announce(&hub, "evt_4", body, None, NOW_S).await.refused(400, "invalid_request", message);
    }
    let many = format!(r#"{{"deposits":[{}]}}"#, vec![r#"{"account":"bob","amount":"1"}"#; 1_001].join(","));
    announce(&hub, "evt_5", &many, None, NOW_S).await.refused(400, "invalid_request", "1000 transfers");
    assert_eq!(hub.cash(&hub.bob).await, "6");
}

#[tokio::test]
async fn money_is_set_aside_for_a_payout_and_released_or_paid() {
    let hub = TestHub::ready().await;
    let wish = json!({"handle": "bob", "amount": "0.4", "days": 7, "reference": "bank"});
    let hold = hub.operate("/api/v1/admin/holds", &wish).await.json();
    let id = hold["hold"].as_str().unwrap();
    assert_eq!((&hold["account"], &hold["expires"]), (&json!("bob"), &json!("2026-11-30T10:00:00.000Z")));
    let balance = hub.asked("/api/v1/balance", &hub.bob).await;
    assert_eq!(balance, json!({"cash": "0.6", "promo": "0", "held": "0.4", "owed": "0"}));
    assert_eq!(hub.asked("/api/v1/holds", &hub.bob).await["items"], json!([hold]));
    assert_eq!(hub.asked("/api/v1/admin/holds", &hub.operator).await["items"], json!([hold]));

    let payout = |amount: &str| json!({"handle": "bob", "amount": amount, "hold": id});
    let too_much = hub.operate("/api/v1/admin/payouts", &payout("0.5")).await;
    too_much.refused(400, "invalid_request", "0.5 OPG is above the hold of 0.4 OPG");
    let paid = hub.operate("/api/v1/admin/payouts", &payout("0.3")).await.json();
    assert_eq!(paid["balance"], json!({"cash": "0.7", "promo": "0", "held": "0", "owed": "0"}), "the rest is free");
    hub.operate("/api/v1/admin/payouts", &payout("0.1")).await.refused(409, "hold_ended", "already captured");
    let gift = json!({"handle": "bob", "amount": "1", "hold": id});
    hub.operate("/api/v1/admin/grants", &gift).await.refused(400, "invalid_request", "is for a payout alone");

    let second = hub.operate("/api/v1/admin/holds", &wish).await.json();
    let path = format!("/api/v1/admin/holds/{}", second["hold"].as_str().unwrap());
    let release = || hub.ask("DELETE", &path).key(&hub.operator).send();
    assert_eq!(release().await.json()["released"], true);
    release().await.refused(409, "hold_ended", "already voided");
    let nobodys = hub.ask("DELETE", "/api/v1/admin/holds/hold_00000000000000000000000000").key(&hub.operator);
    nobodys.send().await.refused(404, "hold_not_found", "there is no hold");
    for (wish, message) in [
        (json!({"handle": "bob", "amount": "1", "days": 91}), "1 to 90 days"),
        (json!({"handle": "bob", "amount": "1", "days": 1, "purse": "gold"}), "expected cash or promo"),
    ] {
        hub.operate("/api/v1/admin/holds", &wish).await.refused(400, "invalid_request", message);
    }
}

#[tokio::test]
async fn a_model_is_tried_without_money_where_somebody_pays() {
    let hub = TestHub::selling("0.002 OPG").await;
    let path = "/api/v1/models/alice/iris/trial";
    hub.call().json(&fitting()).await.refused(402, "insufficient_funds", "0.002 OPG are needed");
    let none = json!({"model": "alice/iris", "allowed": true, "budget": "0", "per_account": "0", "used": "0"});
    assert_eq!(hub.asked(path, &hub.alice).await, none);
    hub.get(path).key(&hub.bob).send().await.refused(403, "forbidden", "bob does not belong to alice's group");

    hub.deposit("alice", "1").await;
    let trial = json!({"allowed": false, "budget": "0.004", "per_account": "0.002"});
    assert_eq!(hub.put(path, &hub.alice, &trial).await.status, 200);
    let answer = hub.call().json(&fitting()).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-paid-from")), (200, "trial"));
    let call = &hub.asked("/api/v1/calls", &hub.bob).await["items"][0];
    assert_eq!((&call["class"], &call["sponsor"], &call["purse"]), (&json!("trial"), &json!("owner"), &json!("promo")));
    let balance = hub.asked("/api/v1/balance", &hub.alice).await;
    assert_eq!((&balance["cash"], &balance["promo"]), (&json!("0.998"), &json!("0.0018")));
    assert_eq!(hub.asked(path, &hub.alice).await["used"], "0.002");
    hub.call().json(&fitting()).await.refused(402, "insufficient_funds", "0.002 OPG are needed");
    let wrong = json!({"allowed": true, "budget": "1", "per_account": "2"});
    hub.put(path, &hub.alice, &wrong).await.refused(400, "invalid_request", "at most the whole budget, 1 OPG");

    let budget = json!({"budget": "0.003"});
    assert_eq!(hub.put("/api/v1/admin/trial", &hub.operator, &budget).await.json(), budget);
    assert_eq!(hub.asked("/api/v1/admin/trial", &hub.operator).await, budget);
    hub.put("/api/v1/admin/trial", &hub.bob, &budget).await.refused(403, "scope_missing", "admin");
    let carol = hub.operate("/api/v1/admin/accounts", &json!({"handle": "carol"})).await.json();
    let carols = || hub.post("/v2/models/alice/iris/infer").key(carol["key"].as_str().unwrap()).json(&fitting());
    hub.put(path, &hub.alice, &json!({"allowed": false, "budget": "0", "per_account": "0"})).await;
    carols().await.refused(402, "insufficient_funds", "are needed");
    hub.put(path, &hub.alice, &json!({"allowed": true, "budget": "0", "per_account": "0"})).await;
    assert_eq!(carols().await.header("x-paid-from"), "trial");
    carols().await.refused(402, "insufficient_funds", "are needed");
    let calls = hub.asked("/api/v1/calls", carol["key"].as_str().unwrap()).await;
    assert_eq!(calls["items"][1]["sponsor"], "hub");
}

#[tokio::test]
async fn metrics_are_the_operators_and_in_the_form_of_open_metrics() {
    let hub = TestHub::ready().await;
    hub.called().await;
    hub.asked("/api/v1/entries", &hub.bob).await;
    hub.get("/metrics").key(&hub.bob).send().await.refused(403, "scope_missing", "admin");
    hub.get("/metrics").send().await.refused(401, "no_key", "a key is needed");
    let answer = hub.get("/metrics").key(&hub.operator).send().await;
    assert_eq!(answer.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let lines: Vec<_> = answer.text().lines().collect();
    for line in [
        "modelhub_calls_total{class=\"paid\"} 1",
        "modelhub_cost_nano_opg_total{class=\"paid\"} 2000000",
        "modelhub_holds_open{kind=\"running\"} 0",
        "modelhub_books_last_row 2",
        "modelhub_catalog_behind_rows 0",
        "modelhub_models 1",
        "# TYPE modelhub_books_commit_seconds histogram",
        "# EOF",
    ] {
        assert!(lines.contains(&line), "{line}:\n{}", answer.text());
    }
}
