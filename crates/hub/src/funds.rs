//! Where the money of a call comes from: the caller's purses, or else somebody's trial budget.

use ledger::{AccountId, Amount, Purse, Refusal, Sponsor};
use store::{Denied, Held};

use crate::budgets::{Budget, Full, Over, Reserved};
use crate::quote::Terms;
use crate::{Callable, Caller, Error, Hub};

/// Money set aside for one call. Dropped, all of it is free again.
#[derive(Debug)]
pub(crate) struct Funds {
    pub(crate) held: Held,
    /// Who pays in the caller's stead.
    pub(crate) sponsor: Option<Sponsor>,
    /// What it takes of limits and of trial budgets.
    pub(crate) spending: Vec<Reserved>,
}

impl Funds {
    /// The kind of money the receivers get.
    pub(crate) fn purse(&self) -> Purse {
        self.sponsor.map_or(self.held.purse(), |_| Purse::Promo)
    }
}

impl Hub {
    /// Sets the cost aside: the caller's promo if it covers it, else the caller's cash, else a trial, if there is one.
    pub(crate) async fn fund(&self, caller: &Caller, callable: &Callable, terms: &Terms) -> Result<Funds, Error> {
        let spending = self.within_limits(caller, terms.cost).await?;
        match self.0.books.hold(caller.account().id, terms.cost).await {
            Ok(held) => Ok(Funds { held, sponsor: None, spending }),
            Err(Denied::Refused(Refusal::Insufficient { wanted, cash, promo, held, .. })) => {
                drop(spending);
                // Whoever's money is only set aside by their other calls has some: they are not here to try.
                let has_money = cash.max(promo).checked_add(held).is_none_or(|all| all >= wanted);
                let trial = if has_money { None } else { self.try_out(caller, callable, terms.cost).await? };
                trial.ok_or(Error::Insufficient { wanted, cash, promo, held })
            }
            Err(denied) => Err(denied.into()),
        }
    }

    /// Takes the cost from what account and key may spend.
    async fn within_limits(&self, caller: &Caller, cost: Amount) -> Result<Vec<Reserved>, Error> {
        let mut spending = Vec::new();
        if cost.is_zero() {
            return Ok(spending);
        }
        let limited = [
            (Budget::Key(caller.key()), "key", caller.limits()),
            (Budget::Account(caller.account().id), "account", caller.account_limits()),
        ];
        for (budget, whose, limits) in limited {
            let caps: Vec<_> = [(Over::Day, limits.day), (Over::Month, limits.month)]
                .into_iter()
                .filter_map(|(over, cap)| Some((over, cap?)))
                .collect();
            if caps.is_empty() {
                // An account's limit may be set while this call runs. A key's never change.
                if let Budget::Account(_) = budget {
                    spending.push(self.0.budgets.count(budget, cost, self.0.clock.now().day()));
                }
                continue;
            }
            match self.reserve(budget, cost, &caps).await? {
                Ok(reserved) => spending.push(reserved),
                Err(Full { over, cap, spent, running }) => {
                    self.limit_reached(caller, budget, over, cap, spent);
                    return Err(Error::SpendingLimit { whose, over, limit: cap, spent, running, wanted: cost });
                }
            }
        }
        Ok(spending)
    }

    /// Somebody else's money, for who has none: the model's owner, who wants it tried, before the hub. None if nobody
    /// pays; the owner's group never tries its own.
    async fn try_out(&self, caller: &Caller, callable: &Callable, cost: Amount) -> Result<Option<Funds>, Error> {
        let (model, account) = (&callable.release.model, caller.account());
        if cost.is_zero() || caller.belongs_to(model.owner.id) {
            return Ok(None);
        }
        let trial = self.0.catalog.trial(model.id).await?;
        let of_model = (Budget::ModelTrial(model.id), trial.budget);
        let of_account = (Budget::ModelTrialOf(model.id, account.id), trial.per_account);
        if let Some(funds) = self.sponsored(model.owner.id, cost, &[of_account, of_model]).await? {
            return Ok(Some(funds));
        }
        if !trial.allowed {
            return Ok(None);
        }
        self.sponsored(AccountId::PROMO_OPERATOR, cost, &[(Budget::HubTrial(account.id), account.trial)]).await
    }

    /// Holds the sponsor's money, as far as every budget allows. The narrowest comes first: what is set aside of it for a
    /// call that the next one refuses is in nobody else's way.
    async fn sponsored(
        &self,
        sponsor: AccountId,
        cost: Amount,
        budgets: &[(Budget, Amount)],
    ) -> Result<Option<Funds>, Error> {
        let mut spending = Vec::with_capacity(budgets.len());
        for (budget, cap) in budgets {
            if cost > *cap {
                return Ok(None);
            }
            match self.reserve(*budget, cost, &[(Over::Ever, *cap)]).await? {
                Ok(reserved) => spending.push(reserved),
                Err(_) => return Ok(None),
            }
        }
        match self.0.books.hold(sponsor, cost).await {
            Ok(held) => {
                let sponsor = Some(Sponsor { account: sponsor, purse: held.purse() });
                Ok(Some(Funds { held, sponsor, spending }))
            }
            Err(Denied::Refused(Refusal::Insufficient { .. })) => Ok(None),
            Err(denied) => Err(denied.into()),
        }
    }
}
