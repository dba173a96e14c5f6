//! Which models have a runner.
//!
//! Always: at most `max_runners` processes hold models, and those that are idle hold no more than `resident_bytes` for
//! longer than it takes to end them; a model has one line (its queue and its runner) or none. Where there is no place, or
//! too much is held, the idle runner that is worth least gives up its own; if none is idle, the first that becomes so.
//! What one is worth is how much its model is used lately, times how long it takes to load, for each byte it holds.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::line::{Closed, Line};
use crate::request::Request;
use crate::runners::RunnersConfig;
use crate::spares::Spares;
use crate::{Failure, Load, Model};

#[derive(Debug)]
pub(crate) struct Pool {
    pub(crate) config: Arc<RunnersConfig>,
    pub(crate) spares: Arc<Spares>,
    lines: Mutex<HashMap<[u8; 32], Arc<Line>>>,
    places: Arc<Semaphore>,
    /// Lines that wait for a place and have found no idle one to take it from.
    starving: AtomicUsize,
}

impl Pool {
    pub(crate) fn new(config: Arc<RunnersConfig>, spares: Arc<Spares>) -> Pool {
        let places = Arc::new(Semaphore::new(config.max_runners.clamp(1, Semaphore::MAX_PERMITS)));
        Pool { config, spares, lines: Mutex::default(), places, starving: AtomicUsize::new(0) }
    }

    /// Puts a request into its model's line, which is made if there is none.
    pub(crate) fn submit(self: &Arc<Self>, model: &Model, mut request: Request) -> Result<(), Failure> {
        loop {
            let line = {
                let mut lines = self.lines();
                match lines.get(&model.digest) {
                    Some(line) => Arc::clone(line),
                    None => {
                        let line = Line::open(Arc::clone(self), model.clone(), Some(request));
                        lines.insert(model.digest, line);
                        return Ok(());
                    }
                }
            };
            match line.submit(request) {
                Ok(done) => return done,
                Err(Closed(returned)) => {
                    request = returned;
                    self.forget(&line);
                }
            }
        }
    }

    /// Loads a model that nobody waits for, if nobody else has to go for it.
    pub(crate) fn preload(self: &Arc<Self>, model: &Model) {
        if self.places.available_permits() == 0 || self.held() >= self.config.resident_bytes {
            return;
        }
        let mut lines = self.lines();
        lines.entry(model.digest).or_insert_with(|| Line::open(Arc::clone(self), model.clone(), None));
    }

    /// Takes a closed line out, unless another has its place already.
    pub(crate) fn forget(&self, line: &Arc<Line>) {
        let mut lines = self.lines();
        if lines.get(&line.model().digest).is_some_and(|there| Arc::ptr_eq(there, line)) {
            lines.remove(&line.model().digest);
        }
    }

    /// Waits for leave to start a process.
    pub(crate) async fn place(&self) -> OwnedSemaphorePermit {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return place;
        }
        let _starving = match self.stop_least() {
            true => None,
            false => {
                let starving = Starving::count(&self.starving);
                // One may have become idle before it could see that it is wanted.
                self.stop_least();
                Some(starving)
            }
        };
        Arc::clone(&self.places).acquire_owned().await.expect("the semaphore is never closed")
    }

    /// Whether someone waits for a place, so that the next runner with nothing to do should give up its own.
    pub(crate) fn wants_places(&self) -> bool {
        self.starving.load(Ordering::SeqCst) > 0
    }

    /// Asks the idle line that is worth least to give up its place; it will, now or when it is idle next.
    fn stop_least(&self) -> bool {
        let now = Instant::now();
        let idle: Vec<_> = {
            let lines = self.lines();
            lines.values().filter_map(|line| Some((line.worth(now)?, Arc::clone(line)))).collect()
        };
        match idle.into_iter().min_by(|(one, _), (other, _)| one.total_cmp(other)) {
            Some((_, line)) => {
                line.ask_to_stop();
                true
            }
            None => false,
        }
    }

    /// Lets idle models go while too much is held.
    pub(crate) fn make_room(&self) {
        while self.held() > self.config.resident_bytes && self.stop_least() {}
    }

    fn held(&self) -> u64 {
        self.lines().values().map(|line| line.memory_bytes()).sum()
    }

    pub(crate) fn load(&self) -> Load {
        let mut load = Load {
            max_models: self.config.max_runners as u64,
            max_memory_bytes: self.config.resident_bytes,
            ..Load::default()
        };
        for line in self.lines().values() {
            load.models += u64::from(line.pid().is_some());
            load.memory_bytes += line.memory_bytes();
            load.waiting += line.waiting() as u64;
        }
        load
    }

    pub(crate) fn waiting(&self, digest: &[u8; 32]) -> usize {
        self.lines().get(digest).map_or(0, |line| line.waiting())
    }

    /// The process that holds `digest`, if it is loaded.
    pub(crate) fn pid(&self, digest: &[u8; 32]) -> Option<u32> {
        self.lines().get(digest)?.pid()
    }

    /// Ends every runner, now.
    pub(crate) fn close(&self) {
        for (_, line) in self.lines().drain() {
            line.abort();
        }
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<[u8; 32], Arc<Line>>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts itself while it lives, so that a future that is dropped is no longer counted.
struct Starving<'a>(&'a AtomicUsize);

impl Starving<'_> {
    fn count(starving: &AtomicUsize) -> Starving<'_> {
        starving.fetch_add(1, Ordering::SeqCst);
        Starving(starving)
    }
}

impl Drop for Starving<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
