//! Runs models.
//!
//! The hub's side: [`Engine`], what the use cases call, and [`Runners`], which keeps one runner process per model and
//! speaks to it over a socket. The runner's side: [`runner::serve`], the main loop of the hidden subcommand, and
//! [`Backend`], one model format (`engine-onnx` has the first).
//!
//! Always: a call ends, with an answer or a [`Failure`], soon after its deadline at the latest, whatever the model
//! does; the hub never goes down with a runner; what a runner says is checked as if an attacker had written it, and an
//! answer is handed on only if it keeps to the model's signature. No runner outlives its hub.
//!
//! A runner is locked in (`sandbox.rs`) before it reads a model.
//!
//! Absent on purpose: money, users, the database, HTTP. Not here yet: memfds for large tensors (their place is
//! `frame.rs`), small models that share a process.
//!
//! A model may run on another server instead ([`Remote`]); `engine-remote` speaks to it, and knows HTTP.
//!
//! To add a format: a crate `engine-NAME` that implements [`Backend`] and [`Session`], and its name in the command
//! line's `runner` subcommand.

use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tensor::{Signature, Tensor};

mod backend;
pub mod batch;
mod failure;
#[cfg(feature = "fake")]
pub mod fake;
mod frame;
#[cfg(test)]
mod fuzz;
mod line;
mod pool;
mod process;
mod queue;
mod remote;
mod request;
pub mod runner;
mod runners;
mod sandbox;
mod spares;
mod trial;
mod worth;

pub use backend::{Backend, Session};
pub use failure::{Absence, Away, Death, Failure, Unavailable, clean};
pub use frame::{MAX_CALL, check_signature};
pub use remote::Remote;
pub use request::timed_out;
pub use runners::{Here, Runners, RunnersConfig, Sandbox, Weights};
pub use sandbox::Protections;

/// Runs models, from the hub's side.
#[async_trait]
pub trait Engine: Send + Sync + Debug {
    /// What runs the models, or why nothing can. The first call after a change may take as long as a runner's start.
    fn status(&self) -> Result<EngineInfo, Unavailable>;

    /// Whether `model` could be run now, as far as is known without running it.
    fn ready(&self, _model: &Model) -> Result<(), Failure> {
        Ok(self.status().map(drop)?)
    }

    /// Runs `model` once. The time spent waiting counts; at the deadline the call has failed. Dropped, it leaves nothing
    /// behind.
    async fn run(&self, model: &Model, call: Call) -> Result<Ran, Failure>;

    /// Whether a call of `model` would find it loaded; none where that is not known, as of another server's models.
    fn loaded(&self, _model: &Model) -> Option<bool> {
        None
    }

    /// What is held and what waits at this moment; none where that is not known.
    fn load(&self) -> Option<Load> {
        None
    }

    /// Loads `model` before anybody calls it, if there is room for it. Needs a tokio runtime around it.
    fn preload(&self, model: &Model);

    /// Loads `model` in a runner of its own that nobody else uses: the dry run of a publish.
    async fn trial(&self, model: &Model, deadline: Instant) -> Result<Box<dyn Trial>, Failure>;

    /// The same for what nobody waits for: in a runner that was started for it, which gives way to all others and takes
    /// no place of a trial's.
    async fn aside(&self, model: &Model, deadline: Instant) -> Result<Box<dyn Trial>, Failure> {
        self.trial(model, deadline).await
    }
}

/// What an engine holds and what waits for it, at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Models that are loaded, and how many there may be.
    pub models: u64,
    pub max_models: u64,
    /// What they hold of memory, and what they may hold while they are idle.
    pub memory_bytes: u64,
    pub max_memory_bytes: u64,
    /// Calls that wait, those that were sent to their models not counted.
    pub waiting: u64,
}

/// One model in a runner of its own, which ends when this is dropped.
#[async_trait]
pub trait Trial: Send + Debug {
    /// What the model takes and gives.
    fn signature(&self) -> &Signature;

    /// How long loading took, the runner's start not counted.
    fn load_ms(&self) -> u64;

    /// What the runner holds in memory once the model is loaded.
    fn memory_bytes(&self) -> u64;

    /// Runs the model once, as [`Engine::run`] does. After `TimedOut` or `Died` the trial is over and every further run
    /// answers `Died`.
    async fn run(&mut self, inputs: Vec<Tensor>, deadline: Instant) -> Result<Ran, Failure>;
}

/// A model as the engine sees it: bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Names the model among those that are loaded: the same digest is the same model.
    pub digest: [u8; 32],
    /// A blob of the hub. The hub opens it and hands the runner its descriptor; the runner opens no path. Unread where
    /// another server runs the model.
    pub weights: PathBuf,
    /// Calls share a run as long as their first axes come to no more than this; 1: each has its own.
    pub batch_rows: u64,
    /// The server that runs it; none: it runs here.
    pub remote: Option<Arc<Remote>>,
}

/// One call of a model.
#[derive(Debug, Clone)]
pub struct Call {
    pub inputs: Vec<Tensor>,
    pub deadline: Instant,
    /// Callers take turns where calls wait.
    pub caller: [u8; 16],
}

/// What a run gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Ran {
    /// All outputs of the model, checked against its signature.
    pub outputs: Vec<Tensor>,
    /// From acceptance to answer, less `engine_us`: waiting, loading and the hop to the runner.
    pub queue_us: u64,
    /// How long the model ran, as the runner measured it.
    pub engine_us: u64,
    /// Whether the call had to wait for the model to be loaded.
    pub cold: bool,
}

/// What runs the models.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineInfo {
    /// The runtime's name, `onnxruntime`.
    pub name: String,
    /// The runtime's version, `1.32.0`.
    pub version: String,
}
