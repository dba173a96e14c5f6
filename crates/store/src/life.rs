//! What becomes of a release once it is sealed: it is yanked, it has another price.
//!
//! Always: the sealed row itself is never changed; a price is decided by [`ledger::Tariff`], in the transaction that
//! writes it.

use async_trait::async_trait;
use ledger::{ModelId, Price, ReleaseId, Step, Tariff, Time};
use registry::ReleaseNumber;

use crate::catalog::{CatalogError, ReleaseRecord, Settings};
use crate::events::Act;

impl ReleaseRecord {
    /// The price that holds, at a time not before this record was read.
    pub fn price_at(&self, now: Time) -> Price {
        Tariff::holding(self.price, &self.prices, now)
    }

    /// The price that was announced and does not hold yet.
    pub fn coming_price(&self, now: Time) -> Option<Step> {
        Tariff::to_come(&self.prices, now)
    }

    /// What its owner asks for: what was announced, else what holds.
    pub fn asked_price(&self, now: Time) -> Price {
        self.coming_price(now).map_or_else(|| self.price_at(now), |step| step.price)
    }
}

impl Settings {
    /// Unless the operator says otherwise.
    pub const NOTICE_DAYS: u32 = 14;
}

/// A price that an owner wants a release to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewPrice {
    pub release: ReleaseId,
    pub price: Price,
    /// As soon as may be, unless said otherwise.
    pub from: Option<Time>,
    /// How long a rise is announced before it holds.
    pub notice_ms: i64,
}

/// The part of the catalogue that is about what becomes of releases.
#[async_trait]
pub trait Lives {
    /// Yanks a release for a reason, or puts it back without one. False if nothing changes. Where unversioned calls go to
    /// another release by that, one that asks for more does so after a notice of so many milliseconds.
    async fn yank(
        &self,
        release: ReleaseId,
        reason: Option<&str>,
        notice_ms: i64,
        act: Act,
    ) -> Result<bool, CatalogError>;
    /// Gives a release another price. None if it has it and nothing else was announced.
    async fn set_price(&self, new: &NewPrice, act: Act) -> Result<Option<Step>, CatalogError>;
    /// The releases of a model that are yanked, and why.
    async fn yanked(&self, model: ModelId) -> Result<Vec<(ReleaseNumber, String)>, CatalogError>;
    /// All prices after the first, the oldest first.
    async fn prices(&self, release: ReleaseId) -> Result<Vec<Step>, CatalogError>;
}
