//! Passkeys, wallets, invitations, challenges and devices, in `hub.db`.

use async_trait::async_trait;
use ledger::{AccountId, KeyId, Time};
use rusqlite::{Connection, OptionalExtension, Row as SqlRow, params};

use super::catalog::{KEY, SqliteCatalog, insert_account, insert_key, is_taken, key};
use crate::catalog::{Account, CatalogError};
use crate::keys::{KeyRecord, NewKey};
use crate::signin::{
    Challenge, Device, DeviceAnswer, Invitation, MAX_CHALLENGES, MAX_INVITATIONS, MAX_PASSKEYS, MAX_WALLETS, Passkey,
    SignIns, Wallet, Way,
};

pub(super) const STEP: &str = "
    -- A session is a key that a browser keeps in a cookie.
    ALTER TABLE keys ADD COLUMN session INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE keys ADD COLUMN used INTEGER;
    CREATE TABLE passkeys (
        id BLOB PRIMARY KEY,
        account BLOB NOT NULL,
        name TEXT NOT NULL,
        record TEXT NOT NULL,
        created INTEGER NOT NULL,
        used INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX passkeys_of ON passkeys (account);
    CREATE TABLE wallets (
        address BLOB PRIMARY KEY,
        account BLOB NOT NULL,
        created INTEGER NOT NULL,
        used INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX wallets_of ON wallets (account);
    CREATE TABLE challenges (
        id BLOB PRIMARY KEY,
        purpose TEXT NOT NULL,
        state TEXT NOT NULL,
        expires INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX challenges_by_end ON challenges (expires);
    CREATE TABLE invitations (
        id BLOB PRIMARY KEY,
        note TEXT NOT NULL,
        created INTEGER NOT NULL,
        expires INTEGER NOT NULL,
        user BLOB,
        used INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE devices (
        id BLOB PRIMARY KEY,
        code TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        created INTEGER NOT NULL,
        expires INTEGER NOT NULL,
        -- No answer yet: none. Denied: 0. Approved: 1, by whom and signed in with what.
        answer INTEGER,
        account BLOB,
        approver BLOB
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX devices_by_end ON devices (expires);
";

const PASSKEY: &str = "SELECT id, account, name, record, created, used FROM passkeys";
const WALLET: &str = "SELECT address, account, created, used FROM wallets";
const INVITATION: &str = "SELECT id, note, created, expires, user, used FROM invitations";
const DEVICE: &str = "SELECT id, code, name, created, expires, answer, account, approver FROM devices";

fn time(row: &SqlRow<'_>, column: usize) -> rusqlite::Result<Option<Time>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Time))
}

fn passkey(row: &SqlRow<'_>) -> rusqlite::Result<Passkey> {
    Ok(Passkey {
        id: row.get(0)?,
        account: AccountId(row.get(1)?),
        name: row.get(2)?,
        record: row.get(3)?,
        created: Time(row.get(4)?),
        used: time(row, 5)?,
    })
}

fn wallet(row: &SqlRow<'_>) -> rusqlite::Result<Wallet> {
    Ok(Wallet {
        address: row.get(0)?,
        account: AccountId(row.get(1)?),
        created: Time(row.get(2)?),
        used: time(row, 3)?,
    })
}

fn invitation(row: &SqlRow<'_>) -> rusqlite::Result<Invitation> {
    let user: Option<[u8; 16]> = row.get(4)?;
    Ok(Invitation {
        id: row.get(0)?,
        note: row.get(1)?,
        created: Time(row.get(2)?),
        expires: Time(row.get(3)?),
        used: user.map(AccountId).zip(time(row, 5)?),
    })
}

fn device(row: &SqlRow<'_>) -> rusqlite::Result<Device> {
    let answer = match (row.get::<_, Option<bool>>(5)?, row.get(6)?, row.get(7)?) {
        (Some(true), Some(account), Some(approver)) => {
            Some(DeviceAnswer::Approved(AccountId(account), KeyId(approver)))
        }
        (None, ..) => None,
        _ => Some(DeviceAnswer::Denied),
    };
    Ok(Device {
        id: row.get(0)?,
        code: row.get(1)?,
        name: row.get(2)?,
        created: Time(row.get(3)?),
        expires: Time(row.get(4)?),
        answer,
    })
}

fn insert_way(conn: &Connection, way: &Way) -> Result<(), CatalogError> {
    let (of, most, account) = match way {
        Way::Passkey(passkey) => ("SELECT count(*) FROM passkeys WHERE account = ?1", MAX_PASSKEYS, passkey.account),
        Way::Wallet(wallet) => ("SELECT count(*) FROM wallets WHERE account = ?1", MAX_WALLETS, wallet.account),
    };
    let count: i64 = conn.prepare_cached(of)?.query_row([&account.0[..]], |r| r.get(0))?;
    if count as u64 >= most {
        return Err(CatalogError::ManyWays);
    }
    let added = match way {
        Way::Passkey(new) => conn.execute(
            "INSERT INTO passkeys VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![new.id, &new.account.0[..], new.name, new.record, new.created.0, new.used.map(|at| at.0)],
        ),
        Way::Wallet(new) => conn.execute(
            "INSERT INTO wallets VALUES (?1, ?2, ?3, ?4)",
            params![&new.address[..], &new.account.0[..], new.created.0, new.used.map(|at| at.0)],
        ),
    };
    match added {
        Err(error) if is_taken(&error) => Err(CatalogError::WayTaken),
        other => Ok(other.map(drop)?),
    }
}

/// Removes one way in, unless it is the last.
fn remove_way(conn: &mut Connection, account: AccountId, sql: &str, id: &[u8]) -> Result<bool, CatalogError> {
    let tx = conn.transaction()?;
    if tx.execute(sql, params![&account.0[..], id])? == 0 {
        return Ok(false);
    }
    let left: bool = tx.query_row(
        "SELECT EXISTS (SELECT 1 FROM passkeys WHERE account = ?1) OR EXISTS (SELECT 1 FROM wallets WHERE account = ?1)
            OR EXISTS (SELECT 1 FROM keys WHERE account = ?1 AND NOT session AND revoked IS NULL AND expires IS NULL)",
        [&account.0[..]],
        |r| r.get(0),
    )?;
    if !left {
        return Err(CatalogError::LastWay);
    }
    tx.commit()?;
    Ok(true)
}

/// Whether one more may be added to a table of what ends by itself; what is over goes.
fn room(conn: &Connection, table: &str, now: Time) -> Result<(), CatalogError> {
    conn.execute(&format!("DELETE FROM {table} WHERE expires <= ?1"), [now.0])?;
    let count: i64 = conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |r| r.get(0))?;
    if count as u64 >= MAX_CHALLENGES { Err(CatalogError::ManyChallenges) } else { Ok(()) }
}

#[async_trait]
impl SignIns for SqliteCatalog {
    async fn join(
        &self,
        account: &Account,
        way: &Way,
        session: &NewKey,
        invitation: Option<[u8; 32]>,
    ) -> Result<(), CatalogError> {
        let (account, way, session) = (account.clone(), way.clone(), session.clone());
        self.change(move |conn| {
            let tx = conn.transaction()?;
            if let Some(id) = invitation {
                let taken = tx.execute(
                    "UPDATE invitations SET user = ?2, used = ?3 WHERE id = ?1 AND user IS NULL AND expires > ?3",
                    params![&id[..], &account.id.0[..], account.created.0],
                )?;
                if taken == 0 {
                    return Err(CatalogError::NoInvitation);
                }
            }
            insert_account(&tx, &account)?;
            insert_way(&tx, &way)?;
            insert_key(&tx, &session)?;
            Ok(tx.commit()?)
        })
        .await
    }

    async fn add_way(&self, way: &Way) -> Result<(), CatalogError> {
        let way = way.clone();
        self.change(move |conn| {
            let tx = conn.transaction()?;
            insert_way(&tx, &way)?;
            Ok(tx.commit()?)
        })
        .await
    }

    async fn passkey(&self, id: &[u8]) -> Result<Option<Passkey>, CatalogError> {
        let id = id.to_vec();
        self.ask(move |conn| {
            Ok(conn.prepare_cached(&format!("{PASSKEY} WHERE id = ?1"))?.query_row([id], passkey).optional()?)
        })
        .await
    }

    async fn passkeys(&self, account: AccountId) -> Result<Vec<Passkey>, CatalogError> {
        self.ask(move |conn| {
            let mut all = conn.prepare_cached(&format!("{PASSKEY} WHERE account = ?1 ORDER BY created, id"))?;
            Ok(all.query_map([&account.0[..]], passkey)?.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn wallet(&self, address: [u8; 20]) -> Result<Option<Wallet>, CatalogError> {
        self.ask(move |conn| {
            let mut one = conn.prepare_cached(&format!("{WALLET} WHERE address = ?1"))?;
            Ok(one.query_row([&address[..]], wallet).optional()?)
        })
        .await
    }

    async fn wallets(&self, account: AccountId) -> Result<Vec<Wallet>, CatalogError> {
        self.ask(move |conn| {
            let mut all = conn.prepare_cached(&format!("{WALLET} WHERE account = ?1 ORDER BY created, address"))?;
            Ok(all.query_map([&account.0[..]], wallet)?.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn passkey_used(&self, id: &[u8], record: &str, at: Time) -> Result<(), CatalogError> {
        let (id, record) = (id.to_vec(), record.to_owned());
        self.change(move |conn| {
            conn.execute("UPDATE passkeys SET record = ?2, used = ?3 WHERE id = ?1", params![id, record, at.0])?;
            Ok(())
        })
        .await
    }

    async fn wallet_used(&self, address: [u8; 20], at: Time) -> Result<(), CatalogError> {
        self.change(move |conn| {
            conn.execute("UPDATE wallets SET used = ?2 WHERE address = ?1", params![&address[..], at.0])?;
            Ok(())
        })
        .await
    }

    async fn remove_passkey(&self, account: AccountId, id: &[u8]) -> Result<bool, CatalogError> {
        let id = id.to_vec();
        self.change(move |conn| remove_way(conn, account, "DELETE FROM passkeys WHERE account = ?1 AND id = ?2", &id))
            .await
    }

    async fn remove_wallet(&self, account: AccountId, address: [u8; 20]) -> Result<bool, CatalogError> {
        let sql = "DELETE FROM wallets WHERE account = ?1 AND address = ?2";
        self.change(move |conn| remove_way(conn, account, sql, &address)).await
    }

    async fn ask_challenge(&self, challenge: &Challenge, now: Time) -> Result<(), CatalogError> {
        let new = challenge.clone();
        self.change(move |conn| {
            let tx = conn.transaction()?;
            room(&tx, "challenges", now)?;
            tx.execute(
                "INSERT INTO challenges VALUES (?1, ?2, ?3, ?4)",
                params![&new.id[..], new.purpose, new.state, new.expires.0],
            )?;
            Ok(tx.commit()?)
        })
        .await
    }

    async fn take_challenge(&self, id: [u8; 32], purpose: &str, now: Time) -> Result<Option<String>, CatalogError> {
        let purpose = purpose.to_owned();
        self.change(move |conn| {
            let mut take =
                conn.prepare_cached("DELETE FROM challenges WHERE id = ?1 RETURNING purpose, state, expires")?;
            let found: Option<(String, String, i64)> =
                take.query_row([&id[..]], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).optional()?;
            Ok(found.filter(|(of, _, expires)| *of == purpose && *expires > now.0).map(|(_, state, _)| state))
        })
        .await
    }

    async fn add_invitation(&self, invitation: &Invitation, now: Time) -> Result<(), CatalogError> {
        let new = invitation.clone();
        self.change(move |conn| {
            let tx = conn.transaction()?;
            // Over for a month and never used: nobody asks what became of it.
            let before = now.plus_ms(-30 * Time::DAY_MS);
            tx.execute("DELETE FROM invitations WHERE user IS NULL AND expires <= ?1", [before.0])?;
            let count: i64 = tx.query_row("SELECT count(*) FROM invitations WHERE user IS NULL", [], |r| r.get(0))?;
            if count as u64 >= MAX_INVITATIONS {
                return Err(CatalogError::ManyInvitations);
            }
            tx.execute(
                "INSERT INTO invitations VALUES (?1, ?2, ?3, ?4, NULL, NULL)",
                params![&new.id[..], new.note, new.created.0, new.expires.0],
            )?;
            Ok(tx.commit()?)
        })
        .await
    }

    async fn invitation(&self, id: [u8; 32]) -> Result<Option<Invitation>, CatalogError> {
        self.ask(move |conn| {
            let mut one = conn.prepare_cached(&format!("{INVITATION} WHERE id = ?1"))?;
            Ok(one.query_row([&id[..]], invitation).optional()?)
        })
        .await
    }

    async fn invitations(&self, limit: u64) -> Result<Vec<Invitation>, CatalogError> {
        self.ask(move |conn| {
            let mut all = conn.prepare_cached(&format!("{INVITATION} ORDER BY created DESC, id LIMIT ?1"))?;
            Ok(all.query_map([limit as i64], invitation)?.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn remove_invitation(&self, id: [u8; 32]) -> Result<bool, CatalogError> {
        self.change(move |conn| {
            Ok(conn.execute("DELETE FROM invitations WHERE id = ?1 AND user IS NULL", [&id[..]])? == 1)
        })
        .await
    }

    async fn add_device(&self, device: &Device, now: Time) -> Result<(), CatalogError> {
        let new = device.clone();
        self.change(move |conn| {
            let tx = conn.transaction()?;
            room(&tx, "devices", now)?;
            tx.execute(
                "INSERT INTO devices VALUES (?1, ?2, ?3, ?4, ?5, NULL, NULL, NULL)",
                params![&new.id[..], new.code, new.name, new.created.0, new.expires.0],
            )?;
            Ok(tx.commit()?)
        })
        .await
    }

    async fn device(&self, code: &str, now: Time) -> Result<Option<Device>, CatalogError> {
        let code = code.to_owned();
        self.ask(move |conn| {
            let sql = format!("{DEVICE} WHERE code = ?1 AND expires > ?2 AND answer IS NULL");
            Ok(conn.prepare_cached(&sql)?.query_row(params![code, now.0], device).optional()?)
        })
        .await
    }

    async fn answer_device(&self, code: &str, answer: DeviceAnswer, now: Time) -> Result<bool, CatalogError> {
        let code = code.to_owned();
        let (approved, account, approver) = match answer {
            DeviceAnswer::Approved(account, key) => (true, Some(account.0), Some(key.0)),
            DeviceAnswer::Denied => (false, None, None),
        };
        self.change(move |conn| {
            let changed = conn.execute(
                "UPDATE devices SET answer = ?2, account = ?3, approver = ?4
                 WHERE code = ?1 AND expires > ?5 AND answer IS NULL",
                params![code, approved, account, approver, now.0],
            )?;
            Ok(changed == 1)
        })
        .await
    }

    async fn take_device(&self, id: [u8; 32], now: Time) -> Result<Option<Device>, CatalogError> {
        self.change(move |conn| {
            let tx = conn.transaction()?;
            let sql = format!("{DEVICE} WHERE id = ?1 AND expires > ?2");
            let found = tx.prepare_cached(&sql)?.query_row(params![&id[..], now.0], device).optional()?;
            if found.as_ref().is_some_and(|device| device.answer.is_some()) {
                tx.execute("DELETE FROM devices WHERE id = ?1", [&id[..]])?;
            }
            tx.commit()?;
            Ok(found)
        })
        .await
    }

    async fn sessions(&self, account: AccountId, now: Time) -> Result<Vec<KeyRecord>, CatalogError> {
        self.ask(move |conn| {
            let sql = format!(
                "SELECT {KEY} FROM keys k WHERE k.account = ?1 AND k.session AND k.revoked IS NULL
                 AND (k.expires IS NULL OR k.expires > ?2) ORDER BY k.created DESC, k.id"
            );
            let mut all = conn.prepare_cached(&sql)?;
            Ok(all.query_map(params![&account.0[..], now.0], key)?.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn keys_used(&self, used: Vec<(KeyId, Time)>) -> Result<(), CatalogError> {
        self.change(move |conn| {
            let tx = conn.transaction()?;
            for (key, at) in used {
                tx.prepare_cached("UPDATE keys SET used = max(coalesce(used, 0), ?2) WHERE id = ?1")?
                    .execute(params![&key.0[..], at.0])?;
            }
            Ok(tx.commit()?)
        })
        .await
    }

    async fn forget_sessions(&self, before: Time) -> Result<(), CatalogError> {
        self.change(move |conn| {
            conn.execute("DELETE FROM keys WHERE session AND (expires <= ?1 OR revoked <= ?1)", [before.0])?;
            Ok(())
        })
        .await
    }
}
