//! An account's own: balance, earnings, calls, keys.

use serde::{Deserialize, Serialize};

use crate::Limits;
use utoipa::ToSchema;

use crate::text::{
    AccountId, Amount, CallId, Day, Difference, Handle, KeyId, ModelName, Purse, ReleaseNumber, Scope, Time,
};

/// `GET /api/v1/account`: who the key belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Account {
    #[schema(value_type = Handle)]
    pub handle: String,
    /// `acct_…`
    #[schema(value_type = AccountId)]
    pub account: String,
    /// `user`, `org`, `agent` or `hub`.
    pub kind: String,
    /// What the key may be used for.
    #[schema(value_type = Vec<Scope>)]
    pub scopes: Vec<String>,
    /// `key_…`
    #[schema(value_type = KeyId)]
    pub key: String,
}

/// `GET /api/v1/balance`: what can be spent now, what is set aside, and what is owed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Balance {
    #[schema(value_type = Amount)]
    pub cash: String,
    #[schema(value_type = Amount)]
    pub promo: String,
    /// Set aside by running calls and by durable holds.
    #[schema(value_type = Amount)]
    pub held: String,
    /// For refunds: taken from what the account earns next.
    #[schema(value_type = Amount)]
    pub owed: String,
}

/// `GET /api/v1/earnings?by=model|release|day|class|payer`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Earnings {
    pub items: Vec<Earning>,
    pub totals: EarningSums,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// What one line of calls came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Earning {
    /// Unless it is asked for by class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ModelName>)]
    pub model: Option<String>,
    /// Where it is asked for, or days or payers are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ReleaseNumber>)]
    pub release: Option<String>,
    /// `2026-11-23`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Day>)]
    pub day: Option<String>,
    /// Where it is asked for: a name for the payer that only this account sees, `payer_…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer: Option<String>,
    /// Who paid: `paid` alone is income.
    pub class: String,
    /// `cash` or `promo`.
    #[schema(value_type = Purse)]
    pub purse: String,
    /// `creator` or `royalty`; `refunded` or `recovery` for what was given back.
    pub kind: String,
    pub calls: u64,
    /// In OPG; below zero for what was given back.
    #[schema(value_type = Difference)]
    pub amount: String,
}

/// Sums over all items, by who paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EarningSums {
    /// From other accounts' cash: income.
    #[schema(value_type = Difference)]
    pub paid: String,
    /// From promotional money, which cannot be paid out.
    #[schema(value_type = Difference)]
    pub trial: String,
    /// From the account's own group.
    #[schema(value_type = Difference)]
    pub own: String,
}

/// `GET /api/v1/calls`: the account's own calls, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Calls {
    pub items: Vec<Call>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Call {
    /// `call_…`, also the receipt's id.
    #[schema(value_type = CallId)]
    pub id: String,
    #[schema(value_type = Time)]
    pub accepted: String,
    #[schema(value_type = Time)]
    pub finished: String,
    /// `owner/name`.
    #[schema(value_type = ModelName)]
    pub model: String,
    #[schema(value_type = ReleaseNumber)]
    pub release: String,
    pub class: String,
    pub surface: String,
    #[schema(value_type = Purse)]
    pub purse: String,
    /// `ok`, or why it cost nothing.
    pub outcome: String,
    #[schema(value_type = Amount)]
    pub cost: String,
    /// Who paid it in the account's stead, where it was a trial: `hub` or `owner`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sponsor: Option<String>,
    /// The hub's part of it.
    #[schema(value_type = Amount)]
    pub fee: String,
    pub queue_us: u64,
    pub engine_us: u64,
    pub cold: bool,
    /// Where the receipt is, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
}

/// `GET /api/v1/keys`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Keys {
    pub items: Vec<Key>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A key without its secret, which nobody has kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Key {
    /// `key_…`
    #[schema(value_type = KeyId)]
    pub id: String,
    pub name: String,
    #[schema(value_type = Vec<Scope>)]
    pub scopes: Vec<String>,
    /// The models it is good for; none: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<ModelName>>)]
    pub models: Option<Vec<String>>,
    #[serde(flatten)]
    pub limits: Limits,
    #[schema(value_type = Time)]
    pub created: String,
    /// When it was used last, half a minute late at most; none: never, or not since this is written down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Time>)]
    pub used: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Time>)]
    pub expires: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Time>)]
    pub revoked: Option<String>,
    /// The most calls with it: `60/min`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<String>,
    /// When it got its secret, if it was made with another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Time>)]
    pub rotated: Option<String>,
    /// Until when secrets it had before are good at most, or were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Time>)]
    pub old_until: Option<String>,
}

/// `POST /api/v1/keys`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    #[serde(default)]
    pub name: String,
    #[schema(value_type = Vec<Scope>)]
    pub scopes: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<ModelName>>)]
    pub models: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in_days: Option<u32>,
    /// The most that one call with it may cost, in OPG.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Amount>)]
    pub max_cost: Option<String>,
    /// The most that may be spent with it in a day of UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Amount>)]
    pub max_day: Option<String>,
    /// And in a month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Amount>)]
    pub max_month: Option<String>,
    /// The most calls with it: `60/min`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<String>,
}

/// Its answer. The secret is shown this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MadeKey {
    /// `mh_…`
    pub key: String,
    #[serde(flatten)]
    pub record: Key,
}

impl std::fmt::Debug for MadeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MadeKey").field("key", &"…").field("record", &self.record).finish()
    }
}

/// `DELETE /api/v1/keys/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RevokedKey {
    #[schema(value_type = KeyId)]
    pub id: String,
    pub revoked: bool,
}
