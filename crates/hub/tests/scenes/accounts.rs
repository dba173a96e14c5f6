//! Accounts, keys and what they may.

use std::time::Duration;

use hub::{Error, KeyWish, Limits, Scope, Trial};
use ledger::{HoldId, KeyId, Month, Share, Time};
use sha2::{Digest, Sha256};
use store::{AccountKind, KeyRecord, NewKey};
use testkit::{MORNING, TestHub, User, aside, handle, model, moved, opg, per_call, refused};

fn wish(scopes: &[Scope]) -> KeyWish {
    KeyWish { scopes: scopes.to_vec(), ..KeyWish::default() }
}

fn only(models: &[&str]) -> Option<Vec<registry::ModelName>> {
    Some(models.iter().map(|name| model(name)).collect())
}

#[tokio::test]
async fn a_secret_is_shown_once_and_finds_its_account() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    assert!(alice.secret.starts_with("mh_") && alice.secret.len() == 67, "{}", alice.secret);
    assert_eq!((alice.caller().account(), alice.caller().key()), (&alice.account, alice.key.id));
    assert_eq!(alice.key.scopes, [Scope::Read, Scope::Publish, Scope::Call, Scope::Money]);
    refused!(hub.hub().authenticate("mh_0").await, Error::UnknownKey);
    refused!(hub.hub().authenticate("").await, Error::UnknownKey);
    assert!(hub.hub().create_operator().await.unwrap().is_none(), "there is one operator");
    // A key file that was lost and made anew: both keys are the operator's, and there is still one operator.
    let found = hub::new_secret();
    refused!(hub.hub().authenticate(&found).await, Error::UnknownKey);
    hub.hub().admit_operator(&found).await.unwrap();
    hub.hub().admit_operator(&found).await.unwrap();
    assert!(hub.hub().authenticate(&found).await.unwrap().is_operator());
    assert_eq!(hub.hub().list_keys(&hub.operator().await).await.unwrap().len(), 2);
    hub.restart().await;
    assert!(hub.operator().await.is_operator());
    alice.again().await.unwrap();
    hub.finish().await;
}

#[tokio::test]
async fn handles_are_taken_once_and_reserved_ones_never() {
    let hub = TestHub::start().await;
    hub.user("alice").await;
    let (core, operator) = (hub.hub(), hub.operator().await);
    let make = |handle: &'static str, kind| core.create_account(&operator, handle, kind);
    refused!(make("alice", AccountKind::User).await, Error::HandleTaken { .. });
    refused!(make("alice", AccountKind::Org).await, Error::HandleTaken { .. });
    for text in ["api", "v2", "operator", "receipts", "a", "-a", "Alice", "al ice", "a--b", ""] {
        refused!(make(text, AccountKind::User).await, Error::Name(_));
    }
    refused!(make("second-hub", AccountKind::Hub).await, Error::Invalid { what: "kind", .. });
    assert!(hub.catalog().account(&handle("second-hub")).await.unwrap().is_none());
    make("robot", AccountKind::Agent).await.unwrap();
    hub.finish().await;
}

#[tokio::test]
async fn the_operators_acts_need_the_operator() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    // No use case gives a user the scope; a row that somebody put there does not help either.
    let secret = "mh_forged";
    let record = KeyRecord { id: KeyId([1; 16]), scopes: Scope::ALL.to_vec(), ..alice.key.clone() };
    hub.catalog().add_key(&NewKey { record, hash: Sha256::digest(secret).into() }).await.unwrap();
    let core = hub.hub();
    let forged = core.authenticate(secret).await.unwrap();
    for (caller, missing) in [(alice.caller(), true), (&forged, false)] {
        let refusals = [
            core.grant(caller, moved("alice", "1")).await.map(drop),
            core.deposit(caller, moved("alice", "1")).await.map(drop),
            core.payout(caller, moved("alice", "1"), None).await.map(drop),
            core.set_aside(caller, aside("alice", "1")).await.map(drop),
            core.open_holds(caller).await.map(drop),
            core.release_hold(caller, HoldId([1; 16])).await.map(drop),
            core.create_account(caller, "bob", AccountKind::User).await.map(drop),
            core.set_fee(caller, Share::WHOLE).await,
            core.set_rate(caller, "1".parse().unwrap()).await,
            core.set_trial_budget(caller, opg("1")).await,
        ];
        for refusal in refusals {
            match refusal {
                Err(Error::ScopeMissing { needed: Scope::Admin, .. }) if missing => {}
                Err(Error::NotOperator) if !missing => {}
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!((alice.cash(), hub.hub().settings().fee.points()), ("0".into(), 1_000));
    hub.finish().await;
}

#[tokio::test]
async fn a_key_does_what_its_scopes_say() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await.funded("1").await;
    alice.publish("alice/echo").await.unwrap();
    let core = hub.hub();
    for scope in [Scope::Read, Scope::Publish, Scope::Call, Scope::Money] {
        let user = alice.with_key(wish(&[scope])).await.unwrap();
        let lacks = |needed, done: Result<(), Error>| match done {
            Ok(()) => assert_eq!(scope, needed),
            Err(Error::ScopeMissing { needed: told, has }) => {
                assert!(told == needed && scope != needed && has == scope.word());
            }
            Err(other) => panic!("{other:?}"),
        };
        lacks(Scope::Call, user.infer("alice/echo").await.map(drop));
        lacks(Scope::Publish, user.publish("alice/echo").await.map(drop));
        lacks(
            Scope::Publish,
            core.has_upload(user.caller(), &handle("alice"), registry::Digest([0; 32])).await.map(drop),
        );
        lacks(Scope::Read, core.balance(user.caller()).await.map(drop));
        lacks(Scope::Read, core.earnings(user.caller()).await.map(drop));
        lacks(Scope::Read, core.payers(user.caller()).await.map(drop));
        lacks(Scope::Read, core.calls(user.caller(), None, 10).await.map(drop));
        lacks(Scope::Read, core.entries(user.caller(), None, 10).await.map(drop));
        lacks(Scope::Read, core.statement(user.caller(), Month::of_day(MORNING.day())).await.map(drop));
        lacks(Scope::Read, core.holds(user.caller()).await.map(drop));
        lacks(Scope::Read, core.debts(user.caller()).await.map(drop));
        lacks(Scope::Read, core.limits(user.caller()).await.map(drop));
        lacks(Scope::Read, core.webhook(user.caller()).await.map(drop));
        lacks(Scope::Read, core.alerts(user.caller(), None, 10).await.map(drop));
        lacks(Scope::Read, core.trial(user.caller(), &model("alice/echo")).await.map(drop));
        lacks(Scope::Read, core.list_keys(user.caller()).await.map(drop));
        lacks(Scope::Money, core.set_limits(user.caller(), Limits::default()).await);
        lacks(Scope::Money, core.remove_webhook(user.caller()).await.map(drop));
        let hook = core.set_webhook(user.caller(), "https://hook.test/".to_owned(), None, false).await;
        lacks(Scope::Money, hook.map(drop));
        lacks(Scope::Money, core.test_webhook(user.caller()).await);
        let trial = core.set_trial(user.caller(), &model("alice/echo"), Trial::default()).await;
        lacks(Scope::Money, trial.map(drop));
        let call = hub.calls().await.first().map(|call| call.id);
        if let Some(call) = call {
            lacks(Scope::Read, core.receipt(user.caller(), call).await.map(drop));
        }
        let spare = alice.with_key(wish(&[Scope::Read])).await.unwrap();
        lacks(Scope::Money, core.revoke_key(user.caller(), spare.key.id).await);
    }
    hub.finish().await;
}

#[tokio::test]
async fn a_key_for_some_models_is_for_no_others() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await.funded("1").await;
    alice.publish("alice/echo").await.unwrap();
    alice.publish("alice/other").await.unwrap();
    let key = alice
        .with_key(KeyWish { models: only(&["alice/Echo"]), ..wish(&[Scope::Call, Scope::Publish]) })
        .await
        .unwrap();
    key.infer("alice/ECHO").await.unwrap();
    key.publish("alice/echo").file("new", "1").await.unwrap();
    let name = refused!(key.infer("alice/other").await, Error::ModelNotAllowed { model } => model);
    assert_eq!(name.to_string(), "alice/other");
    refused!(key.infer("alice/none").await, Error::ModelNotAllowed { .. });
    refused!(key.publish("alice/other").file("new", "1").await, Error::ModelNotAllowed { .. });
    let none = alice.with_key(KeyWish { models: only(&[]), ..wish(&[Scope::Call]) }).await.unwrap();
    refused!(none.infer("alice/echo").await, Error::ModelNotAllowed { .. });
    hub.finish().await;
}

#[tokio::test]
async fn a_key_ends_when_its_days_are_over() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    let key = alice.with_key(KeyWish { expires_in_days: Some(2), ..wish(&[Scope::Read]) }).await.unwrap();
    hub.clock().advance_ms(2 * Time::DAY_MS - 1);
    key.again().await.unwrap();
    hub.clock().advance_ms(1);
    let at = refused!(key.again().await, Error::KeyExpired { at } => at);
    assert_eq!(at, MORNING.plus_ms(2 * Time::DAY_MS));
    alice.again().await.unwrap();
    hub.finish().await;
}

#[tokio::test]
async fn a_revoked_key_ends_at_once() {
    let hub = TestHub::start().await;
    let [alice, bob] = [hub.user("alice").await, hub.user("bob").await];
    hub.hours_pass(1);
    let key = alice.with_key(wish(&[Scope::Call])).await.unwrap();
    key.again().await.unwrap();
    let core = hub.hub();
    refused!(core.revoke_key(bob.caller(), key.key.id).await, Error::NoSuchKey { .. });
    key.again().await.unwrap();
    core.revoke_key(alice.caller(), key.key.id).await.unwrap();
    refused!(key.again().await, Error::KeyRevoked);
    refused!(core.revoke_key(alice.caller(), key.key.id).await, Error::NoSuchKey { .. });
    let states: Vec<_> = core.list_keys(alice.caller()).await.unwrap().iter().map(|key| key.revoked).collect();
    assert_eq!(states, [None, Some(MORNING.plus_ms(3_600_000))]);
    // A key may end itself, whatever it is for.
    let last = alice.with_key(wish(&[Scope::Call])).await.unwrap();
    core.revoke_key(last.caller(), last.key.id).await.unwrap();
    refused!(last.again().await, Error::KeyRevoked);
    hub.restart().await;
    refused!(key.again().await, Error::KeyRevoked);
    hub.finish().await;
}

#[tokio::test]
async fn a_revocation_counts_even_if_whoever_asked_hangs_up() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    let key = alice.with_key(wish(&[Scope::Call])).await.unwrap();
    let core = hub.hub();
    assert!(testkit::hung_up(core.revoke_key(alice.caller(), key.key.id), || true).await, "the disk takes longer");
    until_revoked(&key).await;
    hub.finish().await;
}

async fn until_revoked(key: &User) {
    for _ in 0..1_000 {
        if matches!(key.again().await, Err(Error::KeyRevoked)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("the key still works");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_look_up_does_not_overtake_a_revocation() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    for _ in 0..20 {
        let key = alice.with_key(wish(&[Scope::Call])).await.unwrap();
        // Another revocation empties the memory, so that the next look-up asks the disk.
        let other = alice.with_key(wish(&[Scope::Call])).await.unwrap();
        hub.hub().revoke_key(alice.caller(), other.key.id).await.unwrap();
        let looking = tokio::spawn({
            let key = key.clone();
            async move { while key.again().await.is_ok() {} }
        });
        hub.hub().revoke_key(alice.caller(), key.key.id).await.unwrap();
        refused!(key.again().await, Error::KeyRevoked);
        looking.await.unwrap();
        refused!(key.again().await, Error::KeyRevoked);
    }
    hub.finish().await;
}

#[tokio::test]
async fn a_key_makes_no_key_that_can_do_more() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    refused!(
        alice.with_key(wish(&[Scope::Read, Scope::Admin])).await,
        Error::ScopeMissing { needed: Scope::Admin, .. }
    );
    refused!(alice.with_key(wish(&[])).await, Error::Invalid { what: "scopes", .. });
    let name = "two\nlines".to_owned();
    refused!(alice.with_key(KeyWish { name, ..wish(&[Scope::Read]) }).await, Error::Invalid { what: "name", .. });

    let narrow = KeyWish {
        models: only(&["alice/echo"]),
        limits: per_call("0.5"),
        expires_in_days: Some(3),
        ..wish(&[Scope::Publish, Scope::Read, Scope::Money])
    };
    let narrow = alice.with_key(narrow).await.unwrap();
    let plain = alice.with_key(wish(&[Scope::Read])).await.unwrap();
    refused!(plain.with_key(wish(&[Scope::Read])).await, Error::ScopeMissing { needed: Scope::Money, .. });
    refused!(narrow.with_key(wish(&[Scope::Call])).await, Error::ScopeMissing { needed: Scope::Call, .. });
    let wider = KeyWish { models: only(&["alice/echo", "alice/other"]), ..wish(&[Scope::Read]) };
    refused!(narrow.with_key(wider).await, Error::ModelNotAllowed { .. });

    // What is not asked for is not more than the key itself has.
    let child = narrow.with_key(wish(&[Scope::Read])).await.unwrap().key;
    assert_eq!(
        (child.models, child.limits, child.expires),
        (only(&["alice/echo"]), narrow.key.limits, narrow.key.expires)
    );
    let greedy = KeyWish { limits: per_call("9"), expires_in_days: Some(30), ..wish(&[Scope::Read]) };
    let child = narrow.with_key(greedy).await.unwrap().key;
    assert_eq!((child.limits, child.expires), (narrow.key.limits, narrow.key.expires));
    let modest = KeyWish {
        models: only(&["alice/Echo"]),
        limits: per_call("0.1"),
        expires_in_days: Some(1),
        ..wish(&[Scope::Publish])
    };
    let child = narrow.with_key(modest).await.unwrap().key;
    assert_eq!((child.limits, child.expires), (per_call("0.1"), Some(MORNING.plus_ms(Time::DAY_MS))));
    hub.finish().await;
}
