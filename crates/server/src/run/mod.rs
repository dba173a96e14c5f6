//! One paid call in people's values: texts, files, pictures, rows.
//!
//! Always: it is the same call as over `/v2`, with the same price, headers and receipt; without a good key no byte of
//! the body is read. An idempotency key stands for the values, not for how a multipart body was cut.

mod values;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use axum::response::Response;
use hub::infer::Request;
use hub::{Action, Hub, Object, Performed};
use serde::Serialize;

use crate::beside::beside;
use crate::extract::{AnyCaller, Form, IdempotencyKey, Incoming, MaxCost, ModelPath, Surface};
use crate::infer::{BODY_LIMIT, told, unpaid};
use crate::problem::Refused;
use values::{Kind, Values};

/// `POST /api/v1/run/{owner}/{name}[/versions/{release}]`
#[expect(clippy::too_many_arguments, reason = "each is one part of the request, in the order in which it is checked")]
pub(crate) async fn run(
    State(hub): State<Hub>,
    AnyCaller(caller): AnyCaller,
    path: ModelPath,
    MaxCost(max_cost): MaxCost,
    IdempotencyKey(idempotency_key): IdempotencyKey,
    Surface(surface): Surface,
    form: Form,
    kind: Kind,
    body: Incoming,
) -> Result<Response, Refused> {
    let Some(caller) = caller else { return Err(unpaid(&hub, &path).await) };
    // Whoever may not call makes nobody read a body.
    caller.may(Action::Call, Object::Model(&path.model))?;
    let body = body.read(BODY_LIMIT).await?;
    let Values { given, content } = Values::read(body, kind, form.packed, path.route("run")).await?;
    let ModelPath { model, release } = path;
    let call = Request {
        caller,
        surface,
        model,
        release,
        inputs: Vec::new(),
        items: None,
        max_cost,
        idempotency_key,
        content,
    };
    let performed = hub.perform(call, given).await?;
    answered(told(&performed.answer), move || {
        let Performed { answer, outcomes, tokens } = performed;
        api::RunAnswer {
            model: answer.model.to_string(),
            release: answer.release.to_string(),
            outputs: outcomes,
            tokens: Some(tokens).filter(|tokens| *tokens > 0),
        }
    })
    .await
}

/// A call's answer with all that is told beside it.
pub(crate) async fn answered<T: Serialize>(
    mut headers: HeaderMap,
    words: impl FnOnce() -> T + Send + 'static,
) -> Result<Response, Refused> {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let body = beside(move || serde_json::to_vec(&words()).expect("plain values are JSON")).await?;
    let mut response = Response::new(Body::from(body));
    *response.headers_mut() = headers;
    Ok(response)
}
