//! Holds: money that is set aside and not yet spent. A hold ends exactly once.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{AccountId, Amount, HoldId, Purse, Time};

/// Money set aside for a call that is running. It lives in memory, and ends once because [`Book::capture`] and
/// [`Book::void`] take it by value.
///
/// [`Book::capture`]: crate::Book::capture
/// [`Book::void`]: crate::Book::void
#[must_use = "a hold that is dropped without capture or void keeps the money set aside"]
#[derive(Debug, PartialEq, Eq)]
pub struct Hold {
    pub(crate) account: AccountId,
    pub(crate) purse: Purse,
    pub(crate) amount: Amount,
    /// The durable hold whose money this is; such a one is not given back by a void.
    pub(crate) durable: Option<HoldId>,
}

impl Hold {
    /// Whose money it is.
    pub fn account(&self) -> AccountId {
        self.account
    }

    pub fn purse(&self) -> Purse {
        self.purse
    }

    pub fn amount(&self) -> Amount {
        self.amount
    }

    /// The durable hold whose money this is.
    pub fn durable(&self) -> Option<HoldId> {
        self.durable
    }
}

/// Money set aside durably, for something that outlives a call or a process: a payout on its way, a long job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    pub id: HoldId,
    pub at: Time,
    pub account: AccountId,
    pub purse: Purse,
    pub amount: Amount,
    /// From then on it is free again.
    pub expires: Time,
    /// What it is for.
    pub reference: String,
    /// Whose decision it was.
    pub actor: Option<AccountId>,
}

impl Pending {
    /// The longest that money may be set aside.
    pub const MAX_MS: i64 = 90 * Time::DAY_MS;

    /// Whether `other` says the same; its times, and whose decision it was, are not part of what it says.
    pub fn same_content(&self, other: &Pending) -> bool {
        self.account == other.account
            && self.purse == other.purse
            && self.amount == other.amount
            && self.reference == other.reference
    }
}

/// How a durable hold ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ending {
    /// A call or a transfer took the money; what it did not need was free again.
    Captured,
    /// Somebody gave it back.
    Voided,
    /// Its time was over.
    Expired,
}

impl Ending {
    pub const ALL: [Ending; 3] = [Ending::Captured, Ending::Voided, Ending::Expired];

    pub const fn word(self) -> &'static str {
        match self {
            Ending::Captured => "captured",
            Ending::Voided => "voided",
            Ending::Expired => "expired",
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Ending {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|ending| ending.word() == word).ok_or(())
    }
}

/// A durable hold that ended without a capture: a row of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    pub hold: HoldId,
    pub at: Time,
    /// Voided or expired.
    pub how: Ending,
}
