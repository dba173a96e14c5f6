//! Finding models.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::text::{Access, Amount, ModelName, ReleaseNumber, Time};

/// Models of a page of a search unless asked otherwise.
pub const SEARCH_PAGE: u64 = 20;
/// Most models of a page of a search.
pub const MAX_SEARCH_PAGE: u64 = 100;

/// `GET /api/v1/search`: models that fit, as whoever asks sees them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Found {
    /// Names this search. A link to a model with `?from=SEARCH.POSITION` says that it was chosen.
    pub search: String,
    /// How many there are on all pages.
    pub total: u64,
    /// False while the index is being made: there may be more then.
    pub complete: bool,
    pub items: Vec<FoundModel>,
    /// For `?cursor=`; none on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Of all that was found, the most frequent values of each kind. On the first page alone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facets: BTreeMap<String, Vec<FacetCount>>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FoundModel {
    /// Its place among all that was found, from 0.
    pub position: u32,
    /// `owner/name`.
    #[schema(value_type = ModelName)]
    pub model: String,
    pub summary: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// `sealed`, `gated` or `open`: who gets the weights.
    #[schema(value_type = Access)]
    pub access: String,
    /// `listed`.
    pub tier: String,
    pub private: bool,
    /// Whether the operator checked who its owner is.
    #[serde(default)]
    pub verified: bool,
    /// In words: `0.002 OPG per call`.
    pub price: String,
    /// What one call costs now; none while a price in USD has no rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Amount>)]
    pub cost: Option<String>,
    /// Answered calls of class `paid`.
    pub paid_calls: u64,
    /// What its creators earned with it.
    #[schema(value_type = Amount)]
    pub creators_earned: String,
    /// The release that unversioned calls get.
    #[schema(value_type = ReleaseNumber)]
    pub latest: String,
    #[schema(value_type = Time)]
    pub created: String,
    /// When its files changed last.
    #[schema(value_type = Time)]
    pub updated: String,
}

/// A value, and how many of what was found have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FacetCount {
    pub value: String,
    pub count: u64,
}
