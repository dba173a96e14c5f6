//! How much an account keeps and may keep, and what is collected.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::text::Handle;

/// `GET /api/v1/quota`, `/api/v1/quota/{owner}`: what an account keeps, and the most it may.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Quota {
    #[schema(value_type = Handle)]
    pub handle: String,
    /// Bytes of different contents that its models name.
    pub named_bytes: u64,
    /// Bytes it has handed in that no model names.
    pub waiting_bytes: u64,
    /// Bytes of uploads that were cut off.
    pub half_bytes: u64,
    /// The most of these three together.
    pub max_bytes: u64,
    pub models: u64,
    pub max_models: u64,
    /// The most of each model.
    pub max_commits_per_hour: u64,
    pub max_commits_per_day: u64,
    /// Which of the bounds are this account's own: `max_bytes`, …
    pub own: Vec<String>,
}

/// `PUT /api/v1/admin/quotas/{owner}`: bounds of an account's own. Those that are left out become what everybody has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetQuota {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_models: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_commits_per_hour: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_commits_per_day: Option<u64>,
}

/// `POST /api/v1/admin/collect`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Collect {
    /// Only say how much it would be.
    #[serde(default)]
    pub dry_run: bool,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Collected {
    /// Files that were taken away, or would be.
    pub blobs: u64,
    pub bytes: u64,
    pub dry_run: bool,
    /// Whether a backup or a look at the folder kept it from taking away what was decided; that goes later.
    pub held_off: bool,
}
