//! Budgets: what may be spent on something over a time, counted in memory while calls run.
//!
//! Always: what was captured and what running calls may come to are together at most the cap; what was spent before is
//! read from the catalogue after all that is in the books has been carried over to it, and what is captured meanwhile is
//! counted here, so that nothing is missed.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use ledger::{AccountId, Amount, KeyId, ModelId, Month};
use store::Spender;

use crate::{Error, Hub};

/// What is spent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Budget {
    /// Calls from an account, by whichever key.
    Account(AccountId),
    /// Calls with a key.
    Key(KeyId),
    /// Trials of an account, paid by the hub.
    HubTrial(AccountId),
    /// Trials of a model, paid by its owner.
    ModelTrial(ModelId),
    /// The same, of one account.
    ModelTrialOf(ModelId, AccountId),
}

/// Over which time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Over {
    Day,
    Month,
    Ever,
}

impl Over {
    pub const fn word(self) -> &'static str {
        match self {
            Over::Day => "day",
            Over::Month => "month",
            Over::Ever => "ever",
        }
    }
}

impl fmt::Display for Over {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What is left of a budget does not cover a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full {
    pub(crate) over: Over,
    pub(crate) cap: Amount,
    /// Captured already.
    pub(crate) spent: Amount,
    /// What running calls may come to.
    pub(crate) running: Amount,
}

/// What was spent on one of them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Used {
    /// Days are counted from 1970-01-01, of UTC.
    day: i64,
    today: Amount,
    month: Amount,
    ever: Amount,
    running: Amount,
    /// What was spent before is not known: calls run, and no cap has been asked for yet.
    unread: bool,
    /// It is being read: what ends meanwhile stays here, even if nothing runs any more.
    reading: bool,
}

fn sum(one: Amount, other: Amount) -> Amount {
    one.checked_add(other).unwrap_or(Amount::MAX)
}

impl Used {
    fn over(&self, over: Over) -> Amount {
        match over {
            Over::Day => self.today,
            Over::Month => self.month,
            Over::Ever => self.ever,
        }
    }

    /// Begins a new day, if it is one.
    fn roll(&mut self, day: i64) {
        if day <= self.day {
            return;
        }
        self.today = Amount::ZERO;
        if Month::of_day(day) != Month::of_day(self.day) {
            self.month = Amount::ZERO;
        }
        self.day = day;
    }
}

#[derive(Debug, Default)]
pub(crate) struct Budgets {
    used: Mutex<HashMap<Budget, Used>>,
    /// One at a time is read from the catalogue.
    loading: tokio::sync::Mutex<()>,
}

impl Budgets {
    /// What is kept in memory at most; then those without running calls are forgotten.
    const LIMIT: usize = 100_000;

    fn lock(&self) -> MutexGuard<'_, HashMap<Budget, Used>> {
        self.used.lock().expect("nothing panics while it holds the budgets")
    }

    /// Sets `cost` aside, if every cap allows it. None if this budget is not in memory.
    pub(crate) fn reserve(
        self: &Arc<Self>,
        budget: Budget,
        cost: Amount,
        caps: &[(Over, Amount)],
        today: i64,
    ) -> Option<Result<Reserved, Full>> {
        let mut used = self.lock();
        let used = used.get_mut(&budget).filter(|used| !used.unread)?;
        used.roll(today);
        for (over, cap) in caps {
            let (spent, running) = (used.over(*over), used.running);
            if sum(sum(spent, running), cost) > *cap {
                return Some(Err(Full { over: *over, cap: *cap, spent, running }));
            }
        }
        used.running = sum(used.running, cost);
        Some(Ok(Reserved { budgets: self.clone(), budget, cost: Some(cost) }))
    }

    /// Counts a call that no cap is in the way of: one may be set while it runs.
    pub(crate) fn count(self: &Arc<Self>, budget: Budget, cost: Amount, today: i64) -> Reserved {
        let mut used = self.lock();
        let used = used.entry(budget).or_insert(Used { day: today, unread: true, ..Used::default() });
        used.running = sum(used.running, cost);
        Reserved { budgets: self.clone(), budget, cost: Some(cost) }
    }

    /// What was captured before this is in the books, and what is captured after it is counted here, until it is put.
    fn begin(&self, budget: Budget, today: i64) {
        let mut used = self.lock();
        let used = used.entry(budget).or_default();
        *used = Used { day: today, running: used.running, unread: true, reading: true, ..Used::default() };
    }

    /// What was found to be spent. A call that ended just while it was read may be in both, and counts twice rather than
    /// not at all.
    fn put(&self, budget: Budget, mut found: Used) {
        let mut used = self.lock();
        let mut since = used.remove(&budget).unwrap_or_default();
        if used.len() >= Self::LIMIT {
            // One with a running call stays: what that comes to is known here alone.
            used.retain(|_, used| !used.running.is_zero());
        }
        let day = found.day.max(since.day);
        found.roll(day);
        since.roll(day);
        let add = |of: fn(&Used) -> Amount| sum(of(&found), of(&since));
        let (today, month, ever) = (add(|u| u.today), add(|u| u.month), add(|u| u.ever));
        used.insert(budget, Used { day, today, month, ever, running: since.running, ..Used::default() });
    }

    /// Takes back what was set aside, and counts it as spent if it was captured.
    fn end(&self, budget: Budget, cost: Amount, captured: Option<i64>) {
        let mut used = self.lock();
        let of = used.get_mut(&budget).expect("a budget with a running call stays in memory");
        of.running = of.running.checked_sub(cost).unwrap_or_default();
        if let Some(day) = captured {
            of.roll(day);
            of.today = sum(of.today, cost);
            of.month = sum(of.month, cost);
            of.ever = sum(of.ever, cost);
        }
        // The books know all of it.
        if of.unread && !of.reading && of.running.is_zero() {
            used.remove(&budget);
        }
    }
}

/// A part of a budget that a running call may need. Dropped, it is free again.
#[derive(Debug)]
pub(crate) struct Reserved {
    budgets: Arc<Budgets>,
    budget: Budget,
    /// None once it has ended.
    cost: Option<Amount>,
}

impl Reserved {
    /// The call was captured, on this day.
    pub(crate) fn spent(mut self, day: i64) {
        if let Some(cost) = self.cost.take() {
            self.budgets.end(self.budget, cost, Some(day));
        }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if let Some(cost) = self.cost.take() {
            self.budgets.end(self.budget, cost, None);
        }
    }
}

impl Hub {
    /// Sets `cost` aside of a budget, or says which cap is in the way.
    pub(crate) async fn reserve(
        &self,
        budget: Budget,
        cost: Amount,
        caps: &[(Over, Amount)],
    ) -> Result<Result<Reserved, Full>, Error> {
        let today = || self.0.clock.now().day();
        if let Some(known) = self.0.budgets.reserve(budget, cost, caps, today()) {
            return Ok(known);
        }
        let _alone = self.0.budgets.loading.lock().await;
        loop {
            if let Some(known) = self.0.budgets.reserve(budget, cost, caps, today()) {
                return Ok(known);
            }
            self.0.budgets.begin(budget, today());
            self.project().await?;
            let found = self.used(budget, today()).await?;
            self.0.budgets.put(budget, found);
        }
    }

    async fn used(&self, budget: Budget, day: i64) -> Result<Used, Error> {
        let catalog = &self.0.catalog;
        let spent = |who| async move { catalog.spent(who, Month::of_day(day).first_day(), day).await };
        Ok(match budget {
            Budget::Account(account) => {
                let spent = spent(Spender::Account(account)).await?;
                Used { day, today: spent.day, month: spent.month, ..Used::default() }
            }
            Budget::Key(key) => {
                let spent = spent(Spender::Key(key)).await?;
                Used { day, today: spent.day, month: spent.month, ..Used::default() }
            }
            Budget::HubTrial(account) => {
                let ever = catalog.trial_use(ModelId([0; 16]), account).await?.hub;
                Used { day, ever, ..Used::default() }
            }
            Budget::ModelTrial(model) => {
                let ever = catalog.trial_use(model, AccountId([0; 16])).await?.model;
                Used { day, ever, ..Used::default() }
            }
            Budget::ModelTrialOf(model, account) => {
                let ever = catalog.trial_use(model, account).await?.model_account;
                Used { day, ever, ..Used::default() }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHO: Budget = Budget::Account(AccountId([1; 16]));

    fn opg(text: &str) -> Amount {
        text.parse().expect("an amount")
    }

    fn with(used: Used) -> Arc<Budgets> {
        let budgets = Arc::new(Budgets::default());
        budgets.put(WHO, used);
        budgets
    }

    #[test]
    fn running_calls_count_until_they_end() {
        let budgets = with(Used { day: 20_000, today: opg("1"), month: opg("1"), ..Used::default() });
        let caps = [(Over::Day, opg("3"))];
        let reserve = |cost: &str| budgets.reserve(WHO, opg(cost), &caps, 20_000).expect("it is in memory");
        let first = reserve("1.5").expect("there is room");
        let full = reserve("0.6").expect_err("there is none");
        assert_eq!(full, Full { over: Over::Day, cap: opg("3"), spent: opg("1"), running: opg("1.5") });
        let second = reserve("0.5").expect("to the last unit");
        drop(first);
        second.spent(20_000);
        assert_eq!(reserve("1.6").expect_err("1.5 are spent").spent, opg("1.5"));
    }

    #[test]
    fn a_new_day_and_a_new_month_begin_at_nothing() {
        // 2026-01-30.
        let budgets = with(Used { day: 20_483, today: opg("2"), month: opg("5"), ..Used::default() });
        let full = |over, cap: &str, day| {
            let reserved = budgets.reserve(WHO, opg("1"), &[(over, opg(cap))], day).expect("it is in memory");
            reserved.err().map(|full| full.spent)
        };
        assert_eq!(full(Over::Day, "2", 20_483), Some(opg("2")));
        assert_eq!(full(Over::Day, "2", 20_484), None, "another day");
        assert_eq!(full(Over::Month, "5", 20_484), Some(opg("5")), "the same month");
        assert_eq!(full(Over::Month, "5", 20_485), None, "another month");
    }

    #[test]
    fn what_runs_over_midnight_is_spent_on_the_day_it_is_captured() {
        let budgets = with(Used { day: 20_483, ..Used::default() });
        let reserved = budgets.reserve(WHO, opg("1"), &[], 20_483).expect("in memory").expect("no cap");
        reserved.spent(20_484);
        let full = budgets.reserve(WHO, opg("1"), &[(Over::Day, opg("1"))], 20_484).expect("in memory");
        assert_eq!(full.expect_err("it is spent").spent, opg("1"));
    }

    #[test]
    fn calls_that_ran_before_anybody_asked_for_a_cap_count() {
        let budgets = Arc::new(Budgets::default());
        let caps = [(Over::Day, opg("5"))];
        let [ended, first, second, third] = ["4", "1", "2", "3"].map(|cost| budgets.count(WHO, opg(cost), 7));
        ended.spent(7);
        assert!(budgets.reserve(WHO, opg("1"), &caps, 7).is_none(), "what was spent before is not known");
        budgets.begin(WHO, 7);
        // Meanwhile one is captured, one fails, one goes on.
        first.spent(7);
        drop(second);
        budgets.put(WHO, Used { day: 7, today: opg("0.5"), month: opg("0.5"), ..Used::default() });
        let full = budgets.reserve(WHO, opg("1"), &caps, 7).expect("in memory").expect_err("3 run, 1.5 are spent");
        assert_eq!((full.spent, full.running), (opg("1.5"), opg("3")));
        third.spent(7);
        assert_eq!(budgets.reserve(WHO, opg("1"), &caps, 7).expect("in memory").expect_err("full").spent, opg("4.5"));
    }

    #[test]
    fn who_has_no_caps_is_kept_as_long_as_calls_run() {
        let budgets = Arc::new(Budgets::default());
        let [one, other] = ["1", "2"].map(|cost| budgets.count(WHO, opg(cost), 0));
        one.spent(0);
        assert_eq!(budgets.lock().len(), 1);
        drop(other);
        assert_eq!(budgets.lock().len(), 0);
    }

    #[test]
    fn a_budget_with_a_running_call_is_never_forgotten() {
        let budgets = with(Used::default());
        let running = budgets.reserve(WHO, opg("1"), &[], 0).expect("in memory").expect("no cap");
        for n in 0..Budgets::LIMIT {
            budgets.put(Budget::Key(KeyId((n as u128).to_be_bytes())), Used::default());
        }
        assert!(budgets.lock().len() < Budgets::LIMIT);
        running.spent(0);
    }
}
