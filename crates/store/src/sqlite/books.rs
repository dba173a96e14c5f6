//! `ledger.db`: opening it, asking it, and the door to its writer.

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use async_trait::async_trait;
use ledger::{AccountId, Amount, Balance, Book, Call, Keyed, Time, Transfer};
use rusqlite::{Connection, OptionalExtension};
use tokio::sync::{oneshot, watch};

use super::row;
use super::schema::{LEDGER, OpenError, open_through};
use super::writer::{Command, Outcome, Writer};
use crate::books::{Books, Denied, Held, Looked, Row, Seq, Shared, Stored, assert_costs_nothing};
use crate::clock::Clock;
use crate::window::Window;

/// Answers up to this size lie in the row of their call, larger ones in a file of their own.
const INLINE_OUTCOME: usize = 256 * 1024;

/// Past this many pages (64 MiB) the write-ahead log is made to begin again.
const LOG_PAGES: i64 = 16_384;

/// What an operator may set.
#[derive(Debug, Clone)]
pub struct Options {
    /// Rows between two snapshots of all balances: what a start has to replay at most.
    pub snapshot_every: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options { snapshot_every: 100_000 }
    }
}

/// Books in one SQLite file, balances in memory, one writer thread.
#[derive(Debug)]
pub struct SqliteBooks {
    book: Shared,
    window: Arc<Mutex<Window>>,
    commands: Sender<Command>,
    last: watch::Receiver<Seq>,
    broken: Arc<Mutex<Option<String>>>,
    reader: Mutex<Connection>,
    outcomes: PathBuf,
    clock: Arc<dyn Clock>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl SqliteBooks {
    /// Opens `ledger.db` in `folder`, brings the balances back, and starts the writer.
    pub fn open(folder: &Path, clock: Arc<dyn Clock>, options: &Options) -> Result<SqliteBooks, OpenError> {
        Self::open_through(None, folder, clock, options)
    }

    /// [`SqliteBooks::open`] through a named VFS; none is the system's.
    pub(crate) fn open_through(
        vfs: Option<&str>,
        folder: &Path,
        clock: Arc<dyn Clock>,
        options: &Options,
    ) -> Result<SqliteBooks, OpenError> {
        let path = folder.join("ledger.db");
        let failed = |error| OpenError::Sqlite { path: path.clone(), error };
        let conn = open_through(vfs, &path, &LEDGER)?;
        begin_log_again(&conn).map_err(failed)?;
        // Checkpoints run beside commits, not inside one that callers wait for.
        conn.pragma_update(None, "wal_autocheckpoint", 0).map_err(failed)?;
        conn.set_prepared_statement_cache_capacity(32);
        let outcomes = folder.join("outcomes");
        let made = fs::create_dir_all(&outcomes).and_then(|()| fs::File::open(folder)?.sync_all());
        made.map_err(|error| OpenError::Io { path: outcomes.clone(), error })?;

        let opened = Opened::read(&conn, &path, clock.now())?;
        remove_strays(&conn, &outcomes).map_err(failed)?;
        let reader = open_through(vfs, &path, &LEDGER)?;
        let checkpointer = open_through(vfs, &path, &LEDGER)?;
        // Where somebody reads, the log begins again another time: commits do not wait for readers.
        checkpointer.busy_timeout(Duration::from_millis(20)).map_err(failed)?;

        let book = Shared::new(opened.book);
        let window = Arc::new(Mutex::new(opened.window));
        let broken = Arc::new(Mutex::new(None));
        let (last_sender, last) = watch::channel(opened.last);
        let (commands, queue) = mpsc::channel();
        let (running, stopped) = mpsc::channel();
        let writer = Writer {
            conn,
            book: book.clone(),
            window: window.clone(),
            clock: clock.clone(),
            last: last_sender,
            broken: broken.clone(),
            outcomes: outcomes.clone(),
            next: opened.last + 1,
            snapshot_every: options.snapshot_every,
            since_snapshot: opened.since_snapshot,
            _running: running,
        };
        let start = |name: &str, work: Box<dyn FnOnce() + Send>| {
            let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work);
            thread.map_err(|error| OpenError::Io { path: path.clone(), error })
        };
        let seen = (last.clone(), broken.clone());
        let threads = vec![
            start("books", Box::new(move || writer.run(&queue)))?,
            start("books-checkpoint", Box::new(move || checkpoint(&checkpointer, &seen.0, &seen.1, &stopped)))?,
        ];
        Ok(SqliteBooks {
            book,
            window,
            commands,
            last,
            broken,
            reader: Mutex::new(reader),
            outcomes,
            clock,
            threads: Mutex::new(threads),
        })
    }

    fn broken(&self) -> Denied {
        let reason = self.broken.lock().expect("nothing panics while it holds the reason").clone();
        Denied::Broken { reason: reason.unwrap_or_else(|| "the hub is stopping".to_owned()) }
    }

    fn check(&self) -> Result<(), Denied> {
        match &*self.broken.lock().expect("nothing panics while it holds the reason") {
            Some(reason) => Err(Denied::Broken { reason: reason.clone() }),
            None => Ok(()),
        }
    }

    /// Asks at one moment: rows that are committed between two statements of `ask` are not seen by either.
    fn read<T>(&self, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Denied> {
        let conn = self.reader.lock().expect("nothing panics while it reads");
        let asked = conn.unchecked_transaction().and_then(|moment| ask(&moment));
        asked.map_err(|error| Denied::Broken { reason: error.to_string() })
    }

    /// An answer to keep for the call's key. A large one is on the disk before its capture is queued.
    async fn keep(&self, call: &Call, outcome: Option<Vec<u8>>) -> Result<Option<Outcome>, Denied> {
        // Without a key nothing of the answer is kept.
        let Some(outcome) = outcome.filter(|_| call.keyed.is_some()) else { return Ok(None) };
        if outcome.len() <= INLINE_OUTCOME {
            return Ok(Some(Outcome::Inline(outcome)));
        }
        let (folder, name) = (self.outcomes.clone(), call.id.to_string());
        let kept = tokio::task::spawn_blocking(move || write_outcome(&folder, &name, &outcome).map(|()| name)).await;
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

impl Drop for SqliteBooks {
    /// What waits is written first, so that whoever opens the folder next finds it whole and unused.
    fn drop(&mut self) {
        let (closed, _) = mpsc::channel();
        drop(std::mem::replace(&mut self.commands, closed));
        let threads = self.threads.get_mut().map(std::mem::take);
        Self::join(threads.unwrap_or_default());
    }
}

fn write_outcome(folder: &Path, name: &str, outcome: &[u8]) -> std::io::Result<()> {
    let path = folder.join(name);
    let written = fs::File::create(&path).and_then(|mut file| {
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
}

impl Opened {
    /// The newest snapshot, and every row after it once more.
    fn read(conn: &Connection, path: &Path, now: Time) -> Result<Opened, OpenError> {
        let failed = |error| OpenError::Sqlite { path: path.to_owned(), error };
        let damaged = |what| OpenError::Damaged { path: path.to_owned(), what };
        let mut book = Book::default();
        let from: i64 =
            conn.query_row("SELECT ifnull(max(seq), 0) FROM snapshots", [], |r| r.get(0)).map_err(failed)?;
        let mut accounts = conn.prepare("SELECT account, cash, promo FROM snapshots WHERE seq = ?1").map_err(failed)?;
        let rows = accounts.query_map([from], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).map_err(failed)?;
        for row in rows {
            let (account, cash, promo) = row.map_err(failed)?;
            book.restore(AccountId(account), cash, promo);
        }
        let mut last = from as Seq;
        let rows = Rows::after(conn, last);
        for row in rows {
            let (seq, row) = row.map_err(failed)?;
            if seq != last + 1 {
                return Err(damaged(format!("row {} is missing, the next one is {seq}", last + 1)));
            }
            let posted = match &row {
                Row::Call(call) => book.replay(call),
                Row::Transfer(transfer) => book.post(transfer),
            };
            posted.map_err(|refusal| damaged(format!("row {seq} cannot have been posted: {refusal}")))?;
            last = seq;
        }
        if book.sums() != (0, 0) {
            return Err(damaged(format!("the balances add up to {:?} instead of 0", book.sums())));
        }
        let mut window = Window::default();
        let mut keyed = conn
            .prepare(
                "SELECT o.seq, o.expires, c.keyed_hash, c.keyed_content FROM outcomes o JOIN calls c ON c.seq = o.seq
                 WHERE c.keyed_hash NOT NULL ORDER BY o.seq",
            )
            .map_err(failed)?;
        let rows = keyed
            .query_map([], |r| Ok((r.get::<_, i64>(0)?, Time(r.get(1)?), r.get(2)?, r.get(3)?)))
            .map_err(failed)?;
        for row in rows {
            let (seq, expires, hash, content) = row.map_err(failed)?;
            window.remember(&Keyed { hash, content }, seq as Seq, expires);
        }
        tracing::debug!("Books opened at row {last}, {} replayed, {now}", last - from as Seq);
        Ok(Opened { book, window, last, since_snapshot: last - from as Seq })
    }
}

/// Calls and transfers after a row, merged by `seq`, a stretch at a time.
pub(crate) struct Rows<'a> {
    conn: &'a Connection,
    after: Seq,
    stretch: std::vec::IntoIter<(Seq, Row)>,
}

impl<'a> Rows<'a> {
    pub(crate) fn after(conn: &'a Connection, after: Seq) -> Rows<'a> {
        Rows { conn, after, stretch: Vec::new().into_iter() }
    }
}

impl Iterator for Rows<'_> {
    type Item = rusqlite::Result<(Seq, Row)>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(row) = self.stretch.next() {
            return Some(Ok(row));
        }
        match rows(self.conn, self.after, 10_000) {
            Ok(stretch) => {
                self.after = stretch.last()?.0;
                self.stretch = stretch.into_iter();
                self.stretch.next().map(Ok)
            }
            Err(error) => Some(Err(error)),
        }
    }
}

/// Rows after `after`, at most `limit`, in order.
fn rows(conn: &Connection, after: Seq, limit: usize) -> rusqlite::Result<Vec<(Seq, Row)>> {
    let bounds = [after as i64, limit as i64];
    let mut calls = conn.prepare_cached("SELECT * FROM calls WHERE seq > ?1 ORDER BY seq LIMIT ?2")?;
    let calls = calls.query_map(bounds, row::read_call)?.map(|r| r.map(|(seq, c)| (seq, Row::Call(Box::new(c)))));
    let mut rows: Vec<_> = calls.collect::<rusqlite::Result<_>>()?;
    let mut transfers = conn.prepare_cached("SELECT * FROM transfers WHERE seq > ?1 ORDER BY seq LIMIT ?2")?;
    for transfer in transfers.query_map(bounds, row::read_transfer)? {
        let (seq, transfer) = transfer?;
        rows.push((seq, Row::Transfer(Box::new(transfer))));
    }
    rows.sort_by_key(|(seq, _)| *seq);
    rows.truncate(limit);
    Ok(rows)
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

/// Carries what the last hub left in its write-ahead log into the file. After a sync that failed, pages of that log
/// may look written and not be on the disk: no new row may stand behind them.
fn begin_log_again(conn: &Connection) -> rusqlite::Result<()> {
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

/// Carries the write-ahead log into the file, beside the commits and never inside one.
fn checkpoint(conn: &Connection, last: &watch::Receiver<Seq>, broken: &Mutex<Option<String>>, stopped: &Receiver<()>) {
    let mut done = 0;
    while stopped.recv_timeout(Duration::from_millis(500)) == Err(RecvTimeoutError::Timeout) {
        let now = *last.borrow();
        // Where the disk failed, nothing is touched any more.
        if now == done || broken.lock().expect("nothing panics while it holds the reason").is_some() {
            continue;
        }
        match carry_over(conn) {
            Ok(()) => done = now,
            Err(error) => tracing::warn!("A checkpoint of the books failed and will be tried again: {error}"),
        }
    }
}

/// Beside steady commits a passive checkpoint never finds the log at rest, and the log would grow for ever. So when it
/// is long, the writer is kept out for the moment that the last few pages take.
fn carry_over(conn: &Connection) -> rusqlite::Result<()> {
    let passive = || conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |r| r.get::<_, i64>(1));
    if passive()? > LOG_PAGES {
        // Each time there is less that came in meanwhile.
        passive()?;
        passive()?;
        conn.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(()))?;
    }
    Ok(())
}

/// Asks for the real-time class: beside busy cores a commit waits for the scheduler up to twenty times longer
/// than for the disk.
#[expect(unsafe_code, reason = "one call of the C library with a local, initialised argument")]
pub fn ask_for_real_time() {
    let parameters = libc::sched_param { sched_priority: 1 };
    // SAFETY: 0 names the calling thread; the structure lives for the length of the call.
    let refused = unsafe { libc::sched_setscheduler(0, libc::SCHED_RR, &parameters) } != 0;
    if refused {
        tracing::warn!(
            "No real-time class for the books' writer: beside busy cores commits may wait. Run as root or grant CAP_SYS_NICE"
        );
    }
}

#[async_trait]
impl Books for SqliteBooks {
    async fn hold(&self, payer: AccountId, amount: Amount) -> Result<Held, Denied> {
        self.check()?;
        Ok(self.book.hold(payer, amount)?)
    }

    async fn capture(&self, held: Held, call: Call, outcome: Option<Vec<u8>>) -> Result<Seq, Denied> {
        self.check()?;
        let outcome = self.keep(&call, outcome).await?;
        let (done, answer) = oneshot::channel();
        let call = Box::new(call);
        self.commands.send(Command::Capture { held, call, outcome, done }).map_err(|_| self.broken())?;
        answer.await.unwrap_or_else(|_| Err(self.broken()))
    }

    fn note(&self, call: Call) {
        assert_costs_nothing(&call);
        // Without a writer there is nothing to write it to; the call cost nothing.
        let _ = self.commands.send(Command::Note { call: Box::new(call) });
    }

    async fn post(&self, transfer: Transfer) -> Result<Seq, Denied> {
        self.check()?;
        let (done, answer) = oneshot::channel();
        let transfer = Box::new(transfer);
        self.commands.send(Command::Post { transfer, done }).map_err(|_| self.broken())?;
        answer.await.unwrap_or_else(|_| Err(self.broken()))
    }

    fn balance(&self, account: AccountId) -> Balance {
        self.book.lock().balance(account)
    }

    fn look(&self, keyed: &Keyed) -> Looked {
        self.window.lock().expect("nothing panics while it holds the window").look(keyed, self.clock.now())
    }

    async fn stored(&self, seq: Seq) -> Result<Option<Stored>, Denied> {
        // The window knows a key a moment before its commit has returned; nobody is answered from there.
        let mut last = self.last.clone();
        while *last.borrow_and_update() < seq {
            self.check()?;
            last.changed().await.map_err(|_| self.broken())?;
        }
        let now = self.clock.now();
        let found = self.read(|conn| {
            let call = conn
                .prepare_cached("SELECT * FROM calls WHERE seq = ?1")?
                .query_row([seq as i64], row::read_call)
                .optional()?;
            let kept: Option<(Option<String>, Option<Vec<u8>>)> = conn
                .prepare_cached("SELECT file, body FROM outcomes WHERE seq = ?1 AND expires > ?2")?
                .query_row([seq as i64, now.0], |r| Ok((r.get(0)?, r.get(1)?)))
                .optional()?;
            Ok((call, kept))
        })?;
        let (Some((_, call)), kept) = found else { return Ok(None) };
        let outcome = match kept {
            Some((_, Some(body))) => Some(body),
            Some((Some(name), None)) => match fs::read(self.outcomes.join(name)) {
                Ok(body) => Some(body),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
                Err(error) => return Err(Denied::Broken { reason: error.to_string() }),
            },
            _ => None,
        };
        Ok(Some(Stored { call: Box::new(call), outcome }))
    }

    fn last(&self) -> Seq {
        *self.last.borrow()
    }

    async fn grown(&self, seq: Seq) {
        // An error means that the writer is gone, so that nothing will grow any more.
        let _ = self.last.clone().wait_for(|last| *last > seq).await;
    }

    async fn rows(&self, after: Seq, limit: usize) -> Result<Vec<(Seq, Row)>, Denied> {
        self.read(|conn| rows(conn, after, limit))
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
