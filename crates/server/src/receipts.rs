//! Receipts.

use api::Code;
use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use hub::Hub;
use ledger::CallId;

use crate::extract::{Caller, parameter};
use crate::problem::Refused;

/// `{call}`
pub(crate) struct CallPath(pub(crate) CallId);

impl<S: Send + Sync> FromRequestParts<S> for CallPath {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<CallPath, Refused> {
        parameter(parts, "call", Code::ReceiptNotFound).await.map(CallPath)
    }
}

/// `GET /api/v1/receipts/{call}`
pub(crate) async fn show(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    CallPath(call): CallPath,
) -> Result<Response, Refused> {
    Ok(Json(hub.receipt(&caller, call).await?).into_response())
}
