//! The calls that wait for one model.
//!
//! Always: callers take turns, so that who sends a thousand calls waits behind who sends one no longer than for one; a
//! caller's own calls keep their order. Bounded: where it is full, who waits with none of their own takes the place of
//! the last call of whoever fills it.

use std::collections::{HashMap, VecDeque};

use crate::request::Request;

/// Who calls, as far as turns go.
pub(crate) type Caller = [u8; 16];

#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// Callers with something to do, whose turn is next first.
    turns: VecDeque<Caller>,
    of: HashMap<Caller, VecDeque<Request>>,
    len: usize,
}

impl Queue {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn push_back(&mut self, request: Request) {
        let turns = &mut self.turns;
        let caller = request.caller();
        let own = self.of.entry(caller).or_insert_with(|| {
            turns.push_back(caller);
            VecDeque::new()
        });
        own.push_back(request);
        self.len += 1;
    }

    /// Back to where it was taken from: the next to go.
    pub(crate) fn push_front(&mut self, request: Request) {
        let caller = request.caller();
        self.turns.retain(|other| *other != caller);
        self.turns.push_front(caller);
        self.of.entry(caller).or_default().push_front(request);
        self.len += 1;
    }

    /// The next call of whose turn it is.
    pub(crate) fn pop(&mut self) -> Option<Request> {
        let caller = self.turns.pop_front()?;
        let own = self.of.get_mut(&caller).expect("who has a turn has a call");
        let request = own.pop_front();
        if own.is_empty() {
            self.of.remove(&caller);
        } else {
            self.turns.push_back(caller);
        }
        self.len -= 1;
        request
    }

    /// The last call of who has most, if that is more than half of all and `caller` has none.
    pub(crate) fn give_way_to(&mut self, caller: &Caller) -> Option<Request> {
        if self.of.contains_key(caller) {
            return None;
        }
        let (_, own) = self.of.iter_mut().max_by_key(|(_, own)| own.len())?;
        if own.len() * 2 <= self.len {
            return None;
        }
        self.len -= 1;
        // More than half of something is more than nothing, and one less may be nothing.
        let last = own.pop_back();
        self.drop_empty();
        last
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Request> {
        self.of.values_mut().flatten()
    }

    pub(crate) fn retain(&mut self, keep: impl Fn(&Request) -> bool) {
        self.of.values_mut().for_each(|own| own.retain(&keep));
        self.drop_empty();
        self.len = self.of.values().map(VecDeque::len).sum();
    }

    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Request> {
        let Queue { of, .. } = std::mem::take(self);
        of.into_values().flatten()
    }

    fn drop_empty(&mut self) {
        self.of.retain(|_, own| !own.is_empty());
        let of = &self.of;
        self.turns.retain(|caller| of.contains_key(caller));
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::Call;

    fn request(caller: u8, number: u8) -> Request {
        let deadline = Instant::now() + Duration::from_secs(u64::from(number));
        Request::new(Call { inputs: Vec::new(), deadline, caller: [caller; 16] }, Instant::now()).0
    }

    /// Who is served, and with which of their calls.
    fn served(queue: &mut Queue) -> Vec<(u8, u64)> {
        let now = Instant::now();
        std::iter::from_fn(|| queue.pop())
            .map(|request| (request.caller()[0], request.deadline().duration_since(now).as_secs() + 1))
            .collect()
    }

    #[test]
    fn callers_take_turns_and_each_keeps_its_order() {
        let mut queue = Queue::default();
        for (caller, number) in [(1, 1), (1, 2), (1, 3), (2, 1), (3, 1), (2, 2)] {
            queue.push_back(request(caller, number));
        }
        assert_eq!(queue.len(), 6);
        assert_eq!(served(&mut queue), [(1, 1), (2, 1), (3, 1), (1, 2), (2, 2), (1, 3)]);
        assert!(queue.is_empty() && queue.pop().is_none());
    }

    #[test]
    fn what_is_put_back_is_next() {
        let mut queue = Queue::default();
        for caller in [1, 2] {
            queue.push_back(request(caller, 2));
        }
        queue.push_front(request(2, 1));
        assert_eq!(served(&mut queue), [(2, 1), (1, 2), (2, 2)]);
    }

    #[test]
    fn only_who_fills_most_of_it_gives_way_and_only_to_who_has_nothing_there() {
        let mut queue = Queue::default();
        for (caller, number) in [(1, 1), (1, 2), (1, 3), (2, 1)] {
            queue.push_back(request(caller, number));
        }
        assert!(queue.give_way_to(&[1; 16]).is_none() && queue.give_way_to(&[2; 16]).is_none());
        assert_eq!(queue.give_way_to(&[3; 16]).unwrap().caller(), [1; 16]);
        assert_eq!(queue.len(), 3);
        queue.push_back(request(3, 1));
        assert!(queue.give_way_to(&[4; 16]).is_none(), "nobody has more than half");
        assert_eq!(served(&mut queue), [(1, 1), (2, 1), (3, 1), (1, 2)]);
    }

    #[test]
    fn the_only_call_there_is_can_give_way() {
        let mut queue = Queue::default();
        queue.push_back(request(1, 1));
        assert!(queue.give_way_to(&[2; 16]).is_some());
        assert!(queue.is_empty() && queue.pop().is_none());
    }
}
