//! The most that may be spent: of an account, whatever the key, and with one key.

use ledger::{Amount, Month};
use store::{Limits, Spender, Spent};

use crate::{Action, Caller, Error, Hub, Object, whole};

/// Limits and how far they were used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitsView {
    pub limits: Limits,
    pub spent: Spent,
}

impl Hub {
    /// What may be spent from the caller's account, and with the key it came with.
    pub async fn limits(&self, caller: &Caller) -> Result<(LimitsView, LimitsView), Error> {
        caller.may(Action::Read, Object::Account(caller.account()))?;
        self.project().await?;
        let today = self.0.clock.now().day();
        let month = Month::of_day(today).first_day();
        let spent = |who| async move { self.0.catalog.spent(who, month, today).await };
        let account = caller.account().id;
        let limits = self.0.catalog.limits(account).await?;
        let of_account = LimitsView { limits, spent: spent(Spender::Account(account)).await? };
        let of_key = LimitsView { limits: caller.limits(), spent: spent(Spender::Key(caller.key())).await? };
        Ok((of_account, of_key))
    }

    /// Sets what may be spent from the caller's account, for calls that begin from now on. What was spent before
    /// counts.
    pub async fn set_limits(&self, caller: &Caller, limits: Limits) -> Result<(), Error> {
        caller.may(Action::Money, Object::Account(caller.account()))?;
        check_unbounded(caller)?;
        if caller.models().is_some() {
            let rule = "a key for some models alone does not change the account's limits; use another key".to_owned();
            return Err(Error::Invalid { what: "key", value: caller.key().to_string(), rule });
        }
        check_limits(limits)?;
        let (hub, account) = (self.clone(), caller.account().id);
        whole(async move {
            let set = hub.0.catalog.set_limits(account, limits).await;
            // Also after an error: nobody knows how far it came.
            hub.0.keys.forget();
            set?;
            hub.watch(account).await;
            Ok(())
        })
        .await
    }
}

/// What a key may spend at most is not lifted with that key, nor gone round by having others spend.
pub(crate) fn check_unbounded(caller: &Caller) -> Result<(), Error> {
    if caller.limits() == Limits::default() {
        return Ok(());
    }
    let rule =
        "a key that has limits of its own does not decide what the account may spend; use another key".to_owned();
    Err(Error::Invalid { what: "key", value: caller.key().to_string(), rule })
}

/// A limit of nothing would be a key that cannot call: it is left out of the scopes instead.
pub(crate) fn check_limits(limits: Limits) -> Result<(), Error> {
    for (what, limit) in [("max_cost", limits.call), ("max_day", limits.day), ("max_month", limits.month)] {
        if limit == Some(Amount::ZERO) {
            let rule = "more than 0 OPG; leave it out for no limit".to_owned();
            return Err(Error::Invalid { what, value: "0".to_owned(), rule });
        }
    }
    Ok(())
}
