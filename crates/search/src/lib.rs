//! Full text and facets over models.
//!
//! Always: the index is never the truth. It holds no more than what is needed to find the ids of models, can be thrown
//! away at any time, and says in [`State`] how far it is; whoever shows what was found asks the store again. A model's
//! score depends on its own words and on the question alone, so that a cursor stays good while other models come and go.
//! What a question costs has a bound, whatever stands in it.
//!
//! Absent on purpose: the store, money, HTTP, async, the clock. Callers hand in documents and take ids.
//!
//! To add a facet: a line in [`Kind`], its values in `document.rs`. What is in documents changes the index's format:
//! raise [`FORMAT`], and indexes of before are made anew.

mod collect;
mod cursor;
mod document;
mod error;
mod expand;
mod fields;
#[cfg(any(test, feature = "generated"))]
pub mod generated;
mod index;
mod query;
#[cfg(test)]
mod tests;

pub use cursor::Cursor;
pub use document::{Change, Document, Id};
pub use error::Error;
pub use fields::{FORMAT, Kind};
pub use index::{Index, State};
pub use query::{Facet, Filters, Found, MAX_CHARACTERS, MAX_LIMIT, MAX_WORDS, Query, Seen, Sort};
