//! What the hub has checked of releases: cases of the catalogue's contract.

use ledger::{ReleaseId, Time};

use super::catalog::Place;
use super::release::{release, seal};
use crate::tests::scene::{NOON, RELEASE};
use crate::{CheckCounts, CheckKind, CheckOutcome, CheckSum, Compared, NewCheck};

const AGREED: CheckCounts = CheckCounts { agreed: 1, differed: 0, failed: 0 };

fn check(kind: CheckKind, minutes: i64, counts: CheckCounts, difference: Option<&str>) -> NewCheck {
    let (at, difference) = (NOON.plus_ms(minutes * 60_000), difference.map(str::to_owned));
    NewCheck { kind, at, counts, compared: Compared::Digest, difference }
}

pub(super) async fn checks_of_a_release_add_up(mut place: Place) {
    seal(&*place.catalog).await;
    assert_eq!(place.catalog.checks(RELEASE).await.unwrap(), []);
    let both = CheckCounts { agreed: 2, differed: 1, failed: 3 };
    let first = [
        check(CheckKind::TwoRunners, 1, AGREED, None),
        check(CheckKind::ReExecution, 1, both, Some("output \"y\" has another shape")),
    ];
    place.catalog.add_checks(RELEASE, &first).await.unwrap();
    let later = NewCheck {
        compared: Compared::Tolerance,
        ..check(CheckKind::ReExecution, 5, CheckCounts { failed: 1, ..AGREED }, None)
    };
    place.catalog.add_checks(RELEASE, &[later]).await.unwrap();
    place.reopen();
    let expected = [
        CheckSum {
            release: RELEASE,
            kind: CheckKind::ReExecution,
            counts: CheckCounts { agreed: 3, differed: 1, failed: 4 },
            at: NOON.plus_ms(300_000),
            outcome: CheckOutcome::Failed,
            compared: Compared::Tolerance,
            // The last difference stays when the next check finds none.
            difference: Some(("output \"y\" has another shape".to_owned(), NOON.plus_ms(60_000))),
        },
        CheckSum {
            release: RELEASE,
            kind: CheckKind::TwoRunners,
            counts: AGREED,
            at: NOON.plus_ms(60_000),
            outcome: CheckOutcome::Agreed,
            compared: Compared::Digest,
            difference: None,
        },
    ];
    assert_eq!(place.catalog.checks(RELEASE).await.unwrap(), expected);
    let totals = [(CheckKind::ReExecution, expected[0].counts), (CheckKind::TwoRunners, AGREED)];
    assert_eq!(place.catalog.check_totals().await.unwrap(), totals);
}

/// Three releases of a model, a day after each other, and another model's.
async fn releases(place: &Place) -> [ReleaseId; 4] {
    seal(&*place.catalog).await;
    let more = [("minilm", "1.01", 2), ("minilm", "2.00", 3), ("other", "1.00", 4)];
    for (days, (name, number, id)) in (1..).zip(more) {
        place.catalog.seal(&release(name, number, id, NOON.plus_ms(days * Time::DAY_MS))).await.unwrap();
    }
    [RELEASE, ReleaseId([2; 16]), ReleaseId([3; 16]), ReleaseId([4; 16])]
}

pub(super) async fn checks_of_a_model_begin_with_its_newest_release(place: Place) {
    let [first, second, third, other] = releases(&place).await;
    for id in [first, second, third, other] {
        place.catalog.add_checks(id, &[check(CheckKind::TwoRunners, 1, AGREED, None)]).await.unwrap();
    }
    let model = place.catalog.release_by_id(first).await.unwrap().unwrap().model.id;
    let of = async |limit| {
        let checks = place.catalog.model_checks(model, limit).await.unwrap();
        checks.into_iter().map(|(number, check)| (number.to_string(), check.release)).collect::<Vec<_>>()
    };
    let expected = [("2.00".to_owned(), third), ("1.01".to_owned(), second), ("1.00".to_owned(), first)];
    assert_eq!(of(9).await, expected);
    assert_eq!(of(2).await, expected[..2]);
}

pub(super) async fn releases_that_were_not_checked_are_found(mut place: Place) {
    let [first, second, third, other] = releases(&place).await;
    assert_eq!(found(&place, None).await, [other, third, second, first], "the newest first");
    let page = place.catalog.unchecked(None, 2).await.unwrap();
    assert_eq!(page.iter().map(|(_, id)| *id).collect::<Vec<_>>(), [other, third]);
    assert_eq!(found(&place, page.last().copied()).await, [second, first]);
    let checks = [check(CheckKind::TwoRunners, 1, AGREED, None), check(CheckKind::Examples, 1, AGREED, None)];
    place.catalog.add_checks(third, &checks).await.unwrap();
    // A call that was run again says nothing of two runners.
    place.catalog.add_checks(second, &[check(CheckKind::ReExecution, 1, AGREED, None)]).await.unwrap();
    place.reopen();
    assert_eq!(found(&place, None).await, [other, second, first]);
}

async fn found(place: &Place, before: Option<(Time, ReleaseId)>) -> Vec<ReleaseId> {
    place.catalog.unchecked(before, 9).await.unwrap().into_iter().map(|(_, id)| id).collect()
}
