//! How often somebody may ask: what is asked for, by its method and path, and what is told of it.
//!
//! Always: it is decided before a byte of a body is read, of who asks by the credential in the headers, and else of where
//! from; the fields are those of draft-ietf-httpapi-ratelimit-headers-09, of the one rate that is nearest to its end.

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use hub::{Asking, Error, Hub, RateLeft, RequestKind};

use crate::extract::{Known, network};
use crate::problem::Refused;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// What becomes of a request: it goes on, or is refused, and what is told of how many more there are.
pub(crate) type Passed = (Result<(), Refused>, Option<RateLeft>);

/// Takes one request.
pub(crate) async fn pass(hub: &Hub, parts: &mut Parts) -> Passed {
    let Some(kind) = kind(&parts.method, parts.uri.path()) else { return (Ok(()), None) };
    let known = Known::of(parts, hub).await;
    let passed = match known.caller() {
        Some(caller) => hub.pass(Asking::Caller(caller), kind),
        None => match network(parts, &hub.options().trusted_proxies) {
            Some(network) => hub.pass(Asking::From(network), kind),
            None => Ok(None),
        },
    };
    // Whoever answers it need not look again.
    parts.extensions.insert(known);
    match passed {
        Ok(left) => (Ok(()), left),
        Err(Error::RateReached(left)) => (Err(Error::RateReached(left).into()), Some(left)),
        Err(error) => (Err(error.into()), None),
    }
}

/// What a request is for. None: what anybody may ask as often as it likes, whether the hub lives and for its pages' parts.
fn kind(method: &Method, path: &str) -> Option<RequestKind> {
    let under = |prefix: &str| path.strip_prefix(prefix);
    if under("/v2/health/").is_some() || under("/static/").is_some() {
        return None;
    }
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return Some(RequestKind::Reads);
    }
    if let Some(model) = under("/v2/models/") {
        return Some(if model.ends_with("/infer") { RequestKind::Calls } else { RequestKind::Reads });
    }
    if let Some(method) = under("/inference.GRPCInferenceService/") {
        return Some(if method == "ModelInfer" { RequestKind::Calls } else { RequestKind::Reads });
    }
    if under("/v1/").is_some() || under("/api/v1/run/").is_some() {
        return Some(RequestKind::Calls);
    }
    // A program asks every two seconds whether its user has said yes; what an agent's tool asks is counted by itself.
    let asks = matches!(path, "/api/v1/devices/token" | "/mcp") || path.contains("/paths-info/");
    Some(if asks { RequestKind::Reads } else { RequestKind::Writes })
}

/// Tells how many more there are.
pub(crate) fn tell(headers: &mut HeaderMap, told: &RateLeft) {
    let RateLeft { kind, rate, left, reset_s, .. } = told;
    let fields = [
        (RATE_LIMIT_POLICY, format!("\"{kind}\";q={};w={}", rate.count(), rate.per_s())),
        (RATE_LIMIT, format!("\"{kind}\";r={left};t={reset_s}")),
    ];
    for (name, text) in fields {
        headers.insert(name, HeaderValue::try_from(text).expect("words and numbers"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_key_needs_its_scope_call_for_is_a_call() {
        let mut seen = 0;
        for line in include_str!("../tests/http/callers.txt").lines().filter(|line| line.starts_with("POST")) {
            let words: Vec<&str> = line.split_whitespace().collect();
            if words[3] == "call" && words[1] != "/mcp" {
                assert_eq!(kind(&Method::POST, words[1]), Some(RequestKind::Calls), "{line}");
                seen += 1;
            }
        }
        assert!(seen > 5);
    }

    #[test]
    fn what_changes_nothing_is_read() {
        use RequestKind::{Reads, Writes};
        for (method, path, expected) in [
            (Method::GET, "/v2/models/alice/iris", Some(Reads)),
            (Method::HEAD, "/alice/iris/resolve/main/model.onnx", Some(Reads)),
            (Method::POST, "/v2/models/alice/iris/quote", Some(Reads)),
            (Method::POST, "/inference.GRPCInferenceService/ModelReady", Some(Reads)),
            (Method::POST, "/api/models/alice/iris/paths-info/main", Some(Reads)),
            (Method::POST, "/api/v1/devices/token", Some(Reads)),
            (Method::POST, "/mcp", Some(Reads)),
            (Method::POST, "/api/v1/devices", Some(Writes)),
            (Method::POST, "/login/key", Some(Writes)),
            (Method::DELETE, "/api/v1/keys/key_1", Some(Writes)),
            (Method::PUT, "/api/v1/uploads/alice/00", Some(Writes)),
            (Method::GET, "/v2/health/live", None),
            (Method::GET, "/static/style.css", None),
        ] {
            assert_eq!(kind(&method, path), expected, "{method} {path}");
        }
    }
}
