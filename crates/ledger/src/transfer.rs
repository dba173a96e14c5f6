//! Transfers: money that moves without a call.

use serde::{Deserialize, Serialize};

use crate::{AccountId, Amount, Time, TransferId};

/// The two kinds of money an account has. They never mix: receivers get the kind the payer spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purse {
    /// Deposited, or earned from cash. Can be paid out.
    Cash,
    /// Granted or for trial. Can be spent here and nowhere else, and never counts as income.
    Promo,
}

/// Why money moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Deposit,
    Grant,
    Payout,
}

/// One side of a transfer: above zero is received, below zero is given, in nano-OPG.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leg {
    pub account: AccountId,
    pub purse: Purse,
    pub nano: i64,
}

/// One movement of money. The same id with the same content is the same transfer, however often it arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    pub id: TransferId,
    pub at: Time,
    pub kind: Kind,
    pub legs: Vec<Leg>,
    /// What the one who moved it wants to find it by: a bank's number, a ticket.
    pub reference: String,
}

/// `amount` from one account to another, within a purse.
fn legs(from: AccountId, to: AccountId, purse: Purse, amount: Amount) -> Vec<Leg> {
    vec![Leg { account: from, purse, nano: -amount.nano() }, Leg { account: to, purse, nano: amount.nano() }]
}

impl Transfer {
    /// Money that came in by `rail`.
    pub fn deposit(
        id: TransferId,
        at: Time,
        rail: AccountId,
        to: AccountId,
        amount: Amount,
        reference: String,
    ) -> Transfer {
        Transfer { id, at, kind: Kind::Deposit, legs: legs(rail, to, Purse::Cash, amount), reference }
    }

    /// Promotional money, given by the operator.
    pub fn grant(id: TransferId, at: Time, to: AccountId, amount: Amount, reference: String) -> Transfer {
        let legs = legs(AccountId::PROMO_OPERATOR, to, Purse::Promo, amount);
        Transfer { id, at, kind: Kind::Grant, legs, reference }
    }

    /// Money that left by `rail`.
    pub fn payout(
        id: TransferId,
        at: Time,
        rail: AccountId,
        from: AccountId,
        amount: Amount,
        reference: String,
    ) -> Transfer {
        Transfer { id, at, kind: Kind::Payout, legs: legs(from, rail, Purse::Cash, amount), reference }
    }

    /// Whether `other` says the same; the time it arrived is not part of what it says.
    pub fn same_content(&self, other: &Transfer) -> bool {
        self.kind == other.kind && self.legs == other.legs && self.reference == other.reference
    }
}
