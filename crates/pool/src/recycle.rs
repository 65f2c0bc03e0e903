//! How a pool makes an object, and what it does with one that comes back.

use std::mem::MaybeUninit;

/// How to make, clean, weigh and judge the objects of a pool. A function or closure that makes a value is a
/// policy that keeps everything as it is.
///
/// ```
/// use spandrel_pool::{Pool, Recycle};
/// struct Lines;
/// impl Recycle<Vec<String>> for Lines {
///     fn make(&self) -> Vec<String> {
///         Vec::new()
///     }
///     fn reset(&self, lines: &mut Vec<String>) -> bool {
///         lines.clear();
///         true
///     }
///     fn weight_bytes(&self, lines: &Vec<String>) -> usize {
///         lines.capacity() * size_of::<String>()
///     }
/// }
/// let pool = Pool::new(Lines);
/// pool.get().push("a".into());
/// let lines = pool.get();
/// assert!(lines.is_empty() && lines.capacity() > 0);
/// ```
pub trait Recycle<T> {
    /// A new object, for when there is no idle one.
    fn make(&self) -> T;

    /// Cleans an object that comes back; false if it is of no more use and must be dropped.
    #[inline]
    fn reset(&self, object: &mut T) -> bool {
        let _ = object;
        true
    }

    /// Bytes of an idle object, outside of it, that hold nothing: the spare capacity of a buffer. A pool with
    /// [`Limits::debug`](crate::Limits::debug) fills them and looks whether they change.
    ///
    /// ```
    /// # use std::mem::MaybeUninit;
    /// struct Lines;
    /// impl spandrel_pool::Recycle<Vec<u8>> for Lines {
    ///     fn make(&self) -> Vec<u8> {
    ///         Vec::with_capacity(80)
    ///     }
    ///     fn reset(&self, line: &mut Vec<u8>) -> bool {
    ///         line.clear();
    ///         true
    ///     }
    ///     fn idle_bytes<'o>(&self, line: &'o mut Vec<u8>) -> &'o mut [MaybeUninit<u8>] {
    ///         line.spare_capacity_mut()
    ///     }
    /// }
    /// let pool = spandrel_pool::Pool::with(Lines, spandrel_pool::Limits::new().debug(true));
    /// pool.get().push(1);
    /// assert!(pool.get().is_empty());
    /// ```
    #[inline]
    fn idle_bytes<'o>(&self, object: &'o mut T) -> &'o mut [MaybeUninit<u8>] {
        let _ = object;
        &mut []
    }

    /// The bytes that the object keeps while it lies idle.
    #[inline]
    fn weight_bytes(&self, object: &T) -> usize {
        size_of_val(object)
    }
}

impl<T, F: Fn() -> T> Recycle<T> for F {
    #[inline]
    fn make(&self) -> T {
        self()
    }
}
