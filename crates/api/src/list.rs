//! Lists: `{"items": […], "next": cursor}`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::text::{Amount, ModelName, ReleaseNumber};

/// Items of a page unless asked otherwise.
pub const PAGE: u64 = 100;
/// Most items of a page.
pub const MAX_PAGE: u64 = 1_000;

/// `GET /api/v1/models`: models anyone can see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListedModels {
    pub items: Vec<ListedModel>,
    /// For `?cursor=`; none on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListedModel {
    /// `owner/name`.
    #[schema(value_type = ModelName)]
    pub model: String,
    pub summary: String,
    /// Whether the operator checked who its owner is.
    #[serde(default)]
    pub verified: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
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
    /// Why its owner advises against it; unversioned calls get nothing then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yanked: Option<String>,
}
