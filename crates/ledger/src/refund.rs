//! Refunds: a call's cost, or a part of it, goes back to where it came from.
//!
//! Always: all refunds of a call together give back at most what it cost, and take from each receiver at most what it
//! got; nobody goes below zero for it. What a receiver no longer has is owed, and taken from what it earns next.

use serde::{Deserialize, Serialize};

use crate::{
    AccountId, Amount, Call, CallId, Class, Kind, Purse, Refusal, ReleaseId, Role, Time, Transfer, TransferId,
};

/// How long an uploader may refund a call. The operator always may.
pub const REFUND_WINDOW_MS: i64 = 30 * Time::DAY_MS;

/// In how many parts a call may be given back, since each is held against all before it; then all that is left at once.
pub const MAX_REFUNDS: usize = 100;

/// The most debts that one part of a call pays.
pub const MAX_RECOVERIES: usize = 100;

/// What somebody asks for.
#[derive(Debug, Clone)]
pub struct Refund {
    pub id: TransferId,
    pub at: Time,
    /// None: all that is left of the cost.
    pub amount: Option<Amount>,
    pub reason: String,
    pub actor: AccountId,
    /// Who may only for so long: the uploader. The operator has no limit.
    pub window_ms: Option<i64>,
}

/// What a refund was of. Says all that sums need, so that nobody has to look the call up again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refunded {
    pub call: CallId,
    pub release: ReleaseId,
    pub class: Class,
    /// The kind of money the receivers had got.
    pub purse: Purse,
    /// Who gets it back, and in which kind: who paid.
    pub to: AccountId,
    pub to_purse: Purse,
    /// The fee first, then the parts in the call's own order, those of nothing included.
    pub shares: Vec<Returned>,
}

/// What one receiver gives back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Returned {
    pub from: AccountId,
    pub role: Role,
    /// Was there and went back with the refund.
    pub at_once: Amount,
    /// Was not there: taken from the receiver's next earnings.
    pub owed: Amount,
}

impl Returned {
    pub fn amount(&self) -> Amount {
        self.at_once.checked_add(self.owed).unwrap_or(Amount::MAX)
    }
}

impl Refunded {
    fn sum(&self, of: impl Fn(&Returned) -> Amount) -> Amount {
        self.shares.iter().map(of).try_fold(Amount::ZERO, Amount::checked_add).unwrap_or(Amount::MAX)
    }

    /// All of it: what went back at once and what is owed.
    pub fn amount(&self) -> Amount {
        self.sum(Returned::amount)
    }

    pub fn at_once(&self) -> Amount {
        self.sum(|share| share.at_once)
    }

    pub fn owed(&self) -> Amount {
        self.sum(|share| share.owed)
    }
}

/// What a receiver still owes for a refund.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Debt {
    pub refund: TransferId,
    /// Which of the refund's shares.
    pub place: u32,
    pub call: CallId,
    pub release: ReleaseId,
    pub class: Class,
    pub role: Role,
    pub from: AccountId,
    pub purse: Purse,
    pub to: AccountId,
    pub to_purse: Purse,
    pub left: Amount,
}

/// A transfer that pays such a debt, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    pub refund: TransferId,
    /// Which of the refund's shares.
    pub place: u32,
    pub call: CallId,
    pub release: ReleaseId,
    pub class: Class,
    pub role: Role,
    pub from: AccountId,
    pub purse: Purse,
    pub to: AccountId,
    pub to_purse: Purse,
    pub amount: Amount,
}

impl Refund {
    /// Whether `transfer` is what came of this before.
    pub fn is_answered_by(&self, transfer: &Transfer, call: &Call) -> bool {
        match &transfer.kind {
            Kind::Refund(refunded) => {
                refunded.call == call.id
                    && self.amount.is_none_or(|amount| amount == refunded.amount())
                    && self.reason == transfer.reference
            }
            _ => false,
        }
    }

    /// How much goes back, if it may: cost, earlier refunds and time decide.
    pub(crate) fn due(&self, call: &Call, earlier: &[Refunded]) -> Result<Amount, Refusal> {
        if let Some(window) = self.window_ms
            && self.at > call.finished.plus_ms(window)
        {
            let days = window / Time::DAY_MS;
            return Err(Refusal::RefundTooLate { call: call.id, finished: call.finished, days });
        }
        let before = earlier.iter().map(Refunded::amount).try_fold(Amount::ZERO, Amount::checked_add);
        let left = before.and_then(|before| call.cost.checked_sub(before)).unwrap_or_default();
        let wanted = self.amount.unwrap_or(left);
        if wanted.is_zero() || wanted > left {
            return Err(Refusal::RefundAboveRest { call: call.id, wanted, left });
        }
        if earlier.len() >= MAX_REFUNDS && wanted < left {
            return Err(Refusal::RefundsMany { call: call.id, limit: MAX_REFUNDS, left });
        }
        Ok(wanted)
    }
}

/// Cuts `amount` over what is left of a call's fee and parts: in proportion, odd units to the first. The fee stands
/// first, then the parts in their order. Never more than what is left of any, and together exactly `amount`.
pub(crate) fn shares(call: &Call, earlier: &[Refunded], amount: Amount) -> Vec<(AccountId, Role, Amount)> {
    let got = [(AccountId::HUB_FEE, Role::Fee, call.fee)].into_iter();
    let got = got.chain(call.parts.iter().map(|part| (part.to, part.role, part.amount)));
    let mut left: Vec<_> = got
        .enumerate()
        .map(|(place, (from, role, amount))| {
            let back: i64 = earlier.iter().filter_map(|e| e.shares.get(place)).map(|s| s.amount().nano()).sum();
            (from, role, i128::from(amount.nano() - back))
        })
        .collect();
    let whole: i128 = left.iter().map(|(_, _, left)| left).sum();
    let wanted = i128::from(amount.nano());
    assert!(wanted > 0 && wanted <= whole, "a refund of {wanted} nano-OPG is cut from the {whole} that are left");
    let mut given = 0;
    let mut cut: Vec<_> = left
        .iter_mut()
        .map(|(from, role, left)| {
            let floor = wanted * *left / whole;
            given += floor;
            *left -= floor;
            (*from, *role, floor)
        })
        .collect();
    for ((_, _, share), (_, _, room)) in cut.iter_mut().zip(&left) {
        if given < wanted && *room > 0 {
            *share += 1;
            given += 1;
        }
    }
    assert!(given == wanted, "division leaves less than one unit per share");
    cut.into_iter()
        .map(|(from, role, share)| (from, role, Amount::from_nano(share).expect("at most the cost")))
        .collect()
}
