//! Secrets of keys, in `hub.db`.

use async_trait::async_trait;
use ledger::{AccountId, KeyId, Time};
use rusqlite::{Connection, OptionalExtension, params};

use super::catalog::{ACCOUNT, ACCOUNT_COLUMNS, KEY, KEY_COLUMNS, SqliteCatalog, account, key};
use crate::catalog::{Account, CatalogError};
use crate::keys::{KeyRecord, MAX_SECRETS, Secrets};

/// How often a key may be used, and the secrets it had.
pub(super) const STEP: &str = "
    -- The most calls with it: 60/min.
    ALTER TABLE keys ADD COLUMN rate TEXT;
    -- When it got the secret it has, if it was made with another.
    ALTER TABLE keys ADD COLUMN rotated INTEGER;
    -- What it had before, and until when that is good.
    CREATE TABLE secrets (
        hash BLOB PRIMARY KEY,
        key BLOB NOT NULL,
        until INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX secrets_of ON secrets (key);
";

/// How long a secret is remembered once it is good for nothing: until then it is over, and not unknown.
const REMEMBERED_MS: i64 = 365 * Time::DAY_MS;

/// The key with this secret, whose it is, and when the secret ends, if it was replaced.
pub(super) fn find(conn: &Connection, hash: &[u8; 32]) -> rusqlite::Result<Option<(KeyRecord, Account, Option<Time>)>> {
    let newest = format!("SELECT {KEY}, {ACCOUNT} FROM keys k JOIN accounts a ON a.id = k.account WHERE k.hash = ?1");
    let found = conn
        .prepare_cached(&newest)?
        .query_row([&hash[..]], |r| Ok((key(r)?, account(r, KEY_COLUMNS)?, None)))
        .optional()?;
    if found.is_some() {
        return Ok(found);
    }
    let replaced = format!(
        "SELECT {KEY}, {ACCOUNT}, old.until FROM secrets old JOIN keys k ON k.id = old.key
         JOIN accounts a ON a.id = k.account WHERE old.hash = ?1"
    );
    conn.prepare_cached(&replaced)?
        .query_row([&hash[..]], |r| {
            let until = r.get::<_, i64>(KEY_COLUMNS + ACCOUNT_COLUMNS)?;
            Ok((key(r)?, account(r, KEY_COLUMNS)?, Some(Time(until))))
        })
        .optional()
}

#[async_trait]
impl Secrets for SqliteCatalog {
    async fn rotate_key(
        &self,
        of: AccountId,
        id: KeyId,
        hash: [u8; 32],
        until: Time,
        now: Time,
    ) -> Result<Option<KeyRecord>, CatalogError> {
        self.change(move |conn| {
            let tx = conn.transaction()?;
            let had: Option<Vec<u8>> = tx
                .prepare_cached(
                    "SELECT hash FROM keys WHERE id = ?1 AND account = ?2 AND revoked IS NULL AND NOT session
                     AND (expires IS NULL OR expires > ?3)",
                )?
                .query_row(params![&id.0[..], &of.0[..], now.0], |r| r.get(0))
                .optional()?;
            let Some(had) = had else { return Ok(None) };
            tx.execute(
                "DELETE FROM secrets WHERE key = ?1 AND until <= ?2",
                params![&id.0[..], now.plus_ms(-REMEMBERED_MS).0],
            )?;
            let many: i64 = tx.query_row("SELECT count(*) FROM secrets WHERE key = ?1", [&id.0[..]], |r| r.get(0))?;
            if many.unsigned_abs() >= MAX_SECRETS {
                return Err(CatalogError::ManySecrets);
            }
            tx.execute("UPDATE secrets SET until = min(until, ?2) WHERE key = ?1", params![&id.0[..], until.0])?;
            tx.execute("INSERT INTO secrets VALUES (?1, ?2, ?3)", params![had, &id.0[..], until.0])?;
            tx.execute("UPDATE keys SET hash = ?2, rotated = ?3 WHERE id = ?1", params![&id.0[..], &hash[..], now.0])?;
            let sql = format!("SELECT {KEY} FROM keys k WHERE k.id = ?1");
            let record = tx.query_row(&sql, [&id.0[..]], key)?;
            tx.commit()?;
            Ok(Some(record))
        })
        .await
    }
}
