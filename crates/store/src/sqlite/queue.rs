//! The way from many callers to the one writer.
//!
//! A list behind a lock, and not a lock-free channel: those wait for a half-written place by yielding, and a writer of
//! the real-time class yields to nobody. A sender that it had pushed off its core would never get to end its writing,
//! until the scheduler takes pity some milliseconds later. Behind a lock the writer sleeps, and the sender goes on.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

struct Waiting<T> {
    items: Vec<T>,
    senders: usize,
    receiver: bool,
}

struct Shared<T> {
    waiting: Mutex<Waiting<T>>,
    ready: Condvar,
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, Waiting<T>> {
        self.waiting.lock().expect("nothing panics while it holds the queue")
    }
}

pub(super) struct Sender<T>(Arc<Shared<T>>);

pub(super) struct Receiver<T>(Arc<Shared<T>>);

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

pub(super) fn queue<T>() -> (Sender<T>, Receiver<T>) {
    let waiting = Mutex::new(Waiting { items: Vec::new(), senders: 1, receiver: true });
    let shared = Arc::new(Shared { waiting, ready: Condvar::new() });
    (Sender(shared.clone()), Receiver(shared))
}

/// The receiver is gone: nobody will take anything.
#[derive(Debug)]
pub(super) struct Gone;

impl<T> Sender<T> {
    pub(super) fn send(&self, item: T) -> Result<(), Gone> {
        let mut waiting = self.0.lock();
        if !waiting.receiver {
            return Err(Gone);
        }
        waiting.items.push(item);
        // Whoever is awake looks again before it sleeps.
        if waiting.items.len() == 1 {
            drop(waiting);
            self.0.ready.notify_one();
        }
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.0.lock().items.len()
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.lock().senders -= 1;
        self.0.ready.notify_one();
    }
}

/// What came of waiting.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Came {
    Items,
    Nothing,
    /// All senders are gone, and all they sent has been taken.
    End,
}

impl<T> Receiver<T> {
    /// Waits for items, at most so long, and takes all there are into `to`, which is empty.
    pub(super) fn take(&self, to: &mut Vec<T>, pause: Duration) -> Came {
        let waiting = self.0.lock();
        let idle = |waiting: &mut Waiting<T>| waiting.items.is_empty() && waiting.senders > 0;
        let (mut waiting, _) =
            self.0.ready.wait_timeout_while(waiting, pause, idle).expect("nothing panics while it holds the queue");
        if waiting.items.is_empty() {
            return if waiting.senders == 0 { Came::End } else { Came::Nothing };
        }
        std::mem::swap(&mut waiting.items, to);
        Came::Items
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut waiting = self.0.lock();
        waiting.receiver = false;
        let left = std::mem::take(&mut waiting.items);
        drop(waiting);
        // Outside of the lock: what is dropped may tell somebody.
        drop(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_millis(20);

    #[test]
    fn all_that_was_sent_is_taken_at_once_and_in_order() {
        let (sender, receiver) = queue();
        let mut taken = Vec::new();
        assert_eq!(receiver.take(&mut taken, PAUSE), Came::Nothing);
        (0..5).for_each(|n| sender.send(n).expect("somebody takes it"));
        assert_eq!(sender.len(), 5);
        assert_eq!((receiver.take(&mut taken, PAUSE), &taken[..]), (Came::Items, &[0, 1, 2, 3, 4][..]));
        taken.clear();
        sender.send(9).expect("somebody takes it");
        drop(sender);
        assert_eq!((receiver.take(&mut taken, PAUSE), &taken[..]), (Came::Items, &[9][..]));
        taken.clear();
        assert_eq!(receiver.take(&mut taken, PAUSE), Came::End);
    }

    #[test]
    fn who_sleeps_is_woken_by_what_comes_and_by_the_end() {
        let (sender, receiver) = queue();
        let taker = std::thread::spawn(move || {
            let (mut all, mut taken) = (Vec::new(), Vec::new());
            while receiver.take(&mut taken, Duration::from_secs(60)) != Came::End {
                all.append(&mut taken);
            }
            all
        });
        for n in 0..100 {
            sender.send(n).expect("somebody takes it");
            if n % 10 == 0 {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        drop(sender);
        assert_eq!(taker.join().expect("it ends"), (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn nothing_is_sent_to_nobody() {
        let (sender, receiver) = queue();
        drop(receiver);
        assert!(sender.send(1).is_err());
    }
}
