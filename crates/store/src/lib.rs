//! What the hub remembers, and the only place that speaks SQL.
//!
//! Two traits, two files: [`Books`] over `ledger.db` holds all that money depends on, [`Catalog`] over `hub.db`
//! the rest. No database transaction spans both; projectors carry rows from the books to the catalogue by a
//! watermark. [`Blobs`] keeps the bytes of models by their SHA-256.
//!
//! Always: when [`Books::capture`], [`Books::post`] or [`Books::refund`] has answered, the row is synced to the disk; a row never
//! names a blob that is not there; times come from the caller or a [`Clock`].
//!
//! Absent on purpose: HTTP, engines, the order of steps. Rows never leave their file.
//!
//! To add a backend: a private module that passes `contract::books` or `contract::catalog`.

pub mod audit;
pub mod backup;
mod blobs;
mod books;
mod catalog;
mod checks;
mod clock;
mod folder;
mod halves;
mod memory;
mod repositories;
mod sqlite;
mod tail;
pub mod vitals;
mod window;

#[cfg(test)]
mod contract;
#[cfg(test)]
mod tests;

pub use blobs::{BlobError, Blobs, Digest, Upload};
pub use books::{
    Books, CHAIN_LIMIT, Denied, Held, KEYED_LIMIT, Looked, NewPending, OUTCOME_WINDOW_MS, Row, Seq, Stored,
};
pub use catalog::{
    Account, AccountKind, Alert, Catalog, CatalogError, Credential, DaySum, Earning, KeyRecord, Limits, List,
    ModelRecord, ModelTotals, NewAlert, NewKey, NewRelease, PayerSum, ReleaseRecord, Scope, Settings, Spender, Spent,
    Totals, Trial, TrialUse, Webhook,
};
pub use checks::{CheckCounts, CheckKind, CheckOutcome, CheckSum, Compared, NewCheck};
pub use clock::{Clock, Manual, System};
pub use folder::{Folder, FolderError};
pub use halves::Arrived;
pub use memory::MemoryBooks;
pub use repositories::{CommitRecord, DraftRecord, NewCommit, Order, Ref, RefKind, Repositories, Repository, Wanted};
pub use sqlite::{OpenError, Options, SqliteBooks, SqliteCatalog, ask_for_real_time};
