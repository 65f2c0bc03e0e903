//! Values whose destructors run when the arena frees them: a list through the values themselves, the youngest
//! first, each with its position.
//!
//! Such a value owns all it has and may be sent: the arena may be dropped long after, and by another thread.

use std::alloc::Layout;
use std::ptr::NonNull;

use allocator_api2::alloc::{AllocError, Allocator};

use super::Arena;

/// The head of a value whose destructor is due.
pub(super) struct Due {
    older: Option<NonNull<Due>>,
    position: usize,
    run: unsafe fn(NonNull<Due>),
}

#[repr(C)]
struct WithDue<T> {
    due: Due,
    value: T,
}

/// # Safety
/// The head is that of a `WithDue<T>` whose value was not dropped yet and is referred to by nobody.
unsafe fn run<T>(due: NonNull<Due>) {
    // SAFETY: the caller's promise. The pointer was made from one to the whole.
    unsafe { (&raw mut (*due.cast::<WithDue<T>>().as_ptr()).value).drop_in_place() };
}

impl<A: Allocator> Arena<A> {
    /// Moves a value in whose destructor runs when the arena frees it: by `reset`, `rewind`, or its own end;
    /// the youngest first. Costs three words beside the value.
    ///
    /// For a destructor that runs earlier, at the end of a scope, take `allocator_api2`'s
    /// `Box::new_in(value, &arena)`, which may also borrow.
    ///
    /// ```
    /// use std::sync::Arc;
    /// let (shared, mut arena) = (Arc::new(1), spandrel_pool::Arena::new());
    /// assert_eq!(**arena.alloc_drop(Arc::clone(&shared)), 1);
    /// assert_eq!(Arc::strong_count(&shared), 2);
    /// arena.reset();
    /// assert_eq!(Arc::strong_count(&shared), 1);
    /// ```
    #[allow(clippy::mut_from_ref, reason = "each call gives other memory")]
    pub fn alloc_drop<T: Send + 'static>(&self, value: T) -> &mut T {
        match self.place_due(value) {
            Ok(value) => value,
            Err((AllocError, _)) => self.out_of_memory(Layout::new::<WithDue<T>>()),
        }
    }

    /// As `alloc_drop`, but tells when there is no memory; the value is dropped then.
    ///
    /// ```
    /// let arena = spandrel_pool::Arena::new();
    /// assert_eq!(arena.try_alloc_drop(vec![1]).as_deref(), Ok(&vec![1]));
    /// ```
    #[allow(clippy::mut_from_ref, reason = "each call gives other memory")]
    pub fn try_alloc_drop<T: Send + 'static>(&self, value: T) -> Result<&mut T, AllocError> {
        self.place_due(value).map_err(|(error, _)| error)
    }

    #[allow(clippy::mut_from_ref, reason = "each call gives other memory")]
    fn place_due<T: Send + 'static>(&self, value: T) -> Result<&mut T, (AllocError, T)> {
        let Ok(place) = self.try_alloc_layout(Layout::new::<WithDue<T>>()) else {
            return Err((AllocError, value));
        };
        // The position of its end: it is due when the arena goes back to before that.
        let due = Due { older: self.due.get(), position: self.checkpoint().position, run: run::<T> };
        let place = place.cast::<WithDue<T>>();
        // SAFETY: fresh memory of the layout, which nothing else refers to. The head is never borrowed, only
        // read through the same pointer, so the value may be lent for as long as the arena is.
        unsafe {
            place.write(WithDue { due, value });
            self.due.set(Some(place.cast()));
            Ok(&mut (*place.as_ptr()).value)
        }
    }

    /// Runs the destructors of what ends beyond a position. One that panics does so when the rest are
    /// still due.
    pub(super) fn run_due(&mut self, position: usize) {
        while let Some(due) = self.due.get() {
            // SAFETY: what is listed is alive, and stays so until `reset` or `rewind` have come here.
            let (older, end, run) = unsafe {
                let due = due.as_ptr();
                ((*due).older, (*due).position, (*due).run)
            };
            if end <= position {
                return;
            }
            self.due.set(older);
            // SAFETY: a head lies before its own value, it has just left the list, and the arena is borrowed
            // alone.
            unsafe { run(due) };
        }
    }
}
