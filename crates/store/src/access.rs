//! Who asked for the weights of a gated model, and what its owner said.
//!
//! Always: an account has one request for a model at most; what was decided stays until somebody decides otherwise,
//! also while the model is sealed or open, when it means nothing.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use ledger::{AccountId, ModelId, Time};
use registry::Handle;

use crate::catalog::{Account, CatalogError};
use crate::events::Act;

/// Most requests of one model that wait to be answered.
pub const MAX_WAITING: u64 = 10_000;

/// How far a request for access got, in the words of Hugging Face's clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AccessStatus {
    Pending,
    Accepted,
    Rejected,
}

impl AccessStatus {
    pub const ALL: [AccessStatus; 3] = [Self::Pending, Self::Accepted, Self::Rejected];

    pub fn word(self) -> &'static str {
        match self {
            AccessStatus::Pending => "pending",
            AccessStatus::Accepted => "accepted",
            AccessStatus::Rejected => "rejected",
        }
    }
}

impl fmt::Display for AccessStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for AccessStatus {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|status| status.word() == word).ok_or(())
    }
}

/// Somebody's wish to read a model's weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessRequest {
    /// Names it where the account's name is not to be used.
    pub id: [u8; 16],
    pub model: ModelId,
    pub account: Account,
    pub status: AccessStatus,
    /// What they wrote.
    pub message: String,
    /// What the owner wrote to a refusal.
    pub reason: Option<String>,
    pub at: Time,
    /// When it became what it is, if somebody decided it.
    pub decided: Option<Time>,
    /// Who decided it last; none where it was the model's own setting.
    pub decider: Option<Handle>,
}

/// Where a page of requests begins: behind this one.
pub type AccessCursor = (Time, [u8; 16]);

/// The part of the catalogue that is about access to gated weights.
#[async_trait]
pub trait AccessRequests {
    /// Notes a request, and gives what is there then: the account's earlier one, if it has one. One more waiting than a
    /// model may have is `ManyRequests`.
    async fn add_access_request(&self, request: &AccessRequest) -> Result<AccessRequest, CatalogError>;
    async fn access_request(&self, model: ModelId, account: AccountId) -> Result<Option<AccessRequest>, CatalogError>;
    async fn access_request_by_id(&self, model: ModelId, id: [u8; 16]) -> Result<Option<AccessRequest>, CatalogError>;
    /// Of a model, with this status, the newest first.
    async fn access_requests(
        &self,
        model: ModelId,
        status: AccessStatus,
        after: Option<AccessCursor>,
        limit: u64,
    ) -> Result<Vec<AccessRequest>, CatalogError>;
    /// Decides a request; makes one that is decided where there was none, for access that nobody asked for.
    async fn decide_access(&self, request: &AccessRequest, act: Act) -> Result<(), CatalogError>;
    /// Takes it off as if it had never been. False if it was none.
    async fn remove_access_request(&self, model: ModelId, account: AccountId, act: Act) -> Result<bool, CatalogError>;
    /// Whether requests for a model are accepted as they come.
    async fn set_automatic(&self, model: ModelId, automatic: bool) -> Result<(), CatalogError>;
}
