//! Webhooks: an account's address that is told of its alerts, signed as Standard Webhooks has it.
//!
//! Always: a message is told at least once or for ten tries, with the same id each time; addresses are strangers', so
//! they are asked through [`Outbound`], which keeps the hub's own network closed.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use ledger::{AccountId, Amount, Time};
use serde_json::json;
use serde_json::value::RawValue;
use store::{Alert, Catalog, Webhook};
use tokio::task::JoinSet;

use crate::ids::{hex, random};
use crate::signing::{Message, Secret};
use crate::{Action, Caller, Error, Hub, Object, whole};

/// Sends requests to addresses that strangers have named.
#[async_trait]
pub trait Outbound: Send + Sync + fmt::Debug {
    /// Whether an address is one that could be asked: its form alone, nothing is sent.
    fn check(&self, url: &str) -> Result<(), String>;

    /// Sends a JSON body. Gives the status that came back, or why none did.
    async fn post(&self, url: &str, headers: &[(&'static str, String)], body: String) -> Result<u16, String>;
}

/// When a message that was not taken is sent again, in seconds after the try before.
const RETRIES_S: [i64; 9] = [5, 30, 60, 300, 1_800, 7_200, 18_000, 36_000, 36_000];
/// Addresses that are asked at the same time.
const AT_ONCE: usize = 64;
/// How long a message may lie there before somebody looks, when nobody said that it is there.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What the catalogue cannot do now it may do later.
const DOUBT: Duration = Duration::from_secs(5);
const MAX_URL: usize = 2_000;

/// A webhook as it was set. The secret is shown when it is new.
#[derive(Debug, Clone)]
pub struct WebhookView {
    pub webhook: Webhook,
    pub fresh_secret: Option<Secret>,
}

impl Hub {
    pub async fn webhook(&self, caller: &Caller) -> Result<Option<Webhook>, Error> {
        caller.may(Action::Read, Object::Account(caller.account()))?;
        Ok(self.0.catalog.webhook(caller.account().id).await?)
    }

    /// Sets where the caller's account wants to be told of its alerts. The secret stays, unless a new one is asked for.
    pub async fn set_webhook(
        &self,
        caller: &Caller,
        url: String,
        low_balance: Option<Amount>,
        new_secret: bool,
    ) -> Result<WebhookView, Error> {
        caller.may(Action::Money, Object::Account(caller.account()))?;
        let refused = |rule: String| Error::Invalid { what: "url", value: url.chars().take(100).collect(), rule };
        if url.len() > MAX_URL {
            return Err(refused(format!("at most {MAX_URL} bytes")));
        }
        self.0.outbound.check(&url).map_err(refused)?;
        let account = caller.account().id;
        let before = self.0.catalog.webhook(account).await?;
        let kept = before.as_ref().filter(|_| !new_secret).map(|before| before.secret.clone());
        let fresh_secret = kept.is_none().then(Secret::generate);
        let secret = kept.or_else(|| fresh_secret.as_ref().map(Secret::expose)).expect("one of both is there");
        let low = before.is_some_and(|before| before.low && before.low_balance == low_balance);
        let webhook = Webhook { account, url, secret, low_balance, low, created: self.0.clock.now() };
        let (hub, set) = (self.clone(), webhook.clone());
        whole(async move {
            hub.0.catalog.set_webhook(&set).await?;
            hub.watch(set.account).await;
            Ok(())
        })
        .await?;
        Ok(WebhookView { webhook, fresh_secret })
    }

    /// Ends it; what was still to be told is told to nobody. True if there was one.
    pub async fn remove_webhook(&self, caller: &Caller) -> Result<bool, Error> {
        caller.may(Action::Money, Object::Account(caller.account()))?;
        Ok(self.0.catalog.remove_webhook(caller.account().id).await?)
    }

    /// Has a message sent that says nothing, so that its receiver can be tried.
    pub async fn test_webhook(&self, caller: &Caller) -> Result<(), Error> {
        caller.may(Action::Money, Object::Account(caller.account()))?;
        let account = caller.account();
        if self.0.catalog.webhook(account.id).await?.is_none() {
            return Err(Error::NoWebhook);
        }
        let data = json!({ "account": account.handle.to_string() });
        self.alert(account.id, "webhook.test", self.0.ids.next().to_string(), &data).await
    }

    /// What happened to the caller's account, newest first.
    pub async fn alerts(&self, caller: &Caller, before: Option<u64>, limit: u64) -> Result<Vec<Alert>, Error> {
        caller.may(Action::Read, Object::Account(caller.account()))?;
        Ok(self.0.catalog.alerts(caller.account().id, before, limit).await?)
    }

    /// The task that tells: whoever answers slowly is waited for beside the others.
    pub(crate) async fn deliver(&self) {
        let (mut telling, mut accounts) = (JoinSet::new(), HashMap::new());
        loop {
            if let Err(error) = self.begin_to_tell(&mut telling, &mut accounts).await {
                tracing::error!("Webhooks cannot be told: {error:?}");
                tokio::time::sleep(DOUBT).await;
            }
            tokio::select! {
                Some(done) = telling.join_next_with_id(), if !telling.is_empty() => {
                    let id = match done {
                        Ok((id, ())) => id,
                        Err(crash) => crash.id(),
                    };
                    accounts.remove(&id);
                }
                // Also when nobody calls: a message that was not taken is due again some time.
                _ = tokio::time::timeout(LOOK_EVERY, self.0.post.notified()) => {}
            }
        }
    }

    /// Begins to tell what is due, one message an account at a time.
    async fn begin_to_tell(
        &self,
        telling: &mut JoinSet<()>,
        accounts: &mut HashMap<tokio::task::Id, AccountId>,
    ) -> Result<(), Error> {
        // Those that are being told are still due.
        let most = (AT_ONCE + accounts.len()) as u64;
        for alert in self.0.catalog.due_alerts(self.0.clock.now(), most).await? {
            let account = alert.what.account;
            if telling.len() >= AT_ONCE || accounts.values().any(|busy| *busy == account) {
                continue;
            }
            let hub = self.clone();
            let told = telling.spawn(async move {
                if let Err(error) = hub.tell(alert).await {
                    tracing::error!("A webhook cannot be told: {error:?}");
                    tokio::time::sleep(DOUBT).await;
                }
            });
            accounts.insert(told.id(), account);
        }
        Ok(())
    }

    async fn tell(&self, alert: Alert) -> Result<(), Error> {
        let catalog = &self.0.catalog;
        let Some(webhook) = catalog.webhook(alert.what.account).await? else {
            return Ok(catalog.told_alert(alert.id, None, None, "there is no webhook any more").await?);
        };
        let secret = secret(&webhook)?;
        let now = self.0.clock.now();
        let (id, body) = (format!("alert_{}", alert.id), body(&alert)?);
        let message = Message { id: &id, timestamp: now.0.div_euclid(1_000), body: body.as_bytes() };
        let headers = message.headers(&secret);
        let (delivered, said) = match self.0.outbound.post(&webhook.url, &headers, body).await {
            Ok(status @ 200..300) => (true, format!("answered {status}")),
            Ok(status) => (false, format!("answered {status}, not 2xx")),
            Err(reason) => (false, reason),
        };
        let now = self.0.clock.now();
        let retry = RETRIES_S.get(alert.attempts as usize).filter(|_| !delivered);
        let next = retry.map(|seconds| now.plus_ms(seconds * 1_000));
        Ok(catalog.told_alert(alert.id, delivered.then_some(now), next, &said).await?)
    }
}

/// The headers that tell `owner`'s server that a body comes from the hub: those of a message to the owner's webhook. None
/// if there is no webhook, and so no secret.
pub async fn signed_for(
    catalog: &dyn Catalog,
    now: Time,
    owner: AccountId,
    body: &[u8],
) -> Result<Vec<(&'static str, String)>, Error> {
    let Some(webhook) = catalog.webhook(owner).await? else { return Ok(Vec::new()) };
    let message = Message { id: &format!("run_{}", hex(&random::<16>())), timestamp: now.0.div_euclid(1_000), body };
    Ok(message.headers(&secret(&webhook)?).to_vec())
}

fn secret(webhook: &Webhook) -> Result<Secret, Error> {
    let unreadable = |error| Error::Internal { reason: format!("the webhook of {}: {error}", webhook.account) };
    webhook.secret.parse().map_err(unreadable)
}

/// A message: what happened, when, and what there is to know of it.
fn body(alert: &Alert) -> Result<String, Error> {
    #[derive(serde::Serialize)]
    struct Body<'a> {
        #[serde(rename = "type")]
        kind: &'a str,
        timestamp: String,
        data: &'a RawValue,
    }
    let unreadable = |error: serde_json::Error| Error::Internal { reason: format!("alert {}: {error}", alert.id) };
    let data = serde_json::from_str(&alert.what.data).map_err(unreadable)?;
    let body = Body { kind: &alert.what.kind, timestamp: alert.what.at.to_string(), data };
    serde_json::to_string(&body).map_err(unreadable)
}
