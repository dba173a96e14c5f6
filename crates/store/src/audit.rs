//! The audit: recomputes from the rows what the writer claims, and says in numbers what it looked at.
//!
//! Shares no code with the writer beyond the row decoder: cuts, sums and balances are worked out here once more,
//! in another way, so that one mistake cannot hide behind itself. Looks only; never writes.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use ledger::{AccountId, Call, CallId, Class, Outcome, Purse, ReleaseId, Role, Terms, Transfer};
use rusqlite::Connection;
use serde::Serialize;

use crate::sqlite::{CATALOG, LEDGER, OpenError, open_read_only, row};

/// How many differences are told in full.
const SHOWN: usize = 20;

/// What an audit found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    pub calls: u64,
    pub charged: u64,
    pub transfers: u64,
    pub accounts: u64,
    pub cuts: u64,
    pub snapshots: u64,
    pub rollups: u64,
    pub outcomes: u64,
    /// Sum over all accounts, cash and promo together, in nano-OPG. Zero in books that are in order.
    pub books_balance: i128,
    pub differences: u64,
    /// The first of them, as sentences.
    pub first: Vec<String>,
}

impl Report {
    pub fn in_order(&self) -> bool {
        self.differences == 0 && self.books_balance == 0
    }

    fn differ(&mut self, what: String) {
        self.differences += 1;
        if self.first.len() < SHOWN {
            self.first.push(what);
        }
    }
}

/// Why an audit could not be made.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("{path}: no books here; `--data` names the folder of a hub")]
    Missing { path: PathBuf },
    #[error("the books cannot be read: {0}")]
    Read(#[from] rusqlite::Error),
}

type Sums = HashMap<(AccountId, bool), i128>;
/// Account, release, day, class, purse, role.
type Earned = BTreeMap<([u8; 16], [u8; 16], i64, String, String, String), (u64, i128)>;
/// Release, day, class, outcome.
type Days = BTreeMap<([u8; 16], i64, String, String), (u64, i128)>;

/// Audits a data folder; a hub may be running on it.
pub fn audit(folder: &Path) -> Result<Report, AuditError> {
    let path = folder.join("ledger.db");
    if !path.is_file() {
        return Err(AuditError::Missing { path });
    }
    // Beside a running hub each file is seen at one moment, in this order: sums were carried over from rows that the
    // books' moment has, and a release was sealed before the first row that names it.
    let carried = open_catalog(folder)?;
    let watermark = carried.as_ref().map(read_watermark).transpose()?;
    let ledger = open_read_only(&path, &LEDGER)?;
    ledger.execute_batch("BEGIN")?;
    ledger.query_row("SELECT count(*) FROM snapshots", [], |_| Ok(()))?;
    let terms = open_catalog(folder)?.as_ref().map(read_terms).transpose()?;
    let mut audit = Audit {
        report: Report::default(),
        sums: Sums::new(),
        earned: Earned::new(),
        days: Days::new(),
        keyed: HashMap::new(),
    };
    audit.rows(&ledger, terms.as_ref(), watermark)?;
    audit.call_ids(&ledger)?;
    audit.outcomes(&ledger)?;
    audit.balances();
    if let Some(catalog) = &carried {
        audit.earnings(catalog)?;
        audit.days(catalog)?;
    }
    Ok(audit.report)
}

struct Audit {
    report: Report,
    sums: Sums,
    earned: Earned,
    days: Days,
    keyed: HashMap<[u8; 32], (u64, i64)>,
}

impl Audit {
    fn rows(
        &mut self,
        ledger: &Connection,
        terms: Option<&HashMap<[u8; 16], Terms>>,
        watermark: Option<u64>,
    ) -> Result<(), AuditError> {
        let mut snapshots = ledger.prepare("SELECT DISTINCT seq FROM snapshots ORDER BY seq")?;
        let mut snapshots = snapshots
            .query_map([], |r| r.get::<_, i64>(0))?
            .collect::<rusqlite::Result<Vec<_>>>()?
            .into_iter()
            .map(i64::unsigned_abs)
            .peekable();
        let mut calls = ledger.prepare("SELECT * FROM calls ORDER BY seq")?;
        let mut calls = calls.query_map([], row::read_call)?.peekable();
        let mut transfers = ledger.prepare("SELECT * FROM transfers ORDER BY seq")?;
        let mut transfers = transfers.query_map([], row::read_transfer)?.peekable();
        let mut last = 0u64;
        loop {
            let place = |row: Option<u64>| row.unwrap_or(u64::MAX);
            let next_call = place(calls.peek().and_then(|c| c.as_ref().ok().map(|(seq, _)| *seq)));
            let next_transfer = place(transfers.peek().and_then(|t| t.as_ref().ok().map(|(seq, _)| *seq)));
            // A row that cannot be read has no place, so it is taken first and named.
            let broken_call = matches!(calls.peek(), Some(Err(_)));
            let broken_transfer = matches!(transfers.peek(), Some(Err(_)));
            let seq = if broken_call || (!broken_transfer && next_call < next_transfer) {
                match calls.next() {
                    Some(Ok((seq, call))) => {
                        self.call(seq, &call, terms, watermark);
                        seq
                    }
                    Some(Err(error)) => {
                        self.report.differ(format!("a call after row {last} cannot be read: {error}"));
                        continue;
                    }
                    None => break,
                }
            } else {
                match transfers.next() {
                    Some(Ok((seq, transfer))) => {
                        self.transfer(seq, &transfer);
                        seq
                    }
                    Some(Err(error)) => {
                        self.report.differ(format!("a transfer after row {last} cannot be read: {error}"));
                        continue;
                    }
                    None => break,
                }
            };
            if seq <= last {
                self.report.differ(format!("row {seq} is there twice"));
            } else if seq != last + 1 {
                self.report.differ(format!("rows {} to {} are missing", last + 1, seq - 1));
            }
            last = seq;
            while let Some(at) = snapshots.next_if(|at| *at <= seq) {
                if at == seq {
                    self.snapshot(ledger, at)?;
                }
            }
        }
        for at in snapshots {
            self.report.differ(format!("a snapshot was taken at row {at}, the rows end at {last}"));
        }
        if let Some(mark) = watermark.filter(|mark| *mark > last) {
            self.report.differ(format!("the catalogue has carried over row {mark}, the rows end at {last}"));
        }
        Ok(())
    }

    /// One run, one row.
    fn call_ids(&mut self, ledger: &Connection) -> Result<(), AuditError> {
        let mut twins = ledger.prepare("SELECT id, min(seq), max(seq) FROM calls GROUP BY id HAVING count(*) > 1")?;
        for twin in twins.query_map([], |r| Ok((CallId(r.get(0)?), r.get::<_, i64>(1)?, r.get::<_, i64>(2)?)))? {
            let (id, first, last) = twin?;
            self.report.differ(format!("rows {first} and {last} are both {id}"));
        }
        Ok(())
    }

    fn call(&mut self, seq: u64, call: &Call, terms: Option<&HashMap<[u8; 16], Terms>>, watermark: Option<u64>) {
        self.report.calls += 1;
        let cost = i128::from(call.cost.nano());
        let parts: i128 = call.parts.iter().map(|part| i128::from(part.amount.nano())).sum();
        let fee = i128::from(call.fee.nano());
        if fee + parts != cost {
            self.report
                .differ(format!("row {seq} ({}): fee {fee} and parts {parts} do not make the cost {cost}", call.id));
        }
        if call.outcome != Outcome::Ok && cost != 0 {
            self.report.differ(format!("row {seq} ({}): ended {} and cost {cost}", call.id, call.outcome));
        }
        if cost > 0 {
            self.report.charged += 1;
            let due = cost * i128::from(call.fee_share.points()) / 10_000;
            if fee != due {
                self.report
                    .differ(format!("row {seq} ({}): fee {fee}, {} of {cost} are {due}", call.id, call.fee_share));
            }
            if let Some(terms) = terms {
                self.cut(seq, call, terms.get(&call.release.0), cost - fee);
            }
        }
        if cost > 0 && (call.class == Class::Free || (call.class == Class::Paid && call.purse == Purse::Promo)) {
            self.report.differ(format!(
                "row {seq} ({}): {cost} nano-OPG {} count as {}",
                call.id,
                purse_word(call.purse),
                call.class
            ));
        }
        if let (Some(keyed), Outcome::Ok) = (&call.keyed, call.outcome)
            && let Some((earlier, at)) = self.keyed.insert(keyed.hash, (seq, call.finished.0))
            && call.finished.0 - at < crate::books::OUTCOME_WINDOW_MS
        {
            self.report.differ(format!("rows {earlier} and {seq}: one idempotency key was charged twice"));
        }
        if watermark.is_some_and(|mark| seq <= mark) {
            let key = (call.release.0, call.finished.day(), call.class.to_string(), call.outcome.to_string());
            let sum = self.days.entry(key).or_default();
            sum.0 += 1;
            sum.1 += cost;
        }
        let promo = call.purse == Purse::Promo;
        *self.sums.entry((call.payer, promo)).or_default() -= cost;
        *self.sums.entry((AccountId::HUB_FEE, promo)).or_default() += fee;
        for part in &call.parts {
            *self.sums.entry((part.to, promo)).or_default() += i128::from(part.amount.nano());
            if watermark.is_some_and(|mark| seq <= mark) {
                let role = if part.role == Role::Royalty { "royalty" } else { "creator" };
                let purse = purse_word(call.purse);
                let key = (
                    part.to.0,
                    call.release.0,
                    call.finished.day(),
                    call.class.to_string(),
                    purse.to_owned(),
                    role.to_owned(),
                );
                let sum = self.earned.entry(key).or_default();
                sum.0 += 1;
                sum.1 += i128::from(part.amount.nano());
            }
        }
        self.below_zero(seq, call.payer, promo);
    }

    /// The cut once more, from the release's terms: royalties edge by edge, then the split, odd units first.
    fn cut(&mut self, seq: u64, call: &Call, terms: Option<&Terms>, rest: i128) {
        let Some(terms) = terms else {
            self.report
                .differ(format!("row {seq} ({}): its release {} is not in the catalogue", call.id, call.release));
            return;
        };
        self.report.cuts += 1;
        let mut due: Vec<(AccountId, Role, i128)> = Vec::new();
        for (to, points) in terms.royalties() {
            due.push((*to, Role::Royalty, rest * i128::from(*points) / 10_000));
        }
        let left = rest - due.iter().map(|(_, _, amount)| amount).sum::<i128>();
        let floors = terms.split().shares().iter().map(|(_, points)| left * i128::from(*points) / 10_000);
        let odd = left - floors.clone().sum::<i128>();
        for (at, ((to, _), floor)) in terms.split().shares().iter().zip(floors).enumerate() {
            due.push((*to, Role::Creator, floor + i128::from((at as i128) < odd)));
        }
        due.retain(|(_, _, amount)| *amount != 0);
        let got: Vec<_> = call.parts.iter().map(|p| (p.to, p.role, i128::from(p.amount.nano()))).collect();
        if got != due {
            self.report
                .differ(format!("row {seq} ({}): its parts are {got:?}, its release's terms give {due:?}", call.id));
        }
    }

    fn transfer(&mut self, seq: u64, transfer: &Transfer) {
        self.report.transfers += 1;
        for promo in [false, true] {
            let legs = transfer.legs.iter().filter(|leg| (leg.purse == Purse::Promo) == promo);
            let sum: i128 = legs.map(|leg| i128::from(leg.nano)).sum();
            if sum != 0 {
                self.report.differ(format!("row {seq} ({}): its legs add up to {sum} instead of 0", transfer.id));
            }
        }
        for leg in &transfer.legs {
            *self.sums.entry((leg.account, leg.purse == Purse::Promo)).or_default() += i128::from(leg.nano);
            self.below_zero(seq, leg.account, leg.purse == Purse::Promo);
        }
    }

    fn below_zero(&mut self, seq: u64, account: AccountId, promo: bool) {
        let sum = self.sums.get(&(account, promo)).copied().unwrap_or_default();
        if sum < 0 && !account.may_go_below_zero() {
            self.report.differ(format!("after row {seq} {account} is at {sum} nano-OPG, below zero"));
        }
    }

    /// A snapshot has to say what the rows up to it add up to.
    fn snapshot(&mut self, ledger: &Connection, seq: u64) -> Result<(), AuditError> {
        self.report.snapshots += 1;
        let mut statement = ledger.prepare_cached("SELECT account, cash, promo FROM snapshots WHERE seq = ?1")?;
        let rows =
            statement.query_map([seq as i64], |r| Ok((AccountId(r.get(0)?), [r.get::<_, i64>(1)?, r.get(2)?])))?;
        let mut said: HashMap<AccountId, [i64; 2]> = rows.collect::<rusqlite::Result<_>>()?;
        let sums: Vec<_> = self.sums.iter().map(|((account, promo), sum)| (*account, *promo, *sum)).collect();
        for (account, promo, sum) in sums {
            let claimed = said.get(&account).map_or(0, |balance| i128::from(balance[usize::from(promo)]));
            if claimed != sum {
                let purse = if promo { "promo" } else { "cash" };
                self.report.differ(format!(
                    "the snapshot at row {seq} gives {account} {claimed} nano-OPG {purse}, the rows {sum}"
                ));
            }
        }
        said.retain(|account, balance| {
            (0..2).any(|purse| balance[purse] != 0 && !self.sums.contains_key(&(*account, purse == 1)))
        });
        for account in said.keys() {
            self.report.differ(format!("the snapshot at row {seq} knows {account}, no row does"));
        }
        Ok(())
    }

    /// Every kept outcome belongs to a keyed call that was charged or free, never to a failed one.
    fn outcomes(&mut self, ledger: &Connection) -> Result<(), AuditError> {
        let mut statement = ledger.prepare(
            "SELECT o.seq, c.outcome, c.keyed_hash IS NOT NULL FROM outcomes o LEFT JOIN calls c ON c.seq = o.seq",
        )?;
        let rows = statement
            .query_map([], |r| Ok((r.get::<_, i64>(0)?, r.get::<_, Option<String>>(1)?, r.get::<_, bool>(2)?)))?;
        for row in rows {
            let (seq, outcome, keyed) = row?;
            self.report.outcomes += 1;
            if !keyed || outcome.as_deref() != Some("ok") {
                self.report.differ(format!("an outcome is kept for row {seq}, which is no answered call with a key"));
            }
        }
        Ok(())
    }

    fn balances(&mut self) {
        self.report.accounts =
            self.sums.keys().map(|(account, _)| account).collect::<std::collections::HashSet<_>>().len() as u64;
        for promo in [false, true] {
            let sum: i128 = self.sums.iter().filter(|((_, p), _)| *p == promo).map(|(_, sum)| sum).sum();
            self.report.books_balance += sum.abs();
        }
    }

    /// The earnings that pages show are the earnings the rows give, up to the projector's watermark.
    fn earnings(&mut self, catalog: &Connection) -> Result<(), AuditError> {
        let mut statement =
            catalog.prepare("SELECT account, release, day, class, purse, role, calls, amount FROM earnings")?;
        let rows = statement.query_map([], |r| {
            let key = (r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?, r.get(5)?);
            Ok((key, (r.get::<_, i64>(6)?.unsigned_abs(), i128::from(r.get::<_, i64>(7)?))))
        })?;
        for row in rows {
            let (key, said) = row?;
            self.report.rollups += 1;
            let due = self.earned.remove(&key).unwrap_or_default();
            if said != due {
                self.report.differ(format!(
                    "earnings of {} on day {} ({}, {}) say {} calls and {} nano-OPG, the rows give {} and {}",
                    AccountId(key.0),
                    key.2,
                    key.3,
                    key.4,
                    said.0,
                    said.1,
                    due.0,
                    due.1
                ));
            }
        }
        for (key, due) in std::mem::take(&mut self.earned) {
            self.report.differ(format!(
                "{} earned {} nano-OPG on day {} that its earnings do not show",
                AccountId(key.0),
                due.1,
                key.2
            ));
        }
        Ok(())
    }

    /// The same for what releases were called for.
    fn days(&mut self, catalog: &Connection) -> Result<(), AuditError> {
        let mut statement = catalog.prepare("SELECT release, day, class, outcome, calls, cost FROM release_days")?;
        let rows = statement.query_map([], |r| {
            let key = (r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?);
            Ok((key, (r.get::<_, i64>(4)?.unsigned_abs(), i128::from(r.get::<_, i64>(5)?))))
        })?;
        for row in rows {
            let (key, said) = row?;
            self.report.rollups += 1;
            let due = self.days.remove(&key).unwrap_or_default();
            if said != due {
                self.report.differ(format!(
                    "the calls of {} on day {} ({}, {}) are {} for {} nano-OPG in the catalogue, the rows give {} for {}",
                    ReleaseId(key.0), key.1, key.2, key.3, said.0, said.1, due.0, due.1
                ));
            }
        }
        for (key, due) in std::mem::take(&mut self.days) {
            let release = ReleaseId(key.0);
            self.report.differ(format!(
                "the catalogue does not show {} calls of {release} on day {} ({}, {})",
                due.0, key.1, key.2, key.3
            ));
        }
        Ok(())
    }
}

fn purse_word(purse: Purse) -> &'static str {
    match purse {
        Purse::Cash => "cash",
        Purse::Promo => "promo",
    }
}

fn open_catalog(folder: &Path) -> Result<Option<Connection>, AuditError> {
    let path = folder.join("hub.db");
    if !path.is_file() {
        return Ok(None);
    }
    let catalog = open_read_only(&path, &CATALOG)?;
    catalog.execute_batch("BEGIN")?;
    Ok(Some(catalog))
}

fn read_watermark(catalog: &Connection) -> Result<u64, AuditError> {
    Ok(catalog.query_row("SELECT seq FROM watermark", [], |r| r.get::<_, i64>(0))?.unsigned_abs())
}

fn read_terms(catalog: &Connection) -> Result<HashMap<[u8; 16], Terms>, AuditError> {
    let mut statement = catalog.prepare("SELECT id, terms FROM releases")?;
    let rows = statement.query_map([], |r| Ok((r.get::<_, [u8; 16]>(0)?, r.get::<_, String>(1)?)))?;
    let mut terms = HashMap::new();
    for row in rows {
        let (id, text) = row?;
        // Terms that cannot be read are named by the calls that need them.
        if let Ok(read) = serde_json::from_str(&text) {
            terms.insert(id, read);
        }
    }
    Ok(terms)
}
