//! One paid call: the path that has to be fast.
//!
//! Always: without a good key no byte of the body is read; the body is parsed once, where it lies; the answer is
//! written once, into the bytes that are sent.

use api::{Code, InferRequest, InputTensor, Problem};
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use axum::response::Response;
use bytes::Bytes;
use hub::infer::{Answer, Request};
use hub::{Action, Hub, Object};
use sha2::{Digest, Sha256};
use tensor::Tensor;

use crate::edge::clip;
use crate::extract::{
    AnyCaller, IdempotencyKey, Incoming, LARGE, MaxCost, ModelPath, PlainJson, Surface, no_binary, not_json,
};
use crate::problem::Refused;

/// Most bytes of a call's body.
const BODY_LIMIT: usize = 16 * 1024 * 1024;

const X_COST: HeaderName = HeaderName::from_static("x-cost");
const X_PAID_FROM: HeaderName = HeaderName::from_static("x-paid-from");
const X_RECEIPT_ID: HeaderName = HeaderName::from_static("x-receipt-id");
const X_MODEL_RELEASE: HeaderName = HeaderName::from_static("x-model-release");
const X_MODEL_DIGEST: HeaderName = HeaderName::from_static("x-model-digest");
const X_COLD_START: HeaderName = HeaderName::from_static("x-cold-start");
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
    _: PlainJson,
    body: Incoming,
) -> Result<Response, Refused> {
    let Some(caller) = caller else { return Err(unpaid(&hub, &path).await) };
    // Whoever may not call makes nobody read a body.
    caller.may(Action::Call, Object::Model(&path.model))?;
    let body = body.read(BODY_LIMIT).await?;
    let content = if idempotency_key.is_some() { content(&path, &body) } else { [0; 32] };
    let Asked { id, inputs, outputs } = Asked::read(body).await?;
    let ModelPath { model, release } = path;
    if let Some(outputs) = &outputs {
        let callable = hub.model(&model, release).await?;
        known(outputs, &callable)?;
    }
    let call = Request { caller, surface, model, release, inputs, max_cost, idempotency_key, content };
    let answer = hub.infer(call).await?;
    tracing::debug!(call.id = %answer.call, cost = %answer.cost, "Answered a call of {}", answer.model);
    answered(answer, id, outputs).await
}

/// What somebody without a key is told: what it would cost, if it costs anything.
async fn unpaid(hub: &Hub, path: &ModelPath) -> Refused {
    match hub.quote(&path.model, path.release).await {
        Ok(quote) if quote.cost.is_zero() => hub::Error::NoKey.into(),
        Ok(quote) => hub::Error::PaymentRequired(Box::new(quote)).into(),
        Err(error) => error.into(),
    }
}

/// What an idempotency key stands for: route, release and body.
fn content(path: &ModelPath, body: &[u8]) -> [u8; 32] {
    let release = path.release.map(|release| release.to_string()).unwrap_or_default();
    let route = format!("infer\n{}\n{release}\n", path.model.folded());
    Sha256::new().chain_update(route).chain_update(body).finalize().into()
}

/// A call's body, read.
struct Asked {
    /// The JSON of the request's own id.
    id: Option<String>,
    inputs: Vec<Tensor>,
    /// The names of the outputs that are wanted; none: all.
    outputs: Option<Vec<String>>,
}

impl Asked {
    /// Large bodies are read beside the threads that answer everybody.
    async fn read(body: Bytes) -> Result<Asked, Refused> {
        if body.len() < LARGE { Asked::parse(&body) } else { beside(move || Asked::parse(&body)).await? }
    }

    fn parse(body: &[u8]) -> Result<Asked, Refused> {
        let InferRequest { id, inputs, outputs } = InferRequest::read(body).map_err(|error| not_json(&error))?;
        let inputs = inputs.into_iter().map(tensor).collect::<Result<_, _>>()?;
        let outputs = outputs.filter(|outputs| !outputs.is_empty());
        Ok(Asked {
            id: id.map(|id| id.get().to_owned()),
            inputs,
            outputs: outputs.map(|outputs| outputs.into_iter().map(|output| output.name.into_owned()).collect()),
        })
    }
}

fn tensor(input: InputTensor<'_>) -> Result<Tensor, Refused> {
    let InputTensor { name, shape, datatype, data, parameters } = input;
    if parameters.is_some_and(|parameters| parameters.binary_data_size.is_some()) {
        return Err(no_binary());
    }
    let invalid = |what: String| Refused::from(Problem::new(Code::InvalidInput, what));
    let datatype = datatype.parse().map_err(|error| invalid(format!("input {:?}: {error}", clip(&name))))?;
    let data = data.ok_or_else(|| invalid(format!("input {:?} has no data", clip(&name))))?;
    Tensor::from_json(name.into_owned(), datatype, shape, data.get()).map_err(|error| invalid(format!("input {error}")))
}

/// Refused before anything is charged: an output that the model does not have.
fn known(outputs: &[String], callable: &hub::Callable) -> Result<(), Refused> {
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

async fn answered(answer: Answer, id: Option<String>, outputs: Option<Vec<String>>) -> Result<Response, Refused> {
    let headers = [
        (X_COST, text(answer.cost.to_string())),
        (X_PAID_FROM, HeaderValue::from_static(answer.paid_from.word())),
        (X_RECEIPT_ID, text(answer.call.to_string())),
        (X_MODEL_RELEASE, text(answer.release.to_string())),
        (X_MODEL_DIGEST, text(answer.digest.to_string())),
        (X_COLD_START, HeaderValue::from_static(if answer.cold { "true" } else { "false" })),
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
    ];
    let replayed = answer.replayed;
    let size: usize = answer.outputs.iter().map(|output| output.bytes().len()).sum();
    let write = move || written(&answer, id.as_deref(), outputs.as_deref());
    let body = if size < LARGE { write() } else { beside(write).await? };
    let mut response = Response::new(Body::from(body));
    response.headers_mut().extend(headers);
    if replayed {
        response.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

fn text(value: String) -> HeaderValue {
    HeaderValue::try_from(value).expect("amounts, ids, numbers and digests are ASCII")
}

/// The answer's JSON, written once.
fn written(answer: &Answer, id: Option<&str>, wanted: Option<&[String]>) -> Vec<u8> {
    let size: usize = answer.outputs.iter().map(|output| output.bytes().len() * 3 + 128).sum();
    let mut out = Vec::with_capacity(size + 128);
    out.extend_from_slice(b"{\"model_name\":");
    json_text(&mut out, answer.model.owner().as_str(), Some(answer.model.name()));
    out.extend_from_slice(b",\"model_version\":\"");
    out.extend_from_slice(answer.release.to_string().as_bytes());
    out.push(b'"');
    if let Some(id) = id {
        out.extend_from_slice(b",\"id\":");
        out.extend_from_slice(id.as_bytes());
    }
    out.extend_from_slice(b",\"outputs\":[");
    match wanted {
        None => outputs(&mut out, answer.outputs.iter()),
        Some(names) => {
            let named = |name: &String| answer.outputs.iter().find(|output| output.name() == *name);
            outputs(&mut out, names.iter().filter_map(named));
        }
    }
    out.extend_from_slice(b"]}");
    out
}

fn outputs<'a>(out: &mut Vec<u8>, tensors: impl Iterator<Item = &'a Tensor>) {
    for (place, tensor) in tensors.enumerate() {
        out.extend_from_slice(if place == 0 { b"{\"name\":" } else { b",{\"name\":" });
        json_text(out, tensor.name(), None);
        out.extend_from_slice(b",\"datatype\":\"");
        out.extend_from_slice(tensor.datatype().name().as_bytes());
        out.extend_from_slice(b"\",\"shape\":");
        serde_json::to_writer(&mut *out, tensor.shape()).expect("numbers are JSON, and a Vec takes them");
        out.extend_from_slice(b",\"data\":");
        tensor.write_json(out);
        out.push(b'}');
    }
}

/// A JSON string; with a second part, `first/second`. Parts of a model's name need no escapes.
fn json_text(out: &mut Vec<u8>, first: &str, second: Option<&str>) {
    match second {
        None => serde_json::to_writer(out, first).expect("a text is JSON, and a Vec takes it"),
        Some(second) => {
            for piece in ["\"", first, "/", second, "\""] {
                out.extend_from_slice(piece.as_bytes());
            }
        }
    }
}

/// Runs what takes long beside the threads that answer everybody.
async fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refused> {
    tokio::task::spawn_blocking(work).await.map_err(|crash| {
        tracing::error!("Reading or writing tensors panicked: {crash}");
        Refused::internal()
    })
}
