//! Models that stay with their owner: which server runs them, in the words of the Open Inference Protocol.
//!
//! Always: the address is of http or https, carries no user name and no query, and ends without a slash, so that `/v2/…`
//! can be put behind it; the names need no escapes in a path.
//!
//! Absent on purpose: whether the server may be asked, and whether it answers.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::text::clip;

/// Most bytes of the address.
pub const MAX_REMOTE_URL: usize = 500;
/// Most bytes of the model's name there, and of its version.
const MAX_NAME: usize = 200;

/// A model on another server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written")]
pub struct Remote {
    url: String,
    model: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
}

#[derive(Deserialize)]
struct Written {
    url: String,
    model: String,
    #[serde(default)]
    version: Option<String>,
}

impl TryFrom<Written> for Remote {
    type Error = RemoteError;

    fn try_from(Written { url, model, version }: Written) -> Result<Remote, RemoteError> {
        Remote::new(&url, &model, version.as_deref())
    }
}

/// Why this is no model on another server: what is wrong, and what is expected there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} is \"{given}\", expected {expected}")]
pub struct RemoteError {
    pub field: &'static str,
    pub given: String,
    pub expected: &'static str,
}

impl Remote {
    pub fn new(url: &str, model: &str, version: Option<&str>) -> Result<Remote, RemoteError> {
        let refused = |field, given: &str, expected| Err(RemoteError { field, given: clip(given), expected });
        let url = url.trim_end_matches('/');
        if let Err(expected) = check_url(url) {
            return refused("url", url, expected);
        }
        if model.len() > MAX_NAME || !model.split('/').all(is_segment) {
            return refused("model", model, "the model's name on that server: letters, digits, _ - . and /");
        }
        if let Some(version) = version
            && (version.len() > MAX_NAME || !is_segment(version))
        {
            return refused("version", version, "the model's version on that server: letters, digits, _ - and .");
        }
        Ok(Remote { url: url.to_owned(), model: model.to_owned(), version: version.map(str::to_owned) })
    }

    /// What stands in front of `/v2`, without a slash at its end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What the server calls the model.
    pub fn model(&self) -> &str {
        &self.model
    }

    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// The server, as people are told of it: the host, with its port if it names one.
    pub fn host(&self) -> &str {
        let rest = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        rest.split('/').next().unwrap_or(rest)
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.model, self.host())?;
        self.version.as_ref().map_or(Ok(()), |version| write!(f, ", version {version}"))
    }
}

fn check_url(url: &str) -> Result<(), &'static str> {
    const FORM: &str = "an address like https://models.example.com";
    if url.len() > MAX_REMOTE_URL {
        return Err("an address of at most 500 bytes");
    }
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).ok_or(FORM)?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err("an address without a user name and a password");
    }
    if !is_authority(authority) {
        return Err(FORM);
    }
    if path.contains(['?', '#']) {
        return Err("an address without ? and #");
    }
    // Every piece of the path begins with its slash.
    if !path.split('/').skip(1).all(|piece| is_segment(&piece.replace(['~', '%', '+', '@', ':', '='], "_"))) {
        return Err(FORM);
    }
    if path.ends_with("/v2") {
        return Err("the address in front of /v2, which the hub adds");
    }
    Ok(())
}

/// `host`, `host:port`, `[address]` or `[address]:port`.
fn is_authority(authority: &str) -> bool {
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => (address.parse::<std::net::Ipv6Addr>().is_ok(), port),
        None => {
            let (host, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
            let letters = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
            (letters && host.bytes().any(|byte| byte.is_ascii_alphanumeric()), port)
        }
    };
    let port = match port.strip_prefix(':') {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<u16>().is_ok_and(|n| n > 0),
        None => port.is_empty(),
    };
    host && port
}

/// A piece of a path that needs no escapes and leads nowhere else.
fn is_segment(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    !text.is_empty() && text != "." && text != ".." && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_are_taken_with_their_prefix_and_without_their_last_slash() {
        for (given, url, host) in [
            ("https://models.example.com", "https://models.example.com", "models.example.com"),
            ("https://models.example.com/", "https://models.example.com", "models.example.com"),
            ("http://10.0.0.7:8080/a/b~c//", "http://10.0.0.7:8080/a/b~c", "10.0.0.7:8080"),
            ("https://[2606:4700::1111]:8443/x", "https://[2606:4700::1111]:8443/x", "[2606:4700::1111]:8443"),
        ] {
            let remote = Remote::new(given, "net", None).unwrap();
            assert_eq!((remote.url(), remote.host()), (url, host));
        }
        let remote = Remote::new("https://h.example", "team/net-2.b", Some("1")).unwrap();
        assert_eq!(remote.to_string(), "team/net-2.b on h.example, version 1");
        let json = serde_json::to_string(&remote).unwrap();
        assert_eq!(json, r#"{"url":"https://h.example","model":"team/net-2.b","version":"1"}"#);
        assert_eq!(serde_json::from_str::<Remote>(&json).unwrap(), remote);
        assert!(serde_json::from_str::<Remote>(&json.replace("https", "ftp")).is_err(), "read as strictly as written");
    }

    #[test]
    fn what_is_no_address_or_name_is_refused_with_its_rule() {
        let long = format!("https://h.example/{}", "a".repeat(500));
        for (url, rule) in [
            ("", "like https://"),
            ("models.example.com", "like https://"),
            ("ftp://h.example", "like https://"),
            ("https://", "like https://"),
            ("https:///path", "like https://"),
            ("https://h.example:0", "like https://"),
            ("https://h.example:70000", "like https://"),
            ("https://h.example:+8", "like https://"),
            ("https://h example", "like https://"),
            ("https://h\\evil.example", "like https://"),
            ("https://[::1", "like https://"),
            ("https://h.example/a/../b", "like https://"),
            ("https://h.example/a//b", "like https://"),
            ("https://h.example/\u{e9}", "like https://"),
            ("https://me:secret@h.example", "without a user name"),
            ("https://h.example/?a=1", "without ? and #"),
            ("https://h.example/#a", "without ? and #"),
            ("https://h.example/v2", "in front of /v2"),
            ("https://h.example/a/v2/", "in front of /v2"),
            (&long, "at most 500 bytes"),
        ] {
            let error = Remote::new(url, "net", None).unwrap_err();
            assert!(error.field == "url" && error.expected.contains(rule), "{url}: {error}");
            assert!(error.to_string().len() < 400, "{error}");
        }
        for name in ["", "/", "a//b", "../net", "a/./b", "a b", "a?b", "a%2fb", "n\u{e9}t", "a\n", &"n".repeat(201)] {
            assert_eq!(Remote::new("https://h.example", name, None).unwrap_err().field, "model", "{name}");
        }
        for version in ["", "1/2", "..", "1 ", "v\u{e9}"] {
            let error = Remote::new("https://h.example", "net", Some(version)).unwrap_err();
            assert_eq!(error.field, "version", "{version}");
        }
    }

    proptest! {
        #[test]
        fn what_is_taken_leads_to_the_host_it_shows(url in "https?://[a-zA-Z0-9.:@/_~%?#\\[\\]\\\\ -]{0,40}", model in ".{0,8}") {
            if let Ok(remote) = Remote::new(&url, &model, None) {
                let path = format!("{}/v2/models/{}/infer", remote.url(), remote.model());
                prop_assert!(path.bytes().all(|byte| byte.is_ascii_graphic()));
                let after = path.split_once("://").unwrap().1;
                let host = remote.host().to_owned() + "/";
                prop_assert!(after.starts_with(&host));
                prop_assert!(!path.contains("/../") && !path.contains('\\') && !remote.host().contains('@'));
            }
        }
    }
}
