//! `hub.db`: accounts, keys, models, settings. Sums and lists from the books are in `project.rs` and `sums.rs`.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use async_trait::async_trait;
use ledger::{AccountId, Amount, CallId, Class, KeyId, ModelId, Outcome, Rate, ReleaseId, Share, Time};
use registry::{Digest, Handle, ModelName, ReleaseNumber};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row as SqlRow, TransactionBehavior, params};
use tokio::sync::{oneshot, watch};

use super::moderation::LISTED;
use super::schema::{CATALOG, OpenError, open, open_in_memory};
use super::{alerts, checks, events, life, moderation, organisations, project, repositories, secrets, storage, sums};
use crate::books::{Row, Seq};
use crate::catalog::{
    Account, Alert, Catalog, CatalogError, DaySum, Earning, List, ModelRecord, ModelTotals, NewAlert, NewRelease,
    PayerSum, ReleaseRecord, Settings, Spender, Spent, Totals, Trial, TrialUse, Webhook,
};
use crate::checks::{CheckCounts, CheckKind, CheckSum, NewCheck};
use crate::events::{Act, EventKind};
use crate::keys::{Credential, KeyRecord, Limits, NewKey};
use crate::rates::RateSettings;

/// Pages of the write-ahead log (32 MiB) before it is carried into the file: sums are written over many times.
const LOG_PAGES: i64 = 8_192;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// A thread that owns a connection and takes jobs in turn.
#[derive(Debug)]
struct Desk {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Desk {
    fn start(name: &str, mut conn: Connection, gives_way: bool) -> Result<Desk, OpenError> {
        conn.set_prepared_statement_cache_capacity(96);
        let (jobs, queue) = mpsc::channel::<Job>();
        let work = move || {
            if gives_way {
                give_way();
            }
            queue.iter().for_each(|job| job(&mut conn));
        };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work);
        let thread = thread.map_err(|error| OpenError::Io { path: "hub.db".into(), error })?;
        Ok(Desk { jobs: Some(jobs), thread: Some(thread) })
    }

    async fn ask<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> Result<T, CatalogError> + Send + 'static,
    ) -> Result<T, CatalogError> {
        let (done, answer) = oneshot::channel();
        let stopped = || CatalogError::Failed { reason: "the catalogue's thread has stopped".to_owned() };
        let job: Job = Box::new(move |conn| {
            let _ = done.send(job(conn));
        });
        self.jobs.as_ref().and_then(|jobs| jobs.send(job).ok()).ok_or_else(stopped)?;
        answer.await.map_err(|_| stopped())?
    }
}

impl Drop for Desk {
    /// What was asked is done first; after that nobody has the file open.
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // One that panicked has said so on its way out.
            let _ = thread.join();
        }
    }
}

/// Leaves the cores to others where they are wanted: sums may be a moment behind, calls may not.
fn give_way() {
    // Who may not be nicer than the rest is as nice as the rest.
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), 10);
}

/// Questions, changes and what is carried over from the books each have a thread and a connection of their own, so that
/// nobody who asks waits for a disk. Without a file there is one for all of them.
#[derive(Debug)]
pub struct SqliteCatalog {
    changes: Desk,
    questions: Option<Desk>,
    projector: Option<Desk>,
    /// What has been taken from the books and not been written yet.
    projecting: Arc<Mutex<project::Projector>>,
    /// The number of the last event that can be seen.
    pub(super) happened: watch::Sender<u64>,
}

impl SqliteCatalog {
    pub fn open(folder: &Path) -> Result<SqliteCatalog, OpenError> {
        let path = folder.join("hub.db");
        let failed = |error| OpenError::Sqlite { path: path.clone(), error };
        let [mut changes, questions, projector] =
            [open(&path, &CATALOG)?, open(&path, &CATALOG)?, open(&path, &CATALOG)?];
        // A change may look before it writes: what it has seen is still so then, and nobody writes in between.
        changes.set_transaction_behavior(TransactionBehavior::Immediate);
        // What is carried over can be carried over again, so it waits for no sync; whoever changes something syncs.
        projector.pragma_update(None, "synchronous", "NORMAL").map_err(failed)?;
        for conn in [&changes, &projector] {
            conn.pragma_update(None, "wal_autocheckpoint", LOG_PAGES).map_err(failed)?;
        }
        let happened = watch::Sender::new(events::last(&changes).map_err(failed)?);
        Ok(SqliteCatalog {
            changes: Desk::start("catalogue", changes, false)?,
            questions: Some(Desk::start("catalogue-reads", questions, false)?),
            projector: Some(Desk::start("projector", projector, true)?),
            projecting: Arc::default(),
            happened,
        })
    }

    /// A catalogue that is gone when it is dropped: SQLite's own, without a file.
    pub fn in_memory() -> Result<SqliteCatalog, OpenError> {
        let changes = Desk::start("catalogue", open_in_memory(&CATALOG)?, false)?;
        let happened = watch::Sender::new(0);
        Ok(SqliteCatalog { changes, questions: None, projector: None, projecting: Arc::default(), happened })
    }

    /// Asks without changing anything. Sees all that has been answered before.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> Result<T, CatalogError> + Send + 'static,
    ) -> Result<T, CatalogError> {
        self.questions.as_ref().unwrap_or(&self.changes).ask(job).await
    }

    /// What is made of the books, and could be made again: beside the changes that somebody waits for.
    pub(super) async fn carry<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> Result<T, CatalogError> + Send + 'static,
    ) -> Result<T, CatalogError> {
        self.projector.as_ref().unwrap_or(&self.changes).ask(job).await
    }

    pub(super) async fn change<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> Result<T, CatalogError> + Send + 'static,
    ) -> Result<T, CatalogError> {
        let happened = self.happened.clone();
        self.changes
            .ask(move |conn| {
                let done = job(conn);
                // What was asked is in the file by now, or never will be.
                let last = events::last(conn)?;
                happened.send_if_modified(|known| std::mem::replace(known, last) != last);
                done
            })
            .await
    }
}

impl From<rusqlite::Error> for CatalogError {
    fn from(error: rusqlite::Error) -> Self {
        CatalogError::Failed { reason: error.to_string() }
    }
}

pub(super) fn is_taken(error: &rusqlite::Error) -> bool {
    matches!(error, rusqlite::Error::SqliteFailure(e, _) if e.code == rusqlite::ErrorCode::ConstraintViolation)
}

pub(super) fn wrong(column: usize, what: impl std::fmt::Display) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, what.to_string().into())
}

pub(super) fn text<T: std::str::FromStr>(row: &SqlRow<'_>, column: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    text.parse().map_err(|_| wrong(column, format!("\"{text}\" cannot be read")))
}

pub(super) fn json<T: serde::de::DeserializeOwned>(row: &SqlRow<'_>, column: usize) -> rusqlite::Result<T> {
    serde_json::from_str(row.get_ref(column)?.as_str()?).map_err(|e| wrong(column, e))
}

pub(super) fn to_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("plain data")
}

/// An amount that may be missing.
pub(super) fn amount(row: &SqlRow<'_>, column: usize) -> rusqlite::Result<Option<Amount>> {
    row.get::<_, Option<i64>>(column)?.map(Amount::from_nano).transpose().map_err(|e| wrong(column, e))
}

pub(super) const ACCOUNT: &str = "a.id, a.handle, a.kind, a.created, a.trial";
/// How many columns these are.
pub(super) const ACCOUNT_COLUMNS: usize = 5;

pub(super) fn account(row: &SqlRow<'_>, at: usize) -> rusqlite::Result<Account> {
    Ok(Account {
        id: AccountId(row.get(at)?),
        handle: text(row, at + 1)?,
        kind: text(row, at + 2)?,
        created: Time(row.get(at + 3)?),
        trial: amount(row, at + 4)?.unwrap_or_default(),
    })
}

pub(super) const KEY: &str =
    "k.id, k.account, k.name, k.scopes, k.models, k.max_cost, k.created, k.expires, k.revoked, k.max_day, k.max_month,
     k.session, k.used, k.rate, k.rotated, (SELECT max(s.until) FROM secrets s WHERE s.key = k.id)";
/// How many columns these are.
pub(super) const KEY_COLUMNS: usize = 16;

pub(super) fn key(row: &SqlRow<'_>) -> rusqlite::Result<KeyRecord> {
    let scopes = row.get_ref(3)?.as_str()?.split_whitespace().map(|s| s.parse().map_err(|()| wrong(3, s)));
    let models: Option<Vec<String>> =
        row.get::<_, Option<String>>(4)?.map(|t| serde_json::from_str(&t)).transpose().map_err(|e| wrong(4, e))?;
    let models = models
        .map(|names| names.iter().map(|n| n.parse().map_err(|e| wrong(4, e))).collect::<rusqlite::Result<Vec<_>>>())
        .transpose()?;
    Ok(KeyRecord {
        id: KeyId(row.get(0)?),
        account: AccountId(row.get(1)?),
        name: row.get(2)?,
        scopes: scopes.collect::<rusqlite::Result<_>>()?,
        models,
        limits: Limits { call: amount(row, 5)?, day: amount(row, 9)?, month: amount(row, 10)? },
        created: Time(row.get(6)?),
        expires: row.get::<_, Option<i64>>(7)?.map(Time),
        revoked: row.get::<_, Option<i64>>(8)?.map(Time),
        session: row.get(11)?,
        used: row.get::<_, Option<i64>>(12)?.map(Time),
        rate: row.get::<_, Option<String>>(13)?.map(|t| t.parse().map_err(|e| wrong(13, e))).transpose()?,
        rotated: row.get::<_, Option<i64>>(14)?.map(Time),
        old_until: row.get::<_, Option<i64>>(15)?.map(Time),
    })
}

const RELEASE: &str = "SELECT m.id, m.name, m.created, m.private,
    r.id, r.major, r.minor, r.commit_id, r.digest, r.tree, r.weights, r.contract, r.terms, r.price, r.access,
    r.summary, r.task, r.license, r.readme, r.change, r.created, r.royalty, r.lineage,
    a.id, a.handle, a.kind, a.created, a.trial, y.reason,
    -- What holds now or later is among the newest two: the last alone may be still to come.
    (SELECT json_group_array(json_object('from', n.holds, 'price', json(n.price), 'set', n.announced))
     FROM (SELECT * FROM prices p WHERE p.release = r.id ORDER BY p.holds DESC LIMIT 2) n),
    (SELECT x.restriction FROM restrictions x WHERE x.model = m.id)
    FROM releases r JOIN models m ON m.id = r.model JOIN accounts a ON a.id = m.owner
    LEFT JOIN yanks y ON y.release = r.id";

/// Of the releases `r` of a model `m`, the one that unversioned calls go to: what is yanked comes after the rest of its
/// major, for another major may be no substitute.
pub(super) const LATEST_FIRST: &str = "ORDER BY r.major = m.latest_major DESC, r.id IN (SELECT release FROM yanks),
    r.major DESC, r.minor DESC LIMIT 1";

fn release(row: &SqlRow<'_>) -> rusqlite::Result<ReleaseRecord> {
    let owner = account(row, 23)?;
    let name = ModelName::new(owner.handle.clone(), row.get_ref(1)?.as_str()?).map_err(|e| wrong(1, e))?;
    let number = ReleaseNumber::new(row.get(5)?, row.get(6)?).ok_or_else(|| wrong(5, "no release number"))?;
    Ok(ReleaseRecord {
        id: ReleaseId(row.get(4)?),
        model: ModelRecord {
            id: ModelId(row.get(0)?),
            owner,
            name,
            created: Time(row.get(2)?),
            private: row.get(3)?,
            restriction: moderation::restriction(row, 30)?,
        },
        number,
        commit: registry::CommitId(row.get(7)?),
        digest: Digest(row.get(8)?),
        tree: json(row, 9)?,
        weights: Digest(row.get(10)?),
        contract: json(row, 11)?,
        terms: json(row, 12)?,
        price: json(row, 13)?,
        prices: life::newest_prices(row, 29)?,
        yanked: row.get(28)?,
        access: registry::Access::from_word(row.get_ref(14)?.as_str()?).ok_or_else(|| wrong(14, "no access"))?,
        summary: row.get(15)?,
        task: row.get(16)?,
        license: row.get(17)?,
        readme: row.get(18)?,
        change: row.get(19)?,
        created: Time(row.get(20)?),
        royalty: Share::from_points(row.get(21)?).map_err(|e| wrong(21, e))?,
        lineage: json(row, 22)?,
    })
}

/// A handle that is there is `HandleTaken`.
pub(super) fn insert_account(conn: &Connection, account: &Account) -> Result<(), CatalogError> {
    let added = conn.execute(
        "INSERT INTO accounts VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            &account.id.0[..],
            account.handle.as_str(),
            account.kind.word(),
            account.created.0,
            account.trial.nano()
        ],
    );
    match added {
        Err(error) if is_taken(&error) => Err(CatalogError::HandleTaken { handle: account.handle.clone() }),
        other => Ok(other.map(drop)?),
    }
}

pub(super) fn insert_key(conn: &Connection, new: &NewKey) -> rusqlite::Result<()> {
    let key = &new.record;
    let scopes: Vec<_> = key.scopes.iter().map(|s| s.word()).collect();
    let models = key.models.as_ref().map(|m| to_json(&m.iter().map(ToString::to_string).collect::<Vec<_>>()));
    conn.execute(
        "INSERT INTO keys VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
        params![
            &key.id.0[..],
            &key.account.0[..],
            &new.hash[..],
            key.name,
            scopes.join(" "),
            models,
            key.limits.call.map(Amount::nano),
            key.created.0,
            key.expires.map(|t| t.0),
            key.revoked.map(|t| t.0),
            key.limits.day.map(Amount::nano),
            key.limits.month.map(Amount::nano),
            key.session,
            key.used.map(|t| t.0),
            key.rate.map(|rate| rate.to_string()),
            key.rotated.map(|t| t.0),
        ],
    )?;
    Ok(())
}

pub(super) fn find_release(
    conn: &Connection,
    name: &ModelName,
    number: Option<ReleaseNumber>,
) -> rusqlite::Result<Option<ReleaseRecord>> {
    let folded = name.folded();
    let owner = name.owner().as_str();
    let one =
        |sql: &str, params: &[&dyn rusqlite::ToSql]| conn.prepare_cached(sql)?.query_row(params, release).optional();
    match number {
        Some(n) => one(
            &format!("{RELEASE} WHERE a.handle = ?1 AND m.folded = ?2 AND r.major = ?3 AND r.minor = ?4"),
            &[&owner, &folded, &n.major(), &n.minor()],
        ),
        None => one(&format!("{RELEASE} WHERE a.handle = ?1 AND m.folded = ?2 {LATEST_FIRST}"), &[&owner, &folded]),
    }
}

#[async_trait]
impl Catalog for SqliteCatalog {
    async fn add_account(&self, account: &Account, key: Option<&NewKey>) -> Result<(), CatalogError> {
        let (account, key) = (account.clone(), key.cloned());
        self.change(move |conn| {
            let tx = conn.transaction()?;
            insert_account(&tx, &account)?;
            if let Some(key) = key {
                insert_key(&tx, &key)?;
            }
            Ok(tx.commit()?)
        })
        .await
    }

    async fn account(&self, handle: &Handle) -> Result<Option<Account>, CatalogError> {
        let handle = handle.clone();
        self.ask(move |conn| {
            let sql = format!("SELECT {ACCOUNT} FROM accounts a WHERE a.handle = ?1");
            Ok(conn.prepare_cached(&sql)?.query_row([handle.as_str()], |r| account(r, 0)).optional()?)
        })
        .await
    }

    async fn account_by_id(&self, id: AccountId) -> Result<Option<Account>, CatalogError> {
        self.ask(move |conn| {
            let sql = format!("SELECT {ACCOUNT} FROM accounts a WHERE a.id = ?1");
            Ok(conn.prepare_cached(&sql)?.query_row([&id.0[..]], |r| account(r, 0)).optional()?)
        })
        .await
    }

    async fn add_key(&self, key: &NewKey) -> Result<(), CatalogError> {
        let key = key.clone();
        self.change(move |conn| Ok(insert_key(conn, &key)?)).await
    }

    async fn keys(&self, account: AccountId) -> Result<Vec<KeyRecord>, CatalogError> {
        self.ask(move |conn| {
            let sql =
                format!("SELECT {KEY} FROM keys k WHERE k.account = ?1 AND NOT k.session ORDER BY k.created, k.id");
            let mut statement = conn.prepare_cached(&sql)?;
            let keys = statement.query_map([&account.0[..]], key)?.collect::<rusqlite::Result<_>>()?;
            Ok(keys)
        })
        .await
    }

    async fn revoke_key(&self, account: AccountId, key: KeyId, at: Time) -> Result<bool, CatalogError> {
        self.change(move |conn| {
            let changed = conn.execute(
                "UPDATE keys SET revoked = ?3 WHERE id = ?2 AND account = ?1 AND revoked IS NULL",
                params![&account.0[..], &key.0[..], at.0],
            )?;
            Ok(changed == 1)
        })
        .await
    }

    async fn credential(&self, hash: &[u8; 32]) -> Result<Option<Credential>, CatalogError> {
        let hash = *hash;
        self.ask(move |conn| {
            let Some((key, account, ends)) = secrets::find(conn, &hash)? else { return Ok(None) };
            let groups = organisations::groups(conn, account.id)?;
            let limits = sums::limits(conn, account.id)?;
            Ok(Some(Credential { key, account, groups, limits, ends }))
        })
        .await
    }

    async fn set_limits(&self, account: AccountId, limits: Limits) -> Result<(), CatalogError> {
        self.change(move |conn| {
            let [call, day, month] = [limits.call, limits.day, limits.month].map(|limit| limit.map(Amount::nano));
            conn.execute(
                "INSERT OR REPLACE INTO limits VALUES (?1, ?2, ?3, ?4)",
                params![&account.0[..], call, day, month],
            )?;
            Ok(())
        })
        .await
    }

    async fn limits(&self, account: AccountId) -> Result<Limits, CatalogError> {
        self.ask(move |conn| Ok(sums::limits(conn, account)?)).await
    }

    async fn settings(&self) -> Result<Settings, CatalogError> {
        self.ask(move |conn| {
            let get = |name: &str| {
                conn.prepare_cached("SELECT value FROM settings WHERE name = ?1")?
                    .query_row([name], |r| r.get::<_, String>(0))
                    .optional()
            };
            let damaged = |name: &str| CatalogError::Failed { reason: format!("the setting {name} cannot be read") };
            let fee = match get("fee")? {
                Some(text) => text.parse().map_err(|_| damaged("fee"))?,
                None => Share::from_points(1_000).expect("a tenth"),
            };
            let rate = get("rate")?.map(|text| text.parse().map_err(|_| damaged("rate"))).transpose()?;
            let trial = get("trial")?.map(|text| text.parse().map_err(|_| damaged("trial"))).transpose()?;
            let notice_days = get("notice")?.map(|text| text.parse().map_err(|_| damaged("notice"))).transpose()?;
            let (trial, notice_days) = (trial.unwrap_or_default(), notice_days.unwrap_or(Settings::NOTICE_DAYS));
            let request_rates = get("request_rates")?.map(|text| serde_json::from_str(&text));
            let request_rates = request_rates.transpose().map_err(|_| damaged("request_rates"))?.unwrap_or_default();
            Ok(Settings { fee, rate, trial, notice_days, request_rates })
        })
        .await
    }

    async fn set_fee(&self, fee: Share) -> Result<(), CatalogError> {
        self.change(move |conn| {
            conn.execute("INSERT OR REPLACE INTO settings VALUES ('fee', ?1)", [fee.to_string()])?;
            Ok(())
        })
        .await
    }

    async fn set_notice(&self, days: u32) -> Result<(), CatalogError> {
        self.change(move |conn| {
            conn.execute("INSERT OR REPLACE INTO settings VALUES ('notice', ?1)", [days.to_string()])?;
            Ok(())
        })
        .await
    }

    async fn set_rate(&self, rate: Rate) -> Result<(), CatalogError> {
        self.change(move |conn| {
            conn.execute("INSERT OR REPLACE INTO settings VALUES ('rate', ?1)", [rate.to_string()])?;
            Ok(())
        })
        .await
    }

    async fn set_request_rates(&self, rates: RateSettings) -> Result<(), CatalogError> {
        self.change(move |conn| {
            conn.execute("INSERT OR REPLACE INTO settings VALUES ('request_rates', ?1)", [to_json(&rates)])?;
            Ok(())
        })
        .await
    }

    async fn set_trial_budget(&self, trial: Amount) -> Result<(), CatalogError> {
        self.change(move |conn| {
            conn.execute("INSERT OR REPLACE INTO settings VALUES ('trial', ?1)", [trial.to_string()])?;
            Ok(())
        })
        .await
    }

    async fn add_upload(&self, account: AccountId, blob: Digest, size: u64, at: Time) -> Result<(), CatalogError> {
        self.change(move |conn| {
            let tx = conn.transaction()?;
            storage::hand_in(&tx, account, blob, size, at)?;
            Ok(tx.commit()?)
        })
        .await
    }

    async fn upload(&self, account: AccountId, blob: Digest) -> Result<Option<u64>, CatalogError> {
        self.ask(move |conn| {
            let size: Option<i64> = conn
                .prepare_cached("SELECT size FROM uploads WHERE account = ?1 AND sha256 = ?2")?
                .query_row(params![&account.0[..], &blob.0[..]], |r| r.get(0))
                .optional()?;
            Ok(size.map(i64::unsigned_abs))
        })
        .await
    }

    async fn seal(&self, new: &NewRelease) -> Result<(), CatalogError> {
        let new = new.clone();
        self.change(move |conn| {
            let (release, latest) = (&new.release, new.latest);
            let tx = conn.transaction()?;
            let model = &release.model;
            if let Some(known) = new.known {
                let there = tx.query_row(
                    "SELECT EXISTS (SELECT 1 FROM models WHERE id = ?1 AND owner = ?2 AND folded = ?3)",
                    params![&known.0[..], &model.owner.id.0[..], model.name.folded()],
                    |r| r.get::<_, bool>(0),
                )?;
                if !there {
                    return Err(CatalogError::Gone { model: known });
                }
            }
            let added = tx.execute(
                "INSERT INTO models (id, owner, name, folded, created, latest_major) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (owner, folded) DO NOTHING",
                params![
                    &model.id.0[..],
                    &model.owner.id.0[..],
                    model.name.name(),
                    model.name.folded(),
                    model.created.0,
                    release.number.major()
                ],
            )?;
            if added > 0 {
                tx.execute("DELETE FROM moved WHERE name = ?1", [model.name.folded()])?;
            }
            // Two first publishes may race: the row that won names the model.
            let model_id: [u8; 16] = tx.query_row(
                "SELECT id FROM models WHERE owner = ?1 AND folded = ?2",
                params![&model.owner.id.0[..], model.name.folded()],
                |r| r.get(0),
            )?;
            let (id, by, at) = (ModelId(model_id), Some(new.by), release.created);
            moderation::stands(&tx, id)?;
            if added > 0 {
                events::about(&tx, id, EventKind::ModelCreated, by, at, serde_json::json!({ "private": false }))?;
            }
            let before = events::latest(&tx, id)?;
            let sealed = tx.execute(
                "INSERT INTO releases VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,
                 ?17, ?18, ?19, ?20)",
                params![
                    &release.id.0[..],
                    &model_id[..],
                    release.number.major(),
                    release.number.minor(),
                    &release.commit.0[..],
                    &release.digest.0[..],
                    to_json(&release.tree),
                    &release.weights.0[..],
                    to_json(&release.contract),
                    to_json(&release.terms),
                    to_json(&release.price),
                    release.access.word(),
                    release.summary,
                    release.task,
                    release.license,
                    release.readme,
                    release.change,
                    release.created.0,
                    release.royalty.points(),
                    to_json(&release.lineage),
                ],
            );
            match sealed {
                Err(error) if is_taken(&error) => {
                    return Err(CatalogError::ReleaseExists { model: model.name.clone(), number: release.number });
                }
                other => other?,
            };
            // A model that was made without a release has none that calls could go to.
            tx.execute(
                "UPDATE models SET latest_major = ?2 WHERE id = ?1 AND (?3 OR latest_major = 0)",
                params![&model_id[..], release.number.major(), latest],
            )?;
            repositories::sealed(&tx, id, &new)?;
            let detail = serde_json::json!({
                "release": release.number.to_string(), "change": release.change, "commit": release.commit.to_string(),
                "digest": release.digest.to_string(), "price": release.price,
            });
            events::about(&tx, id, EventKind::ReleaseSealed, by, at, detail)?;
            for step in &release.prices {
                life::announce(&tx, (release.id, id, release.number), release.price, step, Act { by: new.by, at })?;
            }
            events::latest_since(&tx, id, before, by, at)?;
            Ok(tx.commit()?)
        })
        .await
    }

    async fn set_latest(&self, model: ModelId, major: u32, notice_ms: i64, act: Act) -> Result<(), CatalogError> {
        self.change(move |conn| {
            let tx = conn.transaction()?;
            let before = events::latest(&tx, model)?;
            tx.execute("UPDATE models SET latest_major = ?2 WHERE id = ?1", params![&model.0[..], major])?;
            events::latest_since(&tx, model, before, Some(act.by), act.at)?;
            life::give_notice(&tx, model, before, notice_ms, act)?;
            Ok(tx.commit()?)
        })
        .await
    }

    async fn model(&self, name: &ModelName) -> Result<Option<ModelRecord>, CatalogError> {
        let name = name.clone();
        self.ask(move |conn| Ok(find_release(conn, &name, None)?.map(|release| release.model))).await
    }

    async fn release(
        &self,
        name: &ModelName,
        number: Option<ReleaseNumber>,
    ) -> Result<Option<ReleaseRecord>, CatalogError> {
        let name = name.clone();
        self.ask(move |conn| Ok(find_release(conn, &name, number)?)).await
    }

    async fn release_by_id(&self, id: ReleaseId) -> Result<Option<ReleaseRecord>, CatalogError> {
        self.ask(move |conn| {
            let sql = format!("{RELEASE} WHERE r.id = ?1");
            Ok(conn.prepare_cached(&sql)?.query_row([&id.0[..]], release).optional()?)
        })
        .await
    }

    async fn release_names(
        &self,
        ids: &[ReleaseId],
    ) -> Result<HashMap<ReleaseId, (ModelName, ReleaseNumber)>, CatalogError> {
        let ids: HashSet<ReleaseId> = ids.iter().copied().collect();
        self.ask(move |conn| {
            let mut find = conn.prepare_cached(
                "SELECT a.handle, m.name, r.major, r.minor FROM releases r JOIN models m ON m.id = r.model
                 JOIN accounts a ON a.id = m.owner WHERE r.id = ?1",
            )?;
            let mut names = HashMap::with_capacity(ids.len());
            for id in ids {
                let name = |row: &SqlRow<'_>| {
                    let name = ModelName::new(text(row, 0)?, row.get_ref(1)?.as_str()?).map_err(|e| wrong(1, e))?;
                    let number = ReleaseNumber::new(row.get(2)?, row.get(3)?);
                    Ok((name, number.ok_or_else(|| wrong(2, "no release number"))?))
                };
                names.extend(find.query_row([&id.0[..]], name).optional()?.map(|name| (id, name)));
            }
            Ok(names)
        })
        .await
    }

    async fn releases(&self, name: &ModelName, limit: u64) -> Result<Vec<ReleaseRecord>, CatalogError> {
        let name = name.clone();
        self.ask(move |conn| {
            let sql =
                format!("{RELEASE} WHERE a.handle = ?1 AND m.folded = ?2 ORDER BY r.major DESC, r.minor DESC LIMIT ?3");
            let mut statement = conn.prepare_cached(&sql)?;
            let releases = statement
                .query_map(params![name.owner().as_str(), name.folded(), limit as i64], release)?
                .collect::<rusqlite::Result<_>>()?;
            Ok(releases)
        })
        .await
    }

    async fn listing(&self, offset: u64, limit: u64) -> Result<Vec<(ReleaseRecord, ModelTotals)>, CatalogError> {
        self.ask(move |conn| {
            let sql = format!(
                "{RELEASE} WHERE m.private = 0 AND {LISTED}
                 AND r.id = (SELECT r.id FROM releases r WHERE r.model = m.id {LATEST_FIRST})
                 ORDER BY r.created DESC, r.id DESC LIMIT ?2 OFFSET ?1"
            );
            let mut statement = conn.prepare_cached(&sql)?;
            let releases: Vec<ReleaseRecord> =
                statement.query_map([offset as i64, limit as i64], release)?.collect::<rusqlite::Result<_>>()?;
            let mut listing = Vec::with_capacity(releases.len());
            for release in releases {
                let totals = sums::model_totals(conn, release.model.id)?;
                listing.push((release, totals));
            }
            Ok(listing)
        })
        .await
    }

    async fn watermark(&self) -> Result<Seq, CatalogError> {
        self.ask(move |conn| Ok(project::watermark(conn)?)).await
    }

    async fn project(&self, rows: Vec<(Seq, Row)>, write: bool) -> Result<Seq, CatalogError> {
        let projecting = self.projecting.clone();
        let carry = move |conn: &mut Connection| {
            projecting.lock().expect("nothing panics while it sums up").take(conn, &rows, write)
        };
        self.carry(carry).await
    }

    async fn call_seq(&self, call: CallId) -> Result<Option<Seq>, CatalogError> {
        self.ask(move |conn| {
            let seq: Option<i64> = conn
                .prepare_cached("SELECT seq FROM call_seqs WHERE id = ?1")?
                .query_row([&call.0[..]], |r| r.get(0))
                .optional()?;
            Ok(seq.map(i64::unsigned_abs))
        })
        .await
    }

    async fn keyed_seq(&self, hash: &[u8; 32]) -> Result<Option<Seq>, CatalogError> {
        let hash = *hash;
        self.ask(move |conn| {
            let seq: Option<i64> = conn
                .prepare_cached("SELECT seq FROM keyed_seqs WHERE hash = ?1")?
                .query_row([&hash[..]], |r| r.get(0))
                .optional()?;
            Ok(seq.map(i64::unsigned_abs))
        })
        .await
    }

    async fn account_rows(
        &self,
        account: AccountId,
        list: List,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<Vec<Seq>, CatalogError> {
        self.ask(move |conn| Ok(project::account_rows(conn, account, list, before, limit)?)).await
    }

    async fn day_sums(&self, account: AccountId, from: i64, to: i64) -> Result<Vec<DaySum>, CatalogError> {
        self.ask(move |conn| Ok(sums::day_sums(conn, account, from, to)?)).await
    }

    async fn sums_before(&self, account: AccountId, day: i64) -> Result<(i64, i64), CatalogError> {
        self.ask(move |conn| Ok(sums::sums_before(conn, account, day)?)).await
    }

    async fn spent(&self, who: Spender, month: i64, today: i64) -> Result<Spent, CatalogError> {
        self.ask(move |conn| Ok(sums::spent(conn, who, month, today)?)).await
    }

    async fn payers(&self, account: AccountId) -> Result<Vec<PayerSum>, CatalogError> {
        self.ask(move |conn| Ok(sums::payers(conn, account)?)).await
    }

    async fn earnings(&self, account: AccountId) -> Result<Vec<Earning>, CatalogError> {
        self.ask(move |conn| Ok(sums::earnings(conn, account)?)).await
    }

    async fn model_totals(&self, model: ModelId) -> Result<ModelTotals, CatalogError> {
        self.ask(move |conn| Ok(sums::model_totals(conn, model)?)).await
    }

    async fn totals(&self) -> Result<Totals, CatalogError> {
        self.ask(move |conn| {
            // As many as are listed for everybody.
            let listed = "SELECT (SELECT count(*) FROM models WHERE private = 0 AND latest_major > 0)
                - (SELECT count(*) FROM restrictions x JOIN models m ON m.id = x.model
                   WHERE m.private = 0 AND m.latest_major > 0)";
            let models: i64 = conn.query_row(listed, [], |r| r.get(0))?;
            Ok(Totals { models: models.unsigned_abs(), calls: sums::hub_totals(conn, i64::MIN)? })
        })
        .await
    }

    async fn outcomes(&self, release: ReleaseId) -> Result<Vec<(Class, Outcome, u64)>, CatalogError> {
        self.ask(move |conn| Ok(sums::outcomes(conn, release)?)).await
    }

    async fn class_totals(&self) -> Result<Vec<(Class, u64, Amount)>, CatalogError> {
        self.ask(move |conn| Ok(sums::class_totals(conn)?)).await
    }

    async fn add_checks(&self, release: ReleaseId, new: &[NewCheck]) -> Result<(), CatalogError> {
        let new = new.to_vec();
        self.change(move |conn| Ok(checks::add(conn, release, &new)?)).await
    }

    async fn checks(&self, release: ReleaseId) -> Result<Vec<CheckSum>, CatalogError> {
        self.ask(move |conn| Ok(checks::of_release(conn, release)?)).await
    }

    async fn model_checks(
        &self,
        model: ModelId,
        releases: u64,
    ) -> Result<Vec<(ReleaseNumber, CheckSum)>, CatalogError> {
        self.ask(move |conn| Ok(checks::of_model(conn, model, releases)?)).await
    }

    async fn unchecked(
        &self,
        before: Option<(Time, ReleaseId)>,
        limit: u64,
    ) -> Result<Vec<(Time, ReleaseId)>, CatalogError> {
        self.ask(move |conn| Ok(checks::unchecked(conn, before, limit)?)).await
    }

    async fn check_totals(&self) -> Result<Vec<(CheckKind, CheckCounts)>, CatalogError> {
        self.ask(move |conn| Ok(checks::totals(conn)?)).await
    }

    async fn trial(&self, model: ModelId) -> Result<Trial, CatalogError> {
        self.ask(move |conn| Ok(sums::trial(conn, model)?)).await
    }

    async fn set_trial(&self, model: ModelId, trial: Trial) -> Result<(), CatalogError> {
        self.change(move |conn| {
            conn.execute(
                "INSERT OR REPLACE INTO trials VALUES (?1, ?2, ?3, ?4)",
                params![&model.0[..], trial.allowed, trial.budget.nano(), trial.per_account.nano()],
            )?;
            Ok(())
        })
        .await
    }

    async fn trial_use(&self, model: ModelId, caller: AccountId) -> Result<TrialUse, CatalogError> {
        self.ask(move |conn| Ok(sums::trial_use(conn, model, caller)?)).await
    }

    async fn add_receipt(&self, call: CallId, seq: Seq, signature: &[u8], at: Time) -> Result<(), CatalogError> {
        let signature = signature.to_vec();
        self.change(move |conn| {
            conn.execute(
                "INSERT OR IGNORE INTO receipts VALUES (?1, ?2, ?3, ?4)",
                params![&call.0[..], seq as i64, signature, at.0],
            )?;
            Ok(())
        })
        .await
    }

    async fn webhook(&self, account: AccountId) -> Result<Option<Webhook>, CatalogError> {
        self.ask(move |conn| Ok(alerts::webhook(conn, account)?)).await
    }

    async fn webhooks(&self) -> Result<Vec<Webhook>, CatalogError> {
        self.ask(move |conn| Ok(alerts::webhooks(conn)?)).await
    }

    async fn set_webhook(&self, webhook: &Webhook) -> Result<(), CatalogError> {
        let webhook = webhook.clone();
        self.change(move |conn| Ok(alerts::set_webhook(conn, &webhook)?)).await
    }

    async fn remove_webhook(&self, account: AccountId) -> Result<bool, CatalogError> {
        self.change(move |conn| Ok(alerts::remove_webhook(conn, account)?)).await
    }

    async fn set_low(&self, account: AccountId, low: bool) -> Result<(), CatalogError> {
        self.change(move |conn| {
            conn.execute("UPDATE webhooks SET low = ?2 WHERE account = ?1", params![&account.0[..], low])?;
            Ok(())
        })
        .await
    }

    async fn limited(&self) -> Result<Vec<AccountId>, CatalogError> {
        self.ask(move |conn| Ok(sums::limited(conn)?)).await
    }

    async fn add_alert(&self, alert: &NewAlert, tell: bool) -> Result<bool, CatalogError> {
        let alert = alert.clone();
        self.change(move |conn| Ok(alerts::add(conn, &alert, tell)?)).await
    }

    async fn alerts(&self, account: AccountId, before: Option<u64>, limit: u64) -> Result<Vec<Alert>, CatalogError> {
        self.ask(move |conn| Ok(alerts::of(conn, account, before, limit)?)).await
    }

    async fn due_alerts(&self, now: Time, limit: u64) -> Result<Vec<Alert>, CatalogError> {
        self.ask(move |conn| Ok(alerts::due(conn, now, limit)?)).await
    }

    async fn told_alert(
        &self,
        id: u64,
        delivered: Option<Time>,
        next: Option<Time>,
        said: &str,
    ) -> Result<(), CatalogError> {
        let said = said.to_owned();
        self.change(move |conn| Ok(alerts::told(conn, id, delivered, next, &said)?)).await
    }
}
