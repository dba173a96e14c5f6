//! Uploads and publishing.

use serde::{Deserialize, Serialize};

use crate::PriceTerms;

/// `PUT /api/v1/uploads/{owner}/{sha256}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uploaded {
    pub sha256: String,
    pub size: u64,
}

/// The same of a part, whose rest has to follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartUploaded {
    pub sha256: String,
    /// Of the whole file.
    pub size: u64,
    /// How many bytes of it are here.
    pub offset: u64,
}

/// `POST /api/v1/publish`: a folder whose files were uploaded before. What is not given here stands in the card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    /// `owner/name`.
    pub model: String,
    pub files: Vec<DraftFile>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<PriceTerms>,
    /// Handles and their shares in written order: `[["bob", "70%"], ["carol", "30%"]]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Vec<(String, String)>>,
    /// `sealed`, `gated` or `open`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<String>,
    /// The number this release should get: `1.01`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// Calls that name no release move to this one even when it is a new major.
    #[serde(default)]
    pub latest: bool,
    /// Only the verdicts; nothing is sealed.
    #[serde(default)]
    pub dry_run: bool,
}

/// One file of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DraftFile {
    pub path: String,
    pub sha256: String,
    pub size: u64,
}

/// `POST /api/v1/models/{owner}/{name}/releases`: a commit that is there. What is not given here stands in its card.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseWish {
    /// A branch, a tag or a commit; without one, main.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<PriceTerms>,
    /// The number this release should get: `1.01`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DraftState {
    pub branch: String,
    /// The number it is to have, where that is known: of a version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    pub commit: String,
    pub committed: String,
    /// When it is published by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<String>,
    /// Why it is no release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// What one step of a publish found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    pub step: String,
    pub ok: bool,
    pub detail: String,
    pub ms: u64,
}

/// A line of the stream, while it goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictLine {
    pub verdict: Verdict,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// `owner/name`.
    pub model: String,
    pub release: String,
    pub commit: String,
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
}

/// The last line of a stream that ended well; one that ended badly ends with an [`ErrorLine`](crate::ErrorLine).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedLine {
    pub published: Published,
}
