//! What a pool may hold, and what it does at the edges.

use std::time::Duration;

/// What becomes of an object whose guard is dropped by a panic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PanicPolicy {
    /// It is dropped: the panic may have left it half changed.
    #[default]
    Drop,
    /// It is reset and kept, as always.
    Keep,
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
    pub(crate) debug: bool,
    #[cfg_attr(loom, allow(dead_code))]
    pub(crate) name: Option<&'static str>,
}

impl Limits {
    /// No bound on items or bytes, an epoch of five seconds, objects dropped after a panic.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            idle_items: usize::MAX,
            idle_bytes: usize::MAX,
            item_bytes: usize::MAX,
            live_items: usize::MAX,
            epoch: Duration::from_secs(5),
            on_panic: PanicPolicy::Drop,
            debug: false,
            name: None,
        }
    }

    /// Idle objects that the depot keeps; each thread may hold one magazine (32 objects) beyond.
    #[must_use]
    pub const fn max_idle_items(mut self, items: usize) -> Self {
        self.idle_items = items;
        self
    }

    /// Bytes of idle objects (their weights) that the depot keeps; each thread may hold one magazine beyond.
    #[must_use]
    pub const fn max_idle_bytes(mut self, bytes: usize) -> Self {
        self.idle_bytes = bytes;
        self
    }

    /// An object that weighs more bytes than this is dropped when it comes back.
    #[must_use]
    pub const fn max_item_bytes(mut self, bytes: usize) -> Self {
        self.item_bytes = bytes;
        self
    }

    /// Objects that exist at a time, idle or lent. `get` waits for one to come back, `try_get` does not.
    ///
    /// Such a pool has no magazines, in which a waiter could not find what lies idle: every operation takes
    /// the depot's lock.
    ///
    /// # Panics
    /// If `items` is 0.
    #[must_use]
    pub const fn max_live_items(mut self, items: usize) -> Self {
        assert!(items > 0, "a pool of no objects never lends one");
        self.live_items = items;
        self
    }

    /// The time after which objects that the depot did not need are dropped.
    #[must_use]
    pub const fn epoch(mut self, epoch: Duration) -> Self {
        self.epoch = epoch;
        self
    }

    /// What becomes of an object whose guard is dropped by a panic.
    #[must_use]
    pub const fn on_panic(mut self, policy: PanicPolicy) -> Self {
        self.on_panic = policy;
        self
    }

    /// The name that [`metrics`](crate::metrics) and reports call the pool by.
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

    pub(crate) const fn bounds_live(&self) -> bool {
        self.live_items != usize::MAX
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}
