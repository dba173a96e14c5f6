//! The audit: recomputes from the rows what the writer claims, and says in numbers what it looked at.
//!
//! Shares no code with the writer beyond the row decoder: cuts, sums, balances, holds and debts are worked out here
//! once more, in another way, so that one mistake cannot hide behind itself. Looks only; never writes.
//!
//! `rows.rs` walks the books, `refunds.rs` and `holds.rs` follow what spans several rows, `sums.rs` compares what pages
//! show, `deep.rs` reads what a quick look leaves out: every page, every file, every kept answer, every signature.

mod deep;
mod holds;
mod refunds;
mod rows;
mod sums;

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use bucket::Keys;
use ledger::{AccountId, Call, Purse, Terms};
use rusqlite::Connection;
use serde::Serialize;

use crate::begun::{BegunError, shelves_of};
use crate::books::Seq;
use crate::sqlite::{CATALOG, LEDGER, OpenError, open_read_only};

/// How many differences are told in full.
const SHOWN: usize = 20;

/// What an audit found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Rows in all, each with its checksum.
    pub rows: u64,
    pub calls: u64,
    pub charged: u64,
    /// Of them paid by a sponsor.
    pub trials: u64,
    pub transfers: u64,
    pub refunds: u64,
    pub recoveries: u64,
    /// Durable holds, and how many of them are open.
    pub holds: u64,
    pub open_holds: u64,
    /// What is owed for refunds now, in nano-OPG.
    pub owed: i128,
    pub accounts: u64,
    pub cuts: u64,
    pub royalties: u64,
    pub snapshots: u64,
    pub rollups: u64,
    pub outcomes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deep: Option<Deep>,
    /// Sum over all accounts, cash and promo together, in nano-OPG. Zero in books that are in order.
    pub books_balance: i128,
    pub differences: u64,
    /// The first of them, as sentences.
    pub first: Vec<String>,
}

/// What a deep audit looked at beside.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Deep {
    /// Pages of both databases.
    pub pages: u64,
    /// Receipts that were handed out, their signatures compared with what their rows say.
    pub receipts: u64,
    pub outcome_files: u64,
    pub blobs: u64,
    pub blob_bytes: u64,
}

impl Report {
    pub fn in_order(&self) -> bool {
        self.differences == 0 && self.books_balance == 0
    }

    /// What is wrong, in a sentence that names the first of it; none: they are in order.
    pub(crate) fn wrong(&self) -> Option<String> {
        match (&self.first[..], self.differences) {
            _ if self.in_order() => None,
            ([], _) => Some(format!("the books are out of balance by {} nano-OPG", self.books_balance)),
            ([first, ..], 1) => Some(first.clone()),
            ([first, ..], differences) => Some(format!("{first} ({} more differences)", differences - 1)),
        }
    }

    fn differ(&mut self, what: String) {
        self.differences += 1;
        if self.first.len() < SHOWN {
            self.first.push(what);
        }
    }
}

/// Says whether a signature is the hub's over the receipt of a call. The caller's: receipts are not this crate's.
pub type Proof<'a> = &'a dyn Fn(&Call, &[u8]) -> Result<(), String>;

/// What to look at.
#[derive(Default)]
pub struct Depth<'a> {
    /// Every page, file and signature too.
    pub deep: Option<Proof<'a>>,
    /// For blobs that lie in a bucket.
    pub keys: Option<Keys>,
    /// Told how many rows have been looked at, now and then.
    pub progress: Option<&'a dyn Fn(u64)>,
}

impl fmt::Debug for Depth<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Depth").field("deep", &self.deep.is_some()).finish_non_exhaustive()
    }
}

/// Why an audit could not be made.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("{path}: no books here; `--data` names the folder of a hub")]
    Missing { path: PathBuf },
    #[error(
        "{path} has schema {found}, and only {known} is audited: start the hub once, which moves it forward after a copy"
    )]
    Older { path: PathBuf, found: usize, known: usize },
    #[error("the books cannot be read: {0}")]
    Read(#[from] rusqlite::Error),
    #[error("the books cannot be read after row {row}: {error}")]
    Torn { row: u64, error: rusqlite::Error },
    #[error("{path}: {error}")]
    Io { path: PathBuf, error: std::io::Error },
    #[error(transparent)]
    Begun(#[from] BegunError),
    #[error("{place}: {error}")]
    Shelves { place: String, error: std::io::Error },
}

/// Account and purse; true is promo.
type Sums = HashMap<(AccountId, bool), i128>;

/// What a release says of its money.
struct Said {
    terms: Option<Terms>,
    owner: AccountId,
}

type Releases = HashMap<[u8; 16], Said>;

/// Audits a data folder; a hub may be running on it.
pub fn audit(folder: &Path) -> Result<Report, AuditError> {
    audit_to(folder, &Depth::default())
}

/// [`audit`], as deep as it is asked to be.
pub fn audit_to(folder: &Path, depth: &Depth<'_>) -> Result<Report, AuditError> {
    look(folder, depth, None)
}

/// Audits a copy, up to row `last`, for what a restore would find: that moves a catalogue of an older schema first, and
/// makes the sums of one again that has carried over more rows than the books have.
pub(crate) fn audit_copy(folder: &Path, last: Seq, progress: &dyn Fn(u64)) -> Result<Report, AuditError> {
    look(folder, &Depth { progress: Some(progress), ..Depth::default() }, Some(last))
}

fn look(folder: &Path, depth: &Depth<'_>, copied: Option<Seq>) -> Result<Report, AuditError> {
    let path = folder.join("ledger.db");
    if !path.is_file() {
        return Err(AuditError::Missing { path });
    }
    // Beside a running hub each file is seen at one moment, in this order: sums were carried over from rows that the
    // books' moment has, and a release was sealed before the first row that names it.
    let catalog = || match open_catalog(folder) {
        Err(AuditError::Older { .. }) if copied.is_some() => Ok(None),
        opened => opened,
    };
    let mut carried = catalog()?;
    let mut watermark = carried.as_ref().map(sums::watermark).transpose()?;
    if copied.is_some_and(|last| watermark > Some(last)) {
        (carried, watermark) = (None, None);
    }
    let ledger = open(&path, &LEDGER)?;
    ledger.execute_batch("BEGIN")?;
    ledger.query_row("SELECT count(*) FROM snapshot", [], |_| Ok(()))?;
    let releases = catalog()?.as_ref().map(read_releases).transpose()?;
    let mut audit = Audit {
        report: Report::default(),
        sums: Sums::new(),
        held: Sums::new(),
        shown: sums::Shown::new(watermark),
        keyed: rows::Charged::default(),
        holds: holds::Holds::read(&ledger)?,
        refunds: refunds::Refunds::read(&ledger)?,
        releases,
        progress: depth.progress,
    };
    audit.rows(&ledger)?;
    audit.call_ids(&ledger)?;
    audit.outcomes(&ledger)?;
    audit.end_of_holds();
    audit.report.owed = audit.refunds.owed();
    audit.balances();
    if let Some(catalog) = &carried {
        audit.shown.compare(catalog, &mut audit.report)?;
    }
    if let Some(proof) = depth.deep {
        let shelves = shelves_of(folder, depth.keys.clone())?;
        let deep = deep::look(folder, &ledger, carried.as_ref(), proof, &shelves, &mut audit.report)?;
        audit.report.deep = Some(deep);
    }
    Ok(audit.report)
}

struct Audit<'a> {
    report: Report,
    sums: Sums,
    /// Set aside by durable holds.
    held: Sums,
    shown: sums::Shown,
    keyed: rows::Charged,
    holds: holds::Holds,
    refunds: refunds::Refunds,
    releases: Option<Releases>,
    progress: Option<&'a dyn Fn(u64)>,
}

impl Audit<'_> {
    fn book(&mut self, account: AccountId, promo: bool, nano: i128) {
        *self.sums.entry((account, promo)).or_default() += nano;
    }

    /// What is there less what is set aside durably.
    fn free(&self, account: AccountId, promo: bool) -> i128 {
        let of = |sums: &Sums| sums.get(&(account, promo)).copied().unwrap_or_default();
        of(&self.sums) - of(&self.held)
    }

    fn below_zero(&mut self, seq: u64, account: AccountId, promo: bool) {
        let free = self.free(account, promo);
        let purse = if promo { Purse::Promo } else { Purse::Cash };
        if free < 0 && !account.may_go_below_zero(purse) {
            self.report.differ(format!("after row {seq} {account} is at {free} nano-OPG {purse}, below zero"));
        }
    }

    fn balances(&mut self) {
        let accounts: std::collections::HashSet<_> = self.sums.keys().map(|(account, _)| account).collect();
        self.report.accounts = accounts.len() as u64;
        for promo in [false, true] {
            let sum: i128 = self.sums.iter().filter(|((_, p), _)| *p == promo).map(|(_, sum)| sum).sum();
            self.report.books_balance += sum.abs();
        }
    }
}

pub(crate) fn open(path: &Path, schema: &crate::sqlite::Schema) -> Result<Connection, AuditError> {
    let conn = open_read_only(path, schema)?;
    let found = crate::sqlite::version(&conn)?;
    let known = schema.steps.len();
    if found < known {
        return Err(AuditError::Older { path: path.to_owned(), found, known });
    }
    Ok(conn)
}

pub(crate) fn open_catalog(folder: &Path) -> Result<Option<Connection>, AuditError> {
    let path = folder.join("hub.db");
    if !path.is_file() {
        return Ok(None);
    }
    let catalog = open(&path, &CATALOG)?;
    catalog.execute_batch("BEGIN")?;
    Ok(Some(catalog))
}

fn read_releases(catalog: &Connection) -> Result<Releases, AuditError> {
    let mut statement =
        catalog.prepare("SELECT r.id, r.terms, m.owner FROM releases r JOIN models m ON m.id = r.model")?;
    let rows = statement.query_map([], |r| Ok((r.get(0)?, r.get::<_, String>(1)?, AccountId(r.get(2)?))))?;
    // Terms that cannot be read are named by the calls that need them.
    rows.map(|row| row.map(|(id, terms, owner)| (id, Said { terms: serde_json::from_str(&terms).ok(), owner })))
        .collect::<rusqlite::Result<_>>()
        .map_err(AuditError::from)
}
