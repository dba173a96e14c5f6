//! What happened, who hears of it, and the log of telling.

use std::time::Duration;

use hub::signing::{Message, Secret};
use hub::{
    AccessStatus, Asker, DeliveryView, Error, EventKind, EventView, Follow, HookChange, HookView, HookWish, KeyWish,
    MemberRole, Scope,
};
use registry::Access;
use serde_json::Value;
use testkit::{MORNING, Sent, TestHub, User, handle, model, refused, until};

async fn scene() -> (TestHub, User, User) {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    let bob = hub.user("bob").await;
    (hub, alice, bob)
}

fn follow(after: u64) -> Follow {
    Follow { after, limit: 100, ..Follow::default() }
}

fn words(events: &[EventView]) -> Vec<String> {
    events.iter().map(|view| view.event.kind.to_string()).collect()
}

async fn told(hub: &TestHub, viewer: Option<&User>, wanted: Follow) -> Vec<String> {
    let (events, _) = hub.hub().events(viewer.map(User::caller), &wanted).await.unwrap();
    words(&events)
}

async fn hook(hub: &TestHub, user: &User, wish: HookWish) -> HookView {
    let url = if wish.url.is_empty() { format!("https://{}.test/events", user.account.handle) } else { wish.url };
    hub.hub().add_hook(user.caller(), HookWish { url, ..wish }).await.unwrap()
}

fn sent(hub: &TestHub, view: &HookView) -> Vec<Sent> {
    hub.outbox().sent().into_iter().filter(|sent| sent.url == view.hook.url).collect()
}

async fn heard(hub: &TestHub, view: &HookView, count: usize) -> Vec<Sent> {
    until("messages", async || Some(sent(hub, view)).filter(|sent| sent.len() >= count)).await
}

/// What was sent to a webhook, once the newest was tried.
async fn log(hub: &TestHub, user: &User, view: &HookView, tries: u32) -> Vec<DeliveryView> {
    let log = async || hub.hub().deliveries(user.caller(), view.hook.id, None, 100).await.unwrap();
    until("it was tried", async || {
        Some(log().await).filter(|log| log.first().is_some_and(|first| first.delivery.attempts >= tries))
    })
    .await
}

#[tokio::test]
async fn a_publish_is_told_step_by_step_with_who_did_it() {
    let (hub, alice, _) = scene().await;
    alice.publish("alice/echo").await.unwrap();
    let (events, next) = hub.hub().events(None, &follow(0)).await.unwrap();
    assert_eq!(words(&events), ["model.created", "commit.added", "release.sealed", "release.latest"]);
    assert!(events.iter().all(|view| view.actor == Some(handle("alice")) && view.account == Some(handle("alice"))));
    assert_eq!((next, events[3].event.seq), (4, 4));
    assert_eq!(told(&hub, None, follow(next)).await, [""; 0]);
    let wanted = Follow { kind: Some(EventKind::ReleaseSealed), ..follow(0) };
    assert_eq!(told(&hub, None, wanted).await, ["release.sealed"]);
    let nobodys = Follow { model: Some(model("alice/none")), ..follow(0) };
    refused!(hub.hub().events(None, &nobodys).await, Error::NoModel { .. });
    let nobodys = Follow { account: Some(handle("nobody")), ..follow(0) };
    refused!(hub.hub().events(None, &nobodys).await, Error::NoAccount { .. });
    hub.finish().await;
}

#[tokio::test]
async fn events_of_a_private_model_are_for_its_owners_group() {
    let (hub, alice, bob) = scene().await;
    alice.publish("alice/echo").await.unwrap();
    hub.hub().set_private(alice.caller(), &model("alice/echo"), true).await.unwrap();
    let of_model = || Follow { model: Some(model("alice/echo")), ..follow(0) };
    assert_eq!(told(&hub, None, follow(0)).await, [""; 0]);
    assert_eq!(told(&hub, Some(&bob), follow(0)).await, [""; 0]);
    refused!(hub.hub().events(Some(bob.caller()), &of_model()).await, Error::NoModel { .. });
    assert_eq!(told(&hub, Some(&alice), of_model()).await.len(), 5);
    let wish = KeyWish { scopes: vec![Scope::Call], ..KeyWish::default() };
    let call = alice.with_key(wish).await.unwrap();
    assert_eq!(told(&hub, Some(&call), follow(0)).await, [""; 0], "a key that may not read");
    hub.hub().set_private(alice.caller(), &model("alice/echo"), false).await.unwrap();
    assert_eq!(told(&hub, None, follow(0)).await.len(), 6);
    hub.finish().await;
}

#[tokio::test]
async fn members_hear_of_members_and_askers_of_their_access_and_strangers_of_neither() {
    let (hub, alice, bob) = scene().await;
    let carol = hub.user("carol").await;
    let core = hub.hub();
    core.create_organisation(alice.caller(), "acme").await.unwrap();
    let alice = alice.again().await.unwrap();
    alice.publish("alice/echo").await.unwrap();
    core.set_access(alice.caller(), &model("alice/echo"), Access::Gated).await.unwrap();
    let last = core.events(None, &follow(0)).await.unwrap().1;

    core.set_member(alice.caller(), &handle("acme"), &handle("carol"), MemberRole::Reader).await.unwrap();
    core.set_member(alice.caller(), &handle("acme"), &handle("carol"), MemberRole::Writer).await.unwrap();
    let carol = carol.again().await.unwrap();
    for member in [&alice, &carol] {
        assert_eq!(told(&hub, Some(member), follow(last)).await, ["member.added", "member.changed"]);
    }
    core.remove_member(carol.caller(), &handle("acme"), &handle("carol")).await.unwrap();
    let carol = carol.again().await.unwrap();
    assert_eq!(told(&hub, Some(&carol), follow(last)).await, [""; 0], "she is no member any more");
    let members = ["member.added", "member.changed", "member.removed"];
    assert_eq!(told(&hub, Some(&alice), follow(last)).await, members);

    core.request_access(bob.caller(), &model("alice/echo"), "please").await.unwrap();
    let asker = Asker::Account(handle("bob"));
    core.decide_access(alice.caller(), &model("alice/echo"), &asker, AccessStatus::Rejected, None).await.unwrap();
    core.decide_access(alice.caller(), &model("alice/echo"), &asker, AccessStatus::Accepted, None).await.unwrap();
    core.remove_access(alice.caller(), &model("alice/echo"), &handle("bob")).await.unwrap();
    let access = ["access.asked", "access.refused", "access.admitted", "access.removed"];
    assert_eq!(told(&hub, Some(&bob), follow(last)).await, access);
    assert_eq!(told(&hub, Some(&alice), follow(last)).await, [&members[..], &access].concat());
    for stranger in [None, Some(&carol)] {
        assert_eq!(told(&hub, stranger, follow(last)).await, [""; 0]);
        let of_model = Follow { model: Some(model("alice/echo")), ..follow(last) };
        assert_eq!(told(&hub, stranger, of_model).await, [""; 0]);
    }
    let (events, _) = core.events(Some(bob.caller()), &follow(last)).await.unwrap();
    let detail: Value = serde_json::from_str(&events[1].event.detail).unwrap();
    assert_eq!((&detail["account"], &detail["model"]), (&"bob".into(), &"alice/echo".into()));
    assert_eq!(events[1].actor, Some(handle("alice")));
    hub.finish().await;
}

#[tokio::test]
async fn whoever_waits_is_answered_when_something_happens() {
    let (hub, alice, _) = scene().await;
    let core = hub.hub();
    let wanted = Follow { wait: Duration::from_secs(20), kind: Some(EventKind::ReleaseSealed), ..follow(0) };
    let waits = core.events(None, &wanted);
    let (answered, published) = tokio::join!(waits, alice.publish("alice/echo"));
    published.unwrap();
    assert_eq!(words(&answered.unwrap().0), ["release.sealed"]);
    hub.finish().await;
}

#[tokio::test]
async fn no_more_wait_at_once_than_the_hub_has_places_for() {
    let (hub, _, _) = scene().await;
    let core = hub.hub();
    let wanted = Follow { wait: Duration::from_secs(30), ..follow(0) };
    let waiting: Vec<_> = (0..256)
        .map(|_| {
            let (core, wanted) = (core.clone(), wanted.clone());
            // Whoever looks below takes a place too, for a moment: who was refused for that asks again.
            tokio::spawn(async move {
                while let Err(Error::ManyFollowers { .. }) = core.events(None, &wanted).await {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            })
        })
        .collect();
    until("the places are taken", async || {
        let short = Follow { wait: Duration::from_millis(1), ..wanted.clone() };
        matches!(core.events(None, &short).await, Err(Error::ManyFollowers { limit: 256 })).then_some(())
    })
    .await;
    assert_eq!(told(&hub, None, follow(0)).await, [""; 0], "who does not wait is answered");
    for waits in waiting {
        waits.abort();
        let _ = waits.await;
    }
    core.events(None, &Follow { wait: Duration::from_millis(1), ..wanted }).await.unwrap();
    hub.finish().await;
}

#[tokio::test]
async fn a_webhook_hears_of_its_accounts_models_signed() {
    let (hub, alice, bob) = scene().await;
    let view = hook(&hub, &alice, HookWish::default()).await;
    let bobs = hook(&hub, &bob, HookWish::default()).await;
    alice.publish("alice/echo").await.unwrap();
    let messages = heard(&hub, &view, 4).await;
    let kinds: Vec<_> = messages.iter().map(|sent| sent.json()["type"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds, ["model.created", "commit.added", "release.sealed", "release.latest"]);
    let sealed = &messages[2];
    let data = sealed.json()["data"].clone();
    assert_eq!(
        (&data["seq"], &data["model"], &data["actor"], &data["account"]),
        (&Value::from(3), &Value::from("alice/echo"), &Value::from("alice"), &Value::from("alice"))
    );
    assert_eq!((&data["detail"]["release"], &data["detail"]["v"]), (&Value::from("1.00"), &Value::from(1)));
    let secret: Secret = view.fresh_secret.as_ref().unwrap().expose().parse().unwrap();
    let stamp = sealed.headers["webhook-timestamp"].parse().unwrap();
    let signed = Message { id: "event_3", timestamp: stamp, body: sealed.body.as_bytes() }.headers(&secret);
    let header = |name: &str| signed.iter().find(|(known, _)| *known == name).unwrap().1.clone();
    assert_eq!(sealed.headers["webhook-signature"], header("webhook-signature"));
    assert_eq!(sealed.headers["webhook-id"], "event_3");
    let log = log(&hub, &alice, &view, 1).await;
    assert_eq!((log.len(), log[0].kind, log[0].delivery.status), (4, "release.latest", Some(204)));
    assert!(sent(&hub, &bobs).is_empty());
    hub.finish().await;
}

#[tokio::test]
async fn a_message_is_tried_again_with_the_same_id_and_body_and_its_log_says_so() {
    let (hub, alice, _) = scene().await;
    alice.publish("alice/echo").await.unwrap();
    let wish = HookWish { kinds: vec![EventKind::ModelVisibility], ..HookWish::default() };
    let view = hook(&hub, &alice, wish).await;
    hub.outbox().answer(Ok(503));
    hub.hub().set_private(alice.caller(), &model("alice/echo"), true).await.unwrap();
    let first = log(&hub, &alice, &view, 1).await.remove(0).delivery;
    assert_eq!((first.status, first.said.as_deref()), (Some(503), Some("answered 503, not 2xx")));
    assert_eq!(first.next, Some(MORNING.plus_ms(5_000)));
    hub.outbox().answer(Err("refused".to_owned()));
    hub.clock().advance_ms(5_000);
    let second = log(&hub, &alice, &view, 2).await.remove(0).delivery;
    assert_eq!((second.status, second.said.as_deref()), (None, Some("refused")));
    assert_eq!(second.next, Some(MORNING.plus_ms(35_000)));
    hub.outbox().answer(Ok(204));
    hub.clock().advance_ms(30_000);
    let third = log(&hub, &alice, &view, 3).await.remove(0).delivery;
    assert_eq!((third.delivered, third.next), (Some(MORNING.plus_ms(35_000)), None));
    let messages = sent(&hub, &view);
    let same = |sent: &Sent| (sent.headers["webhook-id"].clone(), sent.body.clone());
    assert_eq!(messages.len(), 3);
    assert!(messages.iter().all(|message| same(message) == same(&messages[0])));
    hub.finish().await;
}

#[tokio::test]
async fn an_address_that_never_answers_holds_up_nobody_else() {
    let (hub, alice, bob) = scene().await;
    for _ in 0..10 {
        hook(&hub, &alice, HookWish { url: "https://tarpit.test/".to_owned(), ..HookWish::default() }).await;
    }
    let bobs = hook(&hub, &bob, HookWish::default()).await;
    alice.listen(None).await.unwrap();
    alice.publish("alice/echo").await.unwrap();
    until("the tarpit is asked", async || {
        hub.outbox().sent().iter().any(|sent| sent.url.contains("tarpit")).then_some(())
    })
    .await;
    bob.publish("bob/echo").await.unwrap();
    heard(&hub, &bobs, 4).await;
    let stuck = hub.outbox().sent().iter().filter(|sent| sent.url.contains("tarpit")).count();
    assert_eq!(stuck, 4, "as many as one account may keep busy");
    hub.finish().await;
}

#[tokio::test]
async fn a_webhook_is_tried_changed_paused_and_told_again() {
    let (hub, alice, bob) = scene().await;
    let (core, caller) = (hub.hub(), alice.caller());
    let view = hook(&hub, &alice, HookWish::default()).await;
    let id = view.hook.id;
    core.test_hook(caller, id).await.unwrap();
    let test = heard(&hub, &view, 1).await.remove(0);
    assert_eq!((&test.json()["type"], &test.headers["webhook-id"][..5]), (&Value::from("webhook.test"), "test_"));
    core.set_hook(caller, id, HookChange { paused: Some(true), ..HookChange::default() }).await.unwrap();
    core.create(caller, &model("alice/unheard"), false).await.unwrap();
    let change = HookChange {
        paused: Some(false),
        new_secret: true,
        kinds: Some(vec![EventKind::ModelCreated]),
        ..HookChange::default()
    };
    let changed = core.set_hook(caller, id, change).await.unwrap();
    assert_ne!(changed.hook.secret, view.hook.secret);
    assert!(changed.fresh_secret.is_some());
    core.create(caller, &model("alice/heard"), false).await.unwrap();
    let messages = heard(&hub, &view, 2).await;
    assert_eq!(messages[1].json()["data"]["model"], "alice/heard");
    let log = log(&hub, &alice, &view, 1).await;
    let again = core.redeliver(caller, id, log[0].delivery.id).await.unwrap();
    assert_ne!(again.delivery.id, log[0].delivery.id);
    let messages = heard(&hub, &view, 3).await;
    assert_eq!(
        (&messages[2].body, &messages[2].headers["webhook-id"]),
        (&messages[1].body, &messages[1].headers["webhook-id"])
    );
    refused!(core.redeliver(caller, id, 99).await, Error::NoDelivery { .. });
    // Nobody else's is there.
    refused!(core.hook(bob.caller(), id).await, Error::NoHook { .. });
    refused!(core.set_hook(bob.caller(), id, HookChange::default()).await, Error::NoHook { .. });
    refused!(core.remove_hook(bob.caller(), id).await, Error::NoHook { .. });
    refused!(core.deliveries(bob.caller(), id, None, 9).await, Error::NoHook { .. });
    refused!(core.redeliver(bob.caller(), id, log[0].delivery.id).await, Error::NoHook { .. });
    assert!(core.hooks(bob.caller()).await.unwrap().is_empty());
    core.remove_hook(caller, id).await.unwrap();
    refused!(core.remove_hook(caller, id).await, Error::NoHook { .. });
    hub.finish().await;
}

#[tokio::test]
async fn webhooks_that_cannot_be_set_are_refused() {
    let (hub, alice, bob) = scene().await;
    alice.publish("alice/echo").await.unwrap();
    let core = hub.hub();
    let add = async |user: &User, wish| core.add_hook(user.caller(), wish).await;
    let wish = || HookWish { url: "https://alice.test/".to_owned(), ..HookWish::default() };
    let plain = HookWish { url: "http://alice.test/".to_owned(), ..wish() };
    refused!(add(&alice, plain).await, Error::Invalid { what: "url", .. });
    let of_alice = || HookWish { model: Some(model("alice/echo")), ..wish() };
    refused!(add(&bob, of_alice()).await, Error::NotInGroup { .. });
    refused!(add(&bob, HookWish { account: Some(handle("alice")), ..wish() }).await, Error::NotInGroup { .. });
    refused!(add(&bob, HookWish { model: Some(model("alice/none")), ..wish() }).await, Error::NoModel { .. });
    let mixed = HookWish { account: Some(handle("bob")), ..of_alice() };
    refused!(add(&alice, mixed).await, Error::Invalid { what: "account", .. });
    let models = Some(vec![model("alice/echo")]);
    let key = KeyWish { scopes: vec![Scope::Read, Scope::Publish], models, ..KeyWish::default() };
    let of_one = alice.with_key(key).await.unwrap();
    refused!(add(&of_one, wish()).await, Error::KeyForModels);
    let view = add(&of_one, of_alice()).await.unwrap();
    let all = add(&alice, wish()).await.unwrap();
    let seen: Vec<u64> = core.hooks(of_one.caller()).await.unwrap().iter().map(|view| view.hook.id).collect();
    assert_eq!(seen, [view.hook.id], "a key for one model sees no more");
    refused!(core.hook(of_one.caller(), all.hook.id).await, Error::NoHook { .. });
    let reads = alice.with_key(KeyWish { scopes: vec![Scope::Read], ..KeyWish::default() }).await.unwrap();
    refused!(add(&reads, wish()).await, Error::ScopeMissing { .. });
    refused!(core.test_hook(reads.caller(), all.hook.id).await, Error::ScopeMissing { .. });
    assert_eq!(core.hooks(reads.caller()).await.unwrap().len(), 2);
    for _ in 2..20 {
        add(&alice, wish()).await.unwrap();
    }
    refused!(add(&alice, wish()).await, Error::ManyHooks { limit: 20 });
    hub.finish().await;
}

#[tokio::test]
async fn the_log_of_a_webhook_is_kept_for_thirty_days() {
    let (hub, alice, _) = scene().await;
    let view = hook(&hub, &alice, HookWish::default()).await;
    hub.hub().test_hook(alice.caller(), view.hook.id).await.unwrap();
    log(&hub, &alice, &view, 1).await;
    hub.hours_pass(30 * 24);
    assert_eq!(log(&hub, &alice, &view, 1).await.len(), 1);
    hub.clock().advance_ms(1);
    let gone = hub.hub().deliveries(alice.caller(), view.hook.id, None, 9).await.unwrap();
    assert!(gone.is_empty());
    hub.finish().await;
}

#[tokio::test]
async fn what_was_not_told_before_a_stop_is_told_after_it() {
    let (hub, alice, _) = scene().await;
    let view = hook(&hub, &alice, HookWish::default()).await;
    hub.outbox().answer(Ok(500));
    hub.hub().create(alice.caller(), &model("alice/echo"), false).await.unwrap();
    log(&hub, &alice, &view, 1).await;
    hub.restart().await;
    hub.outbox().answer(Ok(204));
    hub.clock().advance_ms(5_000);
    let log = log(&hub, &alice, &view, 2).await;
    assert_eq!((log.len(), log[0].delivery.status), (1, Some(204)));
    hub.finish().await;
}
