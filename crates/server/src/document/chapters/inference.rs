//! Calling models.

use api::{Code, text};
use serde_json::json;

use crate::document::operation::{Operation, Shape, Who, get, named, post};
use crate::document::written;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        model("/v2/models/{owner}/{name}", "model", "What a model takes, gives and costs"),
        model("/v2/models/{owner}/{name}/versions/{release}", "model_release", "What a release takes, gives and costs"),
        ready("/v2/models/{owner}/{name}/ready", "model_ready", "Whether a model can be called"),
        ready(
            "/v2/models/{owner}/{name}/versions/{release}/ready",
            "model_release_ready",
            "Whether a release can be called",
        ),
        quote("/v2/models/{owner}/{name}/quote", "quote", "What one call costs, and who gets it"),
        quote(
            "/v2/models/{owner}/{name}/versions/{release}/quote",
            "quote_release",
            "What one call of a release costs, and who gets it",
        ),
        infer("/v2/models/{owner}/{name}/infer", "infer", "Call a model, in tensors"),
        infer("/v2/models/{owner}/{name}/versions/{release}/infer", "infer_release", "Call a release, in tensors"),
        run("/api/v1/run/{owner}/{name}", "run", "Call a model, in what people have"),
        run("/api/v1/run/{owner}/{name}/versions/{release}", "run_release", "Call a release, in what people have"),
        embeddings(),
    ]
}

fn model(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    get(path, id, summary)
        .who(Who::Anybody)
        .gives::<api::ModelMetadata>("Its contract and its price.")
        .refuses(&[Code::ReleaseNotFound, Code::ReleaseYanked])
}

fn ready(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    get(path, id, summary)
        .says("Of a model that its owner's server runs, whether that is asked at present.")
        .who(Who::Anybody)
        .gives::<api::Ready>("It can.")
        .refuses(&[Code::ReleaseNotFound, Code::ReleaseYanked, Code::EngineUnavailable, Code::RemoteUnavailable])
        .refuses(&[Code::BooksUnavailable])
}

fn quote(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    post(path, id, summary)
        .says("The body is not read.")
        .who(Who::Anybody)
        .gives::<api::Quote>("The most that one call costs.")
        .refuses(&[Code::ReleaseNotFound, Code::ReleaseYanked, Code::InvalidPrice])
}

/// What all calls may be refused for.
const CALL: &[Code] = &[
    Code::InvalidInput,
    Code::InsufficientFunds,
    Code::CostAboveLimit,
    Code::SpendingLimit,
    Code::ReleaseNotFound,
    Code::ReleaseYanked,
    Code::IdempotencyConflict,
    Code::OutcomeExpired,
    Code::InvalidPrice,
    Code::Busy,
    Code::EngineFailed,
    Code::EngineUnavailable,
    Code::RemoteUnavailable,
    Code::IdempotencyFull,
    Code::TimedOut,
];

/// What all calls take beside their body.
fn call(operation: Operation) -> Operation {
    let visible = json!({"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"});
    let surface = json!({"type": "string", "enum": ["api", "cli", "web"], "default": "api"});
    operation
        .header_of::<text::Amount>("X-Max-Cost", "The most that you want to pay, in OPG: above it nothing is run.")
        .header("Idempotency-Key", visible, "The same request again is the same call, charged once, for 24 hours.")
        .header("X-Modelhub-Surface", surface, "Which of the hub's own doors it came through.")
        .refuses(CALL)
}

/// What all answers to calls tell beside their body.
fn told(operation: Operation) -> Operation {
    let flag = || Shape::written(json!({"type": "string", "enum": ["true", "false"]}));
    operation
        .told("X-Cost", Shape::of::<text::Amount>(), "What was charged, in OPG.")
        .told("X-Paid-From", Shape::of::<text::Purse>(), "The purse it was paid from.")
        .told("X-Receipt-Id", Shape::of::<text::CallId>(), "The call's id: `/api/v1/receipts/{call}`.")
        .told("X-Model-Release", Shape::of::<text::ReleaseNumber>(), "The release that ran.")
        .told("X-Model-Digest", Shape::of::<text::Sha256>(), "The digest of its files.")
        .told("X-Cold-Start", flag(), "Whether the model had to be loaded first.")
        .may_tell("X-Release-Yanked", Shape::written(json!({"type": "string"})), "Why its owner advises against it.")
        .may_tell("Idempotent-Replayed", flag(), "This answer is of a call that was made before.")
}

fn infer(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    let example =
        json!({"inputs": [{"name": "features", "shape": [1, 4], "datatype": "FP32", "data": [5.1, 3.5, 1.4, 0.2]}]});
    let length = json!({"type": "integer", "minimum": 0});
    let operation = post(path, id, summary)
        .says(
            "Open Inference Protocol. Tensors may follow the JSON in binary form; then `Inference-Header-Content-Length` says \
             where it ends. Bodies of 16 MiB at most, as they are or packed with gzip or deflate.",
        )
        .who(Who::Payer)
        .takes::<api::InferJson<'static>>(example)
        .takes_as("application/octet-stream", written::bytes("The JSON, and the bytes of tensors behind it."), "")
        .header("Inference-Header-Content-Length", length, "How many bytes of the body are JSON.")
        .gives_as(200, "application/json", named("InferAnswer"), "What the model answered.")
        .gives_as(200, "application/octet-stream", written::bytes("The JSON, and the bytes of tensors behind it."), "");
    let length = Shape::written(json!({"type": "string", "pattern": "^[0-9]+$"}));
    told(call(operation)).may_tell("Inference-Header-Content-Length", length, "How many bytes of the body are JSON.")
}

fn run(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    let operation = post(path, id, summary)
        .says(
            "Texts, files, pictures, sounds, rows or histories, as the model's `task` says: one value under `input`, many \
             under `inputs`, or the parts of a form. The same price, headers and receipt as a call in tensors.",
        )
        .who(Who::Payer)
        .takes::<api::RunRequest<'static>>(json!({"input": "A text."}))
        .takes_as("multipart/form-data", named("ValuesForm"), "")
        .gives::<api::RunAnswer<serde_json::Value>>("An output for each input, in their order.");
    told(call(operation))
}

fn embeddings() -> Operation {
    let example = json!({"model": "alice/embedder", "input": ["A text.", "Another one."]});
    let operation = post("/v1/embeddings", "create_embeddings", "Vectors of texts, for OpenAI's clients")
        .says("`model` is `owner/name` or `owner/name@release`, of a model whose task is feature-extraction.")
        .who(Who::Key("call"))
        .takes::<api::EmbeddingsRequest<'static>>(example)
        .gives::<api::Embeddings>("A vector for each text, in their order.")
        .refuses(&[Code::ModelNotFound, Code::TakenDown]);
    told(call(operation))
}
