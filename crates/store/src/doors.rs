//! Of one content: those who bring it in, or the one who takes it away, never both.
//!
//! Always: whoever arrives holds its guard until the catalogue knows what it brought; whoever takes away holds the only
//! one. Both are in this process, for a folder has one hub.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use registry::Digest;

#[derive(Debug)]
enum Use {
    /// So many bring it in.
    Arriving(usize),
    Leaving,
}

#[derive(Debug, Default)]
pub(crate) struct Doors {
    used: Mutex<HashMap<Digest, Use>>,
    freed: Condvar,
}

/// The right to bring a content in. Held until its row is written, so that nobody takes the file away in between.
#[derive(Debug)]
#[must_use = "dropped too early, the bytes may be taken away before anybody knows of them"]
pub struct Arriving {
    doors: Arc<Doors>,
    digest: Digest,
}

/// The right to take a content away. Whoever brings it in meanwhile waits.
#[derive(Debug)]
pub(crate) struct Leaving {
    doors: Arc<Doors>,
    digest: Digest,
}

impl Doors {
    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, Use>> {
        self.used.lock().expect("nothing panics while it holds the doors")
    }

    /// Waits while the content is being taken away.
    pub(crate) fn arrive(self: &Arc<Self>, digest: Digest) -> Arriving {
        let mut used = self.lock();
        while matches!(used.get(&digest), Some(Use::Leaving)) {
            used = self.freed.wait(used).expect("nothing panics while it holds the doors");
        }
        match used.entry(digest).or_insert(Use::Arriving(0)) {
            Use::Arriving(count) => *count += 1,
            Use::Leaving => unreachable!("it was waited for"),
        }
        Arriving { doors: self.clone(), digest }
    }

    /// None while somebody brings it in, or takes it away already.
    pub(crate) fn leave(self: &Arc<Self>, digest: Digest) -> Option<Leaving> {
        let mut used = self.lock();
        if used.contains_key(&digest) {
            return None;
        }
        used.insert(digest, Use::Leaving);
        Some(Leaving { doors: self.clone(), digest })
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        let mut used = self.doors.lock();
        if let Some(Use::Arriving(count)) = used.get_mut(&self.digest) {
            *count -= 1;
            if *count == 0 {
                used.remove(&self.digest);
            }
        }
    }
}

impl Leaving {
    pub(crate) fn digest(&self) -> Digest {
        self.digest
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.doors.lock().remove(&self.digest);
        self.doors.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn nobody_takes_away_what_somebody_brings() {
        let doors = Arc::new(Doors::default());
        let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
        let (first, second) = (doors.arrive(one), doors.arrive(one));
        assert!(doors.leave(one).is_none());
        drop(first);
        assert!(doors.leave(one).is_none(), "the second still brings it");
        assert!(doors.leave(other).is_some());
        drop(second);
        let leaving = doors.leave(one).expect("nobody brings it any more");
        assert!(doors.leave(one).is_none(), "one takes it away");
        let (told, heard) = mpsc::channel();
        let arriving = {
            let doors = doors.clone();
            std::thread::spawn(move || {
                told.send("comes").expect("heard");
                let _arriving = doors.arrive(one);
                told.send("is in").expect("heard");
            })
        };
        assert_eq!(heard.recv(), Ok("comes"));
        assert_eq!(heard.try_recv(), Err(mpsc::TryRecvError::Empty), "it waits");
        drop(leaving);
        assert_eq!(heard.recv(), Ok("is in"));
        arriving.join().expect("it ended");
        assert!(doors.lock().is_empty(), "nothing is left behind");
    }
}
