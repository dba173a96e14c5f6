//! Webhooks and alerts in `hub.db`.

use ledger::{AccountId, Amount, Time};
use rusqlite::{Connection, OptionalExtension, Row as SqlRow, params};

use super::catalog::amount;
use crate::catalog::{Alert, NewAlert, Webhook};

fn read_webhook(row: &SqlRow<'_>) -> rusqlite::Result<Webhook> {
    Ok(Webhook {
        account: AccountId(row.get(0)?),
        url: row.get(1)?,
        secret: row.get(2)?,
        low_balance: amount(row, 3)?,
        low: row.get(4)?,
        created: Time(row.get(5)?),
    })
}

pub(super) fn webhook(conn: &Connection, account: AccountId) -> rusqlite::Result<Option<Webhook>> {
    let mut find = conn.prepare_cached("SELECT * FROM webhooks WHERE account = ?1")?;
    find.query_row([&account.0[..]], read_webhook).optional()
}

pub(super) fn webhooks(conn: &Connection) -> rusqlite::Result<Vec<Webhook>> {
    conn.prepare_cached("SELECT * FROM webhooks")?.query_map([], read_webhook)?.collect()
}

pub(super) fn set_webhook(conn: &Connection, webhook: &Webhook) -> rusqlite::Result<()> {
    let Webhook { account, url, secret, low_balance, low, created } = webhook;
    conn.execute(
        "INSERT OR REPLACE INTO webhooks VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![&account.0[..], url, secret, low_balance.map(Amount::nano), low, created.0],
    )?;
    Ok(())
}

/// Also ends what was still to be told: nobody is left to hear it.
pub(super) fn remove_webhook(conn: &mut Connection, account: AccountId) -> rusqlite::Result<bool> {
    let tx = conn.transaction()?;
    let removed = tx.execute("DELETE FROM webhooks WHERE account = ?1", [&account.0[..]])?;
    tx.execute("UPDATE alerts SET next = NULL WHERE account = ?1 AND next IS NOT NULL", [&account.0[..]])?;
    tx.commit()?;
    Ok(removed == 1)
}

/// So many are kept of an account, the newest.
const KEPT: i64 = 1_000;

pub(super) fn add(conn: &Connection, alert: &NewAlert, tell: bool) -> rusqlite::Result<bool> {
    let NewAlert { account, at, kind, subject, data } = alert;
    let added = conn
        .prepare_cached(
            "INSERT INTO alerts (account, at, kind, subject, data, next) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![&account.0[..], at.0, kind, subject, data, tell.then_some(at.0)])?;
    if added == 1 {
        let sql = "DELETE FROM alerts WHERE account = ?1 AND id <= (SELECT id FROM alerts WHERE account = ?1
                   ORDER BY id DESC LIMIT 1 OFFSET ?2)";
        conn.prepare_cached(sql)?.execute(params![&account.0[..], KEPT])?;
    }
    Ok(added == 1)
}

const ALERT: &str = "SELECT id, account, at, kind, subject, data, attempts, next, delivered, said FROM alerts";

fn read_alert(row: &SqlRow<'_>) -> rusqlite::Result<Alert> {
    let what = NewAlert {
        account: AccountId(row.get(1)?),
        at: Time(row.get(2)?),
        kind: row.get(3)?,
        subject: row.get(4)?,
        data: row.get(5)?,
    };
    Ok(Alert {
        id: row.get::<_, i64>(0)?.unsigned_abs(),
        what,
        attempts: row.get(6)?,
        next: row.get::<_, Option<i64>>(7)?.map(Time),
        delivered: row.get::<_, Option<i64>>(8)?.map(Time),
        said: row.get(9)?,
    })
}

pub(super) fn of(
    conn: &Connection,
    account: AccountId,
    before: Option<u64>,
    limit: u64,
) -> rusqlite::Result<Vec<Alert>> {
    let sql = format!("{ALERT} WHERE account = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3");
    let before = before.map_or(i64::MAX, |id| id as i64);
    conn.prepare_cached(&sql)?.query_map(params![&account.0[..], before, limit as i64], read_alert)?.collect()
}

pub(super) fn due(conn: &Connection, now: Time, limit: u64) -> rusqlite::Result<Vec<Alert>> {
    // Beside a minimum, SQLite gives the other columns of the row it is from.
    let sql = "SELECT id, account, at, kind, subject, data, attempts, min(next), delivered, said FROM alerts
               WHERE next IS NOT NULL AND next <= ?1 GROUP BY account ORDER BY min(next) LIMIT ?2";
    conn.prepare_cached(sql)?.query_map(params![now.0, limit as i64], read_alert)?.collect()
}

pub(super) fn told(
    conn: &Connection,
    id: u64,
    delivered: Option<Time>,
    next: Option<Time>,
    said: &str,
) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "UPDATE alerts SET attempts = attempts + 1, delivered = ?2, next = ?3, said = ?4 WHERE id = ?1",
    )?
    .execute(params![id as i64, delivered.map(|at| at.0), next.map(|at| at.0), said])?;
    Ok(())
}
