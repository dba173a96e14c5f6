//! How often each may ask, and other secrets for keys.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `GET`, `PUT /api/v1/admin/request-rates`: how often each may ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestRates {
    /// With one key.
    #[serde(default)]
    pub key: KindRates,
    /// From one account, whatever the key.
    #[serde(default)]
    pub account: KindRates,
    /// From one address, without a credential.
    #[serde(default)]
    pub address: KindRates,
}

/// A rate for each kind of request, `60/min`; none: as often as they like.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KindRates {
    #[serde(default)]
    pub calls: Option<String>,
    #[serde(default)]
    pub writes: Option<String>,
    #[serde(default)]
    pub reads: Option<String>,
}

/// `POST /api/v1/keys/{key}/rotate`. Its answer is that of a key that was just made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateKey {
    /// How long the secrets it had are good for, 720 at most; 24 unless it is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap_hours: Option<u32>,
}
