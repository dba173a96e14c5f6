//! Access to gated weights.

use serde::{Deserialize, Serialize};

/// `POST /api/v1/models/{owner}/{name}/access`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskAccess {
    /// What its owner reads of it.
    #[serde(default)]
    pub message: String,
}

/// A request and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessRequest {
    pub id: String,
    /// Who asks.
    pub account: String,
    /// `pending`, `accepted` or `rejected`.
    pub status: String,
    pub message: String,
    /// Why it was rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub asked: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<String>,
    /// Who decided it; nobody where the model lets in whoever asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// `GET /api/v1/models/{owner}/{name}/access?status=`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessRequests {
    pub items: Vec<AccessRequest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// `PUT /api/v1/models/{owner}/{name}/access/{handle}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecideAccess {
    /// `accepted`, `rejected`, or `pending` to let it wait again.
    pub status: String,
    /// What whoever asked reads of a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// `PUT /api/v1/models/{owner}/{name}/access`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetAccess {
    /// Whether whoever asks is let in at once.
    pub automatic: bool,
}

/// Its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessSetting {
    pub model: String,
    /// `sealed`, `gated` or `open`: the setting counts while it is gated.
    pub access: String,
    pub automatic: bool,
}

/// `DELETE` of a request, and of the access that came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovedAccess {
    pub handle: String,
    pub removed: bool,
}
