//! What the hub remembers, and the only place that speaks SQL.
//!
//! Two traits, two files: [`Books`] over `ledger.db` holds all that money depends on, [`Catalog`] over `hub.db`
//! the rest. No database transaction spans both; projectors carry rows from the books to the catalogue by a
//! watermark. [`Blobs`] keeps the bytes of models by their SHA-256,
//! in a folder or in a bucket.
//!
//! Always: when [`Books::capture`], [`Books::post`] or [`Books::refund`] has answered, the row is synced to the disk; a row never
//! names a blob that is not there; times come from the caller or a [`Clock`].
//!
//! Absent on purpose: HTTP, engines, the order of steps. Rows never leave their file.
//!
//! To add a backend: a private module that passes `contract::books` or `contract::catalog`.

mod access;
pub mod audit;
pub mod backup;
mod begun;
mod blobs;
mod books;
mod cache;
mod catalog;
mod checks;
mod clock;
mod collect;
mod content;
mod doors;
mod events;
mod folder;
pub mod fsck;
mod halves;
mod hooks;
mod keys;
mod life;
mod memory;
mod moderation;
mod organisations;
mod rankings;
mod rates;
mod repositories;
mod scans;
mod searches;
mod shelves;
mod signin;
mod sqlite;
mod storage;
mod tail;
pub mod vitals;
mod window;

#[cfg(test)]
mod contract;
#[cfg(test)]
mod tests;

pub use ::bucket::{Access, BadPlace, Bucket, Keys, MAX_OBJECT, Place};
pub use access::{AccessCursor, AccessRequest, AccessRequests, AccessStatus, MAX_WAITING};
pub use begun::{BEGUN, Begun, BegunError, begun, keeps_to, shelves_of};
pub use blobs::{BlobError, Blobs, Digest, Upload};
pub use books::{
    Books, CHAIN_LIMIT, Denied, Held, KEYED_LIMIT, Looked, NewPending, OUTCOME_WINDOW_MS, Row, Seq, Stored,
};
pub use catalog::{
    Account, AccountKind, Alert, Catalog, CatalogError, DaySum, Earning, List, ModelRecord, ModelTotals, NewAlert,
    NewRelease, PayerSum, ReleaseRecord, Scope, Settings, Spender, Spent, Totals, Trial, TrialUse, Webhook,
};
pub use checks::{CheckCounts, CheckKind, CheckOutcome, CheckSum, Compared, NewCheck};
pub use clock::{Clock, Manual, System};
pub use collect::{CollectError, Collector, Taken};
pub use content::Content;
pub use doors::Arriving;
pub use events::{Act, Event, EventKind, Events, EventsPage, EventsWanted};
pub use folder::{Folder, FolderError};
pub use halves::Arrived;
pub use hooks::{Delivery, Hook, Hooks, KEPT_DELIVERIES, KEPT_DELIVERIES_MS, MAX_HOOKS, Tried};
pub use keys::{Credential, KeyRecord, Limits, MAX_SECRETS, NewKey, Secrets};
pub use life::{Lives, NewPrice};
pub use memory::MemoryBooks;
pub use moderation::{
    Decision, DecisionKind, DecisionsWanted, MAX_OPEN_REPORTS, MAX_REPORTS, Moderation, NewDecision, NewReport, Report,
    ReportState, ReportsWanted, Verified,
};
pub use organisations::{
    MAX_MEMBERS, MAX_MEMBERSHIPS, MAX_ORGANISATIONS, Member, MemberRole, Membership, Organisations,
};
pub use rankings::{MissedSearch, RANKED_DAYS, Rankings, Searchers, Standing};
pub use rates::{BadRequestRate, RateSettings, RequestKind, RequestRate, RequestRates};
pub use repositories::{CommitRecord, DraftRecord, NewCommit, Order, Ref, RefKind, Repositories, Repository, Wanted};
pub use scans::{ScanRecord, Scans};
pub use searches::{Choice, KEPT_SEARCHES, KEPT_SEARCHES_MS, MAX_SHOWN, SearchId, SearchRecord, Searches, Shown};
pub use shelves::{CLAIM, ClaimError, Shelves, claim};
pub use signin::{Challenge, Device, DeviceAnswer, Invitation, Passkey, SignIns, Wallet, Way};
pub use sqlite::{OpenError, Options, SqliteBooks, SqliteCatalog, ask_for_real_time};
pub use storage::{Collection, Measured, Quota, Storage, Usage};
