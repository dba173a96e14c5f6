//! A hub for tests: `alice` owns models, `bob` calls them.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use bytes::Bytes;
use engine::fake::{Behaviour, Fake};
use http_body_util::BodyExt;
use ledger::Time;
use registry::Digest;
use serde_json::{Value, json};
use store::{Blobs, Manual, MemoryBooks, SqliteCatalog};
use tensor::{DataType, Port, Signature};
use tower::ServiceExt;

pub(crate) struct TestHub {
    pub(crate) hub: hub::Hub,
    pub(crate) router: Router,
    pub(crate) engine: Fake,
    pub(crate) outbox: Arc<testkit::Outbox>,
    pub(crate) clock: Arc<Manual>,
    pub(crate) operator: String,
    pub(crate) alice: String,
    pub(crate) bob: String,
    _folder: tempfile::TempDir,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: HeaderMap,
}

/// A request in the making.
pub(crate) struct Asking<'a> {
    hub: &'a TestHub,
    request: axum::http::request::Builder,
    body: Body,
}

pub(crate) fn port(name: &str, datatype: DataType, shape: &[Option<u64>]) -> Port {
    Port { name: name.to_owned(), datatype, shape: shape.to_vec() }
}

pub(crate) fn iris() -> Signature {
    Signature {
        inputs: vec![port("x", DataType::Fp32, &[None, Some(2)])],
        outputs: vec![port("y", DataType::Fp32, &[None, Some(2)])],
    }
}

/// A body that fits [`iris`].
pub(crate) fn fitting() -> Value {
    json!({"id": "r-1", "inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1.5, 2]}]})
}

impl TestHub {
    /// A hub with nothing in it but its operator, alice and bob, who have no money.
    pub(crate) async fn empty() -> TestHub {
        TestHub::with(Fake::new(iris(), Behaviour::Echo)).await
    }

    pub(crate) async fn with(engine: Fake) -> TestHub {
        TestHub::checking(engine, hub::Checking::NOTHING).await
    }

    /// The same, and it checks by itself.
    pub(crate) async fn checking(engine: Fake, checking: hub::Checking) -> TestHub {
        let folder = tempfile::tempdir().unwrap();
        let outbox = Arc::new(testkit::Outbox::default());
        let clock = Arc::new(Manual::at(Time(1_795_428_000_000)));
        let hub = hub::Hub::start(hub::Parts {
            books: Arc::new(MemoryBooks::new(clock.clone())),
            catalog: Arc::new(SqliteCatalog::in_memory().unwrap()),
            blobs: Blobs::open(folder.path()).unwrap(),
            engine: Arc::new(engine.clone()),
            clock: clock.clone(),
            signer: receipt::Signer::from_bytes(&[7; 32]).unwrap(),
            hub_id: receipt::HubId::new([9; 32]),
            deposit_secret: testkit::DEPOSIT_SECRET.parse().unwrap(),
            outbound: outbox.clone(),
            index: search::Index::in_memory(),
            options: hub::Options {
                dev: false,
                public_url: "https://hub.example".to_owned(),
                name: "Test Hub".to_owned(),
                checking,
                storing: hub::Storing::default(),
                registration: hub::Registration::Open,
                trusted_proxies: Vec::new(),
            },
        })
        .await
        .unwrap();
        let operator = hub.create_operator().await.unwrap().unwrap().secret;
        let router = server::router(hub.clone());
        let (alice, bob) = (String::new(), String::new());
        let mut test = TestHub { hub, router, engine, outbox, clock, operator, alice, bob, _folder: folder };
        test.alice = test.account("alice").await;
        test.bob = test.account("bob").await;
        test
    }

    /// A hub with `alice/iris` at this price.
    pub(crate) async fn selling(price: &str) -> TestHub {
        let hub = TestHub::empty().await;
        hub.publish("alice/iris", &format!("modelhub: {{ price: {{ per_call: \"{price}\" }} }}")).await;
        hub
    }

    /// The same, and bob has 1 OPG in cash.
    pub(crate) async fn ready() -> TestHub {
        let hub = TestHub::selling("0.002 OPG").await;
        hub.deposit("bob", "1").await;
        hub
    }

    pub(crate) async fn account(&self, handle: &str) -> String {
        let answer = self.post("/api/v1/admin/accounts").key(&self.operator).json(&json!({"handle": handle})).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()["key"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn deposit(&self, handle: &str, amount: &str) {
        let body = json!({"handle": handle, "amount": amount, "reference": "test"});
        let answer = self.post("/api/v1/admin/deposits").key(&self.operator).json(&body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    pub(crate) async fn upload(&self, bytes: &[u8]) -> Value {
        let digest = Digest::of(bytes);
        let path = format!("/api/v1/uploads/alice/{digest}");
        let asking = self.ask("PUT", &path).key(&self.alice).header("content-length", &bytes.len().to_string());
        let answer = asking.body(bytes.to_vec()).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()
    }

    /// Publishes a folder of a model and a card with this front matter; the stream's lines.
    pub(crate) async fn try_publish(&self, model: &str, front_matter: &str) -> Answer {
        let card = format!("---\n{front_matter}\nlicense: mit\n---\n# Iris\n\nTells <b>irises</b> apart.\n");
        let mut files = Vec::new();
        for (path, bytes) in [("model.onnx", format!("weights of {model}")), ("README.md", card)] {
            let Value::Object(mut file) = self.upload(bytes.as_bytes()).await else { panic!("an object") };
            file.insert("path".to_owned(), path.into());
            files.push(file);
        }
        self.post("/api/v1/publish").key(&self.alice).json(&json!({"model": model, "files": files})).await
    }

    pub(crate) async fn publish(&self, model: &str, front_matter: &str) {
        let answer = self.try_publish(model, front_matter).await;
        assert!(answer.text().contains("\"sealed\":true"), "{}", answer.text());
    }

    pub(crate) fn ask(&self, method: &str, path: &str) -> Asking<'_> {
        Asking { hub: self, request: Request::builder().method(method).uri(path), body: Body::empty() }
    }

    pub(crate) fn get(&self, path: &str) -> Asking<'_> {
        self.ask("GET", path)
    }

    pub(crate) fn post(&self, path: &str) -> Asking<'_> {
        self.ask("POST", path)
    }

    /// A call of `alice/iris` by bob.
    pub(crate) fn call(&self) -> Asking<'_> {
        self.post("/v2/models/alice/iris/infer").key(&self.bob)
    }

    pub(crate) async fn cash(&self, key: &str) -> String {
        self.get("/api/v1/balance").key(key).send().await.json()["cash"].as_str().unwrap().to_owned()
    }
}

impl<'a> Asking<'a> {
    pub(crate) fn key(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// From this address, over a connection of its own.
    pub(crate) fn from(mut self, address: &str) -> Self {
        let peer = std::net::SocketAddr::new(address.parse().unwrap(), 40_000);
        self.request = self.request.extension(axum::extract::ConnectInfo(peer));
        self
    }

    pub(crate) fn json(self, body: &Value) -> impl Future<Output = Answer> + use<'a> {
        self.body(body.to_string())
    }

    pub(crate) async fn body(mut self, body: impl Into<Body>) -> Answer {
        self.body = body.into();
        self.send().await
    }

    pub(crate) async fn send(self) -> Answer {
        let response = self.hub.router.clone().oneshot(self.request.body(self.body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap();
        let trailers = body.trailers().cloned().unwrap_or_default();
        Answer { status: parts.status, headers: parts.headers, body: body.to_bytes(), trailers }
    }
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status, code and message: what a refusal is.
    pub(crate) fn refused(&self, status: u16, code: &str, message: &str) {
        let body = self.json();
        let (told, word) = match &body["error"] {
            Value::String(text) => (text.as_str(), body["code"].as_str()),
            error => (error["message"].as_str().unwrap_or(""), error["code"].as_str()),
        };
        assert_eq!((self.status.as_u16(), word), (status, Some(code)), "{}", self.text());
        assert!(told.contains(message), "{told:?} does not say {message:?}");
        assert_eq!(self.header("cache-control"), "no-store");
        assert_eq!(self.header("content-type"), "application/json");
    }
}
