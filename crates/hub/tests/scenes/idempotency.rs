//! Idempotency keys: one charge, however often a request arrives.

use std::time::Duration;

use engine::Failure;
use engine::fake::Behaviour;
use hub::{Error, KeyWish, Scope};
use ledger::Outcome;
use testkit::{TestHub, User, fixtures, refused};

const DAY_MS: i64 = 24 * 3_600_000;

/// alice has published an echo for 0.002 OPG, bob has 1 OPG.
async fn scene() -> (TestHub, User) {
    set(TestHub::start().await).await
}

async fn set(hub: TestHub) -> (TestHub, User) {
    hub.user("alice").await.publish("alice/echo").await.unwrap();
    let bob = hub.user("bob").await.funded("1").await;
    (hub, bob)
}

/// The echo takes its time, or does something else.
fn behave(hub: &TestHub, bob: &User, behaviours: impl IntoIterator<Item = Behaviour>) {
    let digest = bob.publish("alice/echo").digest();
    hub.fake().script(digest, fixtures::echo_signature(), behaviours);
}

fn slowly(ms: u64) -> Behaviour {
    Behaviour::After(Duration::from_millis(ms), Box::new(Behaviour::Echo))
}

#[tokio::test]
async fn the_same_request_again_is_answered_from_its_outcome() {
    for setting in [TestHub::set(), TestHub::set().memory_books().memory_catalog()] {
        let (hub, bob) = set(setting.start().await).await;
        let first = bob.infer("alice/echo").key("k").await.unwrap();
        let runs = hub.fake().calls();
        let again = bob.infer("alice/echo").key("k").await.unwrap();
        assert!(again.replayed && !first.replayed);
        assert_eq!(again, hub::infer::Answer { replayed: true, ..first });
        assert_eq!((hub.fake().calls(), bob.cash(), hub.calls().await.len()), (runs, "0.998".into(), 1));
        hub.finish().await;
    }
}

#[tokio::test]
async fn another_request_with_the_same_key_is_refused() {
    let (hub, bob) = scene().await;
    bob.infer("alice/echo").key("k").await.unwrap();
    refused!(bob.infer("alice/echo").key("k").inputs(fixtures::row(&[9.0])).await, Error::KeyReused);
    refused!(bob.infer("alice/echo").key("k").release("1.00").await, Error::KeyReused);
    assert_eq!((bob.cash(), hub.calls().await.len()), ("0.998".into(), 1));
    hub.finish().await;
}

#[tokio::test]
async fn a_key_belongs_to_its_account_and_credential() {
    let (hub, bob) = scene().await;
    let carol = hub.user("carol").await.funded("1").await;
    let other = bob.with_key(KeyWish { scopes: vec![Scope::Call], ..KeyWish::default() }).await.unwrap();
    let calls = [bob.infer("alice/echo"), carol.infer("alice/echo"), other.infer("alice/echo")];
    for call in calls {
        assert!(!call.key("k").await.unwrap().replayed);
    }
    assert_eq!((bob.cash(), carol.cash()), ("0.996".into(), "0.998".into()));
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twins_at_the_same_moment_are_one_call() {
    for setting in [TestHub::set(), TestHub::set().memory_books()] {
        let (hub, bob) = set(setting.start().await).await;
        behave(&hub, &bob, [slowly(30)]);
        let twins: Vec<_> = (0..8).map(|_| tokio::spawn(bob.infer("alice/echo").key("k").into_future())).collect();
        let mut answers = Vec::new();
        for twin in twins {
            answers.push(twin.await.unwrap().unwrap());
        }
        assert_eq!(answers.iter().filter(|answer| !answer.replayed).count(), 1);
        assert!(answers.iter().all(|answer| answer.call == answers[0].call && answer.outputs == answers[0].outputs));
        assert_eq!((bob.cash(), hub.calls().await.len()), ("0.998".into(), 1));
        hub.finish().await;
    }
}

#[tokio::test]
async fn while_a_request_runs_another_one_with_its_key_is_refused() {
    let (hub, bob) = scene().await;
    behave(&hub, &bob, [slowly(60)]);
    let running = tokio::spawn(bob.infer("alice/echo").key("k").into_future());
    while bob.balance().cash_held == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    refused!(bob.infer("alice/echo").key("k").inputs(fixtures::row(&[9.0])).await, Error::KeyReused);
    running.await.unwrap().unwrap();
    hub.finish().await;
}

#[tokio::test]
async fn a_request_that_failed_may_be_tried_again_with_its_key() {
    let (hub, bob) = scene().await;
    behave(&hub, &bob, [Behaviour::Fail(Failure::Run { reason: "no".into() }), Behaviour::Echo]);
    refused!(bob.infer("alice/echo").key("k").await, Error::Engine(_));
    assert!(!bob.infer("alice/echo").key("k").await.unwrap().replayed);
    assert!(bob.infer("alice/echo").key("k").await.unwrap().replayed);
    let outcomes: Vec<_> = hub.calls().await.iter().map(|call| call.outcome).collect();
    assert_eq!((outcomes, bob.cash()), (vec![Outcome::EngineFailed, Outcome::Ok], "0.998".into()));
    hub.finish().await;
}

#[tokio::test]
async fn a_twin_of_a_request_that_fails_takes_its_turn() {
    let (hub, bob) = scene().await;
    let no = Behaviour::Fail(Failure::Run { reason: "no".into() });
    behave(&hub, &bob, [Behaviour::After(Duration::from_millis(30), Box::new(no)), Behaviour::Echo]);
    let first = tokio::spawn(bob.infer("alice/echo").key("k").into_future());
    while bob.balance().cash_held == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(!bob.infer("alice/echo").key("k").await.unwrap().replayed);
    refused!(first.await.unwrap(), Error::Engine(_));
    assert_eq!(bob.cash(), "0.998");
    hub.finish().await;
}

#[tokio::test]
async fn an_outcome_is_kept_for_a_day_and_its_receipt_for_ever() {
    let (hub, bob) = scene().await;
    let first = bob.infer("alice/echo").key("k").await.unwrap();
    hub.clock().advance_ms(DAY_MS - 1);
    assert!(bob.infer("alice/echo").key("k").await.unwrap().replayed);
    // A day is long; the catalogue has seen the call by then.
    hub.hub().calls(bob.caller(), None, 1).await.unwrap();
    hub.clock().advance_ms(1);
    for _ in 0..2 {
        let call = refused!(bob.infer("alice/echo").key("k").await, Error::OutcomeExpired { call } => call);
        assert_eq!(call, first.call);
        refused!(bob.infer("alice/echo").key("k").inputs(fixtures::row(&[9.0])).await, Error::KeyReused);
        hub.hub().receipt(bob.caller(), call).await.unwrap().verify(&hub.hub().signing_keys()).unwrap();
        // The same holds for a hub that was not there when the day ended.
        hub.restart().await;
    }
    assert_eq!(bob.cash(), "0.998");
    hub.finish().await;
}

#[tokio::test]
async fn a_key_whose_day_ended_while_the_hub_was_down_is_not_charged_again() {
    let (hub, bob) = scene().await;
    let first = bob.infer("alice/echo").key("k").await.unwrap();
    hub.hours_pass(25);
    hub.restart().await;
    let call = refused!(bob.infer("alice/echo").key("k").await, Error::OutcomeExpired { call } => call);
    assert_eq!((call, bob.cash()), (first.call, "0.998".into()));
    hub.finish().await;
}

#[tokio::test]
async fn an_outcome_outlives_a_restart() {
    let (hub, bob) = scene().await;
    let first = bob.infer("alice/echo").key("k").await.unwrap();
    let runs = hub.fake().calls();
    hub.restart().await;
    let again = bob.infer("alice/echo").key("k").await.unwrap();
    assert_eq!(again, hub::infer::Answer { replayed: true, ..first });
    refused!(bob.infer("alice/echo").key("k").inputs(fixtures::row(&[9.0])).await, Error::KeyReused);
    assert_eq!((hub.fake().calls(), bob.cash()), (runs, "0.998".into()));
    hub.finish().await;
}

#[tokio::test]
async fn a_large_outcome_is_kept_like_a_small_one() {
    let (hub, bob) = scene().await;
    let values: Vec<f32> = (0..70_000).map(|n| n as f32 / 7.0).collect();
    let call = || bob.infer("alice/echo").key("k").inputs(fixtures::row(&values));
    let kept = || std::fs::read_dir(hub.folder().join("outcomes")).unwrap().count();
    let first = call().await.unwrap();
    assert_eq!((first.outputs[0].bytes().len(), kept()), (280_000, 1));
    assert_eq!(call().await.unwrap().outputs, fixtures::echoed(&values));
    hub.restart().await;
    assert_eq!(call().await.unwrap(), hub::infer::Answer { replayed: true, ..first });
    hub.hours_pass(24);
    refused!(call().await, Error::OutcomeExpired { .. });
    // The next row that is written takes the file away.
    bob.infer("alice/echo").await.unwrap();
    assert_eq!(kept(), 0);
    hub.finish().await;
}

#[tokio::test]
async fn a_caller_who_hangs_up_is_charged_once_and_finds_the_answer_by_the_key() {
    let (hub, bob) = scene().await;
    behave(&hub, &bob, [slowly(60)]);
    let hung_up = tokio::time::timeout(Duration::from_millis(15), bob.infer("alice/echo").key("k").into_future()).await;
    assert!(hung_up.is_err(), "the engine takes longer");
    assert_eq!(bob.balance().cash_held, 2_000_000, "the call goes on");
    let found = bob.infer("alice/echo").key("k").await.unwrap();
    assert!(found.replayed);
    assert_eq!((found.outputs, bob.cash()), (fixtures::echoed(&[1.0, 2.0]), "0.998".into()));
    assert_eq!(hub.calls().await.len(), 1);
    hub.finish().await;
}

#[tokio::test]
async fn a_replay_needs_neither_money_nor_an_engine() {
    let (hub, bob) = scene().await;
    let first = bob.infer("alice/echo").key("k").await.unwrap();
    bob.payout("0.998").await.unwrap();
    behave(&hub, &bob, [Behaviour::Fail(Failure::Run { reason: "no".into() })]);
    let again = bob.infer("alice/echo").key("k").max_cost("0.001").await.unwrap();
    assert_eq!((again.call, again.replayed, bob.cash()), (first.call, true, "0".into()));
    hub.finish().await;
}

#[tokio::test]
async fn without_a_key_every_request_is_a_call_of_its_own() {
    let (hub, bob) = scene().await;
    let one = bob.infer("alice/echo").await.unwrap();
    let two = bob.infer("alice/echo").await.unwrap();
    assert!(one.call != two.call && !two.replayed);
    let salts: Vec<_> = hub.calls().await.iter().map(|call| (call.salt, call.input_hash)).collect();
    assert!(salts[0].0 != salts[1].0 && salts[0].1 != salts[1].1, "the same inputs look different each time");
    assert_eq!(bob.cash(), "0.996");
    hub.finish().await;
}
