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
