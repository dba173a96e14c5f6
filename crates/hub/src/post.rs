//! The one sender of messages: alerts to their account's address, events to webhooks, signed as Standard Webhooks has it.
//!
//! Always: a message is told at least once or for ten tries, with the same id and the same body each time; an address is
//! told one thing at a time, an account's addresses few at a time, and whoever answers slowly is waited for beside the
//! others; addresses are strangers', so they are asked through [`crate::Outbound`], which keeps the hub's own network closed.

use std::collections::HashMap;
use std::time::Duration;

use ledger::{AccountId, Time};
use serde_json::json;
use serde_json::value::RawValue;
use store::{Alert, Delivery, Hook, KEPT_DELIVERIES_MS, Tried};
use tokio::task::{Id, JoinSet};

use crate::hooks::TEST;
use crate::signing::{Message, Secret};
use crate::webhook::secret;
use crate::{Error, EventView, Hub};

/// When a message that was not taken is sent again, in seconds after the try before.
const RETRIES_S: [i64; 9] = [5, 30, 60, 300, 1_800, 7_200, 18_000, 36_000, 36_000];
/// Addresses that are asked at the same time.
const AT_ONCE: usize = 64;
/// And of one account's.
const AT_ONCE_OF_ONE: usize = 4;
/// How many of each kind of message are looked at together. Those that are being told are still due, and so are those of
/// accounts that have their share.
const LOOKED_AT: u64 = 1_024;
/// How long a message may lie there before somebody looks, when nobody said that it is there.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What the catalogue cannot do now it may do later.
const DOUBT: Duration = Duration::from_secs(5);
/// How often old deliveries are forgotten.
const FORGET_EVERY_MS: i64 = 3_600_000;

/// A message that is due.
#[derive(Debug)]
enum Letter {
    Alert(Alert),
    Delivery(Box<(Hook, Delivery)>),
}

/// Where a message goes: each address gets one at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Place {
    account: AccountId,
    /// None is the address of its alerts.
    hook: Option<u64>,
}

impl Letter {
    fn place(&self) -> Place {
        match self {
            Letter::Alert(alert) => Place { account: alert.what.account, hook: None },
            Letter::Delivery(due) => Place { account: due.0.account, hook: Some(due.0.id) },
        }
    }

    fn due(&self) -> Option<Time> {
        match self {
            Letter::Alert(alert) => alert.next,
            Letter::Delivery(due) => due.1.next,
        }
    }
}

/// A message as it is sent.
#[derive(Debug)]
struct Written {
    id: String,
    url: String,
    secret: Secret,
    body: String,
}

impl Hub {
    /// The task that tells.
    pub(crate) async fn deliver(&self) {
        let (mut telling, mut places) = (JoinSet::new(), HashMap::new());
        let (mut seen, mut forgotten) = (0, Time(i64::MIN));
        loop {
            let now = self.0.clock.now();
            if now.0.saturating_sub(forgotten.0) >= FORGET_EVERY_MS {
                forgotten = now;
                if let Err(error) = self.0.catalog.forget_deliveries(now.plus_ms(-KEPT_DELIVERIES_MS)).await {
                    tracing::error!("Old deliveries cannot be forgotten: {error}");
                }
            }
            match self.0.catalog.last_event().await {
                Ok(last) => seen = last,
                Err(error) => tracing::error!("Events cannot be looked at: {error}"),
            }
            if let Err(error) = self.begin_to_tell(&mut telling, &mut places).await {
                tracing::error!("Webhooks cannot be told: {error:?}");
                tokio::time::sleep(DOUBT).await;
            }
            tokio::select! {
                Some(done) = telling.join_next_with_id(), if !telling.is_empty() => {
                    let id = match done {
                        Ok((id, ())) => id,
                        Err(crash) => crash.id(),
                    };
                    places.remove(&id);
                }
                () = self.0.catalog.happened(seen) => {}
                // Also when nobody calls: a message that was not taken is due again some time.
                _ = tokio::time::timeout(LOOK_EVERY, self.0.post.notified()) => {}
            }
        }
    }

    /// Begins to tell what is due, the longest waiting first.
    async fn begin_to_tell(&self, telling: &mut JoinSet<()>, places: &mut HashMap<Id, Place>) -> Result<(), Error> {
        let now = self.0.clock.now();
        let alerts = self.0.catalog.due_alerts(now, LOOKED_AT).await?;
        let deliveries = self.0.catalog.due_deliveries(now, LOOKED_AT).await?;
        let deliveries = deliveries.into_iter().map(|due| Letter::Delivery(Box::new(due)));
        let mut due: Vec<Letter> = alerts.into_iter().map(Letter::Alert).chain(deliveries).collect();
        due.sort_by_key(Letter::due);
        for letter in due {
            if telling.len() >= AT_ONCE {
                break;
            }
            let place = letter.place();
            let of_account = places.values().filter(|busy| busy.account == place.account).count();
            if of_account >= AT_ONCE_OF_ONE || places.values().any(|busy| *busy == place) {
                continue;
            }
            let hub = self.clone();
            let told = telling.spawn(async move {
                if let Err(error) = hub.tell(letter).await {
                    tracing::error!("A webhook cannot be told: {error:?}");
                    tokio::time::sleep(DOUBT).await;
                }
            });
            places.insert(told.id(), place);
        }
        Ok(())
    }

    async fn tell(&self, letter: Letter) -> Result<(), Error> {
        match letter {
            Letter::Alert(alert) => self.tell_alert(&alert).await,
            Letter::Delivery(due) => self.tell_delivery(&due.0, &due.1).await,
        }
    }

    async fn tell_alert(&self, alert: &Alert) -> Result<(), Error> {
        let catalog = &self.0.catalog;
        let Some(webhook) = catalog.webhook(alert.what.account).await? else {
            return Ok(catalog.told_alert(alert.id, None, None, "there is no webhook any more").await?);
        };
        let body = body(&alert.what.kind, alert.what.at, &alert.what.data)?;
        let written = Written { id: format!("alert_{}", alert.id), secret: secret(&webhook)?, url: webhook.url, body };
        let Tried { delivered, next, said, .. } = self.send(written, alert.attempts).await;
        Ok(catalog.told_alert(alert.id, delivered, next, &said).await?)
    }

    async fn tell_delivery(&self, hook: &Hook, delivery: &Delivery) -> Result<(), Error> {
        let catalog = &self.0.catalog;
        let (id, body) = match delivery.event {
            None => {
                let data = json!({ "webhook": format!("hook_{}", hook.id) });
                (format!("test_{}", delivery.id), body(TEST, delivery.at, &data.to_string())?)
            }
            Some(seq) => {
                let Some(event) = catalog.event(seq).await? else {
                    let said = "the event is gone".to_owned();
                    let gone = Tried { delivered: None, next: None, status: None, said };
                    return Ok(catalog.told_delivery(delivery.id, &gone).await?);
                };
                let (kind, at, view) = (event.kind.word(), event.at, self.event_view(event).await?);
                (format!("event_{seq}"), body(kind, at, &data(&view)?)?)
            }
        };
        let unreadable = |error| Error::Internal { reason: format!("the secret of webhook {}: {error}", hook.id) };
        let secret = hook.secret.parse().map_err(unreadable)?;
        let tried = self.send(Written { id, secret, url: hook.url.clone(), body }, delivery.attempts).await;
        Ok(catalog.told_delivery(delivery.id, &tried).await?)
    }

    /// Sends a message that was tried so many times before.
    async fn send(&self, written: Written, attempts: u32) -> Tried {
        let Written { id, url, secret, body } = written;
        let now = self.0.clock.now();
        let message = Message { id: &id, timestamp: now.0.div_euclid(1_000), body: body.as_bytes() };
        let headers = message.headers(&secret);
        let (delivered, status, said) = match self.0.outbound.post(&url, &headers, body).await {
            Ok(status @ 200..300) => (true, Some(status), format!("answered {status}")),
            Ok(status) => (false, Some(status), format!("answered {status}, not 2xx")),
            Err(reason) => (false, None, reason),
        };
        let now = self.0.clock.now();
        let retry = RETRIES_S.get(attempts as usize).filter(|_| !delivered);
        let next = retry.map(|seconds| now.plus_ms(seconds * 1_000));
        Tried { delivered: delivered.then_some(now), next, status, said }
    }
}

/// What there is to know of an event: the same as in the feed.
fn data(view: &EventView) -> Result<String, Error> {
    let EventView { event, actor, account } = view;
    let unreadable = |error| Error::Internal { reason: format!("event {}: {error}", event.seq) };
    let detail: serde_json::Value = serde_json::from_str(&event.detail).map_err(unreadable)?;
    let data = json!({
        "seq": event.seq, "actor": actor.as_ref().map(ToString::to_string),
        "account": account.as_ref().map(ToString::to_string), "model": detail.get("model"), "detail": detail,
    });
    Ok(data.to_string())
}

/// A message: what happened, when, and what there is to know of it.
fn body(kind: &str, at: Time, data: &str) -> Result<String, Error> {
    #[derive(serde::Serialize)]
    struct Body<'a> {
        #[serde(rename = "type")]
        kind: &'a str,
        timestamp: String,
        data: &'a RawValue,
    }
    let unreadable = |error: serde_json::Error| Error::Internal { reason: format!("a message of {kind}: {error}") };
    let data = serde_json::from_str(data).map_err(unreadable)?;
    serde_json::to_string(&Body { kind, timestamp: at.to_string(), data }).map_err(unreadable)
}
