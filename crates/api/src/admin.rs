//! What the operator does: accounts, money by hand, fee and rate.

use serde::{Deserialize, Serialize};

use crate::Balance;
use utoipa::ToSchema;

use crate::text::{AccountId, Amount, Handle, HoldId, Rate, Share, TransferId};

/// `POST /api/v1/admin/accounts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    #[schema(value_type = Handle)]
    pub handle: String,
    /// `user` unless it says `org` or `agent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

/// Its answer. The secret of the account's first key is shown this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MadeAccount {
    #[schema(value_type = Handle)]
    pub handle: String,
    /// `acct_…`
    #[schema(value_type = AccountId)]
    pub account: String,
    /// `mh_…`
    pub key: String,
}

impl std::fmt::Debug for MadeAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MadeAccount")
            .field("handle", &self.handle)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

/// `POST /api/v1/admin/grants`, `…/deposits`, `…/payouts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTransfer {
    #[schema(value_type = Handle)]
    pub handle: String,
    #[schema(value_type = Amount)]
    pub amount: String,
    /// What the operator wants to find it by.
    #[serde(default)]
    pub reference: String,
    /// `tr_…`, made by the client so that a repeat moves nothing twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<TransferId>)]
    pub id: Option<String>,
    /// `hold_…`, of a payout: the money that was set aside for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<HoldId>)]
    pub hold: Option<String>,
}

/// Its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Moved {
    /// `tr_…`
    #[schema(value_type = TransferId)]
    pub transfer: String,
    /// Its place in the books.
    pub seq: u64,
    /// What the account has now.
    pub balance: Balance,
}

/// `GET` and `PUT /api/v1/admin/fee`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Fee {
    /// `10%`
    #[schema(value_type = Share)]
    pub share: String,
}

/// `PUT /api/v1/admin/rate`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetRate {
    /// USD for 1 OPG.
    #[schema(value_type = Rate)]
    pub rate: String,
}

/// `GET /api/v1/admin/rate`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RateSet {
    /// USD for 1 OPG; null until one is set.
    #[schema(value_type = Option<Rate>)]
    pub rate: Option<String>,
}
