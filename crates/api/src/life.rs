//! What becomes of a release: what it changed, whether it was yanked, what it costs from when on.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::PriceTerms;
use utoipa::ToSchema;

use crate::text::{ModelName, ReleaseNumber, Sha256, Time};

/// `GET /api/v1/models/{owner}/{name}/diff/{from}/{to}`: what is different between two releases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReleaseDiff {
    /// `owner/name`.
    #[schema(value_type = ModelName)]
    pub model: String,
    #[schema(value_type = ReleaseNumber)]
    pub from: String,
    #[schema(value_type = ReleaseNumber)]
    pub to: String,
    pub files: Vec<FileChange>,
    /// How many files more there are that differ.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub files_left_out: usize,
    /// Small texts among them that you may read.
    pub texts: Vec<TextChange>,
    /// Fields of the contract.
    pub contract: Vec<FieldChange>,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub contract_left_out: usize,
    /// The prices that hold now; none if they are the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<PriceChange>,
    /// Split, royalties, and what is asked of those that build on it.
    pub terms: Vec<FieldChange>,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// A file that is not the same in both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FileChange {
    pub path: String,
    /// `added`, `removed` or `changed`.
    pub change: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<FileState>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<FileState>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FileState {
    pub size: u64,
    #[schema(value_type = Sha256)]
    pub sha256: String,
}

/// How a text changed, as `diff -u` writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TextChange {
    pub path: String,
    pub diff: String,
    /// Whether there is more of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}

/// A value that is not the same in both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FieldChange {
    pub field: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Value>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PriceChange {
    pub from: PriceTerms,
    pub to: PriceTerms,
}

/// `POST /api/v1/models/{owner}/{name}/releases/{release}/yank`: why its owner advises against it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Yank {
    pub reason: String,
}

/// Its answer, and that of `DELETE`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReleaseState {
    #[schema(value_type = ModelName)]
    pub model: String,
    #[schema(value_type = ReleaseNumber)]
    pub release: String,
    /// Why it was yanked; none: it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yanked: Option<String>,
}

/// `PUT /api/v1/models/{owner}/{name}/releases/{release}/price`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetPrice {
    pub price: PriceTerms,
    /// From when on, RFC 3339; as soon as may be unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Time>)]
    pub from: Option<String>,
}

/// Its answer, and that of `GET`: the prices of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Prices {
    #[schema(value_type = ModelName)]
    pub model: String,
    #[schema(value_type = ReleaseNumber)]
    pub release: String,
    /// What holds now.
    pub price: PriceTerms,
    /// What was announced and does not hold yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coming: Option<ComingPrice>,
    /// What it was sealed with, and all since then.
    pub history: Vec<PriceStep>,
    /// For how many days a higher price is announced before it holds.
    pub notice_days: u32,
}

/// A price that does not hold yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ComingPrice {
    pub price: PriceTerms,
    /// From when on.
    #[schema(value_type = Time)]
    pub from: String,
}

/// A price, from when on it holds or held, and when it was announced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PriceStep {
    pub price: PriceTerms,
    #[schema(value_type = Time)]
    pub from: String,
    #[schema(value_type = Time)]
    pub announced: String,
}

/// `PUT /api/v1/admin/notice`, and what `GET` gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceNotice {
    pub days: u32,
}
