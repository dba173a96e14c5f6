//! Which models are new, called most, earn most and rise: orders of what was counted.
//!
//! Always: the store counts (`store::Standing`), here it is put in order; an order says which models stand in it and why
//! one comes before another, in words that pages show; who is shown a model is decided when it is shown.
//!
//! Absent on purpose: skill and tiers. Nothing measures them yet.
//!
//! To add an order: a row of [`By`], its arm in [`By::key`], and what it means in `web/src/rankings.rs`.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

use ledger::{Amount, ModelId, Price};
use store::{ModelTotals, RANKED_DAYS, Shown, Standing};
use tokio::sync::Notify;

use crate::repositories::lists;
use crate::{Error, Hub};

/// Models that are counted in one go: others wait for the file meanwhile.
const AT_ONCE: u64 = 64;
/// Standings that are read in one go at the start.
const READ: u64 = 2_000;
/// Rows gather this long before they are counted.
const GATHER: Duration = Duration::from_secs(2);
/// A new day is noticed after this long.
const LOOK: Duration = Duration::from_secs(60);
/// How long a model is at hand that a page has shown, and how many are.
const KEPT: Duration = Duration::from_secs(5);
const MAX_KEPT: usize = 2_000;
/// After an error.
const PAUSE: Duration = Duration::from_secs(5);
/// Fewer paid calls than these prove nothing about how often or how fast a model answers.
pub const MIN_TRIED: u64 = 20;
/// What rises has so many paid calls in a week, of so many payers; fewer than that the week before count as that.
pub const MIN_WEEK: u64 = 20;
pub const MIN_WEEK_PAYERS: u64 = 3;
pub const LEAST_BEFORE: u64 = 10;

macro_rules! orders {
    ($($(#[$doc:meta])* $variant:ident = $word:literal;)*) => {
        /// What models are ordered by.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum By {
            $($(#[$doc])* $variant,)*
        }

        impl By {
            pub const ALL: &'static [By] = &[$(By::$variant),*];

            pub const fn word(self) -> &'static str {
                match self { $(By::$variant => $word,)* }
            }
        }
    };
}

orders! {
    /// Independent paying accounts, then their calls.
    Payers = "payers";
    /// Paid calls.
    Paid = "paid";
    /// Answered calls of every class, whoever paid.
    Raw = "raw";
    /// What creators got of paid calls.
    Earned = "earned";
    /// The lower bound of the share of paid calls that were answered.
    Success = "success";
    /// The 95th percentile of how long paid calls took, the fastest first.
    Speed = "speed";
    /// What a paid call cost on average, the cheapest first.
    Price = "price";
    /// Paid calls of these seven days beside those of the seven before.
    Rising = "rising";
}

/// The larger comes first.
type Key = (i128, u64, u64);

impl By {
    pub fn from_word(word: &str) -> Option<By> {
        By::ALL.iter().copied().find(|by| by.word() == word)
    }

    /// Where a model stands in this order; nowhere, if there is nothing to order it by.
    fn key(self, of: &Standing) -> Option<Key> {
        let first = |number: u64| i128::from(number);
        let nano = |amount: Amount| i128::from(amount.nano());
        let stands = match self {
            By::Payers => (first(of.payers), of.paid, 0),
            By::Paid => (first(of.paid), of.payers, 0),
            By::Raw => (first(of.answered()), of.payers, 0),
            By::Earned => (nano(of.earned), of.payers, of.paid),
            By::Success if of.tried >= MIN_TRIED => (first(lower_bound(of.paid, of.tried)), of.tried, 0),
            By::Speed if of.paid >= MIN_TRIED => (-first(of.p95_us?), of.paid, 0),
            // Averages are compared in thousandths of a nano-OPG.
            By::Price if of.paid > 0 => {
                return Some((-(nano(of.spent) * 1_000 / first(of.paid)), of.payers, of.paid));
            }
            By::Rising if of.week >= MIN_WEEK && of.payers_week >= MIN_WEEK_PAYERS && of.week > of.week_before => {
                (first(of.week) * 1_000 / first(of.week_before.max(LEAST_BEFORE)), of.week, 0)
            }
            _ => return None,
        };
        (stands.0 != 0).then_some(stands)
    }
}

/// Of how many in a million calls one can be sure that they are answered: Wilson's lower bound at 95 %.
pub fn lower_bound(answered: u64, tried: u64) -> u64 {
    if tried == 0 {
        return 0;
    }
    const Z: f64 = 1.96;
    let (n, p) = (tried as f64, answered.min(tried) as f64 / tried as f64);
    let middle = p + Z * Z / (2.0 * n);
    let spread = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    ((middle - spread) / (1.0 + Z * Z / n) * 1e6) as u64
}

/// All orders, as they were when they were made.
#[derive(Debug, Default)]
struct Board {
    standings: HashMap<ModelId, Standing>,
    orders: HashMap<By, Vec<ModelId>>,
    /// Tasks of the models in it, and of how many of them.
    tasks: BTreeMap<String, u64>,
}

impl Board {
    fn of(standings: HashMap<ModelId, Standing>) -> Board {
        let mut orders = HashMap::new();
        for by in By::ALL {
            let mut keyed: Vec<(Key, ModelId)> =
                standings.iter().filter_map(|(id, of)| Some((by.key(of)?, *id))).collect();
            keyed.sort_unstable_by_key(|(key, id)| (Reverse(*key), id.0));
            orders.insert(*by, keyed.into_iter().map(|(_, id)| id).collect());
        }
        let mut tasks = BTreeMap::new();
        for task in standings.values().filter_map(|of| of.task.clone()) {
            *tasks.entry(task).or_default() += 1;
        }
        Board { standings, orders, tasks }
    }
}

/// Models that pages have shown a moment ago, as of an event.
#[derive(Debug, Default)]
struct Kept {
    seq: u64,
    since: Option<Instant>,
    models: HashMap<ModelId, Arc<Shown>>,
}

/// What ranking needs in memory.
#[derive(Debug, Default)]
pub(crate) struct Ranking {
    board: RwLock<Arc<Board>>,
    kept: Mutex<Kept>,
    /// Whether what the store has counted before was read.
    read: tokio::sync::Mutex<bool>,
    /// Wakes whoever counts.
    pub(crate) carried: Notify,
}

/// How many more models of an order are asked about at once, and how many at most for one part of it: those that are
/// private or hidden are passed over.
const LOOKED_AT: usize = 50;
const MOST_LOOKED_AT: usize = 1_000;

/// A part of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RankingWish {
    pub by: By,
    pub task: Option<String>,
    /// How many come before.
    pub after: u64,
    pub limit: u64,
}

/// One model in it.
#[derive(Debug, Clone)]
pub struct Ranked {
    /// From 1.
    pub place: u64,
    pub shown: Arc<Shown>,
    pub price: Price,
    /// What one call with one item costs now; none while a USD price has no rate.
    pub cost: Option<Amount>,
    pub standing: Standing,
}

impl Hub {
    /// A part of an order, and how many come before the next part.
    pub async fn ranking(&self, wish: &RankingWish) -> Result<(Vec<Ranked>, Option<u64>), Error> {
        let board = self.board();
        let fits = |id: &&ModelId| {
            let task = board.standings.get(id).and_then(|of| of.task.as_ref());
            wish.task.is_none() || wish.task.as_ref() == task
        };
        let skipped = usize::try_from(wish.after).unwrap_or(usize::MAX);
        let order = board.orders.get(&wish.by).map_or(&[][..], Vec::as_slice);
        let mut left = order.iter().filter(fits).skip(skipped).copied().peekable();
        let wanted = usize::try_from(wish.limit).unwrap_or(usize::MAX);
        let (mut ranked, mut seen) = (Vec::new(), 0);
        while ranked.len() < wanted && seen < MOST_LOOKED_AT && left.peek().is_some() {
            let many = if seen == 0 { wanted } else { LOOKED_AT };
            let ids: Vec<ModelId> = left.clone().take(many).collect();
            // The store has the last word on what is there, and for whom.
            let mut listed = self.listed(&ids).await?.into_iter().peekable();
            for id in ids {
                if ranked.len() == wanted {
                    break;
                }
                left.next();
                seen += 1;
                if let Some(one) = listed.next_if(|one| one.shown.repository.model.id == id) {
                    let place = wish.after + ranked.len() as u64 + 1;
                    ranked.push(Ranked { place, ..one });
                }
            }
        }
        Ok((ranked, left.peek().is_some().then_some(wish.after + seen as u64)))
    }

    /// Models by their first release, so many, the newest first.
    pub async fn newest(&self, limit: u64) -> Result<Vec<Ranked>, Error> {
        let (mut newest, mut offset) = (Vec::new(), 0);
        while (newest.len() as u64) < limit {
            let ids = self.0.catalog.newest(offset, limit).await?;
            offset += ids.len() as u64;
            newest.extend(self.listed(&ids).await?);
            if (ids.len() as u64) < limit {
                break;
            }
        }
        newest.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(newest)
    }

    /// Models as everybody sees them, in this order; those that nobody can call are left out.
    pub(crate) async fn listed(&self, ids: &[ModelId]) -> Result<Vec<Ranked>, Error> {
        let (board, mut listed) = (self.board(), Vec::with_capacity(ids.len()));
        for shown in self.shown(ids).await? {
            let standing = board.standings.get(&shown.repository.model.id).cloned().unwrap_or_default();
            listed.extend(self.placed(listed.len() as u64 + 1, shown, standing));
        }
        Ok(listed)
    }

    /// Models as the store has them. Those that were asked for a moment ago are at hand, until something happens to any
    /// model; what calls came to may be that moment old.
    async fn shown(&self, ids: &[ModelId]) -> Result<Vec<Arc<Shown>>, Error> {
        // Asked first: whatever happens from here on makes what is found now old.
        let seq = self.0.catalog.last_event().await?;
        let kept = || self.0.ranking.kept.lock().expect("nothing panics while it holds them");
        let missing: Vec<ModelId> = {
            let mut kept = kept();
            if kept.seq != seq || kept.since.is_none_or(|since| since.elapsed() > KEPT) {
                *kept = Kept { seq, since: Some(Instant::now()), models: HashMap::new() };
            }
            ids.iter().filter(|id| !kept.models.contains_key(id)).copied().collect()
        };
        let mut found: HashMap<ModelId, Arc<Shown>> = HashMap::new();
        if !missing.is_empty() {
            let asked = self.0.catalog.shown(&missing).await?;
            found.extend(asked.into_iter().map(|shown| (shown.repository.model.id, Arc::new(shown))));
        }
        let mut kept = kept();
        let shown = ids.iter().filter_map(|id| found.get(id).or_else(|| kept.models.get(id)).cloned()).collect();
        if kept.seq == seq && kept.models.len() < MAX_KEPT {
            kept.models.extend(found);
        }
        Ok(shown)
    }

    /// What all models came to in the last [`RANKED_DAYS`] days.
    pub async fn lately(&self) -> Result<ModelTotals, Error> {
        Ok(self.0.catalog.totals_since(self.0.clock.now().day() - RANKED_DAYS + 1).await?)
    }

    /// Tasks of models that were called lately, and how many models have them.
    pub fn ranked_tasks(&self) -> Vec<(String, u64)> {
        self.board().tasks.iter().map(|(task, models)| (task.clone(), *models)).collect()
    }

    /// One that everybody sees and can call.
    fn placed(&self, place: u64, shown: Arc<Shown>, standing: Standing) -> Option<Ranked> {
        let release = shown.release.as_ref().filter(|_| lists(None, &shown.repository.model))?;
        let price = release.price_at(self.0.clock.now());
        let cost = price.cost(&ledger::Usage::ONE_CALL, self.settings().rate).ok();
        Some(Ranked { place, price, cost, standing, shown })
    }

    fn board(&self) -> Arc<Board> {
        self.0.ranking.board.read().expect("nothing panics while it holds the board").clone()
    }

    /// The task that counts.
    pub(crate) async fn keep_ranking(&self) {
        loop {
            if let Err(error) = self.rank().await {
                tracing::error!("Rankings are falling behind: {error:?}");
                tokio::time::sleep(PAUSE).await;
            }
            // A day may have begun without a call.
            let _ = tokio::time::timeout(LOOK, self.0.ranking.carried.notified()).await;
            tokio::time::sleep(GATHER).await;
        }
    }

    /// Counts what was carried over, and puts it in order.
    pub async fn rank(&self) -> Result<(), Error> {
        let mut read = self.0.ranking.read.lock().await;
        let mut changed: Vec<(ModelId, Option<Standing>)> = Vec::new();
        // What was counted and is lost to an error is read the next time.
        if !std::mem::replace(&mut *read, false) {
            let mut after = None;
            loop {
                let some = self.0.catalog.standings(after, READ).await?;
                let Some((last, _)) = some.last() else { break };
                after = Some(*last);
                changed.extend(some.into_iter().map(|(id, standing)| (id, Some(standing))));
            }
        }
        let today = self.0.clock.now().day();
        loop {
            let ranked = self.0.catalog.rank(today, AT_ONCE).await?;
            if ranked.is_empty() {
                break;
            }
            changed.extend(ranked);
        }
        *read = true;
        if changed.is_empty() {
            return Ok(());
        }
        let mut standings = self.board().standings.clone();
        for (id, standing) in changed {
            match standing {
                Some(standing) => drop(standings.insert(id, standing)),
                None => drop(standings.remove(&id)),
            }
        }
        let made = tokio::task::spawn_blocking(move || Board::of(standings)).await;
        let made = made.map_err(|crash| Error::Internal { reason: crash.to_string() })?;
        *self.0.ranking.board.write().expect("nothing panics while it holds the board") = Arc::new(made);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(by: By, standings: &[Standing]) -> Vec<u8> {
        let all = standings.iter().zip(0..).map(|(of, id)| (ModelId([id; 16]), of.clone())).collect();
        Board::of(all).orders[&by].iter().map(|id| id.0[0]).collect()
    }

    fn paid(payers: u64, paid: u64, tried: u64) -> Standing {
        let spent = Amount::from_nano(1_000 * paid.cast_signed()).unwrap();
        Standing { payers, paid, tried, spent, earned: spent, p95_us: Some(1_000), ..Standing::default() }
    }

    #[test]
    fn many_payers_come_before_many_calls_of_one() {
        let standings = [paid(1, 5_000, 5_000), paid(3, 9, 9), paid(3, 10, 10), Standing { own: 7, ..paid(0, 0, 0) }];
        assert_eq!(order(By::Payers, &standings), [2, 1, 0]);
        assert_eq!(order(By::Paid, &standings), [0, 2, 1]);
        assert_eq!(order(By::Raw, &standings), [0, 2, 1, 3]);
    }

    #[test]
    fn a_few_good_calls_prove_less_than_many() {
        let standings = [paid(1, 20, 20), paid(1, 1_990, 2_000), paid(1, 19, 19), paid(1, 0, 20)];
        assert_eq!(order(By::Success, &standings), [1, 0]);
        assert_eq!(lower_bound(2_000, 2_000), 998_082);
        assert_eq!((lower_bound(0, 0), lower_bound(0, 20), lower_bound(9, 3)), (0, 0, lower_bound(3, 3)));
    }

    #[test]
    fn the_cheap_and_the_fast_come_first_and_free_ones_are_cheap() {
        let dear = Standing { spent: Amount::from_nano(90_000).unwrap(), ..paid(1, 30, 30) };
        let slow = Standing { p95_us: Some(9_000), ..paid(1, 40, 40) };
        let free = Standing { spent: Amount::ZERO, ..paid(1, 25, 25) };
        assert_eq!(order(By::Price, &[dear.clone(), slow.clone(), free.clone()]), [2, 1, 0]);
        assert_eq!(order(By::Speed, &[slow, free, dear, paid(1, 19, 19)]), [2, 1, 0]);
    }

    #[test]
    fn what_rises_has_calls_of_several_and_more_than_before() {
        let week = |week, week_before, payers_week| Standing { week, week_before, payers_week, ..paid(9, 99, 99) };
        let standings =
            [week(20, 0, 3), week(40, 10, 3), week(19, 1, 3), week(50, 1, 2), week(30, 30, 9), week(900, 600, 9)];
        assert_eq!(order(By::Rising, &standings), [1, 0, 5]);
    }

    #[test]
    fn tasks_are_counted() {
        let of = |task: &str| Standing { task: Some(task.to_owned()), ..paid(1, 1, 1) };
        let all = [of("b"), of("a"), of("b"), paid(1, 1, 1)].into_iter().zip(0..);
        let board = Board::of(all.map(|(of, id)| (ModelId([id; 16]), of)).collect());
        assert_eq!(board.tasks.into_iter().collect::<Vec<_>>(), [("a".to_owned(), 1), ("b".to_owned(), 2)]);
    }
}
