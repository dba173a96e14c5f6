//! The contract of [`Books`](crate::Books) about holds that last: they outlive a process and end exactly once.

use std::sync::Arc;

use ledger::{AccountId, Balance, Call, Ending, HoldId, Purse, Refusal};

use super::books::{balance, fund, post};
use crate::tests::scene::{ALICE, BOB, CAROL, NOON, Place, call, deposit, nano, payout};
use crate::{Denied, NewPending, Row};

fn wish(n: u8, account: AccountId, amount: i64) -> NewPending {
    NewPending {
        id: HoldId([n; 16]),
        at: NOON,
        account,
        purse: None,
        amount: nano(amount),
        expires: NOON.plus_ms(60_000),
        reference: "a payout on its way".to_owned(),
        actor: Some(CAROL),
    }
}

async fn a_durable_hold_outlives_the_books_and_ends_once(mut place: Place) {
    fund(&place, 100).await;
    let (seq, pending) = place.books.pend(wish(1, ALICE, 40)).await.unwrap();
    assert_eq!((seq, pending.purse, pending.amount), (2, Purse::Cash, nano(40)));
    let hold = pending.id;
    place.drop_and_reopen();
    assert_eq!(balance(&place, ALICE).await, Balance { cash: 100, cash_held: 40, ..Balance::default() });
    assert_eq!(place.books.pending(Some(ALICE)).await.unwrap(), [(*pending).clone()]);
    assert_eq!(place.books.pending(Some(BOB)).await.unwrap(), []);
    assert_eq!(place.books.pend(wish(1, ALICE, 40)).await.unwrap().0, 2, "the same again is the same");
    assert_eq!(place.books.pend(wish(1, ALICE, 41)).await, Err(Refusal::HoldReused { hold }.into()));
    assert!(matches!(post(&place, payout(1, ALICE, 61)).await, Err(Denied::Refused(Refusal::Insufficient { .. }))));
    // Paid out for less: the rest is free again.
    assert_eq!(post(&place, payout(2, ALICE, 30).from_hold(hold)).await, Ok(3));
    for _ in 0..2 {
        assert_eq!(balance(&place, ALICE).await, Balance { cash: 70, ..Balance::default() });
        let ended = Refusal::HoldEnded { hold, how: Ending::Captured };
        assert_eq!(place.books.void(hold, NOON).await, Err(ended.clone().into()));
        assert_eq!(post(&place, payout(3, ALICE, 1).from_hold(hold)).await, Err(ended.clone().into()));
        assert_eq!(place.books.take(hold).await.map(drop), Err(ended.into()));
        assert_eq!(place.books.pend(wish(1, ALICE, 40)).await.unwrap().0, 2, "the same again is still the same");
        place.close_and_reopen().await;
    }
    let none = HoldId([9; 16]);
    assert_eq!(place.books.void(none, NOON).await, Err(Refusal::NoHold { hold: none }.into()));
}

async fn a_durable_hold_is_given_back_or_expires(mut place: Place) {
    fund(&place, 100).await;
    place.books.pend(wish(1, ALICE, 40)).await.unwrap();
    place.books.pend(wish(2, ALICE, 50)).await.unwrap();
    assert_eq!(place.books.void(HoldId([1; 16]), NOON).await, Ok(4));
    assert_eq!(balance(&place, ALICE).await.cash_held, 50);
    place.clock.advance_ms(59_999);
    fund_again(&place, 1).await;
    assert_eq!(balance(&place, ALICE).await.cash_held, 50);
    place.clock.advance_ms(1);
    place.close_and_reopen().await;
    fund_again(&place, 2).await;
    assert_eq!(balance(&place, ALICE).await.cash_held, 0);
    let how = |how| move |hold| Refusal::HoldEnded { hold, how };
    let ended = [(1, how(Ending::Voided)), (2, how(Ending::Expired))];
    for (n, refusal) in ended {
        let hold = HoldId([n; 16]);
        assert_eq!(place.books.void(hold, NOON).await, Err(refusal(hold).into()));
    }
    let rows = place.books.rows(3, 10).await.unwrap();
    let expired = rows.iter().filter(|(_, row)| matches!(row, Row::Ended(ended) if ended.how == Ending::Expired));
    assert_eq!(expired.count(), 1);
}

/// Something for the books to write.
async fn fund_again(place: &Place, n: u64) {
    post(place, deposit(700 + n, BOB, 1)).await.unwrap();
}

async fn a_call_takes_a_durable_hold_and_gives_it_back_when_it_is_dropped(mut place: Place) {
    fund(&place, 1_000).await;
    let (_, pending) = place.books.pend(wish(1, ALICE, 400)).await.unwrap();
    let hold = pending.id;
    let held = place.books.take(hold).await.unwrap();
    assert_eq!((held.account(), held.amount(), held.durable()), (ALICE, nano(400), Some(hold)));
    assert_eq!(place.books.take(hold).await.map(drop), Err(Refusal::HoldTaken { hold }.into()));
    assert_eq!(place.books.void(hold, NOON).await, Err(Refusal::HoldTaken { hold }.into()));
    drop(held);
    let above = Call { hold: Some(hold), ..call(1, 401) };
    let held = place.books.take(hold).await.unwrap();
    let denied = place.books.capture(held, Arc::new(above), None).await;
    assert_eq!(denied, Err(Refusal::CaptureAboveHold { wanted: nano(401), held: nano(400) }.into()));
    assert_eq!(balance(&place, ALICE).await.cash_held, 400, "what was not captured is open again");
    let held = place.books.take(hold).await.unwrap();
    let fits = Call { hold: Some(hold), ..call(2, 300) };
    assert_eq!(place.books.capture(held, Arc::new(fits), None).await, Ok(3));
    for _ in 0..2 {
        assert_eq!(balance(&place, ALICE).await, Balance { cash: 700, ..Balance::default() });
        let ended = Refusal::HoldEnded { hold, how: Ending::Captured };
        assert_eq!(place.books.take(hold).await.map(drop), Err(ended.into()));
        place.close_and_reopen().await;
    }
}

contract![
    a_durable_hold_outlives_the_books_and_ends_once,
    a_durable_hold_is_given_back_or_expires,
    a_call_takes_a_durable_hold_and_gives_it_back_when_it_is_dropped,
];
