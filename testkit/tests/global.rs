//! The kit when the subject is the program's own global allocator, so that its own data lives there as well.

use spandrel_testkit::fork::fork_under_churn;
use spandrel_testkit::threads::{Load, stress};
use spandrel_testkit::{GlobalSubject, Scale, conformance};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The system allocator, and a count that proves that it was this one which was tested.
struct Counting {
    blocks: AtomicUsize,
}

// SAFETY: the system allocator does it all.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.blocks.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is the same.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting { blocks: AtomicUsize::new(0) };

#[test]
fn the_kit_works_on_top_of_its_subject() {
    conformance(&GlobalSubject, Scale::Quick);
    stress(&GlobalSubject, Load { threads: 4, blocks: 20_000, seed: 1 });
    fork_under_churn(&GlobalSubject, 2, 10);
    assert!(COUNTING.blocks.load(Ordering::Relaxed) > 300_000, "something else was tested");
}
