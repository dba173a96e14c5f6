//! The same paid calls in a schema as one would draw it first: a table for calls, one for entries, one for receipts, one
//! for idempotency keys, each with the indexes it needs to be looked at.
//!
//! All that is not the schema is as in the books: balances in memory, one thread that writes what waits in one
//! transaction, a synced write-ahead log, the real-time class, the checkpoint's size.

use std::collections::HashMap;
use std::path::Path;
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;

use anyhow::Context;
use ledger::{AccountId, Call};
use rusqlite::{Connection, params};
use tokio::sync::oneshot;

const SCHEMA: &str = "
    CREATE TABLE calls (id BLOB PRIMARY KEY, accepted INTEGER NOT NULL, finished INTEGER NOT NULL, payer BLOB NOT NULL,
        key BLOB NOT NULL, release BLOB NOT NULL, class TEXT NOT NULL, surface TEXT NOT NULL, purse TEXT NOT NULL,
        outcome TEXT NOT NULL, cost INTEGER NOT NULL, fee INTEGER NOT NULL, queue_us INTEGER NOT NULL,
        engine_us INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX calls_by_payer ON calls (payer, accepted);
    CREATE INDEX calls_by_release ON calls (release, accepted);
    CREATE TABLE entries (id INTEGER PRIMARY KEY, call BLOB NOT NULL REFERENCES calls, account BLOB NOT NULL,
        purse TEXT NOT NULL, kind TEXT NOT NULL, amount INTEGER NOT NULL);
    CREATE INDEX entries_by_account ON entries (account, id);
    CREATE INDEX entries_by_call ON entries (call);
    CREATE TABLE receipts (call BLOB PRIMARY KEY REFERENCES calls, model BLOB NOT NULL, number TEXT NOT NULL,
        input_hash BLOB NOT NULL, output_hash BLOB NOT NULL, salt BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE idempotency (hash BLOB PRIMARY KEY, call BLOB NOT NULL REFERENCES calls, expires INTEGER NOT NULL)
        WITHOUT ROWID;
";

type Entry = (Box<Call>, oneshot::Sender<()>);

#[derive(Debug, Clone)]
pub(crate) struct Normalised {
    entries: Sender<Entry>,
    writer: std::sync::Arc<std::sync::Mutex<Option<JoinHandle<()>>>>,
}

impl Normalised {
    pub(crate) fn open(folder: &Path) -> anyhow::Result<Normalised> {
        let mut conn = Connection::open(folder.join("ledger.db"))?;
        conn.pragma_update(None, "journal_mode", "WAL")?;
        conn.pragma_update(None, "synchronous", "FULL")?;
        conn.pragma_update(None, "wal_autocheckpoint", 8_192)?;
        conn.pragma_update(None, "cache_size", -64 * 1024)?;
        conn.execute_batch(SCHEMA)?;
        let (entries, queue) = mpsc::channel::<Entry>();
        let writer = std::thread::spawn(move || {
            store::ask_for_real_time();
            let mut balances = HashMap::new();
            while let Ok(first) = queue.recv() {
                let waiting: Vec<Entry> = std::iter::once(first).chain(queue.try_iter().take(4_095)).collect();
                write(&mut conn, &mut balances, &waiting).expect("the disk takes the rows");
                for (_, done) in waiting {
                    // A caller whose time is over has gone.
                    let _ = done.send(());
                }
            }
        });
        Ok(Normalised { entries, writer: std::sync::Arc::new(std::sync::Mutex::new(Some(writer))) })
    }

    pub(crate) async fn post(self, call: Box<Call>) -> anyhow::Result<()> {
        let (done, synced) = oneshot::channel();
        self.entries.send((call, done))?;
        Ok(synced.await?)
    }

    /// Waits until everything lies in the file.
    pub(crate) fn close(self) -> anyhow::Result<()> {
        let writer = self.writer.lock().expect("no panic").take().context("closed once")?;
        drop(self);
        writer.join().map_err(|_| anyhow::anyhow!("the writer failed"))
    }
}

fn write(conn: &mut Connection, balances: &mut HashMap<AccountId, i64>, calls: &[Entry]) -> rusqlite::Result<()> {
    let tx = conn.transaction()?;
    {
        let mut add_call =
            tx.prepare_cached("INSERT INTO calls VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14)")?;
        let mut add_entry = tx.prepare_cached("INSERT INTO entries VALUES (NULL, ?1, ?2, ?3, ?4, ?5)")?;
        let mut add_receipt = tx.prepare_cached("INSERT INTO receipts VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
        let mut add_key = tx.prepare_cached("INSERT INTO idempotency VALUES (?1, ?2, ?3)")?;
        for (call, _) in calls {
            let (id, purse) = (&call.id.0[..], call.purse.word());
            let (payer, key, release) = (&call.payer.0[..], &call.key.0[..], &call.release.0[..]);
            add_call.execute(params![
                id,
                call.accepted.0,
                call.finished.0,
                payer,
                key,
                release,
                call.class.word(),
                call.surface.word(),
                purse,
                call.outcome.word(),
                call.cost.nano(),
                call.fee.nano(),
                call.queue_us as i64,
                call.engine_us as i64
            ])?;
            let mut entry = |account: AccountId, kind: &str, amount: i64| {
                *balances.entry(account).or_default() += amount;
                add_entry.execute(params![id, &account.0[..], purse, kind, amount])
            };
            entry(call.payer, "charge", -call.cost.nano())?;
            entry(AccountId::HUB_FEE, "fee", call.fee.nano())?;
            for part in &call.parts {
                entry(part.to, "earning", part.amount.nano())?;
            }
            let (input, output) = (&call.input_hash[..], &call.output_hash[..]);
            let (digest, number) = (&call.model_digest[..], &call.release_number);
            add_receipt.execute(params![id, digest, number, input, output, &call.salt[..]])?;
            add_key.execute(params![&call.salt[..16].iter().chain(id).copied().collect::<Vec<u8>>(), id, 0])?;
        }
    }
    tx.commit()
}
