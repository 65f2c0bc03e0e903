//! Atomics, from the standard library or, in model tests, from loom or shuttle; and cells with one writer.
//!
//! This is the only file of the allocator that names an atomic type's home. A `Racy` cell (`RacyU32` and its
//! kin) is what a structure with a single writer needs when others may look at it: the writer is whoever owns
//! the structure (a thread its cache and its spans, a lock its lists), a reader without that right sees some
//! value that was written, never a torn one. Both compile to plain moves.

#[cfg(shuttle)]
pub use crate::scheduled::{
    AtomicBool, AtomicI32, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize,
};
#[cfg(not(any(loom, shuttle)))]
pub use core::sync::atomic::{
    AtomicBool, AtomicI32, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize,
};
#[cfg(not(loom))]
pub use core::sync::atomic::{Ordering, compiler_fence, fence};
#[cfg(loom)]
pub use loom::sync::atomic::{
    AtomicBool, AtomicI32, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};

/// Defines a function that is `const`, except for loom, whose atomics and cells have an identity.
#[macro_export]
macro_rules! const_fn {
    ($(#[$meta:meta])* $vis:vis fn $($rest:tt)*) => {
        #[cfg(not(loom))]
        $(#[$meta])*
        $vis const fn $($rest)*
        #[cfg(loom)]
        $(#[$meta])*
        $vis fn $($rest)*
    };
}

/// Tells the processor that this thread waits for another.
#[inline]
pub fn spin_loop() {
    #[cfg(not(any(loom, shuttle)))]
    core::hint::spin_loop();
    #[cfg(shuttle)]
    shuttle::thread::yield_now();
    #[cfg(loom)]
    loom::thread::yield_now();
}

/// What cells with one writer are made of. Shuttle does not switch there: most accesses are to such cells,
/// and its schedules would hardly ever switch elsewhere.
mod cell {
    #[cfg(shuttle)]
    pub(super) use core::sync::atomic::{AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize};

    #[cfg(not(shuttle))]
    pub(super) use super::{AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize};
}

/// Makes a cell type over an atomic, with relaxed access only.
macro_rules! racy {
    ($(#[$doc:meta])* $name:ident, $atomic:ident, $value:ty) => {
        $(#[$doc])*
        #[derive(Debug)]
        #[repr(transparent)]
        pub struct $name(cell::$atomic);

        impl $name {
            $crate::const_fn! {
                /// A cell that holds `value`.
                #[must_use]
                pub fn new(value: $value) -> Self {
                    Self(cell::$atomic::new(value))
                }
            }

            /// The value; if another thread is the writer, some value that it wrote.
            #[inline(always)]
            #[must_use]
            pub fn get(&self) -> $value {
                self.0.load(Ordering::Relaxed)
            }

            /// The value, by an ordinary read, which a compiler folds into the instruction that wants it.
            ///
            /// # Safety
            /// No other thread sets it meanwhile.
            #[cfg(not(loom))]
            #[inline(always)]
            #[must_use]
            pub unsafe fn get_settled(&self) -> $value {
                // SAFETY: the caller says that there is no writer; other readers are no conflict.
                unsafe { *self.0.as_ptr() }
            }

            /// Sets the value. Only the cell's writer may call this; two writers lose updates.
            #[inline(always)]
            pub fn set(&self, value: $value) {
                self.0.store(value, Ordering::Relaxed);
            }

            /// Adds without an atomic instruction; see [`set`](Self::set).
            #[inline(always)]
            pub fn add(&self, amount: $value) {
                self.set(self.get().wrapping_add(amount));
            }

            /// Subtracts without an atomic instruction; see [`set`](Self::set).
            #[inline(always)]
            pub fn sub(&self, amount: $value) {
                self.set(self.get().wrapping_sub(amount));
            }
        }
    };
}

racy!(
    /// A byte with one writer.
    RacyU8, AtomicU8, u8
);
racy!(
    /// A 16-bit number with one writer.
    RacyU16, AtomicU16, u16
);
racy!(
    /// A 32-bit number with one writer.
    RacyU32, AtomicU32, u32
);
racy!(
    /// A 64-bit number with one writer.
    RacyU64, AtomicU64, u64
);
racy!(
    /// A size or an address with one writer.
    RacyUsize, AtomicUsize, usize
);

impl RacyU32 {
    /// Takes one from a count, by a single instruction that also tells whether there was one; `false` if not,
    /// and then the count has wrapped: the caller sets it anew.
    ///
    /// # Safety
    /// No other thread sets it meanwhile, or all do so by this function and by setting it to 0, and none
    /// minds a lost update.
    #[inline(always)]
    #[must_use]
    pub unsafe fn take_one_settled(&self) -> bool {
        #[cfg(any(miri, loom, spandrel_sanitized))]
        {
            let left = self.get().wrapping_sub(1);
            self.set(left);
            left.cast_signed() >= 0
        }
        #[cfg(not(any(miri, loom, spandrel_sanitized)))]
        {
            let count = self.0.as_ptr();
            // SAFETY: the caller says that there is no other writer. Readers load the whole word, which one
            // aligned move has stored; an atomic type would keep load and store apart from the test.
            unsafe {
                let left = (*count).wrapping_sub(1);
                *count = left;
                left.cast_signed() >= 0
            }
        }
    }
}

/// A pointer with one writer.
#[derive(Debug)]
#[repr(transparent)]
pub struct RacyPtr<T>(cell::AtomicPtr<T>);

impl<T> RacyPtr<T> {
    const_fn! {
        /// A cell that holds null.
        #[must_use]
        pub fn null() -> Self {
            Self(cell::AtomicPtr::new(core::ptr::null_mut()))
        }
    }

    /// The pointer; if another thread is the writer, some pointer that it wrote.
    #[inline(always)]
    #[must_use]
    pub fn get(&self) -> *mut T {
        self.0.load(Ordering::Relaxed)
    }

    /// Sets the pointer. Only the cell's writer may call this.
    #[inline(always)]
    pub fn set(&self, pointer: *mut T) {
        self.0.store(pointer, Ordering::Relaxed);
    }
}
