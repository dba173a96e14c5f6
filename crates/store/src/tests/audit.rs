//! The audit finds one unit out of place, wherever it is.

use std::path::Path;
use std::sync::Arc;

use ledger::{AccountId, Call, Purse};
use tempfile::TempDir;

use super::scene::{
    ALICE, BOB, NOON, Place, assert_in_order, call, call_of, charge, deposit, failed_call, grant, key, nano, payout,
};
use crate::audit::{AuditError, Report, audit};
use crate::contract::release;
use crate::{Books, Catalog, Manual, Options, SqliteBooks, SqliteCatalog};

/// A month in small: two purses, keyed and failed calls, snapshots, sums carried over but for the last rows.
async fn history() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let catalog = SqliteCatalog::open(folder.path()).unwrap();
    release::seal(&catalog).await;
    let books = SqliteBooks::open(folder.path(), Arc::new(Manual::at(NOON)), &Options { snapshot_every: 15 }).unwrap();
    books.post(deposit(1, ALICE, 1_000_000)).await.unwrap();
    books.post(grant(2, BOB, 50_000)).await.unwrap();
    for n in 3..=40 {
        match n % 5 {
            0 => {
                books.note(failed_call(n));
                // A row a commit, so that snapshots stand at rows 15, 30 and 40.
                books.grown(n - 1).await;
            }
            1 => drop(charge(&books, call_of(BOB, Purse::Promo, n, 1_007)).await.unwrap()),
            2 => {
                let held = books.hold(ALICE, nano(9_000)).await.unwrap();
                let call = Call { keyed: Some(key(n as u8, 1)), ..call(n, 8_999) };
                books.capture(held, call, Some(vec![1; 50])).await.unwrap();
            }
            3 if n > 20 => drop(books.post(payout(n, BOB, 100)).await.unwrap()),
            _ => drop(charge(&books, call(n, 2_001)).await.unwrap()),
        }
    }
    let rows = books.rows(0, 36).await.unwrap();
    catalog.project(&rows).await.unwrap();
    books.close().await;
    folder
}

/// The report of an audit after somebody was at the files.
fn after(history: &Path, database: &str, sql: &str) -> Report {
    let folder = tempfile::tempdir().unwrap();
    for file in ["ledger.db", "hub.db"] {
        std::fs::copy(history.join(file), folder.path().join(file)).unwrap();
    }
    let changed = rusqlite::Connection::open(folder.path().join(database)).unwrap().execute(sql, []).unwrap();
    assert_ne!(changed, 0, "{sql} changed nothing");
    audit(folder.path()).unwrap()
}

#[tokio::test]
async fn books_in_order_are_found_in_order() {
    let history = history().await;
    let report = assert_in_order(history.path());
    assert_eq!((report.calls, report.transfers), (34, 6));
    assert_eq!((report.charged, report.cuts, report.snapshots, report.outcomes), (26, 26, 2, 7));
    assert!(report.rollups > 5, "{report:?}");
    assert!(matches!(audit(Path::new("/nowhere/at/all")), Err(AuditError::Missing { .. })));
}

#[tokio::test]
async fn one_unit_out_of_place_is_named() {
    let history = history().await;
    let part = r#"UPDATE calls SET parts = replace(parts, '"creator",1072]', '"creator",1071]') WHERE seq = 4"#;
    let moved = r#"UPDATE calls SET parts = replace(replace(parts, '"creator",1072]', '"creator",1071]'), '"creator",459]', '"creator",460]') WHERE seq = 4"#;
    let cases: &[(&str, &str, &[&str])] = &[
        ("ledger.db", "UPDATE calls SET cost = cost + 1 WHERE seq = 4", &["row 4 (call_"]),
        ("ledger.db", "UPDATE calls SET fee = fee + 1 WHERE seq = 9", &["row 9 (call_"]),
        ("ledger.db", "UPDATE calls SET fee = fee + 1, cost = cost + 10 WHERE seq = 9", &["row 9 (call_"]),
        ("ledger.db", part, &["row 4 (call_"]),
        ("ledger.db", moved, &["row 4 (call_"]),
        ("ledger.db", "UPDATE calls SET cost = 1 WHERE seq = 10", &["row 10 (call_", "ended engine_failed and cost 1"]),
        ("ledger.db", "UPDATE calls SET purse = 'promo' WHERE seq = 4", &["row 4 (call_", "count as paid"]),
        ("ledger.db", "UPDATE calls SET class = 'free' WHERE seq = 4", &["row 4 (call_", "count as free"]),
        (
            "ledger.db",
            "UPDATE calls SET release = zeroblob(16) WHERE seq = 4",
            &["row 4 (call_", "not in the catalogue"],
        ),
        (
            "ledger.db",
            "UPDATE transfers SET legs = replace(legs, ',1000000]', ',1000001]') WHERE seq = 1",
            &["row 1 (tr_", "add up to 1"],
        ),
        (
            "ledger.db",
            "UPDATE transfers SET legs = replace(legs, '1000000', '60000') WHERE seq = 1",
            &["after row ", "below zero"],
        ),
        (
            "ledger.db",
            "UPDATE snapshots SET cash = cash + 1 WHERE seq = 30 AND cash > 0",
            &["the snapshot at row 30 gives acct_"],
        ),
        (
            "ledger.db",
            "UPDATE snapshots SET promo = promo - 1 WHERE seq = 40 AND promo > 0",
            &["the snapshot at row 40 gives acct_"],
        ),
        (
            "ledger.db",
            "INSERT INTO snapshots VALUES (40, randomblob(16), 1, 0)",
            &["the snapshot at row 40 knows acct_"],
        ),
        ("ledger.db", "DELETE FROM calls WHERE seq = 12", &["rows 12 to 12 are missing"]),
        ("ledger.db", "DELETE FROM transfers WHERE seq = 28", &["rows 28 to 28 are missing"]),
        ("ledger.db", "DELETE FROM calls WHERE seq = 40", &["a snapshot was taken at row 40, the rows end at 39"]),
        (
            "ledger.db",
            "UPDATE calls SET keyed_hash = (SELECT keyed_hash FROM calls WHERE seq = 7) WHERE seq = 12",
            &["rows 7 and 12: one idempotency key"],
        ),
        (
            "ledger.db",
            "UPDATE calls SET id = (SELECT id FROM calls WHERE seq = 4) WHERE seq = 9",
            &["rows 4 and 9 are both call_"],
        ),
        ("ledger.db", "UPDATE transfers SET seq = 27 WHERE seq = 28", &["row 27 is there twice"]),
        ("ledger.db", "UPDATE calls SET class = 'gift' WHERE seq = 4", &["a call after row 3 cannot be read"]),
        ("ledger.db", "UPDATE outcomes SET seq = 10 WHERE seq = 7", &["an outcome is kept for row 10"]),
        (
            "hub.db",
            "UPDATE earnings SET amount = amount + 1 WHERE role = 'royalty' AND purse = 'cash'",
            &["earnings of acct_"],
        ),
        (
            "hub.db",
            "UPDATE earnings SET calls = calls - 1 WHERE role = 'royalty' AND purse = 'promo'",
            &["earnings of acct_"],
        ),
        (
            "hub.db",
            "DELETE FROM earnings WHERE role = 'royalty' AND purse = 'promo'",
            &["that its earnings do not show"],
        ),
        (
            "hub.db",
            "UPDATE release_days SET cost = cost + 1 WHERE class = 'paid' AND outcome = 'ok'",
            &["the calls of rel_"],
        ),
        ("hub.db", "DELETE FROM release_days WHERE outcome = 'engine_failed'", &["the catalogue does not show"]),
        ("hub.db", "UPDATE watermark SET seq = 41", &["carried over row 41, the rows end at 40"]),
    ];
    for (database, sql, expected) in cases {
        let report = after(history.path(), database, sql);
        assert!(!report.in_order(), "{sql} was not found");
        let named = report.first.iter().any(|sentence| expected.iter().all(|part| sentence.contains(part)));
        assert!(named, "{sql}: {:#?}", report.first);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn books_that_are_being_written_are_found_in_order() {
    let mut place = Place::sqlite(50);
    let folder = place.folder().unwrap().to_owned();
    let catalog = Arc::new(SqliteCatalog::open(&folder).unwrap());
    release::seal(&*catalog).await;
    let books: Arc<dyn Books> = std::mem::replace(&mut place.books, Box::new(crate::MemoryBooks::default())).into();
    books.post(deposit(900, ALICE, 1_000_000_000)).await.unwrap();
    let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let callers = (0..4).map(|caller| {
        let (books, done) = (books.clone(), done.clone());
        tokio::spawn(async move {
            for n in 0..1_000_000 {
                if done.load(std::sync::atomic::Ordering::Relaxed) {
                    return;
                }
                charge(&*books, call(caller * 1_000_000 + n, 999)).await.unwrap();
            }
        })
    });
    let callers: Vec<_> = callers.collect();
    let (from, to, ended) = (books.clone(), catalog.clone(), done.clone());
    let projector = tokio::spawn(async move {
        while !ended.load(std::sync::atomic::Ordering::Relaxed) {
            let mark = to.watermark().await.unwrap();
            from.grown(mark).await;
            to.project(&from.rows(mark, 100).await.unwrap()).await.unwrap();
        }
    });
    let audits =
        tokio::task::spawn_blocking(move || (0..25).map(|_| assert_in_order(&folder).calls).collect::<Vec<_>>());
    let calls = audits.await.unwrap();
    done.store(true, std::sync::atomic::Ordering::Relaxed);
    for task in callers.into_iter().chain([projector]) {
        task.await.unwrap();
    }
    assert!(calls.is_sorted() && calls.first() < calls.last(), "the books grew beside the audits: {calls:?}");
    assert!(books.balance(AccountId::HUB_FEE).cash > 0);
    books.close().await;
}
