//! What happened, and webhooks that are told of it.

use std::time::Duration;

use api::{Code, Problem};
use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use hub::{DeliveryView, EventKind, EventView, Follow, HookChange, HookView, HookWish, Hub};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::edge::clip;
use crate::extract::{self, AnyCaller, Caller, Page, Query, parameter};
use crate::problem::Refused;
use crate::words::read_some;

/// What stands behind the `?` of the feed.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    after: Option<String>,
    limit: Option<String>,
    model: Option<String>,
    account: Option<String>,
    kind: Option<String>,
    wait: Option<String>,
}

impl Asked {
    fn follow(self) -> Result<Follow, Refused> {
        let number = |field: &str, text: Option<String>, least: u64, most: u64, otherwise: u64| match text {
            None => Ok(otherwise),
            Some(text) => text.parse().ok().filter(|number| (least..=most).contains(number)).ok_or_else(|| {
                let message = format!("{field} is \"{}\"; expected a number from {least} to {most}", clip(&text));
                Problem::new(Code::InvalidRequest, message)
            }),
        };
        let longest = hub::MAX_WAIT.as_secs();
        Ok(Follow {
            after: number("after", self.after, 0, i64::MAX.unsigned_abs(), 0)?,
            limit: number("limit", self.limit, 1, api::MAX_PAGE, api::PAGE)?,
            model: read_some("model", self.model.as_deref())?,
            account: read_some("account", self.account.as_deref())?,
            kind: self.kind.as_deref().map(|word| kind("kind", word)).transpose()?,
            wait: Duration::from_secs(number("wait", self.wait, 0, longest, 0)?),
        })
    }
}

fn kind(field: &str, word: &str) -> Result<EventKind, Refused> {
    let known = || EventKind::ALL.iter().map(|kind| kind.word()).collect::<Vec<_>>().join(", ");
    let unknown =
        |()| Problem::new(Code::InvalidRequest, format!("{field} is \"{}\"; known are {}", clip(word), known()));
    Ok(word.parse().map_err(unknown)?)
}

fn kinds(words: &[String]) -> Result<Vec<EventKind>, Refused> {
    let mut kinds = words.iter().map(|word| kind("types", word)).collect::<Result<Vec<_>, _>>()?;
    kinds.sort_unstable();
    kinds.dedup();
    Ok(kinds)
}

/// `GET /api/v1/events?after=&limit=&model=&account=&kind=&wait=`
pub(crate) async fn list(
    State(hub): State<Hub>,
    AnyCaller(viewer): AnyCaller,
    Query(asked): Query<Asked>,
) -> Result<Json<api::Events>, Refused> {
    let (events, next) = hub.events(viewer.as_ref(), &asked.follow()?).await?;
    let items = events.into_iter().map(event).collect::<Result<_, _>>()?;
    Ok(Json(api::Events { items, next: next.to_string() }))
}

fn event(EventView { event, actor, account }: EventView) -> Result<api::Event, Refused> {
    let unreadable = |error: serde_json::Error| {
        tracing::error!("Event {} cannot be read: {error}", event.seq);
        Refused::internal()
    };
    let detail: Value = serde_json::from_str(&event.detail).map_err(unreadable)?;
    Ok(api::Event {
        seq: event.seq,
        kind: event.kind.word().to_owned(),
        time: event.at.to_string(),
        actor: actor.map(|handle| handle.to_string()),
        account: account.map(|handle| handle.to_string()),
        model: detail["model"].as_str().map(str::to_owned),
        detail: RawValue::from_string(event.detail).map_err(unreadable)?,
    })
}

/// Which webhook, from the path: `hook_…`.
pub(crate) struct HookPath(u64);

/// Which of its deliveries: `delivery_…`.
pub(crate) struct DeliveryPath(u64);

impl<S: Send + Sync> FromRequestParts<S> for HookPath {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<HookPath, Refused> {
        let text: String = parameter(parts, "webhook", Code::WebhookNotFound).await?;
        let id = text.strip_prefix("hook_").and_then(|id| id.parse().ok());
        id.map(HookPath).ok_or_else(|| hub::Error::NoHook { hook: clip(&text) }.into())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for DeliveryPath {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<DeliveryPath, Refused> {
        let text: String = parameter(parts, "delivery", Code::DeliveryNotFound).await?;
        let id = text.strip_prefix("delivery_").and_then(|id| id.parse().ok());
        id.map(DeliveryPath).ok_or_else(|| hub::Error::NoDelivery { delivery: clip(&text) }.into())
    }
}

/// `GET /api/v1/webhooks`
pub(crate) async fn hooks(State(hub): State<Hub>, Caller(caller): Caller) -> Result<Json<api::Hooks>, Refused> {
    Ok(Json(api::Hooks { items: hub.hooks(&caller).await?.into_iter().map(hook_words).collect() }))
}

/// `POST /api/v1/webhooks`
pub(crate) async fn add_hook(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    extract::Json(asked): extract::Json<api::NewHook>,
) -> Result<Json<api::Hook>, Refused> {
    let wish = HookWish {
        account: read_some("account", asked.account.as_deref())?,
        model: read_some("model", asked.model.as_deref())?,
        kinds: kinds(&asked.types)?,
        url: asked.url,
    };
    Ok(Json(hook_words(hub.add_hook(&caller, wish).await?)))
}

/// `GET /api/v1/webhooks/{webhook}`
pub(crate) async fn hook(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    HookPath(id): HookPath,
) -> Result<Json<api::Hook>, Refused> {
    Ok(Json(hook_words(hub.hook(&caller, id).await?)))
}

/// `PUT /api/v1/webhooks/{webhook}`: what is not named stays.
pub(crate) async fn set_hook(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    HookPath(id): HookPath,
    extract::Json(asked): extract::Json<api::ChangeHook>,
) -> Result<Json<api::Hook>, Refused> {
    let change = HookChange {
        url: asked.url,
        kinds: asked.types.as_deref().map(kinds).transpose()?,
        paused: asked.paused,
        new_secret: asked.new_secret,
    };
    Ok(Json(hook_words(hub.set_hook(&caller, id, change).await?)))
}

/// `DELETE /api/v1/webhooks/{webhook}`
pub(crate) async fn remove_hook(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    HookPath(id): HookPath,
) -> Result<Json<api::RemovedHook>, Refused> {
    hub.remove_hook(&caller, id).await?;
    Ok(Json(api::RemovedHook { id: format!("hook_{id}"), removed: true }))
}

/// `POST /api/v1/webhooks/{webhook}/test`
pub(crate) async fn test_hook(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    HookPath(id): HookPath,
) -> Result<Json<api::Delivery>, Refused> {
    Ok(Json(delivery(hub.test_hook(&caller, id).await?)))
}

/// `GET /api/v1/webhooks/{webhook}/deliveries?cursor=&limit=`
pub(crate) async fn deliveries(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    HookPath(id): HookPath,
    Page { cursor, limit }: Page,
) -> Result<Json<api::Deliveries>, Refused> {
    let found = hub.deliveries(&caller, id, cursor, limit).await?;
    let next = found.last().filter(|_| found.len() as u64 == limit).map(|last| last.delivery.id.to_string());
    Ok(Json(api::Deliveries { items: found.into_iter().map(delivery).collect(), next }))
}

/// `POST /api/v1/webhooks/{webhook}/deliveries/{delivery}/redeliver`
pub(crate) async fn redeliver(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    HookPath(id): HookPath,
    DeliveryPath(which): DeliveryPath,
) -> Result<Json<api::Delivery>, Refused> {
    Ok(Json(delivery(hub.redeliver(&caller, id, which).await?)))
}

fn hook_words(HookView { hook, account, fresh_secret }: HookView) -> api::Hook {
    api::Hook {
        id: format!("hook_{}", hook.id),
        account: account.to_string(),
        model: hook.model.map(|(_, name)| name.to_string()),
        url: hook.url,
        types: hook.kinds.iter().map(|kind| kind.word().to_owned()).collect(),
        paused: hook.paused,
        created: hook.created.to_string(),
        secret: fresh_secret.map(|secret| secret.expose()),
    }
}

fn delivery(DeliveryView { delivery, kind }: DeliveryView) -> api::Delivery {
    let test = || format!("test_{}", delivery.id);
    api::Delivery {
        id: format!("delivery_{}", delivery.id),
        message: delivery.event.map_or_else(test, |seq| format!("event_{seq}")),
        kind: kind.to_owned(),
        event: delivery.event,
        time: delivery.at.to_string(),
        attempts: delivery.attempts,
        delivered: delivery.delivered.map(|time| time.to_string()),
        next_attempt: delivery.next.map(|time| time.to_string()),
        status: delivery.status,
        said: delivery.said,
    }
}
