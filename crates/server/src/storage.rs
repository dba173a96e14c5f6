//! What accounts keep and may keep, and what nobody keeps any more.

use axum::Json;
use axum::extract::State;
use hub::{Hub, QuotaView};
use store::Quota;

use crate::extract::{self, AccountPath, Caller};
use crate::problem::Refused;

/// `GET /api/v1/quota`
pub(crate) async fn own(State(hub): State<Hub>, Caller(caller): Caller) -> Result<Json<api::Quota>, Refused> {
    Ok(Json(shown(hub.quota(&caller).await?)))
}

/// `GET /api/v1/quota/{owner}`
pub(crate) async fn of(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    AccountPath(owner): AccountPath,
) -> Result<Json<api::Quota>, Refused> {
    Ok(Json(shown(hub.quota_of(&caller, &owner).await?)))
}

/// `PUT /api/v1/admin/quotas/{owner}`
pub(crate) async fn set(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    AccountPath(owner): AccountPath,
    extract::Json(asked): extract::Json<api::SetQuota>,
) -> Result<Json<api::Quota>, Refused> {
    let quota = Quota {
        bytes: asked.max_bytes,
        models: asked.max_models,
        commits_per_hour: asked.max_commits_per_hour,
        commits_per_day: asked.max_commits_per_day,
    };
    Ok(Json(shown(hub.set_quota(&caller, &owner, quota).await?)))
}

/// `POST /api/v1/admin/collect`
pub(crate) async fn collect(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    extract::Json(asked): extract::Json<api::Collect>,
) -> Result<Json<api::Collected>, Refused> {
    let hub::Collected { blobs, bytes, dry_run, held_off } = hub.collect(&caller, asked.dry_run).await?;
    Ok(Json(api::Collected { blobs, bytes, dry_run, held_off }))
}

fn shown(QuotaView { handle, bounds, own, usage, half_bytes }: QuotaView) -> api::Quota {
    let own = [
        ("max_bytes", own.bytes),
        ("max_models", own.models),
        ("max_commits_per_hour", own.commits_per_hour),
        ("max_commits_per_day", own.commits_per_day),
    ];
    let own = own.into_iter().filter(|(_, bound)| bound.is_some()).map(|(name, _)| name.to_owned()).collect();
    api::Quota {
        handle: handle.to_string(),
        named_bytes: usage.named_bytes,
        waiting_bytes: usage.waiting_bytes,
        half_bytes,
        max_bytes: bounds.bytes,
        models: usage.models,
        max_models: bounds.models,
        max_commits_per_hour: bounds.commits_per_hour,
        max_commits_per_day: bounds.commits_per_day,
        own,
    }
}
