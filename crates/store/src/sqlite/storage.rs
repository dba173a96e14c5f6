//! Who handed what in, what names it, and what is collected, in `hub.db`. Why this cannot go wrong stands in
//! `crate::storage`.

use async_trait::async_trait;
use ledger::{AccountId, ModelId, Time};
use registry::{Digest, Tree};
use rusqlite::{Connection, OptionalExtension, Row as SqlRow, Transaction, params};

use super::catalog::{SqliteCatalog, json};
use super::scans;
use crate::catalog::CatalogError;
use crate::storage::{Collection, Measured, Quota, Storage, Usage};

pub(super) const STORAGE: &str = "
    CREATE INDEX uploads_by_blob ON uploads (sha256);
    -- What the commits and releases of a model name, each content once; it goes with the model.
    CREATE TABLE model_blobs (
        model BLOB NOT NULL,
        sha256 BLOB NOT NULL,
        size INTEGER NOT NULL,
        PRIMARY KEY (model, sha256)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX model_blobs_by_blob ON model_blobs (sha256);
    -- What is to be taken away, and what was: nobody can name it until it is handed in again.
    CREATE TABLE collected (
        sha256 BLOB PRIMARY KEY,
        size INTEGER NOT NULL,
        at INTEGER NOT NULL,
        -- Whether the file may still be there.
        waits INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX collected_waiting ON collected (at) WHERE waits;
    CREATE TABLE collected_sums (only INTEGER PRIMARY KEY CHECK (only = 1), blobs INTEGER NOT NULL, bytes INTEGER NOT NULL)
    STRICT;
    INSERT INTO collected_sums VALUES (1, 0, 0);
    -- What an account may keep and change, where that is not what everybody may.
    CREATE TABLE quotas (
        account BLOB PRIMARY KEY,
        bytes INTEGER,
        models INTEGER,
        commits_per_hour INTEGER,
        commits_per_day INTEGER
    ) STRICT, WITHOUT ROWID;
";

/// What the models of an older hub name.
pub(super) fn bring_over(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    let sources = [
        "SELECT c.model, t.tree FROM (SELECT DISTINCT model, id FROM commits) c JOIN trees t ON t.id = c.id",
        "SELECT model, tree FROM releases",
    ];
    for source in sources {
        let mut find = tx.prepare(source)?;
        let mut rows = find.query([])?;
        while let Some(row) = rows.next()? {
            let (model, tree): ([u8; 16], Tree) = (row.get(0)?, json(row, 1)?);
            for file in tree.files() {
                name_one(tx, ModelId(model), file.sha256, file.size)?;
            }
        }
    }
    Ok(())
}

/// Whether the content was not named by the model before.
fn name_one(tx: &Transaction<'_>, model: ModelId, blob: Digest, size: u64) -> rusqlite::Result<bool> {
    let mut name = tx.prepare_cached("INSERT INTO model_blobs VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?;
    Ok(name.execute(params![&model.0[..], &blob.0[..], size as i64])? > 0)
}

/// Notes what a model names from now on. What was collected cannot be named; what is dangerous is told of.
pub(super) fn name(tx: &Transaction<'_>, model: ModelId, tree: &Tree, at: Time) -> Result<(), CatalogError> {
    for file in tree.files() {
        if !name_one(tx, model, file.sha256, file.size)? {
            continue;
        }
        if is_in(tx, COLLECTED, file.sha256)? {
            return Err(CatalogError::Collected { blob: file.sha256 });
        }
        scans::named(tx, model, file.sha256, at)?;
    }
    Ok(())
}

/// Notes that a model and all it named is gone. The time of grace begins again.
pub(super) fn let_go(tx: &Transaction<'_>, model: ModelId, at: Time) -> rusqlite::Result<()> {
    tx.execute(
        "UPDATE uploads SET at = max(at, ?2) WHERE sha256 IN (SELECT sha256 FROM model_blobs WHERE model = ?1)",
        params![&model.0[..], at.0],
    )?;
    tx.execute("DELETE FROM model_blobs WHERE model = ?1", [&model.0[..]])?;
    Ok(())
}

/// Notes that an account has handed bytes in: they are nobody's to take away any more.
pub(super) fn hand_in(
    tx: &Transaction<'_>,
    account: AccountId,
    blob: Digest,
    size: u64,
    at: Time,
) -> rusqlite::Result<()> {
    tx.prepare_cached("INSERT OR REPLACE INTO uploads VALUES (?1, ?2, ?3, ?4)")?.execute(params![
        &account.0[..],
        &blob.0[..],
        size as i64,
        at.0
    ])?;
    tx.prepare_cached("DELETE FROM collected WHERE sha256 = ?1")?.execute([&blob.0[..]])?;
    Ok(())
}

const NAMED: &str = "SELECT EXISTS (SELECT 1 FROM model_blobs WHERE sha256 = ?1)";
const HANDED_IN: &str = "SELECT EXISTS (SELECT 1 FROM uploads WHERE sha256 = ?1)";
const COLLECTED: &str = "SELECT EXISTS (SELECT 1 FROM collected WHERE sha256 = ?1)";
const WAITS: &str = "SELECT EXISTS (SELECT 1 FROM collected WHERE sha256 = ?1 AND waits)";

fn is_in(conn: &Connection, table: &str, blob: Digest) -> rusqlite::Result<bool> {
    conn.prepare_cached(table)?.query_row([&blob.0[..]], |r| r.get(0))
}

fn decide(tx: &Transaction<'_>, blobs: &[Measured], before: Time, at: Time) -> rusqlite::Result<Vec<Measured>> {
    let mut recent = tx.prepare_cached("SELECT EXISTS (SELECT 1 FROM uploads WHERE sha256 = ?1 AND at >= ?2)")?;
    let mut forget = tx.prepare_cached("DELETE FROM uploads WHERE sha256 = ?1")?;
    let mut forget_oid = tx.prepare_cached("DELETE FROM git_oids WHERE sha256 = ?1")?;
    let mut note = tx.prepare_cached(
        "INSERT INTO collected VALUES (?1, ?2, ?3, 1) ON CONFLICT DO UPDATE SET size = ?2, at = ?3, waits = 1",
    )?;
    let mut decided = Vec::new();
    for (blob, size) in blobs {
        let taken: bool = recent.query_row(params![&blob.0[..], before.0], |r| r.get(0))?;
        if taken || is_in(tx, NAMED, *blob)? {
            continue;
        }
        forget.execute([&blob.0[..]])?;
        forget_oid.execute([&blob.0[..]])?;
        note.execute(params![&blob.0[..], *size as i64, at.0])?;
        decided.push((*blob, *size));
    }
    Ok(decided)
}

fn gone(tx: &Transaction<'_>, blobs: &[Digest]) -> rusqlite::Result<()> {
    let mut note = tx.prepare_cached("UPDATE collected SET waits = 0 WHERE sha256 = ?1 AND waits RETURNING size")?;
    let mut sum = tx.prepare_cached("UPDATE collected_sums SET blobs = blobs + 1, bytes = bytes + ?1")?;
    for blob in blobs {
        if let Some(size) = note.query_row([&blob.0[..]], |r| r.get::<_, i64>(0)).optional()? {
            sum.execute([size])?;
        }
    }
    Ok(())
}

fn unsigned(row: &SqlRow<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(column)?.unsigned_abs())
}

fn digests(conn: &Connection, which: &str, blobs: &[Digest], wanted: bool) -> rusqlite::Result<Vec<Digest>> {
    let mut found = Vec::new();
    for blob in blobs {
        if is_in(conn, which, *blob)? == wanted {
            found.push(*blob);
        }
    }
    Ok(found)
}

#[async_trait]
impl Storage for SqliteCatalog {
    async fn touch_upload(
        &self,
        account: AccountId,
        blob: Digest,
        since: Time,
        at: Time,
    ) -> Result<Option<u64>, CatalogError> {
        let found = self
            .ask(move |conn| {
                let mut find = conn.prepare_cached(
                    "SELECT size, at, EXISTS (SELECT 1 FROM model_blobs WHERE sha256 = ?2) FROM uploads
                     WHERE account = ?1 AND sha256 = ?2",
                )?;
                let row = |r: &SqlRow<'_>| Ok((unsigned(r, 0)?, Time(r.get(1)?), r.get::<_, bool>(2)?));
                Ok(find.query_row(params![&account.0[..], &blob.0[..]], row).optional()?)
            })
            .await?;
        match found {
            Some((_, last, false)) if last < since => {
                self.change(move |conn| {
                    let mut touch = conn.prepare_cached(
                        "UPDATE uploads SET at = max(at, ?3) WHERE account = ?1 AND sha256 = ?2 RETURNING size",
                    )?;
                    let touched = touch.query_row(params![&account.0[..], &blob.0[..], at.0], |r| unsigned(r, 0));
                    Ok(touched.optional()?)
                })
                .await
            }
            found => Ok(found.map(|(size, ..)| size)),
        }
    }

    async fn unnamed(
        &self,
        after: Option<Digest>,
        before: Time,
        limit: u64,
    ) -> Result<(Vec<Measured>, Option<Digest>), CatalogError> {
        self.ask(move |conn| {
            // Two steps, so that what is looked at is bounded and not what is found.
            let mut walk = conn.prepare_cached(
                "SELECT sha256, max(size), max(at) FROM uploads WHERE sha256 > ?1 GROUP BY sha256 ORDER BY sha256 LIMIT ?2",
            )?;
            let from = after.as_ref().map_or(&[][..], |after| &after.0[..]);
            let rows = walk.query_map(params![from, limit as i64], |r| {
                Ok((Digest(r.get(0)?), unsigned(r, 1)?, Time(r.get(2)?)))
            })?;
            let rows: Vec<_> = rows.collect::<rusqlite::Result<_>>()?;
            let last = rows.last().filter(|_| rows.len() as u64 == limit).map(|(blob, ..)| *blob);
            let mut found = Vec::new();
            for (blob, size, at) in rows {
                if at < before && !is_in(conn, NAMED, blob)? {
                    found.push((blob, size));
                }
            }
            Ok((found, last))
        })
        .await
    }

    async fn unknown(&self, blobs: &[Digest]) -> Result<Vec<Digest>, CatalogError> {
        let blobs = blobs.to_vec();
        self.ask(move |conn| {
            let mut left = blobs;
            for table in [NAMED, HANDED_IN, WAITS] {
                left = digests(conn, table, &left, false)?;
            }
            Ok(left)
        })
        .await
    }

    async fn collect(&self, blobs: &[Measured], before: Time, at: Time) -> Result<Vec<Measured>, CatalogError> {
        let blobs = blobs.to_vec();
        self.change(move |conn| {
            let tx = conn.transaction()?;
            let decided = decide(&tx, &blobs, before, at)?;
            tx.commit()?;
            Ok(decided)
        })
        .await
    }

    async fn to_remove(&self, limit: u64) -> Result<Vec<Digest>, CatalogError> {
        self.ask(move |conn| {
            let mut find = conn.prepare_cached("SELECT sha256 FROM collected WHERE waits ORDER BY at LIMIT ?1")?;
            Ok(find.query_map([limit as i64], |r| Ok(Digest(r.get(0)?)))?.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn still_to_remove(&self, blobs: &[Digest]) -> Result<Vec<Digest>, CatalogError> {
        let blobs = blobs.to_vec();
        self.ask(move |conn| Ok(digests(conn, WAITS, &blobs, true)?)).await
    }

    async fn removed(&self, blobs: &[Digest]) -> Result<(), CatalogError> {
        let blobs = blobs.to_vec();
        self.change(move |conn| {
            let tx = conn.transaction()?;
            gone(&tx, &blobs)?;
            Ok(tx.commit()?)
        })
        .await
    }

    async fn forget_removed(&self, before: Time) -> Result<(), CatalogError> {
        self.change(move |conn| {
            conn.execute("DELETE FROM collected WHERE NOT waits AND at < ?1", [before.0])?;
            Ok(())
        })
        .await
    }

    async fn collection(&self) -> Result<Collection, CatalogError> {
        self.ask(move |conn| {
            let mut find = conn.prepare_cached(
                "SELECT s.blobs, s.bytes, (SELECT count(*) FROM collected WHERE waits),
                 (SELECT ifnull(sum(size), 0) FROM collected WHERE waits) FROM collected_sums s",
            )?;
            Ok(find.query_row([], |r| {
                Ok(Collection {
                    blobs: unsigned(r, 0)?,
                    bytes: unsigned(r, 1)?,
                    waiting_blobs: unsigned(r, 2)?,
                    waiting_bytes: unsigned(r, 3)?,
                })
            })?)
        })
        .await
    }

    async fn named_by(&self, model: ModelId, blob: Digest) -> Result<Option<u64>, CatalogError> {
        self.ask(move |conn| {
            let mut find = conn.prepare_cached("SELECT size FROM model_blobs WHERE model = ?1 AND sha256 = ?2")?;
            Ok(find.query_row(params![&model.0[..], &blob.0[..]], |r| unsigned(r, 0)).optional()?)
        })
        .await
    }

    async fn usage(&self, account: AccountId) -> Result<Usage, CatalogError> {
        self.ask(move |conn| {
            let mut sums = conn.prepare_cached(
                "SELECT (SELECT ifnull(sum(size), 0) FROM (SELECT DISTINCT b.sha256, b.size FROM models m
                     JOIN model_blobs b ON b.model = m.id WHERE m.owner = ?1)),
                 (SELECT ifnull(sum(u.size), 0) FROM uploads u WHERE u.account = ?1
                     AND NOT EXISTS (SELECT 1 FROM model_blobs b WHERE b.sha256 = u.sha256)),
                 (SELECT count(*) FROM models WHERE owner = ?1)",
            )?;
            Ok(sums.query_row([&account.0[..]], |r| {
                Ok(Usage { named_bytes: unsigned(r, 0)?, waiting_bytes: unsigned(r, 1)?, models: unsigned(r, 2)? })
            })?)
        })
        .await
    }

    async fn quota(&self, account: AccountId) -> Result<Quota, CatalogError> {
        self.ask(move |conn| {
            let mut find = conn.prepare_cached(
                "SELECT bytes, models, commits_per_hour, commits_per_day FROM quotas WHERE account = ?1",
            )?;
            let bound = |r: &SqlRow<'_>, column: usize| -> rusqlite::Result<Option<u64>> {
                Ok(r.get::<_, Option<i64>>(column)?.map(i64::unsigned_abs))
            };
            let found = find.query_row([&account.0[..]], |r| {
                Ok(Quota {
                    bytes: bound(r, 0)?,
                    models: bound(r, 1)?,
                    commits_per_hour: bound(r, 2)?,
                    commits_per_day: bound(r, 3)?,
                })
            });
            Ok(found.optional()?.unwrap_or_default())
        })
        .await
    }

    async fn set_quota(&self, account: AccountId, quota: Quota) -> Result<(), CatalogError> {
        self.change(move |conn| {
            let bound = |bound: Option<u64>| bound.map(|bound| i64::try_from(bound).unwrap_or(i64::MAX));
            conn.execute(
                "INSERT OR REPLACE INTO quotas VALUES (?1, ?2, ?3, ?4, ?5)",
                params![
                    &account.0[..],
                    bound(quota.bytes),
                    bound(quota.models),
                    bound(quota.commits_per_hour),
                    bound(quota.commits_per_day)
                ],
            )?;
            Ok(())
        })
        .await
    }

    async fn commit_times(&self, model: ModelId, since: Time, limit: u64) -> Result<Vec<Time>, CatalogError> {
        self.ask(move |conn| {
            // Numbers are given in the order of time, so that the newest are found without an index.
            let mut find = conn.prepare_cached(
                "SELECT at FROM (SELECT at FROM commits WHERE model = ?1 ORDER BY number DESC LIMIT ?3) WHERE at > ?2",
            )?;
            let times = find.query_map(params![&model.0[..], since.0, limit as i64], |r| Ok(Time(r.get(0)?)))?;
            Ok(times.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }
}
