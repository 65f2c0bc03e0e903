//! What a model sees of dead objects. They are plain memory, of which loom knows nothing; so whoever reads or
//! writes in one says so here, and for loom each object is a cell that two threads must not touch at once.
//! Without loom nothing is left of it.

#[cfg(not(loom))]
use crate::object::Object;

#[cfg(not(loom))]
#[inline(always)]
pub(crate) const fn read(_: *mut Object) {}

#[cfg(not(loom))]
#[inline(always)]
pub(crate) const fn written(_: *mut Object) {}

#[cfg(loom)]
pub(crate) use cells::{Observed, read, written};

#[cfg(loom)]
mod cells {
    extern crate std;
    use core::cell::RefCell;
    use loom::cell::UnsafeCell;
    use std::rc::Rc;
    use std::vec::Vec;

    use spandrel_classes::PAGE_BYTES;

    use crate::object::Object;

    /// Objects that lie one after the other.
    pub(crate) struct Observed {
        first: usize,
        object_bytes: usize,
        cells: Vec<UnsafeCell<()>>,
    }

    std::thread_local! {
        /// The objects of the model that runs. All threads of a model are one of the system's.
        static OBSERVED: RefCell<Option<Rc<Observed>>> = const { RefCell::new(None) };
        /// A page for the objects of one model after the other.
        static PAGE: *mut u8 = {
            let layout = std::alloc::Layout::from_size_align(PAGE_BYTES, PAGE_BYTES).unwrap();
            // SAFETY: a page is not empty.
            unsafe { std::alloc::alloc_zeroed(layout) }
        };
    }

    impl Observed {
        /// A page, of which the first `objs` objects are observed from now on, and no others.
        pub(crate) fn page(object_bytes: usize, objs: usize) -> *mut u8 {
            let page = PAGE.with(|page| *page);
            let cells = (0..objs).map(|_| UnsafeCell::new(())).collect();
            OBSERVED.set(Some(Rc::new(Self { first: page.addr(), object_bytes, cells })));
            page
        }

        /// No objects are.
        pub(crate) fn end() {
            OBSERVED.set(None);
        }
    }

    fn with(object: *mut Object, action: impl FnOnce(&UnsafeCell<()>)) {
        let Some(observed) = OBSERVED.with_borrow(Clone::clone) else { return };
        let offset = object.addr().wrapping_sub(observed.first);
        if let Some(cell) = observed.cells.get(offset / observed.object_bytes) {
            action(cell);
        }
    }

    /// Somebody reads in an object.
    pub(crate) fn read(object: *mut Object) {
        with(object, |cell| cell.with(|_| ()));
    }

    /// Somebody writes to an object.
    pub(crate) fn written(object: *mut Object) {
        with(object, |cell| cell.with_mut(|_| ()));
    }
}
