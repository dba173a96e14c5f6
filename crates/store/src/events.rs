//! What happened on the hub, in one order: every change that others may want to hear of, noted with the change itself.
//!
//! Always: an event stands in the transaction of the change it tells of, so there is neither without the other; numbers
//! are dense and whoever has read up to one has read all before it. That is cheap to promise: one thread makes all
//! changes, and a number is given inside its transaction, so that numbers are given in the order in which they can be
//! seen, and one that was rolled back is given again.
//!
//! Absent on purpose: money. What moves it stands in the books, in an order of their own.
//!
//! To add one: a variant of [`EventKind`], and `events::about` in the transaction that makes the change.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use ledger::{AccountId, ModelId, Time};
use registry::ModelName;

use crate::catalog::CatalogError;
use crate::checks::words;

words!(
    /// What happened.
    EventKind {
        ModelCreated = "model.created",
        /// It has another name, of the same owner.
        ModelRenamed = "model.renamed",
        /// It has another owner, and so another name.
        ModelTransferred = "model.transferred",
        /// It is seen by everybody now, or by its owner's group alone.
        ModelVisibility = "model.visibility",
        /// Who gets its weights.
        ModelAccess = "model.access",
        ModelDeleted = "model.deleted",
        CommitAdded = "commit.added",
        RefAdded = "ref.added",
        RefRemoved = "ref.removed",
        ReleaseSealed = "release.sealed",
        /// Unversioned calls go to another release.
        ReleaseLatest = "release.latest",
        ReleaseYanked = "release.yanked",
        /// It is yanked no longer.
        ReleaseRestored = "release.restored",
        /// A price was set, for now or from a day on.
        ReleasePrice = "release.price",
        /// A check of it failed or found a difference, after one that did not.
        ReleaseCheck = "release.check",
        /// Somebody wants its gated weights. This and the next three are for its owner and whoever it is about.
        AccessAsked = "access.asked",
        /// Let in, whether asked for or not.
        AccessAdmitted = "access.admitted",
        AccessRefused = "access.refused",
        /// A request was taken back, or what came of it ended.
        AccessRemoved = "access.removed",
        /// An organisation took somebody in. This and the next two are for its members.
        MemberAdded = "member.added",
        /// A member has another role.
        MemberChanged = "member.changed",
        /// A member left, or was taken out.
        MemberRemoved = "member.removed",
        /// The operator took it out of lists and search.
        ModelHidden = "model.hidden",
        /// The operator took it down: it is not called, and its files are not read.
        ModelTakenDown = "model.taken_down",
        /// It is as it was before that.
        ModelRestored = "model.restored",
        /// The operator checked who the account is.
        AccountVerified = "account.verified",
        AccountUnverified = "account.unverified",
        /// A file that it names was found to be dangerous to whoever opens it.
        FileDangerous = "file.dangerous",
    }
);

/// Who changes something, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Act {
    pub by: AccountId,
    pub at: Time,
}

impl EventKind {
    /// Whether it is about somebody's access to gated weights.
    pub fn is_about_access(self) -> bool {
        matches!(self, Self::AccessAsked | Self::AccessAdmitted | Self::AccessRefused | Self::AccessRemoved)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub seq: u64,
    pub at: Time,
    pub kind: EventKind,
    /// Who did it; none for what the hub did by itself.
    pub actor: Option<AccountId>,
    pub model: Option<ModelId>,
    /// Whose thing it was.
    pub account: AccountId,
    /// A JSON object: `v`, its version; `model`, the name as it was then, of what is about one; and more by kind.
    pub detail: String,
}

/// Which events, and for whom.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventsWanted {
    /// Those with a higher number.
    pub after: u64,
    pub limit: u64,
    pub model: Option<ModelId>,
    pub account: Option<AccountId>,
    pub kind: Option<EventKind>,
    /// Who asks: what is about their access to others' weights is seen too.
    pub viewer: Option<AccountId>,
    /// What belongs to these accounts alone is seen too.
    pub groups: Vec<AccountId>,
    /// And of their private models these alone.
    pub only: Option<Vec<ModelName>>,
}

/// A page of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventsPage {
    pub events: Vec<Event>,
    /// Where the next page begins: all up to it were looked at, whether they are on this page or not.
    pub next: u64,
    /// Whether there may be more now.
    pub more: bool,
}

/// The part of the catalogue that is about what happened.
#[async_trait]
pub trait Events {
    /// Events of the whole hub after one, the oldest first: for the hub's own followers, private models included.
    async fn events_after(&self, seq: u64, limit: u64) -> Result<Vec<Event>, CatalogError>;
    /// The same for somebody: of models that everybody sees now or that belong to them, and of their accounts. Of a model
    /// that is gone everybody is told that, if everybody saw it then. What is about somebody's access is told to them and
    /// to the model's owner alone. Whom the operator knows is told to everybody.
    async fn events(&self, wanted: &EventsWanted) -> Result<EventsPage, CatalogError>;
    async fn event(&self, seq: u64) -> Result<Option<Event>, CatalogError>;
    /// The number of the last event; 0 before the first.
    async fn last_event(&self) -> Result<u64, CatalogError>;
    /// Waits until there is an event after this one.
    async fn happened(&self, seq: u64);
}
