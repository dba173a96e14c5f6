//! What the hub has checked of releases, in `hub.db`.

use ledger::{ModelId, ReleaseId, Time};
use registry::ReleaseNumber;
use rusqlite::{Connection, OptionalExtension, Row as SqlRow, params};
use serde_json::json;

use super::catalog::{text, wrong};
use super::events;
use crate::checks::{CheckCounts, CheckKind, CheckOutcome, CheckSum, NewCheck};
use crate::events::EventKind;

/// What the hub has checked of releases by itself, by kind.
pub(super) const STEP: &str = "
    CREATE TABLE checks (
        release BLOB NOT NULL,
        kind TEXT NOT NULL,
        agreed INTEGER NOT NULL,
        differed INTEGER NOT NULL,
        failed INTEGER NOT NULL,
        -- Of the last one: when it was, how it ended, how answers were compared.
        at INTEGER NOT NULL,
        outcome TEXT NOT NULL,
        compared TEXT NOT NULL,
        -- The last difference or failure in words, and when that was.
        difference TEXT,
        differed_at INTEGER,
        PRIMARY KEY (release, kind)
    ) STRICT, WITHOUT ROWID;
    -- Releases that were not checked are looked for without reading all of their cards.
    CREATE INDEX releases_by_age ON releases (created);
";

pub(super) fn add(conn: &mut Connection, release: ReleaseId, checks: &[NewCheck]) -> rusqlite::Result<()> {
    let tx = conn.transaction()?;
    {
        let mut add = tx.prepare_cached(
            "INSERT INTO checks VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, iif(?9 IS NULL, NULL, ?6))
             ON CONFLICT DO UPDATE SET agreed = agreed + excluded.agreed, differed = differed + excluded.differed,
             failed = failed + excluded.failed, at = excluded.at, outcome = excluded.outcome,
             compared = excluded.compared, difference = ifnull(excluded.difference, difference),
             differed_at = ifnull(excluded.differed_at, differed_at)",
        )?;
        for NewCheck { kind, at, counts, compared, difference } in checks {
            let CheckCounts { agreed, differed, failed } = *counts;
            let (agreed, differed, failed) = (agreed as i64, differed as i64, failed as i64);
            note(&tx, release, *kind, counts.outcome(), *at, difference.as_deref())?;
            let outcome = counts.outcome().word();
            let row = params![
                &release.0[..],
                kind.word(),
                agreed,
                differed,
                failed,
                at.0,
                outcome,
                compared.word(),
                difference
            ];
            add.execute(row)?;
        }
    }
    tx.commit()
}

/// Notes a failure or a difference that comes up: not the same again while it lasts.
fn note(
    tx: &Connection,
    release: ReleaseId,
    kind: CheckKind,
    outcome: CheckOutcome,
    at: Time,
    difference: Option<&str>,
) -> rusqlite::Result<()> {
    if !matches!(outcome, CheckOutcome::Failed | CheckOutcome::Differed) {
        return Ok(());
    }
    let mut find = tx.prepare_cached(
        "SELECT r.model, r.major, r.minor, ifnull(c.outcome, '') FROM releases r
         LEFT JOIN checks c ON c.release = r.id AND c.kind = ?2 WHERE r.id = ?1",
    )?;
    let found = find.query_row(params![&release.0[..], kind.word()], |row| {
        let number = ReleaseNumber::new(row.get(1)?, row.get(2)?).ok_or_else(|| wrong(1, "no release number"))?;
        Ok((ModelId(row.get(0)?), number, row.get::<_, String>(3)?))
    });
    match found.optional()? {
        Some((model, number, before)) if before != outcome.word() => {
            let detail = json!({
                "release": number.to_string(), "check": kind.word(), "outcome": outcome.word(), "difference": difference,
            });
            events::about(tx, model, EventKind::ReleaseCheck, None, at, detail)
        }
        _ => Ok(()),
    }
}

const CHECK: &str =
    "c.release, c.kind, c.agreed, c.differed, c.failed, c.at, c.outcome, c.compared, c.difference, c.differed_at";

fn read(row: &SqlRow<'_>) -> rusqlite::Result<CheckSum> {
    let difference: Option<String> = row.get(8)?;
    let differed: Option<i64> = row.get(9)?;
    Ok(CheckSum {
        release: ReleaseId(row.get(0)?),
        kind: text(row, 1)?,
        counts: counts(row, 2)?,
        at: Time(row.get(5)?),
        outcome: text(row, 6)?,
        compared: text(row, 7)?,
        difference: difference.zip(differed.map(Time)),
    })
}

fn counts(row: &SqlRow<'_>, at: usize) -> rusqlite::Result<CheckCounts> {
    let count = |at| Ok::<u64, rusqlite::Error>(row.get::<_, i64>(at)?.unsigned_abs());
    Ok(CheckCounts { agreed: count(at)?, differed: count(at + 1)?, failed: count(at + 2)? })
}

pub(super) fn of_release(conn: &Connection, release: ReleaseId) -> rusqlite::Result<Vec<CheckSum>> {
    let sql = format!("SELECT {CHECK} FROM checks c WHERE c.release = ?1 ORDER BY c.kind");
    conn.prepare_cached(&sql)?.query_map([&release.0[..]], read)?.collect()
}

pub(super) fn of_model(
    conn: &Connection,
    model: ModelId,
    releases: u64,
) -> rusqlite::Result<Vec<(ReleaseNumber, CheckSum)>> {
    let sql = format!(
        "SELECT {CHECK}, r.major, r.minor FROM (SELECT id, major, minor FROM releases WHERE model = ?1
         ORDER BY major DESC, minor DESC LIMIT ?2) r JOIN checks c ON c.release = r.id
         ORDER BY r.major DESC, r.minor DESC, c.kind"
    );
    let numbered = |row: &SqlRow<'_>| {
        let number = ReleaseNumber::new(row.get(10)?, row.get(11)?).ok_or_else(|| wrong(10, "no release number"))?;
        Ok((number, read(row)?))
    };
    conn.prepare_cached(&sql)?.query_map(params![&model.0[..], releases as i64], numbered)?.collect()
}

pub(super) fn unchecked(
    conn: &Connection,
    before: Option<(Time, ReleaseId)>,
    limit: u64,
) -> rusqlite::Result<Vec<(Time, ReleaseId)>> {
    let (at, id) = before.unwrap_or((Time(i64::MAX), ReleaseId([0xff; 16])));
    let mut find = conn.prepare_cached(
        "SELECT created, id FROM releases r WHERE (created, id) < (?1, ?2)
         AND NOT EXISTS (SELECT 1 FROM checks WHERE release = r.id AND kind = ?3)
         ORDER BY created DESC, id DESC LIMIT ?4",
    )?;
    let found = params![at.0, &id.0[..], CheckKind::TwoRunners.word(), limit as i64];
    find.query_map(found, |row| Ok((Time(row.get(0)?), ReleaseId(row.get(1)?))))?.collect()
}

pub(super) fn totals(conn: &Connection) -> rusqlite::Result<Vec<(CheckKind, CheckCounts)>> {
    let sql = "SELECT kind, sum(agreed), sum(differed), sum(failed) FROM checks GROUP BY kind ORDER BY kind";
    conn.prepare_cached(sql)?.query_map([], |row| Ok((text(row, 0)?, counts(row, 1)?)))?.collect()
}
