//! Files that were damaged while nobody looked: such books do not open, and nothing of them is changed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use ledger::Call;

use super::scene::{ALICE, NOON, assert_in_order, call, charge, deposit, key, nano, options, post_one};
use crate::audit::{Depth, Report, audit_to};
use crate::{Books, Denied, Manual, OpenError, SqliteBooks};

const LOG: &str = "ledger.db-wal";

fn open(folder: &Path) -> Result<SqliteBooks, OpenError> {
    SqliteBooks::open(folder, Arc::new(Manual::at(NOON)), &options(1_000))
}

/// What a hub leaves that was killed after ten commits, all of them in its log.
async fn killed() -> tempfile::TempDir {
    let (live, left) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let books = open(live.path()).unwrap();
    post_one(&books, deposit(900, ALICE, 1_000)).await.unwrap();
    for n in 0..9 {
        charge(&books, call(n, 10)).await.unwrap();
    }
    for file in ["ledger.db", LOG] {
        fs::copy(live.path().join(file), left.path().join(file)).unwrap();
    }
    left
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let file = |entry: fs::DirEntry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap());
    fs::read_dir(folder).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file()).map(file).collect()
}

fn flip(folder: &Path, file: &str, at: usize) {
    let path = folder.join(file);
    let mut bytes = fs::read(&path).unwrap();
    bytes[at] ^= 0x20;
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_log_that_was_damaged_under_acknowledged_commits_is_refused_and_left_as_it_is() {
    let whole = killed().await;
    open(whole.path()).unwrap();
    for at in [3, 20, 32 + 8, 32 + 24 + 100, 32 + 3 * (24 + 8_192) + 5_000] {
        let folder = killed().await;
        flip(folder.path(), LOG, at);
        let before = files(folder.path());
        let Err(OpenError::Damaged { path, what }) = open(folder.path()) else { panic!("byte {at}: it opens") };
        assert!(path.ends_with(LOG), "{what}");
        assert_eq!(files(folder.path()), before, "byte {at}: {what}");
    }
}

#[tokio::test]
async fn a_row_or_a_snapshot_that_was_damaged_is_refused() {
    for sql in [
        "UPDATE calls SET cost = cost + 1 WHERE seq = 4",
        "UPDATE calls SET rest = zeroblob(length(rest)) WHERE seq = 4",
        "UPDATE transfers SET reference = 'another' WHERE seq = 1",
        "DELETE FROM calls WHERE seq = 4",
        "UPDATE snapshot SET seq = seq - 1",
        "UPDATE balances SET cash = cash + 1",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let books = open(folder.path()).unwrap();
        post_one(&books, deposit(900, ALICE, 1_000)).await.unwrap();
        charge(&books, call(1, 10)).await.unwrap();
        if sql.contains("snapshot") || sql.contains("balances") {
            books.close().await;
        } else {
            for n in 2..9 {
                charge(&books, call(n, 10)).await.unwrap();
            }
        }
        // As a crash leaves it: without the snapshot that a stop takes.
        let left = tempfile::tempdir().unwrap();
        for file in files(folder.path()) {
            fs::write(left.path().join(file.0), file.1).unwrap();
        }
        let changed = rusqlite::Connection::open(left.path().join("ledger.db")).unwrap().execute(sql, []).unwrap();
        assert!(changed > 0, "{sql} changes something");
        let refused = open(left.path());
        assert!(matches!(refused, Err(OpenError::Damaged { .. })), "{sql}: {refused:?}");
    }
}

fn deep(folder: &Path) -> Report {
    let proof = |_: &ledger::Call, _: &[u8]| Ok(());
    audit_to(folder, &Depth { deep: Some(&proof), ..Depth::default() }).unwrap()
}

#[tokio::test]
async fn a_kept_answer_that_was_damaged_is_not_given_and_named_by_a_deep_audit() {
    let folder = tempfile::tempdir().unwrap();
    let books = open(folder.path()).unwrap();
    post_one(&books, deposit(900, ALICE, 1_000)).await.unwrap();
    let answers = [b"{\"v\":1}\nseven".to_vec(), vec![7; 300 * 1024]];
    for (n, answer) in (1..).zip(&answers) {
        let held = books.hold(ALICE, nano(10)).await.unwrap();
        let call = Call { keyed: Some(key(n, 1)), ..call(n.into(), 10) };
        books.capture(held, Arc::new(call), Some(answer.clone())).await.unwrap();
    }
    let kept = async || [books.stored(2).await, books.stored(3).await];
    for (stored, answer) in kept().await.into_iter().zip(&answers) {
        assert_eq!(stored.unwrap().unwrap().outcome.as_ref(), Some(answer));
    }
    assert!(deep(folder.path()).in_order());

    let database = rusqlite::Connection::open(folder.path().join("ledger.db")).unwrap();
    let file = Path::new("outcomes").join(call(2, 10).id.to_string());
    let body = |bytes: &[u8]| database.execute("UPDATE outcomes SET body = ?1 WHERE seq = 2", [bytes]).unwrap();
    let whole: Vec<u8> = database.query_row("SELECT body FROM outcomes WHERE seq = 2", [], |r| r.get(0)).unwrap();
    for at in [0, 3, whole.len() - 1] {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x20;
        body(&damaged);
        flip(folder.path(), file.to_str().unwrap(), at);
        for (stored, row) in kept().await.into_iter().zip([2, 3]) {
            let Err(Denied::Broken { reason }) = stored else { panic!("row {row}, byte {at}: it is given") };
            assert!(reason.contains(&format!("row {row}: it is not what was kept")), "{reason}");
        }
        // A backup with them is still one: the money is in order, and they are gone after a day.
        assert_in_order(folder.path());
        let report = deep(folder.path());
        assert_eq!(report.differences, 2, "{report:#?}");
        let named = |what: &str| report.first.iter().any(|said| said.starts_with(what));
        assert!(named("row 2: the answer kept for its key") && named("row 3: the answer"), "{report:#?}");
        flip(folder.path(), file.to_str().unwrap(), at);
    }
    // As it was kept before there were sums.
    body(&answers[0]);
    assert_eq!(books.stored(2).await.unwrap().unwrap().outcome.as_ref(), Some(&answers[0]));
    assert!(deep(folder.path()).in_order());
}
