//! Organisations and who belongs to them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::text::{AccountId, Handle, Role, Time};

/// `POST /api/v1/organisations`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOrganisation {
    #[schema(value_type = Handle)]
    pub handle: String,
}

/// An organisation, and what the caller is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Organisation {
    #[schema(value_type = Handle)]
    pub handle: String,
    /// `acct_…`
    #[schema(value_type = AccountId)]
    pub account: String,
    /// `reader`, `writer` or `admin`.
    #[schema(value_type = Role)]
    pub role: String,
}

/// `GET /api/v1/organisations`: those the caller is a member of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Organisations {
    pub items: Vec<Organisation>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// `PUT /api/v1/organisations/{organisation}/members/{handle}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetMember {
    /// `reader`, `writer` or `admin`.
    #[schema(value_type = Role)]
    pub role: String,
}

/// Its answer, and that of `GET`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Member {
    #[schema(value_type = Handle)]
    pub handle: String,
    /// `acct_…`
    #[schema(value_type = AccountId)]
    pub account: String,
    #[schema(value_type = Role)]
    pub role: String,
    #[schema(value_type = Time)]
    pub since: String,
}

/// `GET /api/v1/organisations/{organisation}/members`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Members {
    pub items: Vec<Member>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// `DELETE` of a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RemovedMember {
    #[schema(value_type = Handle)]
    pub handle: String,
    pub removed: bool,
}
