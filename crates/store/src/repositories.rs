//! Models as places for files: who sees them, how they came to be what they are, under which names.
//!
//! Always: a branch names a commit of its own model, and moves only from the commit its mover has seen; a commit and its
//! tree are never changed; a model that has releases is never removed; a name that was given up still leads to its model
//! until somebody takes it.

use std::collections::HashMap;

use async_trait::async_trait;
use ledger::{AccountId, ModelId, Time};
use registry::{Access, CommitId, Digest, GitOid, Handle, ModelName, RefName, ReleaseNumber, Revision, Tree};

use crate::catalog::{CatalogError, ModelRecord};
use crate::events::Act;

/// A model, with releases or without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    pub model: ModelRecord,
    /// Who gets the weights.
    pub access: Access,
    /// Whether requests for gated weights are accepted as they come.
    pub automatic: bool,
    /// When something was committed last.
    pub changed: Time,
    /// The release that unversioned calls go to.
    pub latest: Option<ReleaseNumber>,
}

/// A step of a model's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitRecord {
    /// Its place among all commits of its model, from 1.
    pub number: u64,
    /// Says what the files are: after a change and its undoing it is what it was.
    pub id: CommitId,
    /// The number of the one before.
    pub parent: Option<u64>,
    pub title: String,
    pub message: String,
    pub author: Handle,
    pub at: Time,
}

/// A commit to be added to a branch.
#[derive(Debug, Clone)]
pub struct NewCommit {
    pub model: ModelId,
    pub branch: RefName,
    /// The head of the branch as whoever made this has seen it; none for the first commit of a model.
    pub parent: Option<u64>,
    pub tree: Tree,
    pub title: String,
    pub message: String,
    pub author: AccountId,
    pub at: Time,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefKind {
    Branch,
    Tag,
}

impl RefKind {
    pub const fn word(self) -> &'static str {
        match self {
            RefKind::Branch => "branch",
            RefKind::Tag => "tag",
        }
    }
}

/// A name and the commit it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ref {
    pub kind: RefKind,
    pub name: RefName,
    pub commit: CommitId,
}

/// Which models a list is to have, and in which order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Private models of these accounts are listed too.
    pub groups: Vec<AccountId>,
    /// And of those these alone.
    pub only: Option<Vec<ModelName>>,
    pub owner: Option<Handle>,
    /// Part of the name, without regard to case.
    pub search: Option<String>,
    pub order: Order,
    pub offset: u64,
    pub limit: u64,
}

/// A commit that is to be a release, or that could not be one: of main, or of a version that got its number beforehand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftRecord {
    pub model: ModelId,
    pub name: ModelName,
    /// Each branch has one at most.
    pub branch: RefName,
    pub commit: CommitId,
    /// Who committed it; it is published in their name.
    pub author: AccountId,
    pub at: Time,
    /// When it is tried; none once it was.
    pub due: Option<Time>,
    /// Why it is no release.
    pub refused: Option<String>,
    /// The number it is to have, where that was given before there were files.
    pub number: Option<ReleaseNumber>,
}

/// Newest first, whichever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Order {
    #[default]
    Changed,
    Created,
}

/// The part of the catalogue that is about files and their history.
#[async_trait]
pub trait Repositories {
    /// Makes a model without releases. A name that is there is `ModelTaken`.
    async fn add_repository(&self, repository: &Repository, by: AccountId) -> Result<(), CatalogError>;
    /// By its name, or one it once had.
    async fn repository(&self, name: &ModelName) -> Result<Option<Repository>, CatalogError>;
    async fn repositories(&self, wanted: &Wanted) -> Result<Vec<Repository>, CatalogError>;
    async fn set_private(&self, model: ModelId, private: bool, act: Act) -> Result<(), CatalogError>;
    async fn set_access(&self, model: ModelId, access: Access, act: Act) -> Result<(), CatalogError>;
    /// Gives a model another name, and another owner if that is in it; the name before leads to it from now on.
    async fn rename(&self, model: ModelId, owner: AccountId, name: &ModelName, act: Act) -> Result<(), CatalogError>;
    /// Removes a model and its history. One with releases is `HasReleases`. What it named waits to be named again, as if
    /// it were handed in now.
    async fn remove_repository(&self, model: ModelId, act: Act) -> Result<(), CatalogError>;

    /// Adds a commit. A branch whose head is another by now is `Stale`. The tree of the head again adds nothing.
    async fn commit(&self, commit: &NewCommit) -> Result<CommitRecord, CatalogError>;
    /// The commit a revision of a model stands for, the newest where several have its id.
    async fn find_commit(&self, model: ModelId, revision: &Revision) -> Result<Option<CommitRecord>, CatalogError>;
    async fn tree(&self, commit: CommitId) -> Result<Option<Tree>, CatalogError>;
    /// A commit and those before it, newest first.
    async fn log(&self, model: ModelId, from: u64, limit: u64) -> Result<Vec<CommitRecord>, CatalogError>;

    /// Branches, then tags, each by name.
    async fn refs(&self, model: ModelId) -> Result<Vec<Ref>, CatalogError>;
    /// The releases of a model and their commits, newest first: each is found like a tag.
    async fn released(&self, model: ModelId) -> Result<Vec<(ReleaseNumber, CommitId)>, CatalogError>;
    /// Gives a commit a name. False if there is one of that kind and name.
    async fn add_ref(
        &self,
        model: ModelId,
        kind: RefKind,
        name: &RefName,
        commit: u64,
        act: Act,
    ) -> Result<bool, CatalogError>;
    /// False if there was none. With a branch goes what was to become of it.
    async fn remove_ref(&self, model: ModelId, kind: RefKind, name: &RefName, act: Act) -> Result<bool, CatalogError>;

    /// Notes what is to become of the newest commit of a branch, in place of what was noted before.
    async fn set_draft(&self, draft: &DraftRecord) -> Result<(), CatalogError>;
    /// Takes the note off, if it is still about this commit.
    async fn remove_draft(&self, model: ModelId, branch: &RefName, commit: CommitId) -> Result<(), CatalogError>;
    async fn draft(&self, model: ModelId, branch: &RefName) -> Result<Option<DraftRecord>, CatalogError>;
    /// All of a model, the newest first.
    async fn drafts(&self, model: ModelId) -> Result<Vec<DraftRecord>, CatalogError>;
    /// Those that are to be tried, the earliest first.
    async fn due_drafts(&self, limit: u64) -> Result<Vec<DraftRecord>, CatalogError>;

    /// What git calls these contents, as far as it was noted.
    async fn git_oids(&self, blobs: &[Digest]) -> Result<HashMap<Digest, GitOid>, CatalogError>;
    async fn add_git_oids(&self, oids: &[(Digest, GitOid)]) -> Result<(), CatalogError>;
}
