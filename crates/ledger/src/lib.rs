//! The rules of money: what a call costs, how the cost is cut, who may spend what.
//!
//! Always: every transfer's legs sum to zero in each purse; a hold ends exactly once; nobody but a rail or the
//! operator's promotion goes below zero; the parts of a cost make the whole; all refunds of a call make at most its
//! cost; history is never edited, a mistake is put right by a new transfer.
//!
//! Absent on purpose: clock, database, async, floating point. Callers bring the time.
//!
//! To add a reason for refusal: a variant of [`Refusal`] at its place in the order, a line in
//! `tests/refusals.rs`, a row in the server's table of public codes.

mod amount;
mod book;
mod call;
mod cut;
mod entry;
mod hold;
mod id;
mod price;
mod refund;
mod refusal;
mod tariff;
mod time;
mod transfer;

pub use amount::{Amount, AmountError, Difference};
pub use book::{Balance, Book};
pub use call::{Call, Class, Keyed, Outcome, Sponsor, Surface};
pub use cut::{Cut, MAX_ROYALTIES, Part, Role, Share, ShareError, Split, SplitError, Terms, TermsError};
pub use entry::{Entry, EntryKind};
pub use hold::{Ended, Ending, Hold, Pending};
pub use id::{AccountId, CallId, HoldId, IdError, KeyId, ModelId, ReleaseId, TransferId};
pub use price::{Currency, Money, Price, PriceError, Rate, Usage};
pub use refund::{Debt, MAX_RECOVERIES, MAX_REFUNDS, REFUND_WINDOW_MS, Recovery, Refund, Refunded, Returned};
pub use refusal::Refusal;
pub use tariff::{Step, Tariff, TariffError};
pub use time::{Month, MonthError, Time, TimeError};
pub use transfer::{Kind, Leg, Purse, Transfer};
