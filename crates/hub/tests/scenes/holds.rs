//! Durable holds: money set aside for a payout that is on its way.

use hub::{Error, HoldWish};
use ledger::{Ending, HoldId, Purse, Refusal};
use testkit::{TestHub, User, aside, opg, refused, until};

/// alice has published an echo for 0.002 OPG, bob has 1 OPG.
async fn scene() -> (TestHub, User) {
    let hub = TestHub::start().await;
    hub.user("alice").await.publish("alice/echo").await.unwrap();
    let bob = hub.user("bob").await.funded("1").await;
    (hub, bob)
}

/// What bob has, and what of it is set aside.
fn money(bob: &User) -> (String, String) {
    (bob.cash(), bob.balance().held().to_string())
}

#[tokio::test]
async fn money_that_is_set_aside_is_spent_by_nothing_else() {
    let (hub, bob) = scene().await;
    bob.set_aside("0.999").await.unwrap();
    refused!(
        bob.infer("alice/echo").await,
        Error::Insufficient { cash, held, .. } if (cash, held) == (opg("0.001"), opg("0.999"))
    );
    refused!(bob.payout("0.002").await, Error::Insufficient { .. });
    refused!(bob.set_aside("0.002").await, Error::Insufficient { .. });
    bob.payout("0.001").await.unwrap();
    assert_eq!(money(&bob), ("0.999".into(), "0.999".into()));
    hub.finish().await;
}

#[tokio::test]
async fn a_payout_ends_its_hold_and_what_it_did_not_need_is_free() {
    let (hub, bob) = scene().await;
    let hold = bob.set_aside("0.6").await.unwrap().hold.id;
    bob.payout_from(hold, "0.5").await.unwrap();
    assert_eq!(money(&bob), ("0.5".into(), "0".into()));
    refused!(bob.payout_from(hold, "0.1").await, Error::Refused(Refusal::HoldEnded { how: Ending::Captured, .. }));
    hub.finish().await;
}

#[tokio::test]
async fn a_hold_that_is_given_back_ends_once() {
    let (hub, bob) = scene().await;
    let hold = bob.set_aside("1").await.unwrap().hold.id;
    hub.release_hold(hold).await.unwrap();
    bob.infer("alice/echo").await.unwrap();
    refused!(hub.release_hold(hold).await, Error::Refused(Refusal::HoldEnded { how: Ending::Voided, .. }));
    refused!(bob.payout_from(hold, "0.1").await, Error::Refused(Refusal::HoldEnded { .. }));
    refused!(hub.release_hold(HoldId([1; 16])).await, Error::Refused(Refusal::NoHold { .. }));
    hub.finish().await;
}

#[tokio::test]
async fn a_hold_ends_by_itself_when_its_time_is_over() {
    for setting in [TestHub::set(), TestHub::set().memory_books()] {
        let hub = setting.start().await;
        let bob = hub.user("bob").await.funded("1").await;
        let hold = bob.set_aside("1").await.unwrap().hold.id;
        hub.hours_pass(23);
        refused!(bob.payout("0.1").await, Error::Insufficient { .. });
        hub.hours_pass(1);
        until("the hold expires", async || (money(&bob).1 == "0").then_some(())).await;
        assert!(hub.hub().holds(bob.caller()).await.unwrap().is_empty());
        refused!(bob.payout_from(hold, "0.1").await, Error::Refused(Refusal::HoldEnded { how: Ending::Expired, .. }));
        bob.payout("1").await.unwrap();
        hub.finish().await;
    }
}

#[tokio::test]
async fn a_hold_outlives_a_restart() {
    let (hub, bob) = scene().await;
    let hold = bob.set_aside("0.6").await.unwrap().hold;
    hub.restart().await;
    assert_eq!((hub.hub().holds(bob.caller()).await.unwrap(), money(&bob).1), (vec![hold.clone()], "0.6".into()));
    bob.payout_from(hold.id, "0.6").await.unwrap();
    assert_eq!(money(&bob), ("0.4".into(), "0".into()));
    hub.finish().await;
}

#[tokio::test]
async fn the_same_hold_again_sets_nothing_aside_twice() {
    let (hub, bob) = scene().await;
    let (operator, core) = (hub.operator().await, hub.hub());
    let wish = |amount: &str| HoldWish { id: Some(HoldId([3; 16])), ..aside("bob", amount) };
    let first = core.set_aside(&operator, wish("0.4")).await.unwrap();
    hub.hours_pass(1);
    let again = core.set_aside(&operator, wish("0.4")).await.unwrap();
    assert_eq!((again.hold, money(&bob).1), (first.hold, "0.4".into()));
    let carols = HoldWish { handle: hub.user("carol").await.funded("1").await.account.handle, ..wish("0.4") };
    for other in [wish("0.5"), carols, HoldWish { reference: "another".into(), ..wish("0.4") }] {
        refused!(core.set_aside(&operator, other).await, Error::Refused(Refusal::HoldReused { .. }));
    }
    hub.finish().await;
}

#[tokio::test]
async fn a_payout_takes_no_more_than_its_hold_and_of_nobody_else() {
    let (hub, bob) = scene().await;
    let carol = hub.user("carol").await.funded("1").await;
    let hold = bob.set_aside("0.5").await.unwrap().hold.id;
    refused!(
        bob.payout_from(hold, "0.500000001").await,
        Error::Refused(Refusal::CaptureAboveHold { held, .. }) if held == opg("0.5")
    );
    refused!(carol.payout_from(hold, "0.5").await, Error::Refused(Refusal::HoldOfAnother { .. }));
    assert_eq!((money(&bob).1, carol.cash()), ("0.5".into(), "1".into()));
    hub.finish().await;
}

#[tokio::test]
async fn promotional_money_can_be_set_aside_and_never_paid_out() {
    let (hub, bob) = scene().await;
    let (bob, operator) = (bob.granted("1").await, hub.operator().await);
    let promo = HoldWish { purse: Purse::Promo, ..aside("bob", "1") };
    let hold = hub.hub().set_aside(&operator, promo).await.unwrap().hold.id;
    bob.infer("alice/echo").await.unwrap();
    assert_eq!((bob.promo(), bob.cash()), ("1".into(), "0.998".into()));
    refused!(bob.payout_from(hold, "0.5").await, Error::Refused(Refusal::HoldOfAnother { .. }));
    hub.finish().await;
}

#[tokio::test]
async fn the_operator_sees_all_holds_and_others_their_own() {
    let (hub, bob) = scene().await;
    let carol = hub.user("carol").await.funded("1").await;
    for (user, amount) in [(&bob, "0.1"), (&carol, "0.2"), (&bob, "0.3")] {
        user.set_aside(amount).await.unwrap();
        hub.hours_pass(1);
    }
    let core = hub.hub();
    let all = core.open_holds(&hub.operator().await).await.unwrap();
    let all: Vec<_> = all.iter().map(|view| (view.account.handle.as_str(), view.hold.amount.to_string())).collect();
    assert_eq!(all, [("bob", "0.1".to_owned()), ("carol", "0.2".to_owned()), ("bob", "0.3".to_owned())]);
    let own = core.holds(bob.caller()).await.unwrap();
    assert_eq!(own.iter().map(|hold| hold.amount.to_string()).collect::<Vec<_>>(), ["0.1", "0.3"]);
    hub.finish().await;
}

#[tokio::test]
async fn holds_that_make_no_sense_are_refused_by_name() {
    let (hub, bob) = scene().await;
    let (operator, core) = (hub.operator().await, hub.hub());
    let one = || aside("bob", "1");
    for days in [0, 91, u32::MAX] {
        refused!(core.set_aside(&operator, HoldWish { days, ..one() }).await, Error::Invalid { what: "days", .. });
    }
    refused!(core.set_aside(&operator, aside("bob", "0")).await, Error::Invalid { what: "amount", .. });
    refused!(core.set_aside(&operator, aside("nobody", "1")).await, Error::NoAccount { .. });
    let reference = "two\nlines".to_owned();
    refused!(
        core.set_aside(&operator, HoldWish { reference, ..one() }).await,
        Error::Invalid { what: "reference", .. }
    );
    core.set_aside(&operator, HoldWish { days: 90, ..one() }).await.unwrap();
    assert_eq!(money(&bob), ("1".into(), "1".into()));
    hub.finish().await;
}
