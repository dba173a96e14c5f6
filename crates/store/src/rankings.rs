//! What models came to lately, and what was searched in vain: what rankings, the first page and the operator see.
//!
//! Always: everything here is made of rows that are there; classes of calls stand apart; a day is one of UTC, and the
//! present one is the last of a span.

use async_trait::async_trait;
use ledger::{Amount, ModelId, Time};

use crate::catalog::{CatalogError, ModelTotals};

/// A standing is that of so many days.
pub const RANKED_DAYS: i64 = 30;

/// What a model came to in the last [`RANKED_DAYS`] days.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// Of the release that unversioned calls went to when this was counted.
    pub task: Option<String>,
    /// Accounts outside of the owner's group that paid from cash of their own.
    pub payers: u64,
    /// Answered calls, by class.
    pub paid: u64,
    pub trial: u64,
    pub own: u64,
    pub free: u64,
    /// Calls of class `paid` that were tried, failed ones included.
    pub tried: u64,
    /// What callers paid for those of class `paid`, and what creators and base models got of it.
    pub spent: Amount,
    pub earned: Amount,
    /// Of the last seven days; and paid calls of the seven before.
    pub payers_week: u64,
    pub week: u64,
    pub week_before: u64,
    /// Of twenty paid calls that were answered, nineteen took at most so long, in the queue and in the engine.
    pub p95_us: Option<u64>,
}

impl Standing {
    /// Of every class. No measure of use: who calls their own model is in it.
    pub fn answered(&self) -> u64 {
        self.paid + self.trial + self.own + self.free
    }
}

/// Words that were searched and not found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissedSearch {
    /// In small letters, with one space between them.
    pub words: String,
    /// How often. An account counts once, whoever was not signed in each time.
    pub times: u64,
    pub last: Time,
}

/// Whose searches count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Searchers {
    Anybody,
    /// Only whoever was signed in: one account, one search.
    Accounts,
}

/// The part of the catalogue that is about what models came to.
#[async_trait]
pub trait Rankings {
    /// Counts anew what changed since the last time, and what a new day changes, of so many models at most: their
    /// standings now; none of those without calls. Nothing when all is counted.
    async fn rank(&self, today: i64, limit: u64) -> Result<Vec<(ModelId, Option<Standing>)>, CatalogError>;
    /// Standings as they were counted last, by the models' ids, those after one.
    async fn standings(&self, after: Option<ModelId>, limit: u64) -> Result<Vec<(ModelId, Standing)>, CatalogError>;
    /// Models that everybody sees by their first release, the newest first.
    async fn newest(&self, offset: u64, limit: u64) -> Result<Vec<ModelId>, CatalogError>;
    /// What all models came to from a day on.
    async fn totals_since(&self, day: i64) -> Result<ModelTotals, CatalogError>;
    /// Words whose search found nothing since then, so often at least; the most frequent first.
    async fn missed_searches(
        &self,
        by: Searchers,
        since: Time,
        least: u64,
        limit: u64,
    ) -> Result<Vec<MissedSearch>, CatalogError>;
}
