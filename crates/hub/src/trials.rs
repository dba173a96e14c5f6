//! Trial budgets: what the hub pays for each new account, and what an owner pays for each model, so that it is tried.
//!
//! Whoever pays, receivers get promotional money: a trial is no income.

use ledger::{AccountId, Amount};
use registry::ModelName;
use store::{ModelRecord, Trial, TrialUse};

use crate::limits::check_unbounded;
use crate::{Action, Caller, Error, Hub, Object, whole};

/// An owner's word on trials of a model, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialView {
    pub model: ModelName,
    pub trial: Trial,
    /// What its owner has paid of trials, in all.
    pub used: Amount,
}

impl Hub {
    pub async fn trial(&self, caller: &Caller, model: &ModelName) -> Result<TrialView, Error> {
        let model = self.own_model(caller, Action::Read, model).await?;
        self.trial_of(model).await
    }

    async fn trial_of(&self, model: ModelRecord) -> Result<TrialView, Error> {
        self.project().await?;
        let trial = self.0.catalog.trial(model.id).await?;
        let TrialUse { model: used, .. } = self.0.catalog.trial_use(model.id, AccountId([0; 16])).await?;
        Ok(TrialView { model: model.name, trial, used })
    }

    /// Says whether a model may be tried at the hub's expense, and what its owner pays. What was paid before counts.
    pub async fn set_trial(&self, caller: &Caller, model: &ModelName, trial: Trial) -> Result<TrialView, Error> {
        let found = self.own_model(caller, Action::Money, model).await?;
        check_unbounded(caller)?;
        if trial.per_account > trial.budget {
            let rule = format!("at most the whole budget, {} OPG", trial.budget);
            return Err(Error::Invalid { what: "per_account", value: trial.per_account.to_string(), rule });
        }
        if !trial.budget.is_zero() && trial.per_account.is_zero() {
            let rule = "more than 0 OPG where there is a budget: what one account may try of it".to_owned();
            return Err(Error::Invalid { what: "per_account", value: "0".to_owned(), rule });
        }
        let (hub, id) = (self.clone(), found.id);
        whole(async move { Ok(hub.0.catalog.set_trial(id, trial).await?) }).await?;
        self.trial_of(found).await
    }

    /// Sets what each new account may try at the hub's expense. Accounts that are there keep what they have.
    pub async fn set_trial_budget(&self, caller: &Caller, budget: Amount) -> Result<(), Error> {
        caller.may(Action::Admin, Object::Hub)?;
        let hub = self.clone();
        whole(async move {
            hub.0.catalog.set_trial_budget(budget).await?;
            hub.0.settings.set(|settings| settings.trial = budget);
            Ok(())
        })
        .await
    }

    async fn own_model(&self, caller: &Caller, action: Action, name: &ModelName) -> Result<ModelRecord, Error> {
        let model = self.seen(Some(caller), name).await?.model;
        caller.may(action, Object::Account(&model.owner))?;
        caller.may(action, Object::Model(&model.name))?;
        Ok(model)
    }
}
