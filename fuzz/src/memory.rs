//! How much memory a piece of work takes at most: a global allocator that keeps count.
//!
//! The promise that is checked with it is the one of `Value::parse`; `rust/storable/tests/memory.rs` proves
//! the constant on the worst cases that are known.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// How many times the image reading it may take.
const FACTOR: usize = 200;
/// What reading may take beside that.
const FIXED: usize = 2048;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator with a count of what is held. A target has one thread.
pub struct Counting;

// SAFETY: every call goes to the system's allocator as it came; the counters allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(held, Relaxed);
        // SAFETY: the caller's promise about `layout` is the one that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        // SAFETY: `memory` came from `alloc` above, which is the system's, with the same `layout`.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// Does some work on an image. Panics if that takes more memory than reading the image may.
pub fn bounded<T>(image: &[u8], work: impl FnOnce() -> T) -> T {
    let before = HELD.load(Relaxed);
    PEAK.store(before, Relaxed);
    let result = work();
    let peak = PEAK.load(Relaxed) - before;
    let most = FACTOR * image.len() + FIXED;
    assert!(peak <= most, "{peak} bytes of memory for {}, more than {most}", image.len());
    result
}
