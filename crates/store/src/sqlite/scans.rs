//! What was found in files, in `hub.db`.

use std::collections::HashMap;

use async_trait::async_trait;
use ledger::{ModelId, Time};
use registry::Digest;
use rusqlite::{Connection, OptionalExtension, Row as SqlRow, params};
use serde_json::json;

use super::catalog::SqliteCatalog;
use super::events;
use crate::catalog::CatalogError;
use crate::events::EventKind;
use crate::scans::{ScanRecord, Scans};

pub(super) const STEP: &str = "
    CREATE TABLE scans (
        blob BLOB PRIMARY KEY,
        -- Of the scanner.
        version INTEGER NOT NULL,
        at INTEGER NOT NULL,
        verdict TEXT NOT NULL,
        report TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
";

fn read(row: &SqlRow<'_>) -> rusqlite::Result<ScanRecord> {
    Ok(ScanRecord {
        blob: Digest(row.get(0)?),
        version: row.get(1)?,
        at: Time(row.get(2)?),
        verdict: row.get(3)?,
        report: row.get(4)?,
    })
}

/// Models of one content that are told that it is dangerous.
const TOLD: i64 = 1_000;

/// Tells of a content that a model names from now on, if it is known to be dangerous.
pub(super) fn named(tx: &Connection, model: ModelId, blob: Digest, at: Time) -> rusqlite::Result<()> {
    let mut find =
        tx.prepare_cached("SELECT EXISTS (SELECT 1 FROM scans WHERE blob = ?1 AND verdict = 'dangerous')")?;
    match find.query_row([&blob.0[..]], |row| row.get(0))? {
        true => flag(tx, model, blob, at),
        false => Ok(()),
    }
}

/// Notes it for a model.
fn flag(tx: &Connection, model: ModelId, blob: Digest, at: Time) -> rusqlite::Result<()> {
    events::about(tx, model, EventKind::FileDangerous, None, at, json!({ "sha256": blob.to_string() }))
}

#[async_trait]
impl Scans for SqliteCatalog {
    async fn add_scan(&self, scan: &ScanRecord) -> Result<(), CatalogError> {
        let scan = scan.clone();
        self.change(move |conn| {
            let tx = conn.transaction()?;
            // Told once: not again by a later version that says the same.
            let before: Option<String> = tx
                .prepare_cached("SELECT verdict FROM scans WHERE blob = ?1")?
                .query_row([&scan.blob.0[..]], |row| row.get(0))
                .optional()?;
            let mut add = tx.prepare_cached(
                "INSERT INTO scans VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET version = excluded.version,
                 at = excluded.at, verdict = excluded.verdict, report = excluded.report
                 WHERE excluded.version >= version",
            )?;
            let changed = add.execute(params![&scan.blob.0[..], scan.version, scan.at.0, scan.verdict, scan.report])?;
            drop(add);
            if changed > 0 && scan.verdict == "dangerous" && before.as_deref() != Some("dangerous") {
                let mut find = tx.prepare_cached("SELECT model FROM model_blobs WHERE sha256 = ?1 LIMIT ?2")?;
                let models = find.query_map(params![&scan.blob.0[..], TOLD], |row| Ok(ModelId(row.get(0)?)))?;
                for model in models.collect::<Result<Vec<_>, _>>()? {
                    flag(&tx, model, scan.blob, scan.at)?;
                }
            }
            Ok(tx.commit()?)
        })
        .await
    }

    async fn scans(&self, blobs: &[Digest], version: u32) -> Result<HashMap<Digest, ScanRecord>, CatalogError> {
        let blobs = blobs.to_vec();
        self.ask(move |conn| {
            let mut find = conn.prepare_cached(
                "SELECT blob, version, at, verdict, report FROM scans WHERE blob = ?1 AND version >= ?2",
            )?;
            let mut found = HashMap::new();
            for blob in blobs {
                if let Some(scan) = find.query_row(params![&blob.0[..], version], read).optional()? {
                    found.insert(blob, scan);
                }
            }
            Ok(found)
        })
        .await
    }

    async fn verdicts(&self, blobs: &[Digest], version: u32) -> Result<HashMap<Digest, String>, CatalogError> {
        let blobs = blobs.to_vec();
        self.ask(move |conn| {
            let mut find = conn.prepare_cached("SELECT verdict FROM scans WHERE blob = ?1 AND version >= ?2")?;
            let mut found = HashMap::new();
            for blob in blobs {
                if let Some(verdict) = find.query_row(params![&blob.0[..], version], |row| row.get(0)).optional()? {
                    found.insert(blob, verdict);
                }
            }
            Ok(found)
        })
        .await
    }

    async fn unscanned(&self, version: u32, after: Option<Digest>, limit: u64) -> Result<Vec<Digest>, CatalogError> {
        self.ask(move |conn| {
            let mut find = conn.prepare_cached(
                "SELECT DISTINCT u.sha256 FROM uploads u WHERE u.sha256 > ?1
                 AND NOT EXISTS (SELECT 1 FROM scans s WHERE s.blob = u.sha256 AND s.version >= ?2)
                 ORDER BY u.sha256 LIMIT ?3",
            )?;
            let after = after.map_or(Vec::new(), |blob| blob.0.to_vec());
            let found = find.query_map(params![after, version, limit as i64], |row| Ok(Digest(row.get(0)?)))?;
            Ok(found.collect::<Result<_, _>>()?)
        })
        .await
    }
}
