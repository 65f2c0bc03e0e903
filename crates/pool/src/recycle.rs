//! How a pool makes an object, and what it does with one that comes back.

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
