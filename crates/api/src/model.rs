//! What the hub says about itself, a model, and what a call would cost.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ComingPrice;
use utoipa::ToSchema;

use crate::text::{Address, Amount, Handle, ModelName, Money, Rate, ReleaseNumber, Sha256, Time};

/// `GET /v2`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServerMetadata {
    pub name: String,
    pub version: String,
    pub extensions: Vec<String>,
}

/// `GET /v2/health/…` and `…/ready`: clients read the status alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ready {
    pub ready: bool,
}

/// `GET /.well-known/modelhub`: what a receipt is checked against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HubInfo {
    pub name: String,
    pub version: String,
    /// The hub's id, the salt of its receipts' domain.
    pub hub: String,
    /// The addresses whose signatures are this hub's, the present one first.
    #[schema(value_type = Vec<Address>)]
    pub keys: Vec<String>,
    /// Its money is play money.
    pub dev: bool,
}

/// `GET /v2/models/{owner}/{name}[/versions/{release}]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModelMetadata {
    /// `owner/name`.
    #[schema(value_type = ModelName)]
    pub name: String,
    /// Whether the operator checked who its owner is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub verified: bool,
    /// All releases, oldest first.
    #[schema(value_type = Vec<ReleaseNumber>)]
    pub versions: Vec<String>,
    pub platform: String,
    /// What runs it: `onnxruntime` here, or `remote`, a server of the owner's.
    #[serde(default)]
    pub engine: String,
    /// That server. The weights are there: the hub cannot tell which ones run, and `digest` is of the card that names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs_on: Option<String>,
    pub inputs: Vec<TensorMetadata>,
    pub outputs: Vec<TensorMetadata>,
    /// The release this speaks of.
    #[schema(value_type = ReleaseNumber)]
    pub release: String,
    /// The digest of its files: what receipts name.
    #[schema(value_type = Sha256)]
    pub digest: String,
    pub price: PriceTerms,
    /// A price that was announced and does not hold yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coming: Option<ComingPrice>,
    /// Why its owner advises against this release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yanked: Option<String>,
    /// What one call costs now; none while a price in USD has no rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Amount>)]
    pub cost: Option<String>,
    /// What the classes of an output are called, by the output's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, Vec<String>>,
    /// How long a call may take.
    pub deadline_ms: u64,
    /// What it does for people, as its release says: `POST /api/v1/run/{owner}/{name}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub task: Option<serde_json::Value>,
}

/// An input or output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TensorMetadata {
    pub name: String,
    pub datatype: String,
    /// -1 is any size.
    pub shape: Vec<i64>,
}

/// A price as its author wrote it, each term with its unit: `0.002 OPG`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceTerms {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Money>)]
    pub per_call: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Money>)]
    pub per_item: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Money>)]
    pub per_1k_in: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Money>)]
    pub per_1k_out: Option<String>,
}

/// `POST …/quote`, and in every 402 of a priced path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Quote {
    /// `owner/name`.
    #[schema(value_type = ModelName)]
    pub model: String,
    #[schema(value_type = ReleaseNumber)]
    pub release: String,
    pub price: PriceTerms,
    /// A price that was announced and does not hold yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coming: Option<ComingPrice>,
    /// Why its owner advises against the release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yanked: Option<String>,
    /// The most that one call costs, in OPG.
    #[schema(value_type = Amount)]
    pub cost: String,
    /// The price's own: `OPG` or `USD`.
    pub currency: String,
    /// USD for 1 OPG, where the price is in USD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Rate>)]
    pub rate: Option<String>,
    /// The hub's part of the cost.
    #[schema(value_type = Amount)]
    pub fee: String,
    /// Who gets the rest.
    pub parts: Vec<QuotePart>,
}

/// One receiver's part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuotePart {
    /// The receiver's handle.
    #[schema(value_type = Handle)]
    pub account: String,
    /// `creator` or `royalty`.
    pub role: String,
    #[schema(value_type = Amount)]
    pub amount: String,
    /// The base model a royalty is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub builds_on: Option<String>,
}

/// `GET /api/v1/models/{owner}/{name}/checks`: what the hub has checked of it by itself, the newest release first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModelChecks {
    /// `owner/name`.
    #[schema(value_type = ModelName)]
    pub model: String,
    pub items: Vec<ReleaseChecks>,
}

/// Of one release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReleaseChecks {
    #[schema(value_type = ReleaseNumber)]
    pub release: String,
    pub checks: Vec<Check>,
}

/// Of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Check {
    /// `examples`, `two_runners` or `re_execution`.
    pub kind: String,
    /// Comparisons, and how they ended.
    pub run: u64,
    pub agreed: u64,
    pub differed: u64,
    /// There was no second answer.
    pub failed: u64,
    /// The last time: `agreed`, `differed`, `failed`, or `skipped` where nothing was compared.
    pub outcome: String,
    /// How, the last time: by `digest`, within a `tolerance`, or `nothing` was.
    pub compared: String,
    #[schema(value_type = Time)]
    pub last: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_difference: Option<CheckDifference>,
}

/// The last difference or failure: which output, and how far. No input, and no value of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckDifference {
    pub what: String,
    #[schema(value_type = Time)]
    pub time: String,
}
