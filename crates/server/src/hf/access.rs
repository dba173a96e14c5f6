//! Access to gated weights, in the words of these clients.

use api::{Code, Problem};
use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Request, State};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use hub::{AccessRequest, Asker, Hub};
use serde::Deserialize;
use serde_json::{Value, json};

use super::base::Base;
use super::error::Refusal;
use super::path::{Place, next_page};
use super::query::Fields;
use crate::access::{Cursor, id_of, id_text, status};
use crate::edge::clip;
use crate::extract::{self, Caller, Incoming, not_json, parameter};
use crate::problem::Refused;
use crate::words::read_some;

/// Requests of a page.
const PAGE: u64 = 100;
/// Most bytes of a form.
const MAX_FORM: usize = 64 * 1024;

/// `{status}`
pub(crate) struct StatusPath(hub::AccessStatus);

impl<S: Send + Sync> FromRequestParts<S> for StatusPath {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<StatusPath, Refused> {
        let word: String = parameter(parts, "status", Code::NotFound).await?;
        status(&word).map(StatusPath)
    }
}

/// `GET /api/models/{owner}/{name}/user-access-request/{status}`
pub(crate) async fn list(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Base(base): Base,
    Place { model, .. }: Place,
    StatusPath(status): StatusPath,
    fields: Fields,
) -> Result<(HeaderMap, Json<Vec<Value>>), Refusal> {
    let cursor = read_some::<Cursor>("cursor", fields.last("cursor"))?;
    let found = hub.access_requests(&caller, &model, status, cursor.map(|Cursor(at)| at), PAGE).await?;
    let next = found.last().filter(|_| found.len() as u64 == PAGE).map(|last| {
        let fields = fields.with("cursor", &Cursor((last.at, last.id)).to_string());
        format!("{base}/api/models/{model}/user-access-request/{status}?{fields}")
    });
    Ok((next_page(next), Json(found.iter().map(told).collect())))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Handled {
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    request_id: Option<String>,
    status: String,
    #[serde(default)]
    rejection_reason: Option<String>,
}

/// `POST /api/models/{owner}/{name}/user-access-request/handle`
pub(crate) async fn handle(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Place { model, .. }: Place,
    extract::Json(asked): extract::Json<Handled>,
) -> Result<Json<Value>, Refusal> {
    let nobody =
        |who: &str| Problem::new(Code::AccessRequestNotFound, format!("{model} has no request of \"{}\"", clip(who)));
    let asker = match (&asked.user, &asked.request_id) {
        (Some(user), None) => Asker::Account(user.parse().map_err(|_| nobody(user))?),
        (None, Some(id)) => Asker::Request(id_of(id).ok_or_else(|| nobody(id))?),
        _ => return Err(Problem::new(Code::InvalidRequest, "expected either user or requestId").into()),
    };
    let decided = status(&asked.status)?;
    let decided = hub.decide_access(&caller, &model, &asker, decided, asked.rejection_reason.as_deref()).await?;
    Ok(Json(told(&decided)))
}

#[derive(Deserialize)]
pub(crate) struct Granted {
    user: String,
}

/// `POST /api/models/{owner}/{name}/user-access-request/grant`
pub(crate) async fn grant(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Place { model, .. }: Place,
    extract::Json(asked): extract::Json<Granted>,
) -> Result<Json<Value>, Refusal> {
    let nobody = |_| Problem::new(Code::AccountNotFound, format!("there is no account \"{}\"", clip(&asked.user)));
    let user = asked.user.parse().map_err(nobody)?;
    Ok(Json(told(&hub.grant_access(&caller, &model, &user).await?)))
}

#[derive(Deserialize, Default)]
struct Asked {
    #[serde(default)]
    message: String,
}

/// `POST /{owner}/{name}/ask-access`: a form or JSON, or nothing, from whoever wants to read the weights. Fields that are
/// not known are read over.
pub(crate) async fn ask(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Place { model, .. }: Place,
    request: Request,
) -> Result<Json<Value>, Refusal> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()?.split(';').next());
    let json = kind.is_some_and(|kind| kind.trim() == "application/json");
    let body = Incoming::from_request(request, &()).await?.read(MAX_FORM).await?;
    let message = match json {
        true => serde_json::from_slice::<Asked>(&body).map_err(|error| not_json(&error))?.message,
        false => Fields::read(&body).last("message").unwrap_or_default().to_owned(),
    };
    Ok(Json(told(&hub.request_access(&caller, &model, &message).await?)))
}

/// Their clients need the first three.
fn told(request: &AccessRequest) -> Value {
    let handle = &request.account.handle;
    let mut told = json!({
        "requestId": id_text(request.id),
        "status": request.status.word(),
        "timestamp": request.at.to_string(),
        "user": {"user": handle, "fullname": handle},
    });
    if !request.message.is_empty() {
        told["fields"] = json!({"message": request.message});
    }
    if let Some(reason) = &request.reason {
        told["rejectionReason"] = reason.clone().into();
    }
    told
}
