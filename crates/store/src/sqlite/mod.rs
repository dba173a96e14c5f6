//! SQLite behind both traits.

mod books;
mod catalog;
pub(crate) mod row;
mod schema;
mod writer;

pub use books::{Options, SqliteBooks, ask_for_real_time};
pub use catalog::SqliteCatalog;
pub use schema::OpenError;
pub(crate) use schema::{CATALOG, LEDGER, open_read_only};
