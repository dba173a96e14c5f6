//! Keys of the caller's account.

use api::{Code, Problem};
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use hub::{Hub, KeyWish, Limits, OVERLAP_HOURS, Scope};
use ledger::KeyId;
use store::KeyRecord;

use crate::edge::clip;
use crate::extract::{Caller, Json, parameter};
use crate::problem::Refused;
use crate::words::{self, read_some};

/// `{key}`
pub(crate) struct KeyPath(pub(crate) KeyId);

impl<S: Send + Sync> FromRequestParts<S> for KeyPath {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<KeyPath, Refused> {
        parameter(parts, "key", Code::KeyNotFound).await.map(KeyPath)
    }
}

/// `GET /api/v1/keys`
pub(crate) async fn list(State(hub): State<Hub>, Caller(caller): Caller) -> Result<axum::Json<api::Keys>, Refused> {
    let keys = hub.list_keys(&caller).await?;
    Ok(axum::Json(api::Keys { items: keys.iter().map(key).collect(), next: None }))
}

/// `POST /api/v1/keys`
pub(crate) async fn create(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Json(asked): Json<api::NewKey>,
) -> Result<(StatusCode, axum::Json<api::MadeKey>), Refused> {
    let fresh = hub.create_key(&caller, wish(asked)?).await?;
    Ok((StatusCode::CREATED, axum::Json(api::MadeKey { key: fresh.secret, record: key(&fresh.record) })))
}

/// `DELETE /api/v1/keys/{key}`
pub(crate) async fn revoke(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    KeyPath(key): KeyPath,
) -> Result<axum::Json<api::RevokedKey>, Refused> {
    hub.revoke_key(&caller, key).await?;
    Ok(axum::Json(api::RevokedKey { id: key.to_string(), revoked: true }))
}

/// `POST /api/v1/keys/{key}/rotate`
pub(crate) async fn rotate(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    KeyPath(key): KeyPath,
    Json(asked): Json<api::RotateKey>,
) -> Result<axum::Json<api::MadeKey>, Refused> {
    let fresh = hub.rotate_key(&caller, key, asked.overlap_hours.unwrap_or(OVERLAP_HOURS)).await?;
    Ok(axum::Json(api::MadeKey { key: fresh.secret, record: self::key(&fresh.record) }))
}

pub(crate) fn wish(asked: api::NewKey) -> Result<KeyWish, Refused> {
    let invalid = |message: String| Refused::from(Problem::new(Code::InvalidRequest, message));
    let scope = |word: &String| {
        let known = || Scope::ALL.map(Scope::word).join(", ");
        word.parse().map_err(|()| invalid(format!("scopes: \"{}\" is none of {}", clip(word), known())))
    };
    let model = |name: &String| name.parse().map_err(|error| invalid(format!("models: {error}")));
    let models = asked.models.map(|models| models.iter().map(model).collect::<Result<_, _>>()).transpose()?;
    Ok(KeyWish {
        name: asked.name,
        scopes: asked.scopes.iter().map(scope).collect::<Result<_, _>>()?,
        models,
        limits: Limits {
            call: read_some("max_cost", asked.max_cost.as_deref())?,
            day: read_some("max_day", asked.max_day.as_deref())?,
            month: read_some("max_month", asked.max_month.as_deref())?,
        },
        rate: read_some("rate", asked.rate.as_deref())?,
        expires_in_days: asked.expires_in_days,
    })
}

pub(crate) fn key(record: &KeyRecord) -> api::Key {
    api::Key {
        id: record.id.to_string(),
        name: record.name.clone(),
        scopes: record.scopes.iter().map(ToString::to_string).collect(),
        models: record.models.as_ref().map(|models| models.iter().map(ToString::to_string).collect()),
        limits: words::limits(record.limits),
        created: record.created.to_string(),
        used: record.used.map(|time| time.to_string()),
        expires: record.expires.map(|time| time.to_string()),
        revoked: record.revoked.map(|time| time.to_string()),
        rate: record.rate.map(|rate| rate.to_string()),
        rotated: record.rotated.map(|time| time.to_string()),
        old_until: record.old_until.map(|time| time.to_string()),
    }
}
