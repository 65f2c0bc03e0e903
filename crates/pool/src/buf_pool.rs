//! Byte buffers by size class: one pool for each class of the allocator, so that a buffer wastes no more than
//! its class would.
//!
//! A buffer stays with the class that it was asked for. One that grew meets the next caller of that class
//! grown, so a class learns what its callers really write; a bound on the item keeps giants out.

use std::ops::{Deref, DerefMut};

use spandrel_classes::{class_of, object_bytes};

use crate::guard::Pooled;
use crate::limits::Limits;
use crate::pool::Pool;
use crate::recycle::Recycle;
use crate::stats::PoolStats;

const CLASSES: usize = 68;

#[derive(Debug)]
struct Buffers;

impl Recycle<Vec<u8>> for Buffers {
    fn make(&self) -> Vec<u8> {
        Vec::new()
    }

    #[inline]
    fn reset(&self, buffer: &mut Vec<u8>) -> bool {
        buffer.clear();
        buffer.capacity() > 0
    }

    #[inline]
    fn weight_bytes(&self, buffer: &Vec<u8>) -> usize {
        buffer.capacity()
    }
}

/// Byte buffers for reuse.
///
/// ```
/// static BUFFERS: spandrel_pool::BufPool = spandrel_pool::BufPool::new();
/// let mut line = BUFFERS.get(100);
/// line.extend_from_slice(b"hello");
/// assert!(line.capacity() >= 100);
/// ```
#[derive(Debug)]
pub struct BufPool {
    classes: [Pool<Vec<u8>, Buffers>; CLASSES],
}

impl Default for BufPool {
    fn default() -> Self {
        Self::new()
    }
}

impl BufPool {
    /// A pool without buffers, that keeps at most 4 MiB of each class, none over 1 MiB.
    #[must_use]
    pub const fn new() -> Self {
        const LIMITS: Limits = Limits::new().max_idle_bytes(4 << 20).max_item_bytes(1 << 20);
        Self { classes: [const { Pool::with(Buffers, LIMITS) }; CLASSES] }
    }

    /// An empty buffer with room for `capacity_bytes`.
    #[inline]
    pub fn get(&self, capacity_bytes: usize) -> Buf<'_> {
        let class = class_of(capacity_bytes, 1);
        let mut buffer = self.classes[usize::from(class)].get();
        if buffer.capacity() < capacity_bytes {
            let room = if class == 0 { capacity_bytes } else { object_bytes(class) };
            buffer.reserve_exact(room);
        }
        Buf(buffer)
    }

    /// The counts of each class, 0 (over 32 KiB) to 67.
    pub fn stats(&self) -> impl Iterator<Item = PoolStats> {
        self.classes.iter().map(Pool::stats)
    }
}

/// A buffer lent by a [`BufPool`]; a `Vec<u8>` but in name.
#[derive(Debug)]
#[must_use = "a guard that is dropped at once gives its buffer back at once"]
pub struct Buf<'p>(Pooled<'p, Vec<u8>, Buffers>);

impl Buf<'_> {
    /// The vector itself, out of the pool for good.
    ///
    /// ```
    /// assert!(spandrel_pool::BufPool::new().get(10).into_vec().capacity() >= 10);
    /// ```
    #[must_use]
    pub fn into_vec(self) -> Vec<u8> {
        self.0.into_inner()
    }
}

impl Deref for Buf<'_> {
    type Target = Vec<u8>;
    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Buf<'_> {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

impl AsMut<Vec<u8>> for Buf<'_> {
    fn as_mut(&mut self) -> &mut Vec<u8> {
        self
    }
}
