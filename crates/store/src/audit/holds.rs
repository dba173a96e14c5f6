//! Durable holds: each is covered when it is made, ends once, and gives at most what it held.

use std::collections::{HashMap, HashSet};

use ledger::{AccountId, Ended, Ending, HoldId, Pending, Purse};
use rusqlite::Connection;

use super::{Audit, AuditError};

#[derive(Debug, Default)]
pub(super) struct Holds {
    open: HashMap<HoldId, Pending>,
    ended: HashMap<HoldId, u64>,
    /// What the table of ends says of holds that a call or a transfer captured.
    captured: HashMap<HoldId, u64>,
}

impl Holds {
    pub(super) fn read(ledger: &Connection) -> Result<Holds, AuditError> {
        let mut statement = ledger.prepare("SELECT hold, seq FROM ends WHERE how = 'captured'")?;
        let rows = statement.query_map([], |r| Ok((HoldId(r.get(0)?), r.get::<_, i64>(1)?.unsigned_abs())))?;
        Ok(Holds { captured: rows.collect::<rusqlite::Result<_>>()?, ..Holds::default() })
    }
}

impl Audit<'_> {
    pub(super) fn pending(&mut self, seq: u64, pending: &Pending) {
        self.report.holds += 1;
        let promo = pending.purse == Purse::Promo;
        *self.held.entry((pending.account, promo)).or_default() += i128::from(pending.amount.nano());
        self.below_zero(seq, pending.account, promo);
        if self.holds.open.insert(pending.id, pending.clone()).is_some() || self.holds.ended.contains_key(&pending.id) {
            self.report.differ(format!("row {seq}: {} was made before", pending.id));
        }
    }

    /// Ends a hold in memory; gives it, if it was open.
    fn end_hold(&mut self, seq: u64, hold: HoldId) -> Option<Pending> {
        if let Some(earlier) = self.holds.ended.insert(hold, seq) {
            self.report.differ(format!("rows {earlier} and {seq} both end {hold}"));
            return None;
        }
        let Some(pending) = self.holds.open.remove(&hold) else {
            self.report.differ(format!("row {seq} ends {hold}, which was never made"));
            return None;
        };
        let promo = pending.purse == Purse::Promo;
        *self.held.entry((pending.account, promo)).or_default() -= i128::from(pending.amount.nano());
        Some(pending)
    }

    pub(super) fn ended(&mut self, seq: u64, ended: &Ended) {
        let Some(pending) = self.end_hold(seq, ended.hold) else { return };
        if ended.how == Ending::Expired && ended.at < pending.expires {
            let (hold, expires) = (ended.hold, pending.expires);
            self.report.differ(format!("row {seq}: {hold} expired at {}, its time is over at {expires}", ended.at));
        }
    }

    /// A call or a transfer took `nano` from a hold.
    pub(super) fn captured(&mut self, seq: u64, hold: HoldId, account: AccountId, promo: bool, nano: i128) {
        if self.holds.captured.remove(&hold) != Some(seq) {
            self.report.differ(format!("row {seq} captures {hold}, and the table of ends does not say so"));
        }
        let Some(pending) = self.end_hold(seq, hold) else { return };
        let amount = i128::from(pending.amount.nano());
        if nano > amount {
            self.report.differ(format!("row {seq} takes {nano} nano-OPG from {hold}, which held {amount}"));
        }
        if (pending.account, pending.purse == Purse::Promo) != (account, promo) {
            self.report.differ(format!("row {seq} captures {hold}, which is not of its account and purse"));
        }
    }

    pub(super) fn end_of_holds(&mut self) {
        self.report.open_holds = self.holds.open.len() as u64;
        for (hold, seq) in std::mem::take(&mut self.holds.captured) {
            self.report.differ(format!("the table of ends says that row {seq} captured {hold}; that row does not"));
        }
    }

    pub(super) fn snapshot_of_holds(&mut self, seq: u64, said: &[Pending]) {
        let claimed: HashSet<_> = said.iter().map(|pending| pending.id).collect();
        let same = claimed.len() == self.holds.open.len()
            && said.iter().all(|pending| self.holds.open.get(&pending.id) == Some(pending));
        if !same {
            let (claimed, open) = (claimed.len(), self.holds.open.len());
            self.report
                .differ(format!("the snapshot at row {seq} has {claimed} open holds, the rows give {open}, or others"));
        }
    }
}
