//! The catalogue: accounts, keys, models, releases, settings, and the sums carried over from the books.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use ledger::{
    AccountId, Amount, CallId, Class, EntryKind, KeyId, ModelId, Outcome, Price, Purse, Rate, ReleaseId, Role, Share,
    Step, TariffError, Terms, Time,
};
use registry::{Access, CommitId, Contract, Digest, Edge, Handle, ModelName, ReleaseNumber, Restriction, Tree};

use crate::access::{AccessRequests, MAX_WAITING};
use crate::books::{Row, Seq};
use crate::checks::{CheckCounts, CheckKind, CheckSum, NewCheck};
use crate::events::{Act, Events};
use crate::hooks::Hooks;
use crate::keys::{Credential, KeyRecord, Limits, MAX_SECRETS, NewKey, Secrets};
use crate::life::Lives;
use crate::moderation::{MAX_OPEN_REPORTS, MAX_REPORTS, Moderation};
use crate::organisations::{MAX_MEMBERS, MAX_MEMBERSHIPS, MAX_ORGANISATIONS, Organisations};
use crate::rankings::Rankings;
use crate::rates::RateSettings;
use crate::repositories::Repositories;
use crate::scans::Scans;
use crate::searches::Searches;
use crate::signin::{MAX_CHALLENGES, MAX_INVITATIONS, MAX_PASSKEYS, SignIns};
use crate::storage::Storage;

/// Why the catalogue did not do it. Nothing was written.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    #[error("the handle \"{handle}\" is taken")]
    HandleTaken { handle: Handle },
    #[error("release {number} of {model} exists already")]
    ReleaseExists { model: ModelName, number: ReleaseNumber },
    #[error("there is a model {model} already")]
    ModelTaken { model: ModelName },
    #[error("{count} releases of the model were published, and calls and receipts name them")]
    HasReleases { count: u64 },
    #[error("the branch has moved on to {head}")]
    Stale { head: String },
    #[error("the model {model} was removed, or has another name by now")]
    Gone { model: ModelId },
    #[error("an organisation keeps at least one admin")]
    LastAdmin,
    #[error("an organisation has at most {MAX_MEMBERS} members")]
    ManyMembers,
    #[error("an account is a member of at most {MAX_MEMBERSHIPS} organisations")]
    ManyMemberships,
    #[error("an account makes at most {MAX_ORGANISATIONS} organisations")]
    ManyOrganisations,
    #[error("{MAX_WAITING} requests for access wait already, as many as a model may have")]
    ManyRequests,
    #[error("the bytes of {blob} were collected: nobody had named them, nor handed them in again")]
    Collected { blob: Digest },
    #[error("this passkey or wallet belongs to an account already")]
    WayTaken,
    #[error("an account has at most {MAX_PASSKEYS} passkeys and as many wallets")]
    ManyWays,
    #[error("it is the last way to sign in to the account")]
    LastWay,
    #[error("the invitation is unknown, was used, or is over")]
    NoInvitation,
    #[error("{MAX_CHALLENGES} people are signing in at this moment, as many as may")]
    ManyChallenges,
    #[error("{MAX_INVITATIONS} invitations wait to be used, as many as may")]
    ManyInvitations,
    #[error("a key gets at most {MAX_SECRETS} secrets in a year")]
    ManySecrets,
    #[error("an account sends at most {MAX_REPORTS} reports and changes of reports within a day")]
    ManyReports { until: Time },
    #[error("{MAX_OPEN_REPORTS} reports of the model wait for the operator, as many as may")]
    EnoughReports,
    #[error("the operator took the model down: {}", .restriction.text)]
    TakenDown { restriction: Restriction },
    #[error(transparent)]
    Tariff(#[from] TariffError),
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
    /// What of other people's models it may try at the hub's expense, in all.
    pub trial: Amount,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRecord {
    pub id: ModelId,
    pub owner: Account,
    pub name: ModelName,
    pub created: Time,
    /// Seen and called by the owner's group alone.
    pub private: bool,
    /// Whether the operator has hidden it or taken it down.
    pub restriction: Option<Restriction>,
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
    /// What it was sealed with; [`ReleaseRecord::price_at`] is what holds.
    pub price: Price,
    /// The newest prices since then: what holds now and what is to come are among them.
    pub prices: Vec<Step>,
    /// Why its owner advises against it: it is not what unversioned calls go to, if there is another of its major.
    pub yanked: Option<String>,
    pub access: Access,
    pub summary: String,
    pub task: Option<String>,
    pub license: Option<String>,
    /// The card's text without its front matter.
    pub readme: String,
    /// What it changed against the one before: `first`, `minor`, `major`.
    pub change: String,
    pub created: Time,
    /// What it asks of those that build on it.
    pub royalty: Share,
    /// The models it builds on, and what they get; part of its terms.
    pub lineage: Vec<Edge>,
}

/// A release to be sealed; makes its model when that is new.
#[derive(Debug, Clone)]
pub struct NewRelease {
    pub release: ReleaseRecord,
    /// Whether unversioned calls go to its major from now on; the first release of a model always has them.
    pub latest: bool,
    /// Whether its files are the next commit of main: they come from a folder, and not from a commit that is there.
    pub commit: bool,
    /// The model it was made for, if there was one: removed or renamed meanwhile, it gets no release.
    pub known: Option<ModelId>,
    /// Who publishes it.
    pub by: AccountId,
}

/// The operator's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    pub fee: Share,
    pub rate: Option<Rate>,
    /// What each new account may try at the hub's expense.
    pub trial: Amount,
    /// For how many days a higher price is announced before it holds.
    pub notice_days: u32,
    /// How often each may ask.
    pub request_rates: RateSettings,
}

/// One line of an account's earnings: its parts of calls, or what of them it gave back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earning {
    pub model: ModelName,
    pub release: ReleaseNumber,
    pub day: i64,
    pub class: Class,
    pub purse: Purse,
    /// A part's role, or `Refunded` or `Recovery` for what was given back.
    pub kind: EntryKind,
    pub calls: u64,
    /// Below zero for what was given back, in nano-OPG.
    pub nano: i64,
}

/// What an account had from one payer for one release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayerSum {
    pub payer: AccountId,
    pub model: ModelName,
    pub release: ReleaseNumber,
    pub class: Class,
    pub purse: Purse,
    pub role: Role,
    pub calls: u64,
    pub amount: Amount,
}

/// One line of a statement: what one kind of movement came to on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaySum {
    pub day: i64,
    pub kind: EntryKind,
    pub class: Option<Class>,
    pub purse: Purse,
    pub release: Option<(ModelName, ReleaseNumber)>,
    pub count: u64,
    /// Above zero is received, in nano-OPG.
    pub nano: i64,
}

/// Which of an account's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum List {
    /// Calls it made, failed ones too.
    Calls,
    /// All that moved its money.
    Entries,
}

/// Whose spending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Spender {
    Account(AccountId),
    Key(KeyId),
}

/// What was spent, today and this month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spent {
    pub day: Amount,
    pub month: Amount,
}

/// An owner's word on trials of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trial {
    /// Whether the hub's budgets may be used for it.
    pub allowed: bool,
    /// What its owner pays of trials, in all; nothing: none.
    pub budget: Amount,
    /// And of one account's.
    pub per_account: Amount,
}

impl Default for Trial {
    fn default() -> Self {
        Trial { allowed: true, budget: Amount::ZERO, per_account: Amount::ZERO }
    }
}

/// What has been paid of trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TrialUse {
    /// By the hub, for this account.
    pub hub: Amount,
    /// By the model's owner, in all.
    pub model: Amount,
    /// By the model's owner, for this account.
    pub model_account: Amount,
}

/// Where an account wants to be told what happens.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook {
    pub account: AccountId,
    pub url: String,
    /// What messages are signed with; never shown again.
    pub secret: String,
    /// Told when what can be spent falls below it.
    pub low_balance: Option<Amount>,
    /// Whether it was told, and has not been above that since.
    pub low: bool,
    pub created: Time,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Webhook { account, url, low_balance, low, .. } = self;
        f.debug_struct("Webhook")
            .field("account", account)
            .field("url", url)
            .field("low_balance", low_balance)
            .field("low", low)
            .finish_non_exhaustive()
    }
}

/// Something that happened to an account, to be noted once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAlert {
    pub account: AccountId,
    pub at: Time,
    /// `balance.low`, `limit.near`, …
    pub kind: String,
    /// What makes it this one and no other: the same kind and subject again is the same alert.
    pub subject: String,
    /// What is told of it, as JSON.
    pub data: String,
}

/// Such a thing, noted, and how far telling it got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    pub id: u64,
    pub what: NewAlert,
    pub attempts: u32,
    /// When telling it is tried next.
    pub next: Option<Time>,
    pub delivered: Option<Time>,
    /// What the other side said last.
    pub said: Option<String>,
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
pub trait Catalog:
    Repositories
    + Scans
    + Organisations
    + AccessRequests
    + Storage
    + Events
    + Hooks
    + Lives
    + Moderation
    + Searches
    + Rankings
    + SignIns
    + Secrets
    + Send
    + Sync
    + fmt::Debug
{
    async fn add_account(&self, account: &Account, key: Option<&NewKey>) -> Result<(), CatalogError>;
    async fn account(&self, handle: &Handle) -> Result<Option<Account>, CatalogError>;
    async fn account_by_id(&self, id: AccountId) -> Result<Option<Account>, CatalogError>;

    async fn add_key(&self, key: &NewKey) -> Result<(), CatalogError>;
    async fn keys(&self, account: AccountId) -> Result<Vec<KeyRecord>, CatalogError>;
    /// True if it was there and not revoked yet.
    async fn revoke_key(&self, account: AccountId, key: KeyId, at: Time) -> Result<bool, CatalogError>;
    async fn credential(&self, hash: &[u8; 32]) -> Result<Option<Credential>, CatalogError>;

    /// The most that may be spent from an account; all its keys together.
    async fn set_limits(&self, account: AccountId, limits: Limits) -> Result<(), CatalogError>;
    async fn limits(&self, account: AccountId) -> Result<Limits, CatalogError>;

    async fn settings(&self) -> Result<Settings, CatalogError>;
    async fn set_trial_budget(&self, trial: Amount) -> Result<(), CatalogError>;
    async fn set_fee(&self, fee: Share) -> Result<(), CatalogError>;
    async fn set_notice(&self, days: u32) -> Result<(), CatalogError>;
    async fn set_rate(&self, rate: Rate) -> Result<(), CatalogError>;
    async fn set_request_rates(&self, rates: RateSettings) -> Result<(), CatalogError>;

    /// Notes that an account has handed in these bytes, so that it may name them in a commit. What was to be collected of
    /// them is not any more.
    async fn add_upload(&self, account: AccountId, blob: Digest, size: u64, at: Time) -> Result<(), CatalogError>;
    async fn upload(&self, account: AccountId, blob: Digest) -> Result<Option<u64>, CatalogError>;

    /// Seals a release. One that exists already under its number is `ReleaseExists`.
    async fn seal(&self, release: &NewRelease) -> Result<(), CatalogError>;
    /// Moves unversioned calls to the newest minor of `major`. If that asks for more, it does so after a notice.
    async fn set_latest(&self, model: ModelId, major: u32, notice_ms: i64, act: Act) -> Result<(), CatalogError>;
    async fn model(&self, name: &ModelName) -> Result<Option<ModelRecord>, CatalogError>;
    /// One release of a model: the asked one, or the one that unversioned calls go to. That one is yanked only if all of
    /// its major are.
    async fn release(
        &self,
        name: &ModelName,
        number: Option<ReleaseNumber>,
    ) -> Result<Option<ReleaseRecord>, CatalogError>;
    async fn release_by_id(&self, id: ReleaseId) -> Result<Option<ReleaseRecord>, CatalogError>;
    /// What releases are called, as far as they are there.
    async fn release_names(
        &self,
        ids: &[ReleaseId],
    ) -> Result<HashMap<ReleaseId, (ModelName, ReleaseNumber)>, CatalogError>;
    /// Releases, newest first, at most `limit`.
    async fn releases(&self, name: &ModelName, limit: u64) -> Result<Vec<ReleaseRecord>, CatalogError>;
    /// The latest release of each model, most recently published model first.
    async fn listing(&self, offset: u64, limit: u64) -> Result<Vec<(ReleaseRecord, ModelTotals)>, CatalogError>;

    /// How far the books have been carried over.
    async fn watermark(&self) -> Result<Seq, CatalogError>;
    /// Takes rows of the books, in order, from the last one taken on; those taken before change nothing. Gives the last
    /// one taken. They are seen, and the watermark moves, once they are written: now if `write`, else when many have
    /// gathered. After an error, or a start, begin again at the watermark.
    async fn project(&self, rows: Vec<(Seq, Row)>, write: bool) -> Result<Seq, CatalogError>;
    async fn call_seq(&self, call: CallId) -> Result<Option<Seq>, CatalogError>;
    async fn keyed_seq(&self, hash: &[u8; 32]) -> Result<Option<Seq>, CatalogError>;
    /// Rows of an account, newest first, before `before`.
    async fn account_rows(
        &self,
        account: AccountId,
        list: List,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<Vec<Seq>, CatalogError>;
    /// What happened on an account from day to day, the first included and the last not; oldest first.
    async fn day_sums(&self, account: AccountId, from: i64, to: i64) -> Result<Vec<DaySum>, CatalogError>;
    /// What an account came to before a day, cash and promo, in nano-OPG.
    async fn sums_before(&self, account: AccountId, day: i64) -> Result<(i64, i64), CatalogError>;
    /// What was spent on `today`, and since the first day of its month.
    async fn spent(&self, who: Spender, month: i64, today: i64) -> Result<Spent, CatalogError>;
    /// Who paid an account, the largest sums first.
    async fn payers(&self, account: AccountId) -> Result<Vec<PayerSum>, CatalogError>;
    async fn earnings(&self, account: AccountId) -> Result<Vec<Earning>, CatalogError>;
    async fn model_totals(&self, model: ModelId) -> Result<ModelTotals, CatalogError>;
    async fn totals(&self) -> Result<Totals, CatalogError>;
    /// Calls by how they ended: for the operator and for audits.
    async fn outcomes(&self, release: ReleaseId) -> Result<Vec<(Class, Outcome, u64)>, CatalogError>;
    /// Calls and what they cost, by class, over all the hub.
    async fn class_totals(&self) -> Result<Vec<(Class, u64, Amount)>, CatalogError>;

    /// Adds what was checked of a release to what came of it before.
    async fn add_checks(&self, release: ReleaseId, checks: &[NewCheck]) -> Result<(), CatalogError>;
    /// By kind, each that was ever made.
    async fn checks(&self, release: ReleaseId) -> Result<Vec<CheckSum>, CatalogError>;
    /// The same of a model's newest releases, so many; newest first.
    async fn model_checks(&self, model: ModelId, releases: u64)
    -> Result<Vec<(ReleaseNumber, CheckSum)>, CatalogError>;
    /// Releases that were never run in two runners, newest first, those before one with its time.
    async fn unchecked(
        &self,
        before: Option<(Time, ReleaseId)>,
        limit: u64,
    ) -> Result<Vec<(Time, ReleaseId)>, CatalogError>;
    /// Over all releases.
    async fn check_totals(&self) -> Result<Vec<(CheckKind, CheckCounts)>, CatalogError>;

    async fn trial(&self, model: ModelId) -> Result<Trial, CatalogError>;
    async fn set_trial(&self, model: ModelId, trial: Trial) -> Result<(), CatalogError>;
    async fn trial_use(&self, model: ModelId, caller: AccountId) -> Result<TrialUse, CatalogError>;

    /// Notes that a receipt was handed out, and with which signature. Again, it changes nothing.
    async fn add_receipt(&self, call: CallId, seq: Seq, signature: &[u8], at: Time) -> Result<(), CatalogError>;

    async fn webhook(&self, account: AccountId) -> Result<Option<Webhook>, CatalogError>;
    async fn webhooks(&self) -> Result<Vec<Webhook>, CatalogError>;
    async fn set_webhook(&self, webhook: &Webhook) -> Result<(), CatalogError>;
    /// True if there was one.
    async fn remove_webhook(&self, account: AccountId) -> Result<bool, CatalogError>;
    async fn set_low(&self, account: AccountId, low: bool) -> Result<(), CatalogError>;
    /// Accounts that have limits of their own, or keys that have limits over a time.
    async fn limited(&self) -> Result<Vec<AccountId>, CatalogError>;

    /// Notes something once, to be told from `at` on if somebody wants to be told. False if it was noted before. The
    /// newest thousand of an account are kept.
    async fn add_alert(&self, alert: &NewAlert, tell: bool) -> Result<bool, CatalogError>;
    /// Of one account, newest first, before `before`.
    async fn alerts(&self, account: AccountId, before: Option<u64>, limit: u64) -> Result<Vec<Alert>, CatalogError>;
    /// What has to be told now: of each account what has waited longest, and of those the longest waiting first.
    async fn due_alerts(&self, now: Time, limit: u64) -> Result<Vec<Alert>, CatalogError>;
    /// Notes an attempt: when it was delivered, or when to try next, if at all.
    async fn told_alert(
        &self,
        id: u64,
        delivered: Option<Time>,
        next: Option<Time>,
        said: &str,
    ) -> Result<(), CatalogError>;
}
