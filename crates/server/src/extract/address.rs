//! Where a request comes from.
//!
//! Always: that is the other side of its connection. What headers say counts where a proxy that the operator named has
//! written it, read from its end backwards, up to the first address that is no such proxy: what stands before that is a
//! stranger's word. Where two headers say different things, neither counts.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use hub::{Attempt, Hub, Network, Subnet};

use crate::problem::Refused;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED: HeaderName = HeaderName::from_static("forwarded");
/// No request comes through more proxies.
const MAX_HOPS: usize = 32;

/// Whose requests are counted together; none for programs on this machine, which nobody sends.
pub(crate) fn network(parts: &Parts, trusted: &[Subnet]) -> Option<Network> {
    let ConnectInfo(peer) = parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
    of(peer.ip(), &parts.headers, trusted)
}

fn of(peer: IpAddr, headers: &HeaderMap, trusted: &[Subnet]) -> Option<Network> {
    let is_proxy = |address: IpAddr| trusted.iter().any(|subnet| subnet.contains(address));
    let direct = || (!peer.to_canonical().is_loopback()).then(|| Network::from(peer));
    if !is_proxy(peer) {
        return direct();
    }
    let said =
        [(X_FORWARDED_FOR, false), (FORWARDED, true)].map(|(name, named)| client(headers, &name, named, &is_proxy));
    match said {
        [None, None] => direct(),
        // A proxy's own requests, or nobody's that can be told: those are counted as the proxy's.
        [Some(one), None] | [None, Some(one)] => Some(Network::from(one.unwrap_or(peer))),
        [Some(one), Some(other)] => Some(Network::from(one.filter(|one| Some(*one) == other).unwrap_or(peer))),
    }
}

/// The last address in the header that is no proxy's. None without the header; none within if it cannot be told.
fn client(
    headers: &HeaderMap,
    name: &HeaderName,
    named: bool,
    is_proxy: &impl Fn(IpAddr) -> bool,
) -> Option<Option<IpAddr>> {
    let mut values = headers.get_all(name).iter().peekable();
    values.peek()?;
    let lines: Option<Vec<&str>> = values.map(|value| value.to_str().ok()).collect();
    let hops = lines.iter().flatten().rev().flat_map(|line| line.rsplit(',')).take(MAX_HOPS);
    for hop in hops {
        match (if named { forwarded_for(hop) } else { address(hop) }).map(|found| found.to_canonical()) {
            Some(found) if is_proxy(found) => {}
            found => return Some(found),
        }
    }
    Some(None)
}

/// `for=` of one element of RFC 7239's header.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
    let mut of = pairs.filter(|(name, _)| name.eq_ignore_ascii_case("for")).map(|(_, value)| value);
    let value = of.next()?;
    if of.next().is_some() {
        return None;
    }
    address(value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value))
}

/// An address, with or without brackets and a port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    text.parse().ok().or_else(bare).or_else(with_port)
}

/// A try to get in, begun before its body is read.
pub(crate) struct Trying(pub(crate) Attempt);

impl FromRequestParts<Hub> for Trying {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, hub: &Hub) -> Result<Trying, Refused> {
        Ok(Trying(hub.attempt(network(parts, &hub.options().trusted_proxies))?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whom a request is of: its peer, the proxies, and its headers.
    fn told(peer: &str, trusted: &[&str], headers: &[(&'static str, &str)]) -> Option<Network> {
        let trusted: Vec<Subnet> = trusted.iter().map(|text| text.parse().unwrap()).collect();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        of(peer.parse().unwrap(), &map, &trusted)
    }

    fn network(text: &str) -> Option<Network> {
        Some(Network::from(text.parse::<IpAddr>().unwrap()))
    }

    #[test]
    fn what_strangers_say_of_themselves_counts_for_nothing() {
        let lies = [("x-forwarded-for", "198.51.100.7"), ("forwarded", "for=198.51.100.7")];
        assert_eq!(told("203.0.113.1", &[], &lies), network("203.0.113.1"));
        assert_eq!(told("203.0.113.1", &["10.0.0.0/8"], &lies), network("203.0.113.1"));
        assert_eq!(told("127.0.0.1", &[], &lies), None, "this machine");
        assert_eq!(told("::1", &[], &lies), None);
        assert_eq!(told("::ffff:127.0.0.1", &[], &[]), None);
    }

    #[test]
    fn a_proxys_word_counts_up_to_the_first_address_that_is_none() {
        let by = |value: &str| told("10.0.0.1", &["10.0.0.0/8", "127.0.0.1"], &[("x-forwarded-for", value)]);
        assert_eq!(by("198.51.100.7"), network("198.51.100.7"));
        assert_eq!(by("6.6.6.6, 198.51.100.7"), network("198.51.100.7"), "what stands before it, it has made up");
        assert_eq!(by("6.6.6.6, 198.51.100.7, 10.0.0.9"), network("198.51.100.7"), "through two proxies");
        assert_eq!(by("198.51.100.7:4711 "), network("198.51.100.7"));
        assert_eq!(by("[2001:db8::1]:443"), network("2001:db8::"));
        assert_eq!(by("2001:db8::1"), network("2001:db8::"));
        for nonsense in ["", "unknown", "198.51.100.7, _hidden", "198.51.100.7 6.6.6.6", "10.0.0.2, 10.0.0.3"] {
            assert_eq!(by(nonsense), network("10.0.0.1"), "{nonsense}");
        }
        let two = [("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "198.51.100.7")];
        assert_eq!(told("10.0.0.1", &["10.0.0.1"], &two), network("198.51.100.7"));
        let long = vec!["10.0.0.2"; 100].join(",");
        assert_eq!(by(&format!("198.51.100.7,{long}")), network("10.0.0.1"));
    }

    #[test]
    fn the_header_of_rfc_7239_counts_too() {
        let by = |value: &str| told("10.0.0.1", &["10.0.0.0/8"], &[("forwarded", value)]);
        assert_eq!(by("for=198.51.100.7"), network("198.51.100.7"));
        assert_eq!(by("For=\"[2001:db8::1]:443\";proto=https;by=10.0.0.1"), network("2001:db8::"));
        assert_eq!(by("for=6.6.6.6, for=198.51.100.7;host=hub, for=10.0.0.9"), network("198.51.100.7"));
        assert_eq!(by("for=198.51.100.7;for=6.6.6.6"), network("10.0.0.1"));
        assert_eq!(by("proto=https"), network("10.0.0.1"));
    }

    #[test]
    fn two_headers_that_differ_count_as_none() {
        let by = |one: &str, other: &str| {
            told("127.0.0.1", &["127.0.0.0/8"], &[("x-forwarded-for", one), ("forwarded", other)])
        };
        assert_eq!(by("198.51.100.7", "for=198.51.100.7"), network("198.51.100.7"));
        assert_eq!(by("198.51.100.7", "for=6.6.6.6"), network("127.0.0.1"), "and it is counted");
        assert_eq!(told("127.0.0.1", &["127.0.0.0/8"], &[]), None, "this machine, by itself");
    }
}
