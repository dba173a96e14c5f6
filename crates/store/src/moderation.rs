//! What people report, what the operator decides, and whom the operator knows.
//!
//! Always: a decision stands in the transaction of what it changes, with the owner's alert and its event, so that there is
//! none without the others; decisions are never edited and never removed, which the tables themselves refuse; an account
//! has one open report of a model. Money is not touched here: what was earned stays where the books have it.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use ledger::{AccountId, ModelId, Time};
use registry::{Handle, Reason, ReleaseNumber};

use crate::catalog::{Account, CatalogError};
use crate::checks::words;
use crate::events::Act;
use crate::repositories::Repository;

/// Reports, and changes of reports, that an account sends within a day.
pub const MAX_REPORTS: u64 = 20;
/// Open reports of one model.
pub const MAX_OPEN_REPORTS: u64 = 1_000;

words!(
    /// What has become of a report.
    ReportState {
        Open = "open",
        /// The operator saw no reason to act.
        Dismissed = "dismissed",
        Hidden = "hidden",
        TakenDown = "taken_down",
        /// The owner removed the model.
        Removed = "removed",
    }
);

words!(
    /// What the operator decided.
    DecisionKind {
        Dismissed = "dismissed",
        Hidden = "hidden",
        TakenDown = "taken_down",
        Restored = "restored",
        Verified = "verified",
        Unverified = "unverified",
    }
);

impl DecisionKind {
    /// Whether everybody is told of it. That a report was dismissed is told to whoever made it.
    pub const fn is_public(self) -> bool {
        !matches!(self, DecisionKind::Dismissed)
    }
}

/// A report to be noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewReport {
    pub model: ModelId,
    pub by: AccountId,
    /// Of this release; none: of the model.
    pub release: Option<ReleaseNumber>,
    pub reason: Reason,
    pub text: String,
    pub at: Time,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub id: u64,
    pub model: ModelId,
    /// `owner/name` when it was sent.
    pub name: String,
    /// Nobody but the operator and this account reads who it is.
    pub by: Account,
    pub release: Option<ReleaseNumber>,
    pub reason: Reason,
    pub text: String,
    pub at: Time,
    /// When it was changed last.
    pub changed: Time,
    pub state: ReportState,
    /// What whoever made it is told.
    pub answer: Option<String>,
    pub decided: Option<Time>,
}

/// Which reports.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReportsWanted {
    pub state: Option<ReportState>,
    pub model: Option<ModelId>,
    pub by: Option<AccountId>,
    /// Those with a lower number.
    pub before: Option<u64>,
    pub limit: u64,
}

/// What the operator wants to be so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewDecision {
    Hide { reason: Reason, text: String, note: String },
    TakeDown { reason: Reason, text: String, note: String },
    Restore { text: String, note: String },
}

/// A line of the audit trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub seq: u64,
    pub at: Time,
    pub by: AccountId,
    pub kind: DecisionKind,
    /// None where it is about an account.
    pub model: Option<ModelId>,
    /// `owner/name` then, or the account's handle.
    pub name: String,
    pub reason: Option<Reason>,
    /// What everybody is told; of a dismissed report, what whoever made it is told.
    pub text: String,
    /// What the operator alone reads.
    pub note: String,
    /// The report that was dismissed.
    pub report: Option<u64>,
}

/// Which lines of the audit trail, the newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DecisionsWanted {
    pub model: Option<ModelId>,
    /// Those of which everybody is told.
    pub public: bool,
    pub before: Option<u64>,
    pub limit: u64,
}

/// That the operator checked who an account is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// What it was checked against, for everybody.
    pub note: String,
    pub at: Time,
}

/// The part of the catalogue that is about reports and what the operator makes of them.
#[async_trait]
pub trait Moderation {
    /// Notes a report, or changes the open one of the same account and model. More than [`MAX_REPORTS`] within a day is
    /// `ManyReports`, one more than [`MAX_OPEN_REPORTS`] of a model `EnoughReports`.
    async fn add_report(&self, report: &NewReport) -> Result<Report, CatalogError>;
    async fn report(&self, id: u64) -> Result<Option<Report>, CatalogError>;
    /// The newest first.
    async fn reports(&self, wanted: &ReportsWanted) -> Result<Vec<Report>, CatalogError>;
    async fn open_reports(&self) -> Result<u64, CatalogError>;
    /// Dismisses an open report. None if it is none, or not open.
    async fn dismiss(&self, report: u64, text: &str, note: &str, act: Act) -> Result<Option<Decision>, CatalogError>;
    /// Decides about a model; its open reports are answered by it, unless it is restored. None if it stands so already, or
    /// there is no such model.
    async fn decide(&self, model: ModelId, decision: &NewDecision, act: Act) -> Result<Option<Decision>, CatalogError>;
    async fn decisions(&self, wanted: DecisionsWanted) -> Result<Vec<Decision>, CatalogError>;
    /// Models that are hidden or taken down, those that were last first.
    async fn restricted(&self, offset: u64, limit: u64) -> Result<Vec<Repository>, CatalogError>;
    /// Notes that the operator checked who an account is. False if it stands there with these words.
    async fn verify(&self, account: AccountId, note: &str, act: Act) -> Result<bool, CatalogError>;
    /// False if it was not verified.
    async fn unverify(&self, account: AccountId, act: Act) -> Result<bool, CatalogError>;
    /// Those of these that are verified.
    async fn verified(&self, accounts: &[AccountId]) -> Result<HashMap<AccountId, Verified>, CatalogError>;
    /// All that are, by handle, those behind `after`.
    async fn all_verified(&self, after: Option<&Handle>, limit: u64) -> Result<Vec<(Account, Verified)>, CatalogError>;
}
