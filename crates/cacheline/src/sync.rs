//! What loom stands in for: atomics, shared ownership, and a cell that two threads may hand to each other.
//!
//! Atomics come from the platform crate. The cell has loom's interface, so that a model notices when two
//! threads touch its content at once; without loom it is the standard library's and costs nothing.

#[cfg(not(loom))]
pub(crate) use alloc::sync::Arc;
#[cfg(loom)]
pub(crate) use loom::{cell::UnsafeCell, sync::Arc};
#[cfg(any(feature = "std", loom))]
pub(crate) use spandrel_platform::sync::AtomicU64;
pub(crate) use spandrel_platform::sync::{AtomicBool, AtomicUsize, Ordering, spin_loop};

/// A cell whose content is reached through a raw pointer; whoever reads it says why that is sound.
#[cfg(not(loom))]
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct UnsafeCell<T>(core::cell::UnsafeCell<T>);

#[cfg(not(loom))]
impl<T> UnsafeCell<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(core::cell::UnsafeCell::new(value))
    }

    #[inline(always)]
    pub(crate) fn with<R>(&self, action: impl FnOnce(*const T) -> R) -> R {
        action(self.0.get())
    }

    #[inline(always)]
    pub(crate) fn with_mut<R>(&self, action: impl FnOnce(*mut T) -> R) -> R {
        action(self.0.get())
    }
}
