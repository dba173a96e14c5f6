//! Money that moves without a call, the operator's settings, and what accounts see of their own.

use std::sync::RwLock;

use ledger::{AccountId, Amount, Balance, Call, Rate, Share, Transfer, TransferId};
use registry::{Handle, ModelName, ReleaseNumber};
use store::{Account, Earning, Row, Seq, Settings};

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

    fn set(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.0.write().expect("nothing panics while it holds the settings"));
    }
}

/// One call as its payer sees it.
#[derive(Debug, Clone)]
pub struct CallLine {
    pub seq: Seq,
    pub call: Call,
    pub model: ModelName,
    pub release: ReleaseNumber,
}

/// What an account earned.
#[derive(Debug, Clone)]
pub struct EarningsView {
    pub items: Vec<Earning>,
    /// From other accounts' cash.
    pub paid: Amount,
    /// From promotional money: never income.
    pub trial: Amount,
    /// From the account's own group.
    pub own: Amount,
}

/// A transfer that was posted, or had been.
#[derive(Debug, Clone)]
pub struct Posted {
    pub id: TransferId,
    pub seq: Seq,
    pub account: Account,
    pub balance: Balance,
}

const MAX_REFERENCE: usize = 200;

impl Hub {
    /// Gives promotional money.
    pub async fn grant(
        &self,
        caller: &Caller,
        handle: &Handle,
        amount: Amount,
        reference: String,
        id: Option<TransferId>,
    ) -> Result<Posted, Error> {
        self.transfer(caller, handle, amount, reference, id, Transfer::grant).await
    }

    /// Notes money that came in by hand.
    pub async fn deposit(
        &self,
        caller: &Caller,
        handle: &Handle,
        amount: Amount,
        reference: String,
        id: Option<TransferId>,
    ) -> Result<Posted, Error> {
        let by_hand =
            |id, at, to, amount, reference| Transfer::deposit(id, at, AccountId::RAIL_MANUAL, to, amount, reference);
        self.transfer(caller, handle, amount, reference, id, by_hand).await
    }

    /// Notes money that was paid out by hand.
    pub async fn payout(
        &self,
        caller: &Caller,
        handle: &Handle,
        amount: Amount,
        reference: String,
        id: Option<TransferId>,
    ) -> Result<Posted, Error> {
        let by_hand =
            |id, at, from, amount, reference| Transfer::payout(id, at, AccountId::RAIL_MANUAL, from, amount, reference);
        self.transfer(caller, handle, amount, reference, id, by_hand).await
    }

    async fn transfer(
        &self,
        caller: &Caller,
        handle: &Handle,
        amount: Amount,
        reference: String,
        id: Option<TransferId>,
        make: impl FnOnce(TransferId, ledger::Time, AccountId, Amount, String) -> Transfer,
    ) -> Result<Posted, Error> {
        caller.may(Action::Admin, Object::Hub)?;
        if amount.is_zero() {
            return Err(Error::Invalid { what: "amount", value: "0".to_owned(), rule: "more than 0 OPG".to_owned() });
        }
        if reference.chars().count() > MAX_REFERENCE || reference.chars().any(char::is_control) {
            let rule = format!("at most {MAX_REFERENCE} characters on one line");
            return Err(Error::Invalid { what: "reference", value: reference.chars().take(60).collect(), rule });
        }
        let account = self.find_account(handle).await?;
        let id = id.unwrap_or_else(|| TransferId::from_uuid(self.0.ids.next()));
        let seq = self.0.books.post(make(id, self.0.clock.now(), account.id, amount, reference)).await?;
        Ok(Posted { id, seq, balance: self.0.books.balance(account.id), account })
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
            Ok(())
        })
        .await
    }

    pub fn balance(&self, caller: &Caller) -> Result<Balance, Error> {
        caller.may(Action::Read, Object::Account(caller.account()))?;
        Ok(self.0.books.balance(caller.account().id))
    }

    /// What the caller's account earned with its models, newest day first.
    pub async fn earnings(&self, caller: &Caller) -> Result<EarningsView, Error> {
        caller.may(Action::Read, Object::Account(caller.account()))?;
        self.project().await?;
        let items = self.0.catalog.earnings(caller.account().id).await?;
        let sum = |class: ledger::Class| {
            let mut amounts = items.iter().filter(|item| item.class == class).map(|item| item.amount);
            amounts.try_fold(Amount::ZERO, Amount::checked_add).unwrap_or(Amount::MAX)
        };
        let (paid, trial, own) = (sum(ledger::Class::Paid), sum(ledger::Class::Trial), sum(ledger::Class::Own));
        Ok(EarningsView { items, paid, trial, own })
    }

    /// Calls the caller's account made, newest first.
    pub async fn calls(&self, caller: &Caller, before: Option<Seq>, limit: u64) -> Result<Vec<CallLine>, Error> {
        caller.may(Action::Read, Object::Account(caller.account()))?;
        self.project().await?;
        let seqs = self.0.catalog.payer_seqs(caller.account().id, before, limit).await?;
        let mut lines = Vec::with_capacity(seqs.len());
        for seq in seqs {
            let rows = self.0.books.rows(seq - 1, 1).await?;
            let Some((_, Row::Call(call))) = rows.into_iter().next() else { continue };
            let Some(release) = self.0.catalog.release_by_id(call.release).await? else { continue };
            lines.push(CallLine { seq, call: *call, model: release.model.name, release: release.number });
        }
        Ok(lines)
    }
}
