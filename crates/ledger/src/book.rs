//! The book: what every account has, and what is set aside.
//!
//! Always: what is held is part of what is there; a movement is applied whole or not at all; the sum over all
//! accounts is zero in each purse.

use std::collections::HashMap;

use crate::{AccountId, Amount, Call, HoldId, Leg, Purse, Refusal, Transfer};

/// What one account has, in nano-OPG. Only rails and the operator's promotion go below zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Balance {
    pub cash: i64,
    pub promo: i64,
    pub cash_held: i64,
    pub promo_held: i64,
}

impl Balance {
    fn posted(&self, purse: Purse) -> i64 {
        match purse {
            Purse::Cash => self.cash,
            Purse::Promo => self.promo,
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
        let held = match purse {
            Purse::Cash => self.cash_held,
            Purse::Promo => self.promo_held,
        };
        Amount::from_nano((self.posted(purse) - held).max(0)).expect("at least zero")
    }

    pub fn held(&self) -> Amount {
        Amount::from_nano(self.cash_held.saturating_add(self.promo_held)).expect("holds are never negative")
    }
}

/// Money set aside for one call. Ends once: [`Book::capture`] or [`Book::void`] take it.
#[must_use = "a hold that is dropped without capture or void keeps the money set aside"]
#[derive(Debug, PartialEq, Eq)]
pub struct Hold {
    id: HoldId,
    payer: AccountId,
    purse: Purse,
    amount: Amount,
}

impl Hold {
    pub fn id(&self) -> HoldId {
        self.id
    }

    pub fn purse(&self) -> Purse {
        self.purse
    }

    pub fn amount(&self) -> Amount {
        self.amount
    }
}

/// All balances and open holds.
#[derive(Debug, Default)]
pub struct Book {
    accounts: HashMap<AccountId, Balance>,
    last_hold: u64,
    holds: HashMap<HoldId, (AccountId, Purse, Amount)>,
}

impl Book {
    pub fn balance(&self, account: AccountId) -> Balance {
        self.accounts.get(&account).copied().unwrap_or_default()
    }

    /// Every account that ever had money, in no order.
    pub fn balances(&self) -> impl Iterator<Item = (AccountId, Balance)> {
        self.accounts.iter().map(|(account, balance)| (*account, *balance))
    }

    /// Sets a balance read from a snapshot.
    pub fn restore(&mut self, account: AccountId, cash: i64, promo: i64) {
        self.accounts.insert(account, Balance { cash, promo, ..Balance::default() });
    }

    pub fn open_holds(&self) -> usize {
        self.holds.len()
    }

    /// The sum over all accounts, cash and promo: zero, always.
    pub fn sums(&self) -> (i128, i128) {
        self.accounts.values().fold((0, 0), |(cash, promo), b| (cash + i128::from(b.cash), promo + i128::from(b.promo)))
    }

    /// Sets `amount` aside, whole from one purse: promo if it covers it, else cash.
    pub fn hold(&mut self, payer: AccountId, amount: Amount) -> Result<Hold, Refusal> {
        let balance = self.balance(payer);
        let [promo, cash] = [Purse::Promo, Purse::Cash].map(|purse| balance.available(purse));
        let purse = if promo >= amount && !promo.is_zero() {
            Purse::Promo
        } else if cash >= amount {
            Purse::Cash
        } else {
            return Err(Refusal::Insufficient { account: payer, wanted: amount, cash, promo, held: balance.held() });
        };
        self.last_hold += 1;
        let id = HoldId(self.last_hold);
        // A free call sets nothing aside, and so leaves no account behind.
        if !amount.is_zero() {
            *self.accounts.entry(payer).or_default().held_mut(purse) += amount.nano();
        }
        self.holds.insert(id, (payer, purse, amount));
        Ok(Hold { id, payer, purse, amount })
    }

    /// Ends a hold without charge.
    pub fn void(&mut self, hold: &Hold) -> Result<(), Refusal> {
        let (payer, purse, amount) = self.holds.remove(&hold.id).ok_or(Refusal::HoldEnded { hold: hold.id })?;
        if !amount.is_zero() {
            *self.accounts.entry(payer).or_default().held_mut(purse) -= amount.nano();
        }
        Ok(())
    }

    /// Ends a hold with a charge: the call's legs are posted and what was set aside beyond them is free again.
    /// When it is refused, the hold is still open.
    pub fn capture(&mut self, hold: &Hold, call: &Call) -> Result<(), Refusal> {
        if !self.holds.contains_key(&hold.id) {
            return Err(Refusal::HoldEnded { hold: hold.id });
        }
        assert!(
            call.payer == hold.payer && (call.purse == hold.purse || call.cost.is_zero()),
            "a call is captured from its own hold"
        );
        if call.cost > hold.amount {
            return Err(Refusal::CaptureAboveHold { wanted: call.cost, held: hold.amount });
        }
        self.void(hold)?;
        // Nothing can have taken what was just released: the book is ours for the length of this call.
        if let Err(refusal) = self.replay(call) {
            self.holds.insert(hold.id, (hold.payer, hold.purse, hold.amount));
            *self.accounts.entry(hold.payer).or_default().held_mut(hold.purse) += hold.amount.nano();
            return Err(refusal);
        }
        Ok(())
    }

    /// Posts a call that was captured before: what opening the books does with every row.
    pub fn replay(&mut self, call: &Call) -> Result<(), Refusal> {
        self.post_legs(call.legs())
    }

    /// Posts a transfer.
    pub fn post(&mut self, transfer: &Transfer) -> Result<(), Refusal> {
        if transfer.legs.iter().any(|leg| leg.purse == Purse::Promo && leg.account.is_rail()) {
            return Err(Refusal::PromoNotWithdrawable);
        }
        self.post_legs(transfer.legs.iter().copied())
    }

    fn post_legs(&mut self, legs: impl Iterator<Item = Leg> + Clone) -> Result<(), Refusal> {
        for purse in [Purse::Cash, Purse::Promo] {
            let sum: i128 = legs.clone().filter(|leg| leg.purse == purse).map(|leg| i128::from(leg.nano)).sum();
            if sum != 0 {
                return Err(Refusal::Unbalanced { sum });
            }
        }
        // Debits and credits of one account are seen together, so an owner can call the own model with the last unit.
        for leg in legs.clone() {
            let balance = self.balance(leg.account);
            let change: i128 = legs
                .clone()
                .filter(|l| l.account == leg.account && l.purse == leg.purse)
                .map(|l| i128::from(l.nano))
                .sum();
            let after = i128::from(balance.posted(leg.purse)) + change;
            let Ok(after) = i64::try_from(after) else {
                return Err(Refusal::TooLarge { account: leg.account });
            };
            let held = *{ balance }.held_mut(leg.purse);
            if after < held && change < 0 && !leg.account.may_go_below_zero() {
                return Err(Refusal::Insufficient {
                    account: leg.account,
                    wanted: Amount::from_nano(-change).map_err(|_| Refusal::TooLarge { account: leg.account })?,
                    cash: balance.available(Purse::Cash),
                    promo: balance.available(Purse::Promo),
                    held: balance.held(),
                });
            }
        }
        for leg in legs {
            *self.accounts.entry(leg.account).or_default().posted_mut(leg.purse) += leg.nano;
        }
        Ok(())
    }
}
