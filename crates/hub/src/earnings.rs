//! What an account earned, and who paid it.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit, Mac};
use ledger::{AccountId, Amount, Class, Purse, Role};
use registry::{ModelName, ReleaseNumber};
use sha2::Sha256;
use store::{Earning, PayerSum};

use crate::{Action, Caller, Error, Hub, Object, ids};

/// What an account earned.
#[derive(Debug, Clone)]
pub struct EarningsView {
    pub items: Vec<Earning>,
    /// From other accounts' cash, in nano-OPG; what was given back is taken off.
    pub paid: i64,
    /// From promotional money: never income.
    pub trial: i64,
    /// From the account's own group.
    pub own: i64,
}

/// What an account had from one payer: who that is stays hidden.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayerLine {
    /// The same payer has the same name for this receiver, and another for every other.
    pub payer: String,
    pub model: ModelName,
    pub release: ReleaseNumber,
    pub class: Class,
    pub purse: Purse,
    pub role: Role,
    pub calls: u64,
    /// Before anything was given back.
    pub amount: Amount,
}

impl Hub {
    /// What the caller's account earned with models, newest day first.
    pub async fn earnings(&self, caller: &Caller) -> Result<EarningsView, Error> {
        caller.may(Action::Read, Object::Account(caller.account()))?;
        self.project().await?;
        let items = self.0.catalog.earnings(caller.account().id).await?;
        let mut sums = BTreeMap::new();
        for item in &items {
            let sum: &mut i64 = sums.entry(item.class).or_default();
            *sum = sum.saturating_add(item.nano);
        }
        let [paid, trial, own] =
            [Class::Paid, Class::Trial, Class::Own].map(|class| sums.get(&class).copied().unwrap_or_default());
        Ok(EarningsView { items, paid, trial, own })
    }

    /// Who paid the caller's account for what, the largest sums first.
    pub async fn payers(&self, caller: &Caller) -> Result<Vec<PayerLine>, Error> {
        caller.may(Action::Read, Object::Account(caller.account()))?;
        self.project().await?;
        let receiver = caller.account().id;
        let line = |sum: PayerSum| PayerLine {
            payer: self.pseudonym(receiver, sum.payer),
            model: sum.model,
            release: sum.release,
            class: sum.class,
            purse: sum.purse,
            role: sum.role,
            calls: sum.calls,
            amount: sum.amount,
        };
        Ok(self.0.catalog.payers(receiver).await?.into_iter().map(line).collect())
    }

    /// A payer's name for one receiver: made with a key that only this hub has, so that nobody finds out by trying all
    /// accounts, and two receivers cannot tell that they have the same customer.
    pub(crate) fn pseudonym(&self, receiver: AccountId, payer: AccountId) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0.pseudonym_key).expect("HMAC takes keys of any length");
        mac.update(&receiver.0);
        mac.update(&payer.0);
        format!("payer_{}", ids::hex(&mac.finalize().into_bytes()[..10]))
    }
}

/// The key of payers' names, from the hub's signing key: the same after every start, and of no use for signing.
pub(crate) fn pseudonym_key(signer: &receipt::Signer) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(&signer.expose_secret()).expect("HMAC takes keys of any length");
    mac.update(b"modelhub payer names, version 1");
    mac.finalize().into_bytes().into()
}
