//! Files that were damaged while nobody looked: such books do not open, and nothing of them is changed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::scene::{ALICE, NOON, call, charge, deposit, options, post_one};
use crate::{Books, Manual, OpenError, SqliteBooks};

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
