//! Access to gated weights.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::text::{Access, AccessStatus, Handle, ModelName, Time};

/// `POST /api/v1/models/{owner}/{name}/access`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskAccess {
    /// What its owner reads of it.
    #[serde(default)]
    pub message: String,
}

/// A request and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccessRequest {
    pub id: String,
    /// Who asks.
    #[schema(value_type = Handle)]
    pub account: String,
    /// `pending`, `accepted` or `rejected`.
    #[schema(value_type = AccessStatus)]
    pub status: String,
    pub message: String,
    /// Why it was rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[schema(value_type = Time)]
    pub asked: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Time>)]
    pub decided: Option<String>,
    /// Who decided it; nobody where the model lets in whoever asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Handle>)]
    pub by: Option<String>,
}

/// `GET /api/v1/models/{owner}/{name}/access?status=`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccessRequests {
    pub items: Vec<AccessRequest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// `PUT /api/v1/models/{owner}/{name}/access/{handle}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecideAccess {
    /// `accepted`, `rejected`, or `pending` to let it wait again.
    #[schema(value_type = AccessStatus)]
    pub status: String,
    /// What whoever asked reads of a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// `PUT /api/v1/models/{owner}/{name}/access`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetAccess {
    /// Whether whoever asks is let in at once.
    pub automatic: bool,
}

/// Its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccessSetting {
    #[schema(value_type = ModelName)]
    pub model: String,
    /// `sealed`, `gated` or `open`: the setting counts while it is gated.
    #[schema(value_type = Access)]
    pub access: String,
    pub automatic: bool,
}

/// `DELETE` of a request, and of the access that came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RemovedAccess {
    #[schema(value_type = Handle)]
    pub handle: String,
    pub removed: bool,
}
