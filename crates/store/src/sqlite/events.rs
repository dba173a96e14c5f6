//! What happened, in `hub.db`.

use async_trait::async_trait;
use ledger::{AccountId, ModelId, Time};
use registry::{ModelName, ReleaseNumber};
use rusqlite::{Connection, OptionalExtension, Row as SqlRow, ToSql, params};
use serde_json::{Value as Json, json};

use super::catalog::{SqliteCatalog, text, wrong};
use super::hooks;
use crate::catalog::CatalogError;
use crate::events::{Event, EventKind, Events, EventsPage, EventsWanted};

/// The form of what stands in `detail`.
const VERSION: u32 = 1;
/// So many events are looked at for one page: the rest of a list is its next page.
const MAX_LOOKED_AT: u64 = 5_000;

/// Notes what happened to a model, in the transaction that does it. `detail` is an object; it gets the model's name.
/// Nothing is noted of a model that is not there.
pub(super) fn about(
    tx: &Connection,
    model: ModelId,
    kind: EventKind,
    by: Option<AccountId>,
    at: Time,
    mut detail: Json,
) -> rusqlite::Result<()> {
    let mut find = tx.prepare_cached(
        "SELECT m.owner, a.handle || '/' || m.name FROM models m JOIN accounts a ON a.id = m.owner WHERE m.id = ?1",
    )?;
    let found = find.query_row([&model.0[..]], |r| Ok((AccountId(r.get(0)?), r.get::<_, String>(1)?))).optional()?;
    let Some((account, name)) = found else { return Ok(()) };
    detail["v"] = VERSION.into();
    detail["model"] = name.into();
    let detail = detail.to_string();
    let mut add = tx.prepare_cached(
        "INSERT INTO events (at, kind, actor, model, account, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    add.execute(params![at.0, kind.word(), by.as_ref().map(|by| &by.0[..]), &model.0[..], &account.0[..], detail])?;
    hooks::deliver(tx, tx.last_insert_rowid(), kind, at, Some(model), account)
}

/// Whom an event is about, where that is neither whose thing it was nor who did it.
pub(super) const CONCERNS: &str = "ALTER TABLE events ADD COLUMN concerns BLOB";

/// Notes what came of somebody's wish for a model's weights, for them and the model's owner.
pub(super) fn of_access(
    tx: &Connection,
    model: ModelId,
    kind: EventKind,
    who: AccountId,
    by: Option<AccountId>,
    at: Time,
) -> rusqlite::Result<()> {
    let before = last(tx)?;
    about(tx, model, kind, by, at, json!({ "account": handle(tx, who)? }))?;
    tx.prepare_cached("UPDATE events SET concerns = ?1 WHERE seq > ?2")?
        .execute(params![&who.0[..], clamped(before)])?;
    Ok(())
}

/// What an account is called.
pub(super) fn handle(conn: &Connection, account: AccountId) -> rusqlite::Result<String> {
    conn.prepare_cached("SELECT handle FROM accounts WHERE id = ?1")?.query_row([&account.0[..]], |r| r.get(0))
}

/// Notes what happened to an account, for everybody. `detail` is an object.
pub(super) fn of_account(
    tx: &Connection,
    account: AccountId,
    kind: EventKind,
    by: Option<AccountId>,
    at: Time,
    mut detail: Json,
) -> rusqlite::Result<()> {
    detail["v"] = VERSION.into();
    tx.prepare_cached("INSERT INTO events (at, kind, actor, account, detail) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![at.0, kind.word(), by.as_ref().map(|by| &by.0[..]), &account.0[..], detail.to_string()])?;
    hooks::deliver(tx, tx.last_insert_rowid(), kind, at, None, account)
}

/// Notes that unversioned calls go to another release than before, if they do.
pub(super) fn latest_since(
    tx: &Connection,
    model: ModelId,
    before: Option<ReleaseNumber>,
    by: Option<AccountId>,
    at: Time,
) -> rusqlite::Result<()> {
    match latest(tx, model)? {
        Some(now) if before != Some(now) => {
            let detail = json!({ "release": now.to_string(), "before": before.map(|before| before.to_string()) });
            about(tx, model, EventKind::ReleaseLatest, by, at, detail)
        }
        _ => Ok(()),
    }
}

/// The release that unversioned calls go to.
pub(super) fn latest(conn: &Connection, model: ModelId) -> rusqlite::Result<Option<ReleaseNumber>> {
    let sql = format!(
        "SELECT r.major, r.minor FROM releases r JOIN models m ON m.id = r.model WHERE r.model = ?1 {}",
        super::catalog::LATEST_FIRST
    );
    let number = |r: &SqlRow<'_>| ReleaseNumber::new(r.get(0)?, r.get(1)?).ok_or_else(|| wrong(0, "no release number"));
    conn.prepare_cached(&sql)?.query_row([&model.0[..]], number).optional()
}

pub(super) fn last(conn: &Connection) -> rusqlite::Result<u64> {
    let last: Option<i64> = conn.prepare_cached("SELECT max(seq) FROM events")?.query_row([], |r| r.get(0))?;
    Ok(last.map_or(0, i64::unsigned_abs))
}

const EVENT: &str = "e.seq, e.at, e.kind, e.actor, e.model, e.account, e.detail";

pub(super) fn event(row: &SqlRow<'_>) -> rusqlite::Result<Event> {
    Ok(Event {
        seq: row.get::<_, i64>(0)?.unsigned_abs(),
        at: Time(row.get(1)?),
        kind: text(row, 2)?,
        actor: row.get::<_, Option<_>>(3)?.map(AccountId),
        model: row.get::<_, Option<_>>(4)?.map(ModelId),
        account: AccountId(row.get(5)?),
        detail: row.get(6)?,
    })
}

fn after(conn: &Connection, seq: u64, limit: u64) -> rusqlite::Result<Vec<Event>> {
    let sql = format!("SELECT {EVENT} FROM events e WHERE e.seq > ?1 ORDER BY e.seq LIMIT ?2");
    conn.prepare_cached(&sql)?.query_map([clamped(seq), clamped(limit)], event)?.collect()
}

fn clamped(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn one(conn: &Connection, seq: u64) -> rusqlite::Result<Option<Event>> {
    let sql = format!("SELECT {EVENT} FROM events e WHERE e.seq = ?1");
    conn.prepare_cached(&sql)?.query_row([clamped(seq)], event).optional()
}

/// What a reader of an event has to be held against: the model as it is now.
struct Now {
    owner: AccountId,
    private: bool,
    /// `owner/name`, folded.
    folded: String,
}

fn page(conn: &Connection, wanted: &EventsWanted) -> rusqlite::Result<EventsPage> {
    // One of them is looked up, by its index; the others are asked of each row. What is looked at for a page is bounded
    // either way.
    let (by, value): (&str, Option<Box<dyn ToSql>>) = match wanted {
        EventsWanted { model: Some(model), .. } => (" AND e.model = ?3", Some(Box::new(model.0.to_vec()))),
        EventsWanted { account: Some(account), .. } => (" AND e.account = ?3", Some(Box::new(account.0.to_vec()))),
        EventsWanted { kind: Some(kind), .. } => (" AND e.kind = ?3", Some(Box::new(kind.word()))),
        _ => ("", None),
    };
    let sql = format!(
        "SELECT {EVENT}, m.owner, m.private, m.folded, e.concerns FROM events e LEFT JOIN models m ON m.id = e.model
         WHERE e.seq > ?1{by} ORDER BY e.seq LIMIT ?2"
    );
    let (start, most): (Box<dyn ToSql>, Box<dyn ToSql>) =
        (Box::new(clamped(wanted.after)), Box::new(clamped(MAX_LOOKED_AT)));
    let values = [start, most].into_iter().chain(value);
    let mut find = conn.prepare_cached(&sql)?;
    let mut rows = find.query(rusqlite::params_from_iter(values))?;
    let mut page = EventsPage { events: Vec::new(), next: wanted.after, more: false };
    let mut looked = 0;
    while let Some(row) = rows.next()? {
        let event = event(row)?;
        let owner: Option<[u8; 16]> = row.get(7)?;
        let now = match owner {
            None => None,
            Some(owner) => Some(Now { owner: AccountId(owner), private: row.get(8)?, folded: row.get(9)? }),
        };
        let concerns = row.get::<_, Option<[u8; 16]>>(10)?.map(AccountId);
        looked += 1;
        page.next = event.seq;
        let asked = wanted.model.is_none_or(|model| event.model == Some(model))
            && wanted.account.is_none_or(|account| event.account == account)
            && wanted.kind.is_none_or(|kind| event.kind == kind);
        if asked && is_for(wanted, &event, now.as_ref(), concerns) {
            page.events.push(event);
        }
        if page.events.len() as u64 >= wanted.limit || looked >= MAX_LOOKED_AT {
            page.more = true;
            break;
        }
    }
    Ok(page)
}

fn is_for(wanted: &EventsWanted, event: &Event, now: Option<&Now>, concerns: Option<AccountId>) -> bool {
    let theirs = |owner: AccountId| wanted.groups.contains(&owner);
    let owner = now.map_or(event.account, |now| now.owner);
    // Whom it is about sees it as long as they see the model.
    let about_them = concerns.is_some() && concerns == wanted.viewer && now.is_some();
    if event.kind.is_about_access() && !theirs(owner) && !about_them {
        return false;
    }
    match (event.model, now) {
        (None, _) if matches!(event.kind, EventKind::AccountVerified | EventKind::AccountUnverified) => true,
        (None, _) => theirs(event.account) && wanted.only.is_none(),
        (Some(_), Some(now)) => {
            let reached = |only: &Vec<ModelName>| only.iter().any(|name| name.folded() == now.folded);
            let narrow = event.kind.is_about_access() && !wanted.only.as_ref().is_none_or(reached);
            (!now.private && !narrow) || (theirs(now.owner) && wanted.only.as_ref().is_none_or(reached))
        }
        (Some(_), None) => {
            (theirs(event.account) && wanted.only.is_none())
                || (event.kind == EventKind::ModelDeleted && was_public(&event.detail))
        }
    }
}

fn was_public(detail: &str) -> bool {
    serde_json::from_str::<Json>(detail).is_ok_and(|detail| detail["private"] == Json::Bool(false))
}

#[async_trait]
impl Events for SqliteCatalog {
    async fn events_after(&self, seq: u64, limit: u64) -> Result<Vec<Event>, CatalogError> {
        self.ask(move |conn| Ok(after(conn, seq, limit)?)).await
    }

    async fn events(&self, wanted: &EventsWanted) -> Result<EventsPage, CatalogError> {
        let wanted = wanted.clone();
        self.ask(move |conn| Ok(page(conn, &wanted)?)).await
    }

    async fn event(&self, seq: u64) -> Result<Option<Event>, CatalogError> {
        self.ask(move |conn| Ok(one(conn, seq)?)).await
    }

    async fn last_event(&self) -> Result<u64, CatalogError> {
        self.ask(|conn| Ok(last(conn)?)).await
    }

    async fn happened(&self, seq: u64) {
        // The sender lives in self, so it cannot be gone.
        let _ = self.happened.subscribe().wait_for(|last| *last > seq).await;
    }
}
