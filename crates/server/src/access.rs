//! Requests for gated weights, and what their owner says.

use api::{Code, Problem};
use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use hub::{AccessRequest, AccessStatus, Hub};
use ledger::Time;
use registry::Handle;
use serde::Deserialize;

use crate::edge::clip;
use crate::extract::{self, Caller, ModelPath, Query, parameter};
use crate::problem::Refused;
use crate::words::read_some;

/// `{handle}`
pub(crate) struct HandlePath(pub(crate) Handle);

impl<S: Send + Sync> FromRequestParts<S> for HandlePath {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<HandlePath, Refused> {
        parameter(parts, "handle", Code::AccountNotFound).await.map(HandlePath)
    }
}

#[derive(Deserialize)]
pub(crate) struct Wanted {
    status: Option<String>,
    cursor: Option<String>,
    limit: Option<u64>,
}

/// `GET /api/v1/models/{owner}/{name}/access?status=&cursor=&limit=`
pub(crate) async fn list(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    ModelPath { model, .. }: ModelPath,
    Query(wanted): Query<Wanted>,
) -> Result<Json<api::AccessRequests>, Refused> {
    let status = wanted.status.as_deref().map_or(Ok(AccessStatus::Pending), status)?;
    let cursor = read_some::<Cursor>("cursor", wanted.cursor.as_deref())?;
    let limit = wanted.limit.unwrap_or(api::PAGE).clamp(1, api::MAX_PAGE);
    let found = hub.access_requests(&caller, &model, status, cursor.map(|Cursor(at)| at), limit).await?;
    let next = found.last().filter(|_| found.len() as u64 == limit).map(|last| Cursor((last.at, last.id)).to_string());
    Ok(Json(api::AccessRequests { items: found.iter().map(told).collect(), next }))
}

/// `POST /api/v1/models/{owner}/{name}/access`
pub(crate) async fn request(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    ModelPath { model, .. }: ModelPath,
    extract::Json(asked): extract::Json<api::AskAccess>,
) -> Result<(StatusCode, Json<api::AccessRequest>), Refused> {
    let request = hub.request_access(&caller, &model, &asked.message).await?;
    Ok((StatusCode::OK, Json(told(&request))))
}

/// `PUT /api/v1/models/{owner}/{name}/access`
pub(crate) async fn set(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    ModelPath { model, .. }: ModelPath,
    extract::Json(asked): extract::Json<api::SetAccess>,
) -> Result<Json<api::AccessSetting>, Refused> {
    let set = hub.set_automatic(&caller, &model, asked.automatic).await?;
    let (model, access) = (set.model.name.to_string(), set.access.to_string());
    Ok(Json(api::AccessSetting { model, access, automatic: set.automatic }))
}

/// `GET /api/v1/models/{owner}/{name}/access/{handle}`
pub(crate) async fn show(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    ModelPath { model, .. }: ModelPath,
    HandlePath(handle): HandlePath,
) -> Result<Json<api::AccessRequest>, Refused> {
    Ok(Json(told(&hub.access_of(&caller, &model, &handle).await?)))
}

/// `PUT` the same: lets somebody in who asked or not, rejects, or lets a request wait again.
pub(crate) async fn decide(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    ModelPath { model, .. }: ModelPath,
    HandlePath(handle): HandlePath,
    extract::Json(asked): extract::Json<api::DecideAccess>,
) -> Result<Json<api::AccessRequest>, Refused> {
    let decided = match status(&asked.status)? {
        AccessStatus::Accepted => hub.grant_access(&caller, &model, &handle).await?,
        status => {
            let asker = hub::Asker::Account(handle);
            hub.decide_access(&caller, &model, &asker, status, asked.reason.as_deref()).await?
        }
    };
    Ok(Json(told(&decided)))
}

/// `DELETE` the same
pub(crate) async fn remove(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    ModelPath { model, .. }: ModelPath,
    HandlePath(handle): HandlePath,
) -> Result<Json<api::RemovedAccess>, Refused> {
    hub.remove_access(&caller, &model, &handle).await?;
    Ok(Json(api::RemovedAccess { handle: handle.to_string(), removed: true }))
}

pub(crate) fn status(word: &str) -> Result<AccessStatus, Refused> {
    word.parse().map_err(|()| {
        let known = AccessStatus::ALL.map(AccessStatus::word).join(", ");
        Problem::new(Code::InvalidRequest, format!("status is \"{}\"; expected one of {known}", clip(word))).into()
    })
}

fn told(request: &AccessRequest) -> api::AccessRequest {
    api::AccessRequest {
        id: id_text(request.id),
        account: request.account.handle.to_string(),
        status: request.status.to_string(),
        message: request.message.clone(),
        reason: request.reason.clone(),
        asked: request.at.to_string(),
        decided: request.decided.map(|at| at.to_string()),
        by: request.decider.as_ref().map(ToString::to_string),
    }
}

/// A request's id in hexadecimal digits.
pub(crate) fn id_text(id: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(id))
}

pub(crate) fn id_of(text: &str) -> Option<[u8; 16]> {
    let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    u128::from_str_radix(text, 16).ok().filter(|_| digits).map(u128::to_be_bytes)
}

/// Where a page of requests ends, as text.
pub(crate) struct Cursor(pub(crate) (Time, [u8; 16]));

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Cursor((at, id)) = self;
        write!(f, "{}-{}", at.0, id_text(*id))
    }
}

impl std::str::FromStr for Cursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Cursor, &'static str> {
        let read = || {
            let (at, id) = text.split_once('-')?;
            Some(Cursor((Time(at.parse().ok()?), id_of(id)?)))
        };
        read().ok_or("expected the \"next\" of a page")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let cursor = Cursor((Time(1_795_428_000_000), [7; 16]));
        let read: Cursor = cursor.to_string().parse().ok().unwrap();
        assert_eq!(read.0, cursor.0);
        for text in ["", "7", "x-07", "1-+7070707070707070707070707070707", "1-07070707070707070707070707070707x"] {
            assert!(text.parse::<Cursor>().is_err(), "{text}");
        }
    }
}
