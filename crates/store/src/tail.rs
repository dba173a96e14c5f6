//! The last rows, in memory: whoever follows the books reads them here and not from the disk again.
//!
//! Always: the lock is held for a few pointers, never for rows, because the writer waits for it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::books::{Row, Seq};

/// How many rows are kept, and a batch more.
const KEPT: usize = 32_768;

/// Rows that were committed together, and the place of the first.
type Batch = (Seq, Arc<Vec<Row>>);

#[derive(Debug)]
struct Batches {
    batches: VecDeque<Batch>,
    count: usize,
    /// The place of the newest; dense, so that all places follow.
    last: Seq,
}

#[derive(Debug)]
pub(crate) struct Tail(Mutex<Batches>);

impl Tail {
    pub(crate) fn starting_after(last: Seq) -> Tail {
        Tail(Mutex::new(Batches { batches: VecDeque::new(), count: 0, last }))
    }

    fn lock(&self) -> MutexGuard<'_, Batches> {
        self.0.lock().expect("nothing panics while it holds the rows")
    }

    /// Takes rows that follow on the newest.
    pub(crate) fn extend(&self, rows: Vec<Row>) {
        let mut tail = self.lock();
        let first = tail.last + 1;
        tail.last += rows.len() as Seq;
        tail.count += rows.len();
        tail.batches.push_back((first, Arc::new(rows)));
        let mut gone = Vec::new();
        while let Some((_, oldest)) = tail.batches.front()
            && tail.count - oldest.len() >= KEPT
        {
            tail.count -= oldest.len();
            gone.extend(tail.batches.pop_front());
        }
        drop(tail);
        drop(gone);
    }

    /// Rows after `after`, at most `limit`; none if they reach back further than what is kept.
    pub(crate) fn rows(&self, after: Seq, limit: usize) -> Option<Vec<(Seq, Row)>> {
        let batches: Vec<Batch> = {
            let tail = self.lock();
            let oldest = tail.batches.front().map_or(tail.last + 1, |(first, _)| *first);
            if after + 1 < oldest {
                return None;
            }
            let from = tail.batches.partition_point(|(first, rows)| first + rows.len() as Seq <= after + 1);
            let mut left = limit as Seq;
            let enough = |(first, rows): &&Batch| {
                let wanted = left > 0;
                left = left.saturating_sub(first + rows.len() as Seq - (after + 1).max(*first));
                wanted
            };
            tail.batches.range(from..).take_while(enough).cloned().collect()
        };
        let rows = batches.iter().flat_map(|(first, rows)| (*first..).zip(rows.iter()));
        let rows = rows.skip_while(|(seq, _)| *seq <= after).take(limit);
        Some(rows.map(|(seq, row)| (seq, row.clone())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::scene::call;

    #[test]
    fn what_is_kept_is_given_and_what_is_not_is_left_to_the_disk() {
        let row = |n| Row::Call(Arc::new(call(n, 0)));
        let tail = Tail::starting_after(5);
        assert_eq!(tail.rows(5, 9), Some(vec![]));
        assert_eq!(tail.rows(4, 9), None);
        tail.extend((6..=7).map(row).collect());
        tail.extend((8..=9).map(row).collect());
        assert_eq!(tail.rows(6, 2), Some(vec![(7, row(7)), (8, row(8))]));
        assert_eq!(tail.rows(5, 9).map(|rows| rows.len()), Some(4));
        assert_eq!(tail.rows(9, 2), Some(vec![]));
        assert_eq!(tail.rows(20, 2), Some(vec![]));
        let many = KEPT as u64;
        tail.extend((10..10 + many).map(row).collect());
        assert_eq!(tail.rows(8, 1), None);
        assert_eq!(tail.rows(9, 1), Some(vec![(10, row(10))]));
        tail.extend(vec![row(10 + many)]);
        assert_eq!(tail.rows(9, 1), Some(vec![(10, row(10))]), "batches leave whole");
        assert_eq!(tail.rows(9 + many, 9), Some(vec![(10 + many, row(10 + many))]));
    }

    #[test]
    fn any_stretch_is_what_was_put_in() {
        let row = |n| Row::Call(Arc::new(call(n, 0)));
        let tail = Tail::starting_after(0);
        let mut next = 1;
        for size in [1, 4, 2, 7, 1, 1, 3] {
            tail.extend((next..next + size).map(row).collect());
            next += size;
        }
        for after in 0..next {
            for limit in 0..20 {
                let due: Vec<_> = (after + 1..next).take(limit).map(|seq| (seq, row(seq))).collect();
                assert_eq!(tail.rows(after, limit), Some(due), "{limit} after {after}");
            }
        }
    }
}
