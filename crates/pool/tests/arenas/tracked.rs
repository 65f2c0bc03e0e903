//! An allocator that counts what it has given out, and refuses beyond a bound.

use std::alloc::Layout;
use std::cell::Cell;
use std::ptr::NonNull;

use allocator_api2::alloc::{AllocError, Allocator, Global};

pub(crate) struct Tracked {
    pub(crate) live_bytes: Cell<usize>,
    pub(crate) calls: Cell<usize>,
    pub(crate) bound_bytes: Cell<usize>,
}

impl Tracked {
    pub(crate) fn new() -> Self {
        Self { live_bytes: Cell::new(0), calls: Cell::new(0), bound_bytes: Cell::new(usize::MAX) }
    }
}

// SAFETY: the global allocator does it all.
unsafe impl Allocator for &Tracked {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if self.live_bytes.get() + layout.size() > self.bound_bytes.get() {
            return Err(AllocError);
        }
        self.live_bytes.set(self.live_bytes.get() + layout.size());
        self.calls.set(self.calls.get() + 1);
        Global.allocate(layout)
    }

    unsafe fn deallocate(&self, place: NonNull<u8>, layout: Layout) {
        self.live_bytes.set(self.live_bytes.get() - layout.size());
        // SAFETY: the contract is the caller's.
        unsafe { Global.deallocate(place, layout) };
    }
}
