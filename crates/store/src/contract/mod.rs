//! What every backend has to do: each list of cases stands once and is run against all of them.

mod books;
mod catalog;
pub(crate) mod release;
