//! Random histories: SQLite's books, the books in memory and a model of a few lines agree on every step.
//!
//! A failing run prints its seed; `STORE_TEST_SEED=…` runs it again.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

use ledger::{AccountId, Call, Purse};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::scene::{EVERYBODY, Place, call_of, deposit, failed_call, grant, key, nano, payout};
use crate::{Denied, Held, Looked, Row, Seq};

#[derive(Debug, Clone)]
enum Step {
    Deposit {
        to: usize,
        amount: i64,
    },
    Grant {
        to: usize,
        amount: i64,
    },
    Payout {
        from: usize,
        amount: i64,
    },
    /// A transfer with an id that was used before, with the same or another amount.
    Again {
        which: usize,
        more: i64,
    },
    Hold {
        payer: usize,
        amount: i64,
    },
    /// Captures an open hold, for so many percent of it.
    Capture {
        which: usize,
        percent: i64,
        keyed: Option<(u8, u8)>,
    },
    Void {
        which: usize,
    },
    Note,
    Hours {
        hours: i64,
    },
    Reopen {
        cleanly: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..EVERYBODY.len();
    let amount = 0i64..5_000;
    prop_oneof![
        2 => (who.clone(), amount.clone()).prop_map(|(to, amount)| Step::Deposit { to, amount }),
        1 => (who.clone(), amount.clone()).prop_map(|(to, amount)| Step::Grant { to, amount }),
        1 => (who.clone(), amount.clone()).prop_map(|(from, amount)| Step::Payout { from, amount }),
        1 => (any::<usize>(), 0i64..2).prop_map(|(which, more)| Step::Again { which, more }),
        6 => (who, 0i64..1_500).prop_map(|(payer, amount)| Step::Hold { payer, amount }),
        6 => (any::<usize>(), 0i64..=110, prop::option::of((0u8..4, 0u8..2)))
            .prop_map(|(which, percent, keyed)| Step::Capture { which, percent, keyed }),
        2 => any::<usize>().prop_map(|which| Step::Void { which }),
        1 => Just(Step::Note),
        1 => (1i64..20).prop_map(|hours| Step::Hours { hours }),
        1 => any::<bool>().prop_map(|cleanly| Step::Reopen { cleanly }),
    ]
}

/// What is there and what is held, by account and purse.
#[derive(Debug, Default)]
struct Model {
    there: HashMap<(AccountId, Purse), i64>,
    held: HashMap<(AccountId, Purse), i64>,
}

impl Model {
    fn available(&self, account: AccountId, purse: Purse) -> i64 {
        let of = |sums: &HashMap<_, i64>| sums.get(&(account, purse)).copied().unwrap_or_default();
        of(&self.there) - of(&self.held)
    }

    fn hold(&mut self, payer: AccountId, amount: i64) -> Option<Purse> {
        let promo = self.available(payer, Purse::Promo);
        let purse = if promo > 0 && promo >= amount { Purse::Promo } else { Purse::Cash };
        if self.available(payer, purse) < amount {
            return None;
        }
        *self.held.entry((payer, purse)).or_default() += amount;
        Some(purse)
    }

    fn release(&mut self, payer: AccountId, purse: Purse, amount: i64) {
        *self.held.entry((payer, purse)).or_default() -= amount;
    }

    fn add(&mut self, row: &Row) {
        let legs: Vec<_> = match row {
            Row::Call(call) => call.legs().collect(),
            Row::Transfer(transfer) => transfer.legs.clone(),
        };
        for leg in legs {
            *self.there.entry((leg.account, leg.purse)).or_default() += leg.nano;
        }
    }
}

/// One hold, in both books.
struct Open {
    payer: AccountId,
    amount: i64,
    holds: [Held; 2],
}

struct Run {
    places: [Place; 2],
    model: Model,
    open: Vec<Open>,
    transfers: Vec<(AccountId, i64)>,
    calls: u64,
}

impl Run {
    fn new(snapshot_every: u64) -> Run {
        let places = [Place::sqlite(snapshot_every), Place::memory()];
        Run { places, model: Model::default(), open: Vec::new(), transfers: Vec::new(), calls: 0 }
    }

    /// Both answer the same; gives the answer.
    fn agree(answers: [Result<Seq, Denied>; 2]) -> Result<Seq, Denied> {
        let [sqlite, memory] = answers;
        assert_eq!(sqlite, memory);
        sqlite
    }

    async fn post(&mut self, transfer: ledger::Transfer, expect: bool) {
        let [sqlite, memory] = &self.places;
        let done = Self::agree([sqlite.books.post(transfer.clone()).await, memory.books.post(transfer.clone()).await]);
        assert_eq!(done.is_ok(), expect, "{done:?}");
        if done.is_ok() {
            self.model.add(&Row::Transfer(Box::new(transfer)));
        }
    }

    async fn take(&mut self, step: Step) {
        let next = self.transfers.len() as u64;
        match step {
            Step::Deposit { to, amount } => {
                self.transfers.push((EVERYBODY[to], amount));
                self.post(deposit(next, EVERYBODY[to], amount), true).await;
            }
            Step::Grant { to, amount } => self.post(grant(10_000 + self.calls, EVERYBODY[to], amount), true).await,
            Step::Payout { from, amount } => {
                let there = self.model.available(EVERYBODY[from], Purse::Cash) >= amount;
                self.post(payout(20_000 + self.calls, EVERYBODY[from], amount), there).await;
            }
            Step::Again { which, more } if !self.transfers.is_empty() => {
                let which = which % self.transfers.len();
                let (to, amount) = self.transfers[which];
                let again = deposit(which as u64, to, amount + more);
                let [sqlite, memory] = &self.places;
                let done = Self::agree([sqlite.books.post(again.clone()).await, memory.books.post(again).await]);
                assert_eq!(done.is_ok(), more == 0, "{done:?}");
            }
            Step::Hold { payer, amount } => self.hold(EVERYBODY[payer], amount).await,
            Step::Capture { which, percent, keyed } if !self.open.is_empty() => {
                let open = self.open.swap_remove(which % self.open.len());
                self.capture(open, percent, keyed).await;
            }
            Step::Void { which } if !self.open.is_empty() => {
                let open = self.open.swap_remove(which % self.open.len());
                self.model.release(open.payer, open.holds[0].purse(), open.amount);
            }
            Step::Note => self.places.iter().for_each(|place| place.books.note(failed_call(50_000 + self.calls))),
            Step::Hours { hours } => self.places.iter().for_each(|place| place.clock.advance_ms(hours * 3_600_000)),
            Step::Reopen { cleanly } => self.reopen(cleanly).await,
            Step::Again { .. } | Step::Capture { .. } | Step::Void { .. } => {}
        }
        self.calls += 1;
    }

    async fn hold(&mut self, payer: AccountId, amount: i64) {
        let [sqlite, memory] = &self.places;
        let held = (sqlite.books.hold(payer, nano(amount)).await, memory.books.hold(payer, nano(amount)).await);
        match (held, self.model.hold(payer, amount)) {
            ((Ok(one), Ok(two)), Some(purse)) => {
                assert_eq!([one.purse(), two.purse()], [purse; 2]);
                self.open.push(Open { payer, amount, holds: [one, two] });
            }
            ((Err(one), Err(two)), None) => assert_eq!(one, two),
            other => panic!("a hold of {amount} of {payer}: {other:?}"),
        }
    }

    async fn capture(&mut self, open: Open, percent: i64, keyed: Option<(u8, u8)>) {
        let purse = open.holds[0].purse();
        let cost = open.amount * percent / 100;
        let clock = crate::Clock::now(&*self.places[0].clock);
        let keyed = keyed.map(|(hash, content)| key(hash, content));
        let call = Call { finished: clock, keyed, ..call_of(open.payer, purse, self.calls, cost) };
        let [sqlite, memory] = &self.places;
        let looked = keyed.map(|keyed| [sqlite.books.look(&keyed), memory.books.look(&keyed)]);
        assert!(looked.as_ref().is_none_or(|looked| looked[0] == looked[1]), "{looked:?}");
        let known = looked.is_some_and(|looked| looked[0] != Looked::New);
        let outcome = keyed.map(|_| self.calls.to_le_bytes().to_vec());
        let [one, two] = open.holds;
        let done = Self::agree([
            sqlite.books.capture(one, call.clone(), outcome.clone()).await,
            memory.books.capture(two, call.clone(), outcome.clone()).await,
        ]);
        self.model.release(open.payer, purse, open.amount);
        assert_eq!(done.is_ok(), !known && cost <= open.amount, "{done:?}");
        let Ok(seq) = done else { return };
        self.model.add(&Row::Call(Box::new(call)));
        for place in &self.places {
            assert_eq!(place.books.stored(seq).await.unwrap().unwrap().outcome, outcome);
        }
    }

    /// Holds end with the hub that gave them.
    async fn reopen(&mut self, cleanly: bool) {
        for open in self.open.drain(..) {
            self.model.release(open.payer, open.holds[0].purse(), open.amount);
        }
        match cleanly {
            true => self.places[0].close_and_reopen().await,
            false => self.places[0].drop_and_reopen(),
        }
    }

    fn check_balances(&self) {
        for account in
            EVERYBODY.into_iter().chain([AccountId::HUB_FEE, AccountId::RAIL_MANUAL, AccountId::PROMO_OPERATOR])
        {
            let [sqlite, memory] = self.places.each_ref().map(|place| place.books.balance(account));
            assert_eq!(sqlite, memory, "{account}");
            for (purse, there, held) in
                [(Purse::Cash, sqlite.cash, sqlite.cash_held), (Purse::Promo, sqlite.promo, sqlite.promo_held)]
            {
                assert_eq!(there - held, self.model.available(account, purse), "{account}");
                assert!(account.may_go_below_zero() || there - held >= 0, "{account} is at {there}, {held} held");
            }
        }
    }

    /// At the end: the rows are the same, dense, and add up to the balances, and the sum of everything is zero.
    async fn check_rows(&mut self) {
        self.reopen(true).await;
        self.check_balances();
        let [sqlite, memory] = &self.places;
        let rows = sqlite.books.rows(0, 10_000).await.unwrap();
        assert_eq!(rows, memory.books.rows(0, 10_000).await.unwrap());
        let mut again = Model::default();
        for (at, (seq, row)) in (1..).zip(&rows) {
            assert_eq!(*seq, at);
            again.add(row);
            assert!(
                again.there.iter().all(|((account, _), sum)| *sum >= 0 || account.may_go_below_zero()),
                "after row {seq}"
            );
            assert_eq!(again.there.values().sum::<i64>(), 0, "after row {seq}");
        }
        again.there.retain(|_, sum| *sum != 0);
        self.model.there.retain(|_, sum| *sum != 0);
        assert_eq!(again.there, self.model.there);
    }
}

#[test]
fn every_backend_agrees_with_the_model_on_random_histories() {
    let given = std::env::var("STORE_TEST_SEED").ok().map(|seed| seed.parse().expect("a number"));
    let seed: u64 = given.unwrap_or_else(|| RandomState::new().build_hasher().finish());
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases: 60, failure_persistence: None, max_shrink_time: 60_000, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let done = runner.run(&(prop::collection::vec(step(), 1..80), 1u64..12), |(steps, snapshot_every)| {
        runtime.block_on(async {
            let mut run = Run::new(snapshot_every);
            for step in steps {
                run.take(step).await;
                run.check_balances();
            }
            run.check_rows().await;
        });
        Ok(())
    });
    if let Err(failure) = done {
        panic!("STORE_TEST_SEED={seed}: {failure}");
    }
}
