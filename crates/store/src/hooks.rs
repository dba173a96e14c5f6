//! Webhooks of events: addresses that are told of what happens to an account's models, and the log of telling them.
//!
//! Always: a delivery stands in the transaction of its event, so that none is forgotten and none is made twice; a webhook
//! hears of what belongs to its account then, and of nothing else; the log is bounded, by count and by age.
//!
//! Absent on purpose: alerts, which tell of an account's money and have one address of their own.

use std::fmt;

use async_trait::async_trait;
use ledger::{AccountId, ModelId, Time};
use registry::ModelName;

use crate::catalog::CatalogError;
use crate::events::EventKind;

/// Most webhooks of an account.
pub const MAX_HOOKS: u64 = 20;
/// So many deliveries of a webhook are kept, the newest; what of the others was still to be told is not told.
pub const KEPT_DELIVERIES: u64 = 1_000;
/// And for so long.
pub const KEPT_DELIVERIES_MS: i64 = 30 * Time::DAY_MS;

/// A webhook of an account, or of one of its models.
#[derive(Clone, PartialEq, Eq)]
pub struct Hook {
    pub id: u64,
    /// Whose events it is told of.
    pub account: AccountId,
    /// Of this model alone, with its name as it is now.
    pub model: Option<(ModelId, ModelName)>,
    pub url: String,
    /// What messages are signed with; never shown again.
    pub secret: String,
    /// Of these kinds alone; none: of all.
    pub kinds: Vec<EventKind>,
    /// Nothing is sent, and what happens meanwhile is not told later.
    pub paused: bool,
    pub created: Time,
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Hook { id, account, model, url, kinds, paused, .. } = self;
        f.debug_struct("Hook")
            .field("id", id)
            .field("account", account)
            .field("model", model)
            .field("url", url)
            .field("kinds", kinds)
            .field("paused", paused)
            .finish_non_exhaustive()
    }
}

/// A message to a webhook, and how far telling it got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub id: u64,
    pub hook: u64,
    /// What it tells of; none for a message that tries the address.
    pub event: Option<u64>,
    pub at: Time,
    pub attempts: u32,
    /// When it is tried next.
    pub next: Option<Time>,
    pub delivered: Option<Time>,
    /// The status that came back last, if one did.
    pub status: Option<u16>,
    /// What came of the last try, in words.
    pub said: Option<String>,
}

/// What came of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    pub delivered: Option<Time>,
    pub next: Option<Time>,
    pub status: Option<u16>,
    pub said: String,
}

/// The part of the catalogue that is about webhooks of events.
#[async_trait]
pub trait Hooks {
    /// Adds a webhook, whatever its id says, and gives its id. None if the account has as many as it may have.
    async fn add_hook(&self, hook: &Hook) -> Result<Option<u64>, CatalogError>;
    /// Changes address, secret, kinds and pause. False if there is none of this id.
    async fn set_hook(&self, hook: &Hook) -> Result<bool, CatalogError>;
    /// Removes it with its log.
    async fn remove_hook(&self, id: u64) -> Result<bool, CatalogError>;
    async fn hook(&self, id: u64) -> Result<Option<Hook>, CatalogError>;
    /// Of these accounts, the oldest first.
    async fn hooks(&self, accounts: &[AccountId]) -> Result<Vec<Hook>, CatalogError>;

    /// Has a message sent: about an event, or none to try the address. Gives its id; none if the webhook is gone.
    async fn add_delivery(&self, hook: u64, event: Option<u64>, at: Time) -> Result<Option<u64>, CatalogError>;
    async fn delivery(&self, id: u64) -> Result<Option<Delivery>, CatalogError>;
    /// Of a webhook, newest first, before `before` and not older than `since`.
    async fn deliveries(
        &self,
        hook: u64,
        since: Time,
        before: Option<u64>,
        limit: u64,
    ) -> Result<Vec<Delivery>, CatalogError>;
    /// What has to be told now: of each webhook that is not paused what has waited longest, and of those the longest
    /// waiting first.
    async fn due_deliveries(&self, now: Time, limit: u64) -> Result<Vec<(Hook, Delivery)>, CatalogError>;
    async fn told_delivery(&self, id: u64, tried: &Tried) -> Result<(), CatalogError>;
    /// Forgets deliveries from before this time.
    async fn forget_deliveries(&self, before: Time) -> Result<(), CatalogError>;
}
