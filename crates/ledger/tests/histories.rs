//! Random histories on the bare book: whatever happens in whatever order, the invariants hold after every step.
//!
//! A failing run prints its seed; `LEDGER_TEST_SEED=…` runs it again.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hasher, RandomState};

use ledger::{
    AccountId, Amount, Book, Call, CallId, Class, Ended, Ending, Hold, HoldId, KeyId, Kind, Outcome, Pending, Purse,
    Refund, Refunded, Refusal, ReleaseId, Share, Split, Sponsor, Surface, Terms, Time, Transfer, TransferId, Usage,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Alice and bob make a model from carol's; dave only pays.
const PEOPLE: [AccountId; 4] =
    [AccountId([0xa1; 16]), AccountId([0xb0; 16]), AccountId([0xca; 16]), AccountId([0xda; 16])];

fn nano(amount: i64) -> Amount {
    Amount::from_nano(amount).expect("at least zero")
}

fn numbered(n: usize) -> [u8; 16] {
    (n as u128 | 1 << 120).to_be_bytes()
}

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
    Chain {
        amounts: Vec<(usize, i64)>,
    },
    Hold {
        payer: usize,
        amount: i64,
    },
    /// A hold on somebody else's money, or on the operator's promotion.
    Trial {
        caller: usize,
        sponsor: Option<usize>,
        amount: i64,
    },
    Capture {
        which: usize,
        percent: i64,
    },
    Void {
        which: usize,
    },
    Pend {
        from: usize,
        amount: i64,
        lasts: i64,
    },
    /// Pays a durable hold out, for so many percent of it.
    PayPending {
        which: usize,
        percent: i64,
    },
    TakePending {
        which: usize,
    },
    EndPending {
        which: usize,
    },
    Wait {
        ms: i64,
    },
    Refund {
        which: usize,
        percent: i64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..PEOPLE.len();
    let amount = 0i64..2_000;
    prop_oneof![
        3 => (who.clone(), amount.clone()).prop_map(|(to, amount)| Step::Deposit { to, amount }),
        1 => (who.clone(), amount.clone()).prop_map(|(to, amount)| Step::Grant { to, amount }),
        2 => (who.clone(), amount.clone()).prop_map(|(from, amount)| Step::Payout { from, amount }),
        1 => prop::collection::vec((who.clone(), -900i64..900), 1..5).prop_map(|amounts| Step::Chain { amounts }),
        6 => (who.clone(), 0i64..900).prop_map(|(payer, amount)| Step::Hold { payer, amount }),
        2 => (who.clone(), prop::option::of(who.clone()), 1i64..900)
            .prop_map(|(caller, sponsor, amount)| Step::Trial { caller, sponsor, amount }),
        8 => (any::<usize>(), 0i64..=110).prop_map(|(which, percent)| Step::Capture { which, percent }),
        2 => any::<usize>().prop_map(|which| Step::Void { which }),
        2 => (who, amount, 0i64..50).prop_map(|(from, amount, lasts)| Step::Pend { from, amount, lasts }),
        1 => (any::<usize>(), 0i64..=110).prop_map(|(which, percent)| Step::PayPending { which, percent }),
        1 => any::<usize>().prop_map(|which| Step::TakePending { which }),
        1 => any::<usize>().prop_map(|which| Step::EndPending { which }),
        1 => (1i64..20).prop_map(|ms| Step::Wait { ms }),
        4 => (any::<usize>(), 0i64..=120).prop_map(|(which, percent)| Step::Refund { which, percent }),
    ]
}

/// One thing that stands in the books for ever.
#[derive(Debug, Clone)]
enum Row {
    Call(Call),
    Transfer(Transfer),
    Pending(Pending),
    Ended(Ended),
}

#[derive(Default)]
struct Run {
    book: Book,
    now: i64,
    rows: Vec<Row>,
    open: Vec<(Hold, AccountId)>,
    pending: Vec<HoldId>,
    calls: Vec<(Call, Vec<Refunded>)>,
    /// How each durable hold ended, however often somebody tried.
    endings: HashMap<HoldId, u32>,
    /// What refunds are still owed, worked out from the rows alone.
    owed: BTreeMap<(TransferId, u32), i64>,
}

fn call(n: usize, hold: &Hold, caller: AccountId, cost: Amount) -> Call {
    let terms = Terms::new(
        vec![(PEOPLE[2], 1_234), (PEOPLE[2], 77)],
        Split::new(vec![(PEOPLE[0], 6_667), (PEOPLE[1], 3_333)]).expect("a split"),
    )
    .expect("terms");
    let fee_share = Share::from_points(1_000).expect("a tenth");
    let cut = terms.cut(cost, fee_share);
    let sponsored = hold.account() != caller;
    Call {
        id: CallId(numbered(n)),
        accepted: Time(0),
        finished: Time(0),
        payer: caller,
        key: KeyId([1; 16]),
        release: ReleaseId([2; 16]),
        release_number: "1.00".to_owned(),
        model_digest: [0; 32],
        class: if sponsored { Class::Trial } else { Class::Paid },
        surface: Surface::Api,
        purse: if sponsored { Purse::Promo } else { hold.purse() },
        outcome: Outcome::Ok,
        usage: Usage::ONE_CALL,
        cost,
        fee_share,
        fee: cut.fee,
        parts: cut.parts,
        rate: None,
        queue_us: 0,
        engine_us: 0,
        cold: false,
        input_hash: [0; 32],
        output_hash: [0; 32],
        salt: [0; 32],
        keyed: None,
        sponsor: sponsored.then(|| Sponsor { account: hold.account(), purse: hold.purse() }),
        hold: hold.durable(),
    }
}

impl Run {
    fn transfer(&mut self, kind: char, who: usize, amount: i64) -> Transfer {
        let id = TransferId(numbered(self.rows.len()));
        let (at, who, amount, text) = (Time(self.now), PEOPLE[who], nano(amount), String::new());
        match kind {
            'd' => Transfer::deposit(id, at, AccountId::RAIL_MANUAL, who, amount, text),
            'g' => Transfer::grant(id, at, who, amount, text),
            _ => Transfer::payout(id, at, AccountId::RAIL_MANUAL, who, amount, text),
        }
    }

    /// Posts and notes; gives whether it was taken.
    fn post(&mut self, transfer: Transfer) -> Result<(), Refusal> {
        self.book.post(&transfer)?;
        if let Some(hold) = transfer.hold {
            self.ended(hold);
        }
        self.rows.push(Row::Transfer(transfer));
        Ok(())
    }

    fn ended(&mut self, hold: HoldId) {
        *self.endings.entry(hold).or_default() += 1;
    }

    fn available(&self, who: AccountId, purse: Purse) -> i64 {
        self.book.balance(who).available(purse).nano()
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Deposit { to, amount } => {
                let transfer = self.transfer('d', to, amount);
                self.post(transfer).expect("a deposit is always taken");
            }
            Step::Grant { to, amount } => {
                let transfer = self.transfer('g', to, amount);
                self.post(transfer).expect("a grant is always taken");
            }
            Step::Payout { from, amount } => {
                let there = self.available(PEOPLE[from], Purse::Cash) >= amount;
                let transfer = self.transfer('p', from, amount);
                assert_eq!(self.post(transfer).is_ok(), there);
            }
            Step::Chain { amounts } => self.chain(&amounts),
            Step::Hold { payer, amount } => {
                let payer = PEOPLE[payer];
                let there = Purse::ALL.iter().any(|purse| self.available(payer, *purse) >= amount);
                let held = self.book.hold(payer, nano(amount));
                assert_eq!(held.is_ok(), there);
                self.open.extend(held.map(|hold| (hold, payer)));
            }
            Step::Trial { caller, sponsor, amount } => {
                let sponsor = sponsor.map_or(AccountId::PROMO_OPERATOR, |sponsor| PEOPLE[sponsor]);
                if let Ok(hold) = self.book.hold(sponsor, nano(amount)) {
                    self.open.push((hold, PEOPLE[caller]));
                }
            }
            Step::Capture { which, percent } if !self.open.is_empty() => {
                let (hold, caller) = self.open.swap_remove(which % self.open.len());
                self.capture(hold, caller, percent);
            }
            Step::Void { which } if !self.open.is_empty() => {
                let (hold, _) = self.open.swap_remove(which % self.open.len());
                self.book.void(hold);
            }
            Step::Pend { from, amount, lasts } => self.pend(PEOPLE[from], amount, lasts),
            Step::PayPending { which, percent } if !self.pending.is_empty() => {
                let hold = self.pending[which % self.pending.len()];
                self.pay_pending(hold, percent);
            }
            Step::TakePending { which } if !self.pending.is_empty() => {
                if let Ok(hold) = self.book.take(self.pending[which % self.pending.len()]) {
                    let account = hold.account();
                    self.open.push((hold, account));
                }
            }
            Step::EndPending { which } if !self.pending.is_empty() => {
                let hold = self.pending[which % self.pending.len()];
                self.end(hold, Ending::Voided);
            }
            Step::Wait { ms } => {
                self.now += ms;
                while let Some(hold) = self.book.due(Time(self.now)) {
                    self.end(hold, Ending::Expired);
                }
            }
            Step::Refund { which, percent } if !self.calls.is_empty() => {
                let which = which % self.calls.len();
                self.refund(which, percent);
            }
            _ => {}
        }
    }

    fn chain(&mut self, amounts: &[(usize, i64)]) {
        let before: Vec<_> = PEOPLE.map(|who| self.book.balance(who)).to_vec();
        let mut there = HashMap::new();
        let mut fits = true;
        let mut chain = Vec::new();
        for (place, (who, amount)) in amounts.iter().enumerate() {
            let left = there.entry(*who).or_insert_with(|| self.available(PEOPLE[*who], Purse::Cash));
            *left += amount;
            fits &= *left >= 0;
            let mut transfer = self.transfer(if *amount < 0 { 'p' } else { 'd' }, *who, amount.abs());
            transfer.id = TransferId(numbered(self.rows.len() + place));
            chain.push(transfer);
        }
        let chain = Transfer::link(chain);
        let done = self.book.post_all(&chain);
        assert_eq!(done.is_ok(), fits, "{done:?}");
        match done {
            Ok(()) => self.rows.extend(chain.into_iter().map(Row::Transfer)),
            Err(_) => assert_eq!(PEOPLE.map(|who| self.book.balance(who)).to_vec(), before, "a chain leaves no trace"),
        }
    }

    fn capture(&mut self, hold: Hold, caller: AccountId, percent: i64) {
        let cost = nano(hold.amount().nano() * percent / 100);
        let (above, durable) = (cost > hold.amount(), hold.durable());
        let call = call(self.rows.len(), &hold, caller, cost);
        let done = self.book.capture(hold, &call);
        assert_eq!(done.is_err(), above, "{done:?}");
        if done.is_err() {
            return;
        }
        if let Some(hold) = durable {
            self.ended(hold);
        }
        self.rows.push(Row::Call(call.clone()));
        let mut n = self.rows.len();
        let recovered = self.book.recover(&call, Time(self.now), |_| {
            n += 1;
            TransferId(numbered(n))
        });
        for transfer in recovered {
            let Kind::Recovery(recovery) = &transfer.kind else { panic!("{transfer:?}") };
            *self.owed.get_mut(&(recovery.refund, recovery.place)).expect("owed") -= recovery.amount.nano();
            self.rows.push(Row::Transfer(transfer));
        }
        if !cost.is_zero() {
            self.calls.push((call, Vec::new()));
        }
    }

    fn pend(&mut self, account: AccountId, amount: i64, lasts: i64) {
        let wish = Pending {
            id: HoldId(numbered(self.rows.len())),
            at: Time(self.now),
            account,
            purse: Purse::Cash,
            amount: nano(amount),
            expires: Time(self.now + lasts),
            reference: String::new(),
            actor: None,
        };
        let there = Purse::ALL.iter().any(|purse| self.available(account, *purse) >= amount);
        let done = self.book.pend(wish, true);
        assert_eq!(done.is_ok(), there && lasts > 0, "{done:?}");
        if let Ok(pending) = done {
            self.pending.push(pending.id);
            self.rows.push(Row::Pending(pending));
        }
    }

    fn pay_pending(&mut self, hold: HoldId, percent: i64) {
        let Some(Pending { account, purse: Purse::Cash, amount, .. }) = self.book.find_pending(hold).cloned() else {
            return;
        };
        let paid = amount.nano() * percent / 100;
        let who = PEOPLE.iter().position(|who| *who == account).expect("one of them");
        let taken = self.open.iter().any(|(open, _)| open.durable() == Some(hold));
        let transfer = self.transfer('p', who, paid).from_hold(hold);
        let done = self.post(transfer);
        assert_eq!(done.is_ok(), paid > 0 && paid <= amount.nano() && !taken, "{done:?}");
    }

    fn end(&mut self, hold: HoldId, how: Ending) {
        let ended = Ended { hold, at: Time(self.now), how };
        let open = self.book.find_pending(hold).is_some();
        let taken = self.open.iter().any(|(open, _)| open.durable() == Some(hold));
        let done = self.book.end(&ended);
        assert_eq!(done.is_ok(), open && !taken, "{done:?}");
        if done.is_ok() {
            self.ended(hold);
            self.rows.push(Row::Ended(ended));
        }
    }

    fn refund(&mut self, which: usize, percent: i64) {
        let (call, earlier) = &self.calls[which];
        let before: i64 = earlier.iter().map(|refunded| refunded.amount().nano()).sum();
        let amount = nano(call.cost.nano() * percent / 100);
        let asked = Refund {
            id: TransferId(numbered(self.rows.len())),
            at: Time(self.now),
            amount: Some(amount),
            reason: String::new(),
            actor: PEOPLE[0],
            window_ms: None,
        };
        let payer = self.book.balance(call.source().0);
        let done = self.book.refund(&asked, call, earlier);
        let fits = !amount.is_zero() && before + amount.nano() <= call.cost.nano();
        assert_eq!(done.is_ok(), fits, "{done:?}");
        let Ok(transfer) = done else { return };
        let Kind::Refund(refunded) = &transfer.kind else { panic!("{transfer:?}") };
        assert_eq!(refunded.amount(), amount);
        for (place, share) in (0..).zip(&refunded.shares) {
            self.owed.insert((transfer.id, place), share.owed.nano());
        }
        let after = self.book.balance(call.source().0);
        assert!(after.cash >= payer.cash || refunded.shares.iter().any(|share| share.from == call.source().0));
        self.calls[which].1.push((**refunded).clone());
        self.rows.push(Row::Transfer(transfer));
    }

    /// What has to be so at any moment.
    fn check(&self) {
        assert_eq!(self.book.sums(), (0, 0));
        for (account, balance) in self.book.balances() {
            for purse in Purse::ALL {
                let free = balance.posted(purse) - balance.held_of(purse);
                assert!(free >= 0 || account.may_go_below_zero(purse), "{account} is at {balance:?}");
                assert!(balance.held_of(purse) >= 0, "{account} is at {balance:?}");
            }
        }
        // What is held is what is held for something.
        for account in PEOPLE {
            for purse in Purse::ALL {
                let taken =
                    |hold: &Hold| (hold.account(), hold.purse()) == (account, purse) && hold.durable().is_none();
                let running: i64 = self.open.iter().filter(|(h, _)| taken(h)).map(|(h, _)| h.amount().nano()).sum();
                let of = |p: &&Pending| (p.account, p.purse) == (account, purse);
                let pending: i64 = self.book.pending().filter(of).map(|p| p.amount.nano()).sum();
                assert_eq!(self.book.balance(account).held_of(purse), running + pending);
            }
        }
        assert_eq!(self.book.open_holds(), self.open.len());
        // A hold ends once.
        assert!(self.endings.values().all(|times| *times == 1), "{:?}", self.endings);
        let open = self.pending.iter().filter(|hold| !self.endings.contains_key(hold)).count();
        assert_eq!(self.book.pending().count(), open);
        // Of a call no more comes back than it cost, and from nobody more than they got.
        for (call, refunds) in &self.calls {
            assert!(refunds.iter().map(|r| r.amount().nano()).sum::<i64>() <= call.cost.nano());
            let got = [call.fee].into_iter().chain(call.parts.iter().map(|part| part.amount));
            for (place, got) in got.enumerate() {
                let back: i64 = refunds.iter().map(|refunded| refunded.shares[place].amount().nano()).sum();
                assert!(back <= got.nano(), "{back} of {got:?}");
            }
        }
        // Debts are what refunds owed and recoveries have not brought.
        let debts: BTreeMap<_, _> = self.book.debts().map(|d| ((d.refund, d.place), d.left.nano())).collect();
        let owed: BTreeMap<_, _> = self.owed.iter().filter(|(_, left)| **left != 0).map(|(k, v)| (*k, *v)).collect();
        assert_eq!(debts, owed);
    }

    /// What entries say of a row is what its legs move, account by account.
    fn check_entries(&self) {
        for row in &self.rows {
            let (entries, legs): (Vec<_>, Vec<_>) = match row {
                Row::Call(call) => (call.entries().collect(), call.legs().collect()),
                Row::Transfer(transfer) => (transfer.entries(), transfer.legs.clone()),
                Row::Pending(_) | Row::Ended(_) => continue,
            };
            let mut sums: BTreeMap<(AccountId, Purse), i64> = BTreeMap::new();
            entries.iter().for_each(|e| *sums.entry((e.account, e.purse)).or_default() += e.nano);
            legs.iter().for_each(|leg| *sums.entry((leg.account, leg.purse)).or_default() -= leg.nano);
            assert!(sums.values().all(|sum| *sum == 0), "{entries:?} are not {legs:?}");
        }
    }

    /// The rows alone give the same book; any beginning of them gives a sound one.
    fn check_replay(&self) {
        let mut again = Book::default();
        for row in &self.rows {
            match row {
                Row::Call(call) => again.replay(call).expect("it was taken before"),
                Row::Transfer(transfer) => again.post(transfer).expect("it was taken before"),
                Row::Pending(pending) => again.replay_pending(pending).expect("it was taken before"),
                Row::Ended(ended) => again.end(ended).expect("it was taken before"),
            }
            assert_eq!(again.sums(), (0, 0));
        }
        for account in PEOPLE.into_iter().chain([AccountId::HUB_FEE, AccountId::PROMO_OPERATOR]) {
            for purse in Purse::ALL {
                assert_eq!(again.balance(account).posted(purse), self.book.balance(account).posted(purse));
            }
        }
        let by_id = |book: &Book| book.pending().map(|p| (p.id, p.clone())).collect::<BTreeMap<_, _>>();
        assert_eq!(by_id(&again), by_id(&self.book));
        let debts = |book: &Book| book.debts().map(|d| ((d.refund, d.place), d.clone())).collect::<BTreeMap<_, _>>();
        assert_eq!(debts(&again), debts(&self.book));
    }
}

fn seed(variable: &str) -> u64 {
    let given = std::env::var(variable).ok().map(|seed| seed.parse().expect("a number"));
    given.unwrap_or_else(|| RandomState::new().build_hasher().finish())
}

#[test]
fn random_histories_keep_every_invariant() {
    let seed = seed("LEDGER_TEST_SEED");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases: 1_000 * soak(), failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let done = runner.run(&prop::collection::vec(step(), 1..120), |steps| {
        let mut run = Run::default();
        for step in steps {
            run.take(step);
            run.check();
        }
        run.check_replay();
        run.check_entries();
        Ok(())
    });
    if let Err(failure) = done {
        panic!("LEDGER_TEST_SEED={seed}: {failure}");
    }
}

/// Independent calls in any order, cut into batches anywhere, come to the same balances.
#[test]
fn the_order_of_independent_calls_does_not_matter() {
    let seed = seed("LEDGER_TEST_SEED");
    let mut bytes = [1; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases: 200 * soak(), failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let calls = prop::collection::vec((0..PEOPLE.len(), 0i64..5_000), 1..40);
    let shuffled = calls.prop_flat_map(|calls| (Just(calls.clone()), Just(calls).prop_shuffle()));
    let done = runner.run(&shuffled, |(one, other)| {
        let balances = [one, other].map(|calls| {
            let mut book = Book::default();
            for (n, who) in PEOPLE.into_iter().enumerate() {
                let id = TransferId(numbered(n));
                let million = nano(1_000_000);
                let rail = AccountId::RAIL_MANUAL;
                book.post(&Transfer::deposit(id, Time(0), rail, who, million, String::new())).expect("taken");
            }
            for (n, (who, cost)) in calls.into_iter().enumerate() {
                let hold = book.hold(PEOPLE[who], nano(cost)).expect("everybody has enough");
                let call = call(n, &hold, PEOPLE[who], nano(cost));
                book.capture(hold, &call).expect("it was held");
            }
            PEOPLE.into_iter().chain([AccountId::HUB_FEE]).map(|who| book.balance(who)).collect::<Vec<_>>()
        });
        assert_eq!(balances[0], balances[1]);
        Ok(())
    });
    if let Err(failure) = done {
        panic!("LEDGER_TEST_SEED={seed}: {failure}");
    }
}

/// How many times as many cases `cargo xtask soak` wants.
fn soak() -> u32 {
    std::env::var("MODELHUB_SOAK").ok().and_then(|times| times.parse().ok()).unwrap_or(1)
}
