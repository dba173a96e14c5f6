//! What was found in files: cases of the catalogue's contract.

use registry::Digest;

use super::catalog::Place;
use super::repositories::{commit, echo, tree};
use crate::tests::scene::{ALICE, BOB, NOON};
use crate::{EventKind, ScanRecord};

fn blob(number: u8) -> Digest {
    Digest([number; 32])
}

fn scan(number: u8, version: u32, verdict: &str) -> ScanRecord {
    let report = format!("{{\"verdict\": \"{verdict}\"}}");
    ScanRecord {
        blob: blob(number),
        version,
        at: NOON.plus_ms(i64::from(version)),
        verdict: verdict.to_owned(),
        report,
    }
}

pub(super) async fn a_scan_is_kept_until_a_later_version_looks(mut place: Place) {
    place.catalog.add_scan(&scan(1, 2, "clean")).await.unwrap();
    place.catalog.add_scan(&scan(2, 2, "notice")).await.unwrap();
    // A hub of before, which runs on beside this one for a moment.
    place.catalog.add_scan(&scan(1, 1, "dangerous")).await.unwrap();
    place.reopen();
    let of = async |version| {
        let mut found: Vec<_> =
            place.catalog.scans(&[blob(1), blob(2), blob(3)], version).await.unwrap().into_values().collect();
        found.sort_by_key(|scan| scan.blob);
        found
    };
    assert_eq!(of(2).await, [scan(1, 2, "clean"), scan(2, 2, "notice")]);
    assert_eq!(of(3).await, []);
    place.catalog.add_scan(&scan(1, 3, "dangerous")).await.unwrap();
    assert_eq!(of(3).await, [scan(1, 3, "dangerous")]);
    let verdicts = place.catalog.verdicts(&[blob(1), blob(2), blob(3)], 3).await.unwrap();
    assert_eq!(verdicts.into_iter().collect::<Vec<_>>(), [(blob(1), "dangerous".to_owned())]);
}

pub(super) async fn what_was_not_scanned_is_found(place: Place) {
    echo(&place).await;
    for (account, number) in [(ALICE, 1), (BOB, 1), (BOB, 2), (BOB, 3), (BOB, 4)] {
        place.catalog.add_upload(account, blob(number), 7, NOON).await.unwrap();
    }
    place.catalog.add_scan(&scan(2, 5, "clean")).await.unwrap();
    place.catalog.add_scan(&scan(3, 4, "clean")).await.unwrap();
    let found = async |after, limit| place.catalog.unscanned(5, after, limit).await.unwrap();
    assert_eq!(found(None, 9).await, [blob(1), blob(3), blob(4)], "each once, whoever handed it in");
    assert_eq!(found(None, 1).await, [blob(1)]);
    assert_eq!(found(Some(blob(1)), 9).await, [blob(3), blob(4)]);
}

pub(super) async fn a_dangerous_file_is_an_event_of_each_model_that_names_it_once(place: Place) {
    let echo = echo(&place).await;
    let bad = tree("bad").files()[0].sha256;
    let told = async || {
        let events = place.catalog.events_after(0, 99).await.unwrap();
        events
            .into_iter()
            .filter(|event| event.kind == EventKind::FileDangerous)
            .map(|event| event.model)
            .collect::<Vec<_>>()
    };
    let note = async |version, verdict: &str| {
        let scan = ScanRecord { blob: bad, ..scan(1, version, verdict) };
        place.catalog.add_scan(&scan).await.unwrap();
    };
    note(1, "clean").await;
    commit(&place, "bad", None).await;
    assert_eq!(told().await, []);
    note(2, "dangerous").await;
    note(3, "dangerous").await;
    assert_eq!(told().await, [Some(echo.model.id)], "a later version that says the same tells nothing new");
    // Named again it is the same.
    commit(&place, "good", Some(1)).await;
    commit(&place, "bad", Some(2)).await;
    assert_eq!(told().await.len(), 1);
}
