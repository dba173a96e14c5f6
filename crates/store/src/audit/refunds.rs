//! Refunds and what is owed for them: a call gives back at most what it cost, each receiver at most what it got, and
//! every debt is paid once.

use std::collections::{HashMap, HashSet};

use ledger::{
    AccountId, Call, CallId, Debt, Kind, Leg, Purse, REFUND_WINDOW_MS, Recovery, Refunded, Role, Transfer, TransferId,
};
use rusqlite::Connection;

use super::{AuditError, Report};

#[derive(Debug, Default)]
pub(super) struct Refunds {
    /// Calls that something was given back of: kept when they come by.
    wanted: HashSet<CallId>,
    calls: HashMap<CallId, Given>,
    /// By refund and place of the share.
    debts: HashMap<(TransferId, u32), Owed>,
    /// The transfer before, with its place and its chain.
    pub(super) last_transfer: Option<(u64, TransferId, Option<TransferId>)>,
}

/// A call, and what has been given back of it by place: the fee first, then the parts.
#[derive(Debug)]
struct Given {
    call: Call,
    back: Vec<i128>,
}

#[derive(Debug)]
struct Owed {
    from: AccountId,
    left: i128,
}

impl Given {
    fn got(&self) -> impl Iterator<Item = (AccountId, Role, i128)> {
        let fee = (AccountId::HUB_FEE, Role::Fee, i128::from(self.call.fee.nano()));
        let parts = self.call.parts.iter().map(|part| (part.to, part.role, i128::from(part.amount.nano())));
        std::iter::once(fee).chain(parts)
    }

    fn source(&self) -> (AccountId, Purse) {
        match self.call.sponsor {
            Some(sponsor) => (sponsor.account, sponsor.purse),
            None => (self.call.payer, self.call.purse),
        }
    }
}

/// What moves when `nano` of `from`'s go back to `to`, summed by account and purse.
fn due_legs(
    from: &[(AccountId, i128)],
    purse: Purse,
    to: AccountId,
    to_purse: Purse,
) -> HashMap<(AccountId, bool), i128> {
    let mut due: HashMap<(AccountId, bool), i128> = HashMap::new();
    for (account, nano) in from {
        *due.entry((*account, purse == Purse::Promo)).or_default() -= nano;
        if purse != to_purse {
            *due.entry((AccountId::PROMO_OPERATOR, purse == Purse::Promo)).or_default() += nano;
            *due.entry((AccountId::PROMO_OPERATOR, to_purse == Purse::Promo)).or_default() -= nano;
        }
        *due.entry((to, to_purse == Purse::Promo)).or_default() += nano;
    }
    due.retain(|_, nano| *nano != 0);
    due
}

fn summed(legs: &[Leg]) -> HashMap<(AccountId, bool), i128> {
    let mut sums: HashMap<(AccountId, bool), i128> = HashMap::new();
    for leg in legs {
        *sums.entry((leg.account, leg.purse == Purse::Promo)).or_default() += i128::from(leg.nano);
    }
    sums.retain(|_, nano| *nano != 0);
    sums
}

impl Refunds {
    pub(super) fn read(ledger: &Connection) -> Result<Refunds, AuditError> {
        let mut statement = ledger.prepare("SELECT DISTINCT call FROM transfers WHERE call IS NOT NULL")?;
        let wanted = statement.query_map([], |r| Ok(CallId(r.get(0)?)))?.collect::<rusqlite::Result<_>>()?;
        Ok(Refunds { wanted, ..Refunds::default() })
    }

    pub(super) fn call(&mut self, call: &Call) {
        if self.wanted.contains(&call.id) {
            let back = vec![0; call.parts.len() + 1];
            self.calls.insert(call.id, Given { call: call.clone(), back });
        }
    }

    pub(super) fn owed(&self) -> i128 {
        self.debts.values().map(|owed| owed.left).sum()
    }

    pub(super) fn refund(&mut self, seq: u64, transfer: &Transfer, refunded: &Refunded, report: &mut Report) {
        let id = transfer.id;
        let Some(given) = self.calls.get_mut(&refunded.call) else {
            report.differ(format!("row {seq} ({id}) refunds {}, which no earlier row is", refunded.call));
            return;
        };
        let call = &given.call;
        let same = (call.release, call.class, call.purse) == (refunded.release, refunded.class, refunded.purse);
        if !same || given.source() != (refunded.to, refunded.to_purse) {
            report.differ(format!("row {seq} ({id}) does not refund {} as it was paid", call.id));
        }
        let late = transfer.at.0 > call.finished.0 + REFUND_WINDOW_MS;
        if late && transfer.actor != Some(AccountId::HUB_FEE) {
            report.differ(format!("row {seq} ({id}) refunds {} after more than 30 days", call.id));
        }
        let got: Vec<_> = given.got().collect();
        if got.len() != refunded.shares.len() {
            report.differ(format!("row {seq} ({id}) has {} shares, its call {}", refunded.shares.len(), got.len()));
            return;
        }
        let mut at_once = Vec::new();
        for (place, (share, (from, role, most))) in refunded.shares.iter().zip(&got).enumerate() {
            let amount = i128::from(share.at_once.nano()) + i128::from(share.owed.nano());
            given.back[place] += amount;
            if (share.from, share.role) != (*from, *role) || given.back[place] > *most {
                let back = given.back[place];
                report.differ(format!("row {seq} ({id}) takes {back} nano-OPG back from {from}, who got {most}"));
            }
            at_once.push((share.from, i128::from(share.at_once.nano())));
            if !share.owed.is_zero() {
                let owed = Owed { from: share.from, left: i128::from(share.owed.nano()) };
                self.debts.insert((id, place as u32), owed);
            }
        }
        let (back, cost) = (given.back.iter().sum::<i128>(), i128::from(given.call.cost.nano()));
        if back > cost {
            report
                .differ(format!("row {seq} ({id}): {back} nano-OPG of {} are refunded, it cost {cost}", given.call.id));
        }
        if summed(&transfer.legs) != due_legs(&at_once, refunded.purse, refunded.to, refunded.to_purse) {
            report.differ(format!("row {seq} ({id}): its legs are not its shares"));
        }
    }

    pub(super) fn recovery(&mut self, seq: u64, transfer: &Transfer, recovery: &Recovery, report: &mut Report) {
        let (id, amount) = (transfer.id, i128::from(recovery.amount.nano()));
        let key = (recovery.refund, recovery.place);
        match self.debts.get_mut(&key) {
            Some(owed) if owed.from == recovery.from && owed.left >= amount => {
                owed.left -= amount;
                if owed.left == 0 {
                    self.debts.remove(&key);
                }
            }
            _ => {
                let (from, refund) = (recovery.from, recovery.refund);
                report
                    .differ(format!("row {seq} ({id}) takes {amount} nano-OPG that {from} does not owe for {refund}"));
            }
        }
        let due = due_legs(&[(recovery.from, amount)], recovery.purse, recovery.to, recovery.to_purse);
        if summed(&transfer.legs) != due {
            report.differ(format!("row {seq} ({id}): its legs are not what it recovers"));
        }
        if !matches!(transfer.kind, Kind::Recovery(_)) || !self.calls.contains_key(&recovery.call) {
            report.differ(format!("row {seq} ({id}) is about {}, which no earlier row is", recovery.call));
        }
    }

    pub(super) fn snapshot(&self, seq: u64, said: &[Debt], report: &mut Report) {
        let same = said.len() == self.debts.len()
            && said.iter().all(|debt| {
                let owed = self.debts.get(&(debt.refund, debt.place));
                owed.is_some_and(|owed| (owed.from, owed.left) == (debt.from, i128::from(debt.left.nano())))
            });
        if !same {
            let (claimed, due) = (said.len(), self.debts.len());
            report.differ(format!("the snapshot at row {seq} has {claimed} debts, the rows give {due}, or others"));
        }
    }
}
