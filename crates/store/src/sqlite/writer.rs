//! The one thread that writes the books: takes all that wait, decides each in memory, writes them in one
//! transaction, commits once, wakes all.
//!
//! Always: nobody is told "captured" before the commit that holds the row has returned; a refused posting touches
//! nothing but itself; after a failed commit nobody is told anything good again.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ledger::{Call, Refusal, Transfer};
use rusqlite::{Connection, OptionalExtension};
use tokio::sync::{oneshot, watch};

use super::row;
use crate::books::{Denied, Held, Seq, Shared};
use crate::clock::Clock;
use crate::window::Window;

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
    /// Dropped with the writer, it ends the thread that checkpoints.
    pub(super) _running: Sender<()>,
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
        let mut waiting = batch.drain(..);
        if let Some(reason) = self.broken() {
            turn_away(waiting, &reason, &mut close);
            return close;
        }
        let before = self.next;
        let written = self.conn.execute_batch("BEGIN IMMEDIATE").and_then(|()| {
            self.forget()?;
            for command in waiting.by_ref() {
                self.apply(command, &mut answers, &mut close)?;
            }
            self.since_snapshot += self.next - before;
            if self.since_snapshot >= self.snapshot_every || (close.is_some() && self.since_snapshot > 0) {
                self.snapshot()?;
            }
            self.conn.execute_batch("COMMIT")
        });
        if let Err(error) = written {
            let reason = self.fail(&error);
            for (done, _) in answers {
                let _ = done.send(Err(Denied::Broken { reason: reason.clone() }));
            }
            turn_away(waiting, &reason, &mut close);
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

    fn broken(&self) -> Option<String> {
        self.broken.lock().expect("nothing panics while it holds the reason").clone()
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
                    // The row is not on the disk, and its neighbours are not either: all hear why.
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
        if let Err(denied) = self.charge(held, call) {
            if let Some(Outcome::File(name)) = outcome {
                // No row will name it. One that cannot be removed now is removed at the next start.
                let _ = std::fs::remove_file(self.outcomes.join(name));
            }
            return Ok(Err(denied));
        }
        let seq = self.next;
        row::insert_call(&self.conn, seq, call)?;
        if let Some(keyed) = &call.keyed {
            let expires = Window::expiry(call.finished);
            let (file, body) = match outcome {
                Some(Outcome::Inline(body)) => (None, Some(body)),
                Some(Outcome::File(name)) => (Some(name), None),
                None => (None, None),
            };
            self.conn
                .prepare_cached("INSERT INTO outcomes VALUES (?1, ?2, ?3, ?4)")?
                .execute(rusqlite::params![seq as i64, expires.0, file, body])?;
            self.window.lock().expect("nothing panics while it holds the window").remember(keyed, seq, expires);
        }
        self.next += 1;
        Ok(Ok(seq))
    }

    /// Charges in memory. The hold has ended, whatever this answers.
    fn charge(&self, held: Held, call: &Call) -> Result<(), Denied> {
        if let Some(keyed) = &call.keyed {
            let window = self.window.lock().expect("nothing panics while it holds the window");
            window.admit(keyed, self.clock.now())?;
        }
        held.capture(&mut self.book.lock(), call)?;
        Ok(())
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

    /// Lets go of outcomes whose day is over, some at a time: nobody is answered from them any more.
    fn forget(&mut self) -> rusqlite::Result<()> {
        let now = self.clock.now();
        for _ in 0..1_000 {
            let gone = self.window.lock().expect("nothing panics while it holds the window").forget(now);
            let Some(seq) = gone else { break };
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
        self.conn
            .execute("DELETE FROM snapshots WHERE seq < (SELECT max(seq) FROM snapshots WHERE seq < ?1)", [seq])?;
        // Copied, so that holds go on while the rows are written.
        let balances: Vec<_> = self.book.lock().balances().collect();
        let mut insert = self.conn.prepare_cached("INSERT OR REPLACE INTO snapshots VALUES (?1, ?2, ?3, ?4)")?;
        for (account, balance) in balances {
            insert.execute(rusqlite::params![seq, &account.0[..], balance.cash, balance.promo])?;
        }
        self.since_snapshot = 0;
        Ok(())
    }

    /// The disk failed: nothing good is said again. Gives the reason that everybody hears.
    fn fail(&mut self, error: &rusqlite::Error) -> String {
        let reason = error.to_string();
        tracing::error!("The books cannot be written, nothing more is taken until a restart: {reason}");
        *self.broken.lock().expect("nothing panics while it holds the reason") = Some(reason.clone());
        // Whoever waits for a row that will not come looks again, and sees why.
        self.last.send_modify(|_| {});
        // What the transaction held is gone with it; this only gives the lock back.
        let _ = self.conn.execute_batch("ROLLBACK");
        reason
    }
}

/// Tells everybody that nothing is taken any more; keeps the order to close, which is still obeyed.
fn turn_away(waiting: impl Iterator<Item = Command>, reason: &str, close: &mut Option<oneshot::Sender<()>>) {
    for command in waiting {
        match command {
            Command::Capture { done, .. } | Command::Post { done, .. } => {
                let _ = done.send(Err(Denied::Broken { reason: reason.to_owned() }));
            }
            Command::Close { done } => *close = Some(done),
            Command::Note { .. } => {}
        }
    }
}
