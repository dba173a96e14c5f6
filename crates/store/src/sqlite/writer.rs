//! The one thread that writes the books: takes all that wait, decides each in memory, writes them in one transaction,
//! commits once. The herald (`herald.rs`) syncs what was committed and tells those who wait.
//!
//! Always: nobody is told "captured" before the sync that covers the row has returned; a refused posting touches
//! nothing but itself; after a failed commit or sync nobody is told anything good again.
//!
//! To add something that can be asked: a [`Command`], an arm in [`Pen::apply`], the rule in `ledger::Book`.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use ledger::{Call, Ended, Ending, HoldId, Pending, Recovery, Refund, Refunded, Refusal, Time, Transfer, TransferId};
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use super::herald::{Batch, Captured, Herald, Reply};
use super::queue::{Came, Receiver};
use super::row::{self, Written};
use super::snapshot::{self, State};
use crate::books::{Denied, Held, NewPending, Row, Seq, Shared};
use crate::clock::Clock;
use crate::window::Window;

/// So many accounts have moved at most when a snapshot is taken: what it costs is spread.
const MOVED: usize = 4_096;

pub(super) type Answer<T> = oneshot::Sender<Result<T, Denied>>;

/// What is asked for. Small: it is moved a few times on its way.
pub(super) enum Command {
    Capture(Box<Capture>),
    Note { call: Arc<Call>, written: Box<Written> },
    Post { chain: Vec<Transfer>, done: Answer<Vec<Seq>> },
    Refund { refund: Box<Refund>, call: Seq, done: Answer<(Seq, Arc<Transfer>)> },
    Pend { wish: Box<NewPending>, done: Answer<(Seq, Arc<Pending>)> },
    Void { hold: HoldId, at: Time, done: Answer<Seq> },
    Close { done: oneshot::Sender<()> },
}

pub(super) struct Capture {
    pub(super) held: Held,
    pub(super) call: Arc<Call>,
    pub(super) written: Written,
    pub(super) outcome: Option<Outcome>,
    pub(super) done: oneshot::Sender<Captured>,
}

/// An answer to keep for its key: in the row, or in a file that was synced before it was queued.
pub(super) enum Outcome {
    Inline(Vec<u8>),
    File(String),
}

pub(super) struct Writer {
    pub(super) conn: Connection,
    pub(super) desk: Desk,
    pub(super) herald: Herald,
    /// Said by the thread that checkpoints: the log is long, and its last few pages are ours to carry over.
    pub(super) long_log: Arc<AtomicBool>,
    /// Dropped with the writer, it ends that thread.
    pub(super) _running: Sender<()>,
}

/// What the writer knows.
pub(super) struct Desk {
    pub(super) book: Shared,
    pub(super) window: Arc<Mutex<Window>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) outcomes: PathBuf,
    pub(super) next: Seq,
    pub(super) snapshot_every: u64,
    pub(super) since_snapshot: u64,
    pub(super) sum: snapshot::Sum,
}

impl Writer {
    pub(super) fn run(mut self, commands: &Receiver<Command>) {
        self.herald.vitals.set_real_time(super::books::ask_for_real_time());
        let mut waiting = Vec::with_capacity(256);
        loop {
            // The pause lets an idle hub end what is due, forget outcomes whose day is over, and take its snapshot.
            let idle = match commands.take(&mut waiting, Duration::from_secs(1)) {
                Came::Items => false,
                Came::Nothing => true,
                Came::End => return,
            };
            let batch = self.write(&mut waiting, idle);
            if let Some(close) = self.herald.finish(batch) {
                let _ = close.send(());
                return;
            }
            if self.long_log.swap(false, Ordering::Relaxed) {
                self.carry_over();
            }
        }
    }

    /// Decides and commits what waits; not yet on the disk.
    fn write(&mut self, waiting: &mut Vec<Command>, idle: bool) -> Batch {
        let mut batch = Batch::new(waiting.len());
        let mut waiting = waiting.drain(..);
        if !self.herald.broken.is_set() && (!idle || self.desk.has_work()) {
            let written = self.conn.execute_batch("BEGIN IMMEDIATE").and_then(|()| {
                let mut pen = Pen::new(&self.conn, &mut self.desk, &mut batch)?;
                pen.end_what_is_due()?;
                pen.forget()?;
                for command in waiting.by_ref() {
                    pen.apply(command)?;
                }
                pen.snapshot_if_due(idle)?;
                drop(pen);
                self.conn.execute_batch("COMMIT")
            });
            if let Err(error) = written {
                self.herald.fail(&error.to_string());
                // What the transaction held is gone with it; this only gives the lock back.
                let _ = self.conn.execute_batch("ROLLBACK");
            }
        }
        // Only where the disk has failed is anybody left.
        let reason = self.herald.broken.reason();
        waiting.for_each(|command| turn_away(command, reason, &mut batch));
        batch
    }

    /// Carries over the last pages that came while the other thread did. After this the log begins again by itself,
    /// unless somebody reads in it. Between two batches: nobody's commit waits inside of it.
    fn carry_over(&self) {
        if !self.herald.broken.is_set()
            && let Err(error) = self.conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
        {
            tracing::warn!("A checkpoint of the books failed and will be tried again: {error}");
        }
    }
}

impl Desk {
    fn window(&self) -> MutexGuard<'_, Window> {
        self.window.lock().expect("nothing panics while it holds the window")
    }

    /// Whether an idle writer has something to do.
    fn has_work(&self) -> bool {
        let now = self.clock.now();
        self.since_snapshot > 0 || self.book.lock().due(now).is_some() || self.window().is_due(now)
    }
}

/// Writes one batch.
struct Pen<'a> {
    conn: &'a Connection,
    calls: CachedStatement<'a>,
    desk: &'a mut Desk,
    batch: &'a mut Batch,
}

impl<'a> Pen<'a> {
    fn new(conn: &'a Connection, desk: &'a mut Desk, batch: &'a mut Batch) -> rusqlite::Result<Pen<'a>> {
        Ok(Pen { conn, calls: conn.prepare_cached(row::INSERT_CALL)?, desk, batch })
    }

    fn apply(&mut self, command: Command) -> rusqlite::Result<()> {
        match command {
            Command::Capture(capture) => {
                let Capture { held, call, written, outcome, done } = *capture;
                match self.capture(held, call, written, outcome) {
                    Ok(answer) => self.batch.replies.push(Reply::Seq(done, answer.map_err(Box::new))),
                    // The row is not on the disk, and its neighbours are not either: all hear why.
                    Err(error) => {
                        self.batch.replies.push(Reply::Seq(done, Ok(0)));
                        return Err(error);
                    }
                }
                Ok(())
            }
            Command::Note { call, written } => self.write_call(call, *written).map(drop),
            Command::Post { chain, done } => {
                let answer = self.post(chain);
                self.answer(done, answer)
            }
            Command::Refund { refund, call, done } => {
                let answer = self.refund(&refund, call);
                self.answer(done, answer)
            }
            Command::Pend { wish, done } => {
                let answer = self.pend(&wish);
                self.answer(done, answer)
            }
            Command::Void { hold, at, done } => {
                let answer = self.end(Ended { hold, at, how: Ending::Voided });
                self.answer(done, answer)
            }
            Command::Close { done } => {
                self.batch.close = Some(done);
                Ok(())
            }
        }
    }

    /// Keeps an answer until the sync; an error of the disk ends the batch, and everybody in it hears why.
    fn answer<T: Send + 'static>(
        &mut self,
        done: Answer<T>,
        answer: rusqlite::Result<Result<T, Denied>>,
    ) -> rusqlite::Result<()> {
        let (answer, failed) = match answer {
            Ok(answer) => (answer, Ok(())),
            Err(error) => (Err(Denied::Broken { reason: error.to_string() }), Err(error)),
        };
        self.batch.replies.push(Reply::other(done, answer));
        failed
    }

    /// The place of the next row, taken.
    fn place(&mut self, row: Row) -> Seq {
        let seq = self.desk.next;
        self.desk.next += 1;
        self.desk.since_snapshot += 1;
        self.batch.rows.push(row);
        seq
    }

    fn write_call(&mut self, call: Arc<Call>, written: Written) -> rusqlite::Result<Seq> {
        let seq = self.place(Row::Call(call.clone()));
        row::insert_call(&mut self.calls, seq, &call, written)?;
        Ok(seq)
    }

    fn write_transfer(&mut self, transfer: Transfer) -> rusqlite::Result<(Seq, Arc<Transfer>)> {
        let transfer = Arc::new(transfer);
        let seq = self.place(Row::Transfer(transfer.clone()));
        row::insert_transfer(self.conn, seq, &transfer)?;
        if let Some(hold) = transfer.hold {
            row::insert_end(self.conn, seq, &Ended { hold, at: transfer.at, how: Ending::Captured })?;
        }
        Ok((seq, transfer))
    }

    fn capture(
        &mut self,
        held: Held,
        call: Arc<Call>,
        written: Written,
        outcome: Option<Outcome>,
    ) -> rusqlite::Result<Result<Seq, Denied>> {
        let recovered = match self.charge(held, &call) {
            Ok(recovered) => recovered,
            Err(denied) => {
                if let Some(Outcome::File(name)) = outcome {
                    // No row will name it. One that cannot be removed now is removed at the next start.
                    let _ = std::fs::remove_file(self.desk.outcomes.join(name));
                }
                return Ok(Err(denied));
            }
        };
        let seq = self.write_call(call.clone(), written)?;
        if let Some(keyed) = &call.keyed {
            let expires = Window::expiry(call.finished);
            self.conn.prepare_cached("INSERT INTO keyed VALUES (?1, ?2, ?3, ?4)")?.execute(params![
                seq as i64,
                expires.0,
                &keyed.hash[..],
                &keyed.content[..]
            ])?;
            let (file, body) = match outcome {
                Some(Outcome::Inline(body)) => (None, Some(body)),
                Some(Outcome::File(name)) => (Some(name), None),
                None => (None, None),
            };
            let mut insert = self.conn.prepare_cached("INSERT INTO outcomes VALUES (?1, ?2, ?3)")?;
            insert.execute(params![seq as i64, file, body])?;
            self.desk.window().remember(keyed, seq, expires);
        }
        if let Some(hold) = call.hold {
            row::insert_end(self.conn, seq, &Ended { hold, at: call.finished, how: Ending::Captured })?;
        }
        for transfer in recovered {
            self.write_transfer(transfer)?;
        }
        Ok(Ok(seq))
    }

    /// Charges in memory; gives what the receivers pass on to those they owe. The hold has ended, whatever this answers.
    fn charge(&mut self, held: Held, call: &Call) -> Result<Vec<Transfer>, Denied> {
        if let Some(keyed) = &call.keyed {
            self.desk.window().admit(keyed, self.desk.clock.now())?;
        }
        let mut book = self.desk.book.lock();
        held.capture(&mut book, call)?;
        let mut seq = self.desk.next;
        Ok(book.recover(call, call.finished, |recovery| {
            seq += 1;
            recovery_id(recovery, seq)
        }))
    }

    fn post(&mut self, chain: Vec<Transfer>) -> rusqlite::Result<Result<Vec<Seq>, Denied>> {
        let mut ids = HashSet::new();
        let mut earlier = Vec::new();
        for transfer in &chain {
            let id = transfer.id;
            match self.find_transfer(id)? {
                Some((seq, same)) if same.same_content(transfer) => earlier.push(seq),
                Some(_) => return Ok(Err(Refusal::IdReused { id }.into())),
                None if ids.insert(id) => {}
                None => return Ok(Err(Refusal::IdReused { id }.into())),
            }
        }
        match chain.iter().find(|transfer| ids.contains(&transfer.id)) {
            // All of them stand there already.
            None => return Ok(Ok(earlier)),
            // Chains are posted whole, so one that stands there in part is another.
            Some(transfer) if !earlier.is_empty() => return Ok(Err(Refusal::IdReused { id: transfer.id }.into())),
            Some(_) => {}
        }
        let posted = self.desk.book.lock().post_all(&chain);
        if let Err(refusal) = posted {
            return Ok(Err(self.explain(refusal)?.into()));
        }
        let seqs = chain.into_iter().map(|transfer| Ok(self.write_transfer(transfer)?.0));
        Ok(Ok(seqs.collect::<rusqlite::Result<_>>()?))
    }

    fn find_transfer(&self, id: TransferId) -> rusqlite::Result<Option<(Seq, Transfer)>> {
        let mut find = self.conn.prepare_cached("SELECT * FROM transfers WHERE id = ?1")?;
        find.query_row([&id.0[..]], row::read_transfer).optional()?.map(row::Read::intact).transpose()
    }

    fn refund(&mut self, asked: &Refund, seq: Seq) -> rusqlite::Result<Result<(Seq, Arc<Transfer>), Denied>> {
        let Some(call) = super::books::find_call(self.conn, seq)? else { return Ok(Err(Denied::NoCall { seq })) };
        if let Some((seq, same)) = self.find_transfer(asked.id)? {
            let answers = asked.is_answered_by(&same, &call);
            return Ok(if answers {
                Ok((seq, Arc::new(same)))
            } else {
                Err(Refusal::IdReused { id: asked.id }.into())
            });
        }
        let earlier = super::books::refunds_of(self.conn, call.id)?;
        let earlier: Vec<Refunded> = earlier
            .iter()
            .filter_map(|transfer| match &transfer.kind {
                ledger::Kind::Refund(refunded) => Some((**refunded).clone()),
                _ => None,
            })
            .collect();
        let refunded = self.desk.book.lock().refund(asked, &call, &earlier);
        match refunded {
            Ok(transfer) => self.write_transfer(transfer).map(Ok),
            Err(refusal) => Ok(Err(refusal.into())),
        }
    }

    fn pend(&mut self, wish: &NewPending) -> rusqlite::Result<Result<(Seq, Arc<Pending>), Denied>> {
        let mut find = self.conn.prepare_cached("SELECT * FROM holds WHERE id = ?1")?;
        let earlier = find.query_row([&wish.id.0[..]], row::read_pending).optional()?;
        if let Some((seq, pending)) = earlier.map(row::Read::intact).transpose()? {
            let same = wish.same_content(&pending);
            return Ok(if same {
                Ok((seq, Arc::new(pending)))
            } else {
                Err(Refusal::HoldReused { hold: wish.id }.into())
            });
        }
        let made = wish.apply(&mut self.desk.book.lock());
        let pending = match made {
            Ok(pending) => Arc::new(pending),
            Err(refusal) => return Ok(Err(refusal.into())),
        };
        let seq = self.place(Row::Pending(pending.clone()));
        row::insert_pending(self.conn, seq, &pending)?;
        Ok(Ok((seq, pending)))
    }

    fn end(&mut self, ended: Ended) -> rusqlite::Result<Result<Seq, Denied>> {
        let done = self.desk.book.lock().end(&ended);
        if let Err(refusal) = done {
            return Ok(Err(self.explain(refusal)?.into()));
        }
        let seq = self.place(Row::Ended(ended));
        row::insert_end(self.conn, seq, &ended)?;
        Ok(Ok(seq))
    }

    /// A hold that is not there has ended, if it ever was: the book does not remember how, the file does.
    fn explain(&self, refusal: Refusal) -> rusqlite::Result<Refusal> {
        super::books::explain(self.conn, refusal)
    }

    /// Durable holds whose time is over, some at a time.
    fn end_what_is_due(&mut self) -> rusqlite::Result<()> {
        let now = self.desk.clock.now();
        for _ in 0..1_000 {
            let due = self.desk.book.lock().due(now);
            let Some(hold) = due else { break };
            let done = self.end(Ended { hold, at: now, how: Ending::Expired })?;
            assert!(done.is_ok(), "a hold that is due can end: {done:?}");
        }
        Ok(())
    }

    /// Lets go of outcomes whose day is over, some at a time: nobody is answered from them any more.
    fn forget(&mut self) -> rusqlite::Result<()> {
        let now = self.desk.clock.now();
        for _ in 0..1_000 {
            let gone = self.desk.window().forget(now);
            let Some(seq) = gone else { break };
            self.conn.prepare_cached("DELETE FROM keyed WHERE seq = ?1")?.execute([seq as i64])?;
            let file: Option<Option<String>> = self
                .conn
                .prepare_cached("DELETE FROM outcomes WHERE seq = ?1 RETURNING file")?
                .query_row([seq as i64], |r| r.get(0))
                .optional()?;
            if let Some(Some(name)) = file {
                // A file that outlives its row by a crash is removed at the next start.
                let _ = std::fs::remove_file(self.desk.outcomes.join(name));
            }
        }
        Ok(())
    }

    /// A snapshot after so many rows or so many accounts; before a close; and when nobody waits.
    fn snapshot_if_due(&mut self, idle: bool) -> rusqlite::Result<()> {
        let desk = &mut *self.desk;
        let closes = self.batch.close.is_some();
        let mut book = desk.book.lock();
        let due = desk.since_snapshot >= desk.snapshot_every || book.moved() >= MOVED || idle || closes;
        if desk.since_snapshot == 0 || !due {
            return Ok(());
        }
        // Copied, so that holds go on while the rows are written.
        let moved = book.take_moved();
        let moved: Vec<_> = moved.into_iter().map(|account| (account, book.balance(account))).collect();
        let moved: Vec<_> = moved.into_iter().map(|(account, there)| (account, there.cash, there.promo)).collect();
        let state = State { holds: book.pending().cloned().collect(), debts: book.debts().cloned().collect() };
        drop(book);
        snapshot::write(self.conn, desk.next - 1, &moved, &state, &mut desk.sum)?;
        desk.since_snapshot = 0;
        Ok(())
    }
}

/// A name for what pays a debt: made of what it pays and of where it stands, so that it is nobody else's.
fn recovery_id(recovery: &Recovery, seq: Seq) -> TransferId {
    let hash = Sha256::new()
        .chain_update("modelhub recovery")
        .chain_update(recovery.refund.0)
        .chain_update(recovery.place.to_le_bytes())
        .chain_update(seq.to_le_bytes())
        .finalize();
    TransferId::derived(hash.into())
}

/// Tells somebody that nothing is taken any more; keeps the order to close, which is still obeyed.
fn turn_away(command: Command, reason: &str, batch: &mut Batch) {
    fn tell<T>(done: Answer<T>, reason: &str) {
        let _ = done.send(Err(Denied::Broken { reason: reason.to_owned() }));
    }
    match command {
        Command::Capture(capture) => {
            let _ = capture.done.send(Err(Box::new(Denied::Broken { reason: reason.to_owned() })));
        }
        Command::Void { done, .. } => tell(done, reason),
        Command::Post { done, .. } => tell(done, reason),
        Command::Refund { done, .. } => tell(done, reason),
        Command::Pend { done, .. } => tell(done, reason),
        Command::Close { done } => batch.close = Some(done),
        Command::Note { .. } => {}
    }
}
