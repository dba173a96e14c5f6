//! A power cut at every write of a short history: what was acknowledged is there, and the books are in order.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::Arc;

use ledger::{Call, CallId, HoldId, Kind, Refund};
use tempfile::TempDir;

use super::disk::{Act, Disk, Event, Fault};
use super::scene::{
    ALICE, BOB, NOON, assert_in_order, call, call_id, charge, deposit, failed_call, key, nano, options, payout,
    post_one,
};
use crate::{Books, Manual, NewPending, Row, SqliteBooks};

/// What of the writes that no sync has confirmed yet the disk has kept when the power goes.
#[derive(Debug, Clone, Copy, Hash, PartialEq, Eq)]
pub(super) enum Kept {
    /// All: the process was killed, the machine goes on.
    All,
    /// None.
    Synced,
    /// Half of the last one: it was torn.
    Torn,
    /// Some, in no order.
    Some(u64),
}

pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// A folder with these files.
pub(super) fn folder_of(files: &Files) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

fn put(file: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    if file.len() < offset + bytes.len() {
        file.resize(offset + bytes.len(), 0);
    }
    file[offset..offset + bytes.len()].copy_from_slice(bytes);
}

/// The files as they lie on the disk after these events.
pub(super) fn left_by(events: &[Event], kept: Kept) -> Files {
    let mut files = Files::new();
    for (at, event) in events.iter().enumerate() {
        match event {
            Event::Write { file, offset, bytes } => {
                let next_sync = events[at..].iter().find_map(|e| match e {
                    Event::Sync { file: f } if f == file => Some(true),
                    Event::SyncFailed { file: f } if f == file => Some(false),
                    _ => None,
                });
                let synced = || next_sync == Some(true);
                let size = match kept {
                    Kept::Synced if !synced() => 0,
                    Kept::Torn if at + 1 == events.len() => bytes.len() / 2,
                    Kept::Some(seed) if !synced() => {
                        let mut coin = DefaultHasher::new();
                        (seed, at).hash(&mut coin);
                        if coin.finish().is_multiple_of(2) { bytes.len() } else { 0 }
                    }
                    _ => bytes.len(),
                };
                put(files.entry(file.clone()).or_default(), *offset as usize, &bytes[..size]);
            }
            Event::Truncate { file, size } => files.entry(file.clone()).or_default().resize(*size as usize, 0),
            Event::Delete { file } => drop(files.remove(file)),
            Event::Sync { .. } | Event::SyncFailed { .. } | Event::Acknowledged(_) => {}
        }
    }
    files
}

async fn short_history(disk: &'static Disk, folder: &Path) {
    let disk_here = Some(disk.through(folder));
    let books = SqliteBooks::open_through(disk_here, folder, Arc::new(Manual::at(NOON)), &options(7)).unwrap();
    post_one(&books, deposit(900, ALICE, 10_000)).await.unwrap();
    for n in 1..=12 {
        match n % 4 {
            0 => books.note(failed_call(n)),
            1 => drop(post_one(&books, payout(n, ALICE, 3)).await.unwrap()),
            _ => {
                let held = books.hold(ALICE, nano(101)).await.unwrap();
                let call = Call { keyed: Some(key(n as u8, 1)), ..call(n, 101) };
                books.capture(held, Arc::new(call), Some(vec![n as u8; 6_000])).await.unwrap();
                disk.acknowledged(n);
            }
        }
    }
    // Three in one commit.
    let many = futures_util::future::join_all((20..23).map(|n| charge(&books, call(n, 7))));
    assert!(many.await.iter().all(Result::is_ok));
    (20..23).for_each(|n| disk.acknowledged(n));
    books.close().await;
}

async fn opens_whole(files: &Files, acknowledged: &HashSet<CallId>, what: &str) {
    let folder = folder_of(files);
    let books = SqliteBooks::open(folder.path(), Arc::new(Manual::at(NOON)), &options(50_000));
    let books = books.unwrap_or_else(|error| panic!("{what}: {error}"));
    let rows = books.rows(0, 1_000).await.unwrap();
    let there: HashSet<_> =
        rows.iter().filter_map(|(_, row)| if let Row::Call(c) = row { Some(c.id) } else { None }).collect();
    let lost: Vec<_> = acknowledged.difference(&there).collect();
    assert!(lost.is_empty(), "{what}: {lost:?} are gone");
    for (seq, row) in &rows {
        if let Row::Call(call) = row
            && call.keyed.is_some()
        {
            let stored = books.stored(*seq).await.unwrap().unwrap();
            assert!(stored.outcome.is_some(), "{what}: row {seq} came without its answer");
        }
    }
    drop(books);
    assert_in_order(folder.path());
}

/// Looks at what is left after each event from `first` on, in every way that a cut can leave it.
pub(super) async fn cut_everywhere(
    log: &[Event],
    first: usize,
    ways: &[Kept],
    look: impl AsyncFn(&Files, &HashSet<CallId>, &str),
) -> usize {
    let mut looked_at = HashSet::new();
    for cut in first..=log.len() {
        let events = &log[..cut];
        let acknowledged =
            events.iter().filter_map(|e| if let Event::Acknowledged(n) = e { Some(call_id(*n)) } else { None });
        let acknowledged: HashSet<_> = acknowledged.collect();
        for kept in ways {
            let files = left_by(events, *kept);
            let mut same = DefaultHasher::new();
            (&files, acknowledged.len()).hash(&mut same);
            if looked_at.insert(same.finish()) {
                look(&files, &acknowledged, &format!("cut after event {cut} of {}, {kept:?}", log.len())).await;
            }
        }
    }
    looked_at.len()
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_cut_at_any_write() {
    let disk = Disk::new("cut");
    let folder = tempfile::tempdir().unwrap();
    short_history(disk, folder.path()).await;
    let ways = [Kept::All, Kept::Synced, Kept::Torn, Kept::Some(1), Kept::Some(2)];
    let looked_at = cut_everywhere(&disk.log(), 0, &ways, opens_whole).await;
    assert!(looked_at > 200, "{looked_at} different disks");
}

/// The log takes a commit in pieces of 96 KiB at most: one that has several is there whole or not at all.
#[tokio::test]
async fn a_commit_of_many_pieces_survives_a_cut_at_any_write() {
    let disk = Disk::new("large");
    let folder = tempfile::tempdir().unwrap();
    let books = SqliteBooks::open_through(
        Some(disk.through(folder.path())),
        folder.path(),
        Arc::new(Manual::at(NOON)),
        &options(50_000),
    )
    .unwrap();
    post_one(&books, deposit(900, ALICE, 10_000)).await.unwrap();
    let before = disk.log().len();
    let held = books.hold(ALICE, nano(101)).await.unwrap();
    let call = Call { keyed: Some(key(1, 1)), ..call(1, 101) };
    books.capture(held, Arc::new(call), Some(vec![7; 250_000])).await.unwrap();
    disk.acknowledged(1);
    let (log, after) = (disk.log(), disk.log().len());
    let written: usize = log[before..after]
        .iter()
        .map(|event| if let Event::Write { bytes, .. } = event { bytes.len() } else { 0 })
        .sum();
    assert!(written > 250_000, "{written} bytes");
    books.close().await;
    cut_everywhere(&log, before, &[Kept::All, Kept::Synced, Kept::Torn, Kept::Some(3)], opens_whole).await;
}

/// A hold that becomes a payout, one that is given back, a refund whose receiver has nothing left, and a call that pays
/// that debt.
async fn history_of_debts(disk: &'static Disk, folder: &Path) {
    let books = SqliteBooks::open_through(Some(disk.through(folder)), folder, Arc::new(Manual::at(NOON)), &options(7));
    let books = books.unwrap();
    post_one(&books, deposit(900, ALICE, 10_000)).await.unwrap();
    let seq = charge(&books, call(30, 1_000)).await.unwrap();
    disk.acknowledged(30);
    let wish = |n: u8, account, amount| NewPending {
        id: HoldId([n; 16]),
        at: NOON,
        account,
        purse: None,
        amount: nano(amount),
        expires: NOON.plus_ms(60_000),
        reference: "bank".to_owned(),
        actor: None,
    };
    let (_, hold) = books.pend(wish(1, BOB, 536)).await.unwrap();
    post_one(&books, payout(1, BOB, 536).from_hold(hold.id)).await.unwrap();
    books.pend(wish(2, ALICE, 50)).await.unwrap();
    books.void(HoldId([2; 16]), NOON).await.unwrap();
    let refund = Refund {
        id: deposit(2, ALICE, 1).id,
        at: NOON,
        amount: None,
        reason: "wrong".to_owned(),
        actor: BOB,
        window_ms: None,
    };
    books.refund(refund, seq).await.unwrap();
    assert_eq!(books.owed(BOB).await.unwrap(), nano(536));
    charge(&books, call(31, 200)).await.unwrap();
    disk.acknowledged(31);
    books.close().await;
}

#[tokio::test]
async fn refunds_debts_and_holds_survive_a_cut_at_any_write() {
    let disk = Disk::new("debts");
    let folder = tempfile::tempdir().unwrap();
    history_of_debts(disk, folder.path()).await;
    let look = async |files: &Files, acknowledged: &HashSet<CallId>, what: &str| {
        opens_whole(files, acknowledged, what).await;
        let folder = folder_of(files);
        let books = SqliteBooks::open(folder.path(), Arc::new(Manual::at(NOON)), &options(50_000)).unwrap();
        let rows = books.rows(0, 1_000).await.unwrap();
        // Who earns while they owe pays with the same commit, or has not earned.
        let earned = rows.iter().any(|(_, row)| matches!(row, Row::Call(call) if call.id == call_id(31)));
        let paid = rows
            .iter()
            .any(|(_, row)| matches!(row, Row::Transfer(transfer) if matches!(transfer.kind, Kind::Recovery(_))));
        assert_eq!(earned, paid, "{what}");
        let refunded = rows
            .iter()
            .any(|(_, row)| matches!(row, Row::Transfer(transfer) if matches!(transfer.kind, Kind::Refund(_))));
        let owed = if paid { 536 - 108 } else { 536 * i64::from(refunded) };
        assert_eq!(books.owed(BOB).await.unwrap(), nano(owed), "{what}");
    };
    let ways = [Kept::All, Kept::Synced, Kept::Torn, Kept::Some(1), Kept::Some(2)];
    let looked_at = cut_everywhere(&disk.log(), 0, &ways, look).await;
    assert!(looked_at > 100, "{looked_at} different disks");
}

/// After a failed sync the machine may show pages that the disk does not have. A hub that starts again on them must not
/// put an acknowledged row behind such a page.
#[tokio::test]
async fn what_is_acknowledged_after_a_failed_sync_and_a_restart_survives_a_cut() {
    let disk = Disk::new("cut-after-failed-sync");
    let [before, after] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let open = |folder: &Path| {
        SqliteBooks::open_through(Some(disk.through(folder)), folder, Arc::new(Manual::at(NOON)), &options(50_000))
            .unwrap()
    };
    let books = open(before.path());
    post_one(&books, deposit(900, ALICE, 10_000)).await.unwrap();
    disk.fail(Fault { act: Act::Sync, thread: "books", file: "ledger.db-wal", nth: 1 });
    charge(&books, call(1, 10)).await.unwrap_err();
    // Killed: the next hub finds the files as the machine shows them, and no memory of who had them open.
    let killed_at = disk.log().len();
    for file in ["ledger.db", "ledger.db-wal"] {
        std::fs::copy(before.path().join(file), after.path().join(file)).unwrap();
    }
    let books_again = open(after.path());
    for n in 2..6 {
        charge(&books_again, call(n, 10)).await.unwrap();
        disk.acknowledged(n);
    }
    cut_everywhere(&disk.log(), killed_at, &[Kept::All, Kept::Synced], opens_whole).await;
}
