//! Money that the operator moves by hand, and the operator's settings.

use std::sync::RwLock;

use ledger::{AccountId, Amount, Balance, HoldId, Rate, Share, Transfer, TransferId};
use registry::Handle;
use store::{Account, Seq, Settings};

use crate::{Action, Caller, Error, Hub, Object, whole};

/// The operator's settings, read on every call.
#[derive(Debug)]
pub(crate) struct CachedSettings(RwLock<Settings>);

impl CachedSettings {
    pub(crate) fn new(settings: Settings) -> CachedSettings {
        CachedSettings(RwLock::new(settings))
    }

    pub(crate) fn get(&self) -> Settings {
        *self.0.read().expect("nothing panics while it holds the settings")
    }

    pub(crate) fn set(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.0.write().expect("nothing panics while it holds the settings"));
    }
}

/// A transfer that was posted, or had been.
#[derive(Debug, Clone)]
pub struct Posted {
    pub id: TransferId,
    pub seq: Seq,
    pub account: Account,
    pub balance: BalanceView,
}

/// What an account has, and what it owes for refunds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BalanceView {
    pub balance: Balance,
    /// Taken from what it earns next.
    pub owed: Amount,
}

const MAX_REFERENCE: usize = 200;

/// Money that the operator moves by hand.
#[derive(Debug, Clone)]
pub struct Movement {
    pub handle: Handle,
    pub amount: Amount,
    pub reference: String,
    /// Made by who asks, so that a repeat moves nothing twice.
    pub id: Option<TransferId>,
}

impl Hub {
    /// Gives promotional money.
    pub async fn grant(&self, caller: &Caller, movement: Movement) -> Result<Posted, Error> {
        self.transfer(caller, movement, Transfer::grant).await
    }

    /// Notes money that came in by hand.
    pub async fn deposit(&self, caller: &Caller, movement: Movement) -> Result<Posted, Error> {
        let by_hand =
            |id, at, to, amount, reference| Transfer::deposit(id, at, AccountId::RAIL_MANUAL, to, amount, reference);
        self.transfer(caller, movement, by_hand).await
    }

    /// Notes money that was paid out by hand, from what was set aside for it if that is named.
    pub async fn payout(&self, caller: &Caller, movement: Movement, hold: Option<HoldId>) -> Result<Posted, Error> {
        let by_hand = |id, at, from, amount, reference| {
            let payout = Transfer::payout(id, at, AccountId::RAIL_MANUAL, from, amount, reference);
            hold.map_or(payout.clone(), |hold| payout.from_hold(hold))
        };
        self.transfer(caller, movement, by_hand).await
    }

    async fn transfer(
        &self,
        caller: &Caller,
        movement: Movement,
        make: impl FnOnce(TransferId, ledger::Time, AccountId, Amount, String) -> Transfer,
    ) -> Result<Posted, Error> {
        caller.may(Action::Admin, Object::Hub)?;
        let Movement { handle, amount, reference, id } = movement;
        check_amount(amount)?;
        check_reference("reference", &reference)?;
        check_id(id)?;
        let account = self.find_account(&handle).await?;
        let id = id.unwrap_or_else(|| TransferId::from_uuid(self.0.ids.next()));
        let transfer = make(id, self.0.clock.now(), account.id, amount, reference).by(caller.account().id);
        let hub = self.clone();
        whole(async move {
            let seqs = hub.0.books.post(vec![transfer]).await?;
            let seq = seqs.first().copied().unwrap_or_default();
            Ok(Posted { id, seq, balance: hub.balance_of(account.id).await?, account })
        })
        .await
    }

    pub(crate) async fn find_account(&self, handle: &Handle) -> Result<Account, Error> {
        self.0.catalog.account(handle).await?.ok_or_else(|| Error::NoAccount { handle: handle.clone() })
    }

    /// The fee and the rate as they are.
    pub fn settings(&self) -> Settings {
        self.0.settings.get()
    }

    /// Sets the hub's part of every cost, for quotes from now on.
    pub async fn set_fee(&self, caller: &Caller, fee: Share) -> Result<(), Error> {
        caller.may(Action::Admin, Object::Hub)?;
        let hub = self.clone();
        whole(async move {
            hub.0.catalog.set_fee(fee).await?;
            hub.0.settings.set(|settings| settings.fee = fee);
            Ok(())
        })
        .await
    }

    /// Sets how many USD one OPG is worth, for quotes from now on.
    pub async fn set_rate(&self, caller: &Caller, rate: Rate) -> Result<(), Error> {
        caller.may(Action::Admin, Object::Hub)?;
        let hub = self.clone();
        whole(async move {
            hub.0.catalog.set_rate(rate).await?;
            hub.0.settings.set(|settings| settings.rate = Some(rate));
            // Prices in USD are found by what they come to.
            hub.0.searching.read_again();
            Ok(())
        })
        .await
    }

    pub async fn balance(&self, caller: &Caller) -> Result<BalanceView, Error> {
        caller.may(Action::Read, Object::Account(caller.account()))?;
        self.balance_of(caller.account().id).await
    }

    async fn balance_of(&self, account: AccountId) -> Result<BalanceView, Error> {
        let books = &self.0.books;
        Ok(BalanceView { balance: books.balance(account).await?, owed: books.owed(account).await? })
    }
}

pub(crate) fn check_amount(amount: Amount) -> Result<(), Error> {
    if amount.is_zero() {
        return Err(Error::Invalid { what: "amount", value: "0".to_owned(), rule: "more than 0 OPG".to_owned() });
    }
    Ok(())
}

/// Ids that the hub makes of deposits' messages and of debts can be worked out by anybody: whoever took one beforehand
/// would stand in their way.
pub(crate) fn check_id(id: Option<TransferId>) -> Result<(), Error> {
    match id.filter(TransferId::is_derived) {
        None => Ok(()),
        Some(id) => {
            let rule = "ids of this form (UUIDs of version 8) are the hub's own; take a random one".to_owned();
            Err(Error::Invalid { what: "id", value: id.to_string(), rule })
        }
    }
}

pub(crate) fn check_reference(what: &'static str, reference: &str) -> Result<(), Error> {
    if reference.chars().count() > MAX_REFERENCE || reference.chars().any(char::is_control) {
        let rule = format!("at most {MAX_REFERENCE} characters on one line");
        return Err(Error::Invalid { what, value: reference.chars().take(60).collect(), rule });
    }
    Ok(())
}
