//! Yanked releases and their prices, in `hub.db`.

use async_trait::async_trait;
use ledger::{ModelId, Price, ReleaseId, Step, Tariff, Time};
use registry::ReleaseNumber;
use rusqlite::{Connection, OptionalExtension, Row as SqlRow, params};
use serde_json::json;

use super::catalog::{SqliteCatalog, json as from_json, to_json, wrong};
use super::events;
use crate::catalog::CatalogError;
use crate::events::{Act, EventKind};
use crate::life::{Lives, NewPrice};

pub(super) const STEP: &str = "
    CREATE TABLE yanks (
        release BLOB PRIMARY KEY,
        reason TEXT NOT NULL,
        at INTEGER NOT NULL,
        actor BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
    -- Prices of releases after the one they were sealed with. At most one of a release is still to come.
    CREATE TABLE prices (
        release BLOB NOT NULL,
        holds INTEGER NOT NULL,
        price TEXT NOT NULL,
        announced INTEGER NOT NULL,
        actor BLOB NOT NULL,
        PRIMARY KEY (release, holds)
    ) STRICT, WITHOUT ROWID;
";

/// A release's prices, read from JSON: the oldest first.
pub(super) fn newest_prices(row: &SqlRow<'_>, column: usize) -> rusqlite::Result<Vec<Step>> {
    let mut steps: Vec<Step> = from_json(row, column)?;
    steps.sort_by_key(|step| step.from);
    Ok(steps)
}

/// The model and the number of a release, and what it was sealed with.
fn release(conn: &Connection, release: ReleaseId) -> rusqlite::Result<Option<(ModelId, ReleaseNumber, Price)>> {
    let mut find = conn.prepare_cached("SELECT model, major, minor, price FROM releases WHERE id = ?1")?;
    let read = |row: &SqlRow<'_>| {
        let number = ReleaseNumber::new(row.get(1)?, row.get(2)?).ok_or_else(|| wrong(1, "no release number"))?;
        Ok((ModelId(row.get(0)?), number, from_json(row, 3)?))
    };
    find.query_row([&release.0[..]], read).optional()
}

fn prices(conn: &Connection, release: ReleaseId) -> rusqlite::Result<Vec<Step>> {
    let sql = "SELECT holds, price, announced FROM prices WHERE release = ?1 ORDER BY holds";
    let step =
        |row: &SqlRow<'_>| Ok(Step { from: Time(row.get(0)?), price: from_json(row, 1)?, set: Time(row.get(2)?) });
    conn.prepare_cached(sql)?.query_map([&release.0[..]], step)?.collect()
}

fn yank(tx: &Connection, id: ReleaseId, reason: Option<&str>, act: Act) -> Result<bool, CatalogError> {
    let Some((model, number, _)) = release(tx, id)? else { return Ok(false) };
    let by = Some(act.by);
    let (changed, kind) = match reason {
        Some(reason) => {
            let sql = "INSERT INTO yanks VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET reason = excluded.reason,
                       at = excluded.at, actor = excluded.actor WHERE reason != excluded.reason";
            let changed = tx.execute(sql, params![&id.0[..], reason, act.at.0, &act.by.0[..]])?;
            (changed, EventKind::ReleaseYanked)
        }
        None => (tx.execute("DELETE FROM yanks WHERE release = ?1", [&id.0[..]])?, EventKind::ReleaseRestored),
    };
    if changed == 0 {
        return Ok(false);
    }
    let mut detail = json!({ "release": number.to_string() });
    if let Some(reason) = reason {
        detail["reason"] = reason.into();
    }
    events::about(tx, model, kind, by, act.at, detail)?;
    Ok(true)
}

fn set_price(tx: &Connection, new: &NewPrice, act: Act) -> Result<Option<Step>, CatalogError> {
    let Some((model, number, first)) = release(tx, new.release)? else { return Ok(None) };
    let mut tariff = Tariff { first, steps: prices(tx, new.release)? };
    let before = tariff.at(act.at);
    let Some(step) = tariff.change(act.at, new.price, new.from, new.notice_ms)? else { return Ok(None) };
    // What was announced and does not hold yet gives way.
    tx.execute("DELETE FROM prices WHERE release = ?1 AND holds > ?2", params![&new.release.0[..], act.at.0])?;
    announce(tx, (new.release, model, number), before, &step, act)?;
    Ok(Some(step))
}

/// Notes a release's next price, and tells of it.
pub(super) fn announce(
    tx: &Connection,
    (release, model, number): (ReleaseId, ModelId, ReleaseNumber),
    before: Price,
    step: &Step,
    act: Act,
) -> rusqlite::Result<()> {
    tx.execute(
        "INSERT INTO prices VALUES (?1, ?2, ?3, ?4, ?5)",
        params![&release.0[..], step.from.0, to_json(&step.price), step.set.0, &act.by.0[..]],
    )?;
    let detail = json!({
        "release": number.to_string(), "price": step.price, "before": before, "from": step.from.to_string(),
    });
    events::about(tx, model, EventKind::ReleasePrice, Some(act.by), act.at, detail)
}

/// After unversioned calls went to `before`: where they go to another release now, what they pay rises with notice, as on
/// the one before.
pub(super) fn give_notice(
    tx: &Connection,
    model: ModelId,
    before: Option<ReleaseNumber>,
    notice_ms: i64,
    act: Act,
) -> rusqlite::Result<()> {
    let (Some(before), Some(number)) = (before, events::latest(tx, model)?) else { return Ok(()) };
    if before == number {
        return Ok(());
    }
    let (Some((_, old)), Some((id, new))) = (tariff(tx, model, before)?, tariff(tx, model, number)?) else {
        return Ok(());
    };
    let (own, now) = (new.at(act.at), act.at);
    let over = |wanted| Tariff::taken_over(old.at(now), old.coming(now), wanted, now, notice_ms);
    if let (holds, Some(step)) = over(own) {
        // Only the last step may be still to come.
        tx.execute("DELETE FROM prices WHERE release = ?1 AND holds >= ?2", params![&id.0[..], now.0])?;
        announce(tx, (id, model, number), own, &Step { from: now, price: holds, set: now }, act)?;
        return announce(tx, (id, model, number), holds, &step, act);
    }
    // What it announced itself was told to others than those who come to it now.
    match new.coming(now).and_then(|own| Some((own, over(own.price).1?))) {
        Some((own, step)) if own.from < step.from => {
            tx.execute("DELETE FROM prices WHERE release = ?1 AND holds > ?2", params![&id.0[..], now.0])?;
            announce(tx, (id, model, number), new.at(now), &step, act)
        }
        _ => Ok(()),
    }
}

fn tariff(conn: &Connection, model: ModelId, number: ReleaseNumber) -> rusqlite::Result<Option<(ReleaseId, Tariff)>> {
    let sql = "SELECT id, price FROM releases WHERE model = ?1 AND major = ?2 AND minor = ?3";
    let read = |row: &SqlRow<'_>| Ok((ReleaseId(row.get(0)?), from_json(row, 1)?));
    let mut find = conn.prepare_cached(sql)?;
    let found = find.query_row(params![&model.0[..], number.major(), number.minor()], read).optional()?;
    let Some((id, first)) = found else { return Ok(None) };
    Ok(Some((id, Tariff { first, steps: prices(conn, id)? })))
}

#[async_trait]
impl Lives for SqliteCatalog {
    async fn yank(&self, id: ReleaseId, reason: Option<&str>, notice_ms: i64, act: Act) -> Result<bool, CatalogError> {
        let reason = reason.map(str::to_owned);
        self.change(move |conn| {
            let tx = conn.transaction()?;
            let Some((model, ..)) = release(&tx, id)? else { return Ok(false) };
            let before = events::latest(&tx, model)?;
            let done = yank(&tx, id, reason.as_deref(), act)?;
            events::latest_since(&tx, model, before, Some(act.by), act.at)?;
            give_notice(&tx, model, before, notice_ms, act)?;
            tx.commit()?;
            Ok(done)
        })
        .await
    }

    async fn set_price(&self, new: &NewPrice, act: Act) -> Result<Option<Step>, CatalogError> {
        let new = *new;
        self.change(move |conn| {
            let tx = conn.transaction()?;
            let step = set_price(&tx, &new, act)?;
            tx.commit()?;
            Ok(step)
        })
        .await
    }

    async fn yanked(&self, model: ModelId) -> Result<Vec<(ReleaseNumber, String)>, CatalogError> {
        self.ask(move |conn| {
            let mut find = conn.prepare_cached(
                "SELECT r.major, r.minor, y.reason FROM releases r JOIN yanks y ON y.release = r.id WHERE r.model = ?1
                 ORDER BY r.major, r.minor",
            )?;
            let yanked = find.query_map([&model.0[..]], |row| {
                let number = ReleaseNumber::new(row.get(0)?, row.get(1)?);
                Ok((number.ok_or_else(|| wrong(0, "no release number"))?, row.get(2)?))
            })?;
            Ok(yanked.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn prices(&self, release: ReleaseId) -> Result<Vec<Step>, CatalogError> {
        self.ask(move |conn| Ok(prices(conn, release)?)).await
    }
}
