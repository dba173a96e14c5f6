//! `/mcp`: agents' tools, over the Model Context Protocol.
//!
//! Always: a tool asks this hub's own routes, with the key of the agent's request and nothing else that says who it is; a
//! cookie is no key here, so a page of another site is nobody. A message is read whole before the protocol's library sees
//! it: what comes without a key is small, and few large ones are looked at together.

use std::net::SocketAddr;
use std::sync::Arc;

use api::{Code, Problem};
use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, FORWARDED, HeaderName, HeaderValue};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use hub::Hub;
use mcp::{Answer, Door, MESSAGE_LIMIT, Question, Service};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::ServiceExt;

use crate::extract::{Incoming, Known};
use crate::problem::Refused;

/// What is handed on of the agent's request: whose it is, and where from.
const HANDED_ON: [HeaderName; 3] = [AUTHORIZATION, FORWARDED, HeaderName::from_static("x-forwarded-for")];

/// Most bytes of a message without a key: to find, to price and to compare takes no more.
const SMALL: usize = 64 * 1024;
/// How many larger ones are read and answered at a time.
const LARGE_AT_ONCE: usize = 2;

/// The tools, on all other routes.
pub(crate) struct Agents {
    service: Service<Inside>,
    hub: Hub,
    large: Arc<Semaphore>,
}

impl Agents {
    pub(crate) fn new(routes: Router, hub: Hub) -> Agents {
        Agents { service: mcp::over_http(Inside(routes)), hub, large: Arc::new(Semaphore::new(LARGE_AT_ONCE)) }
    }

    pub(crate) async fn answer(&self, request: Request) -> Response {
        match self.take(request).await {
            Ok((request, _turn)) => self.service.handle(request).await.into_response(),
            Err(refused) => refused.into_response(),
        }
    }

    /// The request with its whole body, and its turn if that is large.
    async fn take(&self, request: Request) -> Result<(Request, Option<OwnedSemaphorePermit>), Refused> {
        let (parts, body) = request.into_parts();
        let stranger = Known::of(&parts, &self.hub).await.caller().is_none();
        let body = Incoming::from(body).read(if stranger { SMALL } else { MESSAGE_LIMIT }).await?;
        let turn = match body.len() > SMALL {
            true => Some(Arc::clone(&self.large).try_acquire_owned().map_err(|_| {
                let message = format!("{LARGE_AT_ONCE} messages of more than {SMALL} bytes are being answered");
                Problem::new(Code::Busy, message)
                    .hint("try again in a second, or ask POST /v2/models/{owner}/{name}/infer")
            })?),
            false => None,
        };
        Ok((Request::from_parts(parts, body.into()), turn))
    }
}

/// The hub's own routes, asked without a connection.
pub(crate) struct Inside(Router);

impl Door for Inside {
    async fn ask(&self, question: Question, asker: Option<&Parts>) -> Result<Answer, String> {
        let Question { method, path, headers, body } = question;
        let mut request = Request::builder().method(method).uri(path).header("x-modelhub-surface", "mcp");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if body.is_some() {
            request = request.header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Some(asker) = asker {
            for name in HANDED_ON {
                for value in asker.headers.get_all(&name) {
                    request = request.header(&name, value);
                }
            }
            if let Some(peer) = asker.extensions.get::<ConnectInfo<SocketAddr>>() {
                request = request.extension(*peer);
            }
        }
        let request = request.body(body.map_or_else(Body::empty, Body::from)).map_err(|error| error.to_string())?;
        let Ok(response) = self.0.clone().oneshot(request).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
        Ok(Answer { status: parts.status, headers: parts.headers, body: body.into() })
    }
}
