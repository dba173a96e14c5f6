//! `kill -9` while sixteen threads capture as fast as they can.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use ledger::{CallId, Time};

use super::scene::{ALICE, NOON, assert_in_order, call, charge, deposit, options, post_one};
use crate::{Books, Manual, Row, SqliteBooks};

/// Tells the child where the books are, and from which number its calls count.
const FOLDER: &str = "STORE_TEST_KILL_FOLDER";
const FIRST: &str = "STORE_TEST_KILL_FIRST";

fn open(folder: &Path) -> SqliteBooks {
    SqliteBooks::open(folder, Arc::new(Manual::at(Time(NOON.0))), &options(300)).unwrap()
}

/// The child of the test below, which starts this very test again. By itself it does nothing.
#[test]
fn child_that_captures_until_it_is_killed() {
    let (Some(folder), Ok(first)) = (std::env::var_os(FOLDER), std::env::var(FIRST)) else { return };
    let first: u64 = first.parse().unwrap();
    let books = open(Path::new(&folder));
    std::thread::scope(|threads| {
        for thread in 0..16 {
            let books = &books;
            threads.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                for n in 0..1_000_000 {
                    let call = call(first + thread * 1_000_000 + n, 13);
                    let id = call.id;
                    runtime.block_on(charge(books, call)).unwrap();
                    // One line, one write: lines of other threads do not get into it.
                    std::io::stdout().lock().write_all(format!("acknowledged {id}\n").as_bytes()).unwrap();
                }
            });
        }
    });
}

/// Runs the child for a while, kills it, and gives the calls it heard acknowledged.
fn run_and_kill(folder: &Path, first: u64) -> Vec<CallId> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tests::kill::child_that_captures_until_it_is_killed", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let (first_heard, works) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut acknowledged = Vec::new();
        let mut line = String::new();
        // A line without an end was cut off by the kill, and nobody has heard it.
        while lines.read_line(&mut line).unwrap() > 0 && line.ends_with('\n') {
            acknowledged.extend(line.trim().strip_prefix("acknowledged ").map(|id| id.parse::<CallId>().unwrap()));
            line.clear();
            if acknowledged.len() == 1 {
                let _ = first_heard.send(());
            }
        }
        acknowledged
    });
    works.recv_timeout(Duration::from_secs(60)).expect("the child captures");
    std::thread::sleep(Duration::from_millis(300));
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

#[tokio::test]
async fn no_acknowledged_call_is_lost_to_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    post_one(&open(folder.path()), deposit(900, ALICE, 1_000_000_000_000)).await.unwrap();
    let mut acknowledged = Vec::new();
    for round in 1..=5 {
        acknowledged.extend(run_and_kill(folder.path(), round * 100_000_000));
        let books = open(folder.path());
        let rows = books.rows(0, usize::MAX >> 1).await.unwrap();
        let there: Vec<_> =
            rows.iter().filter_map(|(_, row)| if let Row::Call(c) = row { Some(c.id) } else { None }).collect();
        let once: HashSet<_> = there.iter().copied().collect();
        assert_eq!(once.len(), there.len(), "round {round}: nothing stands there twice");
        let lost = acknowledged.iter().filter(|id| !once.contains(id)).count();
        assert_eq!(lost, 0, "round {round}: lost of {} acknowledged", acknowledged.len());
        assert_eq!(books.balance(ALICE).await.unwrap().cash, 1_000_000_000_000 - 13 * there.len() as i64);
        drop(books);
        let report = assert_in_order(folder.path());
        assert_eq!(report.calls as usize, there.len());
    }
    assert!(acknowledged.len() > 100, "only {} calls were acknowledged", acknowledged.len());
}
