//! The one table that turns what the hub refuses into what its clients are told.
//!
//! Always: the message names the value that is wrong; causes inside the hub go to the log, once, and stay there. The
//! match has no arm for the rest, so that a new reason cannot leave without a code.

use api::{Code, Problem};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use engine::Failure;
use hub::{Error, RateLeft};
use ledger::{PriceError, Refusal};
use registry::EditError;
use store::BlobError;
use tasks::Refusal as Unread;

use crate::words;

/// A request that gets no answer. The edge gives it the form of its path's prefix.
#[derive(Debug, Clone)]
pub(crate) struct Refused(Box<Problem>);

impl Refused {
    pub(crate) fn internal() -> Refused {
        Problem::new(Code::Internal, "the hub failed").hint("its log says why; trying again may help").into()
    }

    pub(crate) fn into_problem(self) -> Problem {
        *self.0
    }

    pub(crate) fn problem(&self) -> &Problem {
        &self.0
    }

    pub(crate) fn status(code: Code) -> StatusCode {
        StatusCode::from_u16(code.status()).expect("the table holds statuses")
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Refused(Box::new(problem))
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        log(&error);
        told(error).into()
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = Refused::status(self.0.code).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// What only the operator may read.
fn log(error: &Error) {
    match error {
        Error::Books { reason } => tracing::error!("The books cannot be written: {reason}"),
        Error::Storage { reason } => tracing::error!("Models' files are out of reach: {reason}"),
        Error::Internal { reason } => tracing::error!("The hub failed: {reason}"),
        Error::LostAccount(account) => tracing::error!("A release names {account}, which is not there"),
        Error::Refused(refusal) if code_of(refusal) == Code::Internal => {
            tracing::error!("The books refused a movement of the hub's own making: {refusal}");
        }
        Error::EngineUnavailable(unavailable) => tracing::error!("{unavailable} ({})", unavailable.hint),
        Error::Blob(BlobError::Missing { digest }) => tracing::error!("The blob {digest} is gone"),
        Error::Away(away) => tracing::warn!("A server that runs a model is not there: {away}"),
        // The model's failure, not the hub's.
        Error::Engine(failure) => tracing::warn!("A model failed: {failure}"),
        Error::TimedOut { limit_ms } => tracing::warn!("A model gave no answer within {limit_ms} ms"),
        _ => {}
    }
}

fn code_of(refusal: &Refusal) -> Code {
    match refusal {
        Refusal::IdReused { .. } | Refusal::HoldReused { .. } => Code::IdReused,
        Refusal::NoHold { .. } => Code::HoldNotFound,
        Refusal::HoldEnded { .. } | Refusal::HoldTaken { .. } => Code::HoldEnded,
        Refusal::HoldOfAnother { .. } | Refusal::HoldTime { .. } | Refusal::CaptureAboveHold { .. } => {
            Code::InvalidRequest
        }
        Refusal::Insufficient { .. } => Code::InsufficientFunds,
        Refusal::PromoNotWithdrawable => Code::Forbidden,
        Refusal::TooLarge { .. } => Code::InvalidRequest,
        Refusal::RefundTooLate { .. } | Refusal::RefundsMany { .. } | Refusal::RefundAboveRest { .. } => {
            Code::RefundRefused
        }
        Refusal::Linked { refusal, .. } => code_of(refusal),
        Refusal::Unbalanced { .. } | Refusal::NoDebt { .. } => Code::Internal,
    }
}

fn told(error: Error) -> Problem {
    const NEED_KEY: &str = "send Authorization: Bearer mh_…; the hub's operator makes accounts and their first keys";
    const NEED_MONEY: &str = "the hub's operator takes deposits; X-Max-Cost limits what a call may cost";
    let message = error.to_string();
    let problem = |code| Problem::new(code, message.clone());
    match error {
        Error::NoKey => problem(Code::NoKey).hint(NEED_KEY),
        Error::UnknownKey => problem(Code::BadKey).hint(NEED_KEY),
        Error::KeyRevoked | Error::KeyExpired { .. } => {
            problem(Code::BadKey).hint("make another with modelhub key create")
        }
        Error::ScopeMissing { .. } => problem(Code::ScopeMissing).hint("use or make a key with this scope"),
        Error::ModelNotAllowed { .. } => problem(Code::Forbidden).hint("use or make a key for this model"),
        Error::NotInGroup { .. } | Error::NotOperator => problem(Code::Forbidden),
        Error::RoleTooLow { owner, .. } => {
            problem(Code::Forbidden).hint(format!("an admin of {owner} may do it, or give you another role"))
        }
        Error::TermsStand { owner, .. } => {
            problem(Code::Forbidden).hint(format!("publish on the terms that stand, or ask an admin of {owner}"))
        }
        Error::NoSession => problem(Code::SessionOver).hint("sign in again at /login"),
        Error::InvitationNeeded | Error::NoInvitation => {
            problem(Code::InvitationRequired).hint("the hub's operator makes invitations: modelhub admin invite")
        }
        Error::NotAsked => problem(Code::ChallengeOver).hint("begin again"),
        Error::NoPasskeys(_) => problem(Code::InvalidRequest).hint("sign in with a key or a wallet"),
        Error::Passkey(_) | Error::Wallet(_) => problem(Code::SignInFailed),
        Error::UnknownPasskey | Error::UnknownWallet { .. } => {
            problem(Code::SignInFailed).hint("make an account with it at /login/join")
        }
        Error::WalletText(_) => problem(Code::InvalidRequest).hint("sign the text of EIP-4361, as it is"),
        Error::WayTaken => problem(Code::WayTaken),
        Error::ManyWays => problem(Code::InvalidRequest).hint("remove one that is not needed"),
        Error::LastWay => problem(Code::LastWay),
        Error::NoWay { .. } => problem(Code::WayNotFound),
        Error::NoDevice { .. } => problem(Code::DeviceNotFound).hint("start modelhub login again, and type what it shows"),
        Error::ManyAttempts { wait_s } => {
            problem(Code::TooManyAttempts).hint("wait; somebody else's tries do not count against you").wait(wait_s)
        }
        Error::RateReached(RateLeft { whose: "address", reset_s, .. }) => problem(Code::RateLimited)
            .hint("wait, or send a key: what comes with one is not counted with its address")
            .wait(reset_s),
        Error::RateReached(RateLeft { reset_s, .. }) => {
            problem(Code::RateLimited).hint("wait as Retry-After says").wait(reset_s)
        }
        Error::Crowded { .. } => problem(Code::Busy).hint("try again in a minute"),
        Error::KeyForModels => problem(Code::Forbidden).hint("use or make a key for all models"),

        Error::NoModel { .. } => problem(Code::ModelNotFound),
        Error::NoRelease { .. } => problem(Code::ReleaseNotFound),
        Error::TakenDown { model, .. } => {
            problem(Code::TakenDown).hint(format!("GET /api/v1/models/{model}/moderation says what was decided"))
        }
        Error::NoReport { .. } => problem(Code::ReportNotFound),
        Error::ReportAnswered { .. } => problem(Code::ReportAnswered),
        Error::ManyReports { wait_s, .. } => problem(Code::TooManyReports).wait(wait_s),
        Error::EnoughReports { .. } => problem(Code::TooManyReports).hint("the operator knows of it").wait(86_400),
        Error::NotVerified { .. } => problem(Code::NotVerified),
        Error::NeverReleased { .. } => problem(Code::ReleaseNotFound).hint("its owner publishes one: modelhub release"),
        Error::NotReleased { .. } => problem(Code::ReleaseNotFound),
        Error::NoRevision { .. } => problem(Code::RevisionNotFound),
        Error::NoFile { .. } => problem(Code::FileNotFound),
        Error::Sealed { model, .. } => {
            problem(Code::WeightsSealed).hint(format!("it is called, not downloaded: POST /v2/models/{model}/infer"))
        }
        Error::NotAdmitted { model, status: None, .. } => {
            let route = format!("modelhub access request {model}, or POST /api/v1/models/{model}/access");
            problem(Code::AccessRequired).hint(route)
        }
        Error::NotAdmitted { .. } => problem(Code::AccessRequired),
        Error::NotGated { .. } | Error::AdmittedAlready { .. } | Error::ManyRequests { .. } => {
            problem(Code::InvalidRequest)
        }
        Error::NoAccessRequest { .. } => problem(Code::AccessRequestNotFound),
        Error::NoAccount { .. } => {
            problem(Code::AccountNotFound).hint("check the handle: whoever it names has to have an account here first")
        }
        Error::NotOrganisation { .. } => problem(Code::InvalidRequest),
        Error::NoMember { .. } => problem(Code::MemberNotFound),
        Error::LastAdmin { .. } => problem(Code::LastAdmin).hint("make another member an admin first"),
        Error::NoReceipt { .. } => problem(Code::ReceiptNotFound),
        Error::NoSuchKey { .. } => problem(Code::KeyNotFound),
        Error::NoHook { .. } => problem(Code::WebhookNotFound).hint("GET /api/v1/webhooks lists those that are there"),
        Error::NoDelivery { .. } => problem(Code::DeliveryNotFound),
        Error::ManyHooks { .. } => problem(Code::InvalidRequest).hint("remove one that is not needed"),
        Error::ManyFollowers { .. } => problem(Code::Busy).hint("ask without wait, or in a second"),
        Error::Tariff(_) => problem(Code::InvalidPrice),
        Error::Yanked { model, release, .. } => problem(Code::ReleaseYanked)
            .hint(format!("name a release: {model}@{release} still runs for who names it")),
        Error::NoWebhook => problem(Code::WebhookNotFound).hint("set one: PUT /api/v1/webhook"),
        Error::Unsigned(_) => problem(Code::BadSignature).hint("the secret lies in deposit.secret in the hub's folder"),
        Error::Search(hub::SearchError::Damaged { .. }) => Refused::internal().into_problem(),
        Error::Search(_) => problem(Code::InvalidRequest),
        Error::Name(_) | Error::Invalid { .. } => problem(Code::InvalidRequest),
        Error::Input(_) => problem(Code::InvalidInput),
        Error::NoTask { model } => problem(Code::InvalidRequest).hint(format!("POST /v2/models/{model}/infer")),
        Error::Task(Unread::Answer { .. }) => problem(Code::EngineFailed).hint("nothing was charged"),
        Error::Task(_) => problem(Code::InvalidInput),
        Error::InputTooLarge { .. } => problem(Code::BodyTooLarge),

        Error::PaymentRequired(quote) => problem(Code::PaymentRequired).hint(NEED_KEY).quote(words::quote(&quote)),
        Error::CostAboveLimit { .. } => problem(Code::CostAboveLimit).hint("raise X-Max-Cost, or the key's own limit"),
        Error::SpendingLimit { .. } => problem(Code::SpendingLimit).hint("wait for the next day or month, or raise it"),
        Error::Insufficient { .. } => problem(Code::InsufficientFunds).hint(NEED_MONEY),
        Error::Refused(refusal) => match code_of(&refusal) {
            Code::Internal => Refused::internal().into_problem(),
            code => problem(code),
        },
        Error::Price(PriceError::NoRate) => problem(Code::InvalidPrice).hint("nothing was charged"),
        Error::Price(_) => problem(Code::InvalidPrice),
        Error::Split(_) => problem(Code::InvalidSplit)
            .hint("each receiver stands in it once, and the shares have to add up to 100%, like bob: 70%, carol: 30%"),

        Error::KeyReused => problem(Code::IdempotencyConflict).hint("use a new key for a new request"),
        Error::OutcomeExpired { .. } => problem(Code::OutcomeExpired),
        Error::KeyedFull { .. } => problem(Code::IdempotencyFull).hint("calls without an Idempotency-Key are taken"),

        Error::ModelTaken { .. } => problem(Code::ModelTaken),
        Error::RefTaken { .. } | Error::MainStays { .. } => problem(Code::RefConflict),
        Error::HasReleases { .. } => problem(Code::ModelReleased).hint("make it private instead"),
        Error::BranchMoved { .. } | Error::Overtaken { .. } => {
            problem(Code::BranchMoved).hint("look at what changed, then commit again")
        }
        Error::Released { .. } => problem(Code::ReleaseConflict).hint("upload to the next version: create_version"),
        Error::NoRight => problem(Code::Forbidden).hint("ask for the upload again"),
        Error::NotHandedIn { .. } => problem(Code::UploadMismatch).hint("upload it first"),
        Error::Edit(EditError::NoFile { .. } | EditError::NoFolder { .. }) => problem(Code::FileNotFound),
        Error::Edit(EditError::Tree(_)) => problem(Code::InvalidRequest),

        Error::HandleTaken { .. } => problem(Code::HandleTaken),
        Error::ReleaseConflict { .. } => problem(Code::ReleaseConflict).hint("publish again"),
        Error::Card(card) => match card.hint() {
            Some(hint) => problem(Code::InvalidCard).hint(hint),
            None => problem(Code::InvalidCard),
        },
        Error::Tree(_) => problem(Code::InvalidRequest),
        Error::Unfit { hint, .. } => Problem { hint, ..problem(Code::PublishRefused) },
        Error::Blob(BlobError::Size { .. } | BlobError::Digest { .. }) => problem(Code::UploadMismatch),
        Error::Blob(BlobError::TooLarge { .. }) => problem(Code::PublishRefused),
        Error::Blob(BlobError::Full { .. }) => problem(Code::BooksUnavailable).hint("the hub's operator has to make room"),
        Error::Blob(BlobError::Offset { .. }) => problem(Code::UploadOffset),
        Error::Blob(BlobError::Long { .. }) => problem(Code::BodyTooLarge),
        Error::Blob(BlobError::Missing { .. }) => Refused::internal().into_problem(),
        Error::Blob(BlobError::Io(_)) | Error::Storage { .. } => {
            Problem::new(Code::StorageUnavailable, "the files of models are out of reach at present; this request charged nothing")
                .hint("try again in a few seconds; the hub's operator finds the reason in its log")
        }
        Error::Books { .. } => {
            problem(Code::BooksUnavailable)
                .hint("it is not known whether this was charged: repeat it with the same Idempotency-Key, or look at /api/v1/calls once the hub is back")
        }

        Error::EngineUnavailable(unavailable) => {
            Problem::new(Code::EngineUnavailable, "no engine: nothing can run models at present").hint(unavailable.hint)
        }
        Error::TooManyReads { .. } => problem(Code::Busy).hint("try again in a second"),
        Error::OverQuota { .. } => problem(Code::QuotaReached)
            .hint("remove models that are not needed, or ask the hub's operator for more; modelhub quota shows what is kept"),
        Error::ManyModels { .. } => problem(Code::QuotaReached)
            .hint("remove models that are not needed, or ask the hub's operator for more"),
        Error::ManyCommits { wait_s, .. } => problem(Code::TooManyCommits)
            .hint("put more files into one commit, or wait")
            .wait(wait_s),
        Error::Collected { .. } => problem(Code::UploadNotFound).hint("hand them in again, then repeat this"),
        Error::TooManyUploads { .. } => problem(Code::Busy).hint("try again when some have ended"),
        Error::Busy { .. } => problem(Code::Busy).hint("try again in a second"),
        Error::TimedOut { .. } => problem(Code::TimedOut),
        Error::Engine(Failure::Weights { .. }) => {
            Problem::new(Code::EngineFailed, "the weights cannot be opened; nothing was charged")
        }
        Error::Engine(_) => problem(Code::EngineFailed),
        Error::Away(away) => {
            let problem = problem(Code::RemoteUnavailable)
                .hint("the model's owner runs that server: try again later, or tell the owner");
            let wait = away.retry_after.map(|wait| u32::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX));
            wait.into_iter().fold(problem, Problem::wait)
        }
        Error::Internal { .. } | Error::LostAccount(_) | Error::RowsMissing { .. } | Error::CatalogLost { .. } => Refused::internal().into_problem(),
    }
}
