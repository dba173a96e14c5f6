//! What may be spent, what may be tried, and who is told of it.

use axum::Json;
use axum::extract::State;
use hub::{Alert, Hub, Limits, LimitsView, Trial, TrialView, Webhook};
use serde_json::value::RawValue;

use crate::extract::{self, Caller, ModelPath, Page};
use crate::problem::Refused;
use crate::words::{self, read, read_some};

/// `GET /api/v1/limits`
pub(crate) async fn show(State(hub): State<Hub>, Caller(caller): Caller) -> Result<Json<api::LimitsUsed>, Refused> {
    let used = |view: LimitsView| api::UsedLimits {
        limits: words::limits(view.limits),
        spent_today: view.spent.day.to_string(),
        spent_this_month: view.spent.month.to_string(),
    };
    let (account, key) = hub.limits(&caller).await?;
    Ok(Json(api::LimitsUsed { account: used(account), key: used(key) }))
}

/// `PUT /api/v1/limits`
pub(crate) async fn set(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    extract::Json(asked): extract::Json<api::SetLimits>,
) -> Result<Json<api::Limits>, Refused> {
    let limits = Limits {
        call: read_some("max_cost", asked.max_cost.as_deref())?,
        day: read_some("max_day", asked.max_day.as_deref())?,
        month: read_some("max_month", asked.max_month.as_deref())?,
    };
    hub.set_limits(&caller, limits).await?;
    Ok(Json(words::limits(limits)))
}

/// `GET /api/v1/models/{owner}/{name}/trial`
pub(crate) async fn trial(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    ModelPath { model, .. }: ModelPath,
) -> Result<Json<api::Trial>, Refused> {
    Ok(Json(shown(hub.trial(&caller, &model).await?)))
}

/// `PUT /api/v1/models/{owner}/{name}/trial`
pub(crate) async fn set_trial(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    ModelPath { model, .. }: ModelPath,
    extract::Json(asked): extract::Json<api::SetTrial>,
) -> Result<Json<api::Trial>, Refused> {
    let (budget, per_account) = (read("budget", &asked.budget)?, read("per_account", &asked.per_account)?);
    let trial = Trial { allowed: asked.allowed, budget, per_account };
    Ok(Json(shown(hub.set_trial(&caller, &model, trial).await?)))
}

fn shown(TrialView { model, trial, used }: TrialView) -> api::Trial {
    api::Trial {
        model: model.to_string(),
        allowed: trial.allowed,
        budget: trial.budget.to_string(),
        per_account: trial.per_account.to_string(),
        used: used.to_string(),
    }
}

/// `GET /api/v1/webhook`
pub(crate) async fn webhook(State(hub): State<Hub>, Caller(caller): Caller) -> Result<Json<api::Webhook>, Refused> {
    let found = hub.webhook(&caller).await?.ok_or(hub::Error::NoWebhook)?;
    Ok(Json(told(found, None)))
}

/// `PUT /api/v1/webhook`
pub(crate) async fn set_webhook(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    extract::Json(asked): extract::Json<api::SetWebhook>,
) -> Result<Json<api::Webhook>, Refused> {
    let low_balance = read_some("low_balance", asked.low_balance.as_deref())?;
    let set = hub.set_webhook(&caller, asked.url, low_balance, asked.new_secret).await?;
    Ok(Json(told(set.webhook, set.fresh_secret.map(|secret| secret.expose()))))
}

/// `DELETE /api/v1/webhook`
pub(crate) async fn remove_webhook(
    State(hub): State<Hub>,
    Caller(caller): Caller,
) -> Result<Json<api::RemovedWebhook>, Refused> {
    match hub.remove_webhook(&caller).await? {
        true => Ok(Json(api::RemovedWebhook { removed: true })),
        false => Err(hub::Error::NoWebhook.into()),
    }
}

/// `POST /api/v1/webhook/test`
pub(crate) async fn test_webhook(
    State(hub): State<Hub>,
    Caller(caller): Caller,
) -> Result<Json<api::QueuedTest>, Refused> {
    hub.test_webhook(&caller).await?;
    Ok(Json(api::QueuedTest { queued: true }))
}

fn told(webhook: Webhook, secret: Option<String>) -> api::Webhook {
    api::Webhook {
        url: webhook.url,
        low_balance: webhook.low_balance.map(|amount| amount.to_string()),
        created: webhook.created.to_string(),
        secret,
    }
}

/// `GET /api/v1/alerts?cursor=&limit=`
pub(crate) async fn alerts(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Page { cursor, limit }: Page,
) -> Result<Json<api::Alerts>, Refused> {
    let alerts = hub.alerts(&caller, cursor, limit).await?;
    let next = alerts.last().filter(|_| alerts.len() as u64 == limit).map(|alert| alert.id.to_string());
    let items = alerts.into_iter().map(alert).collect::<Result<_, _>>()?;
    Ok(Json(api::Alerts { items, next }))
}

fn alert(alert: Alert) -> Result<api::Alert, Refused> {
    let data = RawValue::from_string(alert.what.data).map_err(|error| {
        tracing::error!("Alert {} cannot be read: {error}", alert.id);
        Refused::internal()
    })?;
    Ok(api::Alert {
        id: format!("alert_{}", alert.id),
        kind: alert.what.kind,
        time: alert.what.at.to_string(),
        data,
        attempts: alert.attempts,
        delivered: alert.delivered.map(|time| time.to_string()),
        next_attempt: alert.next.map(|time| time.to_string()),
        said: alert.said,
    })
}
