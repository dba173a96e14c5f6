//! What files hold, and what a card says.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::text::{CommitId, ModelName, ReleaseNumber, Sha256, Share};

/// `GET /api/v1/models/{owner}/{name}/scan`: files of main, or of `?revision=`, a page at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModelScan {
    /// `owner/name`.
    #[schema(value_type = ModelName)]
    pub model: String,
    #[schema(value_type = CommitId)]
    pub commit: String,
    /// The worst of all its files: `clean`, `notice` or `dangerous`; none while none was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    pub clean: u64,
    pub notice: u64,
    pub dangerous: u64,
    /// Not looked at yet.
    pub waiting: u64,
    pub items: Vec<FileScan>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One file. The last four are not there while it waits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FileScan {
    pub path: String,
    #[schema(value_type = Sha256)]
    pub sha256: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    #[serde(default)]
    pub findings: Vec<ScanFinding>,
    /// Findings beyond those.
    #[serde(default)]
    pub more: u64,
    /// What its pickles import.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub imports: Vec<ScanImport>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScanFinding {
    /// A word of the table in docs/publishing.md.
    pub code: String,
    /// `notice` or `dangerous`.
    pub verdict: String,
    pub text: String,
    /// The entry of an archive, the tensor of a graph; empty for the file itself.
    #[serde(rename = "where")]
    pub place: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScanImport {
    pub module: String,
    pub name: String,
    /// `known`, `unknown` or `dangerous`.
    pub danger: String,
}

/// `GET /api/v1/models/{owner}/{name}/card`: of main, or of `?revision=`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModelCard {
    /// `owner/name`.
    #[schema(value_type = ModelName)]
    pub model: String,
    #[schema(value_type = CommitId)]
    pub commit: String,
    /// Why the card cannot be taken, with line and column; it says nothing then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Of a hundred.
    pub score: u32,
    pub parts: Vec<CardPart>,
    pub licences: Vec<CardLicence>,
    pub base_models: Vec<CardBase>,
    /// What its author should know, and nothing is refused for.
    pub notices: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CardPart {
    pub part: String,
    pub weight: u32,
    pub filled: bool,
    /// How to add it.
    pub how: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CardLicence {
    /// `spdx`, `known` (a word of Hugging Face's hub), `own` or `unknown`.
    pub kind: String,
    /// As SPDX writes it; else as it was written.
    pub licence: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// What it may have meant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nearest: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CardBase {
    pub name: String,
    /// On this hub, and visible.
    pub here: bool,
    /// The card names its own model.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub itself: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ReleaseNumber>)]
    pub release: Option<String>,
    /// What it asks of models that build on it: `5%`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Share>)]
    pub royalty: Option<String>,
}
