//! SQLite behind both traits.

mod access;
mod alerts;
mod books;
mod carry;
mod catalog;
mod checks;
mod events;
mod first;
mod gather;
mod herald;
mod hooks;
pub(crate) mod kept;
mod life;
mod log;
mod models;
mod moderation;
mod organisations;
mod packed;
mod project;
mod projected;
mod queue;
mod rankings;
mod repositories;
pub(crate) mod row;
mod scans;
mod schema;
mod searches;
mod secrets;
mod signin;
pub(crate) mod snapshot;
mod storage;
mod sums;
mod writer;

#[cfg(test)]
pub(crate) use books::Through;
pub use books::{Options, SqliteBooks, ask_for_real_time};
pub use catalog::SqliteCatalog;
pub(crate) use project::{Projector, watermark};
pub(crate) use projected::PROJECTED;
pub(crate) use repositories::has_commits;
pub use schema::OpenError;
#[cfg(test)]
pub(crate) use schema::open_through;
pub(crate) use schema::{CATALOG, LEDGER, Schema, open, open_read_only, version};
