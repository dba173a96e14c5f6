//! The contract of [`Books`]. To add a case: a function, and its name in the list at the end.

use std::slice;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use ledger::{AccountId, Balance, Call, Kind, Purse, Refund, Refusal, Sponsor, Time, Transfer};

use crate::tests::scene::{
    ALICE, BOB, CAROL, DAVE, EVERYBODY, NOON, Place, call, call_of, charge, deposit, failed_call, grant, key, nano,
    payout, post_one,
};
use crate::{Books, Denied, Looked, OUTCOME_WINDOW_MS, Row, Seq};

const DEADLINE: Duration = Duration::from_secs(20);

pub(super) async fn fund(place: &Place, amount: i64) {
    post(place, deposit(900, ALICE, amount)).await.unwrap();
}

pub(super) async fn post(place: &Place, transfer: Transfer) -> Result<Seq, Denied> {
    post_one(&*place.books, transfer).await
}

pub(super) async fn balance(place: &Place, account: AccountId) -> Balance {
    place.books.balance(account).await.unwrap()
}

async fn cash(place: &Place, account: AccountId) -> i64 {
    balance(place, account).await.cash
}

fn keyed(n: u64, cost: i64, hash: u8, content: u8) -> Call {
    Call { keyed: Some(key(hash, content)), ..call(n, cost) }
}

async fn capture_keyed(books: &dyn Books, call: Call, outcome: &[u8]) -> Result<Seq, Denied> {
    let held = books.hold(call.payer, call.cost).await?;
    books.capture(held, Arc::new(call), Some(outcome.to_vec())).await
}

async fn kept(place: &Place, seq: Seq) -> Option<Vec<u8>> {
    place.books.stored(seq).await.unwrap().expect("the row of a call").outcome
}

async fn a_dropped_hold_gives_itself_back(place: Place) {
    fund(&place, 100).await;
    let held = place.books.hold(ALICE, nano(40)).await.unwrap();
    assert_eq!((held.amount(), held.purse()), (nano(40), Purse::Cash));
    assert_eq!(balance(&place, ALICE).await, Balance { cash: 100, cash_held: 40, ..Balance::default() });
    drop(held);
    assert_eq!(balance(&place, ALICE).await, Balance { cash: 100, ..Balance::default() });
}

async fn a_hold_beyond_the_balance_is_told_what_is_available_and_what_is_held(place: Place) {
    fund(&place, 100).await;
    let _held = place.books.hold(ALICE, nano(70)).await.unwrap();
    let denied = place.books.hold(ALICE, nano(31)).await.unwrap_err();
    let refusal =
        Refusal::Insufficient { account: ALICE, wanted: nano(31), cash: nano(30), promo: nano(0), held: nano(70) };
    assert_eq!(denied, Denied::Refused(refusal));
    drop(place.books.hold(ALICE, nano(30)).await.unwrap());
}

async fn a_capture_charges_the_cost_and_frees_the_rest(place: Place) {
    fund(&place, 10_000).await;
    let held = place.books.hold(ALICE, nano(5_000)).await.unwrap();
    let seq = place.books.capture(held, Arc::new(call(1, 1_001)), None).await.unwrap();
    assert_eq!(seq, 2);
    assert_eq!(balance(&place, ALICE).await, Balance { cash: 8_999, ..Balance::default() });
    // 100 fee; 135 of 901 royalty; 766 split 70:30, the odd unit to the first.
    let parts = join_all([AccountId::HUB_FEE, DAVE, BOB, CAROL].map(|account| cash(&place, account))).await;
    assert_eq!(parts, [100, 135, 537, 229]);
}

async fn promo_pays_whole_before_cash_and_receivers_get_promo(place: Place) {
    fund(&place, 1_000).await;
    post(&place, grant(901, ALICE, 500)).await.unwrap();
    let held = place.books.hold(ALICE, nano(500)).await.unwrap();
    assert_eq!(held.purse(), Purse::Promo);
    let other = place.books.hold(ALICE, nano(1)).await.unwrap();
    assert_eq!(other.purse(), Purse::Cash, "promo is set aside whole");
    place.books.capture(held, Arc::new(call_of(ALICE, Purse::Promo, 1, 500)), None).await.unwrap();
    drop(other);
    assert_eq!((balance(&place, ALICE).await.promo, balance(&place, ALICE).await.cash), (0, 1_000));
    assert_eq!((balance(&place, BOB).await.promo > 0, balance(&place, BOB).await.cash), (true, 0));
}

async fn a_refused_capture_leaves_no_row_and_frees_the_hold(place: Place) {
    fund(&place, 100).await;
    let held = place.books.hold(ALICE, nano(10)).await.unwrap();
    let above = place.books.capture(held, Arc::new(call(1, 11)), None).await;
    assert_eq!(above, Err(Refusal::CaptureAboveHold { wanted: nano(11), held: nano(10) }.into()));
    let held = place.books.hold(ALICE, nano(10)).await.unwrap();
    let uneven = Call { fee: nano(9), ..call(2, 10) };
    assert_eq!(place.books.capture(held, Arc::new(uneven), None).await, Err(Refusal::Unbalanced { sum: 8 }.into()));
    assert_eq!(balance(&place, ALICE).await, Balance { cash: 100, ..Balance::default() });
    assert_eq!(place.books.last().await.unwrap(), 1);
}

async fn the_same_transfer_again_is_the_same_row(mut place: Place) {
    let first = post(&place, deposit(1, ALICE, 100)).await.unwrap();
    post(&place, deposit(2, ALICE, 7)).await.unwrap();
    for _ in 0..2 {
        assert_eq!(post(&place, deposit(1, ALICE, 100)).await, Ok(first));
        let other = deposit(1, ALICE, 101);
        assert_eq!(post(&place, other.clone()).await, Err(Refusal::IdReused { id: other.id }.into()));
        assert_eq!((cash(&place, ALICE).await, place.books.last().await.unwrap()), (107, 2));
        place.close_and_reopen().await;
    }
}

async fn a_refused_transfer_changes_nothing(place: Place) {
    fund(&place, 100).await;
    post(&place, grant(901, ALICE, 50)).await.unwrap();
    let denied = post(&place, payout(1, ALICE, 101)).await;
    assert!(matches!(denied, Err(Denied::Refused(Refusal::Insufficient { .. }))), "{denied:?}");
    let held = place.books.hold(ALICE, nano(60)).await.unwrap();
    let denied = post(&place, payout(2, ALICE, 41)).await;
    assert!(
        matches!(denied, Err(Denied::Refused(Refusal::Insufficient { .. }))),
        "held money is not paid out: {denied:?}"
    );
    post(&place, payout(3, ALICE, 40)).await.unwrap();
    drop(held);
    assert_eq!((cash(&place, ALICE).await, place.books.last().await.unwrap()), (60, 3));
}

async fn a_key_is_known_once_its_call_was_captured(mut place: Place) {
    fund(&place, 100).await;
    assert_eq!(place.books.look(&key(1, 1)).await, Ok(Looked::New));
    let seq = capture_keyed(&*place.books, keyed(1, 10, 1, 1), b"answer").await.unwrap();
    for _ in 0..2 {
        assert_eq!(place.books.look(&key(1, 1)).await, Ok(Looked::Same { seq }));
        assert_eq!(place.books.look(&key(1, 2)).await, Ok(Looked::Other { seq }));
        assert_eq!(place.books.look(&key(2, 1)).await, Ok(Looked::New));
        place.close_and_reopen().await;
    }
}

async fn a_key_is_charged_once(mut place: Place) {
    fund(&place, 100).await;
    let calls = [keyed(1, 10, 1, 1), keyed(2, 10, 1, 1), keyed(3, 10, 1, 2)];
    let done = join_all(calls.map(|call| capture_keyed(&*place.books, call, b"answer"))).await;
    assert_eq!(done, [Ok(2), Err(Denied::AlreadyCaptured { seq: 2 }), Err(Denied::AlreadyCaptured { seq: 2 })]);
    place.close_and_reopen().await;
    let again = capture_keyed(&*place.books, keyed(4, 10, 1, 1), b"answer").await;
    assert_eq!(again, Err(Denied::AlreadyCaptured { seq: 2 }));
    assert_eq!(balance(&place, ALICE).await, Balance { cash: 90, ..Balance::default() });
}

async fn the_answer_of_a_keyed_call_is_kept_whatever_its_size(mut place: Place) {
    fund(&place, 100).await;
    let large: Vec<u8> = (0..300_000u32).flat_map(u32::to_le_bytes).collect();
    let edge = vec![5; 256 * 1024];
    let first = capture_keyed(&*place.books, keyed(1, 10, 1, 1), b"").await.unwrap();
    let second = capture_keyed(&*place.books, keyed(2, 10, 2, 1), &large).await.unwrap();
    let third = capture_keyed(&*place.books, keyed(3, 10, 3, 1), &edge).await.unwrap();
    for _ in 0..2 {
        assert_eq!(kept(&place, first).await, Some(vec![]));
        assert!(kept(&place, second).await.as_ref() == Some(&large), "the large answer is whole");
        assert!(kept(&place, third).await.as_ref() == Some(&edge), "the answer at the edge is whole");
        let stored = place.books.stored(second).await.unwrap().unwrap();
        assert_eq!(*stored.call, keyed(2, 10, 2, 1));
        place.close_and_reopen().await;
    }
}

async fn without_a_key_no_answer_is_kept(place: Place) {
    fund(&place, 100).await;
    let seq = capture_keyed(&*place.books, call(1, 10), &vec![1; 300_000]).await.unwrap();
    assert_eq!(kept(&place, seq).await, None);
    if let Some(folder) = place.folder() {
        assert_eq!(std::fs::read_dir(folder.join("outcomes")).unwrap().count(), 0);
    }
}

async fn a_refused_capture_keeps_no_answer(place: Place) {
    fund(&place, 100).await;
    capture_keyed(&*place.books, keyed(1, 10, 1, 1), b"answer").await.unwrap();
    let twin = capture_keyed(&*place.books, keyed(2, 10, 1, 1), &vec![1; 300_000]).await;
    assert_eq!(twin, Err(Denied::AlreadyCaptured { seq: 2 }));
    if let Some(folder) = place.folder() {
        assert_eq!(std::fs::read_dir(folder.join("outcomes")).unwrap().count(), 0);
    }
}

async fn a_key_and_its_answer_are_forgotten_when_their_day_is_over(mut place: Place) {
    fund(&place, 100).await;
    let seq = capture_keyed(&*place.books, keyed(1, 10, 1, 1), b"answer").await.unwrap();
    let large = capture_keyed(&*place.books, keyed(2, 10, 2, 1), &vec![1; 300_000]).await.unwrap();
    // The calls finished 3 ms after noon.
    place.clock.advance_ms(OUTCOME_WINDOW_MS + 2);
    assert_eq!(place.books.look(&key(1, 1)).await, Ok(Looked::Same { seq }));
    assert_eq!(kept(&place, seq).await, Some(b"answer".to_vec()));
    place.clock.advance_ms(1);
    for _ in 0..2 {
        assert_eq!(place.books.look(&key(1, 1)).await, Ok(Looked::New));
        assert_eq!((kept(&place, seq).await, kept(&place, large).await), (None, None));
        place.close_and_reopen().await;
    }
    let later = Call { finished: crate::tests::scene::NOON.plus_ms(OUTCOME_WINDOW_MS + 9), ..keyed(3, 10, 1, 2) };
    let seq = capture_keyed(&*place.books, later, b"new answer").await.unwrap();
    place.close_and_reopen().await;
    assert_eq!(place.books.look(&key(1, 2)).await, Ok(Looked::Same { seq }));
    assert_eq!(kept(&place, seq).await, Some(b"new answer".to_vec()));
    if let Some(folder) = place.folder() {
        assert_eq!(std::fs::read_dir(folder.join("outcomes")).unwrap().count(), 0, "files go with their rows");
    }
}

async fn a_bad_posting_fails_alone(place: Place) {
    fund(&place, 1_000).await;
    let many = (1..=60).map(|n| {
        let books = &place.books;
        async move {
            let held = books.hold(ALICE, nano(10)).await?;
            match n % 3 {
                0 => books.capture(held, Arc::new(call(n, 11)), None).await,
                1 => books.capture(held, Arc::new(Call { fee: nano(10), ..call(n, 10) }), None).await,
                _ => books.capture(held, Arc::new(call(n, 10)), None).await,
            }
        }
    });
    let done = join_all(many).await;
    assert_eq!(done.iter().filter(|d| d.is_ok()).count(), 20);
    assert!(done.iter().flat_map(|d| d.as_ref().err()).all(|d| matches!(d, Denied::Refused(_))));
    let seqs: Vec<_> = done.iter().flatten().copied().collect();
    assert_eq!(seqs, (2..=21).collect::<Vec<_>>(), "the order of one payer is kept");
    assert_eq!(balance(&place, ALICE).await, Balance { cash: 800, ..Balance::default() });
}

async fn rows_are_dense_and_in_order_and_as_they_were_given(mut place: Place) {
    fund(&place, 1_000).await;
    let given = [
        Row::Call(Arc::new(call(1, 10))),
        Row::Call(Arc::new(failed_call(2))),
        Row::Transfer(Arc::new(payout(3, ALICE, 5))),
        Row::Call(Arc::new(keyed(4, 10, 1, 1))),
    ];
    for row in given.clone() {
        match row {
            Row::Call(call) if call.cost.is_zero() => place.books.note((*call).clone()),
            Row::Call(call) => drop(charge(&*place.books, (*call).clone()).await.unwrap()),
            Row::Transfer(transfer) => drop(post(&place, (*transfer).clone()).await.unwrap()),
            other => panic!("{other:?}"),
        }
    }
    for _ in 0..2 {
        assert_eq!(place.books.last().await.unwrap(), 5);
        let rows = place.books.rows(1, 100).await.unwrap();
        assert_eq!(rows, (2..).zip(given.clone()).collect::<Vec<_>>());
        assert_eq!(place.books.rows(2, 2).await.unwrap(), rows[1..3]);
        assert_eq!(place.books.rows(5, 10).await.unwrap(), []);
        place.close_and_reopen().await;
    }
    assert!(place.books.stored(4).await.unwrap().is_none(), "a transfer is no call");
}

async fn a_noted_call_leaves_a_row_and_uses_up_no_key(mut place: Place) {
    place.books.note(Call { keyed: Some(key(1, 1)), ..failed_call(1) });
    place.books.grown(0).await;
    assert_eq!(place.books.look(&key(1, 1)).await, Ok(Looked::New));
    place.close_and_reopen().await;
    assert_eq!(place.books.look(&key(1, 1)).await, Ok(Looked::New));
    assert_eq!(place.books.rows(0, 9).await.unwrap().len(), 1);
}

async fn a_call_that_costs_nothing_is_captured_without_money(place: Place) {
    let held = place.books.hold(ALICE, nano(0)).await.unwrap();
    let free = Call { class: ledger::Class::Free, ..keyed(1, 0, 1, 1) };
    assert_eq!(place.books.capture(held, Arc::new(free), Some(b"answer".to_vec())).await, Ok(1));
    assert_eq!(place.books.look(&key(1, 1)).await, Ok(Looked::Same { seq: 1 }));
    assert_eq!(balance(&place, ALICE).await, Balance::default());
}

async fn who_waits_for_rows_is_woken(place: Place) {
    let waits = async { tokio::time::timeout(DEADLINE, place.books.grown(1)).await.expect("is woken") };
    let works = async {
        fund(&place, 100).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        charge(&*place.books, call(1, 10)).await.unwrap();
    };
    tokio::join!(waits, works);
    assert_eq!(place.books.last().await.unwrap(), 2);
    tokio::time::timeout(DEADLINE, place.books.grown(1)).await.expect("need not wait");
}

async fn books_opened_again_have_the_same_balances(mut place: Place) {
    fund(&place, 100_000).await;
    post(&place, grant(901, BOB, 5_000)).await.unwrap();
    for n in 1..=40 {
        match n % 4 {
            0 => place.books.note(failed_call(n)),
            1 => drop(charge(&*place.books, call_of(BOB, Purse::Promo, n, 17)).await.unwrap()),
            2 => drop(post(&place, payout(n, ALICE, 3)).await.unwrap()),
            _ => drop(charge(&*place.books, call(n, 1_003)).await.unwrap()),
        }
        let everybody =
            EVERYBODY.into_iter().chain([AccountId::HUB_FEE, AccountId::RAIL_MANUAL, AccountId::PROMO_OPERATOR]);
        let before = join_all(everybody.clone().map(|account| balance(&place, account))).await;
        match n {
            10 | 11 | 25 => place.close_and_reopen().await,
            7 | 20 | 21 | 40 => place.drop_and_reopen(),
            _ => continue,
        }
        assert_eq!(join_all(everybody.map(|account| balance(&place, account))).await, before, "after row {n}");
        assert_eq!(place.books.rows(0, 100).await.unwrap().len() as u64, n + 2);
    }
}

async fn what_was_noted_is_there_when_books_are_dropped_and_opened_again(mut place: Place) {
    for n in 0..2_000 {
        place.books.note(failed_call(n));
    }
    place.drop_and_reopen();
    assert_eq!(place.books.last().await.unwrap(), 2_000);
    place.books.note(failed_call(2_000));
    place.books.grown(2_000).await;
}

async fn money_for_120_holds_is_held_120_times(mut place: Place) {
    fund(&place, 120 * 50).await;
    let books: Arc<dyn Books> = std::mem::replace(&mut place.books, Box::new(crate::MemoryBooks::default())).into();
    let tasks = (0..200).map(|n| {
        let books = books.clone();
        tokio::spawn(async move {
            let held = books.hold(ALICE, nano(50)).await?;
            // Some time passes, so that holds overlap.
            tokio::time::sleep(Duration::from_millis(n % 7)).await;
            books.capture(held, Arc::new(call(n, 50)), None).await
        })
    });
    let done = join_all(tasks).await;
    let (held, refused): (Vec<_>, Vec<_>) = done.into_iter().map(Result::unwrap).partition(Result::is_ok);
    assert_eq!((held.len(), refused.len()), (120, 80));
    assert!(refused.iter().all(|denied| matches!(denied, Err(Denied::Refused(Refusal::Insufficient { .. })))));
    assert_eq!(books.balance(ALICE).await, Ok(Balance::default()));
    books.close().await;
}

async fn closed_books_take_nothing_more(place: Place) {
    fund(&place, 100).await;
    let held = place.books.hold(ALICE, nano(10)).await.unwrap();
    place.books.close().await;
    assert!(matches!(place.books.capture(held, Arc::new(call(1, 10)), None).await, Err(Denied::Broken { .. })));
    assert!(matches!(post(&place, deposit(1, ALICE, 1)).await, Err(Denied::Broken { .. })));
    place.books.note(failed_call(2));
    assert_eq!(balance(&place, ALICE).await, Balance { cash: 100, ..Balance::default() });
    assert_eq!(place.books.rows(0, 9).await.unwrap().len(), 1);
    place.books.close().await;
}

async fn transfers_that_are_linked_stand_or_fall_together(mut place: Place) {
    let chain = |n, amounts: [i64; 3]| {
        let [first, second, third] = amounts;
        Transfer::link(vec![deposit(n, ALICE, first), grant(n + 1, ALICE, second), payout(n + 2, ALICE, third)])
    };
    let done = place.books.post(chain(1, [100, 5, 40])).await.unwrap();
    assert_eq!(done, [1, 2, 3]);
    let denied = place.books.post(chain(11, [10, 5, 71])).await.unwrap_err();
    let Denied::Refused(Refusal::Linked { place: 3, count: 3, refusal }) = denied else { panic!("{denied:?}") };
    assert!(matches!(*refusal, Refusal::Insufficient { .. }), "{refusal:?}");
    for _ in 0..2 {
        let balance = balance(&place, ALICE).await;
        assert_eq!((balance.cash, balance.promo, place.books.last().await.unwrap()), (60, 5, 3));
        assert_eq!(place.books.post(chain(1, [100, 5, 40])).await.unwrap(), [1, 2, 3], "the same again is the same");
        place.close_and_reopen().await;
    }
    // A part of a chain, alone or in another one, is something else under the same id.
    let reused = |id: u64| Err(Denied::Refused(Refusal::IdReused { id: deposit(id, ALICE, 1).id }));
    assert_eq!(post(&place, deposit(1, ALICE, 100)).await, reused(1).map(|_: ()| 0));
    let longer = Transfer::link([chain(1, [100, 5, 40]), vec![deposit(9, ALICE, 1)]].concat());
    assert_eq!(place.books.post(longer).await, reused(9).map(|_: ()| vec![]));
    let twice = Transfer::link(vec![deposit(20, ALICE, 1), deposit(20, ALICE, 1)]);
    assert_eq!(place.books.post(twice).await, reused(20).map(|_: ()| vec![]));
    let many = Transfer::link((0..=1_000).map(|n| deposit(100 + n, ALICE, 1)).collect());
    assert_eq!(place.books.post(many).await, Err(Denied::LongChain { count: 1_001 }));
    assert_eq!(place.books.last().await.unwrap(), 3);
}

fn refund(n: u64, amount: Option<i64>) -> Refund {
    Refund {
        id: deposit(n, ALICE, 1).id,
        at: NOON.plus_ms(50),
        amount: amount.map(nano),
        reason: "it was broken".to_owned(),
        actor: BOB,
        window_ms: Some(ledger::REFUND_WINDOW_MS),
    }
}

async fn a_refund_goes_back_the_way_the_cost_came(mut place: Place) {
    fund(&place, 10_000).await;
    let seq = charge(&*place.books, call(1, 1_000)).await.unwrap();
    let (first, transfer) = place.books.refund(refund(1, Some(400)), seq).await.unwrap();
    assert_eq!((first, cash(&place, ALICE).await), (3, 9_400));
    for _ in 0..2 {
        assert_eq!(place.books.refund(refund(1, Some(400)), seq).await.unwrap().0, 3, "the same again is the same");
        assert_eq!(place.books.refund(refund(1, None), seq).await.unwrap().0, 3, "whatever was left, it was that");
        let id = transfer.id;
        assert_eq!(place.books.refund(refund(1, Some(401)), seq).await, Err(Refusal::IdReused { id }.into()));
        let above = Refusal::RefundAboveRest { call: call(1, 1).id, wanted: nano(601), left: nano(600) };
        assert_eq!(place.books.refund(refund(2, Some(601)), seq).await, Err(above.into()));
        assert_eq!(place.books.refunds(seq).await.unwrap(), slice::from_ref(&transfer));
        place.close_and_reopen().await;
    }
    place.books.refund(refund(3, None), seq).await.unwrap();
    let all = [ALICE, AccountId::HUB_FEE, BOB, CAROL, DAVE].map(|account| cash(&place, account));
    assert_eq!(join_all(all).await, [10_000, 0, 0, 0, 0]);
    assert_eq!(place.books.refund(refund(4, Some(1)), 1).await, Err(Denied::NoCall { seq: 1 }));
    assert_eq!(place.books.refund(refund(4, Some(1)), 99).await, Err(Denied::NoCall { seq: 99 }));
    let late = Refund { at: NOON.plus_ms(31 * Time::DAY_MS), ..refund(4, Some(1)) };
    let denied = place.books.refund(late, seq).await;
    assert!(matches!(denied, Err(Denied::Refused(Refusal::RefundTooLate { .. }))), "{denied:?}");
}

async fn what_a_refund_cannot_take_comes_from_the_next_earnings(mut place: Place) {
    fund(&place, 100_000).await;
    let seq = charge(&*place.books, call(1, 1_000)).await.unwrap();
    // Bob got 536 and has it no more.
    post(&place, payout(1, BOB, 500)).await.unwrap();
    let (_, transfer) = place.books.refund(refund(2, None), seq).await.unwrap();
    let Kind::Refund(refunded) = &transfer.kind else { panic!("{transfer:?}") };
    assert_eq!((refunded.at_once(), refunded.owed()), (nano(500), nano(500)));
    let owed = async |place: &Place| place.books.owed(BOB).await.unwrap().nano();
    for _ in 0..2 {
        assert_eq!((cash(&place, BOB).await, owed(&place).await), (0, 500));
        place.close_and_reopen().await;
    }
    // Of 200 he gets 108: all of it goes on to alice, whose call it was.
    let before = cash(&place, ALICE).await;
    charge(&*place.books, call(2, 200)).await.unwrap();
    assert_eq!((cash(&place, BOB).await, owed(&place).await), (0, 392));
    assert_eq!(cash(&place, ALICE).await, before - 200 + 108);
    place.drop_and_reopen();
    // Of 2,000 he gets 1,071, and keeps what he no longer owes.
    charge(&*place.books, call(3, 2_000)).await.unwrap();
    assert_eq!((cash(&place, BOB).await, owed(&place).await), (1_071 - 392, 0));
    let rows = place.books.rows(0, 100).await.unwrap();
    let recoveries: Vec<_> = rows
        .iter()
        .filter_map(|(_, row)| match row {
            Row::Transfer(transfer) => Some(transfer).filter(|t| matches!(t.kind, Kind::Recovery(_))),
            _ => None,
        })
        .collect();
    assert_eq!(recoveries.len(), 2);
    assert_ne!(recoveries[0].id, recoveries[1].id);
}

async fn a_trial_is_paid_by_its_sponsor_and_gives_promo(mut place: Place) {
    post(&place, deposit(1, BOB, 5_000)).await.unwrap();
    let held = place.books.hold(BOB, nano(1_000)).await.unwrap();
    let sponsor = Some(Sponsor { account: BOB, purse: Purse::Cash });
    let trial = Call { sponsor, ..call_of(ALICE, Purse::Promo, 1, 1_000) };
    let seq = place.books.capture(held, Arc::new(trial), None).await.unwrap();
    let held = place.books.hold(AccountId::PROMO_OPERATOR, nano(1_000)).await.unwrap();
    let sponsor = Some(Sponsor { account: AccountId::PROMO_OPERATOR, purse: held.purse() });
    let trial = Call { sponsor, ..call_of(ALICE, Purse::Promo, 2, 1_000) };
    place.books.capture(held, Arc::new(trial), None).await.unwrap();
    for _ in 0..2 {
        assert_eq!(balance(&place, ALICE).await, Balance::default());
        assert_eq!(balance(&place, BOB).await, Balance { cash: 4_000, promo: 1_072, ..Balance::default() });
        let operator = balance(&place, AccountId::PROMO_OPERATOR).await;
        assert_eq!((operator.cash, operator.promo), (1_000, -2_000));
        place.close_and_reopen().await;
    }
    place.books.refund(refund(3, None), seq).await.unwrap();
    assert_eq!((balance(&place, BOB).await.cash, balance(&place, ALICE).await), (5_000, Balance::default()));
}

#[tokio::test]
#[should_panic(expected = "a noted call costs nothing")]
async fn a_charge_is_never_noted() {
    Place::memory().books.note(call(1, 10));
}

contract![
    a_dropped_hold_gives_itself_back,
    a_hold_beyond_the_balance_is_told_what_is_available_and_what_is_held,
    a_capture_charges_the_cost_and_frees_the_rest,
    promo_pays_whole_before_cash_and_receivers_get_promo,
    a_refused_capture_leaves_no_row_and_frees_the_hold,
    the_same_transfer_again_is_the_same_row,
    a_refused_transfer_changes_nothing,
    a_key_is_known_once_its_call_was_captured,
    a_key_is_charged_once,
    the_answer_of_a_keyed_call_is_kept_whatever_its_size,
    without_a_key_no_answer_is_kept,
    a_refused_capture_keeps_no_answer,
    a_key_and_its_answer_are_forgotten_when_their_day_is_over,
    a_bad_posting_fails_alone,
    rows_are_dense_and_in_order_and_as_they_were_given,
    a_noted_call_leaves_a_row_and_uses_up_no_key,
    a_call_that_costs_nothing_is_captured_without_money,
    who_waits_for_rows_is_woken,
    books_opened_again_have_the_same_balances,
    what_was_noted_is_there_when_books_are_dropped_and_opened_again,
    money_for_120_holds_is_held_120_times,
    closed_books_take_nothing_more,
    transfers_that_are_linked_stand_or_fall_together,
    a_refund_goes_back_the_way_the_cost_came,
    what_a_refund_cannot_take_comes_from_the_next_earnings,
    a_trial_is_paid_by_its_sponsor_and_gives_promo,
];
