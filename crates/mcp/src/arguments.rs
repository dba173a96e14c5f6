//! What each tool takes. The schema that agents read is made from these types and their comments.

use rmcp::schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// Most models of one comparison.
pub(crate) const MAX_COMPARED: usize = 5;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub(crate) struct Search {
    /// Words that all have to be there; typos are forgiven. Empty: all models.
    #[serde(default)]
    pub(crate) query: String,
    /// Only models of this task, such as text-classification, feature-extraction or image-classification.
    pub(crate) task: Option<String>,
    /// Only models of this licence, as an SPDX identifier.
    pub(crate) licence: Option<String>,
    /// The most that one call may cost, in OPG: "0.01".
    pub(crate) max_price: Option<String>,
    /// Only models of this account.
    pub(crate) owner: Option<String>,
    /// relevance, new, updated, price or used.
    pub(crate) sort: Option<String>,
    /// How many, from 1 to 50; 10 unless it is said.
    pub(crate) limit: Option<u32>,
    /// `next` of the answer before.
    pub(crate) cursor: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub(crate) struct Model {
    /// owner/name, as search_models gives it.
    pub(crate) model: String,
    /// A release such as 1.02; the latest unless it is said.
    pub(crate) release: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub(crate) struct Compare {
    /// Two to five models, each owner/name.
    #[schemars(length(min = 2, max = 5))]
    pub(crate) models: Vec<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub(crate) struct Call {
    /// owner/name, as search_models gives it.
    pub(crate) model: String,
    /// A release such as 1.02; the latest unless it is said.
    pub(crate) release: Option<String>,
    /// The most this call may cost, in OPG: "0.01". A call that would cost more is not made. "0" for models that are free.
    pub(crate) max_cost: String,
    /// For a model with a task: a text; a file, picture or sound as a data URL; a table row as an object.
    pub(crate) input: Option<Value>,
    /// The same, many at once; each is an item to pay for.
    pub(crate) inputs: Option<Vec<Value>>,
    /// For any model: tensors of the Open Inference Protocol, each {"name", "shape", "datatype", "data"}, as
    /// describe_model gives them under `inputs`.
    pub(crate) tensors: Option<Vec<Value>>,
    /// A text of your own choice. The same call with the same text again is not made and not paid twice, for 24 hours.
    pub(crate) idempotency_key: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub(crate) struct Receipt {
    /// The call, call_…, as call_model gives it under `receipt`.
    pub(crate) call: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub(crate) struct Nothing {}
