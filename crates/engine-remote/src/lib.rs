//! Models that other servers run: the hub meters, splits and proves, their owner keeps the weights.
//!
//! [`Anywhere`] is the hub's engine where both kinds exist: what lies here runs here, what lies elsewhere is asked for
//! over the Open Inference Protocol by [`Remotes`].
//!
//! Always: a call ends, with an answer or a [`Failure`], soon after its deadline at the latest, whatever the server does;
//! what it says is checked as if an attacker had written it; no thread waits for it. A server that fails again and again
//! is left alone for a while (`breaker.rs`). A call that got no answer is sent once more at most: it may run twice there,
//! and is charged once at most, because nothing is charged before an answer has come.
//!
//! Absent on purpose: where requests may lead (that is `outbound`'s), money, users, the database. What the server really
//! runs cannot be known.

mod breaker;
mod call;
mod place;
mod trial;
mod wire;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use engine::{Call, Engine, EngineInfo, Failure, Load, Model, Ran, Remote, Trial, Unavailable};
use outbound::Client;

use place::Places;

/// Signs requests, so that a server can refuse everybody but the hub.
#[async_trait]
pub trait Sign: Send + Sync + Debug {
    /// Headers that go with a body to a server of `owner`'s; none if the owner has nothing to sign with.
    async fn sign(&self, owner: [u8; 16], body: &[u8]) -> Result<Vec<(&'static str, String)>, String>;
}

/// Runs models where they are.
#[derive(Debug)]
pub struct Anywhere {
    here: Arc<dyn Engine>,
    elsewhere: Remotes,
}

impl Anywhere {
    pub fn new(here: Arc<dyn Engine>, elsewhere: Remotes) -> Anywhere {
        Anywhere { here, elsewhere }
    }
}

#[async_trait]
impl Engine for Anywhere {
    /// Of what runs here: other servers need nothing of it.
    fn status(&self) -> Result<EngineInfo, Unavailable> {
        self.here.status()
    }

    fn ready(&self, model: &Model) -> Result<(), Failure> {
        match &model.remote {
            None => self.here.ready(model),
            Some(remote) => self.elsewhere.ready(remote),
        }
    }

    async fn run(&self, model: &Model, call: Call) -> Result<Ran, Failure> {
        match &model.remote {
            None => self.here.run(model, call).await,
            Some(remote) => self.elsewhere.run(remote, call).await,
        }
    }

    fn loaded(&self, model: &Model) -> Option<bool> {
        if model.remote.is_none() { self.here.loaded(model) } else { None }
    }

    /// Of what runs here.
    fn load(&self) -> Option<Load> {
        self.here.load()
    }

    fn preload(&self, model: &Model) {
        if model.remote.is_none() {
            self.here.preload(model);
        }
    }

    async fn trial(&self, model: &Model, deadline: Instant) -> Result<Box<dyn Trial>, Failure> {
        match &model.remote {
            None => self.here.trial(model, deadline).await,
            Some(remote) => self.elsewhere.trial(remote, deadline).await,
        }
    }

    async fn aside(&self, model: &Model, deadline: Instant) -> Result<Box<dyn Trial>, Failure> {
        match &model.remote {
            None => self.here.aside(model, deadline).await,
            Some(remote) => self.elsewhere.trial(remote, deadline).await,
        }
    }
}

/// The servers that run models. Cheap to clone; clones know of the same servers.
#[derive(Debug, Clone)]
pub struct Remotes {
    client: Client,
    sign: Option<Arc<dyn Sign>>,
    places: Arc<Places>,
}

impl Remotes {
    pub fn new(client: Client, sign: Option<Arc<dyn Sign>>) -> Remotes {
        Remotes { client, sign, places: Arc::default() }
    }

    /// Whether the server is asked at present. Nothing is sent.
    pub fn ready(&self, remote: &Remote) -> Result<(), Failure> {
        self.places.of(remote).look(remote, Instant::now())
    }
}
