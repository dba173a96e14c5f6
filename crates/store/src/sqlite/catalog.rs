//! `hub.db`: one thread owns the connection and takes questions in turn.

use std::path::Path;
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;

use async_trait::async_trait;
use ledger::{
    AccountId, Amount, Call, CallId, Class, KeyId, ModelId, Outcome, Part, Purse, Rate, ReleaseId, Role, Share, Time,
};
use registry::{Digest, Handle, ModelName, ReleaseNumber};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row as SqlRow, params};
use tokio::sync::oneshot;

use super::schema::{CATALOG, OpenError, open, open_in_memory};
use crate::books::{Row, Seq};
use crate::catalog::{
    Account, Catalog, CatalogError, Credential, Earning, KeyRecord, ModelRecord, ModelTotals, NewKey, NewRelease,
    ReleaseRecord, Settings, Totals,
};

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

#[derive(Debug)]
pub struct SqliteCatalog {
    jobs: Sender<Job>,
    thread: Option<JoinHandle<()>>,
}

impl SqliteCatalog {
    pub fn open(folder: &Path) -> Result<SqliteCatalog, OpenError> {
        Self::start(open(&folder.join("hub.db"), &CATALOG)?)
    }

    /// A catalogue that is gone when it is dropped: SQLite's own, without a file.
    pub fn in_memory() -> Result<SqliteCatalog, OpenError> {
        Self::start(open_in_memory(&CATALOG)?)
    }

    fn start(mut conn: Connection) -> Result<SqliteCatalog, OpenError> {
        conn.set_prepared_statement_cache_capacity(64);
        let (jobs, queue) = mpsc::channel::<Job>();
        let thread = std::thread::Builder::new()
            .name("catalogue".to_owned())
            .spawn(move || queue.iter().for_each(|job| job(&mut conn)))
            .map_err(|error| OpenError::Io { path: "hub.db".into(), error })?;
        Ok(SqliteCatalog { jobs, thread: Some(thread) })
    }

    async fn ask<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> Result<T, CatalogError> + Send + 'static,
    ) -> Result<T, CatalogError> {
        let (done, answer) = oneshot::channel();
        let stopped = || CatalogError::Failed { reason: "the catalogue's thread has stopped".to_owned() };
        self.jobs
            .send(Box::new(move |conn| {
                let _ = done.send(job(conn));
            }))
            .map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

impl Drop for SqliteCatalog {
    /// What was asked is done first; after that nobody has the file open.
    fn drop(&mut self) {
        let (closed, _) = mpsc::channel();
        drop(std::mem::replace(&mut self.jobs, closed));
        if let Some(thread) = self.thread.take() {
            // One that panicked has said so on its way out.
            let _ = thread.join();
        }
    }
}

impl From<rusqlite::Error> for CatalogError {
    fn from(error: rusqlite::Error) -> Self {
        CatalogError::Failed { reason: error.to_string() }
    }
}

fn is_taken(error: &rusqlite::Error) -> bool {
    matches!(error, rusqlite::Error::SqliteFailure(e, _) if e.code == rusqlite::ErrorCode::ConstraintViolation)
}

fn wrong(column: usize, what: impl std::fmt::Display) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, what.to_string().into())
}

fn text<T: std::str::FromStr>(row: &SqlRow<'_>, column: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    text.parse().map_err(|_| wrong(column, format!("\"{text}\" cannot be read")))
}

fn json<T: serde::de::DeserializeOwned>(row: &SqlRow<'_>, column: usize) -> rusqlite::Result<T> {
    serde_json::from_str(row.get_ref(column)?.as_str()?).map_err(|e| wrong(column, e))
}

fn to_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("plain data")
}

const ACCOUNT: &str = "a.id, a.handle, a.kind, a.created";

fn account(row: &SqlRow<'_>, at: usize) -> rusqlite::Result<Account> {
    Ok(Account {
        id: AccountId(row.get(at)?),
        handle: text(row, at + 1)?,
        kind: text(row, at + 2)?,
        created: Time(row.get(at + 3)?),
    })
}

const KEY: &str = "k.id, k.account, k.name, k.scopes, k.models, k.max_cost, k.created, k.expires, k.revoked";

fn key(row: &SqlRow<'_>) -> rusqlite::Result<KeyRecord> {
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
        max_cost: row.get::<_, Option<i64>>(5)?.map(Amount::from_nano).transpose().map_err(|e| wrong(5, e))?,
        created: Time(row.get(6)?),
        expires: row.get::<_, Option<i64>>(7)?.map(Time),
        revoked: row.get::<_, Option<i64>>(8)?.map(Time),
    })
}

const RELEASE: &str = "SELECT a.id, a.handle, a.kind, a.created, m.id, m.name, m.created,
    r.id, r.major, r.minor, r.commit_id, r.digest, r.tree, r.weights, r.contract, r.terms, r.price, r.access,
    r.summary, r.task, r.license, r.readme, r.change, r.created
    FROM releases r JOIN models m ON m.id = r.model JOIN accounts a ON a.id = m.owner";

fn release(row: &SqlRow<'_>) -> rusqlite::Result<ReleaseRecord> {
    let owner = account(row, 0)?;
    let name = ModelName::new(owner.handle.clone(), row.get_ref(5)?.as_str()?).map_err(|e| wrong(5, e))?;
    let number = ReleaseNumber::new(row.get(8)?, row.get(9)?).ok_or_else(|| wrong(8, "no release number"))?;
    Ok(ReleaseRecord {
        id: ReleaseId(row.get(7)?),
        model: ModelRecord { id: ModelId(row.get(4)?), owner, name, created: Time(row.get(6)?) },
        number,
        commit: registry::CommitId(row.get(10)?),
        digest: Digest(row.get(11)?),
        tree: json(row, 12)?,
        weights: Digest(row.get(13)?),
        contract: json(row, 14)?,
        terms: json(row, 15)?,
        price: json(row, 16)?,
        access: registry::Access::from_word(row.get_ref(17)?.as_str()?).ok_or_else(|| wrong(17, "no access"))?,
        summary: row.get(18)?,
        task: row.get(19)?,
        license: row.get(20)?,
        readme: row.get(21)?,
        change: row.get(22)?,
        created: Time(row.get(23)?),
    })
}

fn insert_key(conn: &Connection, new: &NewKey) -> rusqlite::Result<()> {
    let key = &new.record;
    let scopes: Vec<_> = key.scopes.iter().map(|s| s.word()).collect();
    let models = key.models.as_ref().map(|m| to_json(&m.iter().map(ToString::to_string).collect::<Vec<_>>()));
    conn.execute(
        "INSERT INTO keys VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)",
        params![
            &key.id.0[..],
            &key.account.0[..],
            &new.hash[..],
            key.name,
            scopes.join(" "),
            models,
            key.max_cost.map(Amount::nano),
            key.created.0,
            key.expires.map(|t| t.0),
            key.revoked.map(|t| t.0)
        ],
    )?;
    Ok(())
}

fn find_release(
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
        None => one(
            &format!(
                "{RELEASE} WHERE a.handle = ?1 AND m.folded = ?2 ORDER BY r.major = m.latest_major DESC, r.major DESC, r.minor DESC LIMIT 1"
            ),
            &[&owner, &folded],
        ),
    }
}

fn model_totals(conn: &Connection, model: Option<ModelId>) -> rusqlite::Result<ModelTotals> {
    let id = model.map(|m| m.0);
    let (paid_calls, paid_tried): (i64, i64) = conn
        .prepare_cached(
            "SELECT ifnull(sum(calls) FILTER (WHERE outcome = 'ok'), 0), ifnull(sum(calls), 0) FROM release_days
             WHERE class = 'paid' AND outcome NOT IN ('refused', 'invalid_input')
             AND (?1 IS NULL OR release IN (SELECT id FROM releases WHERE model = ?1))",
        )?
        .query_row([id], |r| Ok((r.get(0)?, r.get(1)?)))?;
    let earned: i64 = conn
        .prepare_cached(
            "SELECT ifnull(sum(amount), 0) FROM earnings
             WHERE class = 'paid' AND (?1 IS NULL OR release IN (SELECT id FROM releases WHERE model = ?1))",
        )?
        .query_row([id], |r| r.get(0))?;
    Ok(ModelTotals {
        paid_calls: paid_calls.unsigned_abs(),
        paid_tried: paid_tried.unsigned_abs(),
        creators_earned: Amount::from_nano(earned).map_err(|e| wrong(0, e))?,
    })
}

fn role_word(role: Role) -> &'static str {
    match role {
        Role::Royalty => "royalty",
        Role::Creator => "creator",
    }
}

fn project_call(conn: &Connection, seq: Seq, call: &Call) -> rusqlite::Result<()> {
    let seq = seq as i64;
    conn.prepare_cached("INSERT INTO call_seqs VALUES (?1, ?2)")?.execute(params![&call.id.0[..], seq])?;
    conn.prepare_cached("INSERT INTO payer_calls VALUES (?1, ?2)")?.execute(params![&call.payer.0[..], seq])?;
    if let (Some(keyed), Outcome::Ok) = (&call.keyed, call.outcome) {
        conn.prepare_cached("INSERT OR REPLACE INTO keyed_seqs VALUES (?1, ?2)")?
            .execute(params![&keyed.hash[..], seq])?;
    }
    let day = call.finished.day();
    conn.prepare_cached(
        "INSERT INTO release_days VALUES (?1, ?2, ?3, ?4, 1, ?5)
         ON CONFLICT DO UPDATE SET calls = calls + 1, cost = cost + excluded.cost",
    )?
    .execute(params![&call.release.0[..], day, call.class.word(), call.outcome.word(), call.cost.nano()])?;
    let purse = match call.purse {
        Purse::Cash => "cash",
        Purse::Promo => "promo",
    };
    for Part { to, role, amount } in &call.parts {
        conn.prepare_cached(
            "INSERT INTO earnings VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, ?7)
             ON CONFLICT DO UPDATE SET calls = calls + 1, amount = amount + excluded.amount",
        )?
        .execute(params![
            &to.0[..],
            &call.release.0[..],
            day,
            call.class.word(),
            purse,
            role_word(*role),
            amount.nano()
        ])?;
    }
    Ok(())
}

#[async_trait]
impl Catalog for SqliteCatalog {
    async fn add_account(&self, account: &Account, key: Option<&NewKey>) -> Result<(), CatalogError> {
        let (account, key) = (account.clone(), key.cloned());
        self.ask(move |conn| {
            let tx = conn.transaction()?;
            let added = tx.execute(
                "INSERT INTO accounts VALUES (?1, ?2, ?3, ?4)",
                params![&account.id.0[..], account.handle.as_str(), account.kind.word(), account.created.0],
            );
            match added {
                Err(error) if is_taken(&error) => return Err(CatalogError::HandleTaken { handle: account.handle }),
                other => other?,
            };
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

    async fn add_member(&self, member: AccountId, of: AccountId, role: &str) -> Result<(), CatalogError> {
        let role = role.to_owned();
        self.ask(move |conn| {
            conn.execute(
                "INSERT OR REPLACE INTO memberships VALUES (?1, ?2, ?3)",
                params![&member.0[..], &of.0[..], role],
            )?;
            Ok(())
        })
        .await
    }

    async fn add_key(&self, key: &NewKey) -> Result<(), CatalogError> {
        let key = key.clone();
        self.ask(move |conn| Ok(insert_key(conn, &key)?)).await
    }

    async fn keys(&self, account: AccountId) -> Result<Vec<KeyRecord>, CatalogError> {
        self.ask(move |conn| {
            let sql = format!("SELECT {KEY} FROM keys k WHERE k.account = ?1 ORDER BY k.created, k.id");
            let mut statement = conn.prepare_cached(&sql)?;
            let keys = statement.query_map([&account.0[..]], key)?.collect::<rusqlite::Result<_>>()?;
            Ok(keys)
        })
        .await
    }

    async fn revoke_key(&self, account: AccountId, key: KeyId, at: Time) -> Result<bool, CatalogError> {
        self.ask(move |conn| {
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
            let sql =
                format!("SELECT {KEY}, {ACCOUNT} FROM keys k JOIN accounts a ON a.id = k.account WHERE k.hash = ?1");
            let found =
                conn.prepare_cached(&sql)?.query_row([&hash[..]], |r| Ok((key(r)?, account(r, 9)?))).optional()?;
            let Some((key, account)) = found else { return Ok(None) };
            let mut groups = vec![account.id];
            let mut statement = conn.prepare_cached("SELECT account FROM memberships WHERE member = ?1")?;
            for group in statement.query_map([&account.id.0[..]], |r| r.get(0))? {
                groups.push(AccountId(group?));
            }
            Ok(Some(Credential { key, account, groups }))
        })
        .await
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
            Ok(Settings { fee, rate })
        })
        .await
    }

    async fn set_fee(&self, fee: Share) -> Result<(), CatalogError> {
        self.ask(move |conn| {
            conn.execute("INSERT OR REPLACE INTO settings VALUES ('fee', ?1)", [fee.to_string()])?;
            Ok(())
        })
        .await
    }

    async fn set_rate(&self, rate: Rate) -> Result<(), CatalogError> {
        self.ask(move |conn| {
            conn.execute("INSERT OR REPLACE INTO settings VALUES ('rate', ?1)", [rate.to_string()])?;
            Ok(())
        })
        .await
    }

    async fn add_upload(&self, account: AccountId, blob: Digest, size: u64, at: Time) -> Result<(), CatalogError> {
        self.ask(move |conn| {
            conn.execute(
                "INSERT OR REPLACE INTO uploads VALUES (?1, ?2, ?3, ?4)",
                params![&account.0[..], &blob.0[..], size as i64, at.0],
            )?;
            Ok(())
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
        let (release, latest) = (new.release.clone(), new.latest);
        self.ask(move |conn| {
            let tx = conn.transaction()?;
            let model = &release.model;
            tx.execute(
                "INSERT INTO models VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (owner, folded) DO NOTHING",
                params![
                    &model.id.0[..],
                    &model.owner.id.0[..],
                    model.name.name(),
                    model.name.folded(),
                    model.created.0,
                    release.number.major()
                ],
            )?;
            // Two first publishes may race: the row that won names the model.
            let model_id: [u8; 16] = tx.query_row(
                "SELECT id FROM models WHERE owner = ?1 AND folded = ?2",
                params![&model.owner.id.0[..], model.name.folded()],
                |r| r.get(0),
            )?;
            let sealed = tx.execute(
                "INSERT INTO releases VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18)",
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
                ],
            );
            match sealed {
                Err(error) if is_taken(&error) => {
                    return Err(CatalogError::ReleaseExists { model: model.name.clone(), number: release.number });
                }
                other => other?,
            };
            if latest {
                tx.execute(
                    "UPDATE models SET latest_major = ?2 WHERE id = ?1",
                    params![&model_id[..], release.number.major()],
                )?;
            }
            Ok(tx.commit()?)
        })
        .await
    }

    async fn set_latest(&self, model: ModelId, major: u32) -> Result<(), CatalogError> {
        self.ask(move |conn| {
            conn.execute("UPDATE models SET latest_major = ?2 WHERE id = ?1", params![&model.0[..], major])?;
            Ok(())
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
                "{RELEASE} WHERE r.id = (SELECT n.id FROM releases n WHERE n.model = m.id ORDER BY n.major = m.latest_major DESC, n.major DESC, n.minor DESC LIMIT 1)
                 ORDER BY r.created DESC, r.id DESC LIMIT ?2 OFFSET ?1"
            );
            let mut statement = conn.prepare_cached(&sql)?;
            let releases: Vec<ReleaseRecord> =
                statement.query_map([offset as i64, limit as i64], release)?.collect::<rusqlite::Result<_>>()?;
            let mut listing = Vec::with_capacity(releases.len());
            for release in releases {
                let totals = model_totals(conn, Some(release.model.id))?;
                listing.push((release, totals));
            }
            Ok(listing)
        })
        .await
    }

    async fn watermark(&self) -> Result<Seq, CatalogError> {
        self.ask(move |conn| {
            Ok(conn.query_row("SELECT seq FROM watermark", [], |r| r.get::<_, i64>(0))?.unsigned_abs())
        })
        .await
    }

    async fn project(&self, rows: &[(Seq, Row)]) -> Result<Seq, CatalogError> {
        let rows = rows.to_vec();
        self.ask(move |conn| {
            let tx = conn.transaction()?;
            let mut seen = tx.query_row("SELECT seq FROM watermark", [], |r| r.get::<_, i64>(0))?.unsigned_abs();
            for (seq, row) in &rows {
                if *seq <= seen {
                    continue;
                }
                if *seq != seen + 1 {
                    return Err(CatalogError::Failed { reason: format!("row {} is missing before {seq}", seen + 1) });
                }
                if let Row::Call(call) = row {
                    project_call(&tx, *seq, call)?;
                }
                seen = *seq;
            }
            tx.execute("UPDATE watermark SET seq = ?1", [seen as i64])?;
            tx.commit()?;
            Ok(seen)
        })
        .await
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

    async fn payer_seqs(&self, payer: AccountId, before: Option<Seq>, limit: u64) -> Result<Vec<Seq>, CatalogError> {
        self.ask(move |conn| {
            let before = before.map_or(i64::MAX, |seq| seq as i64);
            let mut statement = conn.prepare_cached(
                "SELECT seq FROM payer_calls WHERE payer = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3",
            )?;
            let seqs = statement
                .query_map(params![&payer.0[..], before, limit as i64], |r| Ok(r.get::<_, i64>(0)?.unsigned_abs()))?
                .collect::<rusqlite::Result<_>>()?;
            Ok(seqs)
        })
        .await
    }

    async fn earnings(&self, account: AccountId) -> Result<Vec<Earning>, CatalogError> {
        self.ask(move |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT a.handle, m.name, r.major, r.minor, e.day, e.class, e.purse, e.role, e.calls, e.amount
                 FROM earnings e JOIN releases r ON r.id = e.release JOIN models m ON m.id = r.model JOIN accounts a ON a.id = m.owner
                 WHERE e.account = ?1 ORDER BY e.day DESC, a.handle, m.folded, r.major DESC, r.minor DESC, e.class",
            )?;
            let rows = statement.query_map([&account.0[..]], |r| {
                let owner: Handle = text(r, 0)?;
                Ok(Earning {
                    model: ModelName::new(owner, r.get_ref(1)?.as_str()?).map_err(|e| wrong(1, e))?,
                    release: ReleaseNumber::new(r.get(2)?, r.get(3)?).ok_or_else(|| wrong(2, "no release number"))?,
                    day: r.get(4)?,
                    class: text::<Class>(r, 5)?,
                    purse: if r.get_ref(6)?.as_str()? == "cash" { Purse::Cash } else { Purse::Promo },
                    role: if r.get_ref(7)?.as_str()? == "royalty" { Role::Royalty } else { Role::Creator },
                    calls: r.get::<_, i64>(8)?.unsigned_abs(),
                    amount: super::row::amount(r, 9)?,
                })
            })?;
            let earnings = rows.collect::<rusqlite::Result<_>>()?;
            Ok(earnings)
        })
        .await
    }

    async fn model_totals(&self, model: ModelId) -> Result<ModelTotals, CatalogError> {
        self.ask(move |conn| Ok(model_totals(conn, Some(model))?)).await
    }

    async fn totals(&self) -> Result<Totals, CatalogError> {
        self.ask(move |conn| {
            let models: i64 = conn.query_row("SELECT count(*) FROM models", [], |r| r.get(0))?;
            Ok(Totals { models: models.unsigned_abs(), calls: model_totals(conn, None)? })
        })
        .await
    }

    async fn outcomes(&self, release: ReleaseId) -> Result<Vec<(Class, Outcome, u64)>, CatalogError> {
        self.ask(move |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT class, outcome, sum(calls) FROM release_days WHERE release = ?1 GROUP BY class, outcome ORDER BY 1, 2",
            )?;
            let outcomes = statement
                .query_map([&release.0[..]], |r| {
                    Ok((text::<Class>(r, 0)?, text::<Outcome>(r, 1)?, r.get::<_, i64>(2)?.unsigned_abs()))
                })?
                .collect::<rusqlite::Result<_>>()?;
            Ok(outcomes)
        })
        .await
    }
}
