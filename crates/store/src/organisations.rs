//! Organisations: accounts whose group others belong to, each in a role.
//!
//! Always: an organisation that has an admin keeps one; a member is there once, in one role; who belongs to whom is
//! decided in the catalogue's one thread of changes, so two changes at once never see each other half done.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use ledger::{AccountId, Time};
use registry::Handle;

use crate::catalog::{Account, CatalogError};
use crate::events::Act;

/// Most members of an organisation.
pub const MAX_MEMBERS: u64 = 1_000;
/// Most organisations that one account is a member of: all of them are looked up with each of its keys.
pub const MAX_MEMBERSHIPS: u64 = 1_000;
/// Most organisations that one account has made.
pub const MAX_ORGANISATIONS: u64 = 20;

/// What a member may do with what belongs to its organisation. Each may what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MemberRole {
    /// Sees what is private, and calls it.
    Reader,
    /// Commits and publishes, reads the weights and lets others read them.
    Writer,
    /// Settings, members, transfers, and what is about money.
    Admin,
}

impl MemberRole {
    pub const ALL: [MemberRole; 3] = [Self::Reader, Self::Writer, Self::Admin];

    pub fn word(self) -> &'static str {
        match self {
            MemberRole::Reader => "reader",
            MemberRole::Writer => "writer",
            MemberRole::Admin => "admin",
        }
    }
}

impl fmt::Display for MemberRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for MemberRole {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|role| role.word() == word).ok_or(())
    }
}

/// Somebody in an organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub account: Account,
    pub role: MemberRole,
    pub since: Time,
}

/// An organisation and what somebody is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    pub organisation: Account,
    pub role: MemberRole,
}

/// The part of the catalogue that is about who belongs to whom.
#[async_trait]
pub trait Organisations {
    /// Makes an organisation, with whoever made it as its first admin. A handle that is there is `HandleTaken`, one more
    /// than an account may make is `ManyOrganisations`.
    async fn add_organisation(&self, organisation: &Account, by: AccountId) -> Result<(), CatalogError>;
    /// By handle, those behind `after`.
    async fn members(&self, of: AccountId, after: Option<&Handle>, limit: u64) -> Result<Vec<Member>, CatalogError>;
    async fn member(&self, who: AccountId, of: AccountId) -> Result<Option<Member>, CatalogError>;
    /// Takes somebody in, or gives a member another role. The last admin is `LastAdmin`, one more than there may be is
    /// `ManyMembers` or `ManyMemberships`. A member keeps the time it was taken in at.
    async fn set_member(&self, who: AccountId, of: AccountId, role: MemberRole, act: Act) -> Result<(), CatalogError>;
    /// False if it was none. The last admin is `LastAdmin`.
    async fn remove_member(&self, who: AccountId, of: AccountId, act: Act) -> Result<bool, CatalogError>;
    /// The organisations somebody is a member of, by handle.
    async fn memberships(&self, who: AccountId) -> Result<Vec<Membership>, CatalogError>;
}
