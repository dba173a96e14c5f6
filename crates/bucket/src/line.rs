//! HTTP to the bucket's server: our own `hyper` and `rustls`, in place of a second client.
//!
//! Always: redirects are not followed, proxies not used; TLS believes whom browsers believe.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http_body_util::BodyExt;
use hyper::Method;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use object_store::client::{
    ClientOptions, HttpClient, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse, HttpResponseBody,
    HttpService,
};
use tokio_rustls::rustls::crypto::ring;

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long a server may think before it begins to answer, and where it puts an object together.
const HEAD_LIMIT: Duration = Duration::from_secs(60);
const POST_LIMIT: Duration = Duration::from_secs(600);
const IDLE_LIMIT: Duration = Duration::from_secs(15);

/// Makes the one client of a bucket.
#[derive(Debug)]
pub(crate) struct Connector;

impl object_store::client::HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        let tls = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(Arc::new(ring::default_provider()))
            .map_err(|error| object_store::Error::Generic { store: "S3", source: Box::new(error) })?;
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(CONNECT_LIMIT));
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        let connector = tls.https_or_http().enable_http1().wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_LIMIT)
            .build(connector);
        Ok(HttpClient::new(Line(client)))
    }
}

#[derive(Debug)]
struct Line(Client<HttpsConnector<HttpConnector>, HttpRequestBody>);

#[derive(Debug, thiserror::Error)]
#[error("no answer within {0:?}")]
struct Late(Duration);

#[async_trait]
impl HttpService for Line {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let limit = if request.method() == Method::POST { POST_LIMIT } else { HEAD_LIMIT };
        match tokio::time::timeout(limit, self.0.request(request)).await {
            Err(_) => Err(HttpError::new(HttpErrorKind::Timeout, Late(limit))),
            Ok(Err(error)) => {
                let kind = if error.is_connect() { HttpErrorKind::Connect } else { HttpErrorKind::Interrupted };
                Err(HttpError::new(kind, error))
            }
            Ok(Ok(answer)) => {
                let cut = |error: hyper::Error| HttpError::new(HttpErrorKind::Interrupted, error);
                Ok(answer.map(|body| HttpResponseBody::new(body.map_err(cut))))
            }
        }
    }
}
