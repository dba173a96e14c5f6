//! What it is worth to keep a model in memory.

use std::time::Instant;

/// What a model takes to be there: known once it was loaded.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    pub(crate) load_ms: u64,
    pub(crate) memory_bytes: u64,
}

/// How much a model is used: its calls, those of long ago counting less.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    calls: f64,
    at: Instant,
}

impl Usage {
    /// A call counts half after this long.
    const HALF_LIFE_S: f64 = 600.0;

    pub(crate) fn first(at: Instant) -> Usage {
        Usage { calls: 1.0, at }
    }

    fn at(self, now: Instant) -> f64 {
        self.calls * (-now.saturating_duration_since(self.at).as_secs_f64() / Usage::HALF_LIFE_S).exp2()
    }

    pub(crate) fn count(&mut self, now: Instant) {
        *self = Usage { calls: self.at(now) + 1.0, at: now.max(self.at) };
    }
}

/// The time that a model's calls would wait for its load, for each byte it holds.
pub(crate) fn worth(usage: Usage, cost: Cost, now: Instant) -> f64 {
    usage.at(now) * cost.load_ms.max(1) as f64 / cost.memory_bytes.max(1) as f64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_model_is_worth_its_recent_calls_times_its_load_for_each_byte() {
        let start = Instant::now();
        let later = |seconds| start + Duration::from_secs(seconds);
        let cost = Cost { load_ms: 10, memory_bytes: 1_000 };
        let mut usage = Usage::first(start);
        assert_eq!(worth(usage, cost, start), 0.01);
        assert_eq!(worth(usage, cost, later(600)), 0.005, "ten minutes later it counts half");
        usage.count(later(600));
        assert_eq!(worth(usage, cost, later(600)), 0.015);
        assert_eq!(worth(usage, Cost { memory_bytes: 2_000, ..cost }, later(600)), 0.0075);
        assert!(worth(usage, Cost::default(), start).is_finite());
    }
}
