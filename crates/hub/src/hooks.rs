//! Webhooks of events: who is told of what happens to an account's models, and what came of telling it.
//!
//! Always: whoever sets one may publish for the account whose events it gets; it hears of what belongs to that account
//! when it happens, and of nothing else; a key for some models sets, sees and removes webhooks of those alone.

use registry::{Handle, ModelName};
use store::{Delivery, EventKind, Hook, KEPT_DELIVERIES_MS, MAX_HOOKS, ModelRecord};

use crate::signing::Secret;
use crate::webhook::check_url;
use crate::{Action, Caller, Error, Hub, Object};

/// What a message that tries an address is called.
pub(crate) const TEST: &str = "webhook.test";

/// A webhook that somebody wants.
#[derive(Debug, Clone, Default)]
pub struct HookWish {
    /// Whose events; the caller's unless said otherwise.
    pub account: Option<Handle>,
    /// Of this model alone.
    pub model: Option<ModelName>,
    pub url: String,
    /// Of these kinds alone.
    pub kinds: Vec<EventKind>,
}

/// What is to be different about one.
#[derive(Debug, Clone, Default)]
pub struct HookChange {
    pub url: Option<String>,
    pub kinds: Option<Vec<EventKind>>,
    pub paused: Option<bool>,
    pub new_secret: bool,
}

/// A webhook as people read it. The secret is shown when it is new.
#[derive(Debug, Clone)]
pub struct HookView {
    pub hook: Hook,
    pub account: Handle,
    pub fresh_secret: Option<Secret>,
}

/// A delivery with what it tells of.
#[derive(Debug, Clone)]
pub struct DeliveryView {
    pub delivery: Delivery,
    /// `webhook.test` where there is no event.
    pub kind: &'static str,
}

impl Hub {
    /// Sets another webhook.
    pub async fn add_hook(&self, caller: &Caller, wish: HookWish) -> Result<HookView, Error> {
        let (account, model) = match &wish.model {
            Some(name) => {
                let ModelRecord { id, owner, name, .. } = self.allowed(caller, Action::Manage, name).await?.model;
                if let Some(account) = wish.account.as_ref().filter(|account| **account != owner.handle) {
                    let rule = format!("{name} belongs to {}", owner.handle);
                    return Err(Error::Invalid { what: "account", value: account.to_string(), rule });
                }
                (owner, Some((id, name)))
            }
            None => {
                let account = match &wish.account {
                    Some(handle) => self.find_account(handle).await?,
                    None => caller.account().clone(),
                };
                caller.may(Action::Manage, Object::Account(&account))?;
                if caller.models().is_some() {
                    return Err(Error::KeyForModels);
                }
                (account, None)
            }
        };
        check_url(self, &wish.url)?;
        let secret = Secret::generate();
        let hook = Hook {
            id: 0,
            account: account.id,
            model,
            url: wish.url,
            secret: secret.expose(),
            kinds: wish.kinds,
            paused: false,
            created: self.0.clock.now(),
        };
        let id = self.0.catalog.add_hook(&hook).await?.ok_or(Error::ManyHooks { limit: MAX_HOOKS })?;
        Ok(HookView { hook: Hook { id, ..hook }, account: account.handle, fresh_secret: Some(secret) })
    }

    /// Those of the caller's account and of organisations it may publish for.
    pub async fn hooks(&self, caller: &Caller) -> Result<Vec<HookView>, Error> {
        caller.may(Action::Read, Object::Account(caller.account()))?;
        let mut views = Vec::new();
        for hook in self.0.catalog.hooks(&caller.groups()).await? {
            match self.hook_for(caller, Action::Read, hook).await {
                Ok(view) => views.push(view),
                Err(Error::NoHook { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(views)
    }

    pub async fn hook(&self, caller: &Caller, id: u64) -> Result<HookView, Error> {
        self.find_hook(caller, Action::Read, id).await
    }

    pub async fn set_hook(&self, caller: &Caller, id: u64, change: HookChange) -> Result<HookView, Error> {
        let view = self.find_hook(caller, Action::Manage, id).await?;
        if let Some(url) = &change.url {
            check_url(self, url)?;
        }
        let fresh_secret = change.new_secret.then(Secret::generate);
        let before = view.hook;
        let hook = Hook {
            url: change.url.unwrap_or(before.url),
            kinds: change.kinds.unwrap_or(before.kinds),
            paused: change.paused.unwrap_or(before.paused),
            secret: fresh_secret.as_ref().map_or(before.secret, Secret::expose),
            ..before
        };
        if !self.0.catalog.set_hook(&hook).await? {
            return Err(none(id));
        }
        self.0.post.notify_one();
        Ok(HookView { hook, fresh_secret, ..view })
    }

    /// Removes one with its log.
    pub async fn remove_hook(&self, caller: &Caller, id: u64) -> Result<(), Error> {
        self.find_hook(caller, Action::Manage, id).await?;
        if self.0.catalog.remove_hook(id).await? { Ok(()) } else { Err(none(id)) }
    }

    /// Has a message sent that says nothing, so that its receiver can be tried.
    pub async fn test_hook(&self, caller: &Caller, id: u64) -> Result<DeliveryView, Error> {
        self.find_hook(caller, Action::Manage, id).await?;
        self.send_to_hook(id, None).await
    }

    /// What was sent to it, the newest first, before `before`.
    pub async fn deliveries(
        &self,
        caller: &Caller,
        id: u64,
        before: Option<u64>,
        limit: u64,
    ) -> Result<Vec<DeliveryView>, Error> {
        self.hook(caller, id).await?;
        let since = self.0.clock.now().plus_ms(-KEPT_DELIVERIES_MS);
        let mut views = Vec::new();
        for delivery in self.0.catalog.deliveries(id, since, before, limit).await? {
            views.push(self.delivery_view(delivery).await?);
        }
        Ok(views)
    }

    /// Sends the same again: to the address as it is now, with the same id, beside what came of it before.
    pub async fn redeliver(&self, caller: &Caller, id: u64, delivery: u64) -> Result<DeliveryView, Error> {
        self.find_hook(caller, Action::Manage, id).await?;
        let found = self.0.catalog.delivery(delivery).await?.filter(|found| found.hook == id);
        let found = found.ok_or_else(|| Error::NoDelivery { delivery: format!("delivery_{delivery}") })?;
        self.send_to_hook(id, found.event).await
    }

    async fn send_to_hook(&self, id: u64, event: Option<u64>) -> Result<DeliveryView, Error> {
        let added = self.0.catalog.add_delivery(id, event, self.0.clock.now()).await?.ok_or_else(|| none(id))?;
        self.0.post.notify_one();
        let added = self.0.catalog.delivery(added).await?.ok_or_else(|| none(id))?;
        self.delivery_view(added).await
    }

    async fn delivery_view(&self, delivery: Delivery) -> Result<DeliveryView, Error> {
        let kind = match delivery.event {
            None => TEST,
            Some(seq) => self.0.catalog.event(seq).await?.map_or("", |event| event.kind.word()),
        };
        Ok(DeliveryView { delivery, kind })
    }

    async fn find_hook(&self, caller: &Caller, action: Action, id: u64) -> Result<HookView, Error> {
        // Whose webhook it is says nothing to whoever may do this with none.
        caller.may(action, Object::Hub)?;
        let found = self.0.catalog.hook(id).await?.ok_or_else(|| none(id))?;
        self.hook_for(caller, action, found).await
    }

    /// A webhook with which this caller may do this. One of an account the caller does not belong to is not there.
    async fn hook_for(&self, caller: &Caller, action: Action, hook: Hook) -> Result<HookView, Error> {
        let reached = match (&hook.model, caller.models()) {
            (_, None) => true,
            (Some((_, name)), Some(_)) => caller.reaches(name).is_ok(),
            (None, Some(_)) => false,
        };
        if !reached || !caller.belongs_to(hook.account) {
            return Err(none(hook.id));
        }
        let account = self.0.catalog.account_by_id(hook.account).await?.ok_or(Error::LostAccount(hook.account))?;
        caller.may(action, Object::Account(&account))?;
        Ok(HookView { account: account.handle, fresh_secret: None, hook })
    }
}

fn none(id: u64) -> Error {
    Error::NoHook { hook: format!("hook_{id}") }
}
