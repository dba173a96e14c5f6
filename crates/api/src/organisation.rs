//! Organisations and who belongs to them.

use serde::{Deserialize, Serialize};

/// `POST /api/v1/organisations`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewOrganisation {
    pub handle: String,
}

/// An organisation, and what the caller is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organisation {
    pub handle: String,
    /// `acct_…`
    pub account: String,
    /// `reader`, `writer` or `admin`.
    pub role: String,
}

/// `GET /api/v1/organisations`: those the caller is a member of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organisations {
    pub items: Vec<Organisation>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// `PUT /api/v1/organisations/{organisation}/members/{handle}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetMember {
    /// `reader`, `writer` or `admin`.
    pub role: String,
}

/// Its answer, and that of `GET`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    pub handle: String,
    /// `acct_…`
    pub account: String,
    pub role: String,
    pub since: String,
}

/// `GET /api/v1/organisations/{organisation}/members`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Members {
    pub items: Vec<Member>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// `DELETE` of a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovedMember {
    pub handle: String,
    pub removed: bool,
}
