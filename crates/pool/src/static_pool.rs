//! A pool of a fixed number of objects that lie in it: no allocator, no threads to be known, no waiting.
//!
//! A flag for each object says whether it is lent. Whoever turns it from false to true has the object until
//! the flag is cleared. So there is nothing between two words that another thread or an interrupt could see
//! half done, and a caller looks at each flag once at most.

use core::cell::UnsafeCell;
use core::fmt;
use core::ops::{Deref, DerefMut};

use crate::sync::{AtomicBool, AtomicUsize, Ordering, const_fn};

/// `N` objects for programs without an allocator, or for places where it must not be called: interrupts,
/// handlers of signals, threads that must not wait.
///
/// Each thread looks for a free object from the one that came back last on. With many threads at once, and
/// where there is an allocator, `Pool` is faster; with many objects in use at once the search is as long as
/// they are many.
///
/// ```
/// use spandrel_pool::StaticPool;
/// static FRAMES: StaticPool<[u8; 1500], 8> = StaticPool::new([[0; 1500]; 8]);
/// let mut frame = FRAMES.get().expect("eight are enough");
/// frame[0] = 1;
/// assert_eq!(FRAMES.idle(), 7);
/// drop(frame);
/// assert_eq!(FRAMES.idle(), 8);
/// ```
pub struct StaticPool<T, const N: usize> {
    objects: UnsafeCell<[T; N]>,
    lent: [AtomicBool; N],
    /// The object that came back last: likely free.
    latest: AtomicUsize,
    reset: fn(&mut T),
}

// SAFETY: an object is reached by the one that has its lease, which excludes others, and may change threads.
unsafe impl<T: Send, const N: usize> Sync for StaticPool<T, N> {}

impl<T, const N: usize> StaticPool<T, N> {
    const_fn! {
        /// A pool of these objects. They stay as their users leave them.
        #[must_use]
        pub fn new(objects: [T; N]) -> Self {
            Self::with_reset(objects, |_| ())
        }
    }

    const_fn! {
        /// A pool of these objects; each that comes back is reset.
        ///
        /// ```
        /// # use spandrel_pool::StaticPool;
        /// static NAMES: StaticPool<[u8; 4], 2> = StaticPool::with_reset([[0; 4]; 2], |name| name.fill(0));
        /// NAMES.get().unwrap()[1] = 1;
        /// assert_eq!(*NAMES.get().unwrap(), [0; 4]);
        /// ```
        #[must_use]
        pub fn with_reset(objects: [T; N], reset: fn(&mut T)) -> Self {
            Self {
                objects: UnsafeCell::new(objects),
                lent: flags(),
                latest: AtomicUsize::new(0),
                reset,
            }
        }
    }

    /// An object; `None` if each was lent when it was looked at.
    #[must_use]
    pub fn get(&self) -> Option<Lease<'_, T, N>> {
        let latest = self.latest.load(Ordering::Relaxed);
        (latest..N)
            .chain(0..latest)
            .find(|number| self.claim(*number))
            .map(|number| Lease { pool: self, number })
    }

    fn claim(&self, number: usize) -> bool {
        let lent = &self.lent[number];
        // Acquires what the last holder has written. Who comes too late writes nothing.
        !lent.load(Ordering::Relaxed)
            && lent.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// How many objects are free, about: others may take and return some meanwhile.
    #[must_use]
    pub fn idle(&self) -> usize {
        self.lent.iter().filter(|lent| !lent.load(Ordering::Relaxed)).count()
    }

    fn object(&self, number: usize) -> *mut T {
        self.objects.get().cast::<T>().wrapping_add(number)
    }
}

#[cfg(not(loom))]
const fn flags<const N: usize>() -> [AtomicBool; N] {
    [const { AtomicBool::new(false) }; N]
}

#[cfg(loom)]
fn flags<const N: usize>() -> [AtomicBool; N] {
    core::array::from_fn(|_| AtomicBool::new(false))
}

impl<T, const N: usize> fmt::Debug for StaticPool<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticPool").field("objects", &N).field("idle", &self.idle()).finish()
    }
}

/// An object lent by a [`StaticPool`]; goes back when dropped.
#[must_use = "a lease that is dropped at once gives its object back at once"]
pub struct Lease<'p, T, const N: usize> {
    pool: &'p StaticPool<T, N>,
    number: usize,
}

// SAFETY: a shared lease gives a shared object; what the pool is otherwise shared for are atomics.
unsafe impl<T: Send + Sync, const N: usize> Sync for Lease<'_, T, N> {}

impl<T, const N: usize> Deref for Lease<'_, T, N> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the lease has the only right to the object, whose number is below N.
        unsafe { &*self.pool.object(self.number) }
    }
}

impl<T, const N: usize> DerefMut for Lease<'_, T, N> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above.
        unsafe { &mut *self.pool.object(self.number) }
    }
}

impl<T: fmt::Debug, const N: usize> fmt::Debug for Lease<'_, T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T, const N: usize> Drop for Lease<'_, T, N> {
    fn drop(&mut self) {
        let reset = self.pool.reset;
        // If that panics, the object stays lent for good.
        reset(self);
        // Releases what was written to the object to the next holder.
        self.pool.lent[self.number].store(false, Ordering::Release);
        self.pool.latest.store(self.number, Ordering::Relaxed);
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::StaticPool;
    use loom::cell::UnsafeCell;
    use loom::sync::Arc;
    use loom::thread;

    fn work(pool: &StaticPool<UnsafeCell<u32>, 2>) -> u32 {
        let objects = [pool.get(), pool.get()];
        for object in objects.iter().flatten() {
            // SAFETY: the lease excludes others; loom checks that.
            object.with_mut(|count| unsafe { *count += 1 });
        }
        objects.iter().flatten().count() as u32
    }

    /// Two threads want two objects each, of two: none has two holders, and what one holder has written the
    /// next one sees.
    #[test]
    fn an_object_has_one_holder() {
        loom::model(|| {
            let pool = Arc::new(StaticPool::new([UnsafeCell::new(0), UnsafeCell::new(0)]));
            let theirs = Arc::clone(&pool);
            let thread = thread::spawn(move || work(&theirs));
            let done = work(&pool) + thread.join().expect("no panic");
            let objects = [pool.get().expect("all came back"), pool.get().expect("all came back")];
            // SAFETY: as above.
            let sum: u32 = objects.iter().map(|object| object.with(|count| unsafe { *count })).sum();
            assert_eq!(sum, done);
            assert!(done >= 2, "a free object is found");
        });
    }
}
