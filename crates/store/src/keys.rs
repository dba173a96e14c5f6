//! Keys: what they may do, what may be spent with them, and their secrets: the newest, and those that are good for a
//! while longer.
//!
//! Always: a key that gets another secret stays the same key, so what it may do, what was spent with it and how often it
//! was used are counted once, whichever secret it came with; what is revoked or over gets no other secret.

use async_trait::async_trait;
use ledger::{AccountId, Amount, KeyId, Time};
use registry::ModelName;

use crate::catalog::{Account, CatalogError, Scope};
use crate::organisations::MemberRole;
use crate::rates::RequestRate;

/// The most that may be spent; none: no limit of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// By one call.
    pub call: Option<Amount>,
    /// In a day of UTC.
    pub day: Option<Amount>,
    /// In a month of UTC.
    pub month: Option<Amount>,
}

impl Limits {
    /// The stricter of both, kind by kind.
    #[must_use]
    pub fn within(self, other: Limits) -> Limits {
        let stricter = |a: Option<Amount>, b: Option<Amount>| a.into_iter().chain(b).min();
        Limits {
            call: stricter(self.call, other.call),
            day: stricter(self.day, other.day),
            month: stricter(self.month, other.month),
        }
    }

    /// Whether there is one over a time.
    pub fn over_time(&self) -> bool {
        self.day.is_some() || self.month.is_some()
    }
}

/// A key as it is kept: everything but the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    pub id: KeyId,
    pub account: AccountId,
    pub name: String,
    pub scopes: Vec<Scope>,
    /// The models it may call or publish; none: all.
    pub models: Option<Vec<ModelName>>,
    /// The most that may be spent with it.
    pub limits: Limits,
    pub created: Time,
    pub expires: Option<Time>,
    pub revoked: Option<Time>,
    /// Whether it is a session: kept by a browser, in a cookie, and good for nothing else.
    pub session: bool,
    /// When it was used last, a little later than it was.
    pub used: Option<Time>,
    /// The most calls with it.
    pub rate: Option<RequestRate>,
    /// When it got its secret, if it was made with another.
    pub rotated: Option<Time>,
    /// Until when secrets it had before are good at most, or were.
    pub old_until: Option<Time>,
}

/// A key to be kept.
#[derive(Debug, Clone)]
pub struct NewKey {
    pub record: KeyRecord,
    /// SHA-256 of the secret.
    pub hash: [u8; 32],
}

/// Who stands behind a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    pub key: KeyRecord,
    pub account: Account,
    /// Accounts whose group this one belongs to, and as what: itself, and organisations it is a member of.
    pub groups: Vec<(AccountId, MemberRole)>,
    /// The most that may be spent from the account, whatever the key.
    pub limits: Limits,
    /// When the secret ends, if the key has another by now.
    pub ends: Option<Time>,
}

/// So many secrets of a key are remembered, for a year; it gets no further ones until then.
pub const MAX_SECRETS: u64 = 400;

/// The part of the catalogue that is about secrets of keys.
#[async_trait]
pub trait Secrets {
    /// Gives a key of the account another secret. Those it had are good until `until` at most. The key as it is then;
    /// none if there is no such key, it was revoked, is over, or is a session.
    async fn rotate_key(
        &self,
        account: AccountId,
        key: KeyId,
        hash: [u8; 32],
        until: Time,
        now: Time,
    ) -> Result<Option<KeyRecord>, CatalogError>;
}
