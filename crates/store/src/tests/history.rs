//! Random histories: SQLite's books, the books in memory and a model of a few lines agree on every step.
//!
//! A failing run prints its seed; `STORE_TEST_SEED=…` runs it again.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;

use ledger::{
    AccountId, Amount, Call, Ending, HoldId, Kind, Purse, Refund, Refusal, Sponsor, Time, Transfer, TransferId,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::scene::{EVERYBODY, Place, call_of, deposit, failed_call, grant, key, nano, payout};
use crate::{Denied, Held, Looked, NewPending, Row, Seq};

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
    /// Deposits and payouts as one: above zero comes in.
    Chain {
        amounts: Vec<(usize, i64)>,
    },
    Hold {
        payer: usize,
        amount: i64,
    },
    /// A hold on the money of somebody else, or of the operator, for a call of `caller`'s.
    Trial {
        caller: usize,
        sponsor: Option<usize>,
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
    Pend {
        from: usize,
        amount: i64,
        hours: i64,
    },
    PayPending {
        which: usize,
        percent: i64,
    },
    TakePending {
        which: usize,
    },
    VoidPending {
        which: usize,
    },
    /// Gives so many percent of a call's cost back; the same id again gives nothing more.
    Refund {
        which: usize,
        percent: i64,
    },
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
    let chain = prop::collection::vec((who.clone(), -1_500i64..2_000), 1..5);
    prop_oneof![
        3 => (who.clone(), amount.clone()).prop_map(|(to, amount)| Step::Deposit { to, amount }),
        1 => (who.clone(), amount.clone()).prop_map(|(to, amount)| Step::Grant { to, amount }),
        2 => (who.clone(), amount.clone()).prop_map(|(from, amount)| Step::Payout { from, amount }),
        1 => (any::<usize>(), 0i64..2).prop_map(|(which, more)| Step::Again { which, more }),
        1 => chain.prop_map(|amounts| Step::Chain { amounts }),
        6 => (who.clone(), 0i64..1_500).prop_map(|(payer, amount)| Step::Hold { payer, amount }),
        2 => (who.clone(), prop::option::of(who.clone()), 1i64..1_500)
            .prop_map(|(caller, sponsor, amount)| Step::Trial { caller, sponsor, amount }),
        7 => (any::<usize>(), 0i64..=110, prop::option::of((0u8..4, 0u8..2)))
            .prop_map(|(which, percent, keyed)| Step::Capture { which, percent, keyed }),
        2 => any::<usize>().prop_map(|which| Step::Void { which }),
        1 => Just(Step::Note),
        2 => (who, amount, 0i64..60).prop_map(|(from, amount, hours)| Step::Pend { from, amount, hours }),
        1 => (any::<usize>(), 0i64..=110).prop_map(|(which, percent)| Step::PayPending { which, percent }),
        1 => any::<usize>().prop_map(|which| Step::TakePending { which }),
        1 => any::<usize>().prop_map(|which| Step::VoidPending { which }),
        3 => (any::<usize>(), 0i64..=110).prop_map(|(which, percent)| Step::Refund { which, percent }),
        1 => (1i64..20).prop_map(|hours| Step::Hours { hours }),
        2 => any::<bool>().prop_map(|cleanly| Step::Reopen { cleanly }),
    ]
}

/// What is there and what is held, by account and purse.
#[derive(Debug, Default)]
struct Model {
    there: BTreeMap<(AccountId, Purse), i64>,
    held: BTreeMap<(AccountId, Purse), i64>,
}

impl Model {
    fn available(&self, account: AccountId, purse: Purse) -> i64 {
        let of = |sums: &BTreeMap<_, i64>| sums.get(&(account, purse)).copied().unwrap_or_default();
        of(&self.there) - of(&self.held)
    }

    /// The purse a hold is taken from, if one covers it.
    fn choose(&self, account: AccountId, amount: i64) -> Option<Purse> {
        if account == AccountId::PROMO_OPERATOR {
            return Some(Purse::Promo);
        }
        let promo = self.available(account, Purse::Promo);
        let purse = if promo > 0 && promo >= amount { Purse::Promo } else { Purse::Cash };
        (self.available(account, purse) >= amount).then_some(purse)
    }

    fn hold(&mut self, account: AccountId, amount: i64) -> Option<Purse> {
        let purse = self.choose(account, amount)?;
        *self.held.entry((account, purse)).or_default() += amount;
        Some(purse)
    }

    fn release(&mut self, account: AccountId, purse: Purse, amount: i64) {
        *self.held.entry((account, purse)).or_default() -= amount;
    }

    fn add(&mut self, row: &Row) {
        let legs: Vec<_> = match row {
            Row::Call(call) => call.legs().collect(),
            Row::Transfer(transfer) => transfer.legs.clone(),
            Row::Pending(_) | Row::Ended(_) => Vec::new(),
        };
        for leg in legs {
            *self.there.entry((leg.account, leg.purse)).or_default() += leg.nano;
        }
    }
}

/// One hold, in both books.
struct Open {
    caller: AccountId,
    account: AccountId,
    amount: i64,
    holds: [Held; 2],
}

/// A durable hold, and whether it is still there.
#[derive(Debug, Clone)]
struct Durable {
    id: HoldId,
    account: AccountId,
    purse: Purse,
    amount: i64,
    expires: Time,
    ended: Option<Ending>,
}

struct Run {
    places: [Place; 2],
    model: Model,
    open: Vec<Open>,
    durable: Vec<Durable>,
    transfers: Vec<(AccountId, i64)>,
    /// Row, call and what has been given back of it.
    paid: Vec<(Seq, Arc<Call>, i64)>,
    owed: HashMap<(TransferId, u32), i64>,
    steps: u64,
    notes: u64,
}

/// Both answer the same; gives the answer.
fn agree<T: PartialEq + std::fmt::Debug>(answers: [Result<T, Denied>; 2]) -> Result<T, Denied> {
    let [sqlite, memory] = answers;
    assert_eq!(sqlite, memory);
    sqlite
}

impl Run {
    fn new(snapshot_every: u64) -> Run {
        Run {
            places: [Place::sqlite(snapshot_every), Place::memory()],
            model: Model::default(),
            open: Vec::new(),
            durable: Vec::new(),
            transfers: Vec::new(),
            paid: Vec::new(),
            owed: HashMap::new(),
            steps: 0,
            notes: 0,
        }
    }

    fn now(&self) -> Time {
        crate::Clock::now(&*self.places[0].clock)
    }

    async fn post(&mut self, chain: Vec<Transfer>, expect: bool) -> bool {
        let [sqlite, memory] = &self.places;
        let done = agree([sqlite.books.post(chain.clone()).await, memory.books.post(chain.clone()).await]);
        assert_eq!(done.is_ok(), expect, "{done:?}");
        if done.is_ok() {
            chain.into_iter().for_each(|transfer| self.model.add(&Row::Transfer(Arc::new(transfer))));
        }
        done.is_ok()
    }

    async fn take(&mut self, step: Step) {
        let next = self.transfers.len() as u64;
        self.steps += 1;
        match step {
            Step::Deposit { to, amount } => {
                self.transfers.push((EVERYBODY[to], amount));
                self.post(vec![deposit(next, EVERYBODY[to], amount)], true).await;
            }
            Step::Grant { to, amount } => {
                self.post(vec![grant(10_000 + self.steps, EVERYBODY[to], amount)], true).await;
            }
            Step::Payout { from, amount } => {
                let there = self.model.available(EVERYBODY[from], Purse::Cash) >= amount;
                self.post(vec![payout(20_000 + self.steps, EVERYBODY[from], amount)], there).await;
            }
            Step::Again { which, more } if !self.transfers.is_empty() => {
                let which = which % self.transfers.len();
                let (to, amount) = self.transfers[which];
                let again = vec![deposit(which as u64, to, amount + more)];
                let [sqlite, memory] = &self.places;
                let done = agree([sqlite.books.post(again.clone()).await, memory.books.post(again).await]);
                assert_eq!(done.is_ok(), more == 0, "{done:?}");
            }
            Step::Chain { amounts } => self.chain(&amounts).await,
            Step::Hold { payer, amount } => self.hold(EVERYBODY[payer], EVERYBODY[payer], amount).await,
            Step::Trial { caller, sponsor, amount } => {
                let sponsor = sponsor.map_or(AccountId::PROMO_OPERATOR, |sponsor| EVERYBODY[sponsor]);
                self.hold(EVERYBODY[caller], sponsor, amount).await;
            }
            Step::Capture { which, percent, keyed } if !self.open.is_empty() => {
                let open = self.open.swap_remove(which % self.open.len());
                self.capture(open, percent, keyed).await;
            }
            Step::Void { which } if !self.open.is_empty() => {
                let open = self.open.swap_remove(which % self.open.len());
                self.give_back(&open);
            }
            Step::Note => self.places.iter().for_each(|place| place.books.note(failed_call(50_000 + self.steps))),
            Step::Pend { from, amount, hours } => self.pend(EVERYBODY[from], amount, hours).await,
            Step::PayPending { which, percent } if !self.durable.is_empty() => {
                self.pay_pending(which % self.durable.len(), percent).await;
            }
            Step::TakePending { which } if !self.durable.is_empty() => {
                self.take_pending(which % self.durable.len()).await;
            }
            Step::VoidPending { which } if !self.durable.is_empty() => {
                self.void_pending(which % self.durable.len()).await;
            }
            Step::Refund { which, percent } if !self.paid.is_empty() => {
                self.refund(which % self.paid.len(), percent).await;
            }
            Step::Hours { hours } => self.hours(hours).await,
            Step::Reopen { cleanly } => self.reopen(cleanly).await,
            _ => {}
        }
    }

    async fn chain(&mut self, amounts: &[(usize, i64)]) {
        let mut there: HashMap<usize, i64> = HashMap::new();
        let mut fits = true;
        let mut chain = Vec::new();
        for (place, (who, amount)) in (0..).zip(amounts) {
            let left = there.entry(*who).or_insert(self.model.available(EVERYBODY[*who], Purse::Cash));
            *left += amount;
            fits &= *left >= 0;
            let id = 60_000 + self.steps * 10 + place;
            chain.push(match amount {
                0.. => deposit(id, EVERYBODY[*who], *amount),
                _ => payout(id, EVERYBODY[*who], -amount),
            });
        }
        let chain = Transfer::link(chain);
        if self.post(chain.clone(), fits).await {
            let [sqlite, memory] = &self.places;
            let again = agree([sqlite.books.post(chain.clone()).await, memory.books.post(chain).await]);
            assert!(again.is_ok(), "the same chain again is the same: {again:?}");
        }
    }

    async fn hold(&mut self, caller: AccountId, account: AccountId, amount: i64) {
        let [sqlite, memory] = &self.places;
        let held = (sqlite.books.hold(account, nano(amount)).await, memory.books.hold(account, nano(amount)).await);
        match (held, self.model.hold(account, amount)) {
            ((Ok(one), Ok(two)), Some(purse)) => {
                assert_eq!([one.purse(), two.purse()], [purse; 2]);
                self.open.push(Open { caller, account, amount, holds: [one, two] });
            }
            ((Err(one), Err(two)), None) => assert_eq!(one, two),
            other => panic!("a hold of {amount} of {account}: {other:?}"),
        }
    }

    /// What the model gives back of a hold that ends without a charge: a durable one stays.
    fn give_back(&mut self, open: &Open) {
        if open.holds[0].durable().is_none() {
            self.model.release(open.account, open.holds[0].purse(), open.amount);
        }
    }

    async fn capture(&mut self, open: Open, percent: i64, keyed: Option<(u8, u8)>) {
        let (purse, durable) = (open.holds[0].purse(), open.holds[0].durable());
        let cost = open.amount * percent / 100;
        let keyed = keyed.map(|(hash, content)| key(hash, content));
        let sponsored = open.caller != open.account;
        let call = Call {
            finished: self.now(),
            keyed,
            sponsor: sponsored.then_some(Sponsor { account: open.account, purse }),
            hold: durable,
            ..call_of(open.caller, if sponsored { Purse::Promo } else { purse }, self.steps, cost)
        };
        let call = Arc::new(call);
        let [sqlite, memory] = &self.places;
        let looked = match &keyed {
            Some(keyed) => Some(agree([sqlite.books.look(keyed).await, memory.books.look(keyed).await]).unwrap()),
            None => None,
        };
        let known = looked.is_some_and(|looked| looked != Looked::New);
        let outcome = keyed.map(|_| self.steps.to_le_bytes().to_vec());
        self.give_back(&open);
        let [sqlite, memory] = &self.places;
        let [one, two] = open.holds;
        let done = agree([
            sqlite.books.capture(one, call.clone(), outcome.clone()).await,
            memory.books.capture(two, call.clone(), outcome.clone()).await,
        ]);
        assert_eq!(done.is_ok(), !known && cost <= open.amount, "{done:?}");
        let Ok(seq) = done else { return };
        if let Some(durable) = durable {
            self.model.release(open.account, purse, open.amount);
            self.durable.iter_mut().find(|d| d.id == durable).unwrap().ended = Some(Ending::Captured);
        }
        self.model.add(&Row::Call(call.clone()));
        self.recovered(seq).await;
        if keyed.is_some() {
            let [sqlite, memory] = &self.places;
            let stored = agree([sqlite.books.stored(seq).await, memory.books.stored(seq).await]).unwrap().unwrap();
            assert_eq!((&stored.call, &stored.outcome), (&call, &outcome));
        }
        if cost > 0 {
            self.paid.push((seq, call, 0));
        }
    }

    /// What went on to those whom the receivers owe stands right behind the call.
    async fn recovered(&mut self, seq: Seq) {
        let rows = self.places[1].books.rows(seq, 1_000).await.unwrap();
        for (_, row) in rows {
            let Row::Transfer(transfer) = &row else { panic!("{row:?}") };
            let Kind::Recovery(recovery) = &transfer.kind else { panic!("{row:?}") };
            let left = self.owed.get_mut(&(recovery.refund, recovery.place)).expect("it was owed");
            *left -= recovery.amount.nano();
            assert!(*left >= 0, "more was recovered than was owed");
            self.model.add(&row);
        }
    }

    async fn pend(&mut self, account: AccountId, amount: i64, hours: i64) {
        let at = self.now();
        let wish = NewPending {
            id: HoldId((u128::from(self.steps) | 7 << 120).to_be_bytes()),
            at,
            account,
            purse: None,
            amount: nano(amount),
            expires: at.plus_ms(hours * 3_600_000),
            reference: format!("hold {}", self.steps),
            actor: None,
        };
        let [sqlite, memory] = &self.places;
        let done = agree([sqlite.books.pend(wish.clone()).await, memory.books.pend(wish.clone()).await]);
        let purse = self.model.choose(account, amount).filter(|_| hours > 0);
        assert_eq!(done.is_ok(), purse.is_some(), "{done:?}");
        if let Some(purse) = purse {
            *self.model.held.entry((account, purse)).or_default() += amount;
            let Ok((_, pending)) = &done else { unreachable!("it was taken") };
            assert_eq!(pending.purse, purse);
            let again = agree([sqlite.books.pend(wish.clone()).await, memory.books.pend(wish.clone()).await]);
            assert_eq!(again, done, "the same again is the same");
            let expires = wish.expires;
            self.durable.push(Durable { id: wish.id, account, purse, amount, expires, ended: None });
        }
    }

    /// Why a durable hold cannot be had, if it cannot.
    fn missing(&self, durable: &Durable) -> Option<Refusal> {
        let hold = durable.id;
        let taken = self.open.iter().any(|open| open.holds[0].durable() == Some(hold));
        match durable.ended {
            Some(how) => Some(Refusal::HoldEnded { hold, how }),
            None => taken.then_some(Refusal::HoldTaken { hold }),
        }
    }

    async fn pay_pending(&mut self, which: usize, percent: i64) {
        let durable = self.durable[which].clone();
        if durable.purse == Purse::Promo {
            return;
        }
        let amount = durable.amount * percent / 100;
        let transfer = payout(80_000 + self.steps, durable.account, amount).from_hold(durable.id);
        let fits = self.missing(&durable).is_none() && amount > 0 && amount <= durable.amount;
        if self.post(vec![transfer], fits).await {
            self.model.release(durable.account, durable.purse, durable.amount);
            self.durable[which].ended = Some(Ending::Captured);
        }
    }

    async fn take_pending(&mut self, which: usize) {
        let Durable { id, account, amount, .. } = self.durable[which];
        let [sqlite, memory] = &self.places;
        let taken = (sqlite.books.take(id).await, memory.books.take(id).await);
        match (taken, self.missing(&self.durable[which])) {
            ((Ok(one), Ok(two)), None) => {
                self.open.push(Open { caller: account, account, amount, holds: [one, two] });
            }
            ((Err(one), Err(two)), Some(refusal)) => assert_eq!([one, two], [refusal.clone().into(), refusal.into()]),
            other => panic!("{other:?}"),
        }
    }

    async fn void_pending(&mut self, which: usize) {
        let durable = self.durable[which].clone();
        let at = self.now();
        let [sqlite, memory] = &self.places;
        let done = agree([sqlite.books.void(durable.id, at).await, memory.books.void(durable.id, at).await]);
        assert_eq!(done.map(drop), self.missing(&durable).map_or(Ok(()), |refusal| Err(refusal.into())));
        if self.missing(&durable).is_none() {
            self.model.release(durable.account, durable.purse, durable.amount);
            self.durable[which].ended = Some(Ending::Voided);
        }
    }

    async fn refund(&mut self, which: usize, percent: i64) {
        let (seq, call, before) = self.paid[which].clone();
        let amount = call.cost.nano() * percent / 100;
        let asked = Refund {
            id: TransferId((u128::from(self.steps) | 9 << 120).to_be_bytes()),
            at: self.now(),
            amount: Some(nano(amount)),
            reason: format!("refund {}", self.steps),
            actor: AccountId::HUB_FEE,
            window_ms: None,
        };
        let [sqlite, memory] = &self.places;
        let done =
            agree([sqlite.books.refund(asked.clone(), seq).await, memory.books.refund(asked.clone(), seq).await]);
        assert_eq!(done.is_ok(), amount > 0 && before + amount <= call.cost.nano(), "{done:?}");
        let Ok((_, transfer)) = &done else { return };
        let again = agree([sqlite.books.refund(asked.clone(), seq).await, memory.books.refund(asked, seq).await]);
        assert_eq!(again, done, "the same again is the same");
        let Kind::Refund(refunded) = &transfer.kind else { panic!("{transfer:?}") };
        assert_eq!(refunded.amount(), nano(amount));
        for (place, share) in (0..).zip(&refunded.shares) {
            self.owed.insert((transfer.id, place), share.owed.nano());
        }
        self.model.add(&Row::Transfer(transfer.clone()));
        self.paid[which].2 += amount;
    }

    /// Time alone ends what is due, but for what a running call has taken.
    async fn hours(&mut self, hours: i64) {
        self.places.iter().for_each(|place| place.clock.advance_ms(hours * 3_600_000));
        // Something to write: what is due ends before it.
        self.notes += 1;
        self.places.iter().for_each(|place| place.books.note(failed_call(90_000 + self.notes)));
        self.settle().await;
    }

    /// What the model knows of holds whose time is over: they end with the next thing that is written.
    fn expire(&mut self) {
        let now = self.now();
        let due: Vec<usize> = (0..self.durable.len())
            .filter(|at| self.durable[*at].expires <= now && self.missing(&self.durable[*at]).is_none())
            .collect();
        for at in due {
            let Durable { account, purse, amount, .. } = self.durable[at];
            self.model.release(account, purse, amount);
            self.durable[at].ended = Some(Ending::Expired);
        }
    }

    /// Waits until what was noted is written: what is refused stands behind it in the queue and leaves no row.
    async fn settle(&self) {
        let nobody = payout(0, AccountId([0xff; 16]), i64::MAX);
        let nothing = Transfer { id: TransferId([0xff; 16]), ..nobody };
        for place in &self.places {
            assert!(place.books.post(vec![nothing.clone()]).await.is_err());
        }
    }

    /// Running calls do not outlive the books; what they had taken durably is open again.
    async fn reopen(&mut self, cleanly: bool) {
        for open in std::mem::take(&mut self.open) {
            self.give_back(&open);
        }
        let sqlite = &mut self.places[0];
        match cleanly {
            true => sqlite.close_and_reopen().await,
            false => sqlite.drop_and_reopen(),
        }
        self.hours(0).await;
    }

    async fn check_balances(&mut self) {
        self.settle().await;
        self.expire();
        let system = [AccountId::HUB_FEE, AccountId::RAIL_MANUAL, AccountId::PROMO_OPERATOR];
        for account in EVERYBODY.into_iter().chain(system) {
            let [sqlite, memory] = &self.places;
            let balance = agree([sqlite.books.balance(account).await, memory.books.balance(account).await]).unwrap();
            for purse in Purse::ALL {
                let free = balance.posted(purse) - balance.held_of(purse);
                assert_eq!(free, self.model.available(account, purse), "{account}");
                assert!(account.may_go_below_zero(purse) || free >= 0, "{account} has {balance:?}");
            }
            let debts =
                agree([sqlite.books.debts(account, 1_000).await, memory.books.debts(account, 1_000).await]).unwrap();
            for debt in debts {
                assert_eq!(self.owed[&(debt.refund, debt.place)], debt.left.nano());
                assert!(debt.left > Amount::ZERO);
            }
        }
        let [sqlite, memory] = &self.places;
        let open = agree([sqlite.books.pending(None).await, memory.books.pending(None).await]).unwrap();
        assert_eq!(open.len(), self.durable.iter().filter(|durable| durable.ended.is_none()).count());
    }

    /// At the end: the rows are the same, dense, and add up to the balances, and the sum of everything is zero.
    async fn check_rows(&mut self) {
        self.reopen(true).await;
        self.check_balances().await;
        let [sqlite, memory] = &self.places;
        let [rows, others] =
            [sqlite.books.rows(0, 10_000).await, memory.books.rows(0, 10_000).await].map(Result::unwrap);
        assert_eq!(rows.len(), others.len());
        let mut again = Model::default();
        for (at, ((seq, row), (_, other))) in (1..).zip(rows.iter().zip(&others)) {
            assert_eq!(*seq, at);
            match (row, other) {
                // Of the books' own making: they name them in their own way.
                (Row::Transfer(one), Row::Transfer(two)) if matches!(one.kind, Kind::Recovery(_)) => {
                    assert_eq!((&one.kind, &one.legs), (&two.kind, &two.legs));
                }
                _ => assert_eq!(row, other),
            }
            again.add(row);
            for ((account, purse), sum) in &again.there {
                assert!(*sum >= 0 || account.may_go_below_zero(*purse), "after row {seq}: {account} has {sum} {purse}");
            }
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
    let config = Config { cases: 60 * soak(), failure_persistence: None, max_shrink_time: 60_000, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let done = runner.run(&(prop::collection::vec(step(), 1..100), 1u64..12), |(steps, snapshot_every)| {
        runtime.block_on(async {
            let mut run = Run::new(snapshot_every);
            for step in steps {
                run.take(step).await;
                run.check_balances().await;
            }
            run.check_rows().await;
        });
        Ok(())
    });
    if let Err(failure) = done {
        panic!("STORE_TEST_SEED={seed}: {failure}");
    }
}

/// How many times as many cases `cargo xtask soak` wants.
fn soak() -> u32 {
    std::env::var("MODELHUB_SOAK").ok().and_then(|times| times.parse().ok()).unwrap_or(1)
}
