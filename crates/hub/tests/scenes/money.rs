//! Money that moves without a call, fees and rates.

use hub::{Error, Movement};
use ledger::{Amount, Outcome, PriceError, Refusal, Share, TransferId};
use testkit::{TestHub, model, moved, opg, refused};

#[tokio::test]
async fn a_price_in_usd_needs_a_rate() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    alice.publish("alice/echo").price("0.0002 USD").await.unwrap();
    let bob = hub.user("bob").await.funded("1").await;
    refused!(bob.infer("alice/echo").await, Error::Price(PriceError::NoRate));
    assert_eq!(hub.last_call().await.outcome, Outcome::Refused);
    refused!(hub.hub().quote(None, &model("alice/echo"), None).await, Error::Price(PriceError::NoRate));
    assert_eq!(hub.hub().listing(0, 10).await.unwrap()[0].cost, None);
    assert_eq!(bob.cash(), "1");

    hub.hub().set_rate(&hub.operator().await, "0.1".parse().unwrap()).await.unwrap();
    assert_eq!(hub.hub().listing(0, 10).await.unwrap()[0].cost, Some(opg("0.002")));
    let answer = bob.infer("alice/echo").await.unwrap();
    assert_eq!((answer.cost, alice.cash()), (opg("0.002"), "0.0018".into()));
    assert_eq!(hub.last_call().await.rate.map(|rate| rate.to_string()).as_deref(), Some("0.1"));
    hub.finish().await;
}

#[tokio::test]
async fn a_new_rate_changes_what_comes_and_nothing_that_was() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    alice.publish("alice/usd").price("0.0002 USD").await.unwrap();
    alice.publish("alice/opg").await.unwrap();
    let bob = hub.user("bob").await.funded("1").await;
    let operator = hub.operator().await;
    for rate in ["0.1", "0.3"] {
        hub.hub().set_rate(&operator, rate.parse().unwrap()).await.unwrap();
        bob.infer("alice/usd").await.unwrap();
        bob.infer("alice/opg").await.unwrap();
    }
    hub.restart().await;
    bob.infer("alice/usd").await.unwrap();
    let rows: Vec<_> =
        hub.calls().await.iter().map(|call| (call.cost.to_string(), call.rate.map(|rate| rate.to_string()))).collect();
    // 0.0002 / 0.3 is rounded up; a price in OPG has no rate.
    let dear = ("0.000666667".to_owned(), Some("0.3".to_owned()));
    let plain = ("0.002".to_owned(), None);
    assert_eq!(rows, [("0.002".to_owned(), Some("0.1".to_owned())), plain.clone(), dear.clone(), plain, dear]);
    hub.finish().await;
}

#[tokio::test]
async fn a_new_fee_holds_for_the_calls_after_it() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    alice.publish("alice/echo").await.unwrap();
    let bob = hub.user("bob").await.funded("1").await;
    let operator = hub.operator().await;
    for (share, fee, parts) in [("10%", "0.0002", 1), ("0%", "0", 1), ("33.33%", "0.0006666", 1), ("100%", "0.002", 0)]
    {
        hub.hub().set_fee(&operator, share.parse().unwrap()).await.unwrap();
        bob.infer("alice/echo").await.unwrap();
        let call = hub.last_call().await;
        assert_eq!((call.fee, call.parts.len(), call.fee_share.to_string().as_str()), (opg(fee), parts, share));
    }
    assert_eq!(hub.calls().await[0].fee, opg("0.0002"));
    assert_eq!((hub.fees(), alice.cash()), ("0.0028666".into(), "0.0051334".into()));
    hub.restart().await;
    assert_eq!(hub.hub().settings().fee, Share::WHOLE);
    hub.finish().await;
}

#[tokio::test]
async fn earnings_and_fees_can_be_paid_out_and_promotion_cannot() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await.granted("5").await;
    alice.publish("alice/echo").await.unwrap();
    let bob = hub.user("bob").await.funded("1").await;
    bob.infer("alice/echo").await.unwrap();
    refused!(
        alice.payout("0.001800001").await,
        Error::Insufficient { wanted, cash, promo, .. } if (wanted, cash, promo) == (opg("0.001800001"), opg("0.0018"), opg("5"))
    );
    let paid = alice.payout("0.0018").await.unwrap();
    assert_eq!((paid.account.id, paid.balance.balance.cash, alice.promo()), (alice.account.id, 0, "5".into()));
    let operator = hub.operator().await;
    let fees = hub.hub().payout(&operator, moved("operator", "0.0002"), None).await.unwrap();
    assert_eq!((fees.balance.balance.cash, hub.fees()), (0, "0".into()));
    hub.finish().await;
}

#[tokio::test]
async fn a_transfer_with_its_own_id_is_posted_once() {
    let hub = TestHub::start().await;
    let bob = hub.user("bob").await;
    let (operator, core) = (hub.operator().await, hub.hub());
    let bank = |amount: &str| {
        let (id, reference) = (Some(TransferId([3; 16])), "bank 17".to_owned());
        Movement { id, reference, ..moved("bob", amount) }
    };
    let first = core.deposit(&operator, bank("5")).await.unwrap();
    hub.hours_pass(1);
    let again = core.deposit(&operator, bank("5")).await.unwrap();
    assert_eq!((again.seq, bob.cash()), (first.seq, "5".into()));
    refused!(core.deposit(&operator, bank("6")).await, Error::Refused(Refusal::IdReused { .. }));
    refused!(core.grant(&operator, bank("5")).await, Error::Refused(Refusal::IdReused { .. }));
    assert_eq!((bob.cash(), bob.promo()), ("5".into(), "0".into()));
    hub.finish().await;
}

#[tokio::test]
async fn transfers_that_make_no_sense_are_refused_by_name() {
    let hub = TestHub::start().await;
    let bob = hub.user("bob").await;
    let (operator, core) = (hub.operator().await, hub.hub());
    refused!(core.deposit(&operator, moved("bob", "0")).await, Error::Invalid { what: "amount", .. });
    refused!(core.grant(&operator, moved("nobody", "1")).await, Error::NoAccount { .. });
    for reference in ["two\nlines".to_owned(), "x".repeat(201)] {
        refused!(
            core.deposit(&operator, Movement { reference, ..moved("bob", "1") }).await,
            Error::Invalid { what: "reference", .. }
        );
    }
    let all = Movement { amount: Amount::MAX, ..moved("bob", "0") };
    core.deposit(&operator, Movement { reference: "x".repeat(200), ..all.clone() }).await.unwrap();
    refused!(core.deposit(&operator, moved("bob", "0.000000001")).await, Error::Refused(Refusal::TooLarge { .. }));
    core.payout(&operator, all, None).await.unwrap();
    assert_eq!(bob.cash(), "0");
    hub.finish().await;
}

#[tokio::test]
async fn the_operator_calls_models_like_anybody() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    alice.publish("alice/echo").await.unwrap();
    let (operator, core) = (hub.operator().await, hub.hub());
    core.deposit(&operator, moved("operator", "0.002")).await.unwrap();
    let request = hub::infer::Request { caller: operator, ..alice.infer("alice/echo").request() };
    core.infer(request).await.unwrap();
    assert_eq!((hub.fees(), alice.cash()), ("0.0002".into(), "0.0018".into()));
    hub.finish().await;
}

#[tokio::test]
async fn a_hub_for_trying_out_gives_everybody_play_money() {
    let hub = TestHub::set().dev().start().await;
    let bob = hub.user("bob").await;
    assert_eq!((bob.cash(), bob.promo()), ("100".into(), "100".into()));
    hub.finish().await;
}

#[tokio::test]
async fn money_is_there_after_a_restart() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    alice.publish("alice/echo").await.unwrap();
    let bob = hub.user("bob").await.funded("1").await.granted("2").await;
    bob.infer("alice/echo").await.unwrap();
    let before = (bob.balance(), alice.balance(), hub.rows().await);
    hub.restart().await;
    assert_eq!((bob.balance(), alice.balance(), hub.rows().await), before);
    hub.finish().await;
}
