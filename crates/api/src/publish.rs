//! Uploads and publishing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::text::{Access, Amount, CommitId, ModelName, ReleaseNumber, Sha256, Time};
use crate::{CardPart, PriceTerms, QuotePart, TensorMetadata};

/// `PUT /api/v1/uploads/{owner}/{sha256}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Uploaded {
    #[schema(value_type = Sha256)]
    pub sha256: String,
    pub size: u64,
}

/// The same of a part, whose rest has to follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PartUploaded {
    #[schema(value_type = Sha256)]
    pub sha256: String,
    /// Of the whole file.
    pub size: u64,
    /// How many bytes of it are here.
    pub offset: u64,
}

/// `POST /api/v1/publish`: a folder whose files were uploaded before. What is not given here stands in the card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    /// `owner/name`.
    #[schema(value_type = ModelName)]
    pub model: String,
    pub files: Vec<DraftFile>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<PriceTerms>,
    /// Handles and their shares in written order: `[["bob", "70%"], ["carol", "30%"]]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Vec<(String, String)>>,
    /// `sealed`, `gated` or `open`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Access>)]
    pub access: Option<String>,
    /// The number this release should get: `1.01`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ReleaseNumber>)]
    pub release: Option<String>,
    /// Calls that name no release move to this one even when it is a new major.
    #[serde(default)]
    pub latest: bool,
    /// Only the verdicts; nothing is sealed.
    #[serde(default)]
    pub dry_run: bool,
}

/// One file of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DraftFile {
    pub path: String,
    #[schema(value_type = Sha256)]
    pub sha256: String,
    pub size: u64,
}

/// `POST /api/v1/models/{owner}/{name}/releases`: a commit that is there. What is not given here stands in its card.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseWish {
    /// A branch, a tag or a commit; without one, main.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<PriceTerms>,
    /// The number this release should get: `1.01`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ReleaseNumber>)]
    pub release: Option<String>,
    /// Calls that name no release move to this one even when it is a new major.
    #[serde(default)]
    pub latest: bool,
    /// Only the verdicts; nothing is sealed.
    #[serde(default)]
    pub dry_run: bool,
}

/// `GET /api/v1/models/{owner}/{name}/draft`: what becomes of what was committed or uploaded last; with `?release=1.01`, of
/// the version with this number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DraftState {
    pub branch: String,
    /// The number it is to have, where that is known: of a version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ReleaseNumber>)]
    pub release: Option<String>,
    #[schema(value_type = CommitId)]
    pub commit: String,
    #[schema(value_type = Time)]
    pub committed: String,
    /// When it is published by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Time>)]
    pub due: Option<String>,
    /// Why it is no release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// What one step of a publish found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Verdict {
    pub step: String,
    pub ok: bool,
    pub detail: String,
    pub ms: u64,
}

/// A line of the stream, while it goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VerdictLine {
    pub verdict: Verdict,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Published {
    /// `owner/name`.
    #[schema(value_type = ModelName)]
    pub model: String,
    #[schema(value_type = ReleaseNumber)]
    pub release: String,
    #[schema(value_type = CommitId)]
    pub commit: String,
    #[schema(value_type = Sha256)]
    pub digest: String,
    /// `first`, `same`, `minor` or `major`.
    pub change: String,
    /// Why it is major, or what is new.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// In words: `0.002 OPG per call`.
    pub price: String,
    /// The model's page.
    pub url: String,
    /// False for a dry run, and when these files are the latest release already.
    pub sealed: bool,
    /// Of a dry run: what there is to look at before one publishes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<Preview>,
}

/// A release before it is one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Preview {
    pub inputs: Vec<TensorMetadata>,
    pub outputs: Vec<TensorMetadata>,
    /// What the graph is for, where the card says so: a kind of work with its inputs for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// Inputs that ran, by name, as JSON: lists in lists. Those too large to be shown are left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sample: BTreeMap<String, String>,
    /// How many examples of the author's ran; none: the hub made one up.
    pub examples: u32,
    /// What the card says of a hundred, and its parts.
    pub score: u32,
    pub card: Vec<CardPart>,
    /// What its author should know, and nothing is refused for.
    pub notices: Vec<String>,
    /// What one call with one item costs; none while a price in USD has no rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Amount>)]
    pub cost: Option<String>,
    /// Of that, the hub's fee.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Amount>)]
    pub fee: Option<String>,
    /// And what everybody else gets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<QuotePart>,
}

/// The last line of a stream that ended well; one that ended badly ends with an [`ErrorLine`](crate::ErrorLine).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PublishedLine {
    pub published: Published,
}
