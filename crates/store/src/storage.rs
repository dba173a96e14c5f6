//! What accounts have handed in, what names it, how much they may, and what is collected.
//!
//! # Why collection cannot take what somebody names
//!
//! Three tables of one database with one writer decide. `uploads` says who handed a content in and when last; a row of
//! `model_blobs` is written in the transaction of the commit or release that names the content first, and goes with its
//! model alone; `collected` says what is to be taken away, or was.
//!
//! 1. [`Storage::collect`] decides in one transaction: only of what no row of `model_blobs` names and nobody has handed
//!    in within the time of grace. In that transaction all its rows in `uploads` go and one in `collected` comes.
//! 2. A commit or a release that names a content with a row in `collected` is refused, whatever its maker saw before.
//!    Since there is one writer, either the naming was first, and 1 finds its row, or the deciding was, and the naming
//!    finds that.
//! 3. Handing in again ([`crate::Catalog::add_upload`]) takes the row in `collected` away, and comes after the bytes are
//!    in their place. From before they are until after the row is written, whoever brings them holds the content's door
//!    (`doors.rs`).
//! 4. The file goes last, of what 1 decided: whoever takes it away holds the door alone, and asks once more whether the
//!    row in `collected` is still there. If it is, nobody has handed the content in since the decision, and nobody does
//!    until the door is free again: the file is nobody's.
//!
//! A hub that is killed between 1 and 4 leaves a row that says so, and the next round goes on there. A file without any
//! row, of an upload that was killed before 3, is found by walking the folder, and goes the same way from 1 on.

use async_trait::async_trait;
use ledger::{AccountId, ModelId, Time};
use registry::Digest;

use crate::catalog::CatalogError;

/// A content and how many bytes it has.
pub type Measured = (Digest, u64);

/// The most that an account may keep and change; none: what the hub allows everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quota {
    /// Bytes of different contents, those of its models and those that wait to be named by one.
    pub bytes: Option<u64>,
    pub models: Option<u64>,
    /// Of each model.
    pub commits_per_hour: Option<u64>,
    pub commits_per_day: Option<u64>,
}

/// What an account keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Of contents that its models name, each counted once.
    pub named_bytes: u64,
    /// Of those it has handed in and no model names.
    pub waiting_bytes: u64,
    pub models: u64,
}

/// What was collected so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Collection {
    /// Taken away since the hub was made.
    pub blobs: u64,
    pub bytes: u64,
    /// Decided, and still there.
    pub waiting_blobs: u64,
    pub waiting_bytes: u64,
}

/// The part of the catalogue that is about bytes.
#[async_trait]
pub trait Storage {
    /// How many bytes an account has handed in under this digest. Of what no model names, that it is asked counts as
    /// handing in again, if the last time was before `since`.
    async fn touch_upload(
        &self,
        account: AccountId,
        blob: Digest,
        since: Time,
        at: Time,
    ) -> Result<Option<u64>, CatalogError>;

    /// Walks what was handed in, so many rows after `after`: what no model names and nobody has handed in since `before`,
    /// and the last one looked at, if there are more. It may be named a moment later; [`Storage::collect`] decides.
    async fn unnamed(
        &self,
        after: Option<Digest>,
        before: Time,
        limit: u64,
    ) -> Result<(Vec<Measured>, Option<Digest>), CatalogError>;
    /// Which of these contents no row of any kind is about.
    async fn unknown(&self, blobs: &[Digest]) -> Result<Vec<Digest>, CatalogError>;
    /// Decides which of these go: those that no model names and nobody has handed in since `before`.
    async fn collect(&self, blobs: &[Measured], before: Time, at: Time) -> Result<Vec<Measured>, CatalogError>;
    /// Decided, and not taken away yet; the longest waiting first.
    async fn to_remove(&self, limit: u64) -> Result<Vec<Digest>, CatalogError>;
    /// Which of these still go.
    async fn still_to_remove(&self, blobs: &[Digest]) -> Result<Vec<Digest>, CatalogError>;
    /// Notes that these are gone.
    async fn removed(&self, blobs: &[Digest]) -> Result<(), CatalogError>;
    /// Forgets what was taken away before `before`. No commit may be under way since then.
    async fn forget_removed(&self, before: Time) -> Result<(), CatalogError>;
    async fn collection(&self) -> Result<Collection, CatalogError>;

    /// How many bytes a model names under this digest.
    async fn named_by(&self, model: ModelId, blob: Digest) -> Result<Option<u64>, CatalogError>;
    async fn usage(&self, account: AccountId) -> Result<Usage, CatalogError>;
    async fn quota(&self, account: AccountId) -> Result<Quota, CatalogError>;
    async fn set_quota(&self, account: AccountId, quota: Quota) -> Result<(), CatalogError>;
    /// When the last commits of a model were, the newest first, those after `since`, `limit` at most.
    async fn commit_times(&self, model: ModelId, since: Time, limit: u64) -> Result<Vec<Time>, CatalogError>;
}
