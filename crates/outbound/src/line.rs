//! Connections: where they may lead, how they are made, and those that are kept for the next request.
//!
//! Always: the address that is connected to is the one that was looked at; a connection ends with what holds it.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::target::Target;
use crate::{Failed, Reach, told};

/// How long one address of a name may keep us waiting before the next one is tried.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// The most addresses of a name that are tried.
const MAX_ADDRESSES: usize = 8;
/// Most bytes of an answer's head.
const MAX_HEAD: usize = 16 * 1024;
const MAX_HEADERS: usize = 100;

/// How long a connection that nobody uses is kept: servers close theirs after a few seconds.
const IDLE_LIMIT: Duration = Duration::from_secs(15);
/// Most connections that are kept to one server, and to all.
const MAX_IDLE_EACH: usize = 16;
const MAX_IDLE: usize = 256;

/// One connection.
pub(crate) struct Line {
    pub(crate) sender: http1::SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Connections that nobody uses, by where they lead, and since when.
type Idle = HashMap<String, Vec<(Line, Instant)>>;

/// What connections are made with.
#[derive(Clone)]
pub(crate) struct Lines {
    reach: Reach,
    tls: TlsConnector,
    idle: Arc<Mutex<Idle>>,
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").field("reach", &self.reach).finish_non_exhaustive()
    }
}

impl Lines {
    pub(crate) fn new(reach: Reach) -> Lines {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has the versions of TLS that rustls has")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Lines { reach, tls: TlsConnector::from(Arc::new(config)), idle: Arc::default() }
    }

    /// A connection that was kept, if one is left that works.
    pub(crate) async fn kept(&self, target: &Target) -> Option<Line> {
        loop {
            let (mut line, since) = self.idle().get_mut(&target.origin)?.pop()?;
            if since.elapsed() < IDLE_LIMIT && line.sender.ready().await.is_ok() {
                return Some(line);
            }
        }
    }

    /// Keeps a connection whose answer has been read, if there is room for it.
    pub(crate) fn keep(&self, target: &Target, line: Line) {
        if line.sender.is_closed() {
            return;
        }
        let mut idle = self.idle();
        let now = Instant::now();
        idle.retain(|_, lines| {
            lines.retain(|(line, since)| now.duration_since(*since) < IDLE_LIMIT && !line.sender.is_closed());
            !lines.is_empty()
        });
        if idle.values().map(Vec::len).sum::<usize>() < MAX_IDLE {
            let lines = idle.entry(target.origin.clone()).or_default();
            if lines.len() < MAX_IDLE_EACH {
                lines.push((line, now));
            }
        }
    }

    /// A new connection.
    pub(crate) async fn connect(&self, target: &Target) -> Result<Line, Failed> {
        let stream = self.reach_out(target).await?;
        if !target.https {
            return shake_hands(stream).await;
        }
        let unfit = |reason: String| Failed::NoAnswer { reason };
        let name = ServerName::try_from(target.host.clone()).map_err(|error| unfit(told(&error)))?;
        shake_hands(self.tls.connect(name, stream).await.map_err(|error| unfit(told(&error)))?).await
    }

    /// Looks the name up, and connects to nothing that is not to be asked.
    async fn reach_out(&self, target: &Target) -> Result<TcpStream, Failed> {
        let failed = |error: std::io::Error| Failed::NoAnswer { reason: told(&error) };
        let addresses: Vec<SocketAddr> = match target.host.parse::<IpAddr>() {
            Ok(address) => vec![(address, target.port).into()],
            Err(_) => tokio::net::lookup_host((target.host.as_str(), target.port)).await.map_err(failed)?.collect(),
        };
        // One that is private is enough: whoever mixes them is up to something.
        addresses.iter().try_for_each(|address| self.reach.admits(&target.host, address.ip()))?;
        let mut last = Failed::NoAnswer { reason: "the name has no address".to_owned() };
        for address in addresses.into_iter().take(MAX_ADDRESSES) {
            match tokio::time::timeout(CONNECT_LIMIT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    stream.set_nodelay(true).map_err(failed)?;
                    return Ok(stream);
                }
                Ok(Err(error)) => last = failed(error),
                Err(_) => last = Failed::NoAnswer { reason: format!("no connection within {CONNECT_LIMIT:?}") },
            }
        }
        Err(last)
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn shake_hands(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Result<Line, Failed> {
    let mut builder = http1::Builder::new();
    builder.max_buf_size(MAX_HEAD).max_headers(MAX_HEADERS);
    let (sender, connection) =
        builder.handshake(TokioIo::new(stream)).await.map_err(|error| Failed::NoAnswer { reason: told(&error) })?;
    let driver = tokio::spawn(async move {
        // How it ended is told to whoever waits for an answer.
        let _ = connection.await;
    });
    Ok(Line { sender, driver })
}
