//! The rules of money: what a call costs, how the cost is cut, who may spend what.
//!
//! Always: every transfer's legs sum to zero in each purse; a hold ends exactly once; nobody but a rail or the
//! operator's promotion goes below zero; the parts of a cost make the whole; history is never edited, a mistake
//! is put right by a new transfer.
//!
//! Absent on purpose: clock, database, async, floating point. Callers bring the time.
//!
//! To add a reason for refusal: a variant of [`Refusal`] at its place in the order, a line in
//! `tests/refusals.rs`, a row in the server's table of public codes.

mod amount;
mod book;
mod call;
mod cut;
mod id;
mod price;
mod refusal;
mod time;
mod transfer;

pub use amount::{Amount, AmountError};
pub use book::{Balance, Book, Hold};
pub use call::{Call, Class, Keyed, Outcome, Surface};
pub use cut::{Cut, MAX_ROYALTIES, Part, Role, Share, ShareError, Split, SplitError, Terms, TermsError};
pub use id::{AccountId, CallId, HoldId, IdError, KeyId, ModelId, ReleaseId, TransferId};
pub use price::{Currency, Money, Price, PriceError, Rate, Usage};
pub use refusal::Refusal;
pub use time::Time;
pub use transfer::{Kind, Leg, Purse, Transfer};
