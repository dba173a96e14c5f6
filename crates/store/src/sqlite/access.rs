//! Requests for gated weights, in `hub.db`.

use async_trait::async_trait;
use ledger::{AccountId, ModelId, Time};
use rusqlite::{Connection, OptionalExtension, Row as SqlRow, params};

use super::catalog::{ACCOUNT, SqliteCatalog, account, text};
use super::events;
use crate::access::{AccessCursor, AccessRequest, AccessRequests, AccessStatus, MAX_WAITING};
use crate::catalog::CatalogError;
use crate::events::{Act, EventKind};

pub(super) const STEP: &str = "
    -- Whether requests for its gated weights are accepted as they come.
    ALTER TABLE models ADD COLUMN automatic INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE access_requests (
        model BLOB NOT NULL,
        account BLOB NOT NULL,
        id BLOB NOT NULL UNIQUE,
        status TEXT NOT NULL,
        message TEXT NOT NULL,
        reason TEXT,
        at INTEGER NOT NULL,
        decided INTEGER,
        decider BLOB,
        PRIMARY KEY (model, account)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX access_requests_by_status ON access_requests (model, status, at, id);
";

fn select(rest: &str) -> String {
    format!(
        "SELECT {ACCOUNT}, q.id, q.model, q.status, q.message, q.reason, q.at, q.decided, d.handle
         FROM access_requests q JOIN accounts a ON a.id = q.account LEFT JOIN accounts d ON d.id = q.decider {rest}"
    )
}

fn request(row: &SqlRow<'_>) -> rusqlite::Result<AccessRequest> {
    let decider: Option<String> = row.get(12)?;
    Ok(AccessRequest {
        account: account(row, 0)?,
        id: row.get(5)?,
        model: ModelId(row.get(6)?),
        status: text(row, 7)?,
        message: row.get(8)?,
        reason: row.get(9)?,
        at: Time(row.get(10)?),
        decided: row.get::<_, Option<i64>>(11)?.map(Time),
        decider: decider.map(|_| text(row, 12)).transpose()?,
    })
}

fn find(conn: &Connection, model: ModelId, account: AccountId) -> rusqlite::Result<Option<AccessRequest>> {
    let sql = select("WHERE q.model = ?1 AND q.account = ?2");
    conn.prepare_cached(&sql)?.query_row(params![&model.0[..], &account.0[..]], request).optional()
}

/// A model that was removed has no requests any more.
fn there(conn: &Connection, model: ModelId) -> Result<(), CatalogError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM models WHERE id = ?1)";
    match conn.prepare_cached(sql)?.query_row([&model.0[..]], |r| r.get::<_, bool>(0))? {
        true => Ok(()),
        false => Err(CatalogError::Gone { model }),
    }
}

#[async_trait]
impl AccessRequests for SqliteCatalog {
    async fn add_access_request(&self, new: &AccessRequest) -> Result<AccessRequest, CatalogError> {
        let new = new.clone();
        self.change(move |conn| {
            let tx = conn.transaction()?;
            there(&tx, new.model)?;
            if let Some(earlier) = find(&tx, new.model, new.account.id)? {
                return Ok(earlier);
            }
            let waiting: i64 = tx.query_row(
                "SELECT count(*) FROM access_requests WHERE model = ?1 AND status = 'pending'",
                [&new.model.0[..]],
                |r| r.get(0),
            )?;
            if new.status == AccessStatus::Pending && waiting.unsigned_abs() >= MAX_WAITING {
                return Err(CatalogError::ManyRequests);
            }
            tx.execute(
                "INSERT INTO access_requests VALUES (?1, ?2, ?3, ?4, ?5, NULL, ?6, ?7, NULL)",
                params![
                    &new.model.0[..],
                    &new.account.id.0[..],
                    &new.id[..],
                    new.status.word(),
                    new.message,
                    new.at.0,
                    new.decided.map(|decided| decided.0),
                ],
            )?;
            let who = new.account.id;
            events::of_access(&tx, new.model, EventKind::AccessAsked, who, Some(who), new.at)?;
            if new.status == AccessStatus::Accepted {
                events::of_access(&tx, new.model, EventKind::AccessAdmitted, who, None, new.at)?;
            }
            tx.commit()?;
            Ok(new)
        })
        .await
    }

    async fn access_request(&self, model: ModelId, account: AccountId) -> Result<Option<AccessRequest>, CatalogError> {
        self.ask(move |conn| Ok(find(conn, model, account)?)).await
    }

    async fn access_request_by_id(&self, model: ModelId, id: [u8; 16]) -> Result<Option<AccessRequest>, CatalogError> {
        self.ask(move |conn| {
            let sql = select("WHERE q.model = ?1 AND q.id = ?2");
            Ok(conn.prepare_cached(&sql)?.query_row(params![&model.0[..], &id[..]], request).optional()?)
        })
        .await
    }

    async fn access_requests(
        &self,
        model: ModelId,
        status: AccessStatus,
        after: Option<AccessCursor>,
        limit: u64,
    ) -> Result<Vec<AccessRequest>, CatalogError> {
        self.ask(move |conn| {
            let sql = select(
                "WHERE q.model = ?1 AND q.status = ?2 AND (q.at, q.id) < (?3, ?4) ORDER BY q.at DESC, q.id DESC LIMIT ?5",
            );
            // Behind nothing: behind what comes later than all.
            let (at, id) = after.unwrap_or((Time(i64::MAX), [0xff; 16]));
            let mut find = conn.prepare_cached(&sql)?;
            let found = find.query_map(params![&model.0[..], status.word(), at.0, &id[..], limit as i64], request)?;
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn decide_access(&self, decided: &AccessRequest, act: Act) -> Result<(), CatalogError> {
        let decided = decided.clone();
        self.change(move |conn| {
            let tx = conn.transaction()?;
            there(&tx, decided.model)?;
            tx.execute(
                "INSERT INTO access_requests VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
                 ON CONFLICT (model, account) DO UPDATE SET status = excluded.status, reason = excluded.reason,
                 decided = excluded.decided, decider = excluded.decider",
                params![
                    &decided.model.0[..],
                    &decided.account.id.0[..],
                    &decided.id[..],
                    decided.status.word(),
                    decided.message,
                    decided.reason,
                    decided.at.0,
                    decided.decided.map(|at| at.0),
                    &act.by.0[..],
                ],
            )?;
            let kind = match decided.status {
                AccessStatus::Pending => EventKind::AccessAsked,
                AccessStatus::Accepted => EventKind::AccessAdmitted,
                AccessStatus::Rejected => EventKind::AccessRefused,
            };
            events::of_access(&tx, decided.model, kind, decided.account.id, Some(act.by), act.at)?;
            Ok(tx.commit()?)
        })
        .await
    }

    async fn remove_access_request(&self, model: ModelId, account: AccountId, act: Act) -> Result<bool, CatalogError> {
        self.change(move |conn| {
            let tx = conn.transaction()?;
            let sql = "DELETE FROM access_requests WHERE model = ?1 AND account = ?2";
            let removed = tx.execute(sql, params![&model.0[..], &account.0[..]])? == 1;
            if removed {
                events::of_access(&tx, model, EventKind::AccessRemoved, account, Some(act.by), act.at)?;
            }
            tx.commit()?;
            Ok(removed)
        })
        .await
    }

    async fn set_automatic(&self, model: ModelId, automatic: bool) -> Result<(), CatalogError> {
        self.change(move |conn| {
            conn.execute("UPDATE models SET automatic = ?2 WHERE id = ?1", params![&model.0[..], automatic])?;
            Ok(())
        })
        .await
    }
}
