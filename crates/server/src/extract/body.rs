//! Bodies: with a limit, and with patience for slow clients that ends.

use api::{Code, Problem};
use axum::body::{Body, HttpBody};
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_ENCODING;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::edge::clip;
use crate::packing::unknown;
use crate::problem::Refused;
use crate::serve::PATIENCE;

/// Most bytes of a body of `/api/v1`: a publish may name ten thousand files.
const JSON_LIMIT: usize = 4 * 1024 * 1024;
/// Most bytes of a body that is too large that are read all the same, so that its sender hears why it was refused.
const READ_OVER: usize = 64 * 1024 * 1024;

/// A body that was not read yet.
pub(crate) struct Incoming(Body);

impl<S: Send + Sync> FromRequest<S> for Incoming {
    type Rejection = Refused;

    async fn from_request(request: Request, _: &S) -> Result<Incoming, Refused> {
        Ok(Incoming(request.into_body()))
    }
}

impl From<Body> for Incoming {
    fn from(body: Body) -> Incoming {
        Incoming(body)
    }
}

impl Incoming {
    #[cfg(test)]
    pub(crate) fn of(body: Vec<u8>) -> Incoming {
        Incoming(body.into())
    }

    /// All of it, if that is at most `limit` bytes. A body that came in one piece is not copied.
    pub(crate) async fn read(mut self, limit: usize) -> Result<Bytes, Refused> {
        if self.0.size_hint().lower() > limit as u64 {
            return Err(self.too_large(limit).await);
        }
        let Some(first) = self.next().await? else { return Ok(Bytes::new()) };
        if first.len() > limit {
            return Err(self.too_large(limit).await);
        }
        let Some(second) = self.next().await? else { return Ok(first) };
        let announced = self.0.size_hint().lower() as usize;
        let mut all = BytesMut::with_capacity((first.len() + second.len() + announced).min(limit));
        all.extend_from_slice(&first);
        let mut next = Some(second);
        while let Some(piece) = next {
            if all.len() + piece.len() > limit {
                return Err(self.too_large(limit).await);
            }
            all.extend_from_slice(&piece);
            next = self.next().await?;
        }
        Ok(all.freeze())
    }

    /// Reads on for a while and throws away what comes: a client that is still sending when the connection closes
    /// sees a broken pipe instead of the reason.
    pub(crate) async fn read_over(mut self) {
        let mut left = READ_OVER;
        while let Ok(Some(piece)) = self.next().await
            && piece.len() <= left
        {
            left -= piece.len();
        }
    }

    async fn too_large(self, limit: usize) -> Refused {
        self.read_over().await;
        let message = format!("the body is larger than {limit} bytes, which is what this path takes");
        Problem::new(Code::BodyTooLarge, message).into()
    }

    /// The next piece, none at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Refused> {
        while !self.0.is_end_stream() {
            let late = |_| {
                let message = format!("nothing more of the body came for {} s", PATIENCE.as_secs());
                Refused::from(Problem::new(Code::InvalidRequest, message))
            };
            match timeout(PATIENCE, self.0.frame()).await.map_err(late)? {
                None => break,
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if data.is_empty() => {}
                    Ok(data) => return Ok(Some(data)),
                    // Trailers say nothing that we read.
                    Err(_) => {}
                },
                Some(Err(_)) => {
                    return Err(Problem::new(Code::InvalidRequest, "the body ended before it was complete").into());
                }
            }
        }
        Ok(None)
    }
}

/// A JSON body of `/api/v1`.
pub(crate) struct Json<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, _: &S) -> Result<Json<T>, Refused> {
        if let Some(encoding) = request.headers().get(CONTENT_ENCODING) {
            return Err(unknown(encoding.as_bytes(), "send it without Content-Encoding"));
        }
        let body = Incoming(request.into_body()).read(JSON_LIMIT).await?;
        serde_json::from_slice(&body).map(Json).map_err(|error| not_json(&error))
    }
}

/// What serde says, which names field, line and column.
pub(crate) fn not_json(error: &serde_json::Error) -> Refused {
    Problem::new(Code::InvalidRequest, format!("the body cannot be read: {}", clip(&error.to_string()))).into()
}
