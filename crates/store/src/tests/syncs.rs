//! Acknowledged means synced, and a disk that fails once is not trusted again.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ledger::Call;

use super::disk::{Act, Disk, Fault};
use super::scene::{
    ALICE, BOB, NOON, assert_in_order, call, charge, deposit, failed_call, key, nano, options, post_one,
};
use crate::{Books, Denied, Manual, Row, SqliteBooks};

const LOG: &str = "ledger.db-wal";

fn open(disk: Option<&'static Disk>, folder: &Path) -> SqliteBooks {
    let disk = disk.map(|disk| disk.through(folder));
    SqliteBooks::open_through(disk, folder, Arc::new(Manual::at(NOON)), &options(5)).unwrap()
}

fn numbers(rows: &[(u64, Row)]) -> Vec<ledger::CallId> {
    rows.iter().filter_map(|(_, row)| if let Row::Call(call) = row { Some(call.id) } else { None }).collect()
}

#[tokio::test]
async fn nobody_is_acknowledged_before_a_sync_of_the_log_completed() {
    let disk = Disk::new("counting");
    let folder = tempfile::tempdir().unwrap();
    let books = open(Some(disk), folder.path());
    let before = disk.syncs(LOG);
    post_one(&books, deposit(900, ALICE, 100_000)).await.unwrap();
    assert!(disk.syncs(LOG) > before, "a transfer is synced");
    for n in 1..=50 {
        let held = books.hold(ALICE, nano(10)).await.unwrap();
        let before = disk.syncs(LOG);
        let outcome = (n % 2 == 0).then(|| vec![7; 100]);
        let call = Call { keyed: outcome.as_ref().map(|_| key(n as u8, 1)), ..call(n, 10) };
        books.capture(held, Arc::new(call), outcome).await.unwrap();
        assert!(disk.syncs(LOG) > before, "call {n} was acknowledged without a sync");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_share_a_commit_share_a_sync_that_follows_them_all() {
    let disk = Disk::new("sharing");
    let folder = tempfile::tempdir().unwrap();
    let books = Arc::new(open(Some(disk), folder.path()));
    post_one(&*books, deposit(900, ALICE, 100_000)).await.unwrap();
    let start = disk.syncs(LOG);
    let tasks = (0..16).map(|caller| {
        let books = books.clone();
        tokio::spawn(async move {
            for n in 0..20 {
                let held = books.hold(ALICE, nano(10)).await.unwrap();
                let before = disk.syncs(LOG);
                books.capture(held, Arc::new(call(caller * 100 + n, 10)), None).await.unwrap();
                assert!(disk.syncs(LOG) > before);
            }
        })
    });
    for task in futures_util::future::join_all(tasks).await {
        task.unwrap();
    }
    assert!(disk.syncs(LOG) - start <= 16 * 20, "at most one sync per call");
}

/// A short history on a disk with a fault, and what is left of it.
async fn goes_on_after(name: &str, fault: Fault) {
    let disk = Disk::new(name);
    let folder = tempfile::tempdir().unwrap();
    let books = open(Some(disk), folder.path());
    post_one(&books, deposit(900, ALICE, 100_000)).await.unwrap();
    charge(&books, call(1, 10)).await.unwrap();
    disk.fail(fault);
    let mut acknowledged = vec![call(1, 10).id];
    let mut failed_at = None;
    for n in 2..30 {
        let many = (0..3).map(|twin| charge(&books, call(n * 10 + twin, 10)));
        let done = futures_util::future::join_all(many).await;
        for (twin, done) in (0..).zip(done) {
            match done {
                Ok(_) => {
                    assert_eq!(failed_at, None, "{fault:?}: acknowledged after the disk had failed");
                    acknowledged.push(call(n * 10 + twin, 10).id);
                }
                Err(Denied::Broken { .. }) => failed_at = Some(n),
                Err(other) => panic!("{fault:?}: {other}"),
            }
        }
    }
    assert!(failed_at.is_some() && disk.failed() == 1, "{fault:?}: it did not come to it");
    let Err(Denied::Broken { reason }) = books.hold(ALICE, nano(1)).await else { panic!("{fault:?}: it holds") };
    assert_eq!(reason.contains("full"), fault.act == Act::Full, "{fault:?}: whoever asks hears why: {reason}");
    assert!(matches!(post_one(&books, deposit(901, ALICE, 1)).await, Err(Denied::Broken { .. })));
    books.note(failed_call(999));
    tokio::time::timeout(Duration::from_secs(20), books.close()).await.expect("broken books still close");
    drop(books);

    let books = open(None, folder.path());
    let there = numbers(&books.rows(0, 1_000).await.unwrap());
    let lost: Vec<_> = acknowledged.iter().filter(|id| !there.contains(id)).collect();
    assert!(lost.is_empty(), "{fault:?}: {lost:?} were acknowledged and are gone");
    assert_eq!(there.iter().collect::<HashSet<_>>().len(), there.len(), "{fault:?}: nothing stands there twice");
    assert_eq!(books.balance(ALICE).await.unwrap().cash, 100_000 - 10 * there.len() as i64);
    charge(&books, call(5_000, 10)).await.expect("a new start takes calls again");
    drop(books);
    assert_in_order(folder.path());
}

#[tokio::test]
async fn a_failed_sync_acknowledges_nobody_and_ends_the_books_until_a_restart() {
    for nth in 1..=8 {
        let fault = Fault { act: Act::Sync, thread: "books", file: LOG, nth };
        goes_on_after(&format!("sync-{nth}"), fault).await;
    }
}

#[tokio::test]
async fn a_failed_write_acknowledges_nobody_and_ends_the_books_until_a_restart() {
    for nth in 1..=16 {
        let fault = Fault { act: Act::Write, thread: "books", file: LOG, nth };
        goes_on_after(&format!("write-{nth}"), fault).await;
    }
}

#[tokio::test]
async fn a_full_disk_acknowledges_nobody_and_says_so() {
    for nth in [1, 2, 5, 11] {
        let fault = Fault { act: Act::Full, thread: "books", file: LOG, nth };
        goes_on_after(&format!("full-{nth}"), fault).await;
    }
}

#[tokio::test]
async fn a_checkpoint_that_fails_costs_nobody_anything() {
    for (act, file) in [(Act::Sync, LOG), (Act::Write, "ledger.db"), (Act::Sync, "ledger.db")] {
        let disk = Disk::new(&format!("checkpoint-{act:?}-{file}"));
        let folder = tempfile::tempdir().unwrap();
        let books = open(Some(disk), folder.path());
        post_one(&books, deposit(900, ALICE, 100_000)).await.unwrap();
        disk.fail(Fault { act, thread: "books-checkpoint", file, nth: 1 });
        for n in 1..2_000 {
            charge(&books, call(n, 10)).await.unwrap();
            if disk.failed() == 1 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(disk.failed(), 1, "a checkpoint came by");
        let last = books.last().await.unwrap();
        for n in 10_000..10_010 {
            charge(&books, call(n, 10)).await.unwrap();
        }
        drop(books);
        assert_eq!(open(None, folder.path()).last().await.unwrap(), last + 10);
        assert_in_order(folder.path());
    }
}

#[tokio::test]
async fn books_open_while_somebody_reads_what_the_last_hub_left() {
    let folder = tempfile::tempdir().unwrap();
    let options = crate::Options { log_bytes: 4 * 1024 * 1024, ..options(1_000) };
    let open = || SqliteBooks::open(folder.path(), Arc::new(Manual::at(NOON)), &options).unwrap();
    let books = open();
    post_one(&books, deposit(900, ALICE, 100_000)).await.unwrap();
    // A backup: it sees this moment for as long as it looks, so that what comes after stays in the log.
    let reader = rusqlite::Connection::open(folder.path().join("ledger.db")).unwrap();
    reader.execute_batch("BEGIN; SELECT * FROM transfers").unwrap();
    for n in 1..300 {
        charge(&books, call(n, 10)).await.unwrap();
    }
    drop(books);
    let books = open();
    charge(&books, call(300, 10)).await.unwrap();
    assert_eq!(books.balance(ALICE).await.unwrap().cash, 100_000 - 300 * 10);
    assert_eq!(reader.query_row("SELECT count(*) FROM calls", [], |r| r.get::<_, i64>(0)).unwrap(), 0);
    drop(reader);
    drop(books);
    assert_eq!(open().last().await.unwrap(), 301);
    assert_in_order(folder.path());
}

#[tokio::test]
async fn twins_that_wait_for_the_same_commit_are_charged_once() {
    let folder = tempfile::tempdir().unwrap();
    let books = open(None, folder.path());
    post_one(&books, deposit(900, ALICE, 100)).await.unwrap();
    // Somebody else has the file, so that all of these wait and then share one commit.
    let other = rusqlite::Connection::open(folder.path().join("ledger.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let twins = (1..=5).map(|n| charge(&books, Call { keyed: Some(key(1, 1)), ..call(n, 10) }));
    let posts =
        [deposit(1, ALICE, 5), deposit(1, ALICE, 5), deposit(1, ALICE, 6)].map(|transfer| post_one(&books, transfer));
    let let_go = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        other.execute_batch("ROLLBACK").unwrap();
    };
    let (twins, posts, ()) =
        tokio::join!(futures_util::future::join_all(twins), futures_util::future::join_all(posts), let_go);
    assert_eq!(twins[0], Ok(2));
    assert!(twins[1..].iter().all(|twin| *twin == Err(Denied::AlreadyCaptured { seq: 2 })), "{twins:?}");
    assert_eq!((&posts[0], &posts[1]), (&Ok(3), &Ok(3)));
    assert!(matches!(posts[2], Err(Denied::Refused(ledger::Refusal::IdReused { .. }))));
    assert_eq!(books.balance(ALICE).await.unwrap().cash, 95);
    drop(books);
    assert_in_order(folder.path());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_see_rows_without_gaps_while_they_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let books = Arc::new(open(None, folder.path()));
    post_one(&*books, deposit(900, ALICE, 1_000_000)).await.unwrap();
    let writers = (0..4).map(|writer| {
        let books = books.clone();
        tokio::spawn(async move {
            for n in 0..500 {
                let n = writer * 1_000 + n;
                let (charged, posted) =
                    tokio::join!(charge(&*books, call(n, 10)), post_one(&*books, deposit(n, BOB, 1)));
                charged.and(posted).unwrap();
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    let mut seen = 0;
    while seen < 4_001 {
        // Not waiting for rows to grow: reads fall between commits as often as they can.
        for (seq, _) in books.rows(seen, 1_000).await.unwrap() {
            assert_eq!(seq, seen + 1);
            seen = seq;
        }
    }
    for writer in writers {
        writer.await.unwrap();
    }
}
