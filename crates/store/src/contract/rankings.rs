//! What models came to lately, and what was searched in vain: cases of the catalogue's contract.

use std::sync::Arc;

use ledger::{AccountId, Call, Class, ModelId, Outcome, Purse, Time};

use super::catalog::Place;
use super::release::{release, seal};
use crate::tests::scene::{ALICE, BOB, CAROL, NOON, RELEASE, call, call_of, nano};
use crate::{ModelTotals, Row, SearchId, SearchRecord, Searchers, Standing};

const MODEL: ModelId = ModelId([RELEASE.0[0]; 16]);

fn later(days: i64, call: Call) -> Call {
    Call { finished: NOON.plus_ms(days * Time::DAY_MS), ..call }
}

/// Carries these calls over, behind those that were carried over before.
async fn made(place: &Place, calls: Vec<Call>) {
    let first = place.catalog.watermark().await.unwrap() + 1;
    let rows = (first..).zip(calls.into_iter().map(|call| Row::Call(Arc::new(call)))).collect();
    place.catalog.project(rows, true).await.unwrap();
}

fn calls() -> Vec<Call> {
    let slow = |call| Call { engine_us: 80_000, ..call };
    vec![
        call(1, 1_000),
        later(1, call_of(CAROL, Purse::Cash, 2, 1_000)),
        later(20, call(3, 1_000)),
        later(26, slow(call(4, 2_000))),
        later(27, Call { outcome: Outcome::EngineFailed, ..call(5, 0) }),
        later(27, Call { outcome: Outcome::Refused, ..call(6, 0) }),
        later(27, call_of(CAROL, Purse::Promo, 7, 1_000)),
        later(27, Call { class: Class::Own, payer: BOB, ..call(8, 1_000) }),
        later(27, Call { class: Class::Free, ..call(9, 0) }),
        later(27, Call { class: Class::Check, ..call(10, 0) }),
    ]
}

pub(super) async fn a_standing_is_of_thirty_days_with_classes_apart(mut place: Place) {
    seal(&*place.catalog).await;
    assert_eq!(place.catalog.rank(NOON.day(), 9).await.unwrap(), []);
    made(&place, calls()).await;
    let today = NOON.day() + 27;
    let standing = Standing {
        task: Some("text-classification".to_owned()),
        payers: 2,
        paid: 4,
        trial: 1,
        own: 1,
        free: 1,
        tried: 5,
        spent: nano(5_000),
        earned: nano(4_500),
        payers_week: 1,
        week: 1,
        week_before: 1,
        p95_us: Some(81_919),
    };
    assert_eq!(place.catalog.rank(today, 9).await.unwrap(), [(MODEL, Some(standing.clone()))]);
    assert_eq!(place.catalog.rank(today, 9).await.unwrap(), [], "nothing happened since");
    place.reopen();
    assert_eq!(place.catalog.standings(None, 9).await.unwrap(), [(MODEL, standing)]);
    assert_eq!(place.catalog.standings(Some(MODEL), 9).await.unwrap(), []);

    // Three days on, what is older than thirty days is none of it; after thirty there is nothing.
    let ranked = place.catalog.rank(today + 3, 9).await.unwrap();
    let later = ranked[0].1.as_ref().unwrap();
    assert_eq!((later.paid, later.payers, later.spent), (3, 2, nano(4_000)));
    let ranked = place.catalog.rank(today + 4, 9).await.unwrap();
    assert_eq!(ranked[0].1.as_ref().map(|later| (later.paid, later.payers)), Some((2, 1)), "carol paid 30 days ago");
    assert_eq!(place.catalog.rank(today + 30, 9).await.unwrap(), [(MODEL, None)]);
    assert_eq!(place.catalog.standings(None, 9).await.unwrap(), []);
    assert_eq!(place.catalog.rank(today + 31, 9).await.unwrap(), []);
}

pub(super) async fn so_many_models_are_ranked_at_a_time(place: Place) {
    seal(&*place.catalog).await;
    place.catalog.seal(&release("other", "1.00", 2, NOON)).await.unwrap();
    let other = Call { release: ledger::ReleaseId([2; 16]), ..call(2, 1_000) };
    made(&place, vec![call(1, 1_000), other]).await;
    let first = place.catalog.rank(NOON.day(), 1).await.unwrap();
    let second = place.catalog.rank(NOON.day(), 1).await.unwrap();
    let ranked: std::collections::BTreeSet<_> = [first, second].concat().into_iter().map(|(id, _)| id.0).collect();
    assert_eq!(ranked, [[2; 16], MODEL.0].into());
    assert_eq!(place.catalog.rank(NOON.day(), 1).await.unwrap(), []);
    // A release of another number is the same model, and the same payer one payer.
    place.catalog.seal(&release("other", "1.01", 3, NOON)).await.unwrap();
    made(&place, vec![Call { release: ledger::ReleaseId([3; 16]), ..call(3, 1_000) }]).await;
    let [(id, Some(standing))] = &place.catalog.rank(NOON.day(), 9).await.unwrap()[..] else { panic!("one model") };
    assert_eq!((id.0, standing.paid, standing.payers), ([2; 16], 2, 1));
}

pub(super) async fn the_hubs_totals_begin_with_a_day(place: Place) {
    seal(&*place.catalog).await;
    made(&place, calls()).await;
    let day = NOON.day();
    let all = ModelTotals { paid_calls: 4, paid_tried: 5, creators_earned: nano(4_500) };
    assert_eq!(place.catalog.totals_since(day).await.unwrap(), all);
    assert_eq!(place.catalog.totals().await.unwrap().calls, all);
    let later = ModelTotals { paid_calls: 2, paid_tried: 3, creators_earned: nano(2_700) };
    assert_eq!(place.catalog.totals_since(day + 2).await.unwrap(), later);
    assert_eq!(place.catalog.totals_since(day + 28).await.unwrap(), ModelTotals::default());
}

pub(super) async fn the_newest_models_begin_the_list(place: Place) {
    seal(&*place.catalog).await;
    place.catalog.seal(&release("other", "1.00", 2, NOON.plus_ms(1))).await.unwrap();
    let mut next = release("minilm", "1.01", 3, NOON.plus_ms(2));
    next.release.change = "minor".to_owned();
    place.catalog.seal(&next).await.unwrap();
    assert_eq!(place.catalog.newest(0, 9).await.unwrap(), [ModelId([2; 16]), MODEL]);
    assert_eq!(place.catalog.newest(1, 9).await.unwrap(), [MODEL]);
}

pub(super) async fn what_was_searched_in_vain_is_counted_by_its_words(place: Place) {
    let mut number = 0;
    let mut search = |query: &str, account: Option<AccountId>, days: i64, total: u64, start: u32| {
        number += 1;
        SearchRecord {
            id: SearchId([number; 16]),
            at: NOON.plus_ms(days * Time::DAY_MS),
            account,
            surface: "page".to_owned(),
            query: query.to_owned(),
            facets: "{}".to_owned(),
            sort: "relevance".to_owned(),
            start,
            shown: Vec::new(),
            total,
            chosen: None,
        }
    };
    let searches = [
        search("plum  Sorter", None, 0, 0, 0),
        search("plum sorter", None, 2, 0, 0),
        search(" PLUM sorter ", Some(ALICE), 2, 0, 0),
        search("plum sorter", Some(ALICE), 3, 0, 0),
        search("plum sorter", Some(CAROL), 2, 0, 0),
        search("plum sorter", None, 2, 7, 0),
        search("plum sorter", None, 2, 0, 20),
        search("", None, 2, 0, 0),
        search("rare", Some(ALICE), 2, 0, 0),
        search("rare", Some(ALICE), 2, 0, 0),
    ];
    place.catalog.add_searches(&searches, &[]).await.unwrap();
    let missed_by = async |by, days, least| {
        let missed = place.catalog.missed_searches(by, NOON.plus_ms(days * Time::DAY_MS), least, 9).await.unwrap();
        missed.into_iter().map(|one| (one.words, one.times, one.last)).collect::<Vec<_>>()
    };
    let missed = async |days, least| missed_by(Searchers::Anybody, days, least).await;
    let third = NOON.plus_ms(3 * Time::DAY_MS);
    assert_eq!(missed(0, 3).await, [("plum sorter".to_owned(), 4, third)]);
    assert_eq!(missed(1, 3).await, [("plum sorter".to_owned(), 3, third)]);
    assert_eq!(missed(1, 4).await, []);
    assert_eq!(missed(1, 1).await.len(), 2);
    assert_eq!(missed_by(Searchers::Accounts, 0, 2).await, [("plum sorter".to_owned(), 2, third)]);
    assert_eq!(missed_by(Searchers::Accounts, 0, 3).await, []);
    assert_eq!(place.catalog.missed_searches(Searchers::Anybody, NOON, 1, 1).await.unwrap().len(), 1);
}
