//! A breaker: a server that fails again and again is left alone for a while, so that callers are told at once.
//!
//! Always: while it is open nobody goes through but one probe at a time, after a pause; the pause grows each time the
//! breaker opens and starts anew with an answer; an answer closes it.
//!
//! Absent on purpose: the clock, and what a failure is.

use std::time::{Duration, Instant};

/// So many failures in a row open it.
pub(crate) const FAILURES: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Whether a server is asked.
#[derive(Debug)]
pub(crate) struct Breaker {
    /// Since the last answer.
    failures: u32,
    /// While it is open: when a probe may go through.
    until: Option<Instant>,
    probing: bool,
    /// How long it is open next time.
    pause: Duration,
}

/// Who goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admitted {
    Call,
    /// The one that finds out first whether the server is back, and says so.
    Probe,
}

/// The server is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LeftAlone {
    pub(crate) failures: u32,
    pub(crate) wait: Duration,
}

impl Breaker {
    pub(crate) fn new() -> Breaker {
        Breaker { failures: 0, until: None, probing: false, pause: FIRST_PAUSE }
    }

    /// Whether a call would be admitted; changes nothing.
    pub(crate) fn look(&self, now: Instant) -> Result<(), LeftAlone> {
        match self.until {
            None => Ok(()),
            Some(until) if now < until => Err(LeftAlone { failures: self.failures, wait: until - now }),
            Some(_) if self.probing => Err(LeftAlone { failures: self.failures, wait: FIRST_PAUSE }),
            Some(_) => Ok(()),
        }
    }

    pub(crate) fn admit(&mut self, now: Instant) -> Result<Admitted, LeftAlone> {
        self.look(now)?;
        self.probing = self.until.is_some();
        Ok(if self.probing { Admitted::Probe } else { Admitted::Call })
    }

    /// A call was answered, whatever the answer: the server is there.
    pub(crate) fn answered(&mut self) {
        *self = Breaker::new();
    }

    /// A call was not answered.
    pub(crate) fn failed(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        // What was under way when it opened is no news.
        if self.until.is_none() && self.failures >= FAILURES {
            self.open(now);
        }
    }

    /// The probe said that the server is back: calls go through, and the first that fails opens it again.
    pub(crate) fn back(&mut self) {
        if std::mem::take(&mut self.probing) {
            self.until = None;
        }
    }

    /// The probe said otherwise, or nothing.
    pub(crate) fn not_back(&mut self, now: Instant) {
        if std::mem::take(&mut self.probing) {
            self.open(now);
        }
    }

    fn open(&mut self, now: Instant) {
        self.until = Some(now + self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn opened(now: Instant) -> Breaker {
        let mut breaker = Breaker::new();
        (0..FAILURES).for_each(|_| breaker.failed(now));
        breaker
    }

    #[test]
    fn so_many_failures_in_a_row_open_it_and_an_answer_between_them_does_not() {
        let now = Instant::now();
        let mut breaker = Breaker::new();
        for _ in 0..10 {
            (1..FAILURES).for_each(|_| breaker.failed(now));
            assert_eq!(breaker.admit(now), Ok(Admitted::Call));
            breaker.answered();
        }
        let mut breaker = opened(now);
        let left_alone = LeftAlone { failures: FAILURES, wait: SECOND };
        assert_eq!((breaker.look(now), breaker.admit(now)), (Err(left_alone), Err(left_alone)));
    }

    #[test]
    fn one_probe_goes_through_and_decides() {
        let start = Instant::now();
        let mut breaker = opened(start);
        let due = start + SECOND;
        assert_eq!(breaker.look(due), Ok(()));
        assert_eq!(breaker.admit(due), Ok(Admitted::Probe));
        assert_eq!(breaker.admit(due).unwrap_err().wait, FIRST_PAUSE, "one at a time");
        breaker.not_back(due);
        assert_eq!(breaker.admit(due).unwrap_err().wait, 2 * SECOND);
        let due = due + 2 * SECOND;
        assert_eq!(breaker.admit(due), Ok(Admitted::Probe));
        breaker.back();
        assert_eq!(breaker.admit(due), Ok(Admitted::Call));
        breaker.failed(due);
        assert_eq!(breaker.admit(due).unwrap_err().wait, 4 * SECOND, "ready and failing is failing");
        let due = due + 4 * SECOND;
        assert_eq!(breaker.admit(due), Ok(Admitted::Probe));
        breaker.back();
        breaker.answered();
        (1..FAILURES).for_each(|_| breaker.failed(due));
        assert_eq!(breaker.admit(due), Ok(Admitted::Call), "an answer is a new beginning");
    }

    #[test]
    fn what_was_under_way_is_heard_late() {
        let now = Instant::now();
        let mut breaker = opened(now);
        breaker.failed(now + SECOND / 2);
        assert_eq!(breaker.look(now + SECOND), Ok(()), "a late failure does not make it longer");
        assert_eq!(breaker.admit(now + SECOND), Ok(Admitted::Probe));
        breaker.answered();
        breaker.not_back(now + SECOND);
        assert_eq!(breaker.admit(now + SECOND), Ok(Admitted::Call), "a late answer closes it over the probe's head");
    }

    #[derive(Debug, Clone)]
    enum Event {
        Admit,
        Answered,
        Failed,
        Back,
        NotBack,
        Wait(u64),
    }

    fn events() -> impl Strategy<Value = Vec<Event>> {
        let event = prop_oneof![
            3 => Just(Event::Admit),
            1 => Just(Event::Answered),
            6 => Just(Event::Failed),
            1 => Just(Event::Back),
            2 => Just(Event::NotBack),
            3 => (0..200_000_u64).prop_map(Event::Wait),
        ];
        proptest::collection::vec(event, 0..200)
    }

    proptest! {
        #[test]
        fn it_never_stays_open_for_ever_and_never_lets_two_probes_through(events in events()) {
            let mut now = Instant::now();
            let mut breaker = Breaker::new();
            let (mut probes, mut in_a_row) = (0, 0_u32);
            for event in events {
                match event {
                    Event::Admit => {
                        prop_assert_eq!(breaker.look(now).is_ok(), Breaker { ..breaker }.admit(now).is_ok());
                        match breaker.admit(now) {
                            Ok(Admitted::Probe) => probes += 1,
                            Ok(Admitted::Call) => {}
                            Err(LeftAlone { failures, wait }) => {
                                prop_assert!(wait > Duration::ZERO && wait <= LONGEST_PAUSE);
                                prop_assert!(failures >= FAILURES && failures == in_a_row);
                            }
                        }
                    }
                    Event::Answered => {
                        breaker.answered();
                        (probes, in_a_row) = (0, 0);
                        prop_assert_eq!(breaker.look(now), Ok(()));
                    }
                    Event::Failed => {
                        breaker.failed(now);
                        in_a_row += 1;
                    }
                    Event::Back | Event::NotBack if probes == 0 => {}
                    Event::Back => {
                        breaker.back();
                        probes = 0;
                    }
                    Event::NotBack => {
                        breaker.not_back(now);
                        probes = 0;
                    }
                    Event::Wait(ms) => now += Duration::from_millis(ms),
                }
                prop_assert!(probes <= 1);
                if in_a_row < FAILURES {
                    prop_assert_eq!(breaker.look(now), Ok(()));
                }
                if probes == 0 {
                    prop_assert_eq!(breaker.look(now + LONGEST_PAUSE), Ok(()));
                }
            }
        }
    }
}
