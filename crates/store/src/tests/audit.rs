//! The audit finds one unit out of place, wherever it is.

use std::path::Path;
use std::sync::Arc;

use ledger::{AccountId, Call, HoldId, Purse, Refund, Sponsor, Transfer, TransferId};
use tempfile::TempDir;

use super::scene::{
    ALICE, BOB, CAROL, NOON, Place, assert_in_order, call, call_of, charge, deposit, failed_call, grant, key, nano,
    options, payout, post_one,
};
use crate::audit::{AuditError, Report, audit};
use crate::contract::release;
use crate::{Books, Catalog, Manual, NewPending, SqliteBooks, SqliteCatalog};

/// A month in small: two purses, keyed and failed calls, sums carried over but for the last rows; then a refund that
/// finds not all of its money, what pays it, a trial, durable holds and a chain.
async fn history() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let catalog = SqliteCatalog::open(folder.path()).unwrap();
    release::seal(&catalog).await;
    let books = SqliteBooks::open(folder.path(), Arc::new(Manual::at(NOON)), &options(1_000)).unwrap();
    post_one(&books, deposit(1, ALICE, 1_000_000)).await.unwrap();
    post_one(&books, grant(2, BOB, 50_000)).await.unwrap();
    for n in 3..=40 {
        match n % 5 {
            0 => {
                books.note(failed_call(n));
                // A row a commit.
                books.grown(n - 1).await;
            }
            1 => drop(charge(&books, call_of(BOB, Purse::Promo, n, 1_007)).await.unwrap()),
            2 => {
                let held = books.hold(ALICE, nano(9_000)).await.unwrap();
                let call = Call { keyed: Some(key(n as u8, 1)), ..call(n, 8_999) };
                books.capture(held, Arc::new(call), Some(vec![1; 50])).await.unwrap();
            }
            3 if n > 20 => drop(post_one(&books, payout(n, BOB, 100)).await.unwrap()),
            _ => drop(charge(&books, call(n, 2_001)).await.unwrap()),
        }
    }
    // Rows 41 to 52.
    let cash = books.balance(BOB).await.unwrap().cash;
    post_one(&books, payout(41, BOB, cash)).await.unwrap();
    let refund = Refund {
        id: TransferId([0xf0; 16]),
        at: NOON.plus_ms(100),
        amount: None,
        reason: "broken".to_owned(),
        actor: BOB,
        window_ms: Some(ledger::REFUND_WINDOW_MS),
    };
    books.refund(refund, 7).await.unwrap();
    charge(&books, call(43, 500)).await.unwrap();
    let sponsor = Sponsor { account: BOB, purse: Purse::Cash };
    post_one(&books, deposit(45, BOB, 5_000)).await.unwrap();
    let trial = Call { sponsor: Some(sponsor), ..call_of(ALICE, Purse::Promo, 46, 2_000) };
    let promo = books.balance(BOB).await.unwrap().promo;
    let spent = books.hold(BOB, nano(promo)).await.unwrap();
    let held = books.hold(BOB, nano(2_000)).await.unwrap();
    assert_eq!(held.purse(), Purse::Cash);
    books.capture(held, Arc::new(trial), None).await.unwrap();
    drop(spent);
    for n in [1, 2, 3] {
        let wish = NewPending {
            id: HoldId([n; 16]),
            at: NOON,
            account: ALICE,
            purse: Some(Purse::Cash),
            amount: nano(1_000),
            expires: NOON.plus_ms(60_000),
            reference: "payout".to_owned(),
            actor: None,
        };
        books.pend(wish).await.unwrap();
    }
    post_one(&books, payout(50, ALICE, 900).from_hold(HoldId([1; 16]))).await.unwrap();
    books.void(HoldId([2; 16]), NOON).await.unwrap();
    books.post(Transfer::link(vec![deposit(52, CAROL, 10), grant(53, CAROL, 10)])).await.unwrap();
    assert_eq!(books.last().await.unwrap(), 53);
    let rows = books.rows(0, 49).await.unwrap();
    catalog.project(rows, true).await.unwrap();
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
    assert_eq!((report.rows, report.calls, report.transfers, report.holds), (53, 36, 13, 3));
    assert_eq!((report.charged, report.cuts, report.royalties, report.trials), (28, 28, 28, 1));
    assert_eq!((report.refunds, report.recoveries, report.open_holds), (1, 1, 1));
    // Bob got 4,820 of the refunded call and had none of it left; 269 of the 500 after it were his, and went on.
    assert_eq!((report.owed, report.snapshots, report.outcomes), (4_820 - 269, 1, 7), "{report:#?}");
    assert!(report.rollups > 30, "{report:?}");
    assert!(matches!(audit(Path::new("/nowhere/at/all")), Err(AuditError::Missing { .. })));
}

#[tokio::test]
async fn one_unit_out_of_place_is_named() {
    let history = history().await;
    let part = r#"UPDATE calls SET parts = replace(parts, '"creator",1072]', '"creator",1071]') WHERE seq = 4"#;
    let moved = r#"UPDATE calls SET parts = replace(replace(parts, '"creator",1072]', '"creator",1071]'), '"creator",459]', '"creator",460]') WHERE seq = 4"#;
    let cases: &[(&str, &str, &[&str])] = &[
        ("ledger.db", "UPDATE calls SET cost = cost + 1 WHERE seq = 4", &["row 4 (call_"]),
        ("ledger.db", "UPDATE calls SET cost = cost + 1 WHERE seq = 4", &["row 4 is not what was written"]),
        ("ledger.db", "UPDATE calls SET fee = fee + 1 WHERE seq = 9", &["row 9 (call_"]),
        ("ledger.db", "UPDATE calls SET fee = fee + 1, cost = cost + 10 WHERE seq = 9", &["row 9 (call_"]),
        ("ledger.db", part, &["row 4 (call_"]),
        ("ledger.db", moved, &["row 4 (call_"]),
        ("ledger.db", "UPDATE calls SET cost = 1 WHERE seq = 10", &["row 10 (call_", "ended engine_failed and cost 1"]),
        ("ledger.db", "UPDATE calls SET purse = 'promo' WHERE seq = 4", &["row 4 (call_", "count as paid"]),
        ("ledger.db", "UPDATE calls SET class = 'free' WHERE seq = 4", &["row 4 (call_", "count as free"]),
        ("ledger.db", "UPDATE calls SET class = 'trial' WHERE seq = 4", &["row 4 (call_", "count as trial"]),
        ("ledger.db", "UPDATE calls SET class = 'check' WHERE seq = 4", &["row 4 (call_", "count as check"]),
        (
            "ledger.db",
            "UPDATE calls SET release = zeroblob(16) WHERE seq = 4",
            &["row 4 (call_", "not in the catalogue"],
        ),
        (
            "ledger.db",
            "UPDATE calls SET rest = CAST(substr(rest, 1, 40) || x'00' || substr(rest, 42) AS BLOB) WHERE seq = 4",
            &["row 4 is not what was written"],
        ),
        (
            "ledger.db",
            "UPDATE calls SET sponsor = replace(sponsor, 'acct_5g', 'acct_59') WHERE sponsor IS NOT NULL",
            &["row 46 (call_", "not the model's owner"],
        ),
        (
            "ledger.db",
            "UPDATE calls SET sponsor = NULL WHERE sponsor IS NOT NULL",
            &["after row 46 acct_", "promo, below zero"],
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
        ("ledger.db", "UPDATE transfers SET reference = 'x' WHERE seq = 1", &["row 1 is not what was written"]),
        ("ledger.db", "UPDATE balances SET cash = cash + 1 WHERE cash > 0", &["the snapshot at row 53 gives acct_"]),
        ("ledger.db", "UPDATE balances SET promo = promo - 1", &["the snapshot at row 53 is not what was written"]),
        ("ledger.db", "INSERT INTO balances VALUES (randomblob(16), 1, 0)", &["the snapshot at row 53 knows acct_"]),
        (
            "ledger.db",
            "UPDATE snapshot SET state = replace(state, '\"payout\"', '\"gift\"')",
            &["the snapshot at row 53 has 1 open holds, the rows give 1, or others"],
        ),
        (
            "ledger.db",
            "UPDATE snapshot SET state = json_set(state, '$.debts[0].left', '0.000000001')",
            &["the snapshot at row 53 has 1 debts"],
        ),
        ("ledger.db", "DELETE FROM calls WHERE seq = 12", &["rows 12 to 12 are missing"]),
        ("ledger.db", "DELETE FROM transfers WHERE seq = 28", &["rows 28 to 28 are missing"]),
        ("ledger.db", "DELETE FROM transfers WHERE seq = 53", &["a snapshot was taken at row 53, the rows end at 52"]),
        (
            "ledger.db",
            "UPDATE calls SET rest = (SELECT rest FROM calls WHERE seq = 7) WHERE seq = 12",
            &["rows 7 and 12: one idempotency key"],
        ),
        (
            "ledger.db",
            "UPDATE calls SET id = (SELECT id FROM calls WHERE seq = 4) WHERE seq = 9",
            &["rows 4 and 9 are both call_"],
        ),
        ("ledger.db", "UPDATE transfers SET seq = 27 WHERE seq = 28", &["row 27 is there twice"]),
        ("ledger.db", "UPDATE calls SET class = 'gift' WHERE seq = 4", &["row 4, a call, cannot be read"]),
        ("ledger.db", "UPDATE calls SET rest = x'02' WHERE seq = 4", &["row 4, a call, cannot be read"]),
        ("ledger.db", "UPDATE keyed SET seq = 10 WHERE seq = 7", &["an outcome is kept for row 10"]),
        ("ledger.db", "UPDATE keyed SET content = zeroblob(32) WHERE seq = 7", &["kept for row 7 is not the one"]),
        ("ledger.db", "DELETE FROM outcomes WHERE seq = 7", &["the key of row 7 is known, its outcome is not kept"]),
        // Durable holds.
        ("ledger.db", "UPDATE holds SET amount = 899 WHERE seq = 47", &["row 50 takes 900 nano-OPG from hold_"]),
        ("ledger.db", "UPDATE holds SET amount = 990000 WHERE seq = 48", &["after row 48 acct_", "below zero"]),
        ("ledger.db", "DELETE FROM ends WHERE how = 'voided'", &["rows 51 to 51 are missing"]),
        ("ledger.db", "DELETE FROM ends WHERE how = 'captured'", &["row 50 captures hold_", "does not say so"]),
        ("ledger.db", "UPDATE transfers SET hold = NULL WHERE seq = 50", &["says that row 50 captured hold_"]),
        ("ledger.db", "UPDATE ends SET how = 'expired' WHERE how = 'voided'", &["row 51: hold_", "its time is over"]),
        (
            "ledger.db",
            "UPDATE ends SET hold = randomblob(16) WHERE how = 'voided'",
            &["row 51 ends hold_", "never made"],
        ),
        // Refunds and what pays for them.
        (
            "ledger.db",
            "UPDATE transfers SET detail = json_set(detail, '$.shares[0].at_once', '0.0000009') WHERE kind = 'refund'",
            &["row 42 (tr_", "takes 900 nano-OPG back from", "who got 899"],
        ),
        (
            "ledger.db",
            "UPDATE transfers SET detail = json_set(detail, '$.to', 'acct_5g5g5g5g5g5g5g5g5g5g5g5g5g') WHERE kind = 'refund'",
            &["row 42 (tr_", "as it was paid"],
        ),
        (
            "ledger.db",
            "UPDATE transfers SET at = at + 2592000000 WHERE kind = 'refund'",
            &["row 42 (tr_", "after more than 30 days"],
        ),
        (
            "ledger.db",
            "UPDATE transfers SET detail = json_set(detail, '$.shares[2].owed', '0.000000001') WHERE kind = 'refund'",
            &["row 44 (tr_", "does not owe"],
        ),
        (
            "ledger.db",
            "UPDATE transfers SET detail = json_set(detail, '$.amount', '0.000000267') WHERE kind = 'recovery'",
            &["row 44 (tr_", "not what it recovers"],
        ),
        (
            "ledger.db",
            "UPDATE transfers SET linked = randomblob(16) WHERE seq = 53",
            &["row 53 (tr_", "does not follow"],
        ),
        // What pages show.
        ("hub.db", "UPDATE account_days SET amount = amount + 1 WHERE kind = 'royalty'", &["royalty of acct_"]),
        ("hub.db", "UPDATE account_days SET count = count - 1 WHERE kind = 'refunded'", &["refunded of acct_"]),
        ("hub.db", "DELETE FROM account_days WHERE kind = 'recovery'", &["does not show recovery of acct_"]),
        ("hub.db", "UPDATE payers SET amount = amount + 1", &["what acct_", "had from acct_"]),
        ("hub.db", "UPDATE key_days SET cost = cost - 1", &["what key_", "spent on day"]),
        ("hub.db", "DELETE FROM trial_sums", &["does not show the trials of acct_"]),
        (
            "hub.db",
            "UPDATE release_days SET cost = cost + 1 WHERE class = 'paid' AND outcome = 'ok'",
            &["the calls of rel_"],
        ),
        ("hub.db", "UPDATE release_days SET creators = creators + 1 WHERE class = 'trial'", &["the calls of rel_"]),
        ("hub.db", "DELETE FROM release_days WHERE outcome = 'engine_failed'", &["the catalogue does not show"]),
        ("hub.db", "UPDATE watermark SET seq = 54", &["carried over row 54, the rows end at 53"]),
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
    post_one(&*books, deposit(900, ALICE, 1_000_000_000)).await.unwrap();
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
            to.project(from.rows(mark, 100).await.unwrap(), true).await.unwrap();
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
    assert!(books.balance(AccountId::HUB_FEE).await.unwrap().cash > 0);
    books.close().await;
}
