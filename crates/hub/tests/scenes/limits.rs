//! Limits: the most that may be spent by a call, in a day and in a month, with a key and from an account.

use std::time::Duration;

use engine::fake::Behaviour;
use hub::infer::Answer;
use hub::{Error, KeyWish, Limits, Over, Scope};
use ledger::{Amount, Outcome, Time};
use testkit::{TestHub, User, failing_behind_a_gate, model, opg, per_call, per_day, per_month, refused, until};

/// alice has published an echo for 0.002 OPG, bob has 1 OPG.
async fn scene() -> (TestHub, User) {
    let hub = TestHub::start().await;
    hub.user("alice").await.publish("alice/echo").await.unwrap();
    let bob = hub.user("bob").await.funded("1").await;
    (hub, bob)
}

/// A key that calls, within these limits.
fn calling(limits: Limits) -> KeyWish {
    KeyWish { scopes: vec![Scope::Call, Scope::Read], limits, ..KeyWish::default() }
}

async fn calls(user: &User, count: usize) {
    for _ in 0..count {
        user.infer("alice/echo").await.unwrap();
    }
}

/// Whose limit was in the way of a call, and over which time.
fn full(called: Result<Answer, Error>) -> (&'static str, Over) {
    refused!(called, Error::SpendingLimit { whose, over, .. } => (whose, over))
}

/// Calls all at once, with these keys in turn; gives how many were answered.
async fn at_once(keys: &[&User], count: usize) -> usize {
    let calls: Vec<_> =
        keys.iter().cycle().take(count).map(|key| tokio::spawn(key.infer("alice/echo").into_future())).collect();
    let mut answered = 0;
    for call in calls {
        match call.await.unwrap() {
            Ok(_) => answered += 1,
            Err(Error::SpendingLimit { .. }) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    answered
}

#[tokio::test]
async fn a_call_that_a_limit_does_not_cover_is_not_run() {
    let (hub, bob) = scene().await;
    let bob = bob.limited(per_day("0.005")).await;
    calls(&bob, 2).await;
    let runs = hub.fake().calls();
    let told = refused!(
        bob.infer("alice/echo").await,
        Error::SpendingLimit { whose: "account", over: Over::Day, limit, spent, running, wanted } => [limit, spent, running, wanted]
    );
    assert_eq!(told, ["0.005", "0.004", "0", "0.002"].map(opg));
    assert_eq!((hub.last_call().await.outcome, hub.fake().calls()), (Outcome::Refused, runs));
    assert_eq!((bob.cash(), bob.balance().cash_held), ("0.996".into(), 0));
    hub.finish().await;
}

#[tokio::test]
async fn a_keys_limit_is_no_other_keys() {
    let (hub, bob) = scene().await;
    let key = bob.with_key(calling(per_day("0.002"))).await.unwrap();
    calls(&key, 1).await;
    assert_eq!(full(key.infer("alice/echo").await), ("key", Over::Day));
    calls(&bob, 1).await;
    calls(&bob.with_key(calling(per_day("0.002"))).await.unwrap(), 1).await;
    hub.finish().await;
}

#[tokio::test]
async fn an_accounts_limit_is_that_of_all_its_keys_together() {
    let (hub, bob) = scene().await;
    let bob = bob.limited(per_month("0.006")).await;
    let key = bob.with_key(calling(per_day("0.004"))).await.unwrap();
    calls(&key, 2).await;
    assert_eq!(full(key.infer("alice/echo").await), ("key", Over::Day));
    calls(&bob, 1).await;
    assert_eq!(full(bob.infer("alice/echo").await), ("account", Over::Month));
    hub.finish().await;
}

#[tokio::test]
async fn what_a_call_may_cost_is_limited_for_key_and_account() {
    let (hub, bob) = scene().await;
    let bob = bob.limited(per_call("0.001")).await;
    refused!(bob.infer("alice/echo").await, Error::CostAboveLimit { limit, .. } if limit == opg("0.001"));
    let key = bob.with_key(calling(per_call("0.0005"))).await.unwrap();
    refused!(key.infer("alice/echo").await, Error::CostAboveLimit { limit, .. } if limit == opg("0.0005"));
    calls(&bob.limited(per_call("0.002")).await, 1).await;
    hub.finish().await;
}

/// The scene begins on the 2nd of January at 10 o'clock.
#[tokio::test]
async fn a_day_ends_at_midnight_and_a_month_with_its_last_day() {
    let (hub, bob) = scene().await;
    let limits = Limits { month: Some(opg("0.006")), ..per_day("0.004") };
    let bob = bob.limited(limits).await;
    calls(&bob, 2).await;
    hub.clock().advance_ms(14 * 3_600_000 - 1);
    assert_eq!(full(bob.infer("alice/echo").await), ("account", Over::Day));
    hub.clock().advance_ms(1);
    calls(&bob, 1).await;
    assert_eq!(full(bob.infer("alice/echo").await), ("account", Over::Month));
    hub.clock().advance_ms(29 * Time::DAY_MS - 1);
    assert_eq!(full(bob.infer("alice/echo").await), ("account", Over::Month));
    hub.clock().advance_ms(1);
    calls(&bob, 2).await;
    assert_eq!(full(bob.infer("alice/echo").await), ("account", Over::Day));
    hub.finish().await;
}

#[tokio::test]
async fn what_was_spent_counts_after_a_restart() {
    let (hub, bob) = scene().await;
    let bob = bob.limited(per_month("0.006")).await;
    let key = bob.with_key(calling(per_day("0.004"))).await.unwrap();
    calls(&key, 2).await;
    hub.restart().await;
    assert_eq!(full(key.infer("alice/echo").await), ("key", Over::Day));
    hub.hours_pass(24);
    hub.restart().await;
    calls(&key, 1).await;
    assert_eq!(full(key.infer("alice/echo").await), ("account", Over::Month));
    hub.finish().await;
}

#[tokio::test]
async fn a_limit_that_comes_later_counts_what_was_spent_before() {
    let (hub, bob) = scene().await;
    calls(&bob, 2).await;
    hub.hours_pass(24);
    calls(&bob, 1).await;
    let bob = bob.limited(per_month("0.007")).await;
    let spent = refused!(bob.infer("alice/echo").await, Error::SpendingLimit { spent, .. } => spent);
    assert_eq!(spent, opg("0.006"));
    calls(&bob.limited(per_day("0.004")).await, 1).await;
    hub.finish().await;
}

#[tokio::test]
async fn a_limit_that_was_lifted_and_comes_back_counts_what_was_spent_meanwhile() {
    let (hub, bob) = scene().await;
    let bob = bob.limited(per_day("0.006")).await;
    calls(&bob, 1).await;
    let bob = bob.limited(Limits::default()).await;
    calls(&bob, 2).await;
    let bob = bob.limited(per_day("0.006")).await;
    let spent = refused!(bob.infer("alice/echo").await, Error::SpendingLimit { spent, .. } => spent);
    assert_eq!(spent, opg("0.006"));
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_calls_at_once_none_goes_past_a_limit() {
    for setting in [TestHub::set(), TestHub::set().memory_books()] {
        let hub = setting.start().await;
        let alice = hub.user("alice").await;
        alice.publish("alice/echo").await.unwrap();
        let bob = hub.user("bob").await.funded("1").await.limited(per_day("0.05")).await;
        let first = bob.with_key(calling(per_day("0.021"))).await.unwrap();
        let second = bob.with_key(calling(per_month("0.1"))).await.unwrap();
        assert_eq!(at_once(&[&first], 60).await, 10);
        assert_eq!(at_once(&[&first, &second, &bob], 90).await, 15);
        assert_eq!(bob.cash(), "0.95");
        hub.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_calls_at_once_after_a_restart_find_what_was_spent() {
    let (hub, bob) = scene().await;
    let key = bob.limited(per_month("0.04")).await.with_key(calling(per_day("0.03"))).await.unwrap();
    calls(&key, 5).await;
    hub.restart().await;
    assert_eq!(at_once(&[&key], 40).await, 10);
    hub.hours_pass(24);
    hub.restart().await;
    assert_eq!(at_once(&[&key], 40).await, 5);
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_running_call_counts_and_one_that_fails_does_not() {
    let hub = TestHub::start().await;
    let echo = hub.user("alice").await.publish("alice/echo").await.unwrap();
    let bob = hub.user("bob").await.funded("1").await.limited(per_day("0.002")).await;
    let (gate, fails) = failing_behind_a_gate();
    hub.script(&echo, [fails, Behaviour::Echo]);
    let running = tokio::spawn(bob.infer("alice/echo").into_future());
    until("the call runs", async || (bob.balance().cash_held > 0).then_some(())).await;
    refused!(
        bob.infer("alice/echo").await,
        Error::SpendingLimit { spent: Amount::ZERO, running, .. } if running == opg("0.002")
    );
    drop(gate);
    refused!(running.await.unwrap(), Error::Engine(_));
    calls(&bob, 1).await;
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_call_that_ran_when_the_limit_was_set_counts() {
    let hub = TestHub::start().await;
    let echo = hub.user("alice").await.publish("alice/echo").await.unwrap();
    let bob = hub.user("bob").await.funded("1").await;
    let slowly = Behaviour::After(Duration::from_millis(300), Box::new(Behaviour::Echo));
    hub.script(&echo, [slowly, Behaviour::Echo]);
    let running = tokio::spawn(bob.infer("alice/echo").into_future());
    until("the call runs", async || (bob.balance().cash_held > 0).then_some(())).await;
    let bob = bob.limited(per_day("0.005")).await;
    calls(&bob, 1).await;
    running.await.unwrap().unwrap();
    refused!(bob.infer("alice/echo").await, Error::SpendingLimit { spent, .. } if spent == opg("0.004"));
    hub.finish().await;
}

#[tokio::test]
async fn what_costs_nothing_needs_no_room_in_a_limit() {
    let (hub, bob) = scene().await;
    let bob = bob.limited(per_day("0.002")).await;
    hub.user("carol").await.publish("carol/gift").price("0 OPG").file("c", "c").await.unwrap();
    bob.infer("alice/echo").key("k").await.unwrap();
    assert_eq!(full(bob.infer("alice/echo").await), ("account", Over::Day));
    bob.infer("carol/gift").await.unwrap();
    assert!(bob.infer("alice/echo").key("k").await.unwrap().replayed);
    hub.finish().await;
}

#[tokio::test]
async fn limits_are_told_with_what_was_spent() {
    let (hub, bob) = scene().await;
    let bob = bob.limited(per_month("0.1")).await;
    let key = bob.with_key(calling(per_day("0.01"))).await.unwrap();
    calls(&bob, 1).await;
    hub.hours_pass(24);
    calls(&key, 2).await;
    let (account, with_key) = hub.hub().limits(key.caller()).await.unwrap();
    let spent = |view: hub::LimitsView| (view.spent.day.to_string(), view.spent.month.to_string());
    assert_eq!((account.limits, spent(account)), (per_month("0.1"), ("0.004".into(), "0.006".into())));
    assert_eq!((with_key.limits, spent(with_key)), (per_day("0.01"), ("0.004".into(), "0.004".into())));
    hub.finish().await;
}

#[tokio::test]
async fn a_key_with_a_limit_over_a_time_makes_no_keys_that_call() {
    let (hub, bob) = scene().await;
    let all = |limits| KeyWish { scopes: vec![Scope::Call, Scope::Read, Scope::Money], ..calling(limits) };
    for limits in [per_day("0.1"), per_month("0.1")] {
        let key = bob.with_key(all(limits)).await.unwrap();
        for wish in [calling(Limits::default()), calling(per_day("0.0001"))] {
            refused!(key.with_key(wish).await, Error::Invalid { what: "scopes", .. });
        }
        let reading = KeyWish { scopes: vec![Scope::Read], ..KeyWish::default() };
        assert_eq!(key.with_key(reading).await.unwrap().key.limits, limits);
    }
    bob.with_key(all(per_call("0.1"))).await.unwrap().with_key(calling(Limits::default())).await.unwrap();
    hub.finish().await;
}

#[tokio::test]
async fn a_key_with_limits_or_for_some_models_does_not_change_the_accounts() {
    let (hub, bob) = scene().await;
    for limits in [per_call("0.1"), per_day("0.1"), per_month("0.1")] {
        let wish = KeyWish { scopes: vec![Scope::Money], limits, ..KeyWish::default() };
        let key = bob.with_key(wish).await.unwrap();
        refused!(hub.hub().set_limits(key.caller(), Limits::default()).await, Error::Invalid { what: "key", .. });
    }
    let models = Some(vec![model("alice/echo")]);
    let wish = KeyWish { scopes: vec![Scope::Money], models, ..KeyWish::default() };
    let key = bob.with_key(wish).await.unwrap();
    refused!(hub.hub().set_limits(key.caller(), Limits::default()).await, Error::Invalid { what: "key", .. });
    hub.finish().await;
}

#[tokio::test]
async fn a_limit_of_nothing_is_refused_by_name() {
    let (hub, bob) = scene().await;
    for (limits, name) in [(per_call("0"), "max_cost"), (per_day("0"), "max_day"), (per_month("0"), "max_month")] {
        refused!(hub.hub().set_limits(bob.caller(), limits).await, Error::Invalid { what, .. } if what == name);
        refused!(bob.with_key(calling(limits)).await, Error::Invalid { what, .. } if what == name);
    }
    hub.finish().await;
}
