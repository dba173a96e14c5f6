//! What an account wants to hear of: a limit that is nearly used up or was in the way of a call, a balance that is low.
//!
//! Always: noted in the catalogue before it is told, so that a crash loses nothing; the same thing is noted once. What
//! is looked at is how things stand, not what changed, so a hub that was down catches up at its start.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use ledger::{AccountId, Amount, KeyId, Month, Purse, Time};
use serde_json::json;
use store::{NewAlert, Row, Spender, Webhook};
use tokio::sync::Notify;

use crate::budgets::{Budget, Over};
use crate::{Caller, Error, Hub};

/// A limit is nearly used up from this many hundredths on.
const NEAR: i64 = 80;

/// Who is looked at, and what came up.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    seen: Mutex<Seen>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Seen {
    /// Accounts with limits over a time, or that want to hear of a low balance.
    watched: HashSet<AccountId>,
    /// Those of them whose money moved since they were looked at.
    touched: HashSet<AccountId>,
    /// Those whose balance was low when it was looked at.
    low: HashSet<AccountId>,
    /// Limits that were in the way of a call.
    reached: HashMap<(Spender, Over, Amount), (AccountId, Use)>,
}

impl Watch {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("nothing panics while it holds what was seen")
    }

    /// The watched accounts whose money these rows moved.
    pub(crate) fn moved_by(&self, rows: &[(store::Seq, Row)]) -> HashSet<AccountId> {
        let seen = self.lock();
        let mut moved = HashSet::new();
        if seen.watched.is_empty() {
            return moved;
        }
        let mut look = |account: &AccountId| {
            if seen.watched.contains(account) {
                moved.insert(*account);
            }
        };
        for (_, row) in rows {
            match row {
                Row::Call(call) => {
                    // One that failed moved nothing, but what was held for it is free again.
                    look(&call.payer);
                    call.legs().for_each(|leg| look(&leg.account));
                }
                Row::Transfer(transfer) => transfer.legs.iter().for_each(|leg| look(&leg.account)),
                Row::Pending(pending) => look(&pending.account),
                // It does not say whose money is free again; that lifts a balance, so those that are low matter alone.
                Row::Ended(_) => seen.low.iter().for_each(&mut look),
            }
        }
        moved
    }

    fn set_low(&self, account: AccountId, low: bool) {
        let known = &mut self.lock().low;
        if low {
            known.insert(account)
        } else {
            known.remove(&account)
        };
    }

    pub(crate) fn touch(&self, accounts: HashSet<AccountId>) {
        if !accounts.is_empty() {
            self.lock().touched.extend(accounts);
            self.wake.notify_one();
        }
    }
}

/// A limit, and how far it was used on a day.
#[derive(Debug, Clone, Copy)]
struct Use {
    who: Spender,
    over: Over,
    limit: Amount,
    spent: Amount,
    day: i64,
}

impl Use {
    fn is_near(&self) -> bool {
        i128::from(self.spent.nano()) * 100 >= i128::from(self.limit.nano()) * i128::from(NEAR)
    }
}

impl Hub {
    /// Looks at an account from now on.
    pub(crate) async fn watch(&self, account: AccountId) {
        self.0.watch.lock().watched.insert(account);
        // Rows that are just being carried over were asked before whether they move its money: they come first. If they
        // cannot be, the task that carries says so.
        let _ = self.project().await;
        self.0.watch.touch(HashSet::from([account]));
    }

    /// A limit was in the way of a call.
    pub(crate) fn limit_reached(&self, caller: &Caller, budget: Budget, over: Over, limit: Amount, spent: Amount) {
        let who = match budget {
            Budget::Key(key) => Spender::Key(key),
            _ => Spender::Account(caller.account().id),
        };
        let used = Use { who, over, limit, spent, day: self.0.clock.now().day() };
        self.0.watch.lock().reached.insert((who, over, limit), (caller.account().id, used));
        self.0.watch.wake.notify_one();
    }

    /// Begins to look at all accounts that have a reason.
    pub(crate) async fn watch_all(&self) -> Result<(), Error> {
        let limited = self.0.catalog.limited().await?;
        let webhooks = self.0.catalog.webhooks().await?;
        let low = webhooks.iter().filter(|webhook| webhook.low_balance.is_some()).map(|webhook| webhook.account);
        let accounts: HashSet<_> = limited.into_iter().chain(low).collect();
        self.0.watch.lock().watched.extend(&accounts);
        self.0.watch.touch(accounts);
        Ok(())
    }

    /// The task that looks.
    pub(crate) async fn keep_watch(&self) {
        loop {
            let (touched, reached) = {
                let mut seen = self.0.watch.lock();
                (std::mem::take(&mut seen.touched), std::mem::take(&mut seen.reached))
            };
            if touched.is_empty() && reached.is_empty() {
                self.0.watch.wake.notified().await;
                continue;
            }
            if let Err(error) = self.look_at(&touched, reached.values()).await {
                tracing::error!("Accounts could not be looked at for alerts: {error:?}");
                {
                    let mut seen = self.0.watch.lock();
                    seen.touched.extend(touched);
                    seen.reached.extend(reached);
                }
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
        }
    }

    async fn look_at(
        &self,
        touched: &HashSet<AccountId>,
        reached: impl Iterator<Item = &(AccountId, Use)>,
    ) -> Result<(), Error> {
        for (account, used) in reached {
            self.alert_of_limit(*account, "limit.reached", used).await?;
        }
        for account in touched {
            // A stop waits for it: an alert and what says that it was noted must not part in the middle.
            let _running = self.0.running.read().await;
            for used in self.used_limits(*account).await? {
                if used.is_near() {
                    self.alert_of_limit(*account, "limit.near", &used).await?;
                }
            }
            if let Some(webhook) = self.0.catalog.webhook(*account).await? {
                self.look_at_balance(&webhook).await?;
            }
        }
        Ok(())
    }

    /// Every limit over a time of an account and its keys.
    async fn used_limits(&self, account: AccountId) -> Result<Vec<Use>, Error> {
        let catalog = &self.0.catalog;
        let now = self.0.clock.now();
        let live = |key: &&store::KeyRecord| key.revoked.is_none() && key.expires.is_none_or(|at| at > now);
        let keys = catalog.keys(account).await?;
        let keys = keys.iter().filter(live).map(|key| (Spender::Key(key.id), key.limits));
        let own = (Spender::Account(account), catalog.limits(account).await?);
        let mut used = Vec::new();
        for (who, limits) in std::iter::once(own).chain(keys).filter(|(_, limits)| limits.over_time()) {
            let day = now.day();
            let spent = catalog.spent(who, Month::of_day(day).first_day(), day).await?;
            let of = |over, limit: Option<Amount>, spent| limit.map(|limit| Use { who, over, limit, spent, day });
            used.extend(of(Over::Day, limits.day, spent.day));
            used.extend(of(Over::Month, limits.month, spent.month));
        }
        Ok(used)
    }

    async fn alert_of_limit(&self, account: AccountId, kind: &str, used: &Use) -> Result<(), Error> {
        let period = match used.over {
            Over::Month => Month::of_day(used.day).to_string(),
            _ => Time::date(used.day),
        };
        let (whose, key) = match used.who {
            Spender::Account(_) => ("account", None),
            Spender::Key(key) => ("key", Some(KeyId::to_string(&key))),
        };
        let (over, limit, spent) = (used.over.word(), used.limit.to_string(), used.spent.to_string());
        let subject = format!("{} {over} {period} {limit}", key.as_deref().unwrap_or(whose));
        let data = json!({
            "whose": whose, "key": key, "over": over, "period": period, "limit": limit, "spent": spent,
        });
        self.alert(account, kind, subject, &data).await
    }

    /// Low is told once, until the balance was up again.
    async fn look_at_balance(&self, webhook: &Webhook) -> Result<(), Error> {
        let Some(threshold) = webhook.low_balance else { return Ok(()) };
        let balance = self.0.books.balance(webhook.account).await?;
        let [cash, promo] = [Purse::Cash, Purse::Promo].map(|purse| balance.available(purse));
        let low = cash.checked_add(promo).is_some_and(|all| all < threshold);
        self.0.watch.set_low(webhook.account, low);
        if low == webhook.low {
            return Ok(());
        }
        if low {
            let data = json!({
                "cash": cash.to_string(), "promo": promo.to_string(), "threshold": threshold.to_string(),
            });
            // Told again after a crash between these two, rather than never.
            self.alert(webhook.account, "balance.low", self.0.ids.next().to_string(), &data).await?;
        }
        Ok(self.0.catalog.set_low(webhook.account, low).await?)
    }

    /// Notes something, and has it told if somebody wants to hear of it.
    pub(crate) async fn alert(
        &self,
        account: AccountId,
        kind: &str,
        subject: String,
        data: &serde_json::Value,
    ) -> Result<(), Error> {
        let tell = self.0.catalog.webhook(account).await?.is_some();
        let (at, kind, data) = (self.0.clock.now(), kind.to_owned(), data.to_string());
        if self.0.catalog.add_alert(&NewAlert { account, at, kind, subject, data }, tell).await? && tell {
            self.0.post.notify_one();
        }
        Ok(())
    }
}
