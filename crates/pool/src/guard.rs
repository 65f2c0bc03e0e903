//! Guards: the right to one object of a pool, given back when it ends.

use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::Arc;

use crate::pool::Pool;
use crate::recycle::Recycle;

/// The guard of an object of a static pool.
///
/// ```
/// use spandrel_pool::{Pool, PooledStatic};
/// static NAMES: Pool<String> = Pool::new(String::new);
/// struct Session {
///     name: PooledStatic<String>,
/// }
/// assert!(Session { name: NAMES.get_static() }.name.is_empty());
/// ```
pub type PooledStatic<T, R = fn() -> T> = Pooled<'static, T, R>;

/// An object lent by a pool; goes back when dropped. Borrows the pool, so it can't outlive it.
///
/// ```
/// let pool = spandrel_pool::Pool::new(String::new);
/// let mut name = pool.get();
/// name.push_str("x");
/// assert_eq!(name.len(), 1);
/// ```
#[must_use = "a guard that is dropped at once gives its object back at once"]
pub struct Pooled<'p, T: Send + 'static, R: Recycle<T> = fn() -> T> {
    object: NonNull<T>,
    pool: &'p Pool<T, R>,
}

/// An object lent by a pool in an [`Arc`], of which it holds a share.
///
/// ```
/// use spandrel_pool::{Pool, PooledOwned};
/// fn lent() -> PooledOwned<String> {
///     std::sync::Arc::new(Pool::new(String::new as fn() -> String)).get_owned()
/// }
/// assert!(lent().is_empty());
/// ```
#[must_use = "a guard that is dropped at once gives its object back at once"]
pub struct PooledOwned<T: Send + 'static, R: Recycle<T> = fn() -> T> {
    object: NonNull<T>,
    pool: ManuallyDrop<Arc<Pool<T, R>>>,
}

impl<'p, T: Send + 'static, R: Recycle<T>> Pooled<'p, T, R> {
    #[inline(always)]
    pub(crate) fn new(object: NonNull<T>, pool: &'p Pool<T, R>) -> Self {
        Self { object, pool }
    }
}

impl<T: Send + 'static, R: Recycle<T>> PooledOwned<T, R> {
    pub(crate) fn new(object: NonNull<T>, pool: Arc<Pool<T, R>>) -> Self {
        Self { object, pool: ManuallyDrop::new(pool) }
    }

    fn split(self) -> (NonNull<T>, Arc<Pool<T, R>>) {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: the guard's own drop, which would take it too, doesn't run.
        (this.object, unsafe { ManuallyDrop::take(&mut this.pool) })
    }
}

/// What both guards have.
macro_rules! guard {
    ($guard:ident $(<$life:lifetime>)?, $parts:expr) => {
        impl<$($life,)? T: Send + 'static, R: Recycle<T>> $guard<$($life,)? T, R> {
            /// Takes the object out of the pool for good.
            ///
            /// ```
            /// use std::sync::Arc;
            /// let pool = Arc::new(spandrel_pool::Pool::new(|| 4u8));
            /// assert_eq!(*pool.get().detach() + *pool.get_owned().detach(), 8);
            /// assert_eq!(pool.stats().detached, 2);
            /// ```
            #[must_use]
            pub fn detach(self) -> Box<T> {
                let (object, pool) = $parts(self);
                pool.part_with(object);
                // SAFETY: the guard had the only right to the object, from a box, and its drop doesn't run.
                unsafe { Box::from_raw(object.as_ptr()) }
            }

            /// The object by value, out of the pool for good.
            ///
            /// ```
            /// assert_eq!(spandrel_pool::Pool::new(|| 4u8).get().into_inner(), 4);
            /// ```
            #[must_use]
            pub fn into_inner(self) -> T {
                *self.detach()
            }

            /// A reference for the rest of the program; the object never comes back.
            ///
            /// ```
            /// let four: &'static mut u8 = spandrel_pool::Pool::new(|| 4).get().leak();
            /// assert_eq!(*four, 4);
            /// ```
            #[must_use]
            pub fn leak(self) -> &'static mut T {
                Box::leak(self.detach())
            }
        }

        impl<$($life,)? T: Send + 'static, R: Recycle<T>> Deref for $guard<$($life,)? T, R> {
            type Target = T;
            #[inline(always)]
            fn deref(&self) -> &T {
                // SAFETY: the guard has the only right to the object.
                unsafe { self.object.as_ref() }
            }
        }

        impl<$($life,)? T: Send + 'static, R: Recycle<T>> DerefMut for $guard<$($life,)? T, R> {
            #[inline(always)]
            fn deref_mut(&mut self) -> &mut T {
                // SAFETY: the guard has the only right to the object.
                unsafe { self.object.as_mut() }
            }
        }

        impl<$($life,)? T: Send + std::fmt::Debug, R: Recycle<T>> std::fmt::Debug
            for $guard<$($life,)? T, R>
        {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                (**self).fmt(f)
            }
        }

        // SAFETY: the guard is the object, which is `Send`, and a reference to or share of the pool, which
        // may be used from the other thread when its policy may be, and dropped there when that may be.
        unsafe impl<$($life,)? T: Send, R: Recycle<T> + Send + Sync> Send
            for $guard<$($life,)? T, R> {}
        // SAFETY: as for `Send`; a shared guard gives a shared object.
        unsafe impl<$($life,)? T: Send + Sync, R: Recycle<T> + Send + Sync> Sync
            for $guard<$($life,)? T, R> {}
    };
}

guard!(Pooled<'p>, |guard: Self| {
    let guard = ManuallyDrop::new(guard);
    (guard.object, guard.pool)
});
guard!(PooledOwned, Self::split);

impl<T: Send + 'static, R: Recycle<T>> Drop for Pooled<'_, T, R> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the guard had the only right to the object.
        unsafe { self.pool.give_back(self.object) };
    }
}

impl<T: Send + 'static, R: Recycle<T>> Drop for PooledOwned<T, R> {
    fn drop(&mut self) {
        // SAFETY: nothing uses the guard after its drop.
        let pool = unsafe { ManuallyDrop::take(&mut self.pool) };
        // SAFETY: the guard had the only right to the object.
        unsafe { pool.give_back(self.object) };
    }
}
