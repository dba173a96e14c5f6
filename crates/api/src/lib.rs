//! Words on the wire: what requests and answers look like, and one table of public error codes.
//!
//! Always: plain texts and numbers, none of the hub's own types, so that a change inside cannot change an answer by
//! accident; amounts are decimal strings in OPG without a unit, times are RFC 3339; what a client can send has a limit.
//! Bodies of `/api/v1` refuse fields they do not know, because a misspelt limit on a key would be no limit; bodies of
//! `/v2` read over them, because the protocol's clients send their own.
//!
//! Absent on purpose: rules, routes, headers, HTML. `server` translates between these words and the use cases.
//!
//! To add an error code: a line in `code.rs`, which is the table; `docs/api.md` is generated from it.
//! To add a word: a struct that derives `ToSchema`, the texts in it as `text.rs` has them.

mod access;
mod account;
mod admin;
mod code;
mod embeddings;
mod events;
mod inference;
mod life;
mod list;
mod model;
mod moderation;
mod money;
mod organisation;
mod problem;
mod publish;
mod rankings;
mod rates;
mod run;
mod scan;
mod search;
mod signin;
mod storage;
pub mod text;
mod webhook;

pub use access::{AccessRequest, AccessRequests, AccessSetting, AskAccess, DecideAccess, RemovedAccess, SetAccess};
pub use account::{
    Account, Balance, Call, Calls, Earning, EarningSums, Earnings, Key, Keys, MadeKey, NewKey, RevokedKey,
};
pub use admin::{Fee, MadeAccount, Moved, NewAccount, NewTransfer, RateSet, SetRate};
pub use code::Code;
pub use embeddings::{Embedded, Embedding, Embeddings, EmbeddingsRequest, EmbeddingsUsage, Texts};
pub use events::{ChangeHook, Deliveries, Delivery, Event, Events, Hook, Hooks, NewHook, RemovedHook};
pub use inference::{
    AskedOutput, Data, InferAnswer, InferRequest, MAX_ID_BYTES, MAX_SHAPE, MAX_TENSORS, Request as InferJson,
    Unreadable, WrittenTensor,
};
pub use life::{
    ComingPrice, FieldChange, FileChange, FileState, PriceChange, PriceNotice, PriceStep, Prices, ReleaseDiff,
    ReleaseState, SetPrice, TextChange, Yank,
};
pub use list::{ListedModel, ListedModels, MAX_PAGE, PAGE};
pub use model::{
    Check, CheckDifference, HubInfo, ModelChecks, ModelMetadata, PriceTerms, Quote, QuotePart, Ready, ReleaseChecks,
    ServerMetadata, TensorMetadata,
};
pub use moderation::{
    Decision, Decisions, DismissReport, ModelStanding, Moderation, NewReport, Report, Reports, RestoreModel, Restrict,
    RestrictedModels, VerifiedAccount, VerifiedAccounts, Verify,
};
pub use money::{
    Debt, Debts, Deposited, DepositedOne, Entries, Entry, Hold, Holds, Limits, LimitsUsed, NewDeposit, NewDeposits,
    NewHold, NewRefund, Purses, Refund, RefundPart, Refunds, ReleasedHold, SetLimits, SetTrial, Statement,
    StatementItem, StatementTotal, Trial, TrialBudget, UsedLimits,
};
pub use organisation::{Member, Members, NewOrganisation, Organisation, Organisations, RemovedMember, SetMember};
pub use problem::{ApiBody, ErrorLine, InferenceBody, OpenAiBody, OpenAiWords, Prefix, Problem, Words};
pub use publish::{
    DraftFile, DraftState, PartUploaded, Preview, Publish, Published, PublishedLine, ReleaseWish, Uploaded, Verdict,
    VerdictLine,
};
pub use rankings::{RankedModel, Rankings, Wanted, WantedWords};
pub use rates::{KindRates, RequestRates, RotateKey};
pub use run::{MAX_VALUES, RunAnswer, RunRequest, values};
pub use scan::{CardBase, CardLicence, CardPart, FileScan, ModelCard, ModelScan, ScanFinding, ScanImport};
pub use search::{FacetCount, Found, FoundModel, MAX_SEARCH_PAGE, SEARCH_PAGE};
pub use signin::{
    AskWallet, Ceremony, Device, DeviceAnswer, DeviceToken, Invitation, Invitations, MadeInvitation, NewDevice,
    NewInvitation, NewJoin, Passkey, PasskeyAnswer, Removed, Session, Sessions, SignedIn, Wallet, WalletAnswer,
    WalletAsk, Ways,
};
pub use storage::{Collect, Collected, Quota, SetQuota};
pub use webhook::{Alert, Alerts, QueuedTest, RemovedWebhook, SetWebhook, Webhook};
