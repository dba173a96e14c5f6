//! What every answer has in common: the form of refusals, and the headers.
//!
//! Always: what leaves here with an error's status has the form of its path's prefix, whether a handler refused, axum
//! did, or a handler panicked.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use api::{Code, Prefix, Problem};
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue,
    RETRY_AFTER, VARY,
};
use axum::http::header::{REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use hub::Hub;

use crate::packing::Packing;
use crate::problem::Refused;
use crate::{grpc, hf, pages, rates};

/// Wraps all routes.
pub(crate) async fn edge(State(hub): State<Hub>, request: Request, next: Next) -> Response {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let prefix = Prefix::of(uri.path());
    let anonymous = !request.headers().contains_key(AUTHORIZATION);
    // What a form is answered with, a new key among it, is not packed: how small it gets would tell of what is in it.
    let packing = (method == Method::GET).then(|| Packing::accepted(request.headers())).flatten();
    let (mut parts, body) = request.into_parts();
    let (passed, left) = rates::pass(&hub, &mut parts).await;
    let answered = match passed {
        Ok(()) => AssertUnwindSafe(next.run(Request::from_parts(parts, body))).catch_unwind().await,
        Err(refused) => Ok(refused.into_response()),
    };
    let mut response = answered.unwrap_or_else(|panic| crashed(panic.as_ref(), &uri));
    let failed = response.status().is_client_error() || response.status().is_server_error();
    // What speaks to agents refuses in their protocol's own form, once it has a message.
    let theirs = prefix == Prefix::Mcp && response.headers().contains_key(CONTENT_TYPE);
    if failed && !theirs && response.extensions_mut().remove::<hf::error::Whole>().is_none() {
        response = match prefix {
            Prefix::HuggingFace => hf_refused(&method, &uri, response, anonymous),
            _ => refused(&hub, prefix, &method, &uri, response),
        };
    }
    let headers = response.headers_mut();
    if let Some(left) = &left {
        rates::tell(headers, left);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if matches!(prefix, Prefix::Api | Prefix::OpenGradient | Prefix::HuggingFace)
        && !headers.contains_key(CACHE_CONTROL)
    {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    match packing {
        Some(packing) if is_page(&response) => packed(response, packing).await,
        _ => response,
    }
}

/// A whole page that nobody has packed yet.
fn is_page(response: &Response) -> bool {
    let headers = response.headers();
    let html = headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    html && !headers.contains_key(CONTENT_ENCODING)
}

/// The same page, packed. Ours lie in memory whole.
async fn packed(response: Response, packing: Packing) -> Response {
    let (mut parts, body) = response.into_parts();
    let Ok(page) = to_bytes(body, usize::MAX).await else { return Refused::internal().into_response() };
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.insert(CONTENT_ENCODING, packing.header());
    parts.headers.append(VARY, HeaderValue::from_static("accept-encoding"));
    Response::from_parts(parts, Body::from(packing.pack(&page)))
}

/// A bug of ours. The panic's text is for the log alone.
fn crashed(panic: &(dyn Any + Send), uri: &Uri) -> Response {
    let text = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(path = uri.path(), "A handler panicked: {}", text.unwrap_or("no text"));
    Refused::internal().into_response()
}

/// Gives a refusal its prefix's form.
fn refused(hub: &Hub, prefix: Prefix, method: &Method, uri: &Uri, mut plain: Response) -> Response {
    let problem = problem_of(method, uri, &mut plain);
    let (content_type, body) = match prefix {
        Prefix::Grpc => return grpc::refused(&problem),
        Prefix::Page => ("text/html; charset=utf-8", Body::from(pages::problem(hub, &problem))),
        _ => ("application/json", Body::from(problem.json(prefix))),
    };
    let mut response = Response::new(if method == Method::HEAD { Body::empty() } else { body });
    *response.status_mut() = Refused::status(problem.code);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if prefix == Prefix::Page {
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(web::CONTENT_SECURITY_POLICY));
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // OpenAI's clients repeat a request by themselves, and this one may have been charged.
    if prefix == Prefix::OpenAi && problem.code == Code::BooksUnavailable {
        headers.insert("x-should-retry", HeaderValue::from_static("false"));
    }
    if let Some(seconds) = problem.retry_after_s() {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// The same in the form of `hf`, where it hangs on whether the request had a key.
fn hf_refused(method: &Method, uri: &Uri, mut plain: Response, anonymous: bool) -> Response {
    let beside = plain.extensions_mut().remove();
    let response = hf::error::answer(problem_of(method, uri, &mut plain), beside, uri, anonymous);
    if method == Method::HEAD { response.map(|_| Body::empty()) } else { response }
}

/// Why, whoever refused.
fn problem_of(method: &Method, uri: &Uri, plain: &mut Response) -> Problem {
    let refused = plain.extensions_mut().remove::<Refused>();
    refused.map_or_else(|| stray(method, uri, plain.status()), Refused::into_problem)
}

/// A refusal that no handler of ours made.
fn stray(method: &Method, uri: &Uri, status: StatusCode) -> Problem {
    let path = clip(uri.path());
    match status.as_u16() {
        404 => Problem::new(Code::NotFound, format!("nothing stands at {path}")),
        // axum adds `Allow` itself, further out than this.
        405 => Problem::new(Code::MethodNotAllowed, format!("{path} does not take {method}"))
            .hint("the header Allow lists what it takes"),
        413 => Problem::new(Code::BodyTooLarge, "the body is larger than this path takes"),
        status @ 400..500 => Problem::new(Code::InvalidRequest, format!("{path} is not well formed ({status})")),
        status => {
            tracing::error!(path = uri.path(), status, "Something inside answered for itself");
            Refused::internal().into_problem()
        }
    }
}

/// At most 200 characters of what a client sent.
pub(crate) fn clip(text: &str) -> String {
    match text.char_indices().nth(200) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
