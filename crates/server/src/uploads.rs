//! Files on their way in, under the digest that was announced for them.

use api::{Code, Prefix, Problem};
use axum::Json;
use axum::body::Body;
use axum::extract::{FromRequestParts, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RETRY_AFTER};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream, TryStreamExt};
use hub::publish::Receiving;
use hub::{Error, HandedIn, Hub};
use registry::Digest;
use store::BlobError;
use tokio::sync::mpsc;

use crate::edge::clip;
use crate::extract::{AccountPath, Caller, Incoming, parameter, single};
use crate::hf::error::Whole;
use crate::problem::Refused;

/// How many bytes of an upload are here.
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");

/// `{sha256}`
pub(crate) struct DigestPath(pub(crate) Digest);

impl<S: Send + Sync> FromRequestParts<S> for DigestPath {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<DigestPath, Refused> {
        parameter(parts, "sha256", Code::UploadNotFound).await.map(DigestPath)
    }
}

/// `Content-Length`, which an upload has to have.
pub(crate) struct Length(pub(crate) u64);

impl FromRequestParts<Hub> for Length {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, hub: &Hub) -> Result<Length, Refused> {
        let length = parts.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        match length {
            None => Err(Problem::new(Code::LengthRequired, "an upload needs a Content-Length").into()),
            Some(length) => within(hub, length).map(Length),
        }
    }
}

/// The size of a file that is taken here.
fn within(hub: &Hub, size: u64) -> Result<u64, Refused> {
    match hub.max_file() {
        limit if size > limit => {
            let message = format!("the file has {size} bytes; at most {limit} are taken");
            Err(Problem::new(Code::BodyTooLarge, message).into())
        }
        _ => Ok(size),
    }
}

/// `Content-Range: bytes FIRST-LAST/TOTAL` of an upload that comes in parts. Without one the body is the whole file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    first: u64,
    last: u64,
    total: u64,
}

impl FromRequestParts<Hub> for Part {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, hub: &Hub) -> Result<Part, Refused> {
        let Length(length) = Length::from_request_parts(parts, hub).await?;
        let Some(text) = single(&parts.headers, &CONTENT_RANGE)? else {
            return Ok(Part { first: 0, last: length.saturating_sub(1), total: length });
        };
        let wrong = || {
            let message = format!("Content-Range is \"{}\" and Content-Length {length}", clip(text));
            let hint = "send Content-Range: bytes FIRST-LAST/TOTAL with a body of LAST - FIRST + 1 bytes";
            Problem::new(Code::InvalidRequest, message).hint(hint)
        };
        let part = Part::parse(text).filter(|part| part.last - part.first == length.wrapping_sub(1));
        let part = part.ok_or_else(wrong)?;
        within(hub, part.total)?;
        Ok(part)
    }
}

impl Part {
    fn parse(text: &str) -> Option<Part> {
        let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let part = Part { first: first.parse().ok()?, last: last.parse().ok()?, total: total.parse().ok()? };
        (part.first <= part.last && part.last < part.total).then_some(part)
    }

    fn is_the_end(self) -> bool {
        self.last + 1 >= self.total
    }
}

/// `HEAD /api/v1/uploads/{owner}/{sha256}`: whether the owner has handed these bytes in before. If not, `Upload-Offset`
/// says how many of them are here already, and `Retry-After` that somebody is sending them now.
pub(crate) async fn known(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    AccountPath(owner): AccountPath,
    DigestPath(digest): DigestPath,
) -> Result<Response, Refused> {
    let arrived = match hub.handed_in_of(&caller, &owner, digest).await? {
        HandedIn::Whole => return Ok(StatusCode::OK.into_response()),
        HandedIn::Part(arrived) => arrived,
    };
    let problem = Problem::new(Code::UploadNotFound, format!("{owner} has not uploaded {digest}"));
    let problem = if arrived.coming { problem.wait(1) } else { problem };
    Ok(goes_on(&problem, arrived.bytes).map(|_| Body::empty()))
}

/// `PUT /api/v1/uploads/{owner}/{sha256}`: the whole file, or with `Content-Range` a part that follows what is here.
pub(crate) async fn receive(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    AccountPath(owner): AccountPath,
    DigestPath(digest): DigestPath,
    part: Part,
    body: Incoming,
) -> Result<Response, Refused> {
    let receiving = match hub.upload_from(&caller, &owner, digest, part.total, part.first).await {
        Err(Error::Blob(error @ BlobError::Offset { there, .. })) => {
            let hint = format!("send Content-Range: bytes {there}-…, or the whole file");
            return Ok(goes_on(&Problem::new(Code::UploadOffset, error.to_string()).hint(hint), there));
        }
        receiving => receiving?,
    };
    let received = pour(body, receiving).await?;
    let got = received.got();
    let sha256 = digest.to_string();
    if part.is_the_end() || got >= part.total {
        received.finish().await?;
        return Ok((StatusCode::CREATED, Json(api::Uploaded { sha256, size: part.total })).into_response());
    }
    // It waits as a half from here on.
    drop(received);
    let told = api::PartUploaded { sha256, size: part.total, offset: got };
    Ok((StatusCode::ACCEPTED, [(UPLOAD_OFFSET, got)], Json(told)).into_response())
}

/// A refusal that says where the upload goes on.
fn goes_on(problem: &Problem, offset: u64) -> Response {
    let status = Refused::status(problem.code);
    let json = HeaderValue::from_static("application/json");
    let mut response =
        (status, [(UPLOAD_OFFSET, offset)], [(CONTENT_TYPE, json)], problem.json(Prefix::Api)).into_response();
    if let Some(seconds) = problem.retry_after_s() {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response.extensions_mut().insert(Whole);
    response
}

/// Writes a body, whole.
pub(crate) async fn pour(body: Incoming, receiving: Receiving) -> Result<Receiving, Refused> {
    let pieces = stream::unfold(body, |mut body| async move { Some((body.next().await.transpose()?, body)) });
    pour_pieces(pieces, receiving).await
}

/// Hashes and writes on a thread of its own while the next piece is on its way.
pub(crate) async fn pour_pieces(
    source: impl Stream<Item = Result<bytes::Bytes, Refused>> + Send,
    mut receiving: Receiving,
) -> Result<Receiving, Refused> {
    /// Pieces that may wait for the disk; then the client has to.
    const WAITING: usize = 16;
    let (pieces, mut incoming) = mpsc::channel::<bytes::Bytes>(WAITING);
    let writing = tokio::task::spawn_blocking(move || {
        while let Some(piece) = incoming.blocking_recv() {
            receiving.write(&piece)?;
        }
        Ok::<_, Error>(receiving)
    });
    let mut source = std::pin::pin!(source);
    while let Some(piece) = source.try_next().await? {
        if pieces.send(piece).await.is_err() {
            // It ended early, and says why below.
            break;
        }
    }
    drop(pieces);
    let written = writing.await.map_err(|crash| Error::Internal { reason: crash.to_string() })?;
    Ok(written?)
}
