//! How often somebody may ask, and how often somebody may try to get in.

use std::net::IpAddr;

use hub::{Asking, Error, KeyWish, Network, RateLeft, RateSettings, RequestKind, RequestRate, RequestRates, Scope};
use testkit::{TestHub, User, refused};

fn rate(text: &str) -> RequestRate {
    text.parse().unwrap()
}

fn network(address: &str) -> Network {
    Network::from(address.parse::<IpAddr>().unwrap())
}

fn calling(text: Option<&str>) -> KeyWish {
    KeyWish { scopes: vec![Scope::Call], rate: text.map(rate), ..KeyWish::default() }
}

/// How many of so many requests are taken.
fn taken(hub: &TestHub, user: &User, kind: RequestKind, tries: usize) -> usize {
    (0..tries).filter(|_| hub.hub().pass(Asking::Caller(user.caller()), kind).is_ok()).count()
}

#[tokio::test]
async fn a_key_calls_as_often_as_it_was_made_for_and_does_the_rest_as_it_likes() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    let slow = alice.with_key(calling(Some("3/min"))).await.unwrap();
    assert_eq!(taken(&hub, &slow, RequestKind::Calls, 9), 3);
    let left = refused!(
        hub.hub().pass(Asking::Caller(slow.caller()), RequestKind::Calls),
        Error::RateReached(left) => left
    );
    let expected = RateLeft { whose: "key", kind: RequestKind::Calls, rate: rate("3/min"), left: 0, reset_s: 20 };
    assert_eq!(left, expected);
    assert_eq!(taken(&hub, &slow, RequestKind::Reads, 99), 99);
    assert_eq!(taken(&hub, &alice, RequestKind::Calls, 9_999), 9_999, "without a rate any number");
    hub.clock().advance_ms(20_000);
    assert_eq!(taken(&hub, &slow, RequestKind::Calls, 9), 1);
    hub.finish().await;
}

#[tokio::test]
async fn a_request_falls_under_all_rates_or_counts_for_none() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    let rates = |count| RequestRates { calls: RequestRate::new(count, 60), ..RequestRates::default() };
    let settings = RateSettings { key: rates(4), account: rates(5), ..RateSettings::USUAL };
    refused!(hub.hub().set_request_rates(alice.caller(), settings).await, Error::ScopeMissing { .. });
    hub.hub().set_request_rates(&hub.operator().await, settings).await.unwrap();
    let [one, other] =
        [alice.with_key(calling(Some("99/min"))).await.unwrap(), alice.with_key(calling(None)).await.unwrap()];
    let whose = |user: &User| refused!(hub.hub().pass(Asking::Caller(user.caller()), RequestKind::Calls), Error::RateReached(left) => left.whose);
    let left = hub.hub().pass(Asking::Caller(one.caller()), RequestKind::Calls).unwrap().unwrap();
    assert_eq!((left.whose, left.left, left.rate), ("key", 3, rate("4/min")), "the nearest to its end");
    assert_eq!(taken(&hub, &one, RequestKind::Calls, 9), 3);
    assert_eq!(whose(&one), "key");
    assert_eq!(
        taken(&hub, &other, RequestKind::Calls, 9),
        1,
        "what the first key was refused is not the account's loss"
    );
    assert_eq!(whose(&other), "account");
    let operator = alice.as_operator().await;
    assert_eq!(taken(&hub, &operator, RequestKind::Calls, 99), 99);
    hub.restart().await;
    assert_eq!(hub.hub().settings().request_rates, settings, "remembered");
    hub.finish().await;
}

#[tokio::test]
async fn strangers_are_counted_by_address_and_each_kind_for_itself() {
    let hub = TestHub::start().await;
    let core = hub.hub();
    let taken = |address: &str, kind, tries: usize| {
        (0..tries).filter(|_| core.pass(Asking::From(network(address)), kind).is_ok()).count()
    };
    let usual = RateSettings::USUAL.address;
    for kind in RequestKind::ALL {
        let count = usual.of(kind).unwrap().count() as usize;
        assert_eq!(taken("2001:db8::1", kind, count + 9), count, "{kind}");
        assert_eq!(taken("2001:db8::2", kind, 9), 0, "{kind}: the same household");
    }
    assert_eq!(taken("2001:db8:0:1::1", RequestKind::Reads, 9), 9);
    assert_eq!(taken("192.0.2.1", RequestKind::Reads, 9), 9);
    hub.finish().await;
}

#[tokio::test]
async fn a_key_with_a_rate_makes_no_faster_ones() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    let scopes = vec![Scope::Read, Scope::Publish, Scope::Call, Scope::Money];
    let slow = alice.with_key(KeyWish { scopes, ..calling(Some("3/min")) }).await.unwrap();
    refused!(slow.with_key(calling(None)).await, Error::Invalid { what: "scopes", .. });
    refused!(slow.with_key(calling(Some("1/day"))).await, Error::Invalid { what: "scopes", .. });
    slow.with_key(KeyWish { scopes: vec![Scope::Read], ..KeyWish::default() }).await.unwrap();
    refused!(hub.hub().sign_in_with_key(&slow.secret, "x").await, Error::Invalid { what: "key", .. });
    let codes = hub.hub().ask_for_device("cli").await.unwrap();
    refused!(hub.hub().answer_device(slow.caller(), &codes.user, true).await, Error::Invalid { what: "key", .. });
    hub.finish().await;
}

/// Tries a key that is not known.
async fn guess(core: &hub::Hub, from: Option<Network>) -> Result<(), Error> {
    core.attempt(from)?.judge(core.sign_in_with_key("mh_guessed", "x").await.map(drop))
}

#[tokio::test]
async fn ten_failures_are_an_addresss_and_others_do_not_wait_for_them() {
    let hub = TestHub::start().await;
    let core = hub.hub();
    let alice = hub.user("alice").await;
    let [here, there] = [Some(network("192.0.2.1")), Some(network("192.0.2.2"))];
    for _ in 0..20 {
        let good = core.attempt(here).unwrap().judge(core.sign_in_with_key(&alice.secret, "x").await);
        good.unwrap();
    }
    for _ in 0..10 {
        refused!(guess(&core, here).await, Error::UnknownKey);
    }
    let wait_s = refused!(guess(&core, here).await, Error::ManyAttempts { wait_s } => wait_s);
    assert_eq!(wait_s, 60);
    refused!(guess(&core, there).await, Error::UnknownKey);
    for _ in 0..99 {
        refused!(guess(&core, None).await, Error::UnknownKey);
    }
    hub.clock().advance_ms(60_000);
    refused!(guess(&core, here).await, Error::UnknownKey);
    refused!(guess(&core, here).await, Error::ManyAttempts { .. });
    hub.finish().await;
}

#[tokio::test]
async fn many_tries_at_once_count_while_they_run() {
    let hub = TestHub::start().await;
    let core = hub.hub();
    let from = Some(network("192.0.2.1"));
    let running: Vec<_> = (0..10).map(|_| core.attempt(from).unwrap()).collect();
    refused!(core.attempt(from), Error::ManyAttempts { .. });
    // Whoever hangs up leaves a failure; whoever had something else wrong does not.
    let mut running = running.into_iter();
    running.next().unwrap().was_none();
    let _ = running.next().unwrap().judge::<()>(Err(Error::InvitationNeeded));
    drop(running);
    let [first, second] = [core.attempt(from), core.attempt(from)];
    assert!(first.is_ok() && second.is_ok());
    refused!(core.attempt(from), Error::ManyAttempts { .. });
    hub.finish().await;
}

#[tokio::test]
async fn a_stranger_who_tries_at_an_account_does_not_lock_its_owner_out() {
    let hub = TestHub::start().await;
    let core = hub.hub();
    let alice = hub.user("alice").await.account.id;
    let fail = |from: u8| -> Result<(), Error> {
        let attempt = core.attempt(Some(network(&format!("192.0.2.{from}"))))?;
        match attempt.at(alice) {
            Ok(()) => attempt.judge(Err(Error::UnknownPasskey)),
            Err(error) => attempt.judge(Err(error)),
        }
    };
    // Two machines of a stranger, ten failures at this account together.
    for from in [1, 2, 1, 2, 1, 2, 1, 2, 1, 2] {
        refused!(fail(from), Error::UnknownPasskey);
    }
    let wait_s = refused!(fail(1), Error::ManyAttempts { wait_s } => wait_s);
    assert_eq!(wait_s, 60);
    // The owner, from elsewhere, gets in at once, again and again.
    for _ in 0..20 {
        let attempt = core.attempt(Some(network("198.51.100.7"))).unwrap();
        attempt.at(alice).unwrap();
        attempt.judge(Ok(())).unwrap();
    }
    // And after a failure of the owner's own waits for a minute, not for the stranger to end.
    refused!(fail(7), Error::UnknownPasskey);
    refused!(fail(7), Error::ManyAttempts { wait_s: 60 });
    hub.clock().advance_ms(60_000);
    refused!(fail(1), Error::UnknownPasskey);
    refused!(fail(7), Error::UnknownPasskey);
    hub.finish().await;
}
