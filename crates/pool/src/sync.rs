//! What loom stands in for: atomics, the lock of the depot, the condition that waiters sleep on, shares.
//!
//! Atomics come from the platform crate; where there is no platform, from the language.

#[cfg(not(feature = "std"))]
pub(crate) use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
#[cfg(feature = "std")]
pub(crate) use spandrel_platform::{
    const_fn,
    sync::{AtomicBool, AtomicUsize, Ordering},
};

#[cfg(loom)]
pub(crate) use loom::sync::{Arc, Condvar, Mutex, MutexGuard};
#[cfg(all(feature = "std", not(loom)))]
pub(crate) use std::sync::{Arc, Condvar, Mutex, MutexGuard};

/// As the platform's, without loom.
#[cfg(not(feature = "std"))]
macro_rules! const_fn {
    ($(#[$meta:meta])* $vis:vis fn $($rest:tt)*) => {
        $(#[$meta])*
        $vis const fn $($rest)*
    };
}
#[cfg(not(feature = "std"))]
pub(crate) use const_fn;

/// Keeps the order of moves of a thread, for whoever calls `heavy_barrier` in between.
#[cfg(feature = "std")]
#[inline(always)]
pub(crate) fn light_barrier() {
    #[cfg(not(loom))]
    spandrel_platform::sync::compiler_fence(Ordering::SeqCst);
    // What the two barriers are together, and models know no other way to say.
    #[cfg(loom)]
    spandrel_platform::sync::fence(Ordering::SeqCst);
}

/// Makes all threads of the process finish the moves that they have begun. False if the system can't.
#[cfg(feature = "std")]
pub(crate) fn heavy_barrier() -> bool {
    #[cfg(not(loom))]
    return spandrel_platform::thread::barrier_everywhere();
    #[cfg(loom)]
    {
        spandrel_platform::sync::fence(Ordering::SeqCst);
        true
    }
}
