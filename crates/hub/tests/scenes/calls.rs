//! Paid calls: what they cost, who gets it, and how they fail.

use std::sync::Arc;
use std::time::Duration;

use engine::fake::Behaviour;
use engine::{Death, Failure, Unavailable};
use hub::Error;
use ledger::{Class, Outcome, Part, Purse, Role, Surface};
use registry::DEFAULT_DEADLINE_MS;
use store::{AccountKind, Denied};
use tensor::{Mismatch, Tensor};
use testkit::{TestHub, User, fixtures, opg, refused};

/// alice has published an echo for 0.002 OPG.
async fn scene() -> (TestHub, User) {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    alice.publish("alice/echo").await.unwrap();
    (hub, alice)
}

fn slowly(ms: u64) -> Behaviour {
    Behaviour::After(Duration::from_millis(ms), Box::new(Behaviour::Echo))
}

#[tokio::test]
async fn of_two_thousandths_the_hub_gets_a_tenth_and_the_owner_the_rest() {
    let (hub, alice) = scene().await;
    let bob = hub.user("bob").await.funded("1").await;
    let answer = bob.infer("alice/echo").await.unwrap();
    assert_eq!(answer.outputs, fixtures::echoed(&[1.0, 2.0]));
    assert_eq!((answer.cost, answer.release.to_string().as_str(), answer.replayed), (opg("0.002"), "1.00", false));
    assert_eq!((hub.fees(), alice.cash(), bob.cash()), ("0.0002".into(), "0.0018".into(), "0.998".into()));

    let call = hub.last_call().await;
    assert_eq!(call.id, answer.call);
    assert_eq!((call.payer, call.key), (bob.account.id, bob.key.id));
    assert_eq!(
        (call.class, call.purse, call.outcome, call.surface),
        (Class::Paid, Purse::Cash, Outcome::Ok, Surface::Api)
    );
    assert_eq!((call.cost, call.fee, call.fee_share.points()), (opg("0.002"), opg("0.0002"), 1_000));
    assert_eq!(call.parts, [Part { to: alice.account.id, role: Role::Creator, amount: opg("0.0018") }]);
    assert_eq!((call.model_digest, call.release_number.as_str()), (answer.digest.0, "1.00"));
    assert_eq!((call.accepted, call.finished, call.rate, call.keyed), (testkit::MORNING, testkit::MORNING, None, None));
    hub.finish().await;
}

#[tokio::test]
async fn a_team_shares_and_the_odd_unit_goes_to_the_first_in_written_order() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    let [carol, dave, erin] = [hub.user("carol").await, hub.user("dave").await, hub.user("erin").await];
    let team = [("dave", 3_333), ("carol", 3_333), ("erin", 3_334)];
    alice.publish("alice/echo").price("0.000000011 OPG").split(&team).await.unwrap();
    let bob = hub.user("bob").await.funded("0.000000011").await;
    bob.infer("alice/echo").await.unwrap();
    // 11 units: 1 is the hub's; of 10 each gets 3, and dave the one that is left.
    let nano = |user: &User| user.balance().cash;
    assert_eq!([nano(&dave), nano(&carol), nano(&erin), nano(&alice), nano(&bob)], [4, 3, 3, 0, 0]);
    assert_eq!(hub.fees(), "0.000000001");
    let to: Vec<_> = hub.last_call().await.parts.iter().map(|part| part.to).collect();
    assert_eq!(to, [dave.account.id, carol.account.id, erin.account.id]);
    hub.finish().await;
}

#[tokio::test]
async fn a_call_without_an_answer_costs_nothing_and_leaves_a_row() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    let echo = alice.publish("alice/echo").card("---\nmodelhub: { deadline: 40ms }\n---\n").await.unwrap();
    let bob = hub.user("bob").await.funded("1").await;
    let unavailable = Unavailable { reason: "gone".into(), hint: "bring it back" };
    let wrong = Tensor::int64("y", &[1, 1], &[1]).unwrap();
    let fail = Behaviour::Fail;
    let cases = [
        (fail(Failure::Run { reason: "no".into() }), Outcome::EngineFailed),
        (fail(Failure::Died { how: Death::Signalled(9) }), Outcome::EngineFailed),
        (fail(Failure::Load { reason: "no".into() }), Outcome::EngineFailed),
        (fail(Failure::Weights { reason: "no".into() }), Outcome::EngineFailed),
        (Behaviour::Answer(vec![wrong]), Outcome::EngineFailed),
        (Behaviour::Hang, Outcome::TimedOut),
        (fail(Failure::Busy { waiting: 8, limit: 8 }), Outcome::Busy),
        (fail(Failure::Unavailable(unavailable)), Outcome::Busy),
        (fail(Failure::TooLarge { bytes: 9, limit: 8 }), Outcome::InvalidInput),
    ];
    for (behaviour, outcome) in cases {
        hub.script(&echo, [behaviour.clone()]);
        let error = bob.infer("alice/echo").await.unwrap_err();
        let fits = match &error {
            Error::Engine(_) => outcome == Outcome::EngineFailed,
            Error::TimedOut { limit_ms: 40 } => outcome == Outcome::TimedOut,
            Error::Busy { .. } | Error::EngineUnavailable(_) => outcome == Outcome::Busy,
            Error::InputTooLarge { .. } => outcome == Outcome::InvalidInput,
            _ => false,
        };
        assert!(fits, "{behaviour:?} gave {error:?}");
        let call = hub.last_call().await;
        assert_eq!(
            (call.outcome, call.class, call.cost, call.fee),
            (outcome, Class::Paid, opg("0"), opg("0")),
            "{error}"
        );
        assert!(call.parts.is_empty());
        assert_eq!((bob.cash(), bob.balance().cash_held), ("1".into(), 0));
    }
    hub.script(&echo, [Behaviour::Echo]);
    bob.infer("alice/echo").await.unwrap();
    assert_eq!((bob.cash(), hub.calls().await.len()), ("0.998".into(), 10));
    hub.finish().await;
}

#[tokio::test]
async fn inputs_that_do_not_fit_never_reach_the_engine() {
    let (hub, _) = scene().await;
    let bob = hub.user("bob").await.funded("1").await;
    let runs = hub.fake().calls();
    let named = |name| vec![Tensor::fp32(name, &[1, 1], &[1.0]).unwrap()];
    let cases = [
        vec![],
        named("z"),
        [named("x"), named("x")].concat(),
        vec![Tensor::int64("x", &[1, 1], &[1]).unwrap()],
        vec![Tensor::fp32("x", &[1], &[1.0]).unwrap()],
    ];
    for inputs in cases {
        let mismatch = refused!(bob.infer("alice/echo").inputs(inputs.clone()).await, Error::Input(m) => m);
        let fits = match inputs.len() {
            0 => matches!(mismatch, Mismatch::Missing { .. }),
            2 => matches!(mismatch, Mismatch::Repeated { .. }),
            _ => true,
        };
        assert!(fits, "{mismatch:?}");
        assert_eq!(hub.last_call().await.outcome, Outcome::InvalidInput);
    }
    assert_eq!((hub.fake().calls(), bob.cash()), (runs, "1".into()));
    hub.finish().await;
}

#[tokio::test]
async fn a_call_above_the_limit_of_request_or_key_is_not_run() {
    let (hub, _) = scene().await;
    let bob = hub.user("bob").await.funded("1").await;
    let runs = hub.fake().calls();
    refused!(
        bob.infer("alice/echo").max_cost("0.001999999").await,
        Error::CostAboveLimit { cost, limit } if (cost, limit) == (opg("0.002"), opg("0.001999999"))
    );
    let scopes = vec![hub::Scope::Call];
    let limits = hub::Limits { call: Some(opg("0.001")), ..Default::default() };
    let wish = hub::KeyWish { scopes, limits, ..Default::default() };
    let thrifty = bob.with_key(wish).await.unwrap();
    // The request may ask for less than the key, never for more.
    refused!(thrifty.infer("alice/echo").max_cost("5").await, Error::CostAboveLimit { limit, .. } if limit == opg("0.001"));
    let call = hub.last_call().await;
    assert_eq!((call.outcome, call.cost, call.key), (Outcome::Refused, opg("0"), thrifty.key.id));
    assert_eq!((hub.fake().calls(), bob.cash()), (runs, "1".into()));
    bob.infer("alice/echo").max_cost("0.002").await.unwrap();
    hub.finish().await;
}

#[tokio::test]
async fn one_unit_too_little_is_refused_and_one_more_is_enough() {
    let (hub, _) = scene().await;
    let bob = hub.user("bob").await.funded("0.001999999").await.granted("0.001999999").await;
    let runs = hub.fake().calls();
    let money = refused!(
        bob.infer("alice/echo").await,
        Error::Insufficient { wanted, cash, promo, held } => [wanted, cash, promo, held].map(|amount| amount.to_string())
    );
    assert_eq!(money, ["0.002", "0.001999999", "0.001999999", "0"]);
    assert_eq!((hub.last_call().await.outcome, hub.fake().calls()), (Outcome::Refused, runs));
    assert_eq!((bob.cash(), bob.promo()), ("0.001999999".into(), "0.001999999".into()));
    bob.deposit("0.000000001").await.unwrap();
    bob.infer("alice/echo").await.unwrap();
    assert_eq!((bob.cash(), bob.promo()), ("0".into(), "0.001999999".into()));
    hub.finish().await;
}

#[tokio::test]
async fn money_of_a_running_call_cannot_be_spent_a_second_time() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    let echo = alice.publish("alice/echo").await.unwrap();
    hub.script(&echo, [slowly(100)]);
    let bob = hub.user("bob").await.funded("0.003").await;
    let running = tokio::spawn(bob.infer("alice/echo").into_future());
    while bob.balance().cash_held == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    refused!(
        bob.infer("alice/echo").await,
        Error::Insufficient { cash, held, .. } if (cash, held) == (opg("0.001"), opg("0.002"))
    );
    refused!(bob.payout("0.002").await, Error::Insufficient { held, .. } if held == opg("0.002"));
    running.await.unwrap().unwrap();
    assert_eq!(bob.cash(), "0.001");
    hub.finish().await;
}

#[tokio::test]
async fn promotional_money_goes_first_and_stays_promotional() {
    let (hub, alice) = scene().await;
    let bob = hub.user("bob").await.funded("1").await.granted("0.003").await;
    bob.infer("alice/echo").await.unwrap();
    assert_eq!((bob.promo(), bob.cash()), ("0.001".into(), "1".into()));
    assert_eq!((alice.promo(), alice.cash()), ("0.0018".into(), "0".into()));
    // What is left does not cover a call, and a call is paid whole from one purse.
    bob.infer("alice/echo").await.unwrap();
    assert_eq!((bob.promo(), bob.cash()), ("0.001".into(), "0.998".into()));
    assert_eq!((alice.promo(), alice.cash()), ("0.0018".into(), "0.0018".into()));
    let how: Vec<_> = hub.calls().await.iter().map(|call| (call.class, call.purse)).collect();
    assert_eq!(how, [(Class::Trial, Purse::Promo), (Class::Paid, Purse::Cash)]);
    hub.finish().await;
}

#[tokio::test]
async fn who_pays_decides_the_class_and_the_first_match_wins() {
    let hub = TestHub::start().await;
    let [alice, bob] = [hub.user("alice").await.funded("1").await, hub.user("bob").await];
    let lab = hub.account("lab", AccountKind::Org).await;
    hub.join(&alice, &lab).await;
    hub.restart().await;
    let alice = alice.again().await.unwrap();
    alice.publish("alice/echo").await.unwrap();
    alice.publish("alice/gift").price("0 OPG").await.unwrap();
    alice.publish("lab/echo").await.unwrap();

    alice.infer("alice/echo").await.unwrap();
    alice.infer("alice/gift").await.unwrap();
    alice.infer("lab/echo").await.unwrap();
    bob.infer("alice/gift").await.unwrap();
    let bob = bob.granted("0.002").await.funded("0.002").await;
    bob.infer("alice/gift").await.unwrap();
    bob.infer("alice/echo").await.unwrap();
    bob.infer("alice/echo").await.unwrap();
    let classes: Vec<_> = hub.calls().await.iter().map(|call| call.class).collect();
    use Class::{Free, Own, Paid, Trial};
    assert_eq!(classes, [Own, Own, Own, Free, Free, Trial, Paid]);
    // Of her own calls alice pays the fee, and what the lab gets is the lab's.
    assert_eq!((alice.cash(), alice.promo(), lab.cash()), ("0.9996".into(), "0.0018".into(), "0.0018".into()));
    hub.finish().await;
}

#[tokio::test]
async fn a_failed_call_counts_by_the_purse_it_held() {
    let (hub, alice) = scene().await;
    let gift = alice.publish("alice/gift").price("0 OPG").file("b", "b").await.unwrap();
    let echo = alice.publish("alice/other").file("c", "c").await.unwrap();
    for published in [&gift, &echo] {
        hub.script(published, [Behaviour::Fail(Failure::Run { reason: "no".into() })]);
    }
    let bob = hub.user("bob").await.granted("1").await;
    refused!(bob.infer("alice/other").await, Error::Engine(_));
    let call = hub.last_call().await;
    assert_eq!((call.class, call.purse, call.outcome), (Class::Trial, Purse::Promo, Outcome::EngineFailed));
    refused!(bob.infer("alice/gift").inputs(vec![]).await, Error::Input(_));
    assert_eq!(hub.last_call().await.class, Class::Free);
    refused!(alice.infer("alice/gift").await, Error::Engine(_));
    assert_eq!(hub.last_call().await.class, Class::Own);
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_hundred_calls_at_once_those_that_are_paid_for_succeed() {
    for setting in [TestHub::set(), TestHub::set().memory_books()] {
        let hub = setting.start().await;
        let alice = hub.user("alice").await;
        alice.publish("alice/echo").await.unwrap();
        let bob = hub.user("bob").await.funded("0.24").await;
        let calls: Vec<_> = (0..200).map(|_| tokio::spawn(bob.infer("alice/echo").into_future())).collect();
        let (mut answered, mut refused) = (0, 0);
        for call in calls {
            match call.await.unwrap() {
                Ok(_) => answered += 1,
                Err(Error::Insufficient { .. }) => refused += 1,
                Err(other) => panic!("{other:?}"),
            }
        }
        assert_eq!((answered, refused, bob.cash(), alice.cash()), (120, 80, "0".into(), "0.216".into()));
        assert_eq!((hub.fees(), hub.calls().await.len()), ("0.024".into(), 200));
        hub.finish().await;
    }
}

#[tokio::test]
async fn a_price_per_item_counts_the_rows() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    let card = "---\nmodelhub:\n  price: { per_call: \"0.001 OPG\", per_item: \"0.0005 OPG\" }\n---\n";
    alice.publish("alice/echo").without_price().card(card).await.unwrap();
    let bob = hub.user("bob").await.funded("1").await;
    let three = bob.infer("alice/echo").inputs(fixtures::rows(3, &[1.0, 2.0, 3.0])).await.unwrap();
    assert_eq!((three.cost, hub.last_call().await.usage.items), (opg("0.0025"), 3));
    let none = bob.infer("alice/echo").inputs(fixtures::rows(0, &[])).await.unwrap();
    assert_eq!((none.cost, hub.last_call().await.usage.items), (opg("0.001"), 0));
    hub.finish().await;
}

#[tokio::test]
async fn a_quote_names_who_would_get_what() {
    let (hub, alice) = scene().await;
    hub.user("carol").await;
    alice.publish("alice/team").split(&[("carol", 2_500), ("alice", 7_500)]).await.unwrap();
    let quote = hub.hub().quote(None, &testkit::model("alice/team"), None).await.unwrap();
    assert_eq!((quote.cost, quote.fee, quote.rate), (opg("0.002"), opg("0.0002"), None));
    let parts: Vec<_> = quote.parts.iter().map(|part| (part.account.as_str(), part.amount.to_string())).collect();
    assert_eq!(parts, [("carol", "0.00045".to_owned()), ("alice", "0.00135".to_owned())]);
    hub.finish().await;
}

#[tokio::test]
async fn models_and_releases_that_are_not_there_are_named() {
    let (hub, _) = scene().await;
    let bob = hub.user("bob").await.funded("1").await;
    refused!(bob.infer("alice/none").await, Error::NoModel { .. });
    refused!(bob.infer("nobody/echo").await, Error::NoModel { .. });
    refused!(bob.infer("alice/none").release("1.00").await, Error::NoModel { .. });
    let release = refused!(bob.infer("alice/echo").release("1.01").await, Error::NoRelease { release, .. } => release);
    assert_eq!(release.to_string(), "1.01");
    bob.infer("alice/ECHO").release("1.00").await.unwrap();
    assert!(hub.calls().await.len() == 1, "what is not there leaves no row");
    hub.finish().await;
}

#[tokio::test]
async fn without_books_nobody_is_answered() {
    let (hub, alice) = scene().await;
    let bob = hub.user("bob").await.funded("1").await;
    hub.books().refuse_captures(Some(Denied::Broken { reason: "disk full".into() }));
    let reason = refused!(bob.infer("alice/echo").key("k").await, Error::Books { reason } => reason);
    assert_eq!(reason, "disk full");
    assert_eq!((bob.cash(), bob.balance().cash_held, alice.cash()), ("1".into(), 0, "0".into()));
    hub.books().refuse_captures(None);
    assert!(!bob.infer("alice/echo").key("k").await.unwrap().replayed);
    hub.finish().await;
}

#[tokio::test]
async fn an_answer_that_the_books_refuse_leaves_a_row() {
    let (hub, _) = scene().await;
    let bob = hub.user("bob").await.funded("1").await;
    hub.books().refuse_captures(Some(Denied::KeyedFull { limit: 5 }));
    refused!(bob.infer("alice/echo").key("k").await, Error::KeyedFull { limit: 5 });
    let call = hub.last_call().await;
    assert_eq!((call.outcome, call.class, call.cost), (Outcome::NotCaptured, Class::Paid, opg("0")));
    assert_eq!((bob.cash(), bob.balance().cash_held), ("1".into(), 0));
    hub.books().refuse_captures(None);
    hub.finish().await;
}

#[tokio::test]
async fn a_crash_in_the_middle_of_a_call_gives_the_money_back() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    let echo = alice.publish("alice/echo").await.unwrap();
    hub.script(&echo, [Behaviour::Map(Arc::new(|_| panic!("a mistake of ours"))), Behaviour::Echo]);
    let bob = hub.user("bob").await.funded("0.002").await;
    refused!(bob.infer("alice/echo").key("k").await, Error::Internal { .. });
    assert_eq!((bob.cash(), bob.balance().cash_held), ("0.002".into(), 0));
    bob.infer("alice/echo").key("k").await.unwrap();
    hub.finish().await;
}

#[tokio::test]
async fn a_stop_waits_for_the_calls_that_run() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    let echo = alice.publish("alice/echo").await.unwrap();
    hub.script(&echo, [slowly(80)]);
    let bob = hub.user("bob").await.funded("1").await;
    let running = tokio::spawn(bob.infer("alice/echo").into_future());
    while bob.balance().cash_held == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    hub.restart().await;
    running.await.unwrap().unwrap();
    assert_eq!((bob.cash(), hub.calls().await.len()), ("0.998".into(), 1));
    hub.finish().await;
}

#[tokio::test]
async fn a_hub_that_has_stopped_answers_nobody() {
    for setting in [TestHub::set(), TestHub::set().memory_books().memory_catalog()] {
        let hub = setting.start().await;
        hub.user("alice").await.publish("alice/echo").await.unwrap();
        let bob = hub.user("bob").await.funded("1").await;
        hub.hub().stop().await;
        refused!(bob.infer("alice/echo").await, Error::Books { .. });
        refused!(bob.deposit("1").await, Error::Books { .. });
        assert_eq!((bob.cash(), bob.balance().cash_held), ("1".into(), 0));
        hub.finish().await;
    }
}

#[tokio::test]
async fn a_release_says_how_long_a_call_may_take() {
    let (hub, alice) = scene().await;
    let echo = hub.hub().model(&testkit::model("alice/echo"), None).await.unwrap();
    assert_eq!(echo.release.contract.deadline_ms, DEFAULT_DEADLINE_MS);
    alice.publish("alice/quick").card("---\nmodelhub: { deadline: 500ms }\n---\n").await.unwrap();
    let quick = hub.hub().model(&testkit::model("alice/quick"), None).await.unwrap();
    assert_eq!(quick.release.contract.deadline_ms, 500);
    hub.finish().await;
}
