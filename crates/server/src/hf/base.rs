//! Where the client reached this hub: clients compare the host of what they get with the one they asked.

use std::convert::Infallible;
use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};
use hub::Hub;

/// What absolute URLs in an answer begin with, without a slash at the end.
///
/// The operator's `public_url`, if it names a host. An address of numbers, which is what a hub has without that
/// setting, has many names: then it is the one the client used, as a proxy in front or the client itself says.
#[derive(Debug, Clone)]
pub(crate) struct Base(pub(crate) String);

impl FromRequestParts<Hub> for Base {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, hub: &Hub) -> Result<Base, Infallible> {
        Ok(Base(base(&hub.options().public_url, &parts.headers, &parts.uri)))
    }
}

fn base(public: &str, headers: &HeaderMap, uri: &Uri) -> String {
    let Some((scheme, rest)) = public.split_once("://") else { return public.to_owned() };
    let (authority, folder) = rest.split_once('/').map_or((rest, ""), |(authority, folder)| (authority, folder));
    if !is_numbers(authority) {
        return public.to_owned();
    }
    let first = |name: &str| Some(headers.get(name)?.to_str().ok()?.split(',').next()?.trim());
    let scheme = first("x-forwarded-proto").filter(|scheme| matches!(*scheme, "http" | "https")).unwrap_or(scheme);
    let host = first("x-forwarded-host").or_else(|| first(HOST.as_str())).or(uri.authority().map(|a| a.as_str()));
    let host = host.filter(|host| is_host(host)).unwrap_or(authority);
    let slash = if folder.is_empty() { "" } else { "/" };
    format!("{scheme}://{host}{slash}{folder}")
}

/// Whether nobody has given this place a name.
fn is_numbers(authority: &str) -> bool {
    let host = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, _)) => host,
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<IpAddr>().is_ok()
}

fn is_host(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]_".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(public: &str, headers: &[(&'static str, &str)]) -> String {
        let headers = headers.iter().map(|(name, value)| {
            (axum::http::HeaderName::from_static(name), axum::http::HeaderValue::from_str(value).unwrap())
        });
        base(public, &headers.collect(), &Uri::from_static("/x"))
    }

    #[test]
    fn an_operators_name_is_the_hubs_name() {
        let headers = [("host", "10.0.0.1:8080"), ("x-forwarded-host", "evil.example")];
        assert_eq!(told("https://hub.example", &headers), "https://hub.example");
        assert_eq!(told("https://hub.example/models", &headers), "https://hub.example/models");
    }

    #[test]
    fn without_one_it_is_the_name_the_client_used() {
        for public in ["http://127.0.0.1:8080", "http://0.0.0.0:8080", "http://[::1]:8080", "http://localhost:8080"] {
            assert_eq!(told(public, &[("host", "hub.lan:8080")]), "http://hub.lan:8080", "{public}");
            assert_eq!(told(public, &[]), public);
            assert_eq!(told(public, &[("host", "x/y")]), public, "no host");
        }
        let proxy = [("host", "10.0.0.1:8080"), ("x-forwarded-host", "hub.lan, inner"), ("x-forwarded-proto", "https")];
        assert_eq!(told("http://127.0.0.1:8080", &proxy), "https://hub.lan");
    }
}
