//! What pages show has to be what the rows give, up to the projector's watermark.

use std::collections::BTreeMap;

use ledger::{AccountId, Call, Kind, Purse, ReleaseId, Role, Transfer};
use rusqlite::{Connection, Row as SqlRow};

use super::{AuditError, Report};

type Id = [u8; 16];
/// Account, day, kind, class, purse, release.
type Days = BTreeMap<(Id, i64, String, String, String, Id), [i128; 2]>;
/// Account, release, payer, class, purse, role.
type Payers = BTreeMap<(Id, Id, Id, String, String, String), [i128; 2]>;
/// Key and day.
type Keys = BTreeMap<(Id, i64), [i128; 2]>;
/// Release, caller, sponsor.
type Trials = BTreeMap<(Id, Id, Id), [i128; 2]>;
/// Release, day, class, outcome.
type Releases = BTreeMap<(Id, i64, String, String), [i128; 3]>;

#[derive(Debug, Default)]
pub(super) struct Shown {
    watermark: Option<u64>,
    days: Days,
    payers: Payers,
    keys: Keys,
    trials: Trials,
    releases: Releases,
}

pub(super) fn watermark(catalog: &Connection) -> Result<u64, AuditError> {
    Ok(catalog.query_row("SELECT seq FROM watermark", [], |r| r.get::<_, i64>(0))?.unsigned_abs())
}

fn add<K: Ord, const N: usize>(to: &mut BTreeMap<K, [i128; N]>, key: K, amounts: [i128; N]) {
    let sums = to.entry(key).or_insert([0; N]);
    sums.iter_mut().zip(amounts).for_each(|(sum, amount)| *sum += amount);
}

const NOTHING: Id = [0; 16];

impl Shown {
    pub(super) fn new(watermark: Option<u64>) -> Shown {
        Shown { watermark, ..Shown::default() }
    }

    pub(super) fn watermark(&self) -> Option<u64> {
        self.watermark
    }

    fn is_carried(&self, seq: u64) -> bool {
        self.watermark.is_some_and(|mark| seq <= mark)
    }

    pub(super) fn call(&mut self, seq: u64, call: &Call) {
        if !self.is_carried(seq) {
            return;
        }
        let (day, cost, fee) = (call.finished.day(), i128::from(call.cost.nano()), i128::from(call.fee.nano()));
        let class = call.class.to_string();
        let key = (call.release.0, day, class.clone(), call.outcome.to_string());
        add(&mut self.releases, key, [1, cost, cost - fee]);
        if cost == 0 {
            return;
        }
        let purse = call.purse.to_string();
        let mut entry = |account: AccountId, kind: &str, purse: Purse, amount: i128| {
            if amount != 0 {
                let key = (account.0, day, kind.to_owned(), class.clone(), purse.to_string(), call.release.0);
                add(&mut self.days, key, [1, amount]);
            }
        };
        match call.sponsor {
            None => entry(call.payer, "call", call.purse, -cost),
            Some(sponsor) => {
                entry(sponsor.account, "trial", sponsor.purse, -cost);
                if sponsor.purse != call.purse {
                    entry(AccountId::PROMO_OPERATOR, "exchange", sponsor.purse, cost);
                    entry(AccountId::PROMO_OPERATOR, "exchange", call.purse, -cost);
                }
            }
        }
        entry(AccountId::HUB_FEE, "fee", call.purse, fee);
        for part in &call.parts {
            let (role, amount) = (role_word(part.role), i128::from(part.amount.nano()));
            entry(part.to, role, call.purse, amount);
            let key = (part.to.0, call.release.0, call.payer.0, class.clone(), purse.clone(), role.to_owned());
            add(&mut self.payers, key, [1, amount]);
        }
        match call.sponsor {
            None => add(&mut self.keys, (call.key.0, day), [1, cost]),
            Some(sponsor) => {
                add(&mut self.trials, (call.release.0, call.payer.0, sponsor.account.0), [1, cost]);
            }
        }
    }

    pub(super) fn transfer(&mut self, seq: u64, transfer: &Transfer) {
        if !self.is_carried(seq) {
            return;
        }
        let day = transfer.at.day();
        let mut entry = |account: AccountId, kind: &str, class: String, purse: Purse, release: Id, amount: i128| {
            if amount != 0 {
                add(&mut self.days, (account.0, day, kind.to_owned(), class, purse.to_string(), release), [1, amount]);
            }
        };
        // Who gives, who gets and what it is about; plain transfers are about nothing.
        let (given, purse, to, to_purse, class, release) = match &transfer.kind {
            Kind::Deposit | Kind::Grant | Kind::Payout => {
                for leg in &transfer.legs {
                    let kind = match transfer.kind {
                        Kind::Deposit => "deposit",
                        Kind::Grant => "grant",
                        _ => "payout",
                    };
                    entry(leg.account, kind, String::new(), leg.purse, NOTHING, i128::from(leg.nano));
                }
                return;
            }
            Kind::Refund(r) => {
                let given: Vec<_> = r.shares.iter().map(|share| (share.from, "refunded", share.at_once)).collect();
                (given, r.purse, r.to, r.to_purse, r.class, r.release)
            }
            Kind::Recovery(r) => (vec![(r.from, "recovery", r.amount)], r.purse, r.to, r.to_purse, r.class, r.release),
        };
        let class = class.to_string();
        let mut whole = 0;
        for (from, kind, amount) in given {
            whole += i128::from(amount.nano());
            entry(from, kind, class.clone(), purse, release.0, -i128::from(amount.nano()));
        }
        if purse != to_purse {
            entry(AccountId::PROMO_OPERATOR, "exchange", class.clone(), purse, release.0, whole);
            entry(AccountId::PROMO_OPERATOR, "exchange", class.clone(), to_purse, release.0, -whole);
        }
        entry(to, "refund", class, to_purse, release.0, whole);
    }

    /// Compares everything with what the catalogue says.
    pub(super) fn compare(&mut self, catalog: &Connection, report: &mut Report) -> Result<(), AuditError> {
        let id = |r: &SqlRow<'_>, at| r.get::<_, Id>(at);
        let word = |r: &SqlRow<'_>, at| r.get::<_, String>(at);
        table(
            catalog,
            "SELECT count, amount, account, day, kind, class, purse, release FROM account_days",
            |r| Ok((id(r, 2)?, r.get(3)?, word(r, 4)?, word(r, 5)?, word(r, 6)?, id(r, 7)?)),
            &mut self.days,
            report,
            |k| format!("{} of {} on day {} ({}, {})", k.2, AccountId(k.0), k.1, k.3, k.4),
        )?;
        table(
            catalog,
            "SELECT calls, amount, account, release, payer, class, purse, role FROM payers",
            |r| Ok((id(r, 2)?, id(r, 3)?, id(r, 4)?, word(r, 5)?, word(r, 6)?, word(r, 7)?)),
            &mut self.payers,
            report,
            |k| format!("what {} had from {} ({}, {}, {})", AccountId(k.0), AccountId(k.2), k.3, k.4, k.5),
        )?;
        table(
            catalog,
            "SELECT calls, cost, key, day FROM key_days",
            |r| Ok((id(r, 2)?, r.get(3)?)),
            &mut self.keys,
            report,
            |k| format!("what {} spent on day {}", ledger::KeyId(k.0), k.1),
        )?;
        table(
            catalog,
            "SELECT calls, amount, release, caller, sponsor FROM trial_sums",
            |r| Ok((id(r, 2)?, id(r, 3)?, id(r, 4)?)),
            &mut self.trials,
            report,
            |k| format!("the trials of {} that {} paid", AccountId(k.1), AccountId(k.2)),
        )?;
        table(
            catalog,
            "SELECT calls, cost, creators, release, day, class, outcome FROM release_days",
            |r| Ok((id(r, 3)?, r.get(4)?, word(r, 5)?, word(r, 6)?)),
            &mut self.releases,
            report,
            |k| format!("the calls of {} on day {} ({}, {})", ReleaseId(k.0), k.1, k.2, k.3),
        )
    }
}

/// Holds one table against what is due; its first columns are the amounts.
fn table<K: Ord, const N: usize>(
    catalog: &Connection,
    sql: &str,
    key: impl Fn(&SqlRow<'_>) -> rusqlite::Result<K>,
    due: &mut BTreeMap<K, [i128; N]>,
    report: &mut Report,
    named: impl Fn(&K) -> String,
) -> Result<(), AuditError> {
    let mut statement = catalog.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let mut said = [0i128; N];
        for (at, amount) in said.iter_mut().enumerate() {
            *amount = i128::from(row.get::<_, i64>(at)?);
        }
        let key = key(row)?;
        report.rollups += 1;
        let due = due.remove(&key).unwrap_or([0; N]);
        if said != due {
            report.differ(format!("{} are {said:?} in the catalogue, the rows give {due:?}", named(&key)));
        }
    }
    for (key, due) in std::mem::take(due) {
        report.differ(format!("the catalogue does not show {}: {due:?}", named(&key)));
    }
    Ok(())
}

fn role_word(role: Role) -> &'static str {
    match role {
        Role::Fee => "fee",
        Role::Royalty => "royalty",
        Role::Creator => "creator",
    }
}
