//! How accounts are signed in to: passkeys, wallets, invitations, and what waits in the middle of a ceremony.
//!
//! Always: a challenge is taken once, whatever becomes of it; an invitation makes one account; a passkey and a wallet
//! belong to one account each. Sessions are keys (`KeyRecord::session`), so that what ends a key ends a session.

use async_trait::async_trait;
use ledger::{AccountId, KeyId, Time};

use crate::catalog::{Account, CatalogError};
use crate::keys::{KeyRecord, NewKey};

/// Ceremonies that may be going on at a time.
pub(crate) const MAX_CHALLENGES: u64 = 100_000;
/// Of one account.
pub(crate) const MAX_PASSKEYS: u64 = 50;
pub(crate) const MAX_WALLETS: u64 = 50;
/// Not used yet.
pub(crate) const MAX_INVITATIONS: u64 = 10_000;

/// A credential that a device keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passkey {
    pub id: Vec<u8>,
    pub account: AccountId,
    /// What its owner calls it.
    pub name: String,
    /// As `identity` reads it.
    pub record: String,
    pub created: Time,
    pub used: Option<Time>,
}

/// An address whose holder is an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wallet {
    pub address: [u8; 20],
    pub account: AccountId,
    pub created: Time,
    pub used: Option<Time>,
}

/// What the hub asked somebody and remembers until the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// SHA-256 of the word that was given out.
    pub id: [u8; 32],
    /// What it is good for: one ceremony's challenge is none of another.
    pub purpose: String,
    pub state: String,
    pub expires: Time,
}

/// A way in that its maker gave to somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// SHA-256 of the code.
    pub id: [u8; 32],
    pub note: String,
    pub created: Time,
    pub expires: Time,
    pub used: Option<(AccountId, Time)>,
}

/// What a new account is signed in to with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    Passkey(Passkey),
    Wallet(Wallet),
}

/// A program that asks for a key, and what its user said (RFC 8628).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// SHA-256 of the code that the program keeps.
    pub id: [u8; 32],
    /// What its user types or reads.
    pub code: String,
    /// What the program calls itself.
    pub name: String,
    pub created: Time,
    pub expires: Time,
    pub answer: Option<DeviceAnswer>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceAnswer {
    /// By this account, signed in with this key.
    Approved(AccountId, KeyId),
    Denied,
}

/// The part of the catalogue that is about signing in.
#[async_trait]
pub trait SignIns {
    /// Makes an account and its way in, and takes the invitation, all or nothing. A way that is somebody's already is
    /// `WayTaken`; an invitation that is used, over or unknown is `NoInvitation`.
    async fn join(
        &self,
        account: &Account,
        way: &Way,
        session: &NewKey,
        invitation: Option<[u8; 32]>,
    ) -> Result<(), CatalogError>;

    /// `WayTaken` if it is there, `ManyWays` past [`MAX_PASSKEYS`] or [`MAX_WALLETS`].
    async fn add_way(&self, way: &Way) -> Result<(), CatalogError>;
    async fn passkey(&self, id: &[u8]) -> Result<Option<Passkey>, CatalogError>;
    async fn passkeys(&self, account: AccountId) -> Result<Vec<Passkey>, CatalogError>;
    async fn wallet(&self, address: [u8; 20]) -> Result<Option<Wallet>, CatalogError>;
    async fn wallets(&self, account: AccountId) -> Result<Vec<Wallet>, CatalogError>;
    /// Signed in to by it: what the device's counter is now, and when.
    async fn passkey_used(&self, id: &[u8], record: &str, at: Time) -> Result<(), CatalogError>;
    async fn wallet_used(&self, address: [u8; 20], at: Time) -> Result<(), CatalogError>;
    /// False if the account has none of it; `LastWay` if it would be left without any.
    async fn remove_passkey(&self, account: AccountId, id: &[u8]) -> Result<bool, CatalogError>;
    async fn remove_wallet(&self, account: AccountId, address: [u8; 20]) -> Result<bool, CatalogError>;

    /// Remembers what was asked; lets go of what is over. `ManyChallenges` past [`MAX_CHALLENGES`].
    async fn ask_challenge(&self, challenge: &Challenge, now: Time) -> Result<(), CatalogError>;
    /// What was asked with this word for this purpose, if it is not over: it is gone afterwards.
    async fn take_challenge(&self, id: [u8; 32], purpose: &str, now: Time) -> Result<Option<String>, CatalogError>;

    /// `ManyInvitations` past [`MAX_INVITATIONS`].
    async fn add_invitation(&self, invitation: &Invitation, now: Time) -> Result<(), CatalogError>;
    async fn invitation(&self, id: [u8; 32]) -> Result<Option<Invitation>, CatalogError>;
    /// The newest first.
    async fn invitations(&self, limit: u64) -> Result<Vec<Invitation>, CatalogError>;
    /// False if it is unknown or was used.
    async fn remove_invitation(&self, id: [u8; 32]) -> Result<bool, CatalogError>;

    /// Remembers who asks; lets go of what is over. `ManyChallenges` past [`MAX_CHALLENGES`].
    async fn add_device(&self, device: &Device, now: Time) -> Result<(), CatalogError>;
    /// By what its user typed, if it is not over and not answered.
    async fn device(&self, code: &str, now: Time) -> Result<Option<Device>, CatalogError>;
    /// False if nobody waits for an answer under this code.
    async fn answer_device(&self, code: &str, answer: DeviceAnswer, now: Time) -> Result<bool, CatalogError>;
    /// By what the program keeps. One that is answered is gone afterwards.
    async fn take_device(&self, id: [u8; 32], now: Time) -> Result<Option<Device>, CatalogError>;

    /// The sessions of an account that are neither over nor ended, the newest first.
    async fn sessions(&self, account: AccountId, now: Time) -> Result<Vec<KeyRecord>, CatalogError>;
    /// When keys were used last.
    async fn keys_used(&self, used: Vec<(KeyId, Time)>) -> Result<(), CatalogError>;
    /// Removes sessions that are over: nobody looks for them.
    async fn forget_sessions(&self, before: Time) -> Result<(), CatalogError>;
}
