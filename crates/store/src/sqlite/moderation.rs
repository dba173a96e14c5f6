//! Reports, decisions and verified accounts, in `hub.db`.

use std::collections::HashMap;

use async_trait::async_trait;
use ledger::{AccountId, ModelId, Time};
use registry::{Handle, Reason, Restriction, RestrictionKind};
use rusqlite::{Connection, OptionalExtension, Row as SqlRow, ToSql, Transaction, params, params_from_iter};
use serde_json::{Value as Json, json};

use super::catalog::{ACCOUNT, SqliteCatalog, account, text, to_json, wrong};
use super::repositories::{REPOSITORY, repository};
use super::{alerts, events, models};
use crate::catalog::{Account, CatalogError, NewAlert};
use crate::events::{Act, EventKind};
use crate::moderation::{
    Decision, DecisionKind, DecisionsWanted, MAX_OPEN_REPORTS, MAX_REPORTS, Moderation, NewDecision, NewReport, Report,
    ReportState, ReportsWanted, Verified,
};
use crate::repositories::Repository;

pub(super) const STEP: &str = "
    CREATE TABLE reports (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        model BLOB NOT NULL,
        name TEXT NOT NULL,
        account BLOB NOT NULL,
        release TEXT,
        reason TEXT NOT NULL,
        text TEXT NOT NULL,
        at INTEGER NOT NULL,
        changed INTEGER NOT NULL,
        -- How often it was changed while it was open.
        changes INTEGER NOT NULL DEFAULT 0,
        state TEXT NOT NULL DEFAULT 'open',
        answer TEXT,
        decided INTEGER
    ) STRICT;
    CREATE UNIQUE INDEX reports_open ON reports (model, account) WHERE state = 'open';
    CREATE INDEX reports_of ON reports (model, id);
    CREATE INDEX reports_by ON reports (account, changed);
    CREATE INDEX reports_in ON reports (state, id);
    -- Models that are hidden or taken down: a Restriction as JSON.
    CREATE TABLE restrictions (
        model BLOB PRIMARY KEY,
        at INTEGER NOT NULL,
        restriction TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    -- The audit trail. What stands there stays.
    CREATE TABLE decisions (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        at INTEGER NOT NULL,
        actor BLOB NOT NULL,
        kind TEXT NOT NULL,
        model BLOB,
        account BLOB NOT NULL,
        name TEXT NOT NULL,
        reason TEXT,
        text TEXT NOT NULL,
        note TEXT NOT NULL,
        report INTEGER
    ) STRICT;
    CREATE INDEX decisions_of ON decisions (model, seq) WHERE model IS NOT NULL;
    CREATE TRIGGER decisions_are_not_edited BEFORE UPDATE ON decisions
        BEGIN SELECT RAISE(ABORT, 'the audit trail is never edited'); END;
    CREATE TRIGGER decisions_are_not_removed BEFORE DELETE ON decisions
        BEGIN SELECT RAISE(ABORT, 'the audit trail is never shortened'); END;
    CREATE TABLE verified (
        account BLOB PRIMARY KEY,
        note TEXT NOT NULL,
        at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
";

/// Whether a model `m` is in lists.
pub(super) const LISTED: &str = "m.id NOT IN (SELECT model FROM restrictions)";

pub(super) fn restriction(row: &SqlRow<'_>, column: usize) -> rusqlite::Result<Option<Restriction>> {
    let text: Option<String> = row.get(column)?;
    text.map(|text| serde_json::from_str(&text)).transpose().map_err(|error| wrong(column, error))
}

fn restriction_of(conn: &Connection, model: ModelId) -> rusqlite::Result<Option<Restriction>> {
    let mut find = conn.prepare_cached("SELECT restriction FROM restrictions WHERE model = ?1")?;
    Ok(find.query_row([&model.0[..]], |row| restriction(row, 0)).optional()?.flatten())
}

/// Refuses to change a model that was taken down: what stands on its page stays there.
pub(super) fn stands(tx: &Connection, model: ModelId) -> Result<(), CatalogError> {
    match restriction_of(tx, model)? {
        Some(restriction) if restriction.kind == RestrictionKind::TakenDown => {
            Err(CatalogError::TakenDown { restriction })
        }
        _ => Ok(()),
    }
}

/// A model is removed: who reported it is told that.
pub(super) fn removed(tx: &Connection, model: ModelId, at: Time) -> rusqlite::Result<()> {
    answer(tx, model, ReportState::Removed, "The model was removed.", at)?;
    tx.execute("DELETE FROM restrictions WHERE model = ?1", [&model.0[..]])?;
    Ok(())
}

fn answer(tx: &Connection, model: ModelId, state: ReportState, text: &str, at: Time) -> rusqlite::Result<()> {
    let sql = "UPDATE reports SET state = ?2, answer = ?3, decided = ?4 WHERE model = ?1 AND state = 'open'";
    tx.execute(sql, params![&model.0[..], state.word(), text, at.0])?;
    Ok(())
}

const REPORT: &str = "SELECT r.id, r.model, r.name, r.release, r.reason, r.text, r.at, r.changed, r.state, r.answer,
    r.decided, a.id, a.handle, a.kind, a.created, a.trial FROM reports r JOIN accounts a ON a.id = r.account";

fn report(row: &SqlRow<'_>) -> rusqlite::Result<Report> {
    let release: Option<String> = row.get(3)?;
    Ok(Report {
        id: row.get::<_, i64>(0)?.unsigned_abs(),
        model: ModelId(row.get(1)?),
        name: row.get(2)?,
        release: release.map(|number| number.parse()).transpose().map_err(|error| wrong(3, error))?,
        reason: text(row, 4)?,
        text: row.get(5)?,
        at: Time(row.get(6)?),
        changed: Time(row.get(7)?),
        state: text(row, 8)?,
        answer: row.get(9)?,
        decided: row.get::<_, Option<i64>>(10)?.map(Time),
        by: account(row, 11)?,
    })
}

fn report_by_id(conn: &Connection, id: i64) -> rusqlite::Result<Option<Report>> {
    conn.prepare_cached(&format!("{REPORT} WHERE r.id = ?1"))?.query_row([id], report).optional()
}

/// A model's name as people write it, and whose it is.
fn named(conn: &Connection, model: ModelId) -> rusqlite::Result<Option<(String, AccountId)>> {
    let sql =
        "SELECT a.handle || '/' || m.name, m.owner FROM models m JOIN accounts a ON a.id = m.owner WHERE m.id = ?1";
    let read = |row: &SqlRow<'_>| Ok((row.get(0)?, AccountId(row.get(1)?)));
    conn.prepare_cached(sql)?.query_row([&model.0[..]], read).optional()
}

fn add_report(tx: &Transaction<'_>, new: &NewReport) -> Result<Report, CatalogError> {
    let Some((name, _)) = named(tx, new.model)? else { return Err(CatalogError::Gone { model: new.model }) };
    let since = new.at.plus_ms(-Time::DAY_MS);
    let (sent, first): (i64, Option<i64>) = tx
        .prepare_cached(
            "SELECT coalesce(sum(1 + changes), 0), min(changed) FROM reports WHERE account = ?1 AND changed > ?2",
        )?
        .query_row(params![&new.by.0[..], since.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if sent.unsigned_abs() >= MAX_REPORTS {
        let until = Time(first.unwrap_or(new.at.0)).plus_ms(Time::DAY_MS);
        return Err(CatalogError::ManyReports { until });
    }
    let release = new.release.map(|release| release.to_string());
    let open: Option<i64> = tx
        .prepare_cached("SELECT id FROM reports WHERE model = ?1 AND account = ?2 AND state = 'open'")?
        .query_row(params![&new.model.0[..], &new.by.0[..]], |row| row.get(0))
        .optional()?;
    let id = match open {
        Some(id) => {
            tx.execute(
                "UPDATE reports SET release = ?2, reason = ?3, text = ?4, changed = ?5, changes = changes + 1
                 WHERE id = ?1",
                params![id, release, new.reason.word(), new.text, new.at.0],
            )?;
            id
        }
        None => {
            let sql = "SELECT count(*) FROM reports WHERE model = ?1 AND state = 'open'";
            let count: i64 = tx.prepare_cached(sql)?.query_row([&new.model.0[..]], |row| row.get(0))?;
            if count.unsigned_abs() >= MAX_OPEN_REPORTS {
                return Err(CatalogError::EnoughReports);
            }
            tx.execute(
                "INSERT INTO reports (model, name, account, release, reason, text, at, changed)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)",
                params![&new.model.0[..], name, &new.by.0[..], release, new.reason.word(), new.text, new.at.0],
            )?;
            tx.last_insert_rowid()
        }
    };
    let noted = report_by_id(tx, id)?;
    noted.ok_or_else(|| CatalogError::Failed { reason: "whoever sends a report is no account".to_owned() })
}

fn reports(conn: &Connection, wanted: &ReportsWanted) -> rusqlite::Result<Vec<Report>> {
    let mut values: Vec<Box<dyn ToSql>> = vec![Box::new(clamped(wanted.before)), Box::new(limited(wanted.limit))];
    let mut sql = format!("{REPORT} WHERE r.id < ?1");
    let mut narrow = |column: &str, value: Box<dyn ToSql>| {
        values.push(value);
        sql += &format!(" AND r.{column} = ?{}", values.len());
    };
    if let Some(state) = wanted.state {
        narrow("state", Box::new(state.word()));
    }
    if let Some(model) = wanted.model {
        narrow("model", Box::new(model.0.to_vec()));
    }
    if let Some(by) = wanted.by {
        narrow("account", Box::new(by.0.to_vec()));
    }
    sql += " ORDER BY r.id DESC LIMIT ?2";
    conn.prepare_cached(&sql)?.query_map(params_from_iter(&values), report)?.collect()
}

fn clamped(before: Option<u64>) -> i64 {
    before.and_then(|before| i64::try_from(before).ok()).unwrap_or(i64::MAX)
}

fn limited(limit: u64) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

const DECISION: &str = "SELECT seq, at, actor, kind, model, name, reason, text, note, report FROM decisions";

fn decision(row: &SqlRow<'_>) -> rusqlite::Result<Decision> {
    let reason: Option<String> = row.get(6)?;
    Ok(Decision {
        seq: row.get::<_, i64>(0)?.unsigned_abs(),
        at: Time(row.get(1)?),
        by: AccountId(row.get(2)?),
        kind: text(row, 3)?,
        model: row.get::<_, Option<_>>(4)?.map(ModelId),
        name: row.get(5)?,
        reason: reason.map(|word| word.parse()).transpose().map_err(|()| wrong(6, "no reason"))?,
        text: row.get(7)?,
        note: row.get(8)?,
        report: row.get::<_, Option<i64>>(9)?.map(i64::unsigned_abs),
    })
}

/// A line of the trail that is to be written, and whose thing it is about.
struct Line<'a> {
    kind: DecisionKind,
    model: Option<ModelId>,
    account: AccountId,
    name: &'a str,
    reason: Option<Reason>,
    text: &'a str,
    note: &'a str,
    report: Option<u64>,
}

fn note(tx: &Connection, line: &Line<'_>, act: Act) -> rusqlite::Result<Decision> {
    let Line { kind, model, account, name, reason, text, note, report } = *line;
    tx.prepare_cached(
        "INSERT INTO decisions (at, actor, kind, model, account, name, reason, text, note, report)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        act.at.0,
        &act.by.0[..],
        kind.word(),
        model.as_ref().map(|model| &model.0[..]),
        &account.0[..],
        name,
        reason.map(Reason::word),
        text,
        note,
        report.map(|report| report as i64),
    ])?;
    let seq = tx.last_insert_rowid();
    let sql = format!("{DECISION} WHERE seq = ?1");
    tx.prepare_cached(&sql)?.query_row([seq], decision)
}

fn dismiss(tx: &Connection, id: u64, text: &str, private: &str, act: Act) -> rusqlite::Result<Option<Decision>> {
    let found = i64::try_from(id).map_or(Ok(None), |id| report_by_id(tx, id))?;
    let Some(found) = found.filter(|found| found.state == ReportState::Open) else { return Ok(None) };
    let owner = named(tx, found.model)?.map_or(found.by.id, |(_, owner)| owner);
    let sql = "UPDATE reports SET state = ?2, answer = ?3, decided = ?4 WHERE id = ?1";
    tx.execute(sql, params![id as i64, ReportState::Dismissed.word(), text, act.at.0])?;
    let line = Line {
        kind: DecisionKind::Dismissed,
        model: Some(found.model),
        account: owner,
        name: &found.name,
        reason: Some(found.reason),
        text,
        note: private,
        report: Some(id),
    };
    note(tx, &line, act).map(Some)
}

fn decide(tx: &Transaction<'_>, model: ModelId, new: &NewDecision, act: Act) -> rusqlite::Result<Option<Decision>> {
    let Some((name, owner)) = named(tx, model)? else { return Ok(None) };
    let before = restriction_of(tx, model)?;
    let (kind, told, standing, text, private) = match new {
        NewDecision::Hide { reason, text, note } => {
            (DecisionKind::Hidden, EventKind::ModelHidden, Some((RestrictionKind::Hidden, *reason)), text, note)
        }
        NewDecision::TakeDown { reason, text, note } => (
            DecisionKind::TakenDown,
            EventKind::ModelTakenDown,
            Some((RestrictionKind::TakenDown, *reason)),
            text,
            note,
        ),
        NewDecision::Restore { text, note } => (DecisionKind::Restored, EventKind::ModelRestored, None, text, note),
    };
    let same = match (&before, standing) {
        (None, None) => true,
        (Some(before), Some((standing, reason))) => {
            (before.kind, before.reason, &before.text) == (standing, reason, text)
        }
        _ => false,
    };
    if same {
        return Ok(None);
    }
    match standing {
        Some((standing, reason)) => {
            let restriction = Restriction { kind: standing, reason, text: text.clone(), at: act.at };
            tx.execute(
                "INSERT OR REPLACE INTO restrictions VALUES (?1, ?2, ?3)",
                params![&model.0[..], act.at.0, to_json(&restriction)],
            )?;
            let state = match standing {
                RestrictionKind::Hidden => ReportState::Hidden,
                RestrictionKind::TakenDown => ReportState::TakenDown,
            };
            answer(tx, model, state, text, act.at)?;
        }
        None => drop(tx.execute("DELETE FROM restrictions WHERE model = ?1", [&model.0[..]])?),
    }
    let reason = standing.map(|(_, reason)| reason);
    let line =
        Line { kind, model: Some(model), account: owner, name: &name, reason, text, note: private, report: None };
    let noted = note(tx, &line, act)?;
    let mut detail = json!({ "text": text });
    if let Some(reason) = reason {
        detail["reason"] = reason.word().into();
    }
    alert(tx, owner, told, noted.seq, &name, &detail, act.at)?;
    events::about(tx, model, told, Some(act.by), act.at, detail)?;
    Ok(Some(noted))
}

/// The owner is told, at the address of its alerts if it has one.
fn alert(
    tx: &Connection,
    owner: AccountId,
    kind: EventKind,
    seq: u64,
    model: &str,
    detail: &Json,
    at: Time,
) -> rusqlite::Result<()> {
    let mut data = detail.clone();
    data["model"] = model.into();
    let tell = alerts::webhook(tx, owner)?.is_some();
    let (kind, subject) = (kind.word().to_owned(), seq.to_string());
    alerts::add(tx, &NewAlert { account: owner, at, kind, subject, data: data.to_string() }, tell).map(drop)
}

fn handle_of(conn: &Connection, account: AccountId) -> rusqlite::Result<Option<String>> {
    let mut find = conn.prepare_cached("SELECT handle FROM accounts WHERE id = ?1")?;
    find.query_row([&account.0[..]], |row| row.get(0)).optional()
}

fn set_verified(tx: &Connection, account: AccountId, text: Option<&str>, act: Act) -> rusqlite::Result<bool> {
    let Some(handle) = handle_of(tx, account)? else { return Ok(false) };
    let (changed, kind, told) = match text {
        Some(text) => {
            let sql = "INSERT INTO verified VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET note = excluded.note,
                       at = excluded.at WHERE note != excluded.note";
            let changed = tx.execute(sql, params![&account.0[..], text, act.at.0])?;
            (changed, DecisionKind::Verified, EventKind::AccountVerified)
        }
        None => {
            let changed = tx.execute("DELETE FROM verified WHERE account = ?1", [&account.0[..]])?;
            (changed, DecisionKind::Unverified, EventKind::AccountUnverified)
        }
    };
    if changed == 0 {
        return Ok(false);
    }
    let text = text.unwrap_or_default();
    let line = Line { kind, model: None, account, name: &handle, reason: None, text, note: "", report: None };
    note(tx, &line, act)?;
    let mut detail = json!({ "account": handle });
    if !text.is_empty() {
        detail["note"] = text.into();
    }
    events::of_account(tx, account, told, Some(act.by), act.at, detail)?;
    Ok(true)
}

pub(super) fn is_verified(conn: &Connection, account: AccountId) -> rusqlite::Result<bool> {
    let mut find = conn.prepare_cached("SELECT EXISTS (SELECT 1 FROM verified WHERE account = ?1)")?;
    find.query_row([&account.0[..]], |row| row.get(0))
}

fn verified(row: &SqlRow<'_>, at: usize) -> rusqlite::Result<Verified> {
    Ok(Verified { note: row.get(at)?, at: Time(row.get(at + 1)?) })
}

#[async_trait]
impl Moderation for SqliteCatalog {
    async fn add_report(&self, new: &NewReport) -> Result<Report, CatalogError> {
        let new = new.clone();
        self.change(move |conn| models::whole(conn, |tx| add_report(tx, &new))).await
    }

    async fn report(&self, id: u64) -> Result<Option<Report>, CatalogError> {
        let Ok(id) = i64::try_from(id) else { return Ok(None) };
        self.ask(move |conn| Ok(report_by_id(conn, id)?)).await
    }

    async fn reports(&self, wanted: &ReportsWanted) -> Result<Vec<Report>, CatalogError> {
        let wanted = wanted.clone();
        self.ask(move |conn| Ok(reports(conn, &wanted)?)).await
    }

    async fn open_reports(&self) -> Result<u64, CatalogError> {
        self.ask(|conn| {
            let mut count = conn.prepare_cached("SELECT count(*) FROM reports WHERE state = 'open'")?;
            Ok(count.query_row([], |row| row.get::<_, i64>(0))?.unsigned_abs())
        })
        .await
    }

    async fn dismiss(&self, report: u64, text: &str, note: &str, act: Act) -> Result<Option<Decision>, CatalogError> {
        let (text, note) = (text.to_owned(), note.to_owned());
        self.change(move |conn| models::whole(conn, |tx| Ok(dismiss(tx, report, &text, &note, act)?))).await
    }

    async fn decide(&self, model: ModelId, decision: &NewDecision, act: Act) -> Result<Option<Decision>, CatalogError> {
        let decision = decision.clone();
        self.change(move |conn| models::whole(conn, |tx| Ok(decide(tx, model, &decision, act)?))).await
    }

    async fn decisions(&self, wanted: DecisionsWanted) -> Result<Vec<Decision>, CatalogError> {
        self.ask(move |conn| {
            let of = if wanted.model.is_some() { "model = ?3" } else { "?3 IS NULL" };
            let public = if wanted.public { "kind != 'dismissed'" } else { "TRUE" };
            let sql = format!("{DECISION} WHERE {of} AND seq < ?1 AND {public} ORDER BY seq DESC LIMIT ?2");
            let mut find = conn.prepare_cached(&sql)?;
            let model = wanted.model.as_ref().map(|model| &model.0[..]);
            let found = find.query_map(params![clamped(wanted.before), limited(wanted.limit), model], decision)?;
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn restricted(&self, offset: u64, limit: u64) -> Result<Vec<Repository>, CatalogError> {
        self.ask(move |conn| {
            let sql = format!(
                "SELECT {REPOSITORY}, {ACCOUNT} FROM restrictions o JOIN models m ON m.id = o.model
                 JOIN accounts a ON a.id = m.owner ORDER BY o.at DESC, m.id LIMIT ?1 OFFSET ?2"
            );
            let mut find = conn.prepare_cached(&sql)?;
            let found = find.query_map([limited(limit), limited(offset)], repository)?;
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn verify(&self, account: AccountId, note: &str, act: Act) -> Result<bool, CatalogError> {
        let note = note.to_owned();
        self.change(move |conn| models::whole(conn, |tx| Ok(set_verified(tx, account, Some(&note), act)?))).await
    }

    async fn unverify(&self, account: AccountId, act: Act) -> Result<bool, CatalogError> {
        self.change(move |conn| models::whole(conn, |tx| Ok(set_verified(tx, account, None, act)?))).await
    }

    async fn verified(&self, accounts: &[AccountId]) -> Result<HashMap<AccountId, Verified>, CatalogError> {
        let accounts = accounts.to_vec();
        self.ask(move |conn| {
            let mut find = conn.prepare_cached("SELECT note, at FROM verified WHERE account = ?1")?;
            let mut known = HashMap::new();
            for account in accounts {
                if known.contains_key(&account) {
                    continue;
                }
                let found = find.query_row([&account.0[..]], |row| verified(row, 0)).optional()?;
                known.extend(found.map(|found| (account, found)));
            }
            Ok(known)
        })
        .await
    }

    async fn all_verified(&self, after: Option<&Handle>, limit: u64) -> Result<Vec<(Account, Verified)>, CatalogError> {
        let after = after.map(ToString::to_string).unwrap_or_default();
        self.ask(move |conn| {
            let sql = format!(
                "SELECT {ACCOUNT}, v.note, v.at FROM verified v JOIN accounts a ON a.id = v.account
                 WHERE a.handle > ?1 ORDER BY a.handle LIMIT ?2"
            );
            let mut find = conn.prepare_cached(&sql)?;
            let found =
                find.query_map(params![after, limited(limit)], |row| Ok((account(row, 0)?, verified(row, 5)?)))?;
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::schema::{CATALOG, open_in_memory};

    #[test]
    fn the_trail_is_neither_edited_nor_shortened() {
        let mut conn = open_in_memory(&CATALOG).expect("opens");
        let tx = conn.transaction().expect("begins");
        let line = Line {
            kind: DecisionKind::Verified,
            model: None,
            account: AccountId([1; 16]),
            name: "carol",
            reason: None,
            text: "carol.example",
            note: "",
            report: None,
        };
        let act = Act { by: AccountId([2; 16]), at: Time(7) };
        let noted = note(&tx, &line, act).expect("a line");
        tx.commit().expect("commits");
        for sql in
            ["UPDATE decisions SET text = 'other'", "DELETE FROM decisions", "DELETE FROM decisions WHERE seq = 1"]
        {
            let refused = conn.execute(sql, []).expect_err(sql).to_string();
            assert!(refused.contains("audit trail"), "{refused}");
        }
        let kept = conn.query_row(&format!("{DECISION} WHERE seq = 1"), [], decision).expect("the line");
        assert_eq!((kept, noted.seq), (noted.clone(), 1));
    }
}
