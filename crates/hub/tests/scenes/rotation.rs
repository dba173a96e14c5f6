//! Another secret for a key: both are good for a while, and count as one.

use hub::{Asking, Error, FreshKey, KeyWish, Limits, MAX_OVERLAP_HOURS, RequestKind, Scope};
use ledger::KeyId;
use testkit::{TestHub, User, handle, model, per_day, refused};

const ALL: [Scope; 4] = [Scope::Read, Scope::Publish, Scope::Call, Scope::Money];

fn wish(scopes: &[Scope]) -> KeyWish {
    KeyWish { scopes: scopes.to_vec(), ..KeyWish::default() }
}

async fn rotate(hub: &TestHub, by: &User, key: KeyId, hours: u32) -> Result<FreshKey, Error> {
    hub.hub().rotate_key(by.caller(), key, hours).await
}

#[tokio::test]
async fn both_secrets_are_good_until_the_overlap_ends() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    let models = Some(vec![model("alice/echo")]);
    let key =
        alice.with_key(KeyWish { name: "app".into(), models, limits: per_day("1"), ..wish(&[Scope::Call]) }).await;
    let key = key.unwrap();
    let fresh = rotate(&hub, &alice, key.key.id, 2).await.unwrap();
    let until = hub.now().plus_ms(2 * 3_600_000);
    assert_ne!(fresh.secret, key.secret);
    let expected = store::KeyRecord { rotated: Some(hub.now()), old_until: Some(until), ..key.key.clone() };
    assert_eq!(fresh.record, expected, "the same in all that it may");
    let newer = key.with_secret(&fresh.secret).await.unwrap();
    assert_eq!(newer.caller().key(), key.again().await.unwrap().caller().key());
    hub.clock().advance_ms(2 * 3_600_000 - 1);
    key.again().await.unwrap();
    hub.clock().advance_ms(1);
    assert_eq!(refused!(key.again().await, Error::KeyExpired { at } => at), until);
    newer.again().await.unwrap();
    hub.restart().await;
    refused!(key.again().await, Error::KeyExpired { .. });
    newer.again().await.unwrap();
    hub.hub().revoke_key(alice.caller(), key.key.id).await.unwrap();
    refused!(newer.again().await, Error::KeyRevoked);
    hub.finish().await;
}

#[tokio::test]
async fn a_rotation_doubles_neither_budget_nor_rate() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    alice.publish("alice/echo").price("0.002 OPG").await.unwrap();
    let bob = hub.user("bob").await.funded("1").await;
    let rate = Some("3/min".parse().unwrap());
    let key = bob.with_key(KeyWish { limits: per_day("0.005"), rate, ..wish(&[Scope::Call]) }).await.unwrap();
    key.infer("alice/echo").await.unwrap();
    let fresh = rotate(&hub, &bob, key.key.id, 24).await.unwrap();
    let newer = key.with_secret(&fresh.secret).await.unwrap();
    newer.infer("alice/echo").await.unwrap();
    for one in [&key, &newer] {
        refused!(one.infer("alice/echo").await, Error::SpendingLimit { whose: "key", .. });
    }
    let pass = |user: &User| hub.hub().pass(Asking::Caller(user.caller()), RequestKind::Calls);
    assert_eq!([&key, &newer, &key, &newer].map(|user| pass(user).is_ok()), [true, true, true, false]);
    hub.restart().await;
    refused!(newer.again().await.unwrap().infer("alice/echo").await, Error::SpendingLimit { .. });
    hub.finish().await;
}

#[tokio::test]
async fn a_call_that_was_begun_with_the_old_secret_is_repeated_with_the_new_one() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    alice.publish("alice/echo").price("0.002 OPG").await.unwrap();
    let bob = hub.user("bob").await.funded("1").await;
    let key = bob.with_key(wish(&[Scope::Call])).await.unwrap();
    key.infer("alice/echo").key("order-1").await.unwrap();
    let fresh = rotate(&hub, &bob, key.key.id, 1).await.unwrap();
    let newer = key.with_secret(&fresh.secret).await.unwrap();
    assert!(newer.infer("alice/echo").key("order-1").await.unwrap().replayed);
    assert_eq!(bob.cash(), "0.998");
    hub.finish().await;
}

#[tokio::test]
async fn whoever_rotates_could_do_what_the_key_does() {
    let hub = TestHub::start().await;
    let [alice, bob] = [hub.user("alice").await, hub.user("bob").await];
    let key = alice.with_key(wish(&[Scope::Call])).await.unwrap();
    refused!(rotate(&hub, &key, key.key.id, 1).await, Error::ScopeMissing { needed: Scope::Money, .. });
    refused!(rotate(&hub, &bob, key.key.id, 1).await, Error::NoSuchKey { .. });
    refused!(
        rotate(&hub, &alice, key.key.id, MAX_OVERLAP_HOURS + 1).await,
        Error::Invalid { what: "overlap_hours", .. }
    );
    let money = alice.with_key(wish(&[Scope::Money])).await.unwrap();
    refused!(rotate(&hub, &money, key.key.id, 1).await, Error::ScopeMissing { needed: Scope::Call, .. });
    let bounded = [
        KeyWish { models: Some(vec![model("alice/echo")]), ..wish(&ALL) },
        KeyWish { limits: per_day("1"), ..wish(&ALL) },
        KeyWish { expires_in_days: Some(9), ..wish(&ALL) },
        KeyWish { rate: Some("1/s".parse().unwrap()), ..wish(&ALL) },
    ];
    for wish in bounded {
        let narrow = alice.with_key(wish.clone()).await.unwrap();
        refused!(rotate(&hub, &narrow, key.key.id, 1).await, Error::Invalid { what: "key", .. });
        let own = rotate(&hub, &narrow, narrow.key.id, 1).await.unwrap();
        assert_eq!((own.record.limits, own.record.expires), (narrow.key.limits, narrow.key.expires), "{wish:?}");
        // The secret that was replaced neither makes a newer one nor keys that outlive it.
        let old = narrow.again().await.unwrap();
        refused!(rotate(&hub, &old, narrow.key.id, 1).await, Error::Invalid { what: "key", .. });
    }
    let fresh = rotate(&hub, &alice, alice.key.id, 1).await.unwrap();
    let old = alice.again().await.unwrap();
    let made = old.with_key(wish(&[Scope::Read])).await.unwrap();
    assert_eq!(made.key.expires, fresh.record.old_until);
    refused!(hub.hub().sign_in_with_key(&alice.secret, "x").await, Error::Invalid { what: "key", .. });
    hub.finish().await;
}

#[tokio::test]
async fn neither_sessions_nor_what_is_over_gets_another_secret() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    let (_, session) = hub.hub().sign_in_with_key(&alice.secret, "x").await.unwrap();
    refused!(rotate(&hub, &alice, session.record.id, 1).await, Error::NoSuchKey { .. });
    let browser = hub.hub().authenticate_session(&session.secret).await.unwrap();
    let short = alice.with_key(KeyWish { expires_in_days: Some(1), ..wish(&[Scope::Read]) }).await.unwrap();
    hub.hub().rotate_key(&browser, short.key.id, 0).await.unwrap();
    refused!(short.again().await, Error::KeyExpired { .. });
    hub.hours_pass(24);
    refused!(rotate(&hub, &alice, short.key.id, 1).await, Error::Invalid { what: "key", .. });
    hub.hub().revoke_key(alice.caller(), short.key.id).await.unwrap();
    refused!(rotate(&hub, &alice, short.key.id, 1).await, Error::NoSuchKey { .. });
    hub.finish().await;
}

#[tokio::test]
async fn an_organisations_keys_are_rotated_by_its_admins() {
    let hub = TestHub::start().await;
    let [alice, bob] = [hub.user("alice").await, hub.user("bob").await];
    let (core, acme) = (hub.hub(), handle("acme"));
    core.create_organisation(alice.caller(), "acme").await.unwrap();
    let alice = alice.again().await.unwrap();
    let limits = Limits::default();
    let key = core.create_organisation_key(alice.caller(), &acme, KeyWish { limits, ..wish(&[Scope::Call]) }).await;
    let key = key.unwrap();
    refused!(core.rotate_organisation_key(bob.caller(), &acme, key.record.id, 1).await, Error::NotInGroup { .. });
    let fresh = core.rotate_organisation_key(alice.caller(), &acme, key.record.id, 0).await.unwrap();
    refused!(core.authenticate(&key.secret).await, Error::KeyExpired { .. });
    assert_eq!(core.authenticate(&fresh.secret).await.unwrap().handle(), &acme);
    hub.finish().await;
}
