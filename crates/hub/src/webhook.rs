//! The address that is told of an account's alerts, and the way to it. Webhooks of events are in `hooks.rs`; `post.rs`
//! tells both.

use std::fmt;

use async_trait::async_trait;
use ledger::{AccountId, Amount, Time};
use serde_json::json;
use store::{Alert, Catalog, Webhook};

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
        check_url(self, &url)?;
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

/// Refuses an address that could not be asked.
pub(crate) fn check_url(hub: &Hub, url: &str) -> Result<(), Error> {
    let refused = |rule: String| Error::Invalid { what: "url", value: url.chars().take(100).collect(), rule };
    if url.len() > MAX_URL {
        return Err(refused(format!("at most {MAX_URL} bytes")));
    }
    hub.0.outbound.check(url).map_err(refused)
}

pub(crate) fn secret(webhook: &Webhook) -> Result<Secret, Error> {
    let unreadable = |error| Error::Internal { reason: format!("the webhook of {}: {error}", webhook.account) };
    webhook.secret.parse().map_err(unreadable)
}
