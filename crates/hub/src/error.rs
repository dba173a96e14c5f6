//! Why a use case did not do what it was asked. Nothing is half done then.

use engine::{Away, Failure, Unavailable};
use ledger::{AccountId, Amount, CallId, PriceError, Refusal, SplitError, TariffError};
use registry::{
    Access, CardError, CommitId, Digest, EditError, FilePath, Handle, ModelName, NameError, RefName, ReleaseNumber,
    Restriction, TreeError,
};
use store::{
    AccessStatus, BlobError, CatalogError, Denied, MAX_OPEN_REPORTS, MAX_WAITING, MemberRole, RefKind, ReportState,
    Scope,
};
use tasks::Refusal as Unread;
use tensor::Mismatch;

use crate::budgets::Over;
use crate::quote::Quote;
use crate::rates::RateLeft;
use crate::signing::Unsigned;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    // Who is asking.
    #[error("a key is needed")]
    NoKey,
    #[error("the key is not known here")]
    UnknownKey,
    #[error("the key was revoked")]
    KeyRevoked,
    #[error("the key expired at {at}")]
    KeyExpired { at: ledger::Time },
    #[error("the key has not the scope \"{needed}\" (it has: {has})")]
    ScopeMissing { needed: Scope, has: String },
    #[error("the key is not for {model}")]
    ModelNotAllowed { model: ModelName },
    #[error("{handle} does not belong to {owner}'s group")]
    NotInGroup { handle: Handle, owner: Handle },
    #[error("{handle} is a {role} of {owner}, and this takes {}", article(*.least))]
    RoleTooLow { handle: Handle, owner: Handle, role: MemberRole, least: MemberRole },
    #[error(
        "the release has another {what} than the one before, which only an admin of {owner} changes; {handle} is a {role}"
    )]
    TermsStand { handle: Handle, owner: Handle, role: MemberRole, what: &'static str },
    #[error("the key is for single models, and this is about all of them")]
    KeyForModels,
    #[error("only the operator may do this")]
    NotOperator,
    #[error("the session is over, or was ended")]
    NoSession,

    // Who signs in.
    #[error("this hub takes no new accounts without an invitation")]
    InvitationNeeded,
    #[error("the invitation is unknown, was used, or is over")]
    NoInvitation,
    #[error("nobody was asked for this, or it was answered, or more than ten minutes ago")]
    NotAsked,
    #[error(transparent)]
    NoPasskeys(identity::NoPasskeys),
    #[error(transparent)]
    Passkey(#[from] identity::Rejected),
    #[error("no account here has this passkey")]
    UnknownPasskey,
    #[error(transparent)]
    WalletText(#[from] identity::BadMessage),
    #[error(transparent)]
    Wallet(#[from] identity::NotSigned),
    #[error("no account here has the wallet {address}")]
    UnknownWallet { address: receipt::Address },
    #[error("this passkey or wallet belongs to an account already")]
    WayTaken,
    #[error("an account has at most 50 passkeys and as many wallets")]
    ManyWays,
    #[error("it is the last way to sign in to the account; add another first")]
    LastWay,
    #[error("there is no {what} {id} to be removed")]
    NoWay { what: &'static str, id: String },
    #[error("no program waits under the code \"{code}\"; a code is good for ten minutes, once")]
    NoDevice { code: String },
    #[error("{what}")]
    Crowded { what: String },
    #[error("too many tries to get in failed; the next is taken in {wait_s} s")]
    ManyAttempts { wait_s: u32 },

    // How often.
    #[error("this {} may make {} at {}, and they are used up", .0.whose, .0.kind, .0.rate)]
    RateReached(RateLeft),

    // What is searched.
    #[error(transparent)]
    Search(#[from] search::Error),

    // What is asked for.
    #[error("there is no model {model}")]
    NoModel { model: ModelName },
    #[error("{model} has no release {release}")]
    NoRelease { model: ModelName, release: ReleaseNumber },
    #[error("{model} was taken down by the hub's operator on {}, for {}: {}", ledger::Time::date(.restriction.at.day()), .restriction.reason.says(), .restriction.text)]
    TakenDown { model: ModelName, restriction: Restriction },
    #[error("there is no report {report}")]
    NoReport { report: u64 },
    #[error("the report {report} was answered already: {state}")]
    ReportAnswered { report: u64, state: ReportState },
    #[error("an account sends at most {bound} reports, and changes of reports, within a day")]
    ManyReports { bound: u64, wait_s: u32 },
    #[error("{MAX_OPEN_REPORTS} reports of {model} wait for the operator already, as many as may")]
    EnoughReports { model: ModelName },
    #[error("{handle} is not verified")]
    NotVerified { handle: Handle },
    #[error("{model} has no release yet")]
    NeverReleased { model: ModelName },
    #[error("{model} {release} is no release: {reason}")]
    NotReleased { model: ModelName, release: ReleaseNumber, reason: String },
    #[error("{model} has no branch, tag, release or commit \"{revision}\"")]
    NoRevision { model: ModelName, revision: String },
    #[error("{model} has no file \"{path}\" at {commit}")]
    NoFile { model: ModelName, path: String, commit: CommitId },
    #[error("{path} of {model} is {access}: it runs here and is read by its owner alone")]
    Sealed { model: ModelName, path: FilePath, access: Access },
    #[error("{path} of {model} is gated: {}", waits(*.status))]
    NotAdmitted { model: ModelName, path: FilePath, status: Option<AccessStatus> },
    #[error("{model} is {access}, and there is no access to ask for")]
    NotGated { model: ModelName, access: Access },
    #[error("{handle} reads the weights of {model} already")]
    AdmittedAlready { model: ModelName, handle: Handle },
    #[error("{who} has no request for access to {model}{}", .status.map_or_else(String::new, |status| format!(" that is not {status} already")))]
    NoAccessRequest { model: ModelName, who: String, status: Option<AccessStatus> },
    #[error("{model} is gated and {MAX_WAITING} accounts wait for an answer already, as many as may")]
    ManyRequests { model: ModelName },
    #[error("there is no account \"{handle}\"")]
    NoAccount { handle: Handle },
    #[error("{handle} is no organisation")]
    NotOrganisation { handle: Handle },
    #[error("{handle} is no member of {organisation}")]
    NoMember { handle: Handle, organisation: Handle },
    #[error("{handle} is the last admin of {organisation}, which keeps one")]
    LastAdmin { handle: Handle, organisation: Handle },
    #[error("there is no receipt {call} for this key")]
    NoReceipt { call: CallId },
    #[error("there is no key {key} of this account, or it is revoked already")]
    NoSuchKey { key: ledger::KeyId },
    #[error(transparent)]
    Name(#[from] NameError),
    #[error("input {0}")]
    Input(Mismatch),
    #[error("the inputs have {bytes} bytes together, at most {limit} are taken")]
    InputTooLarge { bytes: u64, limit: u64 },
    #[error("{model} has no task: it takes tensors alone")]
    NoTask { model: ModelName },
    /// A call's values, or what the model made of them.
    #[error(transparent)]
    Task(#[from] Unread),
    #[error("{what} \"{value}\" is not taken: {rule}")]
    Invalid { what: &'static str, value: String, rule: String },

    // Money.
    #[error("{} costs {} OPG a call; no key came with the request", .0.model, .0.cost)]
    PaymentRequired(Box<Quote>),
    #[error("the call costs {cost} OPG, above the limit of {limit} OPG")]
    CostAboveLimit { cost: Amount, limit: Amount },
    #[error(
        "the call costs {wanted} OPG, and the {whose} may spend {limit} OPG a {over}: {spent} OPG are spent, \
         {running} OPG are held by running calls"
    )]
    SpendingLimit { whose: &'static str, over: Over, limit: Amount, spent: Amount, running: Amount, wanted: Amount },
    #[error(
        "{wanted} OPG are needed; available are {cash} OPG cash and {promo} OPG promo, {held} OPG are held by running calls"
    )]
    Insufficient { wanted: Amount, cash: Amount, promo: Amount, held: Amount },
    #[error(transparent)]
    Refused(Refusal),
    #[error(transparent)]
    Price(#[from] PriceError),
    #[error(transparent)]
    Split(#[from] SplitError),

    #[error("the account has no webhook")]
    NoWebhook,
    #[error(transparent)]
    Unsigned(#[from] Unsigned),

    // Idempotency.
    #[error("this Idempotency-Key was used before for another request")]
    KeyReused,
    #[error("the outcome of this Idempotency-Key is no longer kept (24 hours); its receipt is {call}")]
    OutcomeExpired { call: CallId },
    #[error("{limit} keyed calls in 24 hours is the most this hub remembers")]
    KeyedFull { limit: usize },

    // Files and their history.
    #[error("there is a model {model} already")]
    ModelTaken { model: ModelName },
    #[error("{model} has the {} {name} already", .kind.word())]
    RefTaken { model: ModelName, kind: RefKind, name: RefName },
    #[error("{model} keeps its branch main")]
    MainStays { model: ModelName },
    #[error("{model} {release} is a release and stays as it is")]
    Released { model: ModelName, release: ReleaseNumber },
    #[error("{count} releases of the model were published, and calls and receipts name them")]
    HasReleases { count: u64 },
    #[error("{branch} is at {} by now, not at {seen}", .head.map_or_else(|| "nothing".to_owned(), |head| head.to_string()))]
    BranchMoved { branch: RefName, head: Option<CommitId>, seen: CommitId },
    #[error("somebody else committed in the same moment; the branch is at {head} now")]
    Overtaken { head: String },
    #[error("this address for an upload is not of this hub's making, or its hour is over")]
    NoRight,
    #[error("the content of {path} ({sha256}) was not uploaded to this account")]
    NotHandedIn { path: FilePath, sha256: Digest },
    #[error(transparent)]
    Edit(#[from] EditError),

    // Publishing.
    #[error("the handle \"{handle}\" is taken")]
    HandleTaken { handle: Handle },
    #[error("release {release} of {model} was published by somebody else in the meantime")]
    ReleaseConflict { model: ModelName, release: ReleaseNumber },
    #[error(transparent)]
    Card(#[from] CardError),
    #[error(transparent)]
    Tree(#[from] TreeError),
    #[error("{step}: {reason}")]
    Unfit { step: &'static str, reason: String, hint: Option<String> },
    #[error(transparent)]
    Blob(BlobError),

    #[error("{owner} keeps {used} bytes and may keep {bound}; {wanted} more are too many")]
    OverQuota { owner: Handle, wanted: u64, used: u64, bound: u64 },
    #[error("{owner} has {count} models and may have {bound}")]
    ManyModels { owner: Handle, count: u64, bound: u64 },
    #[error("{model} had {count} commits within {over} and may have {bound}")]
    ManyCommits { model: ModelName, count: u64, over: &'static str, bound: u64, wait_s: u32 },
    #[error("the bytes of {sha256} were handed in so long ago, without being named, that they were collected")]
    Collected { sha256: Digest },
    #[error("{limit} files are coming in already, as many as this hub takes at a time")]
    TooManyUploads { limit: usize },
    #[error(
        "the texts, files and pictures of {limit} calls are being read already, as many as this hub reads at a time"
    )]
    TooManyReads { limit: usize },

    #[error("{limit} requests wait for events already, as many as this hub lets wait")]
    ManyFollowers { limit: usize },
    /// A price that cannot hold from then on.
    #[error(transparent)]
    Tariff(#[from] TariffError),
    #[error("{model} {release} was yanked: {reason}. Unversioned calls go to no other release of its major")]
    Yanked { model: ModelName, release: ReleaseNumber, reason: String },
    #[error("there is no webhook {hook} of this account")]
    NoHook { hook: String },
    #[error("the webhook has no delivery {delivery}")]
    NoDelivery { delivery: String },
    #[error("an account has at most {limit} webhooks")]
    ManyHooks { limit: u64 },

    // The machine.
    #[error("{0}")]
    EngineUnavailable(Unavailable),
    #[error("{waiting} calls of this model are waiting, at most {limit} may")]
    Busy { waiting: usize, limit: usize },
    #[error("no answer within {limit_ms} ms; nothing was charged")]
    TimedOut { limit_ms: u64 },
    #[error("{0}; nothing was charged")]
    Engine(Failure),
    /// The server that the release points to.
    #[error("{0}; nothing was charged")]
    Away(Away),
    #[error("the books cannot be written: {reason}")]
    Books { reason: String },
    /// `reason` names places and is for the operator alone.
    #[error("the files of models are out of reach at present")]
    Storage { reason: String },
    #[error(
        "the catalogue has seen row {carried} and the books end at row {last}: rows are missing. Keep a copy of the folder, then restore a backup"
    )]
    RowsMissing { carried: store::Seq, last: store::Seq },
    #[error(
        "the books have {last} rows and the catalogue is empty: hub.db, with all accounts, keys and models, is gone. Keep a copy of the folder, then restore a backup"
    )]
    CatalogLost { last: store::Seq },
    #[error("the hub failed")]
    Internal { reason: String },
    #[error("account {0} is not there")]
    LostAccount(AccountId),
}

impl Error {
    /// Whether the hub had it, and neither who asked nor what was asked about.
    pub(crate) fn is_hubs_own(&self) -> bool {
        matches!(
            self,
            Error::Internal { .. }
                | Error::Books { .. }
                | Error::Storage { .. }
                | Error::EngineUnavailable(_)
                | Error::Busy { .. }
        )
    }

    /// The message with what to do about it.
    pub(crate) fn advised(&self) -> String {
        match self {
            Error::Unfit { hint: Some(hint), .. } => format!("{self}; {hint}"),
            other => other.to_string(),
        }
    }
}

fn article(role: MemberRole) -> String {
    if role == MemberRole::Admin { format!("an {role}") } else { format!("a {role}") }
}

/// Why somebody does not read gated weights yet.
fn waits(status: Option<AccessStatus>) -> &'static str {
    match status {
        None => "its owner lets in whoever asks and is approved",
        Some(AccessStatus::Pending) => "your request waits for its owner's answer",
        Some(AccessStatus::Rejected) => "its owner has rejected your request",
        // Between two looks at it somebody was let in.
        Some(AccessStatus::Accepted) => "its owner has accepted your request by now",
    }
}

impl From<CatalogError> for Error {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::HandleTaken { handle } => Error::HandleTaken { handle },
            CatalogError::ReleaseExists { model, number } => Error::ReleaseConflict { model, release: number },
            CatalogError::ModelTaken { model } => Error::ModelTaken { model },
            CatalogError::HasReleases { count } => Error::HasReleases { count },
            CatalogError::Stale { head } => Error::Overtaken { head },
            // The model is named where it is asked for: `repositories::gone`, `reports.rs`.
            of_model @ (CatalogError::TakenDown { .. }
            | CatalogError::ManyReports { .. }
            | CatalogError::EnoughReports) => Error::Internal { reason: of_model.to_string() },
            // What these are about is known where they are asked for: `organisations.rs`, `access.rs`, `rotate.rs`.
            many @ (CatalogError::ManyMembers
            | CatalogError::ManyMemberships
            | CatalogError::ManyOrganisations
            | CatalogError::ManyRequests
            | CatalogError::ManySecrets
            | CatalogError::LastAdmin) => Error::Internal { reason: many.to_string() },
            gone @ CatalogError::Gone { .. } => Error::Internal { reason: gone.to_string() },
            CatalogError::WayTaken => Error::WayTaken,
            CatalogError::ManyWays => Error::ManyWays,
            CatalogError::LastWay => Error::LastWay,
            CatalogError::NoInvitation => Error::NoInvitation,
            crowd @ (CatalogError::ManyChallenges | CatalogError::ManyInvitations) => {
                Error::Crowded { what: crowd.to_string() }
            }
            CatalogError::Tariff(error) => Error::Tariff(error),
            CatalogError::Collected { blob } => Error::Collected { sha256: blob },
            CatalogError::Failed { reason } => Error::Internal { reason },
        }
    }
}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Refused(Refusal::Insufficient { wanted, cash, promo, held, .. }) => {
                Error::Insufficient { wanted, cash, promo, held }
            }
            Denied::Refused(refusal) => Error::Refused(refusal),
            Denied::AlreadyCaptured { .. } => Error::KeyReused,
            Denied::KeyedFull { limit } => Error::KeyedFull { limit },
            Denied::Broken { reason } => Error::Books { reason },
            Denied::NoCall { seq } => Error::Internal { reason: format!("row {seq} is no call") },
            Denied::LongChain { count } => {
                let rule = format!("at most {} transfers are posted as one", store::CHAIN_LIMIT);
                Error::Invalid { what: "transfers", value: count.to_string(), rule }
            }
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unavailable(unavailable) => Error::EngineUnavailable(unavailable),
            Failure::Busy { waiting, limit } => Error::Busy { waiting, limit },
            Failure::Input(mismatch) => Error::Input(mismatch),
            Failure::TooLarge { bytes, limit } => Error::InputTooLarge { bytes: bytes as u64, limit: limit as u64 },
            Failure::TimedOut { limit_ms } => Error::TimedOut { limit_ms },
            Failure::Away(away) => Error::Away(away),
            other => Error::Engine(other),
        }
    }
}

impl From<BlobError> for Error {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Io(error) => Error::Storage { reason: error.to_string() },
            other => Error::Blob(other),
        }
    }
}
