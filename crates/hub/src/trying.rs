//! What stands beside a form to run a model with: inputs to begin with, and what the next call would be paid from.
//!
//! Always: it is told and not promised. Nothing is set aside here; the call itself decides, as every call does.

use ledger::{AccountId, Amount, Purse};
use registry::Example;
use store::Repository;
use tensor::Tensor;

use crate::{Callable, Caller, Error, Hub};

/// Larger examples are not shown in a form.
const MAX_SHOWN_BYTES: u64 = 16 * 1024;

/// What a call would be paid from, with what is left there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaidBy {
    /// It costs nothing.
    Nobody,
    Purse {
        purse: Purse,
        left: Amount,
    },
    /// Somebody else's budget: so much of it is left for this account.
    Trial {
        left: Amount,
    },
    /// Nothing of it covers the call.
    Short {
        cash: Amount,
        promo: Amount,
    },
}

impl Hub {
    /// What the next call of a release, at this cost, would be paid from: promo, cash, the owner's trial, the hub's.
    pub async fn paid_by(&self, caller: &Caller, callable: &Callable, cost: Amount) -> Result<PaidBy, Error> {
        if cost.is_zero() {
            return Ok(PaidBy::Nobody);
        }
        let balance = self.0.books.balance(caller.account().id).await?;
        for purse in [Purse::Promo, Purse::Cash] {
            let left = balance.available(purse);
            if left >= cost {
                return Ok(PaidBy::Purse { purse, left });
            }
        }
        let left = self.trial_left(caller, callable, cost).await?;
        let (cash, promo) = (balance.available(Purse::Cash), balance.available(Purse::Promo));
        Ok(left.map_or(PaidBy::Short { cash, promo }, |left| PaidBy::Trial { left }))
    }

    /// What may still be tried of a release without money; none if it does not cover a call.
    async fn trial_left(&self, caller: &Caller, callable: &Callable, cost: Amount) -> Result<Option<Amount>, Error> {
        let (model, account) = (&callable.release.model, caller.account());
        if caller.belongs_to(model.owner.id) {
            return Ok(None);
        }
        // What was tried a moment ago counts.
        self.project().await?;
        let trial = self.0.catalog.trial(model.id).await?;
        let used = self.0.catalog.trial_use(model.id, account.id).await?;
        let rest = |budget: Amount, used: Amount| budget.checked_sub(used).unwrap_or(Amount::ZERO);
        let of_owner = rest(trial.budget, used.model).min(rest(trial.per_account, used.model_account));
        let of_hub = if trial.allowed { rest(account.trial, used.hub) } else { Amount::ZERO };
        for (sponsor, left) in [(model.owner.id, of_owner), (AccountId::PROMO_OPERATOR, of_hub)] {
            if left >= cost && self.covers(sponsor, cost).await? {
                return Ok(Some(left));
            }
        }
        Ok(None)
    }

    async fn covers(&self, sponsor: AccountId, cost: Amount) -> Result<bool, Error> {
        if sponsor.may_go_below_zero(Purse::Promo) {
            return Ok(true);
        }
        let balance = self.0.books.balance(sponsor).await?;
        Ok([Purse::Promo, Purse::Cash].into_iter().any(|purse| balance.available(purse) >= cost))
    }

    /// The inputs of a release's first example, where it is small and this viewer may read it.
    pub async fn example_inputs(
        &self,
        viewer: Option<&Caller>,
        of: &Repository,
        callable: &Callable,
    ) -> Result<Option<Vec<Tensor>>, Error> {
        let release = &callable.release;
        let is_example = |path: &str| path.starts_with("examples/") && path.ends_with(".json");
        let mut examples = release.tree.files().iter().filter(|file| is_example(file.path.as_str()));
        let Some(file) = examples.find(|file| file.size <= MAX_SHOWN_BYTES) else { return Ok(None) };
        if self.may_read(viewer, of, file).await.is_err() {
            return Ok(None);
        }
        let read = self.read_blob(file.sha256, MAX_SHOWN_BYTES).await?;
        // It ran when the release was made; one that does not read is none to begin with.
        let inputs = Example::parse(&read).ok().map(|example| example.inputs);
        Ok(inputs.filter(|inputs| release.contract.signature.check_inputs(inputs).is_ok()))
    }
}
