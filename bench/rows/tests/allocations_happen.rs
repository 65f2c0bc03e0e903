//! Every row asks the allocator for memory: none has been removed by the optimiser. Counts most in a release
//! build.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

use rows::{ROWS, Setup};

/// The system's allocator, counting.
struct Counting;

static REQUESTS: AtomicU64 = AtomicU64::new(0);

#[global_allocator]
static ALLOC: Counting = Counting;

// SAFETY: every call goes on to `System` unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        REQUESTS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise is `System`'s condition.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        REQUESTS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise is `System`'s condition.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, start: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        REQUESTS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise is `System`'s condition.
        unsafe { System.realloc(start, layout, size) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is `System`'s condition.
        unsafe { System.dealloc(start, layout) }
    }
}

/// What the shortest repetitions ask for at least, rows apart that are about few requests or none.
fn requests_min(row: &str) -> u64 {
    match row {
        "hello" => 0,
        "vecpush" => 40,
        _ => 250,
    }
}

#[test]
fn every_row_asks_for_memory() {
    for row in ROWS {
        let before = REQUESTS.load(Ordering::Relaxed);
        (row.run)(&Setup::new(true));
        let requests = REQUESTS.load(Ordering::Relaxed) - before;
        assert!(requests >= requests_min(row.name), "{}: {requests} requests", row.name);
    }
}
