//! The one table of public error codes.
//!
//! Always: a word is never used again for something else, and never changes its status; clients branch on words.

macro_rules! codes {
    ($($(#[doc = $meaning:literal])+ $variant:ident = $word:literal, $status:literal;)*) => {
        /// Why a request was refused or failed, in a word that stays.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[doc = $meaning])+ $variant,)*
        }

        impl Code {
            /// All of them, in the order of their statuses.
            pub const ALL: &'static [Code] = &[$(Code::$variant),*];

            /// The word in bodies: `model_not_found`.
            pub const fn word(self) -> &'static str {
                match self { $(Code::$variant => $word,)* }
            }

            /// The HTTP status it is sent with.
            pub const fn status(self) -> u16 {
                match self { $(Code::$variant => $status,)* }
            }

            /// What it means, in a sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Code::$variant => concat!($($meaning),+).trim_ascii_start(),)* }
            }
        }
    };
}

codes! {
    /// The body, a header, an id or a name is not well formed.
    InvalidRequest = "invalid_request", 400;
    /// The tensors do not fit the model's contract.
    InvalidInput = "invalid_input", 400;
    /// There is no credential, and this needs one.
    NoKey = "no_key", 401;
    /// The key is wrong, revoked or expired.
    BadKey = "bad_key", 401;
    /// The session is over, or was ended.
    SessionOver = "session_over", 401;
    /// The passkey or the wallet's signature does not hold, or belongs to no account.
    SignInFailed = "sign_in_failed", 401;
    /// The message is not signed, not with the hub's secret, or not of now.
    BadSignature = "bad_signature", 401;
    /// There is no credential, and this costs money; the body carries the quote.
    PaymentRequired = "payment_required", 402;
    /// Neither purse covers the cost.
    InsufficientFunds = "insufficient_funds", 402;
    /// The call would cost more than `X-Max-Cost` or the key allows.
    CostAboveLimit = "cost_above_limit", 402;
    /// The call would go over what key or account may spend in a day or a month.
    SpendingLimit = "spending_limit", 402;
    /// The key lacks the scope that this needs.
    ScopeMissing = "scope_missing", 403;
    /// The account may not do this, whatever its key.
    Forbidden = "forbidden", 403;
    /// The hub takes new accounts by invitation, and there is none, or no good one.
    InvitationRequired = "invitation_required", 403;
    /// A page of another site sent this with a session's cookie.
    CrossOrigin = "cross_origin", 403;
    /// The file carries weights, and its owner keeps them.
    WeightsSealed = "weights_sealed", 403;
    /// The weights are for those whom the model's owner lets in.
    AccessRequired = "access_required", 403;
    /// The account keeps as much, or has as many models, as it may.
    QuotaReached = "quota_reached", 403;
    /// Nothing stands at this path.
    NotFound = "not_found", 404;
    /// There is no such model, or it is not visible to the caller.
    ModelNotFound = "model_not_found", 404;
    /// The model has no such release.
    ReleaseNotFound = "release_not_found", 404;
    /// The model has no such branch, tag, release or commit.
    RevisionNotFound = "revision_not_found", 404;
    /// The commit has no such file or folder.
    FileNotFound = "file_not_found", 404;
    /// There is no such account.
    AccountNotFound = "account_not_found", 404;
    /// The organisation has no such member.
    MemberNotFound = "member_not_found", 404;
    /// The model has no such request for access, or none that is not answered so already.
    AccessRequestNotFound = "access_request_not_found", 404;
    /// There is no such receipt, or it is not visible to the caller.
    ReceiptNotFound = "receipt_not_found", 404;
    /// The account has no such key.
    KeyNotFound = "key_not_found", 404;
    /// The account has no such passkey or wallet, or the hub no such invitation.
    WayNotFound = "way_not_found", 404;
    /// No program waits under this code.
    DeviceNotFound = "device_not_found", 404;
    /// There is no such hold.
    HoldNotFound = "hold_not_found", 404;
    /// There is no such report.
    ReportNotFound = "report_not_found", 404;
    /// The operator has not verified this account.
    NotVerified = "not_verified", 404;
    /// The account has no such webhook.
    WebhookNotFound = "webhook_not_found", 404;
    /// The webhook has no such delivery, or not any more.
    DeliveryNotFound = "delivery_not_found", 404;
    /// The account has not uploaded these bytes.
    UploadNotFound = "upload_not_found", 404;
    /// The path is there, but not for this method; `Allow` lists those it has.
    MethodNotAllowed = "method_not_allowed", 405;
    /// The `Idempotency-Key` was used before with another request.
    IdempotencyConflict = "idempotency_conflict", 409;
    /// The passkey or wallet belongs to an account already.
    WayTaken = "way_taken", 409;
    /// It is the last way to sign in to the account.
    LastWay = "last_way", 409;
    /// The handle belongs to another account.
    HandleTaken = "handle_taken", 409;
    /// The owner has a model of this name already.
    ModelTaken = "model_taken", 409;
    /// There is a branch or tag of this name, or this one has to stay.
    RefConflict = "ref_conflict", 409;
    /// Calls and receipts name the model's releases, so it stays.
    ModelReleased = "model_released", 409;
    /// The release number is taken, or is not the next one.
    ReleaseConflict = "release_conflict", 409;
    /// An organisation keeps at least one admin.
    LastAdmin = "last_admin", 409;
    /// The id was used before with other content.
    IdReused = "id_reused", 409;
    /// The upload goes on from another byte; `Upload-Offset` says from which.
    UploadOffset = "upload_offset", 409;
    /// The report was answered already.
    ReportAnswered = "report_answered", 409;
    /// The hold was captured, released or has expired, or is being captured.
    HoldEnded = "hold_ended", 409;
    /// The call was charged, but its outcome is no longer kept; the receipt is.
    OutcomeExpired = "outcome_expired", 410;
    /// What was asked was answered already, or more than ten minutes ago.
    ChallengeOver = "challenge_over", 410;
    /// The release that calls without a number go to was yanked; whoever names it may call it. Nothing was charged.
    ReleaseYanked = "release_yanked", 410;
    /// The request needs a `Content-Length`.
    LengthRequired = "length_required", 411;
    /// The branch has moved on from the commit this change was made from.
    BranchMoved = "branch_moved", 412;
    /// The body is larger than this path takes.
    BodyTooLarge = "body_too_large", 413;
    /// The body is in a form or an encoding that is not read here.
    UnsupportedMediaType = "unsupported_media_type", 415;
    /// The file ends before the range that was asked for; `Content-Range` says where.
    RangeNotSatisfiable = "range_not_satisfiable", 416;
    /// The model did not pass the checks of a publish; the verdicts say which.
    PublishRefused = "publish_refused", 422;
    /// The card, README.md and its front matter, cannot be taken.
    InvalidCard = "invalid_card", 422;
    /// The split names nobody, somebody unknown, or does not make 100 %.
    InvalidSplit = "invalid_split", 422;
    /// The price cannot be charged as it stands.
    InvalidPrice = "invalid_price", 422;
    /// So much of the call's cost is not left, or its uploader's time to refund it is over.
    RefundRefused = "refund_refused", 422;
    /// The uploaded bytes are not those that were announced.
    UploadMismatch = "upload_mismatch", 422;
    /// Too many calls wait for this model; `Retry-After` says when to try again.
    Busy = "busy", 429;
    /// Requests came faster than the key, the account or the address may send them; `Retry-After` says when there is one more.
    RateLimited = "rate_limited", 429;
    /// Too many tries to get in failed; `Retry-After` says when the next is taken.
    TooManyAttempts = "too_many_attempts", 429;
    /// The model was changed as often as it may be; `Retry-After` says when it may be again.
    TooManyCommits = "too_many_commits", 429;
    /// Too many reports were sent within a day, or wait for the operator; `Retry-After` says when there may be one more.
    TooManyReports = "too_many_reports", 429;
    /// The operator took the model down; the message says why. Nothing was charged.
    TakenDown = "taken_down", 451;
    /// The hub failed; its log says why. `/api/v1/calls` says whether a call was charged.
    Internal = "internal", 500;
    /// The hub has no such part yet.
    NotImplemented = "not_implemented", 501;
    /// The model could not be loaded or failed on these inputs. Nothing was charged.
    EngineFailed = "engine_failed", 502;
    /// Nothing can run models at present. Nothing was charged.
    EngineUnavailable = "engine_unavailable", 503;
    /// The server that runs this model does not answer; `Retry-After` says when to try again. Nothing was charged.
    RemoteUnavailable = "remote_unavailable", 503;
    /// The books cannot be written at present; a request with an `Idempotency-Key` may be repeated safely.
    BooksUnavailable = "books_unavailable", 503;
    /// The files of models are out of reach at present; `Retry-After` says when to try again. The request charged nothing.
    StorageUnavailable = "storage_unavailable", 503;
    /// The window of idempotency keys is full; calls without one are still taken.
    IdempotencyFull = "idempotency_full", 503;
    /// The model did not answer before its deadline. Nothing was charged.
    TimedOut = "timed_out", 504;
}

impl Code {
    /// The seconds after which trying again makes sense, for the header `Retry-After`.
    pub const fn retry_after_s(self) -> Option<u32> {
        match self {
            Code::Busy => Some(1),
            Code::RemoteUnavailable => Some(5),
            Code::EngineUnavailable | Code::BooksUnavailable | Code::StorageUnavailable => Some(10),
            Code::IdempotencyFull => Some(60),
            _ => None,
        }
    }

    /// The table in Markdown, for `docs/api.md`.
    pub fn table() -> String {
        let mut table = "| status | code | meaning |\n|---|---|---|\n".to_owned();
        for code in Code::ALL {
            table += &format!("| {} | `{}` | {} |\n", code.status(), code.word(), code.meaning());
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_stands_once_in_the_form_of_a_word() {
        for (at, code) in Code::ALL.iter().enumerate() {
            let word = code.word();
            assert!(word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{word}");
            assert!(Code::ALL[..at].iter().all(|earlier| earlier.word() != word), "{word} stands there twice");
        }
    }

    #[test]
    fn the_documentation_has_this_table() {
        let page = include_str!("../../../docs/api.md");
        assert!(page.contains(&Code::table()), "docs/api.md is behind; its table is now:\n{}", Code::table());
    }

    #[test]
    fn statuses_are_errors_and_stand_in_order() {
        assert!(Code::ALL.is_sorted_by_key(|code| code.status()));
        assert!(Code::ALL.iter().all(|code| (400..600).contains(&code.status())));
    }

    #[test]
    fn every_meaning_is_a_sentence_and_the_table_has_them_all() {
        let table = Code::table();
        assert_eq!(table.lines().count(), Code::ALL.len() + 2);
        for code in Code::ALL {
            let meaning = code.meaning();
            assert!(meaning.ends_with('.') && meaning.starts_with(char::is_uppercase), "{meaning}");
            assert!(!meaning.contains('|'), "{meaning} breaks the table");
            assert!(table.contains(&format!("| {} | `{}` | {meaning} |", code.status(), code.word())));
        }
    }
}
