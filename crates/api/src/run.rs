//! A call in people's values.
//!
//! Always: one value stands under `input`, many under `inputs`; what a value is, only the model's task knows.

use serde::de::Deserializer;
use serde::{Deserialize as Read, Serialize};
use serde_json::value::RawValue;

use crate::inference::bounded;
use utoipa::ToSchema;

use crate::text::{ModelName, ReleaseNumber};

/// The most values of a call.
pub const MAX_VALUES: usize = 1_024;

/// `POST /api/v1/run/{owner}/{name}`.
#[derive(Debug, Read, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RunRequest<'a> {
    #[serde(default, borrow)]
    #[schema(value_type = Option<serde_json::Value>)]
    pub input: Option<&'a RawValue>,
    #[serde(default, borrow, deserialize_with = "inputs")]
    #[schema(value_type = Option<Vec<serde_json::Value>>, max_items = 1_024)]
    pub inputs: Option<Vec<&'a RawValue>>,
}

/// The answer to it: an output for each input, in their order.
#[derive(Debug, Clone, PartialEq, Serialize, Read, ToSchema)]
pub struct RunAnswer<T> {
    /// `owner/name`.
    #[schema(value_type = ModelName)]
    pub model: String,
    #[schema(value_type = ReleaseNumber)]
    pub release: String,
    pub outputs: Vec<T>,
    /// Of all texts, where there are some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
}

/// A list of values that stands by itself.
pub fn values(json: &str) -> Result<Vec<&RawValue>, serde_json::Error> {
    bounded(&mut serde_json::Deserializer::from_str(json), "input", MAX_VALUES)
}

fn inputs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<&'de RawValue>>, D::Error> {
    bounded(deserializer, "inputs", MAX_VALUES).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_left_as_they_came_and_counted_while_they_are_read() {
        let read = |body: &str| {
            serde_json::from_str::<RunRequest<'_>>(body)
                .map(|request| (request.input.is_some(), request.inputs.map(|i| i.len())))
                .map_err(|error| error.to_string())
        };
        assert_eq!(read(r#"{"inputs": ["a", {"b": [1]}, 2]}"#), Ok((false, Some(3))));
        assert_eq!(read(r#"{"input": {"b": 1}}"#), Ok((true, None)));
        assert!(read(r#"{"inptu": 1}"#).unwrap_err().contains("inptu"));
        let many = format!("{{\"inputs\": [{}1]}}", "1,".repeat(MAX_VALUES));
        assert!(read(&many).unwrap_err().contains("1024"), "{:?}", read(&many));
    }
}
