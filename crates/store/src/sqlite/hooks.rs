//! Webhooks of events and their deliveries, in `hub.db`.

use async_trait::async_trait;
use ledger::{AccountId, ModelId, Time};
use registry::ModelName;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row as SqlRow, params, params_from_iter};

use super::catalog::{SqliteCatalog, text, wrong};
use crate::catalog::CatalogError;
use crate::events::EventKind;
use crate::hooks::{Delivery, Hook, Hooks, KEPT_DELIVERIES, MAX_HOOKS, Tried};

/// What happened, and who is told of it.
pub(super) const STEP: &str = "
    CREATE TABLE events (
        -- The newest row is never removed, so that SQLite's next number is always one more.
        seq INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        kind TEXT NOT NULL,
        actor BLOB,
        model BLOB,
        account BLOB NOT NULL,
        detail TEXT NOT NULL
    ) STRICT;
    CREATE INDEX events_of_model ON events (model) WHERE model IS NOT NULL;
    CREATE INDEX events_of_account ON events (account);
    CREATE INDEX events_of_kind ON events (kind);
    CREATE TABLE hooks (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        account BLOB NOT NULL,
        model BLOB,
        url TEXT NOT NULL,
        secret TEXT NOT NULL,
        -- Words with spaces between them; empty for all.
        kinds TEXT NOT NULL,
        paused INTEGER NOT NULL,
        created INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX hooks_of ON hooks (account);
    CREATE TABLE deliveries (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        hook INTEGER NOT NULL,
        event INTEGER,
        at INTEGER NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        next INTEGER,
        delivered INTEGER,
        status INTEGER,
        said TEXT
    ) STRICT;
    CREATE INDEX deliveries_of ON deliveries (hook);
    CREATE INDEX deliveries_due ON deliveries (next) WHERE next IS NOT NULL;
    CREATE INDEX deliveries_by_age ON deliveries (at);
";

const HOOK: &str = "h.id, h.account, h.model, h.url, h.secret, h.kinds, h.paused, h.created, a.handle, m.name";
/// With the name of its model, if it is one's.
const HOOKS: &str = "hooks h LEFT JOIN models m ON m.id = h.model LEFT JOIN accounts a ON a.id = m.owner";

fn hook(row: &SqlRow<'_>) -> rusqlite::Result<Hook> {
    let kinds = row.get_ref(5)?.as_str()?.split_whitespace().map(|word| word.parse().map_err(|()| wrong(5, word)));
    let model = match (row.get::<_, Option<_>>(2)?, row.get::<_, Option<String>>(8)?) {
        (Some(id), Some(_)) => {
            let name = ModelName::new(text(row, 8)?, row.get_ref(9)?.as_str()?).map_err(|e| wrong(9, e))?;
            Some((ModelId(id), name))
        }
        _ => None,
    };
    Ok(Hook {
        id: row.get::<_, i64>(0)?.unsigned_abs(),
        account: AccountId(row.get(1)?),
        model,
        url: row.get(3)?,
        secret: row.get(4)?,
        kinds: kinds.collect::<rusqlite::Result<_>>()?,
        paused: row.get(6)?,
        created: Time(row.get(7)?),
    })
}

fn words(kinds: &[EventKind]) -> String {
    kinds.iter().map(|kind| kind.word()).collect::<Vec<_>>().join(" ")
}

const DELIVERY: &str = "d.id, d.hook, d.event, d.at, d.attempts, d.next, d.delivered, d.status, d.said";

fn delivery(row: &SqlRow<'_>) -> rusqlite::Result<Delivery> {
    delivery_at(row, 0)
}

fn delivery_at(row: &SqlRow<'_>, at: usize) -> rusqlite::Result<Delivery> {
    Ok(Delivery {
        id: row.get::<_, i64>(at)?.unsigned_abs(),
        hook: row.get::<_, i64>(at + 1)?.unsigned_abs(),
        event: row.get::<_, Option<i64>>(at + 2)?.map(i64::unsigned_abs),
        at: Time(row.get(at + 3)?),
        attempts: row.get(at + 4)?,
        next: row.get::<_, Option<i64>>(at + 5)?.map(Time),
        delivered: row.get::<_, Option<i64>>(at + 6)?.map(Time),
        status: row.get(at + 7)?,
        said: row.get(at + 8)?,
    })
}

/// Has an event told to every webhook that wants to hear of it, in the event's own transaction.
pub(super) fn deliver(
    tx: &Connection,
    event: i64,
    kind: EventKind,
    at: Time,
    model: Option<ModelId>,
    account: AccountId,
) -> rusqlite::Result<()> {
    let mut find = tx.prepare_cached(
        "SELECT id FROM hooks WHERE account = ?1 AND NOT paused AND (model IS NULL OR model = ?2)
         AND (kinds = '' OR instr(' ' || kinds || ' ', ' ' || ?3 || ' ') > 0)",
    )?;
    let model = model.as_ref().map(|model| &model.0[..]);
    let hooks = find.query_map(params![&account.0[..], model, kind.word()], |r| r.get(0))?;
    for hook in hooks.collect::<rusqlite::Result<Vec<i64>>>()? {
        add(tx, hook, Some(event), at)?;
    }
    Ok(())
}

fn add(tx: &Connection, hook: i64, event: Option<i64>, at: Time) -> rusqlite::Result<i64> {
    tx.prepare_cached("INSERT INTO deliveries (hook, event, at, next) VALUES (?1, ?2, ?3, ?3)")?
        .execute(params![hook, event, at.0])?;
    let id = tx.last_insert_rowid();
    let sql = "DELETE FROM deliveries WHERE hook = ?1 AND id <= (SELECT id FROM deliveries WHERE hook = ?1
               ORDER BY id DESC LIMIT 1 OFFSET ?2)";
    tx.prepare_cached(sql)?.execute(params![hook, KEPT_DELIVERIES as i64])?;
    Ok(id)
}

/// Ends what is told of a model that is removed.
pub(super) fn remove_of_model(tx: &Connection, model: ModelId) -> rusqlite::Result<()> {
    let sql = "DELETE FROM deliveries WHERE hook IN (SELECT id FROM hooks WHERE model = ?1)";
    tx.execute(sql, [&model.0[..]])?;
    tx.execute("DELETE FROM hooks WHERE model = ?1", [&model.0[..]])?;
    Ok(())
}

#[async_trait]
impl Hooks for SqliteCatalog {
    async fn add_hook(&self, new: &Hook) -> Result<Option<u64>, CatalogError> {
        let new = new.clone();
        self.change(move |conn| {
            let tx = conn.transaction()?;
            let sql = "SELECT count(*) FROM hooks WHERE account = ?1";
            let count: i64 = tx.query_row(sql, [&new.account.0[..]], |r| r.get(0))?;
            if count.unsigned_abs() >= MAX_HOOKS {
                return Ok(None);
            }
            tx.execute(
                "INSERT INTO hooks (account, model, url, secret, kinds, paused, created)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![
                    &new.account.0[..],
                    new.model.as_ref().map(|(model, _)| &model.0[..]),
                    new.url,
                    new.secret,
                    words(&new.kinds),
                    new.paused,
                    new.created.0
                ],
            )?;
            let id = tx.last_insert_rowid().unsigned_abs();
            tx.commit()?;
            Ok(Some(id))
        })
        .await
    }

    async fn set_hook(&self, hook: &Hook) -> Result<bool, CatalogError> {
        let hook = hook.clone();
        self.change(move |conn| {
            let changed = conn.execute(
                "UPDATE hooks SET url = ?2, secret = ?3, kinds = ?4, paused = ?5 WHERE id = ?1",
                params![hook.id as i64, hook.url, hook.secret, words(&hook.kinds), hook.paused],
            )?;
            Ok(changed == 1)
        })
        .await
    }

    async fn remove_hook(&self, id: u64) -> Result<bool, CatalogError> {
        self.change(move |conn| {
            let tx = conn.transaction()?;
            let removed = tx.execute("DELETE FROM hooks WHERE id = ?1", [id as i64])?;
            tx.execute("DELETE FROM deliveries WHERE hook = ?1", [id as i64])?;
            tx.commit()?;
            Ok(removed == 1)
        })
        .await
    }

    async fn hook(&self, id: u64) -> Result<Option<Hook>, CatalogError> {
        self.ask(move |conn| {
            let sql = format!("SELECT {HOOK} FROM {HOOKS} WHERE h.id = ?1");
            Ok(conn.prepare_cached(&sql)?.query_row([id as i64], hook).optional()?)
        })
        .await
    }

    async fn hooks(&self, accounts: &[AccountId]) -> Result<Vec<Hook>, CatalogError> {
        let accounts: Vec<_> = accounts.iter().map(|account| Value::Blob(account.0.to_vec())).collect();
        self.ask(move |conn| {
            let places = vec!["?"; accounts.len()].join(", ");
            let sql = format!("SELECT {HOOK} FROM {HOOKS} WHERE h.account IN ({places}) ORDER BY h.id");
            let mut find = conn.prepare(&sql)?;
            Ok(find.query_map(params_from_iter(accounts), hook)?.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn add_delivery(&self, hook: u64, event: Option<u64>, at: Time) -> Result<Option<u64>, CatalogError> {
        self.change(move |conn| {
            let tx = conn.transaction()?;
            let sql = "SELECT EXISTS (SELECT 1 FROM hooks WHERE id = ?1)";
            if !tx.query_row(sql, [hook as i64], |r| r.get::<_, bool>(0))? {
                return Ok(None);
            }
            let id = add(&tx, hook as i64, event.map(|event| event as i64), at)?;
            tx.commit()?;
            Ok(Some(id.unsigned_abs()))
        })
        .await
    }

    async fn delivery(&self, id: u64) -> Result<Option<Delivery>, CatalogError> {
        self.ask(move |conn| {
            let sql = format!("SELECT {DELIVERY} FROM deliveries d WHERE d.id = ?1");
            Ok(conn.prepare_cached(&sql)?.query_row([id as i64], delivery).optional()?)
        })
        .await
    }

    async fn deliveries(
        &self,
        hook: u64,
        since: Time,
        before: Option<u64>,
        limit: u64,
    ) -> Result<Vec<Delivery>, CatalogError> {
        self.ask(move |conn| {
            let sql = format!(
                "SELECT {DELIVERY} FROM deliveries d WHERE d.hook = ?1 AND d.id < ?2 AND d.at >= ?3
                 ORDER BY d.id DESC LIMIT ?4"
            );
            let before = before.and_then(|id| i64::try_from(id).ok()).unwrap_or(i64::MAX);
            let mut find = conn.prepare_cached(&sql)?;
            let found = find.query_map(params![hook as i64, before, since.0, limit as i64], delivery)?;
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn due_deliveries(&self, now: Time, limit: u64) -> Result<Vec<(Hook, Delivery)>, CatalogError> {
        self.ask(move |conn| {
            // Beside a minimum, SQLite gives the other columns of the row it is from.
            let sql = format!(
                "SELECT {HOOK}, d.id, d.hook, d.event, d.at, d.attempts, min(d.next), d.delivered, d.status, d.said
                 FROM {HOOKS} JOIN deliveries d ON d.hook = h.id
                 WHERE d.next IS NOT NULL AND d.next <= ?1 AND NOT h.paused GROUP BY d.hook ORDER BY min(d.next) LIMIT ?2"
            );
            let mut find = conn.prepare_cached(&sql)?;
            let due = find.query_map([now.0, limit as i64], |row| Ok((hook(row)?, delivery_at(row, 10)?)))?;
            Ok(due.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn told_delivery(&self, id: u64, tried: &Tried) -> Result<(), CatalogError> {
        let tried = tried.clone();
        self.change(move |conn| {
            conn.prepare_cached(
                "UPDATE deliveries SET attempts = attempts + 1, delivered = ?2, next = ?3, status = ?4, said = ?5
                 WHERE id = ?1",
            )?
            .execute(params![
                id as i64,
                tried.delivered.map(|at| at.0),
                tried.next.map(|at| at.0),
                tried.status,
                tried.said
            ])?;
            Ok(())
        })
        .await
    }

    async fn forget_deliveries(&self, before: Time) -> Result<(), CatalogError> {
        self.change(move |conn| {
            conn.execute("DELETE FROM deliveries WHERE at < ?1", [before.0])?;
            Ok(())
        })
        .await
    }
}
