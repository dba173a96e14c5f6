//! What models came to lately, in `hub.db`. Sums by day come from the books (`project.rs`); here they become one row for
//! each model that was called in the last days, so that no view of a page counts anything.

use std::collections::BTreeMap;

use async_trait::async_trait;
use ledger::{Class, ModelId, Outcome, Time};
use rusqlite::{Connection, Row as SqlRow, TransactionBehavior, params};

use super::catalog::{LATEST_FIRST, SqliteCatalog, text};
use super::moderation::LISTED;
use super::{row, sums};
use crate::catalog::{CatalogError, ModelTotals};
use crate::rankings::{MissedSearch, RANKED_DAYS, Rankings, Searchers, Standing};

pub(super) const STEP: &str = "
    -- How many are listed, without reading all of them; which are new; what was searched in vain.
    CREATE INDEX models_listed ON models (latest_major) WHERE private = 0 AND latest_major > 0;
    CREATE INDEX releases_first ON releases (created) WHERE change = 'first';
    CREATE INDEX searches_missed ON searches (at) WHERE total = 0;
";

const WEEK: i64 = 7;
/// Most searches in vain that are looked through.
const MISSED_READ: u64 = 50_000;
/// Steps of a doubling: a time is told to an eighth.
const STEPS: u64 = 8;

/// The step that a time falls into, from 0.
pub(super) fn step_of(us: u64) -> i64 {
    let us = us.max(STEPS);
    let doubling = u64::from(us.ilog2());
    let part = (us >> (doubling - u64::from(STEPS.ilog2()))) - STEPS;
    i64::try_from(doubling * STEPS + part).unwrap_or(i64::MAX)
}

/// The longest time that falls into a step.
fn longest(step: u64) -> u64 {
    let (doubling, part) = (step / STEPS, step % STEPS);
    let shift = doubling.saturating_sub(u64::from(STEPS.ilog2())).min(64);
    u64::try_from((u128::from(STEPS + part + 1) << shift) - 1).unwrap_or(u64::MAX)
}

/// The 95th of a hundred: where nineteen of twenty are at or below.
fn p95(steps: &BTreeMap<u64, u64>) -> Option<u64> {
    let all: u64 = steps.values().sum();
    let wanted = (all * 19).div_ceil(20);
    let mut below = 0;
    let reached = |(step, calls): (&u64, &u64)| {
        below += calls;
        (below >= wanted).then(|| longest(*step))
    };
    if all == 0 { None } else { steps.iter().find_map(reached) }
}

fn count(row: &SqlRow<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(column)?.unsigned_abs())
}

const OF_MODEL: &str = "release IN (SELECT id FROM releases WHERE model = ?1)";

/// Counts one model.
fn counted(conn: &Connection, model: ModelId, today: i64) -> rusqlite::Result<Option<Standing>> {
    let since = today - RANKED_DAYS;
    let mut standing = Standing::default();
    let sql =
        format!("SELECT day, class, outcome, calls, cost, creators FROM release_days WHERE {OF_MODEL} AND day > ?2");
    let mut days = conn.prepare_cached(&sql)?;
    let mut rows = days.query(params![&model.0[..], since])?;
    let (mut spent, mut earned) = (0, 0);
    while let Some(row) = rows.next()? {
        let (day, class, outcome): (i64, Class, Outcome) = (row.get(0)?, text(row, 1)?, text(row, 2)?);
        let calls = count(row, 3)?;
        if class == Class::Paid && !matches!(outcome, Outcome::Refused | Outcome::InvalidInput) {
            standing.tried += calls;
        }
        if outcome != Outcome::Ok {
            continue;
        }
        match class {
            Class::Paid => {
                standing.paid += calls;
                spent += row.get::<_, i64>(4)?;
                earned += row.get::<_, i64>(5)?;
                match today - day {
                    age if age < WEEK => standing.week += calls,
                    age if age < 2 * WEEK => standing.week_before += calls,
                    _ => {}
                }
            }
            Class::Trial => standing.trial += calls,
            Class::Own => standing.own += calls,
            Class::Free => standing.free += calls,
            Class::Check => {}
        }
    }
    if standing.tried + standing.paid + standing.trial + standing.own + standing.free == 0 {
        return Ok(None);
    }
    (standing.spent, standing.earned) = (sums::nano(spent)?, sums::nano(earned)?);
    let sql = format!(
        "SELECT count(*), count(*) FILTER (WHERE last > ?3) FROM
         (SELECT max(last) AS last FROM model_payers WHERE {OF_MODEL} AND last > ?2 GROUP BY payer)"
    );
    (standing.payers, standing.payers_week) = conn
        .prepare_cached(&sql)?
        .query_row(params![&model.0[..], since, today - WEEK], |row| Ok((count(row, 0)?, count(row, 1)?)))?;
    let sql = format!("SELECT step, sum(calls) FROM release_times WHERE {OF_MODEL} AND day > ?2 GROUP BY step");
    let mut times = conn.prepare_cached(&sql)?;
    let steps = times.query_map(params![&model.0[..], since], |row| Ok((count(row, 0)?, count(row, 1)?)))?;
    standing.p95_us = p95(&steps.collect::<rusqlite::Result<_>>()?);
    let sql = format!("SELECT r.task FROM releases r JOIN models m ON m.id = r.model WHERE m.id = ?1 {LATEST_FIRST}");
    standing.task = conn.prepare_cached(&sql)?.query_row([&model.0[..]], |row| row.get(0))?;
    Ok(Some(standing))
}

fn keep(conn: &Connection, model: ModelId, today: i64, standing: Option<&Standing>) -> rusqlite::Result<()> {
    conn.prepare_cached("DELETE FROM unranked WHERE model = ?1")?.execute([&model.0[..]])?;
    let Some(of) = standing else {
        conn.prepare_cached("DELETE FROM standings WHERE model = ?1")?.execute([&model.0[..]])?;
        return Ok(());
    };
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    conn.prepare_cached(
        "INSERT OR REPLACE INTO standings VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
    )?
    .execute(params![
        &model.0[..],
        today,
        of.task,
        number(of.payers),
        number(of.paid),
        number(of.tried),
        number(of.trial),
        number(of.own),
        number(of.free),
        of.spent.nano(),
        of.earned.nano(),
        number(of.payers_week),
        number(of.week),
        number(of.week_before),
        of.p95_us.map(number),
    ])?;
    Ok(())
}

fn standing(row: &SqlRow<'_>) -> rusqlite::Result<(ModelId, Standing)> {
    let standing = Standing {
        task: row.get(1)?,
        payers: count(row, 2)?,
        paid: count(row, 3)?,
        tried: count(row, 4)?,
        trial: count(row, 5)?,
        own: count(row, 6)?,
        free: count(row, 7)?,
        spent: row::amount(row, 8)?,
        earned: row::amount(row, 9)?,
        payers_week: count(row, 10)?,
        week: count(row, 11)?,
        week_before: count(row, 12)?,
        p95_us: row.get::<_, Option<i64>>(13)?.map(i64::unsigned_abs),
    };
    Ok((ModelId(row.get(0)?), standing))
}

/// What has rows that are not counted, then what was counted on another day.
fn due(conn: &Connection, today: i64, limit: u64) -> rusqlite::Result<Vec<ModelId>> {
    let mut find = conn.prepare_cached(
        "SELECT model FROM (SELECT model FROM unranked LIMIT ?2)
         UNION SELECT model FROM (SELECT model FROM standings WHERE day < ?1 LIMIT ?2) LIMIT ?2",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    find.query_map(params![today, limit], |row| Ok(ModelId(row.get(0)?)))?.collect()
}

fn rank(conn: &mut Connection, today: i64, limit: u64) -> rusqlite::Result<Vec<(ModelId, Option<Standing>)>> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut ranked = Vec::new();
    for model in due(&tx, today, limit)? {
        let standing = counted(&tx, model, today)?;
        keep(&tx, model, today, standing.as_ref())?;
        ranked.push((model, standing));
    }
    tx.commit()?;
    Ok(ranked)
}

fn missed(
    conn: &Connection,
    by: Searchers,
    since: Time,
    least: u64,
    limit: u64,
) -> rusqlite::Result<Vec<MissedSearch>> {
    // Backwards, and no further than memory bears: whoever fills the log pushes out nothing but what is older.
    let who = if by == Searchers::Accounts { "AND account IS NOT NULL" } else { "" };
    let mut find = conn.prepare_cached(&format!(
        "SELECT query, account, at FROM searches WHERE total = 0 AND at >= ?1 AND start = 0 {who}
         ORDER BY at DESC LIMIT {MISSED_READ}"
    ))?;
    let mut rows = find.query([since.0])?;
    type Asked = (std::collections::HashSet<[u8; 16]>, u64, i64);
    let mut found: BTreeMap<String, Asked> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let words: Vec<String> = row.get_ref(0)?.as_str()?.split_whitespace().map(str::to_lowercase).collect();
        if words.is_empty() {
            continue;
        }
        let (accounts, nobody, last) = found.entry(words.join(" ")).or_default();
        match row.get::<_, Option<[u8; 16]>>(1)? {
            Some(account) => drop(accounts.insert(account)),
            None => *nobody += 1,
        }
        *last = row.get::<_, i64>(2)?.max(*last);
    }
    let mut found: Vec<MissedSearch> = found
        .into_iter()
        .map(|(words, (accounts, nobody, last))| MissedSearch {
            words,
            times: accounts.len() as u64 + if by == Searchers::Anybody { nobody } else { 0 },
            last: Time(last),
        })
        .filter(|missed| missed.times >= least)
        .collect();
    found.sort_by_key(|missed| (std::cmp::Reverse(missed.times), std::cmp::Reverse(missed.last.0)));
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(found)
}

#[async_trait]
impl Rankings for SqliteCatalog {
    async fn rank(&self, today: i64, limit: u64) -> Result<Vec<(ModelId, Option<Standing>)>, CatalogError> {
        // Made of what is carried over, and made again like it: it waits for no disk either.
        self.carry(move |conn| Ok(rank(conn, today, limit)?)).await
    }

    async fn standings(&self, after: Option<ModelId>, limit: u64) -> Result<Vec<(ModelId, Standing)>, CatalogError> {
        self.ask(move |conn| {
            let after = after.as_ref().map_or(&[][..], |after| &after.0[..]);
            let mut find = conn.prepare_cached(
                "SELECT model, task, payers, paid, tried, trial, own, free, spent, earned, payers_week, week, week_before,
                 p95_us FROM standings WHERE model > ?1 ORDER BY model LIMIT ?2",
            )?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            Ok(find.query_map(params![after, limit], standing)?.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn newest(&self, offset: u64, limit: u64) -> Result<Vec<ModelId>, CatalogError> {
        self.ask(move |conn| {
            let mut find = conn.prepare_cached(&format!(
                "SELECT r.model FROM releases r JOIN models m ON m.id = r.model
                 WHERE r.change = 'first' AND m.private = 0 AND {LISTED}
                 ORDER BY r.created DESC, r.id DESC LIMIT ?2 OFFSET ?1"
            ))?;
            let [offset, limit] = [offset, limit].map(|number| i64::try_from(number).unwrap_or(i64::MAX));
            let found = find.query_map(params![offset, limit], |row| Ok(ModelId(row.get(0)?)))?;
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn totals_since(&self, day: i64) -> Result<ModelTotals, CatalogError> {
        self.ask(move |conn| Ok(sums::hub_totals(conn, day)?)).await
    }

    async fn missed_searches(
        &self,
        by: Searchers,
        since: Time,
        least: u64,
        limit: u64,
    ) -> Result<Vec<MissedSearch>, CatalogError> {
        self.ask(move |conn| Ok(missed(conn, by, since, least, limit)?)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_to_an_eighth_and_never_as_shorter_than_it_was() {
        for us in (0..4_096).chain([10_007, 999_999, 60_000_000, u64::from(u32::MAX), 1 << 62]) {
            let told = longest(step_of(us).unsigned_abs());
            assert!(told >= us && told <= us.max(8) + us.max(8) / 8, "{us} is told as {told}");
        }
        assert!(longest(step_of(u64::MAX).unsigned_abs()) >= u64::MAX / 8 * 7);
        assert!((1..100_000).all(|us| step_of(us) <= step_of(us + 1)));
    }

    #[test]
    fn nineteen_of_twenty_are_at_or_below() {
        assert_eq!(p95(&BTreeMap::new()), None);
        let steps =
            |pairs: &[(u64, u64)]| p95(&pairs.iter().map(|(us, n)| (step_of(*us).unsigned_abs(), *n)).collect());
        let told = |us| Some(longest(step_of(us).unsigned_abs()));
        assert_eq!(steps(&[(1_000, 1)]), told(1_000));
        assert_eq!(steps(&[(1_000, 19), (9_000, 1)]), told(1_000));
        assert_eq!(steps(&[(1_000, 18), (9_000, 2)]), told(9_000));
    }
}
