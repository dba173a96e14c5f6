//! What moved an account's money, and what may: entries, statements, refunds, holds, limits, trials, deposits.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::text::{
    AccountId, Amount, CallId, Day, Difference, Handle, HoldId, ModelName, Month, Purse, ReleaseNumber, Time,
    TransferId,
};

/// `GET /api/v1/entries`: everything that moved the account's money, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Entries {
    pub items: Vec<Entry>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Entry {
    /// Its row in the books; a row that moved the money in several ways has several entries.
    pub seq: u64,
    #[schema(value_type = Time)]
    pub time: String,
    /// `call`, `trial`, `exchange`, `fee`, `royalty`, `creator`, `deposit`, `grant`, `payout`, `refund`, `refunded`,
    /// `recovery`.
    pub kind: String,
    /// `cash` or `promo`.
    #[schema(value_type = Purse)]
    pub purse: String,
    /// In OPG; below zero is given.
    #[schema(value_type = Difference)]
    pub amount: String,
    /// Of the call it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ModelName>)]
    pub model: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ReleaseNumber>)]
    pub release: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<CallId>)]
    pub call: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<TransferId>)]
    pub transfer: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reference: String,
}

/// `GET /api/v1/statements/{month}`, for example `2026-11`; with `.csv` behind the month the items as CSV.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Statement {
    /// The account's handle.
    #[schema(value_type = Handle)]
    pub account: String,
    #[schema(value_type = Month)]
    pub month: String,
    /// Whether the month is over; until then it may grow.
    pub complete: bool,
    /// What the account had when the month began.
    pub opening: Purses,
    /// And when it ended, or now. `opening` and all items make `closing`.
    pub closing: Purses,
    /// What the items come to, by kind and purse.
    pub totals: Vec<StatementTotal>,
    pub items: Vec<StatementItem>,
}

/// Both purses, in OPG.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Purses {
    #[schema(value_type = Difference)]
    pub cash: String,
    #[schema(value_type = Difference)]
    pub promo: String,
}

/// What one kind of entry came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatementTotal {
    pub kind: String,
    #[schema(value_type = Purse)]
    pub purse: String,
    pub count: u64,
    /// In OPG; below zero is given.
    #[schema(value_type = Difference)]
    pub amount: String,
}

/// What one kind of entry of one release came to on one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatementItem {
    /// `2026-11-23`, of UTC.
    #[schema(value_type = Day)]
    pub day: String,
    pub kind: String,
    #[schema(value_type = Purse)]
    pub purse: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ModelName>)]
    pub model: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ReleaseNumber>)]
    pub release: Option<String>,
    pub count: u64,
    /// In OPG; below zero is given.
    #[schema(value_type = Difference)]
    pub amount: String,
}

/// `POST /api/v1/refunds`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRefund {
    /// `call_…`
    #[schema(value_type = CallId)]
    pub call: String,
    /// In OPG; none: all that is left of the cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Amount>)]
    pub amount: Option<String>,
    /// Whom the call concerns reads it.
    pub reason: String,
    /// `tr_…`, made by the client so that a repeat gives nothing back twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<TransferId>)]
    pub id: Option<String>,
}

/// Its answer, and one of `GET /api/v1/refunds?call=`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Refund {
    /// `tr_…`
    #[schema(value_type = TransferId)]
    pub transfer: String,
    #[schema(value_type = CallId)]
    pub call: String,
    #[schema(value_type = Time)]
    pub time: String,
    pub reason: String,
    /// All of it: what went back at once and what is owed.
    #[schema(value_type = Amount)]
    pub amount: String,
    #[schema(value_type = Amount)]
    pub at_once: String,
    /// Comes from what its receivers earn next.
    #[schema(value_type = Amount)]
    pub owed: String,
    /// The kind of money that goes back.
    #[schema(value_type = Purse)]
    pub purse: String,
    /// What each receiver gives back.
    pub parts: Vec<RefundPart>,
}

/// One receiver's part of a refund.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefundPart {
    /// `acct_…`
    #[schema(value_type = AccountId)]
    pub account: String,
    /// `fee`, `royalty` or `creator`.
    pub role: String,
    #[schema(value_type = Amount)]
    pub at_once: String,
    #[schema(value_type = Amount)]
    pub owed: String,
}

/// `GET /api/v1/refunds?call=call_…`: all refunds of a call, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Refunds {
    pub items: Vec<Refund>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// `GET /api/v1/debts`: what the account owes for refunds, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Debts {
    pub items: Vec<Debt>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Debt {
    /// The refund it is for, `tr_…`.
    #[schema(value_type = TransferId)]
    pub refund: String,
    #[schema(value_type = CallId)]
    pub call: String,
    pub role: String,
    #[schema(value_type = Purse)]
    pub purse: String,
    /// What is still owed.
    #[schema(value_type = Amount)]
    pub amount: String,
}

/// `GET /api/v1/holds` and `GET /api/v1/admin/holds`: money that is set aside durably, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Holds {
    pub items: Vec<Hold>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hold {
    /// `hold_…`
    #[schema(value_type = HoldId)]
    pub hold: String,
    /// Whose money it is, by handle.
    #[schema(value_type = Handle)]
    pub account: String,
    #[schema(value_type = Purse)]
    pub purse: String,
    #[schema(value_type = Amount)]
    pub amount: String,
    #[schema(value_type = Time)]
    pub made: String,
    /// From then on the money is free again.
    #[schema(value_type = Time)]
    pub expires: String,
    pub reference: String,
}

/// `POST /api/v1/admin/holds`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHold {
    #[schema(value_type = Handle)]
    pub handle: String,
    #[schema(value_type = Amount)]
    pub amount: String,
    /// `cash` unless it says `promo`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Purse>)]
    pub purse: Option<String>,
    /// 1 to 90.
    pub days: u32,
    #[serde(default)]
    pub reference: String,
    /// `hold_…`, made by the client so that a repeat sets nothing aside twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<HoldId>)]
    pub id: Option<String>,
}

/// `DELETE /api/v1/admin/holds/{hold}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReleasedHold {
    #[schema(value_type = HoldId)]
    pub hold: String,
    pub released: bool,
    /// Its place in the books.
    pub seq: u64,
}

/// `PUT /api/v1/limits`: all three at once; what is left out is no limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetLimits {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Amount>)]
    pub max_cost: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Amount>)]
    pub max_day: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Amount>)]
    pub max_month: Option<String>,
}

/// The most that may be spent, in OPG; none: no limit of this kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Limits {
    /// By one call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Amount>)]
    pub max_cost: Option<String>,
    /// In a day of UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Amount>)]
    pub max_day: Option<String>,
    /// In a month of UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Amount>)]
    pub max_month: Option<String>,
}

/// `GET /api/v1/limits`, and what `PUT` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LimitsUsed {
    /// Of the account, whatever the key.
    pub account: UsedLimits,
    /// Of the key that asked.
    pub key: UsedLimits,
}

/// Limits and how far they are used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsedLimits {
    #[serde(flatten)]
    pub limits: Limits,
    #[schema(value_type = Amount)]
    pub spent_today: String,
    #[schema(value_type = Amount)]
    pub spent_this_month: String,
}

/// `PUT /api/v1/models/{owner}/{name}/trial`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetTrial {
    /// Whether new accounts may try it at the hub's expense. It is, unless this says no.
    pub allowed: bool,
    /// What its owner pays of trials, in all.
    #[schema(value_type = Amount)]
    pub budget: String,
    /// And of one account's.
    #[schema(value_type = Amount)]
    pub per_account: String,
}

/// Its answer, and that of `GET`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Trial {
    #[schema(value_type = ModelName)]
    pub model: String,
    pub allowed: bool,
    #[schema(value_type = Amount)]
    pub budget: String,
    #[schema(value_type = Amount)]
    pub per_account: String,
    /// What its owner has paid of trials.
    #[schema(value_type = Amount)]
    pub used: String,
}

/// `GET` and `PUT /api/v1/admin/trial`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TrialBudget {
    /// What each new account may try at the hub's expense.
    #[schema(value_type = Amount)]
    pub budget: String,
}

/// `POST /api/v1/deposits`, signed: money that came in, posted together or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDeposits {
    /// 1 to 1,000.
    pub deposits: Vec<NewDeposit>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDeposit {
    /// By handle.
    #[schema(value_type = Handle)]
    pub account: String,
    #[schema(value_type = Amount)]
    pub amount: String,
    /// What the operator wants to find it by.
    #[serde(default)]
    pub reference: String,
}

/// Its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Deposited {
    /// In the order of the message.
    pub transfers: Vec<DepositedOne>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DepositedOne {
    /// `tr_…`
    #[schema(value_type = TransferId)]
    pub transfer: String,
    /// Its place in the books.
    pub seq: u64,
}
