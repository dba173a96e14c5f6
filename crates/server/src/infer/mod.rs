//! One paid call: the path that has to be fast.
//!
//! Always: without a good key no byte of the body is read; the body is parsed once, where it lies; the answer is
//! written once, into the bytes that are sent. An idempotency key stands for what was asked, not for how it was packed:
//! the outputs are kept, and each answer is written from them.

mod answered;
mod asked;
#[cfg(test)]
pub(crate) mod fuzz;
#[cfg(test)]
pub(crate) mod tests;

use api::{Code, Problem};
use axum::extract::State;
use axum::http::header::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use hub::infer::{Answer, Request};
use hub::{Action, Hub, Object};

use crate::edge::clip;
use crate::extract::{AnyCaller, Form, IdempotencyKey, Incoming, MaxCost, ModelPath, Surface};
use crate::problem::Refused;
use asked::Asked;

/// Most bytes of a call's body, packed and unpacked.
pub(crate) const BODY_LIMIT: usize = 16 * 1024 * 1024;

const X_COST: HeaderName = HeaderName::from_static("x-cost");
const X_PAID_FROM: HeaderName = HeaderName::from_static("x-paid-from");
const X_RECEIPT_ID: HeaderName = HeaderName::from_static("x-receipt-id");
const X_MODEL_RELEASE: HeaderName = HeaderName::from_static("x-model-release");
const X_MODEL_DIGEST: HeaderName = HeaderName::from_static("x-model-digest");
const X_COLD_START: HeaderName = HeaderName::from_static("x-cold-start");
const X_RELEASE_YANKED: HeaderName = HeaderName::from_static("x-release-yanked");
const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// `POST /v2/models/{owner}/{name}[/versions/{release}]/infer`
#[expect(clippy::too_many_arguments, reason = "each is one part of the request, in the order in which it is checked")]
pub(crate) async fn infer(
    State(hub): State<Hub>,
    AnyCaller(caller): AnyCaller,
    path: ModelPath,
    MaxCost(max_cost): MaxCost,
    IdempotencyKey(idempotency_key): IdempotencyKey,
    Surface(surface): Surface,
    form: Form,
    body: Incoming,
) -> Result<Response, Refused> {
    let Some(caller) = caller else { return Err(unpaid(&hub, &path).await) };
    // Whoever may not call makes nobody read a body.
    caller.may(Action::Call, Object::Model(&path.model))?;
    let body = body.read(BODY_LIMIT).await?;
    let route = idempotency_key.is_some().then(|| path.route("infer"));
    let Asked { inputs, content, wanted } = Asked::read(body, form, route).await?;
    let ModelPath { model, release } = path;
    let call = Request { caller, surface, model, release, inputs, items: None, max_cost, idempotency_key, content };
    let answer = run(&hub, call, &wanted.names()).await?;
    answered::answered(answer, wanted, form.answer).await
}

/// A call over any protocol, once it is read. Outputs that the model does not have are refused before anything is
/// charged.
pub(crate) async fn run(hub: &Hub, call: Request, outputs: &[&str]) -> Result<Answer, Refused> {
    if !outputs.is_empty() {
        let callable = hub.called(&call.caller, &call.model, call.release).await?;
        // A kept answer is its caller's all the same.
        if call.idempotency_key.is_none() {
            callable.stands()?;
        }
        known(outputs, &callable)?;
    }
    let answer = hub.infer(call).await?;
    tracing::debug!(call.id = %answer.call, cost = %answer.cost, "Answered a call of {}", answer.model);
    Ok(answer)
}

/// What somebody without a key is told: what it would cost, if it costs anything.
pub(crate) async fn unpaid(hub: &Hub, path: &ModelPath) -> Refused {
    match hub.quote(None, &path.model, path.release).await {
        Ok(quote) if quote.cost.is_zero() => hub::Error::NoKey.into(),
        Ok(quote) => hub::Error::PaymentRequired(Box::new(quote)).into(),
        Err(error) => error.into(),
    }
}

fn known(outputs: &[&str], callable: &hub::Callable) -> Result<(), Refused> {
    let ports = &callable.release.contract.signature.outputs;
    for (place, name) in outputs.iter().enumerate() {
        let wrong = if !ports.iter().any(|port| port.name == *name) {
            let known: Vec<_> = ports.iter().take(16).map(|port| format!("{:?}", clip(&port.name))).collect();
            format!("output {:?} is unknown; the model has {}", clip(name), known.join(", "))
        } else if outputs[..place].contains(name) {
            format!("output {:?} is asked for twice", clip(name))
        } else {
            continue;
        };
        return Err(Problem::new(Code::InvalidInput, wrong).into());
    }
    Ok(())
}

/// A text as a header carries it: what is not ASCII as in addresses, `%C3%A4`.
fn in_ascii(text: &str) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        match byte {
            b' '..=b'~' if byte != b'%' => out.push(char::from(byte)),
            _ => write!(out, "%{byte:02X}").expect("a string grows"),
        }
        out
    })
}

/// What is told about a call beside its outputs, whatever the protocol.
pub(crate) fn told(answer: &Answer) -> HeaderMap {
    let text = |value: String| HeaderValue::try_from(value).expect("amounts, ids, numbers and digests are ASCII");
    let mut headers = HeaderMap::from_iter([
        (X_COST, text(answer.cost.to_string())),
        (X_PAID_FROM, HeaderValue::from_static(answer.paid_from.word())),
        (X_RECEIPT_ID, text(answer.call.to_string())),
        (X_MODEL_RELEASE, text(answer.release.to_string())),
        (X_MODEL_DIGEST, text(answer.digest.to_string())),
        (X_COLD_START, HeaderValue::from_static(if answer.cold { "true" } else { "false" })),
    ]);
    if let Some(reason) = &answer.yanked {
        headers.insert(X_RELEASE_YANKED, text(in_ascii(reason)));
    }
    if answer.replayed {
        headers.insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    }
    headers
}
