//! `ledger.db`: opening it, asking it, and the door to its writer.

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use async_trait::async_trait;
use ledger::{
    AccountId, Amount, Balance, Book, Call, CallId, Debt, Ended, HoldId, Keyed, Pending, Refund, Refusal, Time,
    Transfer,
};
use rusqlite::{Connection, OptionalExtension};
use tokio::sync::{oneshot, watch};

use super::carry;
use super::herald::{Broken, Herald, Sync, sync_of};
use super::kept;
use super::log;
use super::queue;
use super::row::{self, Written};
use super::schema::{LEDGER, OpenError, open_gathering, open_through};
use super::snapshot::{self, Unread};
use super::writer::{Answer, Capture, Command, Desk, Outcome, Writer};
use crate::books::{
    Books, Denied, Held, Looked, NewPending, Row, Seq, Shared, Stored, assert_costs_nothing, check_chain,
};
use crate::clock::Clock;
use crate::tail::Tail;
use crate::vitals::Vitals;
use crate::window::Window;

/// Answers up to this size lie in the row of their call, larger ones in a file of their own.
const INLINE_OUTCOME: usize = 256 * 1024;

/// So much of the write-ahead log lies on the disk from the start: writing over what is there syncs faster than growing a file.
const LOG_BYTES: u64 = 64 * 1024 * 1024;

/// So many rows are read where they are asked for.
const FEW: usize = 100;

/// What an operator may set.
#[derive(Debug, Clone)]
pub struct Options {
    /// Rows between two snapshots: what a start has to replay at most.
    pub snapshot_every: u64,
    /// How much of the write-ahead log is laid out at the start; 0 lets it grow. It is room, too, that a disk which
    /// others fill cannot take away.
    pub log_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options { snapshot_every: 50_000, log_bytes: LOG_BYTES }
    }
}

/// A disk of a test's own: SQLite's part of it by its name, and the sync of the log.
pub(crate) struct Through<'a> {
    pub(crate) vfs: &'a str,
    pub(crate) sync: Sync,
}

/// Books in one SQLite file, balances in memory, one writer thread.
#[derive(Debug)]
pub struct SqliteBooks {
    book: Shared,
    window: Arc<Mutex<Window>>,
    tail: Arc<Tail>,
    commands: queue::Sender<Command>,
    last: watch::Receiver<Seq>,
    broken: Broken,
    vitals: Arc<Vitals>,
    reader: Mutex<Connection>,
    /// For whoever follows the rows: long stretches of them, beside those who ask for one.
    follower: Arc<Mutex<Connection>>,
    outcomes: PathBuf,
    clock: Arc<dyn Clock>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl SqliteBooks {
    /// Opens `ledger.db` in `folder`, brings the balances back, and starts the writer.
    pub fn open(folder: &Path, clock: Arc<dyn Clock>, options: &Options) -> Result<SqliteBooks, OpenError> {
        Self::open_through(None, folder, clock, options)
    }

    /// [`SqliteBooks::open`] through a disk of a test's own; none is the machine's.
    pub(crate) fn open_through(
        disk: Option<Through<'_>>,
        folder: &Path,
        clock: Arc<dyn Clock>,
        options: &Options,
    ) -> Result<SqliteBooks, OpenError> {
        let path = folder.join("ledger.db");
        let failed = |error| OpenError::Sqlite { path: path.clone(), error };
        let io = |path: &Path| {
            let path = path.to_owned();
            move |error| OpenError::Io { path, error }
        };
        let vfs = disk.as_ref().map(|disk| disk.vfs);
        let log = folder.join("ledger.db-wal");
        if let Err(damage) = log::check(&log).map_err(io(&log))? {
            return Err(OpenError::Damaged { path: log, what: damage.to_string() });
        }
        let conn = open_gathering(vfs, &path, &LEDGER)?;
        let empty = carry::begin_again(&conn).map_err(failed)?;
        if !empty {
            carry::write_again(&log).map_err(io(&log))?;
        }
        // Commits are synced by us, so that those who wait are told by whoever saw the sync return; SQLite syncs what a
        // checkpoint needs. Checkpoints run beside commits, not inside one that callers wait for.
        conn.pragma_update(None, "synchronous", "NORMAL").map_err(failed)?;
        conn.pragma_update(None, "wal_autocheckpoint", 0).map_err(failed)?;
        conn.set_prepared_statement_cache_capacity(64);
        let outcomes = folder.join("outcomes");
        fs::create_dir_all(&outcomes).map_err(io(&outcomes))?;
        let opened = Opened::read(&conn, &path, clock.now())?;
        remove_strays(&conn, &outcomes).map_err(failed)?;
        // The log and its name are there before anybody relies on them.
        conn.execute_batch("BEGIN IMMEDIATE; COMMIT").map_err(failed)?;
        carry::lay_out(&log, options.log_bytes).map_err(io(&log))?;
        fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(io(folder))?;
        let sync = match disk {
            Some(disk) => disk.sync,
            None => sync_of(&log).map_err(io(&log))?,
        };
        let reader = open_through(vfs, &path, &LEDGER)?;
        let follower = open_through(vfs, &path, &LEDGER)?;
        let checkpointer = open_through(vfs, &path, &LEDGER)?;

        let book = Shared::new(opened.book);
        let window = Arc::new(Mutex::new(opened.window));
        let tail = Arc::new(Tail::starting_after(opened.last));
        let (broken, vitals) = (Broken::default(), Arc::new(Vitals::default()));
        let long_log = Arc::new(AtomicBool::new(false));
        let (last_sender, last) = watch::channel(opened.last);
        let (commands, queue) = queue::queue();
        let (running, stopped) = mpsc::channel();
        let herald =
            Herald { sync, tail: tail.clone(), last: last_sender, broken: broken.clone(), vitals: vitals.clone() };
        let writer = Writer {
            conn,
            desk: Desk {
                book: book.clone(),
                window: window.clone(),
                clock: clock.clone(),
                outcomes: outcomes.clone(),
                next: opened.last + 1,
                snapshot_every: options.snapshot_every,
                since_snapshot: opened.since_snapshot,
                sum: opened.sum,
            },
            herald,
            long_log: long_log.clone(),
            _running: running,
        };
        let start = |name: &str, work: Box<dyn FnOnce() + Send>| {
            std::thread::Builder::new().name(name.to_owned()).spawn(work).map_err(io(&path))
        };
        let seen = (last.clone(), broken.clone());
        let threads = vec![
            start("books", Box::new(move || writer.run(&queue)))?,
            start(
                "books-checkpoint",
                Box::new(move || carry::checkpoint(&checkpointer, &seen.0, &seen.1, &long_log, &stopped)),
            )?,
        ];
        Ok(SqliteBooks {
            book,
            window,
            tail,
            commands,
            last,
            broken,
            vitals,
            reader: Mutex::new(reader),
            follower: Arc::new(Mutex::new(follower)),
            outcomes,
            clock,
            threads: Mutex::new(threads),
        })
    }

    fn stopped(&self) -> Denied {
        self.broken.check().err().unwrap_or_else(|| Denied::Broken { reason: "the hub is stopping".to_owned() })
    }

    /// Queues a command and waits for its answer.
    async fn ask<T>(&self, command: impl FnOnce(Answer<T>) -> Command) -> Result<T, Denied> {
        self.broken.check()?;
        let (done, answer) = oneshot::channel();
        self.commands.send(command(done)).map_err(|_| self.stopped())?;
        answer.await.unwrap_or_else(|_| Err(self.stopped()))
    }

    fn read<T>(&self, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Denied> {
        read(&self.reader, ask)
    }

    /// An answer to keep for the call's key. A large one is on the disk before its capture is queued.
    async fn keep(&self, call: &Call, outcome: Option<Vec<u8>>) -> Result<Option<Outcome>, Denied> {
        // Without a key nothing of the answer is kept.
        let Some(outcome) = outcome.filter(|_| call.keyed.is_some()) else { return Ok(None) };
        let id = call.id;
        if outcome.len() <= INLINE_OUTCOME {
            return Ok(Some(Outcome::Inline([&kept::head(id, &outcome)[..], &outcome].concat())));
        }
        let (folder, name) = (self.outcomes.clone(), id.to_string());
        let write = move || write_outcome(&folder, &name, &kept::head(id, &outcome), &outcome).map(|()| name);
        let kept = tokio::task::spawn_blocking(write).await;
        match kept.unwrap_or_else(|stopped| Err(stopped.into())) {
            Ok(name) => Ok(Some(Outcome::File(name))),
            Err(error) => Err(Denied::Broken { reason: error.to_string() }),
        }
    }

    /// Waits until the threads have ended: after that nobody writes to the folder.
    fn join(threads: Vec<JoinHandle<()>>) {
        for thread in threads {
            // One that panicked has said so on its way out.
            let _ = thread.join();
        }
    }
}

/// Asks at one moment: rows that are committed between two statements of `ask` are not seen by either.
fn read<T>(conn: &Mutex<Connection>, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Denied> {
    let conn = conn.lock().expect("nothing panics while it reads");
    let asked = conn.unchecked_transaction().and_then(|moment| ask(&moment));
    asked.map_err(|error| Denied::Broken { reason: error.to_string() })
}

impl Drop for SqliteBooks {
    /// What waits is written first, so that whoever opens the folder next finds it whole and unused.
    fn drop(&mut self) {
        let (closed, _) = queue::queue();
        drop(std::mem::replace(&mut self.commands, closed));
        let threads = self.threads.get_mut().map(std::mem::take);
        Self::join(threads.unwrap_or_default());
    }
}

fn write_outcome(folder: &Path, name: &str, head: &[u8], outcome: &[u8]) -> std::io::Result<()> {
    let path = folder.join(name);
    let written = fs::File::create(&path).and_then(|mut file| {
        file.write_all(head)?;
        file.write_all(outcome)?;
        file.sync_data()?;
        fs::File::open(folder)?.sync_all()
    });
    if written.is_err() {
        // Half an answer helps nobody; what cannot be removed now is removed at the next start.
        let _ = fs::remove_file(path);
    }
    written
}

/// The state of the books as the file has it.
struct Opened {
    book: Book,
    window: Window,
    last: Seq,
    since_snapshot: u64,
    sum: snapshot::Sum,
}

impl Opened {
    /// The snapshot, and every row after it once more.
    fn read(conn: &Connection, path: &Path, now: Time) -> Result<Opened, OpenError> {
        let failed = |error| OpenError::Sqlite { path: path.to_owned(), error };
        let damaged = |what| OpenError::Damaged { path: path.to_owned(), what };
        let (mut book, from, sum) = snapshot::read(conn).map_err(|unread| match unread {
            Unread::Sqlite(error) => failed(error),
            Unread::Damaged(what) => damaged(what),
        })?;
        let mut last = from;
        for row in Rows::after(conn, last) {
            let (seq, row) = row.map_err(|error| damaged(format!("after row {last}: {error}")))?;
            if seq != last + 1 {
                return Err(damaged(format!("row {} is missing, the next one is {seq}", last + 1)));
            }
            let posted = match &row {
                Row::Call(call) => book.replay(call),
                Row::Transfer(transfer) => book.post(transfer),
                Row::Pending(pending) => book.replay_pending(pending),
                Row::Ended(ended) => book.end(ended),
            };
            posted.map_err(|refusal| damaged(format!("row {seq} cannot have been posted: {refusal}")))?;
            last = seq;
        }
        if book.sums() != (0, 0) {
            return Err(damaged(format!("the balances add up to {:?} instead of 0", book.sums())));
        }
        let mut window = Window::default();
        let mut keyed = conn.prepare("SELECT seq, expires, hash, content FROM keyed").map_err(failed)?;
        let rows = keyed
            .query_map([], |r| Ok((r.get::<_, i64>(0)?, Time(r.get(1)?), r.get(2)?, r.get(3)?)))
            .map_err(failed)?;
        for row in rows {
            let (seq, expires, hash, content) = row.map_err(failed)?;
            window.remember(&Keyed { hash, content }, seq as Seq, expires);
        }
        let since_snapshot = last - from;
        tracing::debug!("Books opened at row {last}, {since_snapshot} replayed, {now}");
        Ok(Opened { book, window, last, since_snapshot, sum })
    }
}

/// Rows after a row, a stretch at a time.
struct Rows<'a> {
    conn: &'a Connection,
    after: Seq,
    stretch: std::vec::IntoIter<(Seq, Row)>,
}

impl<'a> Rows<'a> {
    fn after(conn: &'a Connection, after: Seq) -> Rows<'a> {
        Rows { conn, after, stretch: Vec::new().into_iter() }
    }
}

impl Iterator for Rows<'_> {
    type Item = rusqlite::Result<(Seq, Row)>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(row) = self.stretch.next() {
            return Some(Ok(row));
        }
        match row::rows(self.conn, self.after, 10_000) {
            Ok(stretch) => {
                self.after = stretch.last()?.0;
                self.stretch = stretch.into_iter();
                self.stretch.next().map(Ok)
            }
            Err(error) => Some(Err(error)),
        }
    }
}

/// The call of a row; none where there is another kind of row, or none.
pub(super) fn find_call(conn: &Connection, seq: Seq) -> rusqlite::Result<Option<Call>> {
    let mut find = conn.prepare_cached("SELECT * FROM calls WHERE seq = ?1")?;
    let found = find.query_row([seq as i64], row::read_call).optional()?;
    Ok(found.map(row::Read::intact).transpose()?.map(|(_, call)| call))
}

/// All refunds of a call, the oldest first.
pub(super) fn refunds_of(conn: &Connection, call: CallId) -> rusqlite::Result<Vec<Arc<Transfer>>> {
    let mut find = conn.prepare_cached("SELECT * FROM transfers WHERE call = ?1 AND kind = 'refund' ORDER BY seq")?;
    let found = find.query_map([&call.0[..]], row::read_transfer)?;
    found.map(|transfer| Ok(Arc::new(transfer?.intact()?.1))).collect()
}

/// A hold that is not there has ended, if it ever was: the book does not remember how, the file does.
pub(super) fn explain(conn: &Connection, refusal: Refusal) -> rusqlite::Result<Refusal> {
    Ok(match refusal {
        Refusal::NoHold { hold } => {
            let mut find = conn.prepare_cached("SELECT * FROM ends WHERE hold = ?1")?;
            match find.query_row([&hold.0[..]], row::read_end).optional()?.map(row::Read::intact).transpose()? {
                Some((_, Ended { how, .. })) => Refusal::HoldEnded { hold, how },
                None => Refusal::NoHold { hold },
            }
        }
        Refusal::Linked { place, count, refusal } => {
            Refusal::Linked { place, count, refusal: Box::new(explain(conn, *refusal)?) }
        }
        other => other,
    })
}

/// Files of outcomes whose row never came to be, or is gone.
fn remove_strays(conn: &Connection, outcomes: &Path) -> rusqlite::Result<()> {
    let Ok(files) = fs::read_dir(outcomes) else { return Ok(()) };
    let mut named = conn.prepare("SELECT file FROM outcomes WHERE file NOT NULL")?;
    let named: HashSet<String> = named.query_map([], |r| r.get(0))?.collect::<rusqlite::Result<_>>()?;
    for file in files.flatten() {
        if !named.contains(&*file.file_name().to_string_lossy()) {
            // One that cannot be removed is tried again at the next start.
            let _ = fs::remove_file(file.path());
        }
    }
    Ok(())
}

/// Asks for the real-time class: beside busy cores a commit waits for the scheduler up to twenty times longer
/// than for the disk. Says whether it was given.
#[expect(unsafe_code, reason = "one call of the C library with a local, initialised argument")]
pub fn ask_for_real_time() -> bool {
    let parameters = libc::sched_param { sched_priority: 1 };
    // SAFETY: 0 names the calling thread; the structure lives for the length of the call.
    let refused = unsafe { libc::sched_setscheduler(0, libc::SCHED_RR, &parameters) } != 0;
    if refused {
        tracing::warn!(
            "No real-time class for the books' writer: beside busy cores commits may wait. Run as root or grant CAP_SYS_NICE"
        );
    }
    !refused
}

#[async_trait]
impl Books for SqliteBooks {
    async fn hold(&self, account: AccountId, amount: Amount) -> Result<Held, Denied> {
        self.broken.check()?;
        Ok(self.book.hold(account, amount)?)
    }

    async fn capture(&self, held: Held, call: Arc<Call>, outcome: Option<Vec<u8>>) -> Result<Seq, Denied> {
        self.broken.check()?;
        let outcome = self.keep(&call, outcome).await?;
        let written = Written::of(&call);
        let (done, answer) = oneshot::channel();
        let capture = Box::new(Capture { held, call, written, outcome, done });
        self.commands.send(Command::Capture(capture)).map_err(|_| self.stopped())?;
        answer.await.map_err(|_| self.stopped())?.map_err(|denied| *denied)
    }

    fn note(&self, call: Call) {
        assert_costs_nothing(&call);
        let (written, call) = (Box::new(Written::of(&call)), Arc::new(call));
        // Without a writer there is nothing to write it to; the call cost nothing.
        let _ = self.commands.send(Command::Note { call, written });
    }

    async fn post(&self, chain: Vec<Transfer>) -> Result<Vec<Seq>, Denied> {
        check_chain(&chain)?;
        self.ask(|done| Command::Post { chain, done }).await
    }

    async fn refund(&self, refund: Refund, call: Seq) -> Result<(Seq, Arc<Transfer>), Denied> {
        self.ask(|done| Command::Refund { refund: Box::new(refund), call, done }).await
    }

    async fn refunds(&self, call: Seq) -> Result<Vec<Arc<Transfer>>, Denied> {
        let found = self.read(|conn| find_call(conn, call)?.map(|call| refunds_of(conn, call.id)).transpose())?;
        found.ok_or(Denied::NoCall { seq: call })
    }

    async fn pend(&self, wish: NewPending) -> Result<(Seq, Arc<Pending>), Denied> {
        self.ask(|done| Command::Pend { wish: Box::new(wish), done }).await
    }

    async fn take(&self, hold: HoldId) -> Result<Held, Denied> {
        self.broken.check()?;
        match self.book.take(hold) {
            Ok(held) => Ok(held),
            Err(refusal) => Err(self.read(|conn| explain(conn, refusal))?.into()),
        }
    }

    async fn void(&self, hold: HoldId, at: Time) -> Result<Seq, Denied> {
        self.ask(|done| Command::Void { hold, at, done }).await
    }

    async fn pending(&self, account: Option<AccountId>) -> Result<Vec<Pending>, Denied> {
        Ok(self.book.pending(account))
    }

    async fn debts(&self, account: AccountId, limit: usize) -> Result<Vec<Debt>, Denied> {
        Ok(self.book.debts(account, limit))
    }

    async fn owed(&self, account: AccountId) -> Result<Amount, Denied> {
        Ok(self.book.owed(account))
    }

    async fn balance(&self, account: AccountId) -> Result<Balance, Denied> {
        Ok(self.book.lock().balance(account))
    }

    async fn look(&self, keyed: &Keyed) -> Result<Looked, Denied> {
        let window = self.window.lock().expect("nothing panics while it holds the window");
        Ok(window.look(keyed, self.clock.now()))
    }

    async fn stored(&self, seq: Seq) -> Result<Option<Stored>, Denied> {
        // The window knows a key a moment before its sync has returned; nobody is answered from there.
        let mut last = self.last.clone();
        while *last.borrow_and_update() < seq {
            self.broken.check()?;
            last.changed().await.map_err(|_| self.stopped())?;
        }
        let now = self.clock.now();
        let found = self.read(|conn| {
            let kept: Option<(Option<String>, Option<Vec<u8>>)> = conn
                .prepare_cached(
                    "SELECT o.file, o.body FROM outcomes o JOIN keyed k ON k.seq = o.seq
                     WHERE o.seq = ?1 AND k.expires > ?2",
                )?
                .query_row([seq as i64, now.0], |r| Ok((r.get(0)?, r.get(1)?)))
                .optional()?;
            Ok((find_call(conn, seq)?, kept))
        })?;
        let (Some(call), kept) = found else { return Ok(None) };
        let outcome = match kept {
            Some((_, Some(body))) => kept::whole(call.id, &body[..]).map(Some),
            Some((Some(name), None)) => {
                match fs::File::open(self.outcomes.join(name)).and_then(|file| kept::whole(call.id, file)) {
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                    read => read.map(Some),
                }
            }
            _ => Ok(None),
        };
        let unread = |error| Denied::Broken { reason: format!("the answer kept for row {seq}: {error}") };
        let outcome = outcome.map_err(unread)?;
        Ok(Some(Stored { call: Arc::new(call), outcome }))
    }

    async fn last(&self) -> Result<Seq, Denied> {
        Ok(*self.last.borrow())
    }

    async fn grown(&self, seq: Seq) {
        // An error means that the writer is gone, so that nothing will grow any more.
        let _ = self.last.clone().wait_for(|last| *last > seq).await;
    }

    async fn rows(&self, after: Seq, limit: usize) -> Result<Vec<(Seq, Row)>, Denied> {
        if let Some(rows) = self.tail.rows(after, limit) {
            return Ok(rows);
        }
        // What is committed and not yet synced is nobody's to see.
        let last = *self.last.borrow();
        let limit = limit.min(usize::try_from(last.saturating_sub(after)).unwrap_or(usize::MAX));
        if limit <= FEW {
            return self.read(|conn| row::rows(conn, after, limit));
        }
        // Beside the threads that answer everybody: reading so many takes a while.
        let follower = self.follower.clone();
        let rows = tokio::task::spawn_blocking(move || read(&follower, |conn| row::rows(conn, after, limit))).await;
        rows.unwrap_or_else(|crash| Err(Denied::Broken { reason: crash.to_string() }))
    }

    fn running(&self) -> usize {
        self.book.lock().open_holds()
    }

    fn vitals(&self) -> Arc<Vitals> {
        self.vitals.set_queue(self.commands.len());
        self.vitals.clone()
    }

    async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.commands.send(Command::Close { done }).is_ok() {
            let _ = closed.await;
        }
        let threads = std::mem::take(&mut *self.threads.lock().expect("nothing panics while it holds the handles"));
        let _ = tokio::task::spawn_blocking(move || Self::join(threads)).await;
    }
}
