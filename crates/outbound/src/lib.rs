//! Requests that the hub sends to addresses strangers have named: webhooks, and whatever else will come.
//!
//! Always: what is asked is on the open internet, checked where the connection is made and not before, so that a name
//! that answers once like this and once like that gains nothing; redirects are not followed, proxies not used; an answer
//! is waited for up to a limit, and its body is not read.
//!
//! Absent on purpose: what is sent, retries, secrets.

mod public;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ureq::Agent;
use ureq::http::Uri;
use ureq::http::uri::Scheme;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

pub use public::is_public;

/// How long one request may take, from looking up the name to the last byte of the answer's head.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// Why nothing came back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    #[error("expected an address like https://example.com/hook")]
    NoAddress,
    #[error("https is needed, not {scheme}")]
    NotHttps { scheme: String },
    #[error("an address carries no user name and no password")]
    Login,
    /// Where it is instead stays here: strangers who read this are not to learn the names of our network.
    #[error("{host} is not on the open internet")]
    Private { host: String, address: IpAddr },
    #[error("{reason}")]
    NoAnswer { reason: String },
}

/// Which addresses may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The open internet, over https.
    Public,
    /// Everything, plain http too: for a hub whose users are trusted, and for trying out.
    Anywhere,
}

/// The way out. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    agent: Agent,
    reach: Reach,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("reach", &self.reach).finish_non_exhaustive()
    }
}

impl Client {
    pub fn new(reach: Reach) -> Client {
        let config = Agent::config_builder()
            .user_agent(concat!("modelhub/", env!("CARGO_PKG_VERSION")))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            // A proxy would look names up itself, and find what it likes.
            .proxy(None)
            .max_idle_connections(0)
            .max_response_header_size(16 * 1024)
            .timeout_global(Some(TIMEOUT));
        let guard = Guard { reach, below: DefaultResolver::default() };
        Client { agent: Agent::with_parts(config.build(), DefaultConnector::default(), guard), reach }
    }

    /// Whether an address could be asked, as far as it can be told from its form.
    pub fn check(&self, url: &str) -> Result<(), Failed> {
        let uri: Uri = url.parse().map_err(|_| Failed::NoAddress)?;
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else { return Err(Failed::NoAddress) };
        let https = *scheme == Scheme::HTTPS || self.reach == Reach::Anywhere && *scheme == Scheme::HTTP;
        if !https {
            return Err(Failed::NotHttps { scheme: scheme.to_string() });
        }
        if authority.as_str().contains('@') {
            return Err(Failed::Login);
        }
        let host = authority.host();
        if host.is_empty() {
            return Err(Failed::NoAddress);
        }
        match host.trim_matches(['[', ']']).parse() {
            Ok(address) => self.reach.admits(host, address),
            Err(_) if host.eq_ignore_ascii_case("localhost") => self.reach.admits(host, [127, 0, 0, 1].into()),
            Err(_) => Ok(()),
        }
    }

    /// Sends a JSON body and gives the status of the answer.
    pub async fn post(&self, url: &str, headers: &[(&'static str, String)], body: String) -> Result<u16, Failed> {
        self.check(url)?;
        let mut request = self.agent.post(url).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let sent = tokio::task::spawn_blocking(move || request.send(body));
        let answer = sent.await.map_err(|crash| Failed::NoAnswer { reason: crash.to_string() })?;
        match answer {
            Ok(answer) => Ok(answer.status().as_u16()),
            Err(ureq::Error::Other(inner)) => match inner.downcast::<Failed>() {
                Ok(failed) => Err(*failed),
                Err(other) => Err(Failed::NoAnswer { reason: other.to_string() }),
            },
            Err(error) => Err(Failed::NoAnswer { reason: error.to_string() }),
        }
    }
}

impl Reach {
    fn admits(self, host: &str, address: IpAddr) -> Result<(), Failed> {
        match self {
            Reach::Public if !is_public(address) => Err(Failed::Private { host: host.to_owned(), address }),
            _ => Ok(()),
        }
    }
}

/// Looks names up, and lets nothing through that is not on the open internet.
#[derive(Debug)]
struct Guard {
    reach: Reach,
    below: DefaultResolver,
}

impl Resolver for Guard {
    fn resolve(
        &self,
        uri: &Uri,
        config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.below.resolve(uri, config, timeout)?;
        let refused = |found: &SocketAddr| self.reach.admits(uri.host().unwrap_or_default(), found.ip()).err();
        // One that is private is enough: whoever mixes them is up to something.
        match found.iter().find_map(refused) {
            Some(failed) => Err(ureq::Error::Other(Box::new(failed))),
            None => Ok(found),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn an_address_is_refused_by_its_form() {
        let client = Client::new(Reach::Public);
        for (url, failed) in [
            ("", Failed::NoAddress),
            ("example.com/hook", Failed::NoAddress),
            ("https://", Failed::NoAddress),
            ("http://example.com/", Failed::NotHttps { scheme: "http".to_owned() }),
            ("ftp://example.com/", Failed::NotHttps { scheme: "ftp".to_owned() }),
            ("https://me:secret@example.com/", Failed::Login),
        ] {
            assert_eq!(client.check(url), Err(failed), "{url}");
        }
        for url in ["https://127.0.0.1/", "https://[::1]:80/", "https://localhost/", "https://169.254.169.254/latest"] {
            assert!(matches!(client.check(url), Err(Failed::Private { .. })), "{url}");
        }
        client.check("https://example.com/hook?x=1").unwrap();
        client.check("https://1.1.1.1/").unwrap();
        Client::new(Reach::Anywhere).check("http://127.0.0.1:8080/").unwrap();
    }

    #[tokio::test]
    async fn a_name_that_leads_into_our_own_network_is_not_asked() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost.:{}/", listener.local_addr().unwrap().port());
        let failed = Client::new(Reach::Public).post(&url, &[], "{}".to_owned()).await.unwrap_err();
        assert!(matches!(failed, Failed::Private { .. } | Failed::NoAnswer { .. }), "{failed}");
        assert!(!failed.to_string().contains("127.0.0.1") && !failed.to_string().contains("::1"), "{failed}");
        let nobody = tokio::time::timeout(Duration::from_millis(100), listener.accept()).await;
        assert!(nobody.is_err(), "somebody connected");
    }

    #[tokio::test]
    async fn what_is_sent_arrives_and_redirects_are_not_followed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"{\"a\":1}") {
                let mut some = [0; 1024];
                let read = stream.read(&mut some).await.unwrap();
                request.extend_from_slice(&some[..read]);
            }
            let moved = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(moved.as_bytes()).await.unwrap();
            String::from_utf8(request).unwrap()
        });
        let headers = [("webhook-id", "alert_1".to_owned())];
        let status = Client::new(Reach::Anywhere).post(&url, &headers, "{\"a\":1}".to_owned()).await;
        assert_eq!(status, Ok(302));
        let request = server.await.unwrap();
        assert!(request.starts_with("POST /hook HTTP/1.1\r\n"), "{request}");
        assert!(request.to_ascii_lowercase().contains("webhook-id: alert_1\r\n"), "{request}");
    }
}
