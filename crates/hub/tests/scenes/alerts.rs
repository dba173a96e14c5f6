//! Alerts: what an account is told of its limits and its balance, and how the message gets there.

use hub::signing::{Message, Secret};
use hub::{Alert, Error, KeyWish, Limits, Scope};
use serde_json::{Value, json};
use testkit::{MORNING, Sent, TestHub, User, failing_behind_a_gate, fixtures, opg, per_day, refused, until};

/// alice has published an echo for 0.002 OPG, bob has 1 OPG.
async fn scene() -> (TestHub, User) {
    let hub = TestHub::start().await;
    hub.user("alice").await.publish("alice/echo").await.unwrap();
    let bob = hub.user("bob").await.funded("1").await;
    (hub, bob)
}

async fn calls(user: &User, count: usize) {
    for _ in 0..count {
        user.infer("alice/echo").await.unwrap();
    }
}

/// Waits until so many things of a kind are noted, and gives all of them.
async fn noted(user: &User, kind: &str, count: usize) -> Vec<Alert> {
    until(kind, async || Some(user.alerts(kind).await).filter(|alerts| alerts.len() >= count)).await
}

/// Waits until so many messages came, and gives all of them.
async fn heard(user: &User, count: usize) -> Vec<Sent> {
    until("messages", async || Some(user.heard()).filter(|sent| sent.len() >= count)).await
}

/// Waits until a low balance was told so many times.
async fn told_low(hub: &TestHub, user: &User, count: usize) -> Vec<Alert> {
    let alerts = noted(user, "balance.low", count).await;
    until("the balance is known to be low", async || known_low(hub, user).await.then_some(alerts.clone())).await
}

/// Waits until a low balance is up again in the hub's eyes.
async fn up_again(hub: &TestHub, user: &User) {
    until("the balance is up", async || (!known_low(hub, user).await).then_some(())).await;
}

async fn known_low(hub: &TestHub, user: &User) -> bool {
    hub.hub().webhook(user.caller()).await.unwrap().is_some_and(|webhook| webhook.low)
}

fn data(alert: &Alert) -> Value {
    serde_json::from_str(&alert.what.data).unwrap()
}

fn kinds(sent: &[Sent]) -> Vec<String> {
    sent.iter().map(|sent| sent.json()["type"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_limit_is_near_when_four_fifths_are_spent() {
    let (hub, bob) = scene().await;
    let bob = bob.limited(per_day("0.01")).await;
    calls(&bob, 3).await;
    hub.hub().limits(bob.caller()).await.unwrap();
    calls(&bob, 1).await;
    let near = noted(&bob, "limit.near", 1).await;
    let told = json!({
        "whose": "account", "key": null, "over": "day", "period": "2026-01-02", "limit": "0.01", "spent": "0.008",
    });
    assert_eq!((near.len(), data(&near[0]), near[0].what.at), (1, told, MORNING));
    hub.finish().await;
}

#[tokio::test]
async fn a_limit_that_was_in_the_way_of_a_call_is_told_with_its_key() {
    let (hub, bob) = scene().await;
    let limits = Limits { month: Some(opg("0.003")), ..Limits::default() };
    let wish = KeyWish { scopes: vec![Scope::Call], limits, ..KeyWish::default() };
    let key = bob.with_key(wish).await.unwrap();
    calls(&key, 1).await;
    refused!(key.infer("alice/echo").await, Error::SpendingLimit { .. });
    let reached = noted(&bob, "limit.reached", 1).await;
    let told = json!({
        "whose": "key", "key": key.key.id.to_string(), "over": "month", "period": "2026-01", "limit": "0.003",
        "spent": "0.002",
    });
    assert_eq!(data(&reached[0]), told);
    hub.finish().await;
}

/// The limit of the month is looked at after that of the day: when it is told, the day's would have been told again.
#[tokio::test]
async fn the_same_limit_is_told_once_a_day() {
    let (hub, bob) = scene().await;
    let limits = Limits { month: Some(opg("0.0125")), ..per_day("0.01") };
    let bob = bob.limited(limits).await;
    calls(&bob, 4).await;
    noted(&bob, "limit.near", 1).await;
    calls(&bob, 1).await;
    for _ in 0..3 {
        refused!(bob.infer("alice/echo").await, Error::SpendingLimit { .. });
    }
    let periods = async |kind, count| {
        let alerts = noted(&bob, kind, count).await;
        alerts.iter().map(|alert| data(alert)["period"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(periods("limit.near", 2).await, ["2026-01-02", "2026-01"]);
    hub.hours_pass(24);
    let bob = bob.limited(per_day("0.01")).await;
    calls(&bob, 5).await;
    refused!(bob.infer("alice/echo").await, Error::SpendingLimit { .. });
    assert_eq!(periods("limit.reached", 2).await, ["2026-01-02", "2026-01-03"]);
    hub.finish().await;
}

#[tokio::test]
async fn a_limit_that_is_nearly_used_up_when_it_is_set_is_told() {
    let (hub, bob) = scene().await;
    calls(&bob, 2).await;
    let bob = bob.limited(per_day("0.005")).await;
    assert_eq!(data(&noted(&bob, "limit.near", 1).await[0])["spent"], "0.004");
    hub.finish().await;
}

#[tokio::test]
async fn a_low_balance_is_told_once_until_it_was_up_again() {
    let (hub, bob) = scene().await;
    bob.listen(Some("0.995")).await.unwrap();
    calls(&bob, 3).await;
    told_low(&hub, &bob, 1).await;
    calls(&bob, 1).await;
    hub.hub().limits(bob.caller()).await.unwrap();
    bob.deposit("0.01").await.unwrap();
    up_again(&hub, &bob).await;
    calls(&bob, 4).await;
    let low = told_low(&hub, &bob, 2).await;
    let told = |cash: &str| json!({ "cash": cash, "promo": "0", "threshold": "0.995" });
    assert_eq!(low.iter().map(data).collect::<Vec<_>>(), [told("0.994"), told("0.994")]);
    hub.finish().await;
}

#[tokio::test]
async fn what_is_set_aside_makes_a_balance_low_and_given_back_it_is_up() {
    let (hub, bob) = scene().await;
    bob.listen(Some("0.5")).await.unwrap();
    for count in 1..=2 {
        let hold = bob.set_aside("0.6").await.unwrap().hold.id;
        assert_eq!(told_low(&hub, &bob, count).await.len(), count);
        hub.release_hold(hold).await.unwrap();
        up_again(&hub, &bob).await;
    }
    bob.set_aside("0.6").await.unwrap();
    told_low(&hub, &bob, 3).await;
    hub.restart().await;
    hub.hours_pass(24);
    up_again(&hub, &bob).await;
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_call_that_failed_leaves_no_low_balance_behind() {
    let (hub, bob) = scene().await;
    let dear = bob.publish("bob/dear").price("0.6 OPG").await.unwrap();
    let (gate, fails) = failing_behind_a_gate();
    hub.script(&dear, [fails]);
    bob.listen(Some("0.5")).await.unwrap();
    let running = tokio::spawn(bob.infer("bob/dear").into_future());
    until("the call runs", async || (bob.balance().cash_held > 0).then_some(())).await;
    bob.deposit("0.001").await.unwrap();
    told_low(&hub, &bob, 1).await;
    drop(gate);
    refused!(running.await.unwrap(), Error::Engine(_));
    up_again(&hub, &bob).await;
    hub.finish().await;
}

#[tokio::test]
async fn a_balance_that_is_low_when_somebody_begins_to_listen_is_told() {
    let (hub, bob) = scene().await;
    bob.listen(Some("2")).await.unwrap();
    told_low(&hub, &bob, 1).await;
    bob.listen(Some("3")).await.unwrap();
    let low = told_low(&hub, &bob, 2).await;
    assert_eq!(low.iter().map(|alert| data(alert)["threshold"].clone()).collect::<Vec<_>>(), ["2", "3"]);
    hub.finish().await;
}

#[tokio::test]
async fn who_never_answers_keeps_nobody_else_waiting() {
    let (hub, bob) = scene().await;
    let carol = hub.user("carol").await;
    hub.hub().set_webhook(carol.caller(), "https://tarpit.test/".to_owned(), None, false).await.unwrap();
    for _ in 0..100 {
        hub.hub().test_webhook(carol.caller()).await.unwrap();
    }
    until("carol's first message is on its way", async || hub.outbox().sent().first().cloned()).await;
    bob.listen(None).await.unwrap();
    hub.hub().test_webhook(bob.caller()).await.unwrap();
    heard(&bob, 1).await;
    assert_eq!(hub.outbox().sent().len(), 2, "and has one message on its way, not all");
    hub.finish().await;
}

#[tokio::test]
async fn a_message_is_signed_and_says_what_happened() {
    let (hub, bob) = scene().await;
    let secret = bob.listen(None).await.unwrap().fresh_secret.unwrap();
    hub.hours_pass(1);
    refused!(bob.limited(per_day("0.001")).await.infer("alice/echo").await, Error::SpendingLimit { .. });
    let Sent { headers, body, .. } = heard(&bob, 1).await.remove(0);
    let now = MORNING.plus_ms(3_600_000);
    let timestamp: i64 = headers["webhook-timestamp"].parse().unwrap();
    let message = Message { id: &headers["webhook-id"], timestamp, body: body.as_bytes() };
    message.verify(&secret, &headers["webhook-signature"], now).unwrap();
    assert!(message.verify(&Secret::generate(), &headers["webhook-signature"], now).is_err());
    assert_eq!(timestamp, now.0 / 1_000);
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&body["type"], &body["timestamp"]), (&json!("limit.reached"), &json!("2026-01-02T11:00:00.000Z")));
    assert_eq!(body["data"], data(&bob.alerts("limit.reached").await[0]));
    hub.finish().await;
}

#[tokio::test]
async fn a_message_that_was_not_taken_is_told_again_under_its_id() {
    let (hub, bob) = scene().await;
    let secret = bob.listen(None).await.unwrap().fresh_secret.unwrap();
    hub.outbox().answer(Ok(500));
    hub.hub().test_webhook(bob.caller()).await.unwrap();
    let tried = async |count: u32| {
        let last = async || bob.alerts("webhook.test").await.pop().filter(|alert| alert.attempts == count);
        until("a try", last).await
    };
    let first = tried(1).await;
    assert_eq!((first.delivered, first.next), (None, Some(MORNING.plus_ms(5_000))));
    assert_eq!(first.said.as_deref(), Some("answered 500, not 2xx"));
    hub.outbox().answer(Err("no route".to_owned()));
    hub.clock().advance_ms(5_000);
    assert_eq!(tried(2).await.said.as_deref(), Some("no route"));
    hub.outbox().answer(Ok(200));
    hub.clock().advance_ms(30_000);
    let third = tried(3).await;
    assert_eq!((third.delivered, third.next), (Some(MORNING.plus_ms(35_000)), None));

    let sent = bob.heard();
    assert_eq!(sent.len(), 3);
    for (sent, after_s) in sent.iter().zip([0, 5, 35]) {
        assert_eq!(
            (&sent.headers["webhook-id"], &sent.body),
            (&bob.heard()[0].headers["webhook-id"], &bob.heard()[0].body)
        );
        let timestamp = MORNING.0 / 1_000 + after_s;
        let message = Message { id: &sent.headers["webhook-id"], timestamp, body: sent.body.as_bytes() };
        message.verify(&secret, &sent.headers["webhook-signature"], MORNING.plus_ms(after_s * 1_000)).unwrap();
    }
    hub.finish().await;
}

#[tokio::test]
async fn a_message_that_nobody_takes_is_given_up_after_ten_tries() {
    let (hub, bob) = scene().await;
    let carol = hub.user("carol").await;
    bob.listen(None).await.unwrap();
    carol.listen(None).await.unwrap();
    hub.outbox().answer(Ok(404));
    hub.hub().test_webhook(bob.caller()).await.unwrap();
    let tried = async |count: u32| {
        let last = async || bob.alerts("webhook.test").await.pop().filter(|alert| alert.attempts == count);
        until("a try", last).await
    };
    for count in 1..10 {
        let next = tried(count).await.next.unwrap();
        hub.clock().advance_ms(next.0 - hub.now().0);
        // Whatever comes up wakes whoever tells.
        hub.hub().test_webhook(carol.caller()).await.unwrap();
    }
    assert_eq!((tried(10).await.next, bob.heard().len()), (None, 10));
    hub.finish().await;
}

#[tokio::test]
async fn what_was_not_told_is_told_after_a_restart() {
    let (hub, bob) = scene().await;
    bob.listen(None).await.unwrap();
    hub.outbox().answer(Ok(503));
    let bob = bob.limited(per_day("0.001")).await;
    refused!(bob.infer("alice/echo").await, Error::SpendingLimit { .. });
    let id = heard(&bob, 1).await[0].headers["webhook-id"].clone();
    until("the answer is noted", async || bob.alerts("limit.reached").await[0].next.filter(|next| *next > MORNING))
        .await;
    hub.outbox().answer(Ok(204));
    hub.clock().advance_ms(5_000);
    hub.restart().await;
    let sent = heard(&bob, 2).await;
    assert_eq!((sent.len(), &sent[1].headers["webhook-id"]), (2, &id));
    hub.finish().await;
}

#[tokio::test]
async fn what_came_up_in_the_last_moment_before_a_restart_is_noted_after_it() {
    let (hub, bob) = scene().await;
    bob.listen(Some("1")).await.unwrap();
    let bob = bob.limited(per_day("0.002")).await;
    calls(&bob, 1).await;
    hub.restart().await;
    assert_eq!((noted(&bob, "limit.near", 1).await.len(), noted(&bob, "balance.low", 1).await.len()), (1, 1));
    let mut told = kinds(&heard(&bob, 2).await);
    told.sort();
    assert_eq!(told, ["balance.low", "limit.near"]);
    hub.finish().await;
}

#[tokio::test]
async fn a_webhook_that_was_removed_hears_nothing_more() {
    let (hub, bob) = scene().await;
    let carol = hub.user("carol").await;
    bob.listen(None).await.unwrap();
    carol.listen(None).await.unwrap();
    hub.outbox().answer(Ok(503));
    hub.hub().test_webhook(bob.caller()).await.unwrap();
    let waits = async || bob.alerts("webhook.test").await[0].next.filter(|next| *next > MORNING);
    until("the answer is noted", waits).await;
    assert!(hub.hub().remove_webhook(bob.caller()).await.unwrap());
    assert!(!hub.hub().remove_webhook(bob.caller()).await.unwrap());
    refused!(hub.hub().test_webhook(bob.caller()).await, Error::NoWebhook);
    refused!(bob.limited(per_day("0.001")).await.infer("alice/echo").await, Error::SpendingLimit { .. });
    assert_eq!(noted(&bob, "limit.reached", 1).await[0].next, None);
    // What is due is told together: when carol has heard hers, bob would have heard his.
    hub.clock().advance_ms(5_000);
    hub.hub().test_webhook(carol.caller()).await.unwrap();
    heard(&carol, 1).await;
    assert_eq!(bob.heard().len(), 1);
    hub.finish().await;
}

#[tokio::test]
async fn without_a_webhook_alerts_are_noted_for_whoever_looks() {
    let (hub, bob) = scene().await;
    refused!(bob.limited(per_day("0.001")).await.infer("alice/echo").await, Error::SpendingLimit { .. });
    assert_eq!(noted(&bob, "limit.reached", 1).await[0].next, None);
    // Nobody is told of them later.
    bob.listen(None).await.unwrap();
    hub.hub().test_webhook(bob.caller()).await.unwrap();
    assert_eq!(kinds(&heard(&bob, 1).await), ["webhook.test"]);
    hub.finish().await;
}

#[tokio::test]
async fn messages_of_an_account_come_in_the_order_of_what_happened() {
    let (hub, bob) = scene().await;
    bob.listen(None).await.unwrap();
    for _ in 0..5 {
        hub.hub().test_webhook(bob.caller()).await.unwrap();
    }
    let ids: Vec<_> = heard(&bob, 5).await.iter().map(|sent| sent.headers["webhook-id"].clone()).collect();
    let noted: Vec<_> = bob.alerts("webhook.test").await.iter().map(|alert| format!("alert_{}", alert.id)).collect();
    assert_eq!(ids, noted);
    hub.finish().await;
}

#[tokio::test]
async fn a_webhooks_secret_is_shown_when_it_is_new() {
    let (hub, bob) = scene().await;
    let core = hub.hub();
    let set = async |new_secret| {
        let view = core.set_webhook(bob.caller(), "https://bob.test/".to_owned(), None, new_secret).await.unwrap();
        view.fresh_secret.map(|secret| secret.expose())
    };
    let first = set(false).await.unwrap();
    assert_eq!(set(false).await, None);
    let second = set(true).await.unwrap();
    assert_ne!(first, second);
    assert_eq!(core.webhook(bob.caller()).await.unwrap().unwrap().secret, second);
    core.remove_webhook(bob.caller()).await.unwrap();
    assert_ne!(set(false).await.unwrap(), second);
    hub.finish().await;
}

#[tokio::test]
async fn an_address_that_cannot_be_asked_is_refused() {
    let (hub, bob) = scene().await;
    for url in ["http://bob.test/", "", &format!("https://bob.test/{}", "x".repeat(2_000))] {
        refused!(
            hub.hub().set_webhook(bob.caller(), url.to_owned(), None, false).await,
            Error::Invalid { what: "url", .. }
        );
    }
    assert!(hub.hub().webhook(bob.caller()).await.unwrap().is_none());
    hub.finish().await;
}

#[tokio::test]
async fn alerts_are_listed_newest_first_and_page_by_page() {
    let (hub, bob) = scene().await;
    let carol = hub.user("carol").await;
    let core = hub.hub();
    for user in [&bob, &carol] {
        user.listen(None).await.unwrap();
    }
    for user in [&bob, &carol, &bob, &bob] {
        core.test_webhook(user.caller()).await.unwrap();
        hub.hours_pass(1);
    }
    let page = core.alerts(bob.caller(), None, 2).await.unwrap();
    let rest = core.alerts(bob.caller(), Some(page[1].id), 2).await.unwrap();
    let hours: Vec<_> = page.iter().chain(&rest).map(|alert| (alert.what.at.0 - MORNING.0) / 3_600_000).collect();
    assert_eq!(hours, [3, 2, 0]);
    hub.finish().await;
}

#[tokio::test]
async fn an_owner_hears_who_asks_for_much_in_a_day_and_not_of_themselves() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    alice.publish("alice/echo").price("0 OPG").await.unwrap();
    let bob = hub.user("bob").await;
    let ask = async |user: &User, rows: u64| {
        let inputs = fixtures::rows(rows, &vec![1.0; rows as usize]);
        user.infer("alice/echo").inputs(inputs).await.unwrap();
    };
    ask(&alice, 20_000).await;
    ask(&bob, 9_999).await;
    hub.hub().earnings(alice.caller()).await.unwrap();
    assert_eq!(alice.alerts("model.volume").await.len(), 0);
    ask(&bob, 1).await;
    let told = noted(&alice, "model.volume", 1).await;
    let payer = data(&told[0])["payer"].as_str().unwrap().to_owned();
    assert!(payer.starts_with("payer_"), "{payer}");
    assert_eq!(data(&told[0])["model"], "alice/echo");
    ask(&bob, 30_000).await;
    hub.hours_pass(24);
    ask(&bob, 10_000).await;
    let told = noted(&alice, "model.volume", 2).await;
    assert_eq!(told.len(), 2, "once a day");
    hub.finish().await;
}
