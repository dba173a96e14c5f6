//! How the writer of the books fares: counted where it happens, read by whoever shows it.
//!
//! Always: counting costs a few atomic additions a batch and never waits; figures only grow, but for the queue and the
//! times of the last syncs.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Upper edges of the histogram of batch sizes, in calls and transfers.
pub const BATCH_EDGES: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 256.0, 1_024.0, 4_096.0];

/// Upper edges of the histograms of times, in seconds.
pub const TIME_EDGES: [f64; 14] =
    [0.0001, 0.0002, 0.0003, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0];

/// How many of the last syncs quantiles are taken from.
const RECENT: usize = 1_024;

/// A sync whose median lies near one or two turns of a scheduler that counts four milliseconds waits for a core, not
/// for the disk.
const TICK: f64 = 0.004;

/// A histogram that many threads may count into.
#[derive(Debug)]
pub struct Histogram<const N: usize> {
    edges: [f64; N],
    /// By edge, and one more for all above the last.
    counts: [AtomicU64; N],
    above: AtomicU64,
    /// In millionths.
    sum: AtomicU64,
}

/// What a histogram came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Counted {
    /// Upper edge and how many lie at or below it.
    pub buckets: Vec<(f64, u64)>,
    pub count: u64,
    pub sum: f64,
}

impl<const N: usize> Histogram<N> {
    fn new(edges: [f64; N]) -> Histogram<N> {
        Histogram {
            edges,
            counts: std::array::from_fn(|_| AtomicU64::new(0)),
            above: AtomicU64::new(0),
            sum: AtomicU64::new(0),
        }
    }

    fn count(&self, value: f64) {
        let slot = self.edges.iter().position(|edge| value <= *edge).map_or(&self.above, |at| &self.counts[at]);
        slot.fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add((value * 1e6) as u64, Ordering::Relaxed);
    }

    pub fn counted(&self) -> Counted {
        let mut count = 0;
        let mut add = |slot: &AtomicU64| {
            count += slot.load(Ordering::Relaxed);
            count
        };
        let buckets = self.edges.iter().zip(&self.counts).map(|(edge, slot)| (*edge, add(slot))).collect();
        let count = add(&self.above);
        Counted { buckets, count, sum: self.sum.load(Ordering::Relaxed) as f64 / 1e6 }
    }
}

/// The last times, in a ring.
#[derive(Debug, Default)]
struct Recent {
    times: Vec<f64>,
    at: usize,
}

/// How the writer fares.
#[derive(Debug)]
pub struct Vitals {
    /// Calls, transfers and holds that shared a commit.
    pub batch: Histogram<10>,
    /// From taking a batch off the queue to telling its callers.
    pub commit: Histogram<14>,
    /// How long the disk took to say that a batch is safe.
    pub sync: Histogram<14>,
    recent: Mutex<Recent>,
    /// What had been asked for and not been taken off the queue yet when somebody last looked.
    queued: AtomicU64,
    /// Whether the writer got the real-time class it asked for.
    real_time: AtomicBool,
}

impl Default for Vitals {
    fn default() -> Self {
        Vitals {
            batch: Histogram::new(BATCH_EDGES),
            commit: Histogram::new(TIME_EDGES),
            sync: Histogram::new(TIME_EDGES),
            recent: Mutex::default(),
            queued: AtomicU64::new(0),
            real_time: AtomicBool::new(false),
        }
    }
}

impl Vitals {
    pub(crate) fn set_queue(&self, waiting: usize) {
        self.queued.store(waiting as u64, Ordering::Relaxed);
    }

    pub(crate) fn committed(&self, batch: usize, took: Duration) {
        self.batch.count(batch as f64);
        self.commit.count(took.as_secs_f64());
    }

    pub(crate) fn synced(&self, took: Duration) {
        let took = took.as_secs_f64();
        self.sync.count(took);
        let mut recent = self.recent.lock().expect("nothing panics while it holds the times");
        if recent.times.len() < RECENT {
            recent.times.push(took);
        } else {
            let at = recent.at;
            recent.times[at] = took;
        }
        recent.at = (recent.at + 1) % RECENT;
    }

    pub(crate) fn set_real_time(&self, got: bool) {
        self.real_time.store(got, Ordering::Relaxed);
    }

    /// What waits for the writer.
    pub fn queue(&self) -> u64 {
        self.queued.load(Ordering::Relaxed)
    }

    pub fn real_time(&self) -> bool {
        self.real_time.load(Ordering::Relaxed)
    }

    /// Median and 99th percentile of the last syncs, in seconds; none before the first.
    pub fn recent_syncs(&self) -> Option<(f64, f64)> {
        let mut times = self.recent.lock().expect("nothing panics while it holds the times").times.clone();
        times.sort_by(f64::total_cmp);
        let at = |share: f64| times.get(((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1)));
        Some((*at(0.5)?, *at(0.99)?))
    }

    /// Whether syncs wait for a core and not for the disk: half of them take about a whole number of the scheduler's
    /// turns. Beside busy cores and without a real-time class, that is how it looks.
    pub fn starved(&self) -> bool {
        self.recent_syncs().is_some_and(|(median, _)| {
            let turns = (median / TICK).round();
            (1.0..=5.0).contains(&turns) && (median / TICK - turns).abs() < 0.15
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counts_what_lies_at_or_below_each_edge() {
        let histogram = Histogram::new([1.0, 2.0]);
        [0.5, 1.0, 1.5, 9.0].into_iter().for_each(|value| histogram.count(value));
        let expected = Counted { buckets: vec![(1.0, 2), (2.0, 3)], count: 4, sum: 12.0 };
        assert_eq!(histogram.counted(), expected);
    }

    #[test]
    fn syncs_of_whole_turns_are_starvation_and_others_are_not() {
        for (micros, starved) in
            [(200, false), (3_990, true), (4_100, true), (6_000, false), (8_050, true), (40_000, false)]
        {
            let vitals = Vitals::default();
            assert_eq!(vitals.recent_syncs(), None);
            (0..2_000).for_each(|_| vitals.synced(Duration::from_micros(micros)));
            assert_eq!(vitals.starved(), starved, "{micros} µs");
            assert_eq!(vitals.sync.counted().count, 2_000);
        }
    }
}
