//! Files on their way in, under the digest that was announced for them.

use api::{Code, Problem};
use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_LENGTH;
use axum::http::request::Parts;
use hub::publish::{MAX_FILE, Receiving};
use hub::{Error, Hub};
use registry::Digest;
use tokio::sync::mpsc;

use crate::extract::{AccountPath, Caller, Incoming, parameter};
use crate::problem::Refused;

/// `{sha256}`
pub(crate) struct DigestPath(Digest);

impl<S: Send + Sync> FromRequestParts<S> for DigestPath {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<DigestPath, Refused> {
        parameter(parts, "sha256", Code::UploadNotFound).await.map(DigestPath)
    }
}

/// `Content-Length`, which an upload has to have.
pub(crate) struct Length(u64);

impl<S: Send + Sync> FromRequestParts<S> for Length {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Length, Refused> {
        let length = parts.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        match length {
            None => Err(Problem::new(Code::LengthRequired, "an upload needs a Content-Length").into()),
            Some(length) if length > MAX_FILE => {
                let message = format!("the file has {length} bytes; at most {MAX_FILE} are taken");
                Err(Problem::new(Code::BodyTooLarge, message).into())
            }
            Some(length) => Ok(Length(length)),
        }
    }
}

/// `HEAD /api/v1/uploads/{owner}/{sha256}`: whether the owner has handed these bytes in before.
pub(crate) async fn known(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    AccountPath(owner): AccountPath,
    DigestPath(digest): DigestPath,
) -> Result<StatusCode, Refused> {
    if hub.has_upload(&caller, &owner, digest).await? {
        return Ok(StatusCode::OK);
    }
    Err(Problem::new(Code::UploadNotFound, format!("{owner} has not uploaded {digest}")).into())
}

/// `PUT /api/v1/uploads/{owner}/{sha256}`
pub(crate) async fn receive(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    AccountPath(owner): AccountPath,
    DigestPath(digest): DigestPath,
    Length(size): Length,
    body: Incoming,
) -> Result<(StatusCode, Json<api::Uploaded>), Refused> {
    let receiving = hub.upload(&caller, &owner, digest, size).await?;
    let whole = pour(body, receiving).await?;
    whole.finish().await?;
    Ok((StatusCode::CREATED, Json(api::Uploaded { sha256: digest.to_string(), size })))
}

/// Hashes and writes on a thread of its own while the next piece is on its way.
async fn pour(mut body: Incoming, mut receiving: Receiving) -> Result<Receiving, Refused> {
    /// Pieces that may wait for the disk; then the client has to.
    const WAITING: usize = 16;
    let (pieces, mut incoming) = mpsc::channel::<bytes::Bytes>(WAITING);
    let writing = tokio::task::spawn_blocking(move || {
        while let Some(piece) = incoming.blocking_recv() {
            receiving.write(&piece)?;
        }
        Ok::<_, Error>(receiving)
    });
    while let Some(piece) = body.next().await? {
        if pieces.send(piece).await.is_err() {
            // It ended early, and says why below.
            break;
        }
    }
    drop(pieces);
    let written = writing.await.map_err(|crash| Error::Internal { reason: crash.to_string() })?;
    Ok(written?)
}
