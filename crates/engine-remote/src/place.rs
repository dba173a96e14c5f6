//! What is known of a model on its server: whether it answers, how many calls are there, what it understands.
//!
//! Always: a probe that is given up counts as one that failed; only so many calls are there at a time, and only so many
//! wait for their turn.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use engine::{Absence, Away, Failure, Remote};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::breaker::{Admitted, Breaker, LeftAlone};

/// Most calls of one model that its server is asked at a time.
pub(crate) const MAX_ASKED: usize = 64;
/// Most calls of one model that wait for that.
pub(crate) const MAX_WAITING: usize = 256;
/// Most models that are remembered; those that nobody calls are forgotten first.
const MAX_PLACES: usize = 10_000;

#[derive(Debug, Default)]
pub(crate) struct Places(Mutex<HashMap<String, Arc<Place>>>);

impl Places {
    pub(crate) fn of(&self, remote: &Remote) -> Arc<Place> {
        let Remote { url, model, version, .. } = remote;
        let key = format!("{url}\n{model}\n{}", version.as_deref().unwrap_or_default());
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if places.len() >= MAX_PLACES && !places.contains_key(&key) {
            places.retain(|_, place| Arc::strong_count(place) > 1);
        }
        Arc::clone(places.entry(key).or_default())
    }
}

#[derive(Debug)]
pub(crate) struct Place {
    breaker: Mutex<Breaker>,
    turns: Semaphore,
    waiting: AtomicUsize,
    /// Whether it takes tensors as they lie in memory; none: it has not been asked.
    binary: Mutex<Option<bool>>,
}

impl Default for Place {
    fn default() -> Place {
        Place {
            breaker: Mutex::new(Breaker::new()),
            turns: Semaphore::new(MAX_ASKED),
            waiting: AtomicUsize::new(0),
            binary: Mutex::default(),
        }
    }
}

impl Place {
    /// Whether a call would be sent; changes nothing.
    pub(crate) fn look(&self, remote: &Remote, now: Instant) -> Result<(), Failure> {
        self.breaker().look(now).map_err(|left| left_alone(remote, left))
    }

    /// A turn among the calls of this model.
    pub(crate) async fn turn(&self) -> Result<SemaphorePermit<'_>, Failure> {
        if let Ok(turn) = self.turns.try_acquire() {
            return Ok(turn);
        }
        let waiting = Waiting(&self.waiting);
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        if before >= MAX_WAITING {
            return Err(Failure::Busy { waiting: before, limit: MAX_WAITING });
        }
        let turn = self.turns.acquire().await;
        drop(waiting);
        Ok(turn.expect("the semaphore is never closed"))
    }

    /// Lets a call through. With a probe, the caller has to find out first whether the server is back.
    pub(crate) fn admit(&self, remote: &Remote) -> Result<Option<Probe<'_>>, Failure> {
        match self.breaker().admit(Instant::now()) {
            Ok(Admitted::Call) => Ok(None),
            Ok(Admitted::Probe) => Ok(Some(Probe { place: self, back: false })),
            Err(left) => Err(left_alone(remote, left)),
        }
    }

    pub(crate) fn answered(&self) {
        self.breaker().answered();
    }

    pub(crate) fn failed(&self) {
        self.breaker().failed(Instant::now());
        // It may come back as another.
        self.understands(None);
    }

    pub(crate) fn binary(&self) -> Option<bool> {
        *self.binary.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn understands(&self, binary: Option<bool>) {
        *self.binary.lock().unwrap_or_else(PoisonError::into_inner) = binary;
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts one that waits until it is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The right to find out whether a server is back. Dropped without a word, it was not.
#[derive(Debug)]
pub(crate) struct Probe<'a> {
    place: &'a Place,
    back: bool,
}

impl Probe<'_> {
    pub(crate) fn back(mut self) {
        self.back = true;
    }
}

impl Drop for Probe<'_> {
    fn drop(&mut self) {
        let mut breaker = self.place.breaker();
        if self.back { breaker.back() } else { breaker.not_back(Instant::now()) }
    }
}

fn left_alone(remote: &Remote, LeftAlone { failures, wait }: LeftAlone) -> Failure {
    let how = Absence::LeftAlone { failures };
    Failure::Away(Away { host: remote.host.clone(), how, retry_after: Some(wait) })
}
