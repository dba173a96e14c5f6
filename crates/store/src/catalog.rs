//! The catalogue: accounts, keys, models, releases, settings, and the sums carried over from the books.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use ledger::{
    AccountId, Amount, CallId, Class, KeyId, ModelId, Outcome, Price, Purse, Rate, ReleaseId, Role, Share, Terms, Time,
};
use registry::{Access, CommitId, Contract, Digest, Handle, ModelName, ReleaseNumber, Tree};

use crate::books::{Row, Seq};

/// Why the catalogue did not do it. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    #[error("the handle \"{handle}\" is taken")]
    HandleTaken { handle: Handle },
    #[error("release {number} of {model} exists already")]
    ReleaseExists { model: ModelName, number: ReleaseNumber },
    #[error("the catalogue failed: {reason}")]
    Failed { reason: String },
}

/// What an account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AccountKind {
    User,
    Org,
    Agent,
    Hub,
}

impl AccountKind {
    pub const ALL: [AccountKind; 4] = [Self::User, Self::Org, Self::Agent, Self::Hub];

    pub fn word(self) -> &'static str {
        match self {
            AccountKind::User => "user",
            AccountKind::Org => "org",
            AccountKind::Agent => "agent",
            AccountKind::Hub => "hub",
        }
    }
}

impl fmt::Display for AccountKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for AccountKind {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|kind| kind.word() == word).ok_or(())
    }
}

/// What a key may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    Read,
    Publish,
    Call,
    Money,
    Admin,
}

impl Scope {
    pub const ALL: [Scope; 5] = [Self::Read, Self::Publish, Self::Call, Self::Money, Self::Admin];

    pub fn word(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Publish => "publish",
            Scope::Call => "call",
            Scope::Money => "money",
            Scope::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Scope {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|scope| scope.word() == word).ok_or(())
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub id: AccountId,
    pub handle: Handle,
    pub kind: AccountKind,
    pub created: Time,
}

/// A key as it is kept: everything but the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    pub id: KeyId,
    pub account: AccountId,
    pub name: String,
    pub scopes: Vec<Scope>,
    /// The models it may call or publish; none: all.
    pub models: Option<Vec<ModelName>>,
    /// The most that one call with it may cost.
    pub max_cost: Option<Amount>,
    pub created: Time,
    pub expires: Option<Time>,
    pub revoked: Option<Time>,
}

/// A key to be kept.
#[derive(Debug, Clone)]
pub struct NewKey {
    pub record: KeyRecord,
    /// SHA-256 of the secret.
    pub hash: [u8; 32],
}

/// Who stands behind a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    pub key: KeyRecord,
    pub account: Account,
    /// Accounts whose group this one belongs to: itself, and organisations it is a member of.
    pub groups: Vec<AccountId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRecord {
    pub id: ModelId,
    pub owner: Account,
    pub name: ModelName,
    pub created: Time,
}

/// One release, whole.
#[derive(Debug, Clone, PartialEq)]
pub struct ReleaseRecord {
    pub id: ReleaseId,
    pub model: ModelRecord,
    pub number: ReleaseNumber,
    pub commit: CommitId,
    /// Digest over the commit's files: what receipts name.
    pub digest: Digest,
    pub tree: Tree,
    /// The blob the engine loads.
    pub weights: Digest,
    pub contract: Contract,
    pub terms: Terms,
    pub price: Price,
    pub access: Access,
    pub summary: String,
    pub task: Option<String>,
    pub license: Option<String>,
    /// The card's text without its front matter.
    pub readme: String,
    /// What it changed against the one before: `first`, `minor`, `major`.
    pub change: String,
    pub created: Time,
}

/// A release to be sealed; makes its model when that is new.
#[derive(Debug, Clone)]
pub struct NewRelease {
    pub release: ReleaseRecord,
    /// Whether unversioned calls go to its major from now on; the first release of a model always has them.
    pub latest: bool,
}

/// The operator's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    pub fee: Share,
    pub rate: Option<Rate>,
}

/// One line of an account's earnings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earning {
    pub model: ModelName,
    pub release: ReleaseNumber,
    pub day: i64,
    pub class: Class,
    pub purse: Purse,
    pub role: Role,
    pub calls: u64,
    pub amount: Amount,
}

/// What a model came to, over all its releases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ModelTotals {
    pub paid_calls: u64,
    /// Calls of other accounts' cash that were tried, failed ones included.
    pub paid_tried: u64,
    /// What creators and base models got of paid calls, in nano-OPG.
    pub creators_earned: Amount,
}

/// What the hub came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    pub models: u64,
    pub calls: ModelTotals,
}

/// Everything that is not money. Reads see what was written before; writes are durable when they answer.
#[async_trait]
pub trait Catalog: Send + Sync + fmt::Debug {
    async fn add_account(&self, account: &Account, key: Option<&NewKey>) -> Result<(), CatalogError>;
    async fn account(&self, handle: &Handle) -> Result<Option<Account>, CatalogError>;
    async fn account_by_id(&self, id: AccountId) -> Result<Option<Account>, CatalogError>;
    async fn add_member(&self, member: AccountId, of: AccountId, role: &str) -> Result<(), CatalogError>;

    async fn add_key(&self, key: &NewKey) -> Result<(), CatalogError>;
    async fn keys(&self, account: AccountId) -> Result<Vec<KeyRecord>, CatalogError>;
    /// True if it was there and not revoked yet.
    async fn revoke_key(&self, account: AccountId, key: KeyId, at: Time) -> Result<bool, CatalogError>;
    async fn credential(&self, hash: &[u8; 32]) -> Result<Option<Credential>, CatalogError>;

    async fn settings(&self) -> Result<Settings, CatalogError>;
    async fn set_fee(&self, fee: Share) -> Result<(), CatalogError>;
    async fn set_rate(&self, rate: Rate) -> Result<(), CatalogError>;

    /// Notes that an account has handed in these bytes, so that it may name them in a commit.
    async fn add_upload(&self, account: AccountId, blob: Digest, size: u64, at: Time) -> Result<(), CatalogError>;
    async fn upload(&self, account: AccountId, blob: Digest) -> Result<Option<u64>, CatalogError>;

    /// Seals a release. One that exists already under its number is `ReleaseExists`.
    async fn seal(&self, release: &NewRelease) -> Result<(), CatalogError>;
    /// Moves unversioned calls to the newest minor of `major`.
    async fn set_latest(&self, model: ModelId, major: u32) -> Result<(), CatalogError>;
    async fn model(&self, name: &ModelName) -> Result<Option<ModelRecord>, CatalogError>;
    /// One release of a model: the asked one, or the one that unversioned calls go to.
    async fn release(
        &self,
        name: &ModelName,
        number: Option<ReleaseNumber>,
    ) -> Result<Option<ReleaseRecord>, CatalogError>;
    async fn release_by_id(&self, id: ReleaseId) -> Result<Option<ReleaseRecord>, CatalogError>;
    /// Releases, newest first, at most `limit`.
    async fn releases(&self, name: &ModelName, limit: u64) -> Result<Vec<ReleaseRecord>, CatalogError>;
    /// The latest release of each model, most recently published model first.
    async fn listing(&self, offset: u64, limit: u64) -> Result<Vec<(ReleaseRecord, ModelTotals)>, CatalogError>;

    /// How far the books have been carried over.
    async fn watermark(&self) -> Result<Seq, CatalogError>;
    /// Carries rows over, in order, from the watermark on; rows at or below it change nothing.
    async fn project(&self, rows: &[(Seq, Row)]) -> Result<Seq, CatalogError>;
    async fn call_seq(&self, call: CallId) -> Result<Option<Seq>, CatalogError>;
    async fn keyed_seq(&self, hash: &[u8; 32]) -> Result<Option<Seq>, CatalogError>;
    /// Rows of calls that an account paid or tried, newest first, before `before`.
    async fn payer_seqs(&self, payer: AccountId, before: Option<Seq>, limit: u64) -> Result<Vec<Seq>, CatalogError>;
    async fn earnings(&self, account: AccountId) -> Result<Vec<Earning>, CatalogError>;
    async fn model_totals(&self, model: ModelId) -> Result<ModelTotals, CatalogError>;
    async fn totals(&self) -> Result<Totals, CatalogError>;
    /// Calls by how they ended: for the operator and for audits.
    async fn outcomes(&self, release: ReleaseId) -> Result<Vec<(Class, Outcome, u64)>, CatalogError>;
}
