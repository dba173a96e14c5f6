//! What an account sees of its own rows: the calls it made, everything that moved its money, and a month of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use ledger::{AccountId, Call, CallId, EntryKind, Kind, Month, Purse, ReleaseId, Time, TransferId};
use registry::{ModelName, ReleaseNumber};
use store::{DaySum, List, Row, Seq};

use crate::{Action, Caller, Error, Hub, Object};

/// One call as its payer sees it.
#[derive(Debug, Clone)]
pub struct CallLine {
    pub seq: Seq,
    pub call: Arc<Call>,
    pub model: ModelName,
    pub release: ReleaseNumber,
}

/// One movement of an account's money.
#[derive(Debug, Clone)]
pub struct EntryLine {
    pub seq: Seq,
    pub at: Time,
    pub entry: ledger::Entry,
    /// What it was of, where it was of a model.
    pub release: Option<(ModelName, ReleaseNumber)>,
    pub call: Option<CallId>,
    pub transfer: Option<TransferId>,
    pub reference: String,
}

/// A month of an account: what it began with, what happened day by day, what it ended with. In nano-OPG; a payout or a
/// refund may make a sum go below zero that no balance ever does.
#[derive(Debug, Clone)]
pub struct Statement {
    pub month: Month,
    /// Whether the month is over.
    pub complete: bool,
    pub opening: Sums,
    pub closing: Sums,
    pub items: Vec<DaySum>,
    /// By kind and purse.
    pub totals: BTreeMap<(EntryKind, Purse), (u64, i64)>,
}

/// Of both purses, in nano-OPG.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sums {
    pub cash: i64,
    pub promo: i64,
}

/// Releases that a row is about.
fn releases_in(row: &Row) -> Vec<ReleaseId> {
    match row {
        Row::Call(call) => vec![call.release],
        Row::Transfer(transfer) => transfer.entries().into_iter().filter_map(|entry| entry.release).collect(),
        _ => Vec::new(),
    }
}

impl Hub {
    /// Calls the caller's account made, newest first.
    pub async fn calls(&self, caller: &Caller, before: Option<Seq>, limit: u64) -> Result<Vec<CallLine>, Error> {
        let seqs = self.own_rows(caller, List::Calls, before, limit).await?;
        let rows = self.rows_at(seqs).await?;
        let calls = rows.into_iter().filter_map(|(seq, row)| match row {
            Row::Call(call) => Some((seq, call)),
            _ => None,
        });
        let calls: Vec<_> = calls.collect();
        let releases: Vec<_> = calls.iter().map(|(_, call)| call.release).collect();
        let names = self.0.catalog.release_names(&releases).await?;
        let line = |(seq, call): (Seq, Arc<Call>)| {
            let (model, release) = names.get(&call.release)?.clone();
            Some(CallLine { seq, call, model, release })
        };
        Ok(calls.into_iter().filter_map(line).collect())
    }

    /// Everything that moved the money of the caller's account, newest first. `limit` counts rows of the books; one that
    /// moved it in several ways has several lines.
    pub async fn entries(&self, caller: &Caller, before: Option<Seq>, limit: u64) -> Result<Vec<EntryLine>, Error> {
        let account = caller.account().id;
        let mut lines = Vec::new();
        let rows = self.rows_at(self.own_rows(caller, List::Entries, before, limit).await?).await?;
        let releases: Vec<_> = rows.iter().flat_map(|(_, row)| releases_in(row)).collect();
        let names = self.0.catalog.release_names(&releases).await?;
        for (seq, row) in rows {
            match row {
                Row::Call(call) => {
                    let release = names.get(&call.release);
                    let of_account = call.entries().filter(|entry| entry.account == account);
                    lines.extend(of_account.map(|entry| EntryLine {
                        seq,
                        at: call.finished,
                        entry,
                        release: release.cloned(),
                        call: Some(call.id),
                        transfer: None,
                        reference: String::new(),
                    }));
                }
                Row::Transfer(transfer) => {
                    let call = match &transfer.kind {
                        Kind::Refund(refunded) => Some(refunded.call),
                        Kind::Recovery(recovery) => Some(recovery.call),
                        _ => None,
                    };
                    for entry in transfer.entries().into_iter().filter(|entry| entry.account == account) {
                        let release = entry.release.and_then(|release| names.get(&release));
                        lines.push(EntryLine {
                            seq,
                            at: transfer.at,
                            entry,
                            release: release.cloned(),
                            call,
                            transfer: Some(transfer.id),
                            reference: transfer.reference.clone(),
                        });
                    }
                }
                _ => {}
            }
        }
        Ok(lines)
    }

    async fn rows_at(&self, seqs: Vec<Seq>) -> Result<Vec<(Seq, Row)>, Error> {
        let mut rows = Vec::with_capacity(seqs.len());
        for seq in seqs {
            rows.extend(self.row(seq).await?.map(|row| (seq, row)));
        }
        Ok(rows)
    }

    async fn own_rows(&self, caller: &Caller, list: List, before: Option<Seq>, limit: u64) -> Result<Vec<Seq>, Error> {
        caller.may(Action::Read, Object::Account(caller.account()))?;
        self.project().await?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(self.0.catalog.account_rows(caller.account().id, list, before, limit).await?)
    }

    /// A month of the caller's account.
    pub async fn statement(&self, caller: &Caller, month: Month) -> Result<Statement, Error> {
        caller.may(Action::Read, Object::Account(caller.account()))?;
        self.project().await?;
        let account = caller.account().id;
        let (from, to) = (month.first_day(), month.next().first_day());
        let items = self.0.catalog.day_sums(account, from, to).await?;
        let mut totals = BTreeMap::new();
        for item in &items {
            let total: &mut (u64, i64) = totals.entry((item.kind, item.purse)).or_default();
            total.0 = total.0.saturating_add(item.count);
            total.1 = total.1.saturating_add(item.nano);
        }
        Ok(Statement {
            month,
            complete: to <= self.0.clock.now().day(),
            opening: self.sums_before(account, from).await?,
            closing: self.sums_before(account, to).await?,
            items,
            totals,
        })
    }

    async fn sums_before(&self, account: AccountId, day: i64) -> Result<Sums, Error> {
        let (cash, promo) = self.0.catalog.sums_before(account, day).await?;
        Ok(Sums { cash, promo })
    }
}
