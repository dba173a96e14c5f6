//! The one thread that writes the books: takes all that wait, decides each in memory, writes them in one
//! transaction, commits once, wakes all.
//!
//! Always: nobody is told "captured" before the commit that holds the row has returned; a refused posting touches
//! nothing but itself; after a failed commit nobody is told anything good again.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ledger::{Call, Refusal, Time, Transfer};
use rusqlite::{Connection, OptionalExtension};
use tokio::sync::{oneshot, watch};

use super::row;
use crate::books::{Denied, Held, KEYED_LIMIT, OUTCOME_WINDOW_MS, Seq, Shared};
use crate::clock::Clock;

/// The most that share one commit.
const BATCH: usize = 4_096;

type Answer = Result<Seq, Denied>;

pub(super) enum Command {
    Capture { held: Held, call: Box<Call>, outcome: Option<Outcome>, done: oneshot::Sender<Answer> },
    Note { call: Box<Call> },
    Post { transfer: Box<Transfer>, done: oneshot::Sender<Answer> },
    Close { done: oneshot::Sender<()> },
}

/// An answer to keep for its key: in the row, or in a file that was synced before it was queued.
pub(super) enum Outcome {
    Inline(Vec<u8>),
    File(String),
}

/// Idempotency keys of the last 24 hours.
#[derive(Debug, Default)]
pub(super) struct Window {
    pub(super) keys: HashMap<[u8; 32], ([u8; 32], Seq)>,
    /// Oldest first: when it leaves, whose it is, and its row.
    pub(super) leaving: VecDeque<(Time, [u8; 32], Seq)>,
}

impl Window {
    pub(super) fn remember(&mut self, expires: Time, hash: [u8; 32], content: [u8; 32], seq: Seq) {
        self.keys.insert(hash, (content, seq));
        self.leaving.push_back((expires, hash, seq));
    }
}

pub(super) struct Writer {
    pub(super) conn: Connection,
    pub(super) book: Shared,
    pub(super) window: Arc<Mutex<Window>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) last: watch::Sender<Seq>,
    pub(super) broken: Arc<Mutex<Option<String>>>,
    pub(super) outcomes: PathBuf,
    pub(super) next: Seq,
    pub(super) snapshot_every: u64,
    pub(super) since_snapshot: u64,
}

impl Writer {
    pub(super) fn run(mut self, commands: &Receiver<Command>) {
        super::books::ask_for_real_time();
        let mut batch = Vec::with_capacity(256);
        loop {
            // The pause lets an idle hub forget outcomes whose day is over, and shrink its write-ahead log.
            match commands.recv_timeout(Duration::from_secs(5)) {
                Ok(command) => batch.push(command),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            while batch.len() < BATCH
                && let Ok(command) = commands.try_recv()
            {
                batch.push(command);
            }
            if let Some(close) = self.write(&mut batch) {
                let _ = close.send(());
                return;
            }
        }
    }

    /// Writes one batch. Gives the sender to tell when the batch held the order to close.
    fn write(&mut self, batch: &mut Vec<Command>) -> Option<oneshot::Sender<()>> {
        let mut answers = Vec::with_capacity(batch.len());
        let mut close = None;
        if self.broken.lock().expect("nothing panics while it holds the reason").is_some() {
            return self.turn_away(batch);
        }
        let before = self.next;
        let written = self.conn.execute_batch("BEGIN IMMEDIATE").and_then(|()| {
            for command in batch.drain(..) {
                self.apply(command, &mut answers, &mut close)?;
            }
            self.forget()?;
            self.since_snapshot += self.next - before;
            if self.since_snapshot >= self.snapshot_every || (close.is_some() && self.since_snapshot > 0) {
                self.snapshot()?;
            }
            self.conn.execute_batch("COMMIT")
        });
        if let Err(error) = written {
            self.fail(error, batch, answers);
            return close;
        }
        if self.next > before {
            self.last.send_replace(self.next - 1);
        }
        for (done, answer) in answers {
            // Whoever asked may be gone; the charge stands all the same.
            let _ = done.send(answer);
        }
        close
    }

    fn apply(
        &mut self,
        command: Command,
        answers: &mut Vec<(oneshot::Sender<Answer>, Answer)>,
        close: &mut Option<oneshot::Sender<()>>,
    ) -> rusqlite::Result<()> {
        match command {
            Command::Capture { held, call, outcome, done } => match self.capture(held, &call, outcome) {
                Ok(answer) => answers.push((done, answer)),
                Err(error) => {
                    // The row is not on the disk, and its neighbours are not either.
                    answers.push((done, Err(Denied::Broken { reason: error.to_string() })));
                    return Err(error);
                }
            },
            Command::Note { call } => {
                row::insert_call(&self.conn, self.next, &call)?;
                self.next += 1;
            }
            Command::Post { transfer, done } => match self.post(&transfer) {
                Ok(answer) => answers.push((done, answer)),
                Err(error) => {
                    answers.push((done, Err(Denied::Broken { reason: error.to_string() })));
                    return Err(error);
                }
            },
            Command::Close { done } => *close = Some(done),
        }
        Ok(())
    }

    fn capture(&mut self, held: Held, call: &Call, outcome: Option<Outcome>) -> rusqlite::Result<Answer> {
        let mut window = self.window.lock().expect("nothing panics while it holds the window");
        if let Some(keyed) = &call.keyed {
            let known = window.keys.get(&keyed.hash).map(|(_, seq)| *seq);
            let full = window.keys.len() >= KEYED_LIMIT;
            if known.is_some() || full {
                held.void(&mut self.book.lock());
                return Ok(Err(match known {
                    Some(seq) => Denied::AlreadyCaptured { seq },
                    None => Denied::KeyedFull { limit: KEYED_LIMIT },
                }));
            }
        }
        // In its own statement: the guard must be gone before the next lock of the book.
        let done = held.capture(&mut self.book.lock(), call);
        if let Err(refusal) = done {
            return Ok(Err(refusal.into()));
        }
        let seq = self.next;
        row::insert_call(&self.conn, seq, call)?;
        if let Some(keyed) = &call.keyed {
            let expires = call.finished.plus_ms(OUTCOME_WINDOW_MS);
            let (file, body) = match outcome {
                Some(Outcome::Inline(body)) => (None, Some(body)),
                Some(Outcome::File(name)) => (Some(name), None),
                None => (None, None),
            };
            self.conn
                .prepare_cached("INSERT INTO outcomes VALUES (?1, ?2, ?3, ?4)")?
                .execute(rusqlite::params![seq as i64, expires.0, file, body])?;
            window.remember(expires, keyed.hash, keyed.content, seq);
        }
        self.next += 1;
        Ok(Ok(seq))
    }

    fn post(&mut self, transfer: &Transfer) -> rusqlite::Result<Answer> {
        let earlier = self
            .conn
            .prepare_cached("SELECT * FROM transfers WHERE id = ?1")?
            .query_row([&transfer.id.0[..]], row::read_transfer)
            .optional()?;
        match earlier {
            Some((seq, same)) if same.same_content(transfer) => return Ok(Ok(seq)),
            Some(_) => return Ok(Err(Refusal::IdReused { id: transfer.id }.into())),
            None => {}
        }
        let done = self.book.lock().post(transfer);
        if let Err(refusal) = done {
            return Ok(Err(refusal.into()));
        }
        let seq = self.next;
        row::insert_transfer(&self.conn, seq, transfer)?;
        self.next += 1;
        Ok(Ok(seq))
    }

    /// Lets go of outcomes whose day is over, some at a time.
    fn forget(&mut self) -> rusqlite::Result<()> {
        let now = self.clock.now();
        let mut window = self.window.lock().expect("nothing panics while it holds the window");
        for _ in 0..1_000 {
            let Some((expires, hash, seq)) = window.leaving.front().copied() else { break };
            if expires > now {
                break;
            }
            window.leaving.pop_front();
            window.keys.remove(&hash);
            let file: Option<Option<String>> = self
                .conn
                .prepare_cached("DELETE FROM outcomes WHERE seq = ?1 RETURNING file")?
                .query_row([seq as i64], |r| r.get(0))
                .optional()?;
            if let Some(Some(name)) = file {
                // A file that outlives its row by a crash is removed at the next start.
                let _ = std::fs::remove_file(self.outcomes.join(name));
            }
        }
        Ok(())
    }

    /// All balances as they are after the last row of this batch. The one before stays, should this one tear.
    fn snapshot(&mut self) -> rusqlite::Result<()> {
        let seq = (self.next - 1) as i64;
        self.conn.execute(
            "DELETE FROM snapshots WHERE seq < (SELECT max(seq) FROM snapshots WHERE seq < ?1)",
            [seq],
        )?;
        let book = self.book.lock();
        let mut insert = self.conn.prepare_cached("INSERT OR REPLACE INTO snapshots VALUES (?1, ?2, ?3, ?4)")?;
        for (account, balance) in book.balances() {
            insert.execute(rusqlite::params![seq, &account.0[..], balance.cash, balance.promo])?;
        }
        self.since_snapshot = 0;
        Ok(())
    }

    /// The disk failed: everybody of this batch hears it, and all who come later.
    fn fail(&mut self, error: rusqlite::Error, batch: &mut Vec<Command>, answers: Vec<(oneshot::Sender<Answer>, Answer)>) {
        let reason = error.to_string();
        tracing::error!("The books cannot be written, nothing more is taken until a restart: {reason}");
        *self.broken.lock().expect("nothing panics while it holds the reason") = Some(reason.clone());
        // Whoever waits for a row that will not come looks again, and sees why.
        self.last.send_modify(|_| {});
        // What the transaction held is gone with it; this only gives the lock back.
        let _ = self.conn.execute_batch("ROLLBACK");
        for (done, _) in answers {
            let _ = done.send(Err(Denied::Broken { reason: reason.clone() }));
        }
        self.turn_away(batch);
    }

    fn turn_away(&mut self, batch: &mut Vec<Command>) -> Option<oneshot::Sender<()>> {
        let reason = self.broken.lock().expect("nothing panics while it holds the reason").clone().unwrap_or_default();
        let mut close = None;
        for command in batch.drain(..) {
            match command {
                Command::Capture { done, .. } | Command::Post { done, .. } => {
                    let _ = done.send(Err(Denied::Broken { reason: reason.clone() }));
                }
                Command::Close { done } => close = Some(done),
                Command::Note { .. } => {}
            }
        }
        close
    }
}
