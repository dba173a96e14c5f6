//! Whether a page of ours sent a request: what a browser does for a page of somebody else's is done with our cookies.
//!
//! Always: what changes something with a session's cookie says that it comes from here, by `Sec-Fetch-Site` or by
//! `Origin`. That is what Go's `net/http.CrossOriginProtection` asks for, but that a cookie with neither is refused too.

use api::{Code, Problem};
use axum::extract::FromRequestParts;
use axum::http::header::{HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderName, Method};

use crate::edge::clip;
use crate::extract::headers::single;
use crate::problem::Refused;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// A request that no page of another site made; a program's, that says nothing of where it comes from, is one.
pub(crate) struct SameOrigin;

impl<S: Send + Sync> FromRequestParts<S> for SameOrigin {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<SameOrigin, Refused> {
        match said(parts)? {
            Some(false) => Err(refused(parts)),
            _ => Ok(SameOrigin),
        }
    }
}

/// For what a session's cookie came with.
pub(crate) fn check(parts: &Parts) -> Result<(), Refused> {
    let harmless = matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS);
    if harmless || said(parts)? == Some(true) { Ok(()) } else { Err(refused(parts)) }
}

/// Whether it says that it comes from here, if it says where it comes from.
fn said(parts: &Parts) -> Result<Option<bool>, Refused> {
    if let Some(site) = single(&parts.headers, &SEC_FETCH_SITE)? {
        return Ok(Some(matches!(site, "same-origin" | "none")));
    }
    let Some(origin) = single(&parts.headers, &ORIGIN)? else { return Ok(None) };
    let host = match parts.uri.authority() {
        Some(authority) => Some(authority.as_str()),
        None => single(&parts.headers, &HOST)?,
    };
    let of_origin = origin.split_once("://").map(|(_, authority)| authority);
    Ok(Some(of_origin.is_some() && of_origin == host))
}

fn refused(parts: &Parts) -> Refused {
    let origin = parts.headers.get(ORIGIN).and_then(|value| value.to_str().ok()).unwrap_or("a page that is not named");
    let message = format!(
        "{} does this for {} with your session, and only this hub's own pages may",
        clip(origin),
        clip(parts.uri.path())
    );
    Problem::new(Code::CrossOrigin, message).hint("programs use a key: Authorization: Bearer mh_…").into()
}
