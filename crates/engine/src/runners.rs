//! The engine of the hub: models in runner processes.
//!
//! Always: dropped, it has killed every runner. Needs a tokio runtime around `run` and `trial`.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tensor::Tensor;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::pool::Pool;
use crate::process::Started;
use crate::request::{Request, timed_out};
use crate::spares::{Spares, Stamp};
use crate::trial::Alone;
use crate::{
    Call, Death, Engine, EngineInfo, Failure, Load, Model, Protections, Ran, Trial, Unavailable, frame, process,
};

/// How runners are started and how many there may be.
#[derive(Debug, Clone)]
pub struct RunnersConfig {
    /// The program that is a runner: our own binary.
    pub program: PathBuf,
    /// What makes it one: the hidden subcommand. `--library` with the library's path, `--memory` with bytes and, where
    /// it is not to lock itself in, `--open` are put behind it.
    pub args: Vec<OsString>,
    /// The runtime's shared library.
    pub library: PathBuf,
    /// Most processes that hold models, 1 at least; those of trials, one of the hub's own checks, and spare ones come on
    /// top.
    pub max_runners: usize,
    /// How many runners without a model are kept at hand.
    pub spare_runners: usize,
    /// What models may hold of memory together, as far as none of them is at work.
    pub resident_bytes: u64,
    /// Most trials at a time; the next one waits.
    pub max_trials: usize,
    /// Most calls that wait for one model; those its runner has been sent come on top.
    pub queue_limit: usize,
    /// How long the start of a runner and the loading of its model may take.
    pub load_limit_ms: u64,
    /// Whether runners may write to the hub's standard error.
    pub log: bool,
    pub sandbox: Sandbox,
    /// What a runner may have of memory on top of what its runtime has.
    pub memory_bytes: u64,
    /// How the hub opens a model's file.
    pub weights: Arc<dyn Weights>,
}

/// The files of models. Opening one may take its time: it may have to be brought here.
pub trait Weights: std::fmt::Debug + Send + Sync {
    fn open(&self, path: &Path) -> io::Result<File>;
}

/// Files that are where they say.
#[derive(Debug, Clone, Copy, Default)]
pub struct Here;

impl Weights for Here {
    fn open(&self, path: &Path) -> io::Result<File> {
        File::open(path)
    }
}

/// Whether runners lock themselves in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sandbox {
    /// Nothing is run where the kernel cannot do all of it.
    Required,
    /// As far as the kernel can.
    IfPossible,
    /// Not at all: for tests that show what it is for, and for toys.
    Off,
}

impl RunnersConfig {
    /// The usual limits.
    pub fn new(program: impl Into<PathBuf>, args: Vec<OsString>, library: impl Into<PathBuf>) -> RunnersConfig {
        RunnersConfig {
            program: program.into(),
            args,
            library: library.into(),
            max_runners: 128,
            spare_runners: 2,
            resident_bytes: 4 * 1024 * 1024 * 1024,
            max_trials: 2,
            queue_limit: 256,
            load_limit_ms: 60_000,
            log: false,
            sandbox: Sandbox::Required,
            memory_bytes: 8 * 1024 * 1024 * 1024,
            weights: Arc::new(Here),
        }
    }
}

/// Runs models in processes of their own.
#[derive(Debug)]
pub struct Runners {
    config: Arc<RunnersConfig>,
    spares: Arc<Spares>,
    pool: Arc<Pool>,
    trials: Arc<Semaphore>,
    /// One of those that nobody waits for, at a time.
    aside: Arc<Semaphore>,
    probe: Mutex<Option<Probed>>,
}

/// What the last look at the library found.
#[derive(Debug)]
struct Probed {
    stamp: Stamp,
    at: Instant,
    found: Result<(EngineInfo, Protections), Unavailable>,
}

/// How long a failed look counts for an unchanged library: it may have failed for want of memory or processes.
const DOUBT: Duration = Duration::from_secs(5);

impl Runners {
    /// Starts nothing yet.
    pub fn new(config: RunnersConfig) -> Runners {
        let config = Arc::new(config);
        let spares = Arc::new(Spares::new(Arc::clone(&config)));
        Runners {
            pool: Arc::new(Pool::new(Arc::clone(&config), Arc::clone(&spares))),
            spares,
            aside: Arc::new(Semaphore::new(1)),
            trials: Arc::new(Semaphore::new(config.max_trials.clamp(1, Semaphore::MAX_PERMITS))),
            probe: Mutex::default(),
            config,
        }
    }

    /// What the engine is, and which protections its runners have on this machine.
    ///
    /// Looks at the library each time; starts a runner, and waits for its first word, only when the file is new.
    pub fn probe(&self) -> Result<(EngineInfo, Protections), Unavailable> {
        let stamp = match Stamp::of(&self.config.library) {
            Ok(stamp) => stamp,
            Err(error) => {
                let reason = format!("{}: {error}", self.config.library.display());
                return Err(Unavailable { reason, hint: process::HINT });
            }
        };
        let mut probe = self.probe.lock().unwrap_or_else(PoisonError::into_inner);
        match &*probe {
            Some(probed) if probed.stamp == stamp && (probed.found.is_ok() || probed.at.elapsed() < DOUBT) => {
                probed.found.clone()
            }
            _ => {
                let found = process::probe(&self.config);
                *probe = Some(Probed { stamp, at: Instant::now(), found: found.clone() });
                found
            }
        }
    }

    /// How many runners without a model are at hand.
    pub fn spares(&self) -> usize {
        self.spares.count()
    }

    /// How many calls wait for `model`, those its runner has been sent not counted.
    pub fn waiting(&self, model: &Model) -> usize {
        self.pool.waiting(&model.digest)
    }

    /// The process that holds `model`, for tests that kill it.
    #[doc(hidden)]
    pub fn runner_pid(&self, model: &Model) -> Option<u32> {
        self.pool.pid(&model.digest)
    }
}

#[async_trait]
impl Engine for Runners {
    fn status(&self) -> Result<EngineInfo, Unavailable> {
        self.probe().map(|(info, _)| info)
    }

    async fn run(&self, model: &Model, call: Call) -> Result<Ran, Failure> {
        let accepted = Instant::now();
        check(&call.inputs, accepted, call.deadline)?;
        let (request, answer) = Request::new(call, accepted);
        self.pool.submit(model, request)?;
        answer.await.unwrap_or(Err(Failure::Died { how: Death::Stopped }))
    }

    fn loaded(&self, model: &Model) -> Option<bool> {
        Some(self.pool.pid(&model.digest).is_some())
    }

    fn load(&self) -> Option<Load> {
        Some(self.pool.load())
    }

    fn preload(&self, model: &Model) {
        self.pool.preload(model);
    }

    async fn trial(&self, model: &Model, deadline: Instant) -> Result<Box<dyn Trial>, Failure> {
        alone(&self.trials, deadline, |place| process::start(&self.spares, &self.config, &model.weights, place)).await
    }

    async fn aside(&self, model: &Model, deadline: Instant) -> Result<Box<dyn Trial>, Failure> {
        alone(&self.aside, deadline, |place| process::start_last(&self.config, &model.weights, place)).await
    }
}

/// A runner of its own, once there is a place for it.
async fn alone<F: Future<Output = Result<Started, Failure>>>(
    places: &Arc<Semaphore>,
    deadline: Instant,
    start: impl FnOnce(OwnedSemaphorePermit) -> F,
) -> Result<Box<dyn Trial>, Failure> {
    let accepted = Instant::now();
    check(&[], accepted, deadline)?;
    let started = async {
        let place = Arc::clone(places).acquire_owned().await.expect("the semaphore is never closed");
        start(place).await
    };
    match tokio::time::timeout_at(deadline.into(), started).await {
        Ok(started) => Ok(Box::new(Alone::new(started?))),
        Err(_) => Err(timed_out(accepted, deadline)),
    }
}

/// Refuses what need not be tried.
pub(crate) fn check(inputs: &[Tensor], accepted: Instant, deadline: Instant) -> Result<(), Failure> {
    let bytes = frame::size_of(inputs);
    if bytes > frame::MAX_CALL {
        return Err(Failure::TooLarge { bytes, limit: frame::MAX_CALL });
    }
    if deadline <= accepted {
        return Err(timed_out(accepted, deadline));
    }
    Ok(())
}

impl Drop for Runners {
    fn drop(&mut self) {
        self.spares.close();
        self.pool.close();
    }
}
