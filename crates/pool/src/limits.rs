//! What a pool may hold, and what it does at the edges.

use std::time::Duration;

/// What becomes of an object whose guard is dropped by a panic.
///
/// ```
/// use spandrel_pool::{Limits, PanicPolicy, Pool};
/// let pool = Pool::with(|| 1u8, Limits::new().on_panic(PanicPolicy::Keep));
/// assert_eq!(*pool.get(), 1);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PanicPolicy {
    /// It is dropped: the panic may have left it half changed.
    #[default]
    Drop,
    /// It is reset and kept, as always.
    Keep,
}

/// What `get` does when no object is idle and as many as [`Limits::max_live_items`] allows are lent. Without
/// that bound it never comes to this: an object is made.
///
/// Whatever the policy, the caller may choose for one call: [`Pool::try_get`](crate::Pool::try_get) fails
/// instead, [`Pool::get_timeout`](crate::Pool::get_timeout) waits so long at most, and
/// [`Pool::get_async`](crate::Pool::get_async) lets a future wait.
///
/// ```
/// use spandrel_pool::{Limits, OnEmpty, Pool};
/// let pool = Pool::with(|| 1u8, Limits::new().max_live_items(1).on_empty(OnEmpty::Make));
/// let (kept, surplus) = (pool.get(), pool.get());
/// drop((kept, surplus));
/// assert_eq!(pool.stats().idle_items, 1, "what was made beyond the bound is not kept");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnEmpty {
    /// It waits until one comes back.
    #[default]
    Block,
    /// It makes one beyond the bound. So many fewer are kept when objects come back.
    Make,
    /// It panics: that many were never to be lent at once.
    Fail,
}

/// Bounds of a pool, set once, when it is made.
///
/// ```
/// use spandrel_pool::{Limits, Pool};
/// const LIMITS: Limits = Limits::new().max_idle_bytes(1 << 20).max_item_bytes(64 << 10);
/// static LINES: Pool<String> = Pool::with(String::new, LIMITS);
/// assert!(LINES.get().is_empty());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub(crate) idle_items: usize,
    pub(crate) idle_bytes: usize,
    pub(crate) item_bytes: usize,
    pub(crate) live_items: usize,
    pub(crate) epoch: Duration,
    pub(crate) on_panic: PanicPolicy,
    pub(crate) on_empty: OnEmpty,
    pub(crate) debug: bool,
    #[cfg_attr(loom, allow(dead_code))]
    pub(crate) name: Option<&'static str>,
}

impl Limits {
    /// No bound on items or bytes, an epoch of five seconds, objects dropped after a panic.
    ///
    /// ```
    /// let pool = spandrel_pool::Pool::with(|| 1u8, spandrel_pool::Limits::new());
    /// assert_eq!(*pool.get(), 1);
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self {
            idle_items: usize::MAX,
            idle_bytes: usize::MAX,
            item_bytes: usize::MAX,
            live_items: usize::MAX,
            epoch: Duration::from_secs(5),
            on_panic: PanicPolicy::Drop,
            on_empty: OnEmpty::Block,
            debug: false,
            name: None,
        }
    }

    /// Idle objects that the depot keeps; each thread may hold one magazine (32 objects) beyond.
    ///
    /// ```
    /// use spandrel_pool::{Limits, Pool};
    /// let pool = Pool::with(|| 1u8, Limits::new().max_idle_items(10));
    /// drop((0..100).map(|_| pool.get()).collect::<Vec<_>>());
    /// pool.flush();
    /// assert_eq!(pool.stats().idle_items, 10);
    /// ```
    #[must_use]
    pub const fn max_idle_items(mut self, items: usize) -> Self {
        self.idle_items = items;
        self
    }

    /// Bytes of idle objects (their weights) that the depot keeps; each thread may hold one magazine beyond.
    ///
    /// ```
    /// use spandrel_pool::{Limits, Pool};
    /// let pool = Pool::with(|| [0u8; 100], Limits::new().max_idle_bytes(1000));
    /// drop((0..100).map(|_| pool.get()).collect::<Vec<_>>());
    /// pool.flush();
    /// assert_eq!(pool.stats().idle_bytes, 1000);
    /// ```
    #[must_use]
    pub const fn max_idle_bytes(mut self, bytes: usize) -> Self {
        self.idle_bytes = bytes;
        self
    }

    /// An object that weighs more bytes than this is dropped when it comes back.
    ///
    /// ```
    /// use spandrel_pool::{Limits, Pool};
    /// let pool = Pool::with(|| [0u8; 100], Limits::new().max_item_bytes(99));
    /// drop(pool.get());
    /// assert_eq!(pool.stats().dropped_giant, 1);
    /// ```
    #[must_use]
    pub const fn max_item_bytes(mut self, bytes: usize) -> Self {
        self.item_bytes = bytes;
        self
    }

    /// Objects that exist at a time, idle or lent. [`on_empty`](Self::on_empty) says what happens beyond.
    ///
    /// Such a pool has no magazines, in which a waiter could not find what lies idle: every operation takes
    /// the depot's lock. It is for objects that are dear, not for speed.
    ///
    /// ```
    /// use spandrel_pool::{Limits, Pool};
    /// let pool = Pool::with(|| vec![0u8; 1 << 20], Limits::new().max_live_items(1));
    /// let first = pool.get();
    /// assert!(pool.try_get().is_none());
    /// ```
    ///
    /// # Panics
    /// If `items` is 0.
    #[must_use]
    pub const fn max_live_items(mut self, items: usize) -> Self {
        assert!(items > 0, "a pool of no objects never lends one");
        self.live_items = items;
        self
    }

    /// What `get` does when as many objects are lent as may live.
    ///
    /// ```should_panic
    /// use spandrel_pool::{Limits, OnEmpty, Pool};
    /// let pool = Pool::with(|| 1u8, Limits::new().max_live_items(1).on_empty(OnEmpty::Fail));
    /// let first = pool.get();
    /// let second = pool.get(); // panics
    /// ```
    #[must_use]
    pub const fn on_empty(mut self, policy: OnEmpty) -> Self {
        self.on_empty = policy;
        self
    }

    /// The time after which objects that the depot did not need are dropped.
    ///
    /// ```
    /// use spandrel_pool::{Limits, Pool};
    /// use std::time::Duration;
    /// let pool = Pool::with(|| 1u8, Limits::new().epoch(Duration::from_secs(60)));
    /// assert_eq!(*pool.get(), 1);
    /// ```
    #[must_use]
    pub const fn epoch(mut self, epoch: Duration) -> Self {
        self.epoch = epoch;
        self
    }

    /// What becomes of an object whose guard is dropped by a panic.
    ///
    /// ```
    /// use spandrel_pool::{Limits, PanicPolicy, Pool};
    /// let pool = Pool::with(Vec::<u8>::new, Limits::new().on_panic(PanicPolicy::Keep));
    /// assert!(pool.get().is_empty());
    /// ```
    #[must_use]
    pub const fn on_panic(mut self, policy: PanicPolicy) -> Self {
        self.on_panic = policy;
        self
    }

    /// The name that [`metrics`](crate::metrics) and reports call the pool by.
    ///
    /// ```
    /// use spandrel_pool::{Limits, Pool};
    /// let pool = Pool::with(|| 1u8, Limits::new().name("ones"));
    /// drop(pool.get());
    /// assert!(spandrel_pool::metrics().iter().any(|pool| pool.name == "ones"));
    /// ```
    #[must_use]
    pub const fn name(mut self, name: &'static str) -> Self {
        self.name = Some(name);
        self
    }

    /// Whether misuse is looked for, as by a pointer that was kept beyond its guard, and forgotten guards.
    ///
    /// An object that comes back moves aside, and its place is filled with a pattern, as are the bytes that
    /// [`Recycle::idle_bytes`](crate::Recycle::idle_bytes) names. Whoever then gets the object, or drops
    /// it, panics if one byte of them has changed. [`Pool::outstanding`](crate::Pool::outstanding) says where
    /// the objects were asked for that are lent, and what was forgotten is told when the pool ends. Nothing
    /// can be returned twice, with or without this: a guard ends once.
    ///
    /// For tests: such a pool has no magazines, and takes a lock at each operation. Other pools don't pay.
    ///
    /// ```
    /// use spandrel_pool::{Limits, Pool};
    /// static POOL: Pool<[u8; 64]> = Pool::with(|| [0; 64], Limits::new().debug(cfg!(debug_assertions)));
    /// POOL.get()[0] = 7;
    /// assert_eq!(POOL.get()[0], 7, "the value is untouched");
    /// ```
    #[must_use]
    pub const fn debug(mut self, on: bool) -> Self {
        self.debug = on;
        self
    }

    /// Whether each thread has a magazine.
    pub(crate) const fn has_magazines(&self) -> bool {
        !self.bounds_live() && !self.debug
    }

    /// What a pool of `T` is called: by its name, or by the type.
    pub(crate) fn name_for<T>(&self) -> &'static str {
        self.name.unwrap_or(std::any::type_name::<T>())
    }

    pub(crate) const fn bounds_live(&self) -> bool {
        self.live_items != usize::MAX
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}
