//! Embeddings for clients made for OpenAI.

use api::{Code, Embedded, Embedding, Embeddings, EmbeddingsRequest, EmbeddingsUsage, Problem};
use axum::extract::State;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hub::infer::Request;
use hub::{Action, Hub, Object, Performed};
use registry::task;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use tasks::{Given, Outcome};

use crate::beside::beside;
use crate::edge::clip;
use crate::extract::{Caller, Form, IdempotencyKey, Incoming, MaxCost, ModelPath, Surface, not_json};
use crate::infer::{BODY_LIMIT, told};
use crate::problem::Refused;
use crate::run::answered;

/// A request, read.
#[derive(Debug)]
struct Asked {
    model: String,
    texts: Vec<Given>,
    /// As base64 and not as numbers.
    packed: bool,
    dimensions: Option<u64>,
    content: [u8; 32],
}

/// `POST /v1/embeddings`
pub(crate) async fn create(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    MaxCost(max_cost): MaxCost,
    IdempotencyKey(idempotency_key): IdempotencyKey,
    Surface(surface): Surface,
    form: Form,
    body: Incoming,
) -> Result<Response, Refused> {
    let mut body = body.read(BODY_LIMIT).await?;
    if let Some(packing) = form.packed {
        body = beside(move || packing.unpack(&body, BODY_LIMIT)).await??.into();
    }
    let Asked { model: named, texts, packed, dimensions, content } = beside(move || read(&body)).await??;
    let path = named_model(&named)?;
    caller.may(Action::Call, Object::Model(&path.model))?;
    fits(&hub, &caller, &path, dimensions, idempotency_key.is_some()).await?;
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
    let performed = hub.perform(call, texts).await?;
    answered(told(&performed.answer), move || words(performed, named, packed)).await
}

fn invalid(message: impl Into<String>) -> Problem {
    Problem::new(Code::InvalidRequest, message)
}

fn read(body: &[u8]) -> Result<Asked, Refused> {
    let EmbeddingsRequest { model, input, encoding_format, dimensions } =
        serde_json::from_slice(body).map_err(|error| not_json(&error))?;
    let packed = match encoding_format.as_deref() {
        None | Some("float") => false,
        Some("base64") => true,
        Some(other) => {
            return Err(invalid(format!("encoding_format is \"{}\"; expected float or base64", clip(other))).into());
        }
    };
    let texts = if input.get().starts_with('[') {
        let list = api::values(input.get()).map_err(|error| not_json(&error))?;
        list.into_iter().map(text).collect::<Result<_, _>>()?
    } else {
        vec![text(input)?]
    };
    Ok(Asked {
        model: model.into_owned(),
        texts,
        packed,
        dimensions,
        content: Sha256::new().chain_update("embeddings\n").chain_update(body).finalize().into(),
    })
}

fn text(value: &RawValue) -> Result<Given, Refused> {
    if value.get().starts_with('"') {
        return Ok(Given::Json(value.to_owned()));
    }
    let message = format!("input holds {}; expected a text or a list of texts", clip(value.get()));
    Err(invalid(message).hint("tokens are not taken: the model's own tokenizer reads the text").into())
}

/// `owner/name` or `owner/name@release`.
fn named_model(named: &str) -> Result<ModelPath, Refused> {
    let (model, release) = named.split_once('@').map_or((named, None), |(model, release)| (model, Some(release)));
    let Some((owner, name)) = model.split_once('/') else {
        let message = format!("there is no model \"{}\"", clip(named));
        return Err(Problem::new(Code::ModelNotFound, message).hint("models are called owner/name here").into());
    };
    ModelPath::read(owner, name, release)
}

/// The model makes vectors, and as long ones as are wanted.
async fn fits(
    hub: &Hub,
    caller: &hub::Caller,
    ModelPath { model, release }: &ModelPath,
    dimensions: Option<u64>,
    keyed: bool,
) -> Result<(), Refused> {
    let callable = hub.called(caller, model, *release).await?;
    // A kept answer is its caller's all the same.
    if !keyed {
        callable.stands()?;
    }
    let contract = &callable.release.contract;
    let vector = match contract.task.as_ref().map(|task| &task.kind) {
        Some(task::Kind::FeatureExtraction { vector, .. }) => vector,
        _ => return Err(invalid(format!("{model} makes no embeddings: its task is not feature-extraction")).into()),
    };
    let port = contract.signature.outputs.iter().find(|port| port.name == vector.output);
    let length = port.and_then(|port| port.shape.last().copied().flatten());
    match dimensions {
        Some(wanted) if length != Some(wanted) => {
            let has = length.map_or("as many as the model gives".to_owned(), |length| length.to_string());
            Err(invalid(format!("dimensions is {wanted}; {model} has {has}")).hint("leave dimensions out").into())
        }
        _ => Ok(()),
    }
}

fn words(performed: Performed, model: String, packed: bool) -> Embeddings {
    let vector = |(index, outcome): (usize, Outcome)| {
        let numbers = if let Outcome::Vector(numbers) = outcome { numbers } else { Vec::new() };
        let embedding = if packed {
            let bytes: Vec<u8> = numbers.into_iter().flat_map(f32::to_le_bytes).collect();
            Embedded::Base64(STANDARD.encode(bytes))
        } else {
            Embedded::Float(numbers)
        };
        Embedding { object: "embedding".to_owned(), index, embedding }
    };
    Embeddings {
        object: "list".to_owned(),
        data: performed.outcomes.into_iter().enumerate().map(vector).collect(),
        model,
        usage: EmbeddingsUsage { prompt_tokens: performed.tokens, total_tokens: performed.tokens },
    }
}
