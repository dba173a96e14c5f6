//! Several at once, and no more: each on a thread of its own.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// How many files are read, sent or fetched at the same moment.
const HANDS: usize = 4;

/// Does the work for each item and gives what came of it, in the order of the items. After a failure nothing more is
/// begun; the first one is told.
pub(crate) fn side_by_side<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&T) -> anyhow::Result<R> + Sync,
) -> anyhow::Result<Vec<R>> {
    let next = AtomicUsize::new(0);
    let done: Vec<Mutex<Option<R>>> = items.iter().map(|_| Mutex::new(None)).collect();
    let failed = Mutex::new(None);
    thread::scope(|scope| {
        for _ in 0..HANDS.min(items.len()) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(at) else { return };
                    match work(item) {
                        Ok(result) => *done[at].lock().expect("no work is done under it") = Some(result),
                        Err(error) => {
                            next.store(items.len(), Ordering::Relaxed);
                            failed.lock().expect("no work is done under it").get_or_insert(error);
                        }
                    }
                }
            });
        }
    });
    if let Some(error) = failed.into_inner().expect("no work is done under it") {
        return Err(error);
    }
    let result = |done: Mutex<Option<R>>| done.into_inner().expect("no work is done under it").expect("all are done");
    Ok(done.into_iter().map(result).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn results_have_the_order_of_the_items() {
        let items: Vec<usize> = (0..100).collect();
        let squares = side_by_side(&items, |n| Ok(n * n)).unwrap();
        assert!(squares.iter().enumerate().all(|(n, square)| n * n == *square));
        assert!(side_by_side(&[], |n: &usize| Ok(*n)).unwrap().is_empty());
    }

    #[test]
    fn as_many_as_there_are_hands_run_together_and_the_first_failure_is_told() {
        let all = Barrier::new(HANDS);
        let together = side_by_side(&[(); HANDS], |()| Ok(all.wait().is_leader())).unwrap();
        assert_eq!(together.iter().filter(|leads| **leads).count(), 1);
        let items: Vec<usize> = (0..100).collect();
        let failed = side_by_side(&items, |n| if *n == 3 { anyhow::bail!("no {n}") } else { Ok(()) });
        assert_eq!(failed.unwrap_err().to_string(), "no 3");
    }
}
