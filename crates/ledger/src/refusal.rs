//! Why the books refuse.

use crate::{AccountId, Amount, HoldId, TransferId};

/// Why the ledger refused a movement of money. Checked from top to bottom; the first reason wins.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("transfer {id} was posted before with other content")]
    IdReused { id: TransferId },
    #[error("hold {hold} has already ended")]
    HoldEnded { hold: HoldId },
    #[error("the capture of {wanted} OPG is above the hold of {held} OPG")]
    CaptureAboveHold { wanted: Amount, held: Amount },
    #[error("the movement is not balanced: its legs add up to {sum} nano-OPG instead of 0")]
    Unbalanced { sum: i128 },
    #[error("promotional money cannot leave the hub")]
    PromoNotWithdrawable,
    #[error("{account} would hold more than an amount can be")]
    TooLarge { account: AccountId },
    /// Available is what a new hold could take; held is set aside by calls that are running.
    #[error(
        "{account} has {cash} OPG cash and {promo} OPG promo available ({held} OPG held by running calls), {wanted} OPG are needed"
    )]
    Insufficient { account: AccountId, wanted: Amount, cash: Amount, promo: Amount, held: Amount },
}
