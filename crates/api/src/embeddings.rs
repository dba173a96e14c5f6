//! Embeddings, in the words of OpenAI's clients.
//!
//! Always: parameters that only their servers know are read over, as the clients send them by themselves; what would
//! change the answer and is not done is refused by whoever translates.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// `POST /v1/embeddings`.
#[derive(Debug, Deserialize, ToSchema)]
pub struct EmbeddingsRequest<'a> {
    #[serde(borrow)]
    #[schema(value_type = String)]
    pub model: Cow<'a, str>,
    /// A text, or a list of them.
    #[serde(borrow)]
    #[schema(value_type = Texts)]
    pub input: &'a RawValue,
    /// `float` or `base64`.
    #[serde(default, borrow)]
    #[schema(value_type = Option<String>)]
    pub encoding_format: Option<Cow<'a, str>>,
    #[serde(default)]
    pub dimensions: Option<u64>,
}

/// What `input` may be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Texts {
    One(String),
    Many(Vec<String>),
}

/// The answer to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Embeddings {
    pub object: String,
    pub data: Vec<Embedding>,
    pub model: String,
    pub usage: EmbeddingsUsage,
}

/// One text's vector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Embedding {
    pub object: String,
    pub index: usize,
    pub embedding: Embedded,
}

/// A vector as it was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Embedded {
    Float(Vec<f32>),
    /// Of its numbers, little-endian.
    Base64(String),
}

/// The tokens that were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EmbeddingsUsage {
    pub prompt_tokens: u64,
    pub total_tokens: u64,
}
