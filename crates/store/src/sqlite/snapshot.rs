//! The snapshot: all balances, holds and debts as they were after one row, so that a start replays only what came
//! after it.
//!
//! Always: a snapshot stands in one transaction with the rows it is of; it writes what has moved since the last one;
//! its checksum is over everything it says, so that a start on a damaged one refuses.

use ledger::{AccountId, Book, Debt, Pending};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::books::Seq;

/// What is open, beside the balances.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) holds: Vec<Pending>,
    pub(crate) debts: Vec<Debt>,
}

/// A sum over what lies in `balances`: each row's part can be taken out and put in again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sum(u64);

impl Sum {
    pub(crate) fn add(&mut self, account: &[u8; 16], cash: i64, promo: i64) {
        self.0 = self.0.wrapping_add(part(account, cash, promo));
    }

    fn remove(&mut self, account: &[u8; 16], cash: i64, promo: i64) {
        self.0 = self.0.wrapping_sub(part(account, cash, promo));
    }

    /// The checksum of a whole snapshot.
    pub(crate) fn with(self, seq: Seq, state: &str) -> i64 {
        let hash = Sha256::new().chain_update(self.0.to_le_bytes()).chain_update(seq.to_le_bytes()).chain_update(state);
        first_eight(&hash.finalize())
    }
}

fn part(account: &[u8; 16], cash: i64, promo: i64) -> u64 {
    let hash = Sha256::new().chain_update(account).chain_update(cash.to_le_bytes()).chain_update(promo.to_le_bytes());
    first_eight(&hash.finalize()).cast_unsigned()
}

fn first_eight(hash: &[u8]) -> i64 {
    i64::from_le_bytes(*hash.first_chunk().expect("SHA-256 has 32 bytes"))
}

/// Writes what `moved` since the last snapshot, and what is open. In a transaction of the caller's.
pub(super) fn write(
    conn: &Connection,
    seq: Seq,
    moved: &[(AccountId, i64, i64)],
    state: &State,
    sum: &mut Sum,
) -> rusqlite::Result<()> {
    let mut before = conn.prepare_cached("SELECT cash, promo FROM balances WHERE account = ?1")?;
    let mut insert = conn.prepare_cached("INSERT OR REPLACE INTO balances VALUES (?1, ?2, ?3)")?;
    for (account, cash, promo) in moved {
        let earlier = before.query_row([&account.0[..]], |r| Ok((r.get(0)?, r.get(1)?))).optional()?;
        if let Some((cash, promo)) = earlier {
            sum.remove(&account.0, cash, promo);
        }
        insert.execute(params![&account.0[..], cash, promo])?;
        sum.add(&account.0, *cash, *promo);
    }
    let state = serde_json::to_string(state).expect("plain data");
    conn.prepare_cached("INSERT OR REPLACE INTO snapshot VALUES (1, ?1, ?2, ?3)")?.execute(params![
        seq as i64,
        state,
        sum.with(seq, &state)
    ])?;
    Ok(())
}

/// Why a snapshot was not taken for what was written.
#[derive(Debug)]
pub(super) enum Unread {
    Sqlite(rusqlite::Error),
    Damaged(String),
}

impl From<rusqlite::Error> for Unread {
    fn from(error: rusqlite::Error) -> Self {
        Unread::Sqlite(error)
    }
}

/// The book as the snapshot has it, with its row; an empty one at row 0 where there is none.
pub(super) fn read(conn: &Connection) -> Result<(Book, Seq, Sum), Unread> {
    let mut book = Book::default();
    let mut sum = Sum::default();
    let mut balances = conn.prepare("SELECT account, cash, promo FROM balances")?;
    for row in balances.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))? {
        let (account, cash, promo) = row?;
        sum.add(&account, cash, promo);
        book.restore(AccountId(account), cash, promo);
    }
    let found: Option<(i64, String, i64)> = conn
        .query_row("SELECT seq, state, checksum FROM snapshot", [], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))
        .optional()?;
    let Some((seq, text, checksum)) = found else {
        return match sum == Sum::default() {
            true => Ok((book, 0, sum)),
            false => Err(Unread::Damaged("there are balances of a snapshot that is not there".to_owned())),
        };
    };
    let seq = seq.unsigned_abs();
    if sum.with(seq, &text) != checksum {
        return Err(Unread::Damaged(format!(
            "the snapshot at row {seq} is not what was written: its checksum is wrong"
        )));
    }
    let State { holds, debts } = serde_json::from_str(&text)
        .map_err(|error| Unread::Damaged(format!("the snapshot at row {seq} cannot be read: {error}")))?;
    holds.into_iter().for_each(|pending| book.restore_pending(pending));
    debts.into_iter().for_each(|debt| book.restore_debt(debt));
    Ok((book, seq, sum))
}
