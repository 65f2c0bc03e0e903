//! Single values: moved in, or made in place.
//!
//! A closure may allocate in the same arena: the place of its value is taken before it runs. What it returns
//! is built in the arena where the compiler can do so, and moved there where it can't.

use std::alloc::Layout;
use std::ptr::NonNull;

use allocator_api2::alloc::{AllocError, Allocator};

use super::Arena;

/// Why a value could not be made in place.
///
/// ```
/// use spandrel_pool::{Arena, TryInitError};
/// let arena = Arena::new();
/// arena.set_allocation_limit(Some(0));
/// let made = arena.try_alloc_try_with(|| "7".parse::<u8>());
/// assert!(matches!(made, Err(TryInitError::Alloc(_))));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryInitError<E> {
    /// There was no memory, and the closure did not run.
    Alloc(AllocError),
    /// The closure failed.
    Init(E),
}

impl<E: std::fmt::Display> std::fmt::Display for TryInitError<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Alloc(error) => error.fmt(f),
            Self::Init(error) => error.fmt(f),
        }
    }
}

impl<E: std::error::Error> std::error::Error for TryInitError<E> {}

impl<A: Allocator> Arena<A> {
    /// Moves a value in. Its destructor won't run.
    ///
    /// # Panics
    /// If a limit is in the way. Out of memory ends the program as for a box; so it is with all methods that
    /// don't begin with `try`.
    ///
    /// ```
    /// let arena = spandrel_pool::Arena::new();
    /// let (a, b) = (arena.alloc(1), arena.alloc(2));
    /// std::mem::swap(a, b);
    /// assert_eq!((*a, *b), (2, 1));
    /// ```
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "each call gives other memory")]
    pub fn alloc<T>(&self, value: T) -> &mut T {
        self.alloc_with(|| value)
    }

    /// As `alloc`, but tells when there is no memory; the value is dropped then.
    ///
    /// ```
    /// assert_eq!(spandrel_pool::Arena::new().try_alloc(5), Ok(&mut 5));
    /// ```
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "each call gives other memory")]
    pub fn try_alloc<T>(&self, value: T) -> Result<&mut T, AllocError> {
        self.try_alloc_with(|| value)
    }

    /// Makes a value in place: for large ones, which `alloc` would move.
    ///
    /// ```
    /// assert_eq!(spandrel_pool::Arena::new().alloc_with(|| [0u8; 1000]).len(), 1000);
    /// ```
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "each call gives other memory")]
    pub fn alloc_with<T>(&self, make: impl FnOnce() -> T) -> &mut T {
        let place = if size_of::<T>() == 0 {
            NonNull::dangling()
        } else {
            self.alloc_value(Layout::new::<T>()).cast()
        };
        // SAFETY: fresh memory of the type's layout, or a place for nothing.
        unsafe { fill(place, make) }
    }

    /// As `alloc_with`, but tells when there is no memory; the closure doesn't run then.
    ///
    /// ```
    /// assert_eq!(spandrel_pool::Arena::new().try_alloc_with(|| "x"), Ok(&mut "x"));
    /// ```
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "each call gives other memory")]
    pub fn try_alloc_with<T>(&self, make: impl FnOnce() -> T) -> Result<&mut T, AllocError> {
        if size_of::<T>() == 0 {
            // SAFETY: a place for nothing.
            return Ok(unsafe { fill(NonNull::dangling(), make) });
        }
        let place = self.try_alloc_value(Layout::new::<T>())?.cast();
        // SAFETY: fresh memory of the type's layout.
        Ok(unsafe { fill(place, make) })
    }

    /// Makes a value in place by a closure that may fail. The place goes back after a failure, unless the
    /// closure has allocated here too. A success takes the room of the whole `Result`; for small values
    /// `alloc(make()?)` is better.
    ///
    /// ```
    /// let arena = spandrel_pool::Arena::new();
    /// assert_eq!(arena.alloc_try_with(|| "7".parse::<u8>()), Ok(&mut 7));
    /// assert!(arena.alloc_try_with(|| "x".parse::<u8>()).is_err());
    /// ```
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "each call gives other memory")]
    pub fn alloc_try_with<T, E>(&self, make: impl FnOnce() -> Result<T, E>) -> Result<&mut T, E> {
        let place = self.alloc_value(Layout::new::<Result<T, E>>()).cast();
        // SAFETY: fresh memory of the type's layout.
        unsafe { self.fill_or_give_back(place, make) }
    }

    /// As `alloc_try_with`, but tells when there is no memory; the closure doesn't run then.
    ///
    /// ```
    /// use spandrel_pool::{Arena, TryInitError};
    /// let arena = Arena::new();
    /// assert_eq!(arena.try_alloc_try_with(|| Err::<u8, _>("no")), Err(TryInitError::Init("no")));
    /// ```
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "each call gives other memory")]
    pub fn try_alloc_try_with<T, E>(
        &self,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<&mut T, TryInitError<E>> {
        let place = self.try_alloc_value(Layout::new::<Result<T, E>>()).map_err(TryInitError::Alloc)?;
        // SAFETY: fresh memory of the type's layout.
        unsafe { self.fill_or_give_back(place.cast(), make) }.map_err(TryInitError::Init)
    }

    /// # Safety
    /// The place is the caller's, of the type's layout, for as long as the arena is lent.
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "the place is the caller's")]
    unsafe fn fill_or_give_back<T, E>(
        &self,
        place: NonNull<Result<T, E>>,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<&mut T, E> {
        // SAFETY: the caller's promise. The lifetime ends with this function, for the failure must not
        // outlive it.
        match unsafe { fill(place, make) } {
            Ok(value) => {
                // SAFETY: the place is the caller's for longer.
                Ok(unsafe { &mut *std::ptr::from_mut(value) })
            }
            Err(error) => {
                // SAFETY: it moves out, and nobody uses its place any more.
                let error = unsafe { std::ptr::from_mut(error).read() };
                self.give_back(place.cast(), Layout::new::<Result<T, E>>());
                Err(error)
            }
        }
    }
}

/// In a function of its own, so that the value is built where it will be.
///
/// # Safety
/// The place is the caller's for `'a`, of the type's layout.
#[inline(always)]
unsafe fn fill<'a, T>(place: NonNull<T>, make: impl FnOnce() -> T) -> &'a mut T {
    // SAFETY: the caller's promise.
    unsafe {
        place.write(make());
        &mut *place.as_ptr()
    }
}
