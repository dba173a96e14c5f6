//! Questions about money in `hub.db`: sums that were carried over from the books, limits, trials.

use ledger::{AccountId, Amount, Class, ModelId, Outcome, ReleaseId};
use registry::{Handle, ModelName, ReleaseNumber};
use rusqlite::{Connection, OptionalExtension, Row as SqlRow, params};

use super::catalog::{amount, text, wrong};
use crate::catalog::{DaySum, Earning, ModelTotals, PayerSum, Spender, Spent, Trial, TrialUse};
use crate::keys::Limits;

fn whole(row: &SqlRow<'_>, column: usize) -> rusqlite::Result<Amount> {
    super::row::amount(row, column)
}

fn count(row: &SqlRow<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(column)?.unsigned_abs())
}

/// `a.handle, m.name, r.major, r.minor` from `at` on.
fn named(row: &SqlRow<'_>, at: usize) -> rusqlite::Result<(ModelName, ReleaseNumber)> {
    let owner: Handle = text(row, at)?;
    let model = ModelName::new(owner, row.get_ref(at + 1)?.as_str()?).map_err(|e| wrong(at + 1, e))?;
    let number = ReleaseNumber::new(row.get(at + 2)?, row.get(at + 3)?);
    Ok((model, number.ok_or_else(|| wrong(at + 2, "no release number"))?))
}

const NAMED: &str =
    "JOIN releases r ON r.id = s.release JOIN models m ON m.id = r.model JOIN accounts a ON a.id = m.owner";

pub(super) fn limits(conn: &Connection, account: AccountId) -> rusqlite::Result<Limits> {
    conn.prepare_cached("SELECT max_call, max_day, max_month FROM limits WHERE account = ?1")?
        .query_row([&account.0[..]], |r| Ok(Limits { call: amount(r, 0)?, day: amount(r, 1)?, month: amount(r, 2)? }))
        .optional()
        .map(Option::unwrap_or_default)
}

pub(super) fn limited(conn: &Connection) -> rusqlite::Result<Vec<AccountId>> {
    let mut statement = conn.prepare_cached(
        "SELECT account FROM limits WHERE coalesce(max_day, max_month) IS NOT NULL
         UNION SELECT account FROM keys WHERE coalesce(max_day, max_month) IS NOT NULL AND revoked IS NULL",
    )?;
    statement.query_map([], |r| Ok(AccountId(r.get(0)?)))?.collect()
}

const TOTALS: &str =
    "SELECT ifnull(sum(calls) FILTER (WHERE outcome = 'ok'), 0), ifnull(sum(calls), 0), ifnull(sum(creators), 0)";

fn totals(row: &SqlRow<'_>) -> rusqlite::Result<ModelTotals> {
    Ok(ModelTotals { paid_calls: count(row, 0)?, paid_tried: count(row, 1)?, creators_earned: whole(row, 2)? })
}

pub(super) fn model_totals(conn: &Connection, model: ModelId) -> rusqlite::Result<ModelTotals> {
    let sql = format!(
        "{TOTALS} FROM release_days WHERE class = 'paid' AND outcome NOT IN ('refused', 'invalid_input')
         AND release IN (SELECT id FROM releases WHERE model = ?1)"
    );
    conn.prepare_cached(&sql)?.query_row([&model.0[..]], totals)
}

/// What all models came to from a day on.
pub(super) fn hub_totals(conn: &Connection, day: i64) -> rusqlite::Result<ModelTotals> {
    let sql = format!(
        "{TOTALS} FROM hub_days WHERE day >= ?1 AND class = 'paid' AND outcome NOT IN ('refused', 'invalid_input')"
    );
    conn.prepare_cached(&sql)?.query_row([day], totals)
}

/// A sum of columns as an amount.
pub(super) fn nano(sum: i64) -> rusqlite::Result<Amount> {
    Amount::from_nano(sum).map_err(|error| wrong(0, error))
}

pub(super) fn outcomes(conn: &Connection, release: ReleaseId) -> rusqlite::Result<Vec<(Class, Outcome, u64)>> {
    let mut statement = conn.prepare_cached(
        "SELECT class, outcome, sum(calls) FROM release_days WHERE release = ?1 GROUP BY class, outcome ORDER BY 1, 2",
    )?;
    let outcomes = statement.query_map([&release.0[..]], |r| Ok((text(r, 0)?, text(r, 1)?, count(r, 2)?)))?;
    outcomes.collect()
}

pub(super) fn class_totals(conn: &Connection) -> rusqlite::Result<Vec<(Class, u64, Amount)>> {
    let mut statement = conn.prepare_cached(
        "SELECT class, sum(calls), sum(cost) FROM hub_days WHERE outcome = 'ok' GROUP BY class ORDER BY class",
    )?;
    statement.query_map([], |r| Ok((text(r, 0)?, count(r, 1)?, whole(r, 2)?)))?.collect()
}

pub(super) fn earnings(conn: &Connection, account: AccountId) -> rusqlite::Result<Vec<Earning>> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT a.handle, m.name, r.major, r.minor, s.day, s.class, s.purse, s.kind, s.count, s.amount
         FROM account_days s {NAMED} WHERE s.account = ?1 AND s.kind IN ('creator', 'royalty', 'refunded', 'recovery')
         ORDER BY s.day DESC, a.handle, m.folded, r.major DESC, r.minor DESC, s.class, s.purse, s.kind"
    ))?;
    let earnings = statement.query_map([&account.0[..]], |r| {
        let (model, release) = named(r, 0)?;
        Ok(Earning {
            model,
            release,
            day: r.get(4)?,
            class: text(r, 5)?,
            purse: text(r, 6)?,
            kind: text(r, 7)?,
            calls: count(r, 8)?,
            nano: r.get(9)?,
        })
    })?;
    earnings.collect()
}

pub(super) fn payers(conn: &Connection, account: AccountId) -> rusqlite::Result<Vec<PayerSum>> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT a.handle, m.name, r.major, r.minor, s.payer, s.class, s.purse, s.role, s.calls, s.amount
         FROM payers s {NAMED} WHERE s.account = ?1 ORDER BY s.amount DESC, s.payer, s.release"
    ))?;
    let payers = statement.query_map([&account.0[..]], |r| {
        let (model, release) = named(r, 0)?;
        Ok(PayerSum {
            payer: AccountId(r.get(4)?),
            model,
            release,
            class: text(r, 5)?,
            purse: text(r, 6)?,
            role: text(r, 7)?,
            calls: count(r, 8)?,
            amount: whole(r, 9)?,
        })
    })?;
    payers.collect()
}

pub(super) fn day_sums(conn: &Connection, account: AccountId, from: i64, to: i64) -> rusqlite::Result<Vec<DaySum>> {
    let mut statement = conn.prepare_cached(
        "SELECT a.handle, m.name, r.major, r.minor, s.day, s.kind, s.class, s.purse, s.count, s.amount
         FROM account_days s LEFT JOIN releases r ON r.id = s.release LEFT JOIN models m ON m.id = r.model
         LEFT JOIN accounts a ON a.id = m.owner WHERE s.account = ?1 AND s.day >= ?2 AND s.day < ?3
         ORDER BY s.day, s.kind, s.class, s.purse, a.handle, m.folded, r.major, r.minor",
    )?;
    let sums = statement.query_map(params![&account.0[..], from, to], |r| {
        let release = match r.get_ref(0)? {
            rusqlite::types::ValueRef::Null => None,
            _ => Some(named(r, 0)?),
        };
        let class = match r.get_ref(6)?.as_str()? {
            "" => None,
            _ => Some(text(r, 6)?),
        };
        let (day, kind, purse) = (r.get(4)?, text(r, 5)?, text(r, 7)?);
        Ok(DaySum { day, kind, class, purse, release, count: count(r, 8)?, nano: r.get(9)? })
    })?;
    sums.collect()
}

pub(super) fn sums_before(conn: &Connection, account: AccountId, day: i64) -> rusqlite::Result<(i64, i64)> {
    conn.prepare_cached(
        "SELECT ifnull(sum(amount) FILTER (WHERE purse = 'cash'), 0),
         ifnull(sum(amount) FILTER (WHERE purse = 'promo'), 0) FROM account_days WHERE account = ?1 AND day < ?2",
    )?
    .query_row(params![&account.0[..], day], |r| Ok((r.get(0)?, r.get(1)?)))
}

pub(super) fn spent(conn: &Connection, who: Spender, month: i64, today: i64) -> rusqlite::Result<Spent> {
    let (sql, id) = match who {
        Spender::Account(account) => (
            "SELECT ifnull(-sum(amount) FILTER (WHERE day = ?3), 0), ifnull(-sum(amount), 0)
             FROM account_days WHERE account = ?1 AND day >= ?2 AND day <= ?3 AND kind = 'call'",
            account.0,
        ),
        Spender::Key(key) => (
            "SELECT ifnull(sum(cost) FILTER (WHERE day = ?3), 0), ifnull(sum(cost), 0)
             FROM key_days WHERE key = ?1 AND day >= ?2 AND day <= ?3",
            key.0,
        ),
    };
    conn.prepare_cached(sql)?
        .query_row(params![&id[..], month, today], |r| Ok(Spent { day: whole(r, 0)?, month: whole(r, 1)? }))
}

pub(super) fn trial(conn: &Connection, model: ModelId) -> rusqlite::Result<Trial> {
    conn.prepare_cached("SELECT allowed, budget, per_account FROM trials WHERE model = ?1")?
        .query_row([&model.0[..]], |r| {
            Ok(Trial { allowed: r.get(0)?, budget: whole(r, 1)?, per_account: whole(r, 2)? })
        })
        .optional()
        .map(Option::unwrap_or_default)
}

pub(super) fn trial_use(conn: &Connection, model: ModelId, caller: AccountId) -> rusqlite::Result<TrialUse> {
    let hub = AccountId::PROMO_OPERATOR;
    let by_hub: i64 = conn
        .prepare_cached("SELECT ifnull(sum(amount), 0) FROM trial_sums WHERE caller = ?1 AND sponsor = ?2")?
        .query_row(params![&caller.0[..], &hub.0[..]], |r| r.get(0))?;
    conn.prepare_cached(
        "SELECT ifnull(sum(amount), 0), ifnull(sum(amount) FILTER (WHERE caller = ?2), 0) FROM trial_sums
         WHERE sponsor <> ?3 AND release IN (SELECT id FROM releases WHERE model = ?1)",
    )?
    .query_row(params![&model.0[..], &caller.0[..], &hub.0[..]], |r| {
        let hub = Amount::from_nano(by_hub).map_err(|e| wrong(0, e))?;
        Ok(TrialUse { hub, model: whole(r, 0)?, model_account: whole(r, 1)? })
    })
}
