//! Headers of a call.

use api::{Code, Problem};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use ledger::Amount;

use crate::edge::clip;
use crate::problem::Refused;

const X_MAX_COST: HeaderName = HeaderName::from_static("x-max-cost");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const X_MODELHUB_SURFACE: HeaderName = HeaderName::from_static("x-modelhub-surface");

/// Most characters of an `Idempotency-Key`.
const MAX_IDEMPOTENCY_KEY: usize = 255;

/// The header's value. Twice is refused: which one is meant would be a guess.
pub(crate) fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Refused> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Problem::new(Code::InvalidRequest, format!("the header {name} stands there twice")).into());
    }
    let not_text = |_| Problem::new(Code::InvalidRequest, format!("the header {name} is not ASCII text"));
    Ok(Some(value.to_str().map_err(not_text)?))
}

/// `X-Max-Cost`: the most the caller wants to pay.
pub(crate) struct MaxCost(pub(crate) Option<Amount>);

impl<S: Send + Sync> FromRequestParts<S> for MaxCost {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<MaxCost, Refused> {
        let Some(text) = single(&parts.headers, &X_MAX_COST)? else { return Ok(MaxCost(None)) };
        let wrong = |error: ledger::AmountError| Problem::new(Code::InvalidRequest, format!("X-Max-Cost: {error}"));
        Ok(MaxCost(Some(text.trim().parse().map_err(wrong)?)))
    }
}

/// `Idempotency-Key`: the same request again is the same call.
pub(crate) struct IdempotencyKey(pub(crate) Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<IdempotencyKey, Refused> {
        let Some(key) = single(&parts.headers, &IDEMPOTENCY_KEY)? else { return Ok(IdempotencyKey(None)) };
        if key.is_empty() || key.len() > MAX_IDEMPOTENCY_KEY || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            let message = format!(
                "Idempotency-Key is \"{}\"; expected 1 to {MAX_IDEMPOTENCY_KEY} visible ASCII characters",
                clip(key)
            );
            return Err(Problem::new(Code::InvalidRequest, message).into());
        }
        Ok(IdempotencyKey(Some(key.to_owned())))
    }
}

/// `X-Modelhub-Surface`: which of our own doors a call came through.
pub(crate) struct Surface(pub(crate) ledger::Surface);

impl<S: Send + Sync> FromRequestParts<S> for Surface {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Surface, Refused> {
        match single(&parts.headers, &X_MODELHUB_SURFACE)? {
            None | Some("api") => Ok(Surface(ledger::Surface::Api)),
            Some("cli") => Ok(Surface(ledger::Surface::Cli)),
            Some("web") => Ok(Surface(ledger::Surface::Web)),
            Some("mcp") => Ok(Surface(ledger::Surface::Mcp)),
            Some(other) => {
                let message = format!("X-Modelhub-Surface is \"{}\"; expected api, cli, web or mcp", clip(other));
                Err(Problem::new(Code::InvalidRequest, message).into())
            }
        }
    }
}
