//! Which idempotency keys were captured in the last 24 hours: one rule for every backend.
//!
//! Always: a key whose day is over is not known any more, be it swept already or not; nothing is swept before its
//! day is over.

use std::collections::{BTreeMap, HashMap};

use ledger::{Keyed, Time};

use crate::books::{Denied, KEYED_LIMIT, Looked, OUTCOME_WINDOW_MS, Seq};

#[derive(Debug)]
pub(crate) struct Window {
    keys: HashMap<[u8; 32], Known>,
    /// Soonest first. A clock that was set back makes rows leave in another order than they came.
    leaving: BTreeMap<(Time, Seq), [u8; 32]>,
    limit: usize,
}

#[derive(Debug)]
struct Known {
    content: [u8; 32],
    seq: Seq,
    expires: Time,
}

impl Default for Window {
    fn default() -> Self {
        Window { keys: HashMap::new(), leaving: BTreeMap::new(), limit: KEYED_LIMIT }
    }
}

impl Window {
    /// When the outcome of a call that finished then is no longer kept.
    pub(crate) fn expiry(finished: Time) -> Time {
        finished.plus_ms(OUTCOME_WINDOW_MS)
    }

    pub(crate) fn look(&self, keyed: &Keyed, now: Time) -> Looked {
        match self.keys.get(&keyed.hash).filter(|known| known.expires > now) {
            Some(known) if known.content == keyed.content => Looked::Same { seq: known.seq },
            Some(known) => Looked::Other { seq: known.seq },
            None if self.is_full(now) => Looked::Full { limit: self.limit },
            None => Looked::New,
        }
    }

    /// Whether a capture with this key may be written.
    pub(crate) fn admit(&self, keyed: &Keyed, now: Time) -> Result<(), Denied> {
        match self.look(keyed, now) {
            Looked::New => Ok(()),
            Looked::Same { seq } | Looked::Other { seq } => Err(Denied::AlreadyCaptured { seq }),
            Looked::Full { limit } => Err(Denied::KeyedFull { limit }),
        }
    }

    pub(crate) fn remember(&mut self, keyed: &Keyed, seq: Seq, expires: Time) {
        self.keys.insert(keyed.hash, Known { content: keyed.content, seq, expires });
        self.leaving.insert((expires, seq), keyed.hash);
    }

    /// Lets go of one key whose day is over; gives the row whose outcome can go with it.
    pub(crate) fn forget(&mut self, now: Time) -> Option<Seq> {
        let soonest = self.leaving.first_entry().filter(|entry| entry.key().0 <= now)?;
        let ((_, seq), hash) = soonest.remove_entry();
        // The key may have been used again since.
        if self.keys.get(&hash).is_some_and(|known| known.seq == seq) {
            self.keys.remove(&hash);
        }
        Some(seq)
    }

    /// Whether there is a key to let go of.
    pub(crate) fn is_due(&self, now: Time) -> bool {
        self.leaving.first_key_value().is_some_and(|((expires, _), _)| *expires <= now)
    }

    /// Full of keys that are still needed, that is: what only waits to be swept makes room.
    fn is_full(&self, now: Time) -> bool {
        self.keys.len() >= self.limit && self.leaving.first_key_value().is_some_and(|((expires, _), _)| *expires > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(hash: u8, content: u8) -> Keyed {
        Keyed { hash: [hash; 32], content: [content; 32] }
    }

    #[test]
    fn a_full_window_takes_nothing_new_until_a_day_is_over() {
        let mut window = Window { limit: 2, ..Window::default() };
        window.remember(&key(1, 0), 1, Time(10));
        window.remember(&key(2, 0), 2, Time(20));
        assert_eq!(window.look(&key(3, 0), Time(9)), Looked::Full { limit: 2 });
        assert_eq!(window.admit(&key(3, 0), Time(9)), Err(Denied::KeyedFull { limit: 2 }));
        assert_eq!(window.look(&key(2, 0), Time(9)), Looked::Same { seq: 2 });
        assert_eq!(window.look(&key(3, 0), Time(10)), Looked::New);
    }

    #[test]
    fn a_key_used_again_after_its_day_outlives_the_sweeping_of_its_first_use() {
        let mut window = Window::default();
        window.remember(&key(1, 0), 1, Time(10));
        assert_eq!(window.look(&key(1, 0), Time(10)), Looked::New);
        window.remember(&key(1, 7), 2, Time(30));
        assert_eq!(window.forget(Time(10)), Some(1));
        assert_eq!(window.look(&key(1, 0), Time(10)), Looked::Other { seq: 2 });
        assert_eq!(window.forget(Time(29)), None);
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_keep_the_rest_from_leaving() {
        let mut window = Window::default();
        window.remember(&key(1, 0), 1, Time(1_000_000));
        window.remember(&key(2, 0), 2, Time(10));
        assert_eq!(window.forget(Time(10)), Some(2));
        assert_eq!(window.forget(Time(10)), None);
    }
}
