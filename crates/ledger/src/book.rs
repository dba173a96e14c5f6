//! The book: what every account has, what is set aside, and what is owed.
//!
//! Always: what is held is part of what is there; a movement is applied whole or not at all; the sum over all
//! accounts is zero in each purse.

use std::collections::{BTreeSet, HashMap, VecDeque};

use crate::refund::{MAX_RECOVERIES, shares};
use crate::transfer::exchange;
use crate::{
    AccountId, Amount, Call, Debt, Ended, Ending, Hold, HoldId, Kind, Leg, Pending, Purse, Recovery, Refund, Refunded,
    Refusal, Returned, Time, Transfer, TransferId,
};

/// Ids are the hub's own making, so nobody can choose them to collide.
type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// What one account has, in nano-OPG. Only rails and the operator's promotion go below zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Balance {
    pub cash: i64,
    pub promo: i64,
    pub cash_held: i64,
    pub promo_held: i64,
}

impl Balance {
    pub fn posted(&self, purse: Purse) -> i64 {
        match purse {
            Purse::Cash => self.cash,
            Purse::Promo => self.promo,
        }
    }

    pub fn held_of(&self, purse: Purse) -> i64 {
        match purse {
            Purse::Cash => self.cash_held,
            Purse::Promo => self.promo_held,
        }
    }

    fn held_mut(&mut self, purse: Purse) -> &mut i64 {
        match purse {
            Purse::Cash => &mut self.cash_held,
            Purse::Promo => &mut self.promo_held,
        }
    }

    fn posted_mut(&mut self, purse: Purse) -> &mut i64 {
        match purse {
            Purse::Cash => &mut self.cash,
            Purse::Promo => &mut self.promo,
        }
    }

    /// What a new hold could take from `purse`.
    pub fn available(&self, purse: Purse) -> Amount {
        Amount::from_nano(self.posted(purse).saturating_sub(self.held_of(purse)).max(0)).expect("at least zero")
    }

    pub fn held(&self) -> Amount {
        Amount::from_nano(self.cash_held.saturating_add(self.promo_held)).expect("holds are never negative")
    }
}

/// An account's place in the book.
#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    balance: Balance,
    /// The age in which it last moved.
    age: u64,
}

/// All balances, open holds and debts.
#[derive(Debug)]
pub struct Book {
    accounts: Map<AccountId, Entry>,
    /// How often somebody has asked what moved.
    age: u64,
    moved: Vec<AccountId>,
    open: usize,
    pending: Map<HoldId, Pending>,
    /// Soonest first.
    expiring: BTreeSet<(Time, HoldId)>,
    /// By debtor, the oldest first.
    /// Each debtor's and purse's oldest first: what comes in finds what it pays without a search.
    debts: Map<(AccountId, Purse), VecDeque<Debt>>,
}

impl Default for Book {
    fn default() -> Self {
        Book {
            accounts: Map::default(),
            // Above the age of an entry that has never moved.
            age: 1,
            moved: Vec::new(),
            open: 0,
            pending: Map::default(),
            expiring: BTreeSet::new(),
            debts: Map::default(),
        }
    }
}

impl Book {
    pub fn balance(&self, account: AccountId) -> Balance {
        self.accounts.get(&account).map(|entry| entry.balance).unwrap_or_default()
    }

    /// Every account that ever had money, in no order.
    pub fn balances(&self) -> impl Iterator<Item = (AccountId, Balance)> {
        self.accounts.iter().map(|(account, entry)| (*account, entry.balance))
    }

    /// Sets a balance read from a snapshot.
    pub fn restore(&mut self, account: AccountId, cash: i64, promo: i64) {
        self.accounts.insert(account, Entry { balance: Balance { cash, promo, ..Balance::default() }, age: 0 });
    }

    /// How many accounts money has moved on since [`Book::take_moved`].
    pub fn moved(&self) -> usize {
        self.moved.len()
    }

    /// The accounts money has moved on since this was last asked, each once.
    pub fn take_moved(&mut self) -> Vec<AccountId> {
        self.age += 1;
        std::mem::take(&mut self.moved)
    }

    fn held_mut(&mut self, account: AccountId, purse: Purse) -> &mut i64 {
        self.accounts.entry(account).or_default().balance.held_mut(purse)
    }

    fn posted_mut(&mut self, account: AccountId, purse: Purse) -> &mut i64 {
        let entry = self.accounts.entry(account).or_default();
        if entry.age != self.age {
            entry.age = self.age;
            self.moved.push(account);
        }
        entry.balance.posted_mut(purse)
    }

    /// Opens a durable hold read from a snapshot: its money was there when it was made.
    pub fn restore_pending(&mut self, pending: Pending) {
        self.set_aside(pending);
    }

    /// Notes a debt read from a snapshot.
    pub fn restore_debt(&mut self, debt: Debt) {
        self.debts.entry((debt.from, debt.purse)).or_default().push_back(debt);
    }

    /// Holds of running calls, those with durable money included.
    pub fn open_holds(&self) -> usize {
        self.open
    }

    /// Durable holds that are open, in no order.
    pub fn pending(&self) -> impl Iterator<Item = &Pending> {
        self.pending.values()
    }

    pub fn find_pending(&self, hold: HoldId) -> Option<&Pending> {
        self.pending.get(&hold)
    }

    /// What is owed, by debtor and purse in no order, of each the oldest first.
    pub fn debts(&self) -> impl Iterator<Item = &Debt> {
        self.debts.values().flatten()
    }

    /// What an account owes, of each purse the oldest first.
    pub fn debts_of(&self, account: AccountId) -> impl Iterator<Item = &Debt> {
        [Purse::Cash, Purse::Promo].into_iter().filter_map(move |purse| self.debts.get(&(account, purse))).flatten()
    }

    /// The sum over all accounts, cash and promo: zero, always.
    pub fn sums(&self) -> (i128, i128) {
        let balances = self.balances();
        balances.fold((0, 0), |(cash, promo), (_, b)| (cash + i128::from(b.cash), promo + i128::from(b.promo)))
    }

    /// The purse that covers `amount` whole: promo first, then cash.
    fn choose(&self, account: AccountId, amount: Amount) -> Result<Purse, Refusal> {
        let balance = self.balance(account);
        if account.may_go_below_zero(Purse::Promo) {
            return Ok(Purse::Promo);
        }
        let [promo, cash] = [Purse::Promo, Purse::Cash].map(|purse| balance.available(purse));
        if promo >= amount && !promo.is_zero() {
            Ok(Purse::Promo)
        } else if cash >= amount {
            Ok(Purse::Cash)
        } else {
            Err(self.insufficient(account, amount))
        }
    }

    fn insufficient(&self, account: AccountId, wanted: Amount) -> Refusal {
        let balance = self.balance(account);
        let [cash, promo] = [Purse::Cash, Purse::Promo].map(|purse| balance.available(purse));
        Refusal::Insufficient { account, wanted, cash, promo, held: balance.held() }
    }

    /// Sets `amount` aside for a call, whole from one purse: promo if it covers it, else cash.
    pub fn hold(&mut self, account: AccountId, amount: Amount) -> Result<Hold, Refusal> {
        let purse = self.choose(account, amount)?;
        // A free call sets nothing aside, and so leaves no account behind.
        if !amount.is_zero() {
            let held = self.held_mut(account, purse);
            *held = held.checked_add(amount.nano()).ok_or(Refusal::TooLarge { account })?;
        }
        self.open += 1;
        Ok(Hold { account, purse, amount, durable: None })
    }

    /// Sets the money of a durable hold aside for a call. Voided, that hold is open again.
    pub fn take(&mut self, hold: HoldId) -> Result<Hold, Refusal> {
        let pending = self.unpend(hold)?;
        let Pending { account, purse, amount, .. } = pending;
        // Still set aside, but no longer anybody else's to end: nothing of it can be in two hands.
        *self.held_mut(account, purse) += amount.nano();
        self.pending.insert(hold, pending);
        self.open += 1;
        Ok(Hold { account, purse, amount, durable: Some(hold) })
    }

    /// Ends a hold without charge.
    pub fn void(&mut self, hold: Hold) {
        self.open -= 1;
        match hold.durable.and_then(|id| self.pending.remove(&id)) {
            Some(pending) => {
                self.release(pending.account, pending.purse, pending.amount);
                self.set_aside(pending);
            }
            None => self.release(hold.account, hold.purse, hold.amount),
        }
    }

    fn release(&mut self, account: AccountId, purse: Purse, amount: Amount) {
        if !amount.is_zero() {
            *self.held_mut(account, purse) -= amount.nano();
        }
    }

    /// Ends a hold with a charge: the call's legs are posted and what was set aside beyond them is free again. When it
    /// is refused nothing is charged, and the hold has ended all the same, as by [`Book::void`].
    pub fn capture(&mut self, hold: Hold, call: &Call) -> Result<(), Refusal> {
        assert!(
            call.hold == hold.durable && (call.cost.is_zero() || call.source() == (hold.account, hold.purse)),
            "a call is captured from its own hold"
        );
        if call.cost > hold.amount {
            let refusal = Refusal::CaptureAboveHold { wanted: call.cost, held: hold.amount };
            self.void(hold);
            return Err(refusal);
        }
        match self.charge(call, Some(&hold)) {
            Ok(()) => {
                self.open -= 1;
                if let Some(id) = hold.durable {
                    self.pending.remove(&id);
                }
                Ok(())
            }
            Err(refusal) => {
                self.void(hold);
                Err(refusal)
            }
        }
    }

    /// Posts a call that was captured before: what opening the books does with every row.
    pub fn replay(&mut self, call: &Call) -> Result<(), Refusal> {
        if let Some(hold) = call.hold {
            let pending = self.unpend(hold)?;
            if call.cost > pending.amount {
                return Err(Refusal::CaptureAboveHold { wanted: call.cost, held: pending.amount });
            }
        }
        self.charge(call, None)
    }

    /// The movements of a call, with money that was held for it: nobody can take that in between, the book is ours for
    /// the length of this call. Its source is one account and its receivers only gain, so they are posted one by one,
    /// and taken back if one of them has no room.
    fn charge(&mut self, call: &Call, held: Option<&Hold>) -> Result<(), Refusal> {
        let parts: i128 = call.parts.iter().map(|part| i128::from(part.amount.nano())).sum();
        let sum = i128::from(call.fee.nano()) + parts - i128::from(call.cost.nano());
        if sum != 0 {
            return Err(Refusal::Unbalanced { sum });
        }
        if call.cost.is_zero() {
            if let Some(hold) = held {
                self.release(hold.account, hold.purse, hold.amount);
            }
            return Ok(());
        }
        let (account, purse) = call.source();
        let age = self.age;
        let entry = self.accounts.entry(account).or_default();
        let freed = held.map_or(0, |hold| hold.amount.nano());
        let (before, held_after) = (entry.balance.posted(purse), entry.balance.held_of(purse) - freed);
        let after = before.checked_sub(call.cost.nano()).ok_or(Refusal::TooLarge { account })?;
        if after < held_after && !account.may_go_below_zero(purse) {
            return Err(self.insufficient(account, call.cost));
        }
        *entry.balance.posted_mut(purse) = after;
        *entry.balance.held_mut(purse) = held_after;
        if entry.age != age {
            entry.age = age;
            self.moved.push(account);
        }
        let legs = call.legs().skip(1);
        for (done, leg) in legs.clone().enumerate() {
            let posted = self.posted_mut(leg.account, leg.purse);
            match posted.checked_add(leg.nano) {
                Some(after) => *posted = after,
                None => {
                    for leg in legs.take(done) {
                        *self.posted_mut(leg.account, leg.purse) -= leg.nano;
                    }
                    *self.posted_mut(account, purse) += call.cost.nano();
                    *self.held_mut(account, purse) += freed;
                    return Err(Refusal::TooLarge { account: leg.account });
                }
            }
        }
        Ok(())
    }

    /// What of a call's parts goes on to those whom their receivers owe a refund: posted, the oldest debts first.
    /// `name` gives each transfer its id. At most [`MAX_RECOVERIES`] of each part, so that a call stays a small thing: of
    /// who owes more often than that, the next call pays the next.
    pub fn recover(&mut self, call: &Call, at: Time, mut name: impl FnMut(&Recovery) -> TransferId) -> Vec<Transfer> {
        if self.debts.is_empty() || call.cost.is_zero() {
            return Vec::new();
        }
        let mut transfers = Vec::new();
        let received = [(AccountId::HUB_FEE, call.fee)].into_iter();
        for (from, amount) in received.chain(call.parts.iter().map(|part| (part.to, part.amount))) {
            let mut earned = amount.nano();
            let mut unpaid = 0;
            for _ in 0..MAX_RECOVERIES {
                let Some(debt) = self.debts.get(&(from, call.purse)).and_then(|debts| debts.get(unpaid)) else { break };
                let debt = debt.clone();
                let there = self.balance(from).available(call.purse).nano();
                let Ok(amount) = Amount::from_nano(earned.min(debt.left.nano()).min(there)) else { break };
                if amount.is_zero() {
                    break;
                }
                let Debt { refund, place, call, release, class, role, from, purse, to, to_purse, .. } = debt;
                let recovery =
                    Recovery { refund, place, call, release, class, role, from, purse, to, to_purse, amount };
                let mut legs = vec![Leg { account: from, purse, nano: -amount.nano() }];
                legs.extend(exchange(purse, to_purse, amount));
                legs.push(Leg { account: to, purse: to_purse, nano: amount.nano() });
                let transfer = Transfer {
                    id: name(&recovery),
                    at,
                    kind: Kind::Recovery(recovery),
                    legs,
                    reference: String::new(),
                    actor: None,
                    linked: None,
                    hold: None,
                };
                // Whoever it is owed to may have no room for it: then it stays owed.
                if self.post(&transfer).is_ok() {
                    earned -= amount.nano();
                    transfers.push(transfer);
                } else {
                    unpaid += 1;
                }
            }
        }
        transfers
    }

    /// Posts a transfer.
    pub fn post(&mut self, transfer: &Transfer) -> Result<(), Refusal> {
        if transfer.legs.iter().any(|leg| leg.purse == Purse::Promo && leg.account.is_rail()) {
            return Err(Refusal::PromoNotWithdrawable);
        }
        if let Kind::Recovery(recovery) = &transfer.kind {
            let left = self.debt_mut(recovery).map(|debt| debt.left).unwrap_or_default();
            if left < recovery.amount {
                let Recovery { refund, from, amount, .. } = *recovery;
                return Err(Refusal::NoDebt { refund, from, amount });
            }
        }
        match transfer.hold {
            None => self.post_legs(&transfer.legs)?,
            Some(hold) => self.post_from(hold, transfer)?,
        }
        match &transfer.kind {
            Kind::Refund(refunded) => self.owe(transfer.id, refunded),
            Kind::Recovery(recovery) => self.pay_debt(recovery),
            Kind::Deposit | Kind::Grant | Kind::Payout => {}
        }
        Ok(())
    }

    /// A transfer whose money was set aside for it: it takes at most that, and the rest is free again.
    fn post_from(&mut self, hold: HoldId, transfer: &Transfer) -> Result<(), Refusal> {
        let pending = self.pending.get(&hold).ok_or(Refusal::NoHold { hold })?;
        let of = |leg: &&Leg| leg.account == pending.account && leg.purse == pending.purse;
        let debit: i64 =
            transfer.legs.iter().filter(of).map(|leg| leg.nano.saturating_neg()).fold(0, i64::saturating_add);
        let Some(wanted) = Amount::from_nano(debit).ok().filter(|wanted| !wanted.is_zero()) else {
            return Err(Refusal::HoldOfAnother { hold });
        };
        if wanted > pending.amount {
            return Err(Refusal::CaptureAboveHold { wanted, held: pending.amount });
        }
        let pending = self.unpend(hold)?;
        self.post_legs(&transfer.legs).inspect_err(|_| self.set_aside(pending))
    }

    /// Posts a chain: all of it, or nothing.
    pub fn post_all(&mut self, chain: &[Transfer]) -> Result<(), Refusal> {
        let touched = chain.iter().flat_map(|transfer| &transfer.legs).map(|leg| leg.account);
        let before: Vec<_> = touched.map(|account| (account, self.balance(account))).collect();
        // Those that a running call has taken are its own to end, whatever comes of this.
        let free = |pending: &&Pending| self.expiring.contains(&(pending.expires, pending.id));
        let holds = chain.iter().filter_map(|transfer| self.find_pending(transfer.hold?).filter(free));
        let holds: Vec<_> = holds.cloned().collect();
        for (place, transfer) in (1..).zip(chain) {
            let plain = matches!(transfer.kind, Kind::Deposit | Kind::Grant | Kind::Payout);
            assert!(plain || chain.len() == 1, "refunds and recoveries are posted alone");
            if let Err(refusal) = self.post(transfer) {
                for pending in holds {
                    self.expiring.insert((pending.expires, pending.id));
                    self.pending.insert(pending.id, pending);
                }
                for (account, balance) in before {
                    if let Some(entry) = self.accounts.get_mut(&account) {
                        entry.balance = balance;
                    }
                }
                let (count, refusal) = (chain.len(), Box::new(refusal));
                return Err(if count == 1 { *refusal } else { Refusal::Linked { place, count, refusal } });
            }
        }
        Ok(())
    }

    /// Gives back what a call cost, or a part of it. Each receiver's share is taken from what it has; the rest of it
    /// is owed. `earlier` are all refunds of this call before.
    pub fn refund(&mut self, asked: &Refund, call: &Call, earlier: &[Refunded]) -> Result<Transfer, Refusal> {
        let amount = asked.due(call, earlier)?;
        let (to, to_purse) = call.source();
        let purse = call.purse;
        let mut there: HashMap<AccountId, i64> = HashMap::new();
        let mut legs: Vec<Leg> = Vec::new();
        let mut back = 0;
        let returned = |(from, role, share): (AccountId, _, Amount)| {
            let there = there.entry(from).or_insert_with(|| self.balance(from).available(purse).nano());
            // What comes back to where it lies does not move, so it need not be free.
            let nano = if (from, purse) == (to, to_purse) { share.nano() } else { share.nano().min(*there) };
            *there -= nano.min(*there);
            back += nano;
            if nano > 0 {
                legs.push(Leg { account: from, purse, nano: -nano });
            }
            let at_once = Amount::from_nano(nano).expect("at most the share");
            Returned { from, role, at_once, owed: share.checked_sub(at_once).expect("at most the share") }
        };
        let shares: Vec<Returned> = shares(call, earlier, amount).into_iter().map(returned).collect();
        let back = Amount::from_nano(back).expect("at most the cost");
        if !back.is_zero() {
            legs.extend(exchange(purse, to_purse, back));
            legs.push(Leg { account: to, purse: to_purse, nano: back.nano() });
        }
        let refunded =
            Refunded { call: call.id, release: call.release, class: call.class, purse, to, to_purse, shares };
        let transfer = Transfer {
            id: asked.id,
            at: asked.at,
            kind: Kind::Refund(Box::new(refunded)),
            legs,
            reference: asked.reason.clone(),
            actor: Some(asked.actor),
            linked: None,
            hold: None,
        };
        self.post(&transfer)?;
        Ok(transfer)
    }

    fn owe(&mut self, refund: TransferId, refunded: &Refunded) {
        let Refunded { call, release, class, purse, to, to_purse, .. } = *refunded;
        for (place, Returned { from, role, owed, .. }) in (0..).zip(refunded.shares.iter().copied()) {
            if !owed.is_zero() {
                let debt = Debt { refund, place, call, release, class, role, from, purse, to, to_purse, left: owed };
                self.debts.entry((from, purse)).or_default().push_back(debt);
            }
        }
    }

    fn debt_mut(&mut self, recovery: &Recovery) -> Option<&mut Debt> {
        let mut debts = self.debts.get_mut(&(recovery.from, recovery.purse))?.iter_mut();
        debts.find(|debt| debt.refund == recovery.refund && debt.place == recovery.place)
    }

    fn pay_debt(&mut self, recovery: &Recovery) {
        let of = (recovery.from, recovery.purse);
        let debts = self.debts.get_mut(&of).expect("looked at before the money moved");
        let at = debts.iter().position(|debt| debt.refund == recovery.refund && debt.place == recovery.place);
        let at = at.expect("looked at before the money moved");
        debts[at].left = debts[at].left.checked_sub(recovery.amount).expect("looked at before the money moved");
        if debts[at].left.is_zero() {
            debts.remove(at);
        }
        if debts.is_empty() {
            self.debts.remove(&of);
        }
    }

    /// Sets money aside durably. `purse`: none for whichever covers it whole, promo first.
    pub fn pend(&mut self, wish: Pending, any_purse: bool) -> Result<Pending, Refusal> {
        let lasts = wish.expires.0.saturating_sub(wish.at.0);
        if lasts <= 0 || lasts > Pending::MAX_MS {
            return Err(Refusal::HoldTime { expires: wish.expires, limit_days: Pending::MAX_MS / Time::DAY_MS });
        }
        let purse = if any_purse { self.choose(wish.account, wish.amount)? } else { wish.purse };
        let pending = Pending { purse, ..wish };
        self.replay_pending(&pending)?;
        Ok(pending)
    }

    /// Sets aside what was set aside before: what opening the books does with such a row.
    pub fn replay_pending(&mut self, pending: &Pending) -> Result<(), Refusal> {
        let Pending { id, account, purse, amount, .. } = *pending;
        if self.pending.contains_key(&id) {
            return Err(Refusal::HoldReused { hold: id });
        }
        if self.balance(account).available(purse) < amount && !account.may_go_below_zero(purse) {
            return Err(self.insufficient(account, amount));
        }
        self.set_aside(pending.clone());
        Ok(())
    }

    fn set_aside(&mut self, pending: Pending) {
        *self.held_mut(pending.account, pending.purse) += pending.amount.nano();
        self.expiring.insert((pending.expires, pending.id));
        self.pending.insert(pending.id, pending);
    }

    /// Takes a durable hold out and frees its money. One that a running call has taken is that call's to end.
    fn unpend(&mut self, hold: HoldId) -> Result<Pending, Refusal> {
        let pending = self.pending.get(&hold).ok_or(Refusal::NoHold { hold })?;
        if !self.expiring.remove(&(pending.expires, hold)) {
            return Err(Refusal::HoldTaken { hold });
        }
        let pending = self.pending.remove(&hold).expect("it is there");
        self.release(pending.account, pending.purse, pending.amount);
        Ok(pending)
    }

    /// Ends a durable hold without a capture, because somebody gives it back or its time is over.
    pub fn end(&mut self, ended: &Ended) -> Result<(), Refusal> {
        assert!(ended.how != Ending::Captured, "a capture ends a hold by itself");
        self.unpend(ended.hold).map(drop)
    }

    /// The durable hold whose time is over soonest, if it is over. One that a running call has taken waits for its end.
    pub fn due(&self, now: Time) -> Option<HoldId> {
        self.expiring.first().filter(|(expires, _)| *expires <= now).map(|(_, hold)| *hold)
    }

    fn post_legs(&mut self, legs: &[Leg]) -> Result<(), Refusal> {
        for purse in Purse::ALL {
            let sum: i128 = legs.iter().filter(|leg| leg.purse == purse).map(|leg| i128::from(leg.nano)).sum();
            if sum != 0 {
                return Err(Refusal::Unbalanced { sum });
            }
        }
        // Debits and credits of one account are seen together.
        for leg in legs {
            let balance = self.balance(leg.account);
            let same = |l: &&Leg| l.account == leg.account && l.purse == leg.purse;
            let change: i128 = legs.iter().filter(same).map(|l| i128::from(l.nano)).sum();
            let after = i128::from(balance.posted(leg.purse)) + change;
            let Ok(after) = i64::try_from(after) else {
                return Err(Refusal::TooLarge { account: leg.account });
            };
            if after < balance.held_of(leg.purse) && change < 0 && !leg.account.may_go_below_zero(leg.purse) {
                let wanted = Amount::from_nano(-change).map_err(|_| Refusal::TooLarge { account: leg.account })?;
                return Err(self.insufficient(leg.account, wanted));
            }
        }
        for leg in legs {
            *self.posted_mut(leg.account, leg.purse) += leg.nano;
        }
        Ok(())
    }
}
