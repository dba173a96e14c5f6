//! Transfers: money that moves without a call.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{AccountId, Amount, HoldId, Recovery, Refunded, Time, TransferId};

/// The two kinds of money an account has. They never mix: receivers get the kind the payer spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purse {
    /// Deposited, or earned from cash. Can be paid out.
    Cash,
    /// Granted or for trial. Can be spent here and nowhere else, and never counts as income.
    Promo,
}

impl Purse {
    pub const ALL: [Purse; 2] = [Purse::Cash, Purse::Promo];

    pub const fn word(self) -> &'static str {
        match self {
            Purse::Cash => "cash",
            Purse::Promo => "promo",
        }
    }
}

impl fmt::Display for Purse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Purse {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|purse| purse.word() == word).ok_or(())
    }
}

/// Why money moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    Deposit,
    Grant,
    Payout,
    /// Gives back what a call cost, or a part of it.
    Refund(Box<Refunded>),
    /// Takes from a receiver's new earnings what an earlier refund found no money for.
    Recovery(Recovery),
}

impl Kind {
    /// The words, in the order of the variants.
    pub const WORDS: [&'static str; 5] = ["deposit", "grant", "payout", "refund", "recovery"];

    pub const fn word(&self) -> &'static str {
        match self {
            Kind::Deposit => "deposit",
            Kind::Grant => "grant",
            Kind::Payout => "payout",
            Kind::Refund(_) => "refund",
            Kind::Recovery(_) => "recovery",
        }
    }
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
    /// What the one who moved it wants to find it by: a bank's number, a ticket, a reason.
    pub reference: String,
    /// Whose decision it was; none for what the books do by themselves.
    pub actor: Option<AccountId>,
    /// The first transfer of the chain it was posted in: all of them stand in the books, or none.
    pub linked: Option<TransferId>,
    /// The durable hold it captured.
    pub hold: Option<HoldId>,
}

/// What turns `amount` of one kind of money into the other: the operator's promotion takes the one and gives the other.
pub(crate) fn exchange(from: Purse, to: Purse, amount: Amount) -> impl Iterator<Item = Leg> + Clone {
    let operator = |purse, nano| Leg { account: AccountId::PROMO_OPERATOR, purse, nano };
    let legs = [operator(from, amount.nano()), operator(to, -amount.nano())];
    legs.into_iter().filter(move |_| from != to)
}

/// `amount` from one account to another, within a purse.
fn legs(from: AccountId, to: AccountId, purse: Purse, amount: Amount) -> Vec<Leg> {
    vec![Leg { account: from, purse, nano: -amount.nano() }, Leg { account: to, purse, nano: amount.nano() }]
}

impl Transfer {
    fn plain(id: TransferId, at: Time, kind: Kind, legs: Vec<Leg>, reference: String) -> Transfer {
        Transfer { id, at, kind, legs, reference, actor: None, linked: None, hold: None }
    }

    /// Money that came in by `rail`.
    pub fn deposit(
        id: TransferId,
        at: Time,
        rail: AccountId,
        to: AccountId,
        amount: Amount,
        reference: String,
    ) -> Transfer {
        Self::plain(id, at, Kind::Deposit, legs(rail, to, Purse::Cash, amount), reference)
    }

    /// Promotional money, given by the operator.
    pub fn grant(id: TransferId, at: Time, to: AccountId, amount: Amount, reference: String) -> Transfer {
        Self::plain(id, at, Kind::Grant, legs(AccountId::PROMO_OPERATOR, to, Purse::Promo, amount), reference)
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
        Self::plain(id, at, Kind::Payout, legs(from, rail, Purse::Cash, amount), reference)
    }

    /// The same, by somebody's decision.
    #[must_use]
    pub fn by(self, actor: AccountId) -> Transfer {
        Transfer { actor: Some(actor), ..self }
    }

    /// The same, with money that was set aside for it.
    #[must_use]
    pub fn from_hold(self, hold: HoldId) -> Transfer {
        Transfer { hold: Some(hold), ..self }
    }

    /// Makes these a chain: all of them are posted, or none.
    #[must_use]
    pub fn link(mut chain: Vec<Transfer>) -> Vec<Transfer> {
        let first = chain.first().map(|first| first.id).filter(|_| chain.len() > 1);
        chain.iter_mut().for_each(|transfer| transfer.linked = first);
        chain
    }

    /// Whether `other` says the same; when it arrived, and from whom, is not part of what it says.
    pub fn same_content(&self, other: &Transfer) -> bool {
        self.kind == other.kind
            && self.legs == other.legs
            && self.reference == other.reference
            && self.linked == other.linked
            && self.hold == other.hold
    }
}
