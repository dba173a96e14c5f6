//! The Open Inference Protocol over gRPC: `inference.GRPCInferenceService`, on the port of everything else.
//!
//! Always: the same use cases as over HTTP, at the same price; metadata are HTTP's headers, so the same extractors read
//! them; nobody without a good key makes us read the body of a call; a refusal is a status with a text, and our word
//! for it stands in the metadata `x-error-code`.
//!
//! Absent on purpose: streams, and what other servers add to the protocol (configuration, repository, shared memory,
//! statistics); they are `UNIMPLEMENTED`. Answers are not packed: clients of gRPC accept that without being asked, and
//! it would only make tensors late.
//!
//! To add a method: its messages in `messages.rs`, a function here, a line in `routes.rs`.

mod bounds;
mod codec;
mod messages;
mod status;
mod tensors;

use axum::body::Body;
use axum::extract::{FromRequest, Request, State};
use axum::http::header::HeaderMap;
use axum::response::Response;
use http_body_util::Full;
use hub::Hub;
use hub::infer::Request as Call;
use ledger::Surface;
use tonic::codec::CompressionEncoding;
use tonic::metadata::MetadataMap;
use tonic::server::Grpc;
use tower::service_fn;

use crate::extract::{AnyCaller, Caller, IdempotencyKey, Incoming, MaxCost, ModelPath};
use crate::problem::Refused;
use crate::{health, infer, metadata};
use codec::{Asking, Protobuf};
use messages::{
    Empty, ModelInferRequest, ModelMetadataResponse, ModelReadyResponse, ModelRequest, ServerLiveResponse,
    ServerMetadataResponse, ServerReadyResponse,
};
use tensors::Asked;

pub(crate) use status::refused;

/// It answers, so it lives.
pub(crate) async fn server_live(request: Request) -> Result<Response, Refused> {
    unary(request, |_: Empty| async { Ok(ServerLiveResponse { live: true }.into()) }).await
}

/// Whether a paid call could be made now.
pub(crate) async fn server_ready(State(hub): State<Hub>, request: Request) -> Result<Response, Refused> {
    let ready = |_: Empty| async move { Ok(ServerReadyResponse { ready: hub.ready().await.is_ok() }.into()) };
    unary(request, ready).await
}

pub(crate) async fn server_metadata(request: Request) -> Result<Response, Refused> {
    unary(request, |_: Empty| async { Ok(ServerMetadataResponse::from(health::itself()).into()) }).await
}

/// Whether the model could be called now. One that is not there is not ready.
pub(crate) async fn model_ready(
    State(hub): State<Hub>,
    AnyCaller(viewer): AnyCaller,
    request: Request,
) -> Result<Response, Refused> {
    let ready = |asked: ModelRequest| async move {
        let ready = match path(&asked.name, &asked.version) {
            Ok(path) => metadata::callable(&hub, viewer.as_ref(), &path).await.is_ok(),
            Err(_) => false,
        };
        Ok(ModelReadyResponse { ready }.into())
    };
    unary(request, ready).await
}

pub(crate) async fn model_metadata(
    State(hub): State<Hub>,
    AnyCaller(viewer): AnyCaller,
    request: Request,
) -> Result<Response, Refused> {
    let metadata = |asked: ModelRequest| async move {
        let path = path(&asked.name, &asked.version)?;
        Ok(ModelMetadataResponse::from(metadata::of(&hub, viewer.as_ref(), &path).await?).into())
    };
    unary(request, metadata).await
}

/// A paid call.
pub(crate) async fn model_infer(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    MaxCost(max_cost): MaxCost,
    IdempotencyKey(idempotency_key): IdempotencyKey,
    request: Request,
) -> Result<Response, Refused> {
    let infer = |asked: ModelInferRequest| async move {
        let path = path(&asked.model_name, &asked.model_version)?;
        let route = idempotency_key.is_some().then(|| path.route("grpc infer"));
        let Asked { inputs, content, wanted } = Asked::read(asked, route).await?;
        let ModelPath { model, release } = path;
        let surface = Surface::Grpc;
        let call = Call { caller, surface, model, release, inputs, items: None, max_cost, idempotency_key, content };
        let outputs: Vec<&str> = wanted.outputs.iter().map(String::as_str).collect();
        let answer = infer::run(&hub, call, &outputs).await?;
        let told = infer::told(&answer);
        Ok(Reply { message: tensors::answered(answer, wanted, &told).await?, told })
    };
    unary(request, infer).await
}

/// What other servers have.
pub(crate) async fn unimplemented(request: Request) -> Refused {
    status::no_method(request.uri().path())
}

/// An answer, and what is told beside it.
struct Reply<R> {
    message: R,
    told: HeaderMap,
}

impl<R> From<R> for Reply<R> {
    fn from(message: R) -> Reply<R> {
        Reply { message, told: HeaderMap::new() }
    }
}

/// Reads one message, acts, and writes one.
async fn unary<M: Asking, R: prost::Message + 'static, F: Future<Output = Result<Reply<R>, Refused>> + Send>(
    request: Request,
    act: impl FnOnce(M) -> F + Send,
) -> Result<Response, Refused> {
    let (head, body) = request.into_parts();
    let body = Incoming::from_request(Request::new(body), &()).await?.read(M::LIMIT).await?;
    let mut act = Some(act);
    let service = service_fn(|message: tonic::Request<M>| {
        let acting = act.take().map(|act| act(message.into_inner()));
        async {
            let Reply { message, told } = acting
                .expect("one request is one message")
                .await
                .map_err(|refused| status::status(refused.problem()))?;
            Ok(tonic::Response::from_parts(MetadataMap::from_headers(told), message, Default::default()))
        }
    });
    let mut grpc = Grpc::new(Protobuf::<M, R>::default())
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Deflate)
        .max_decoding_message_size(M::LIMIT);
    let answer = grpc.unary(service, Request::from_parts(head, Full::new(body))).await;
    Ok(status::named(answer.map(Body::new)))
}

/// Which model, from the words of a message. No version: the one that callers are on.
fn path(name: &str, version: &str) -> Result<ModelPath, Refused> {
    let (owner, model) = name.split_once('/').unwrap_or((name, ""));
    ModelPath::read(owner, model, Some(version).filter(|version| !version.is_empty()))
}
