//! What a search index is made of and what was searched.
//!
//! Always: the index is made from here and never the other way; what is kept of searches has a bound in count and in
//! time; of who searched it names the account and nothing else.

use async_trait::async_trait;
use ledger::{AccountId, ModelId, ReleaseId, Time};

use crate::catalog::{CatalogError, ModelTotals, ReleaseRecord};
use crate::repositories::Repository;

/// How many searches are kept.
pub const KEPT_SEARCHES: u64 = 1_000_000;
/// And how long.
pub const KEPT_SEARCHES_MS: i64 = 90 * 24 * 60 * 60 * 1_000;
/// Most models that are kept of what a search showed.
pub const MAX_SHOWN: usize = 100;

/// A model as lists and the search show it.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    pub repository: Repository,
    /// The release that unversioned calls go to.
    pub release: Option<ReleaseRecord>,
    pub totals: ModelTotals,
    /// Whether the operator checked who its owner is.
    pub verified: bool,
}

/// Names a search to whoever chooses from what it showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SearchId(pub [u8; 16]);

/// A search and what it showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchRecord {
    pub id: SearchId,
    pub at: Time,
    pub account: Option<AccountId>,
    /// Where it was asked: `api`, `page`, `hf`.
    pub surface: String,
    pub query: String,
    /// The filters, as a JSON object.
    pub facets: String,
    pub sort: String,
    /// How many came before, on earlier pages.
    pub start: u32,
    pub shown: Vec<ModelId>,
    /// How many there were in all.
    pub total: u64,
    /// The place of the one that was looked at first, from 0.
    pub chosen: Option<u32>,
}

/// Somebody looked at what a search showed at this place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    pub search: SearchId,
    pub position: u32,
    pub model: ModelId,
}

/// The part of the catalogue that is about finding models.
#[async_trait]
pub trait Searches {
    /// Those of these models that are there, private ones too, in the order they were asked for.
    async fn shown(&self, models: &[ModelId]) -> Result<Vec<Shown>, CatalogError>;
    /// All models, by their ids, those after one.
    async fn models_after(&self, after: Option<ModelId>, limit: u64) -> Result<Vec<ModelId>, CatalogError>;
    /// Whose these releases are, each once.
    async fn models_of(&self, releases: &[ReleaseId]) -> Result<Vec<ModelId>, CatalogError>;
    /// Models with a price that began to hold after the first time, and not after the second.
    async fn repriced(&self, after: Time, until: Time) -> Result<Vec<ModelId>, CatalogError>;

    /// Notes searches, and what was chosen of them or of earlier ones. Of a search the first choice is kept, if it was
    /// shown there.
    async fn add_searches(&self, searches: &[SearchRecord], choices: &[Choice]) -> Result<(), CatalogError>;
    /// The newest first.
    async fn searches(&self, limit: u64) -> Result<Vec<SearchRecord>, CatalogError>;
}
