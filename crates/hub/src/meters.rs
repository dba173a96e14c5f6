//! Who asked how often: for each one moment, up to which all its requests are paid for (the generic cell rate algorithm).
//!
//! Always: the place is bounded, whoever comes; whoever has used up its rate is the last to be forgotten in its corner of it,
//! and who is forgotten begins anew. Whoever has addresses enough to push others out needs no more of them to ask as
//! often. A clock that is set back stops nobody for longer than one span.
//!
//! Not `governor`: it has the same algorithm, but one rate for all keys of a limiter where each of our keys may have its
//! own, a map that grows with whoever asks, and a clock of its own where our tests stop ours.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Mutex, MutexGuard};

use ledger::Time;
use store::RequestRate;

/// Corners, and how many have place in each: 131,072 together, in some 2 MiB.
const CORNERS: usize = 16_384;
const PLACES: usize = 8;

/// How much of a rate is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Left {
    /// So many requests are taken at once.
    pub(crate) count: u32,
    /// In so many seconds there is one more, where there is none; else there are all of them.
    pub(crate) reset_s: u32,
}

#[derive(Debug, Clone, Copy, Default)]
struct Meter {
    /// Who it is of: a hash nobody outside can work out.
    mark: u64,
    /// In nanoseconds. A moment that is over is as good as no meter.
    paid_to: i64,
}

#[derive(Debug)]
pub(crate) struct Meters {
    seed: RandomState,
    corners: Box<[Mutex<[Meter; PLACES]>]>,
}

impl Default for Meters {
    fn default() -> Meters {
        Meters { seed: RandomState::new(), corners: (0..CORNERS).map(|_| Mutex::default()).collect() }
    }
}

/// What one request takes, and all of them.
fn step_ns(rate: RequestRate) -> i64 {
    let ns = (u64::from(rate.per_s()) * 1_000_000_000).div_ceil(u64::from(rate.count()));
    i64::try_from(ns).expect("a day has fewer nanoseconds")
}

fn span_ns(rate: RequestRate) -> i64 {
    step_ns(rate) * i64::from(rate.count())
}

fn ns(time: Time) -> i64 {
    time.0.saturating_mul(1_000_000)
}

fn left(rate: RequestRate, paid_to: i64, now: i64) -> Left {
    let (step, span) = (step_ns(rate), span_ns(rate));
    let ahead = (paid_to - now).clamp(0, span);
    let count = (span - ahead) / step;
    let wait = if count == 0 { ahead - (span - step) } else { ahead };
    let seconds = wait.unsigned_abs().div_ceil(1_000_000_000);
    Left { count: u32::try_from(count).unwrap_or(u32::MAX), reset_s: u32::try_from(seconds).unwrap_or(u32::MAX) }
}

impl Meters {
    fn corner(&self, who: &impl Hash) -> (u64, MutexGuard<'_, [Meter; PLACES]>) {
        let mark = self.seed.hash_one(who);
        let corner = &self.corners[mark as usize % CORNERS];
        (mark, corner.lock().expect("nothing panics while it holds a corner"))
    }

    /// Takes one request. What is left then, or that nothing is.
    pub(crate) fn take(&self, who: &impl Hash, rate: RequestRate, now: Time) -> Result<Left, Left> {
        let now = ns(now);
        let (mark, mut corner) = self.corner(who);
        let at = corner.iter().position(|meter| meter.mark == mark).unwrap_or_else(|| {
            let (at, least) = corner.iter_mut().enumerate().min_by_key(|(_, meter)| meter.paid_to).expect("places");
            *least = Meter { mark, paid_to: now };
            at
        });
        let meter = &mut corner[at];
        meter.paid_to = meter.paid_to.clamp(now, now.saturating_add(span_ns(rate)));
        let before = left(rate, meter.paid_to, now);
        if before.count == 0 {
            return Err(before);
        }
        meter.paid_to += step_ns(rate);
        Ok(left(rate, meter.paid_to, now))
    }

    /// As if one request had not been taken.
    pub(crate) fn give_back(&self, who: &impl Hash, rate: RequestRate) {
        let (mark, mut corner) = self.corner(who);
        if let Some(meter) = corner.iter_mut().find(|meter| meter.mark == mark) {
            meter.paid_to = meter.paid_to.saturating_sub(step_ns(rate));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Time = Time(1_767_348_000_000);

    fn rate(text: &str) -> RequestRate {
        text.parse().unwrap()
    }

    fn taken(meters: &Meters, who: u32, rate: RequestRate, at_ms: i64, tries: u32) -> u32 {
        (0..tries).filter(|_| meters.take(&who, rate, NOON.plus_ms(at_ms)).is_ok()).count() as u32
    }

    #[test]
    fn all_at_once_then_as_they_come_back() {
        for text in ["60/min", "7/min", "1/s", "1000000/s", "1/day", "10/10min", "999983/h"] {
            let (meters, rate) = (Meters::default(), rate(text));
            let count = rate.count();
            assert_eq!(taken(&meters, 1, rate, 0, count.min(1_000) + 1), count.min(1_001), "{text}");
        }
        let (meters, rate) = (Meters::default(), rate("60/min"));
        assert_eq!(taken(&meters, 1, rate, 0, 99), 60);
        assert_eq!(meters.take(&1u32, rate, NOON), Err(Left { count: 0, reset_s: 1 }));
        assert_eq!(taken(&meters, 1, rate, 999, 1), 0);
        assert_eq!(taken(&meters, 1, rate, 1_000, 9), 1);
        assert_eq!(taken(&meters, 1, rate, 31_000, 99), 30);
        assert_eq!(taken(&meters, 1, rate, 999_000, 99), 60, "no more than all, however long it was");
        assert_eq!(taken(&meters, 2, rate, 999_000, 1), 1, "others have their own");
    }

    #[test]
    fn whoever_waits_as_it_is_told_is_taken() {
        for text in ["60/min", "7/min", "3/s", "1/day", "10/10min"] {
            let (meters, rate) = (Meters::default(), rate(text));
            taken(&meters, 1, rate, 0, rate.count());
            let told = meters.take(&1u32, rate, NOON).unwrap_err().reset_s;
            assert_eq!(taken(&meters, 1, rate, i64::from(told) * 1_000, 1), 1, "{text}");
        }
    }

    #[test]
    fn what_was_given_back_is_there_again() {
        let (meters, rate) = (Meters::default(), rate("2/min"));
        assert_eq!(taken(&meters, 1, rate, 0, 3), 2);
        meters.give_back(&1u32, rate);
        assert_eq!(taken(&meters, 1, rate, 0, 3), 1);
        meters.give_back(&9u32, rate);
    }

    #[test]
    fn a_clock_that_is_set_back_stops_nobody_for_longer_than_one_span() {
        let (meters, rate) = (Meters::default(), rate("2/min"));
        assert_eq!(taken(&meters, 1, rate, 3_600_000, 2), 2);
        assert_eq!(taken(&meters, 1, rate, 0, 1), 0);
        assert_eq!(taken(&meters, 1, rate, 31_000, 9), 1);
        assert_eq!(taken(&meters, 1, rate, 62_000, 9), 1);
    }

    #[test]
    fn millions_find_place_and_who_has_used_up_its_rate_stays() {
        let (meters, rate) = (Meters::default(), rate("5/min"));
        assert_eq!(taken(&meters, 0, rate, 0, 9), 5);
        for who in 1..2_000_000u32 {
            assert!(meters.take(&who, rate, NOON).is_ok(), "nobody pays for what others did");
        }
        assert_eq!(taken(&meters, 0, rate, 0, 9), 0, "strangers who come once push nobody out who came often");
    }
}
