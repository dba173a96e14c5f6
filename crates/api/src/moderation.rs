//! Reports, what the operator made of models, and whom the operator knows.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::text::{Handle, ModelName, ReleaseNumber, ReportId, ReportReason, ReportState, Time};

/// `POST /api/v1/models/{owner}/{name}/reports`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReport {
    #[schema(value_type = ReportReason)]
    pub reason: String,
    /// What the operator has to know, in at most 2,000 characters; of the reason `other` it says something.
    #[serde(default)]
    pub text: String,
    /// Of this release; left out: of the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ReleaseNumber>)]
    pub release: Option<String>,
}

/// A report and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Report {
    #[schema(value_type = ReportId)]
    pub id: String,
    /// `owner/name` when it was sent.
    #[schema(value_type = ModelName)]
    pub model: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ReleaseNumber>)]
    pub release: Option<String>,
    #[schema(value_type = ReportReason)]
    pub reason: String,
    pub text: String,
    #[schema(value_type = ReportState)]
    pub state: String,
    #[schema(value_type = Time)]
    pub sent: String,
    /// When it was changed last.
    #[schema(value_type = Time)]
    pub changed: String,
    /// What the operator says to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Time>)]
    pub decided: Option<String>,
    /// Who sent it: for the operator alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Handle>)]
    pub by: Option<String>,
}

/// `GET /api/v1/reports`: your own; `GET /api/v1/admin/reports`: all. The newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reports {
    pub items: Vec<Report>,
    /// For `?cursor=`; none on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// `POST /api/v1/admin/reports/{report}/dismiss`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DismissReport {
    /// What whoever sent it reads, on one line.
    pub text: String,
    /// What the operator alone reads.
    #[serde(default)]
    pub note: String,
}

/// `POST /api/v1/admin/models/{owner}/{name}/hide` and `…/take-down`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Restrict {
    #[schema(value_type = ReportReason)]
    pub reason: String,
    /// What everybody is told, on one line of at most 500 characters.
    pub text: String,
    /// What the operator alone reads.
    #[serde(default)]
    pub note: String,
}

/// `POST /api/v1/admin/models/{owner}/{name}/restore`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RestoreModel {
    /// What everybody is told, if anything.
    #[serde(default)]
    pub text: String,
    /// What the operator alone reads.
    #[serde(default)]
    pub note: String,
}

/// Where a model stands with the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModelStanding {
    #[schema(value_type = ModelName)]
    pub model: String,
    /// `listed`, `hidden` or `taken_down`.
    pub state: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ReportReason>)]
    pub reason: Option<String>,
    /// What everybody is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Time>)]
    pub since: Option<String>,
}

/// `GET /api/v1/models/{owner}/{name}/moderation`: where a model stands, and how it came there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Moderation {
    #[serde(flatten)]
    pub standing: ModelStanding,
    /// The newest first, 50 at most.
    pub decisions: Vec<Decision>,
}

/// Something that the operator decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Decision {
    #[schema(value_type = Time)]
    pub time: String,
    /// `hidden`, `taken_down`, `restored`; for the operator also `dismissed`, `verified`, `unverified`.
    pub decision: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ReportReason>)]
    pub reason: Option<String>,
    /// What everybody is told; of a dismissed report, what whoever sent it is told.
    pub text: String,
    /// Whom or what it is about, in the list of all: `owner/name`, or a handle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// Who decided, for the operator alone, like what follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Handle>)]
    pub by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ReportId>)]
    pub report: Option<String>,
}

/// `GET /api/v1/admin/moderation`: the whole trail, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Decisions {
    pub items: Vec<Decision>,
    /// For `?cursor=`; none on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// `GET /api/v1/admin/restricted`: models that are hidden or taken down, the last ones first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RestrictedModels {
    pub items: Vec<ModelStanding>,
    /// For `?cursor=`; none on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// `PUT /api/v1/admin/verified/{handle}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Verify {
    /// What it was checked against, for everybody, on one line: `example.org`.
    pub note: String,
}

/// Its answer, and that of `DELETE`: whether the operator checked who an account is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VerifiedAccount {
    #[schema(value_type = Handle)]
    pub handle: String,
    pub verified: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Time>)]
    pub since: Option<String>,
}

/// `GET /api/v1/verified`: whom the operator knows, by handle, 1,000 at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VerifiedAccounts {
    pub items: Vec<VerifiedAccount>,
}
