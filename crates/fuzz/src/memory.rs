//! How much a reader holds at once.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    /// What has been asked for and not given back; below zero where it was asked for elsewhere.
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

/// The system's allocator, which counts what each thread has asked for: the `#[global_allocator]` of a test's program
/// that uses [`holding`].
#[derive(Debug, Clone, Copy)]
pub struct Counting;

/// Runs `act` and asserts that this thread has asked for at most `most` bytes at once meanwhile, on top of what it had.
#[track_caller]
pub fn holding<T>(most: usize, act: impl FnOnce() -> T) -> T {
    let before = HELD.get();
    MOST.set(before);
    drop(std::hint::black_box(Box::new(0_u64)));
    assert!(MOST.get() > before, "this program does not count: it needs fuzz::Counting as its allocator");
    MOST.set(before);
    let result = act();
    let held = MOST.get() - before;
    assert!(held <= most as isize, "{held} bytes were asked for at once; at most {most} may be");
    result
}

fn more(bytes: usize) {
    // A thread that ends has no counters any more.
    let _ = HELD.try_with(|held| {
        let now = held.get().saturating_add_unsigned(bytes);
        held.set(now);
        let _ = MOST.try_with(|most| most.set(most.get().max(now)));
    });
}

fn less(bytes: usize) {
    let _ = HELD.try_with(|held| held.set(held.get().saturating_sub_unsigned(bytes)));
}

#[expect(unsafe_code, reason = "an allocator is unsafe to write; this one only counts")]
// SAFETY: every call goes on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        more(layout.size());
        // SAFETY: the caller has promised what this asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        more(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        more(size);
        less(layout.size());
        // SAFETY: as above.
        unsafe { System.realloc(place, layout, size) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        less(layout.size());
        // SAFETY: as above.
        unsafe { System.dealloc(place, layout) }
    }
}
