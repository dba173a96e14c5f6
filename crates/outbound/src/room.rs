//! How much the bodies of all answers may hold at the same time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that may still be taken. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Room(Arc<AtomicUsize>);

/// Some of the room. Dropped, it gives it back.
#[derive(Debug)]
pub(crate) struct Taken {
    room: Room,
    bytes: usize,
}

impl Room {
    pub(crate) fn of(bytes: usize) -> Room {
        Room(Arc::new(AtomicUsize::new(bytes)))
    }

    /// Nothing of it, to be grown.
    pub(crate) fn take(&self) -> Taken {
        Taken { room: self.clone(), bytes: 0 }
    }
}

impl Taken {
    /// Takes so much more. False: it is not there.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let took = self.room.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
        if took.is_ok() {
            self.bytes += bytes;
        }
        took.is_ok()
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.room.0.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_comes_back() {
        let room = Room::of(10);
        let mut one = room.take();
        assert!(one.grow(4) && one.grow(4) && !one.grow(3));
        let mut other = room.take();
        assert!(other.grow(2) && !other.grow(1));
        drop(one);
        assert!(other.grow(8) && !other.grow(1));
        drop(other);
        assert!(room.take().grow(10));
    }
}
