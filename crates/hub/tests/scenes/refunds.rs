//! Refunds: what a call cost goes back, whoever got it.

use engine::Failure;
use engine::fake::Behaviour;
use hub::{Error, KeyWish, Movement, NewDeposit, RefundWish, Scope};
use ledger::{AccountId, Amount, CallId, Purse, Refusal, Role, Time, TransferId};
use store::{AccountKind, MemberRole};
use testkit::{TestHub, User, handle, model, moved, opg, refused};

/// alice and carol share an echo for 0.002 OPG, which bob has called once: 0.0009 OPG for each, 0.0002 OPG for the hub.
async fn scene() -> (TestHub, [User; 3], CallId) {
    let hub = TestHub::start().await;
    let [alice, bob, carol] = [hub.user("alice").await, hub.user("bob").await, hub.user("carol").await];
    alice.publish("alice/echo").split(&[("alice", 5_000), ("carol", 5_000)]).await.unwrap();
    let bob = bob.funded("1").await;
    let call = bob.infer("alice/echo").await.unwrap().call;
    (hub, [alice, bob, carol], call)
}

fn cash(users: [&User; 3]) -> [String; 3] {
    users.map(User::cash)
}

#[tokio::test]
async fn a_refund_takes_from_every_receiver_what_it_got() {
    let (hub, [alice, bob, carol], call) = scene().await;
    let refund = alice.refund(call).await.unwrap();
    assert_eq!(cash([&alice, &bob, &carol]), ["0", "1", "0"]);
    assert_eq!(hub.fees(), "0");
    let refunded = &refund.refunded;
    let shares: Vec<_> = refunded.shares.iter().map(|share| (share.from, share.role, share.at_once)).collect();
    let due = [
        (AccountId::HUB_FEE, Role::Fee, opg("0.0002")),
        (alice.account.id, Role::Creator, opg("0.0009")),
        (carol.account.id, Role::Creator, opg("0.0009")),
    ];
    assert_eq!((&shares[..], refunded.to, refunded.owed()), (&due[..], bob.account.id, Amount::ZERO));
    hub.finish().await;
}

#[tokio::test]
async fn parts_can_be_given_back_until_nothing_is_left() {
    let (hub, [alice, bob, carol], call) = scene().await;
    alice.refund_part(call, "0.001").await.unwrap();
    assert_eq!(cash([&alice, &bob, &carol]), ["0.00045", "0.999", "0.00045"]);
    refused!(
        alice.refund_part(call, "0.001000001").await,
        Error::Refused(Refusal::RefundAboveRest { left, .. }) if left == opg("0.001")
    );
    refused!(alice.refund_part(call, "0").await, Error::Refused(Refusal::RefundAboveRest { .. }));
    assert_eq!(alice.refund(call).await.unwrap().refunded.amount(), opg("0.001"));
    refused!(alice.refund(call).await, Error::Refused(Refusal::RefundAboveRest { left: Amount::ZERO, .. }));
    assert_eq!(cash([&alice, &bob, &carol]), ["0", "1", "0"]);
    hub.finish().await;
}

#[tokio::test]
async fn the_owner_may_for_thirty_days_and_the_operator_for_ever() {
    let (hub, [alice, bob, _], call) = scene().await;
    hub.clock().advance_ms(30 * Time::DAY_MS);
    alice.refund_part(call, "0.001").await.unwrap();
    hub.clock().advance_ms(1);
    refused!(alice.refund(call).await, Error::Refused(Refusal::RefundTooLate { days: 30, .. }));
    hub.hours_pass(10_000);
    alice.as_operator().await.refund(call).await.unwrap();
    assert_eq!(bob.cash(), "1");
    hub.finish().await;
}

#[tokio::test]
async fn nobody_else_gives_back_what_a_call_cost() {
    let (hub, [alice, bob, carol], call) = scene().await;
    let eve = hub.user("eve").await;
    refused!(bob.refund(call).await, Error::NotInGroup { .. });
    refused!(carol.refund(call).await, Error::NotInGroup { .. });
    refused!(eve.refund(call).await, Error::NoReceipt { .. });
    refused!(alice.refund(CallId([1; 16])).await, Error::NoReceipt { .. });
    let wish = |scopes: &[Scope], only: &str| {
        let models = Some(vec![model(only)]);
        KeyWish { scopes: scopes.to_vec(), models, ..KeyWish::default() }
    };
    let reader = alice.with_key(wish(&[Scope::Read], "alice/echo")).await.unwrap();
    refused!(reader.refund(call).await, Error::ScopeMissing { needed: Scope::Money, .. });
    let other = alice.with_key(wish(&[Scope::Money], "alice/other")).await.unwrap();
    refused!(other.refund(call).await, Error::ModelNotAllowed { .. });
    assert_eq!(cash([&alice, &bob, &carol]), ["0.0009", "0.998", "0.0009"]);
    alice.with_key(wish(&[Scope::Money], "alice/echo")).await.unwrap().refund(call).await.unwrap();
    hub.finish().await;
}

#[tokio::test]
async fn an_operators_key_for_one_model_refunds_no_other() {
    let (hub, [alice, ..], call) = scene().await;
    let operator = alice.as_operator().await;
    let wish = |scopes: &[Scope], only: &str| KeyWish {
        scopes: scopes.to_vec(),
        models: Some(vec![model(only)]),
        ..KeyWish::default()
    };
    let other = operator.with_key(wish(&[Scope::Money, Scope::Admin], "alice/other")).await.unwrap();
    refused!(other.refund(call).await, Error::ModelNotAllowed { .. });
    let lesser = operator.with_key(wish(&[Scope::Money], "alice/echo")).await.unwrap();
    refused!(lesser.refund(call).await, Error::ScopeMissing { needed: Scope::Admin, .. });
    let operator = operator.with_key(wish(&[Scope::Money, Scope::Admin], "alice/echo")).await.unwrap();
    operator.refund(call).await.unwrap();
    hub.finish().await;
}

#[tokio::test]
async fn nobody_chooses_an_id_that_the_hub_makes_itself() {
    let (hub, [alice, bob, _], call) = scene().await;
    let deposit = || vec![NewDeposit { handle: handle("bob"), amount: opg("5"), reference: String::new() }];
    let credited = hub.hub().credit("checkout-17", deposit()).await.unwrap();
    let wish = RefundWish { call, amount: None, reason: "taken".to_owned(), id: Some(credited[0].0) };
    refused!(hub.hub().refund(alice.caller(), wish).await, Error::Invalid { what: "id", .. });
    // Whose message it will be can be guessed; its id is nobody's before it comes.
    let guessed = TransferId::derived([7; 32]);
    let wish = RefundWish { call, amount: None, reason: "taken".to_owned(), id: Some(guessed) };
    refused!(hub.hub().refund(alice.caller(), wish).await, Error::Invalid { what: "id", .. });
    let movement = Movement { id: Some(guessed), ..moved("bob", "1") };
    let operator = alice.as_operator().await;
    refused!(hub.hub().deposit(operator.caller(), movement).await, Error::Invalid { what: "id", .. });
    assert_eq!(bob.cash(), "5.998");
    hub.finish().await;
}

#[tokio::test]
async fn an_admin_of_the_owner_may_refund_and_a_writer_may_not() {
    let hub = TestHub::start().await;
    let [alice, bob, carol] =
        [hub.user("alice").await, hub.user("bob").await.funded("1").await, hub.user("carol").await];
    let lab = hub.account("lab", AccountKind::Org).await;
    lab.publish("lab/echo").await.unwrap();
    let call = bob.infer("lab/echo").await.unwrap().call;
    hub.join(&alice, &lab).await;
    hub.join_as(&carol, &lab, MemberRole::Writer).await;
    let refused = carol.again().await.unwrap().refund(call).await;
    refused!(refused, Error::RoleTooLow { least: MemberRole::Admin, .. });
    alice.again().await.unwrap().refund(call).await.unwrap();
    assert_eq!((lab.cash(), bob.cash()), ("0".into(), "1".into()));
    hub.finish().await;
}

#[tokio::test]
async fn what_a_receiver_no_longer_has_comes_from_what_it_earns_next() {
    let (hub, [alice, bob, carol], call) = scene().await;
    alice.payout("0.0005").await.unwrap();
    let refunded = alice.refund(call).await.unwrap().refunded;
    assert_eq!((refunded.at_once(), refunded.owed()), (opg("0.0015"), opg("0.0005")));
    assert_eq!(cash([&alice, &bob, &carol]), ["0", "0.9995", "0"]);
    let owes = async || hub.hub().balance(alice.caller()).await.unwrap().owed.to_string();
    assert_eq!(owes().await, "0.0005");
    hub.restart().await;
    let debt = hub.hub().debts(alice.caller()).await.unwrap().pop().unwrap();
    assert_eq!((debt.call, debt.to, debt.left), (call, bob.account.id, opg("0.0005")));

    let dave = hub.user("dave").await.funded("1").await;
    dave.infer("alice/echo").await.unwrap();
    assert_eq!(cash([&alice, &bob, &carol]), ["0.0004", "1", "0.0009"]);
    assert_eq!(owes().await, "0");
    hub.finish().await;
}

#[tokio::test]
async fn the_hub_owes_its_fee_like_everybody() {
    let (hub, [alice, bob, _], call) = scene().await;
    let operator = alice.as_operator().await;
    operator.payout("0.0002").await.unwrap();
    assert_eq!(alice.refund(call).await.unwrap().refunded.owed(), opg("0.0002"));
    assert_eq!((bob.cash(), hub.hub().debts(operator.caller()).await.unwrap().len()), ("0.9998".into(), 1));
    hub.user("dave").await.funded("1").await.infer("alice/echo").await.unwrap();
    assert_eq!((bob.cash(), hub.fees()), ("1".into(), "0".into()));
    hub.finish().await;
}

#[tokio::test]
async fn nobody_owes_themselves_for_a_call_of_their_own() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await.funded("0.002").await;
    alice.publish("alice/echo").await.unwrap();
    let call = alice.infer("alice/echo").await.unwrap().call;
    alice.payout("0.0018").await.unwrap();
    assert_eq!(alice.refund(call).await.unwrap().refunded.owed(), Amount::ZERO);
    assert_eq!((alice.cash(), hub.fees()), ("0.0002".into(), "0".into()));
    hub.finish().await;
}

#[tokio::test]
async fn a_debt_is_paid_in_the_kind_of_money_that_is_owed() {
    let (hub, [alice, bob, _], call) = scene().await;
    alice.payout("0.0009").await.unwrap();
    alice.refund(call).await.unwrap();
    let dave = hub.user("dave").await.granted("1").await;
    dave.infer("alice/echo").await.unwrap();
    assert_eq!((alice.promo(), bob.cash(), bob.promo()), ("0.0009".into(), "0.9991".into(), "0".into()));
    assert_eq!(hub.hub().debts(alice.caller()).await.unwrap().len(), 1);
    hub.finish().await;
}

#[tokio::test]
async fn what_is_set_aside_for_a_payout_is_owed_and_not_taken() {
    let (hub, [alice, bob, _], call) = scene().await;
    let hold = alice.set_aside("0.0009").await.unwrap().hold.id;
    assert_eq!(alice.refund(call).await.unwrap().refunded.owed(), opg("0.0009"));
    alice.payout_from(hold, "0.0009").await.unwrap();
    assert_eq!((alice.cash(), bob.cash()), ("0".into(), "0.9991".into()));
    hub.finish().await;
}

#[tokio::test]
async fn promotional_money_goes_back_as_what_it_was() {
    let (hub, [alice, ..], _) = scene().await;
    let dave = hub.user("dave").await.granted("0.002").await.funded("1").await;
    let call = dave.infer("alice/echo").await.unwrap().call;
    let refunded = alice.refund(call).await.unwrap().refunded;
    assert_eq!((refunded.purse, refunded.to_purse), (Purse::Promo, Purse::Promo));
    assert_eq!((dave.promo(), dave.cash(), alice.promo()), ("0.002".into(), "1".into(), "0".into()));
    hub.finish().await;
}

#[tokio::test]
async fn the_same_refund_again_gives_nothing_back_twice() {
    let (hub, [alice, bob, _], call) = scene().await;
    let wish = |amount: &str, reason: &str| {
        let (amount, reason) = (Some(opg(amount)), reason.to_owned());
        RefundWish { call, amount, reason, id: Some(TransferId([3; 16])) }
    };
    let first = hub.hub().refund(alice.caller(), wish("0.001", "slow")).await.unwrap();
    hub.hours_pass(31 * 24);
    hub.restart().await;
    let core = hub.hub();
    let again = core.refund(alice.caller(), wish("0.001", "slow")).await.unwrap();
    assert_eq!((again.seq, again.at, bob.cash()), (first.seq, first.at, "0.999".into()));
    for other in [wish("0.0005", "slow"), wish("0.001", "wrong")] {
        refused!(core.refund(alice.caller(), other).await, Error::Refused(Refusal::IdReused { .. }));
    }
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn refunds_at_the_same_moment_give_back_at_most_the_cost() {
    let (hub, [alice, bob, carol], call) = scene().await;
    let refunds: Vec<_> = (0..20)
        .map(|_| {
            let alice = alice.clone();
            tokio::spawn(async move { alice.refund_part(call, "0.0005").await })
        })
        .collect();
    let mut done = 0;
    for refund in refunds {
        match refund.await.unwrap() {
            Ok(_) => done += 1,
            Err(Error::Refused(Refusal::RefundAboveRest { .. })) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!((done, cash([&alice, &bob, &carol])), (4, ["0", "1", "0"].map(String::from)));
    hub.finish().await;
}

#[tokio::test]
async fn a_refund_says_why() {
    let (hub, [alice, ..], call) = scene().await;
    for reason in ["", "  ", "two\nlines", &"x".repeat(201)] {
        let wish = RefundWish { call, amount: None, reason: reason.to_owned(), id: None };
        refused!(hub.hub().refund(alice.caller(), wish).await, Error::Invalid { what: "reason", .. });
    }
    hub.finish().await;
}

#[tokio::test]
async fn a_call_without_an_answer_has_nothing_to_give_back() {
    let hub = TestHub::start().await;
    let [alice, bob] = [hub.user("alice").await, hub.user("bob").await.funded("1").await];
    let echo = alice.publish("alice/echo").await.unwrap();
    hub.script(&echo, [Behaviour::Fail(Failure::Run { reason: "no".into() })]);
    refused!(bob.infer("alice/echo").await, Error::Engine(_));
    let failed = hub.last_call().await.id;
    refused!(alice.refund(failed).await, Error::NoReceipt { .. });
    hub.finish().await;
}

#[tokio::test]
async fn refunds_are_shown_to_those_whom_the_call_concerns() {
    let (hub, [alice, bob, carol], call) = scene().await;
    alice.refund_part(call, "0.001").await.unwrap();
    hub.hours_pass(1);
    alice.refund(call).await.unwrap();
    let core = hub.hub();
    for user in [&alice, &bob, &carol, &alice.as_operator().await] {
        let refunds = core.refunds(user.caller(), call).await.unwrap();
        let seen: Vec<_> = refunds.iter().map(|r| (r.refunded.amount().to_string(), r.reason.as_str())).collect();
        assert_eq!(seen, [("0.001".to_owned(), "a wrong answer"), ("0.001".to_owned(), "a wrong answer")]);
    }
    let eve = hub.user("eve").await;
    refused!(core.refunds(eve.caller(), call).await, Error::NoReceipt { .. });
    hub.finish().await;
}
