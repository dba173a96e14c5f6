//! Models in an order.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::text::{Amount, ModelName};

/// `GET /api/v1/rankings`: models by what they came to in the last 30 days, today included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rankings {
    /// `payers`, `paid`, `raw`, `earned`, `success`, `speed`, `price` or `rising`.
    pub by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    pub items: Vec<RankedModel>,
    /// For `?cursor=`; none on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// `GET /api/v1/wanted`: words that several accounts searched and that find nothing, the most wanted first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Wanted {
    /// How far back searches are counted.
    pub days: u64,
    /// How many accounts have to have searched for it.
    pub least: u64,
    pub items: Vec<WantedWords>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WantedWords {
    /// In small letters.
    pub words: String,
    /// How many accounts searched for it.
    pub accounts: u64,
    /// When it was searched last.
    pub last: String,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RankedModel {
    /// From 1.
    pub place: u64,
    #[schema(value_type = ModelName)]
    pub model: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// In words: `0.002 OPG per call`.
    pub price: String,
    /// What one call costs now; none while a price in USD has no rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Amount>)]
    pub cost: Option<String>,
    /// Accounts outside of the owner's group that paid from cash of their own.
    pub payers: u64,
    /// Answered calls by who paid: another account's cash; a trial; the owner's group; nobody, for they are free.
    pub paid: u64,
    pub trial: u64,
    pub own: u64,
    pub free: u64,
    /// Calls of other accounts' cash that were tried, failed ones included.
    pub tried: u64,
    /// What callers paid for the paid calls, and what creators and base models got of it.
    #[schema(value_type = Amount)]
    pub spent: String,
    #[schema(value_type = Amount)]
    pub earned: String,
    /// Paid calls of the last seven days, of how many payers, and those of the seven days before.
    pub week: u64,
    pub week_payers: u64,
    pub week_before: u64,
    /// Of twenty paid calls that were answered, nineteen took at most so many microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_us: Option<u64>,
}
