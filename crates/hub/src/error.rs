//! Why a use case did not do what it was asked. Nothing is half done then.

use engine::{Away, Failure, Unavailable};
use ledger::{AccountId, Amount, CallId, PriceError, Refusal, SplitError};
use registry::{
    Access, CardError, CommitId, Digest, EditError, FilePath, Handle, ModelName, NameError, RefName, ReleaseNumber,
    TreeError,
};
use store::{BlobError, CatalogError, Denied, RefKind, Scope};
use tasks::Refusal as Unread;
use tensor::Mismatch;

use crate::budgets::Over;
use crate::quote::Quote;
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
    #[error("only the operator may do this")]
    NotOperator,

    // What is asked for.
    #[error("there is no model {model}")]
    NoModel { model: ModelName },
    #[error("{model} has no release {release}")]
    NoRelease { model: ModelName, release: ReleaseNumber },
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
    #[error("there is no account \"{handle}\"")]
    NoAccount { handle: Handle },
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

    #[error("{limit} files are coming in already, as many as this hub takes at a time")]
    TooManyUploads { limit: usize },
    #[error(
        "the texts, files and pictures of {limit} calls are being read already, as many as this hub reads at a time"
    )]
    TooManyReads { limit: usize },

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
    /// The message with what to do about it.
    pub(crate) fn advised(&self) -> String {
        match self {
            Error::Unfit { hint: Some(hint), .. } => format!("{self}; {hint}"),
            other => other.to_string(),
        }
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
            gone @ CatalogError::Gone { .. } => Error::Internal { reason: gone.to_string() },
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
            BlobError::Io(error) => Error::Books { reason: error.to_string() },
            other => Error::Blob(other),
        }
    }
}
