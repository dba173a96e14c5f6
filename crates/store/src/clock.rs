//! Where the time comes from: the system, or a test's hand.

use std::sync::atomic::{AtomicI64, Ordering};

use ledger::Time;

pub trait Clock: Send + Sync + std::fmt::Debug {
    fn now(&self) -> Time;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct System;

impl Clock for System {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> Time {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Time(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct Manual(AtomicI64);

impl Manual {
    pub fn at(time: Time) -> Manual {
        Manual(AtomicI64::new(time.0))
    }

    pub fn advance_ms(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for Manual {
    fn now(&self) -> Time {
        Time(self.0.load(Ordering::Relaxed))
    }
}
