//! Runners that have opened the runtime, locked themselves in, and hold no model yet: a cold call waits for the load
//! alone.
//!
//! Always: a spare is of the library as it is now; one that is taken is replaced behind the back of who took it; none is
//! made before the first runner was needed.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::process::{Greeted, greet};
use crate::runners::RunnersConfig;

/// What changes when a file is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    modified: Option<SystemTime>,
    size_bytes: u64,
}

impl Stamp {
    pub(crate) fn of(path: &Path) -> std::io::Result<Stamp> {
        let file = std::fs::metadata(path)?;
        Ok(Stamp { modified: file.modified().ok(), size_bytes: file.len() })
    }
}

#[derive(Debug)]
pub(crate) struct Spares {
    config: Arc<RunnersConfig>,
    ready: Mutex<Vec<(Stamp, Greeted)>>,
    /// Somebody is making more.
    making: AtomicBool,
    closed: AtomicBool,
}

impl Spares {
    pub(crate) fn new(config: Arc<RunnersConfig>) -> Spares {
        Spares { config, ready: Mutex::default(), making: AtomicBool::new(false), closed: AtomicBool::new(false) }
    }

    /// A runner without a model, if one is there. Another is made in its place.
    pub(crate) fn take(self: &Arc<Self>) -> Option<Greeted> {
        let spare = self.pop();
        self.refill();
        spare
    }

    fn pop(&self) -> Option<Greeted> {
        let now = Stamp::of(&self.config.library).ok()?;
        let mut ready = self.ready();
        // The others are of a library that was replaced, or have died of something: dropped, they are gone.
        while let Some((stamp, spare)) = ready.pop() {
            if stamp == now && spare.process.is_alive() {
                return Some(spare);
            }
        }
        None
    }

    /// Makes what is missing, one after the other. What fails is told to who needs a runner, not here.
    fn refill(self: &Arc<Self>) {
        if self.config.spare_runners == 0 || self.making.swap(true, Ordering::SeqCst) {
            return;
        }
        let spares = Arc::clone(self);
        tokio::spawn(async move {
            while !spares.closed.load(Ordering::SeqCst) && spares.ready().len() < spares.config.spare_runners {
                let Ok(stamp) = Stamp::of(&spares.config.library) else { break };
                let Ok(greeted) = greet(&spares.config).await else { break };
                spares.ready().push((stamp, greeted));
            }
            spares.making.store(false, Ordering::SeqCst);
            if spares.closed.load(Ordering::SeqCst) {
                spares.ready().clear();
            }
        });
    }

    pub(crate) fn count(&self) -> usize {
        self.ready().len()
    }

    /// Ends them all.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.ready().clear();
    }

    fn ready(&self) -> MutexGuard<'_, Vec<(Stamp, Greeted)>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
