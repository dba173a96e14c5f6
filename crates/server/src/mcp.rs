//! `/mcp`: agents' tools, over the Model Context Protocol.
//!
//! Always: a tool asks this hub's own routes, with the key of the agent's request and nothing else that says who it is; a
//! cookie is no key here, so a page of another site is nobody.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, FORWARDED, HeaderName, HeaderValue};
use axum::http::request::Parts;
use http_body_util::BodyExt;
use mcp::{Answer, Door, Question, Service};
use tower::ServiceExt;

/// What is handed on of the agent's request: whose it is, and where from.
const HANDED_ON: [HeaderName; 3] = [AUTHORIZATION, FORWARDED, HeaderName::from_static("x-forwarded-for")];

/// The tools, on all other routes.
pub(crate) fn service(routes: Router) -> Service<Inside> {
    mcp::over_http(Inside(routes))
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
