//! Why the books refuse.

use crate::{AccountId, Amount, CallId, Ending, HoldId, Time, TransferId};

/// Why the ledger refused a movement of money. Checked from top to bottom; the first reason wins.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("transfer {id} was posted before with other content")]
    IdReused { id: TransferId },
    #[error("hold {hold} was made before with other content")]
    HoldReused { hold: HoldId },
    #[error("there is no hold {hold}")]
    NoHold { hold: HoldId },
    #[error("hold {hold} was already {how}")]
    HoldEnded { hold: HoldId, how: Ending },
    #[error("a running call is about to capture hold {hold}")]
    HoldTaken { hold: HoldId },
    #[error("hold {hold} is not of this account and purse")]
    HoldOfAnother { hold: HoldId },
    #[error("a hold may last at most {limit_days} days, until {expires} is longer or already over")]
    HoldTime { expires: Time, limit_days: i64 },
    #[error("the capture of {wanted} OPG is above the hold of {held} OPG")]
    CaptureAboveHold { wanted: Amount, held: Amount },
    #[error("the movement is not balanced: its legs add up to {sum} nano-OPG instead of 0")]
    Unbalanced { sum: i128 },
    #[error("promotional money cannot leave the hub")]
    PromoNotWithdrawable,
    #[error("{call} finished at {finished}; its uploader may refund it for {days} days")]
    RefundTooLate { call: CallId, finished: Time, days: i64 },
    #[error("{call} was given back in {limit} parts, which is the most; now only all that is left, {left} OPG, can be")]
    RefundsMany { call: CallId, limit: usize, left: Amount },
    #[error("{wanted} OPG cannot be refunded of {call}: {left} OPG of its cost are left")]
    RefundAboveRest { call: CallId, wanted: Amount, left: Amount },
    #[error("{from} does not owe {amount} OPG for refund {refund}")]
    NoDebt { refund: TransferId, from: AccountId, amount: Amount },
    #[error("{account} would hold more than an amount can be")]
    TooLarge { account: AccountId },
    /// Available is what a new hold could take; held is set aside: by calls that are running, by payouts on their way.
    #[error(
        "{account} has {cash} OPG cash and {promo} OPG promo available ({held} OPG are held), {wanted} OPG are needed"
    )]
    Insufficient { account: AccountId, wanted: Amount, cash: Amount, promo: Amount, held: Amount },
    /// One of a chain was refused, so none of it was posted.
    #[error("transfer {place} of {count} that are linked: {refusal}; none of them was posted")]
    Linked { place: usize, count: usize, refusal: Box<Refusal> },
}
