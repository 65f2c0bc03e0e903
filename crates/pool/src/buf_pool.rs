//! Byte buffers by length: one pool for each step of lengths (`lengths.rs`), so that a buffer wastes no more
//! than a block of its size class would.
//!
//! A buffer stays with the step that it was asked for. One that grew meets the next caller of that step
//! grown, so a step learns what its callers really write; a bound on the item keeps giants out. A
//! [`CallSite`] learns how long its own buffers get, and asks for the right step.

use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};

use crate::call_site::{CallSite, RECORD_PERIOD};
use crate::guard::Pooled;
use crate::lengths::{LONGEST_BYTES, STEPS, step_bytes, step_of};
use crate::limits::Limits;
use crate::pool::Pool;
use crate::recycle::Recycle;
use crate::stats::PoolStats;
use crate::zeroed::{KeepMark, ZeroedBuf, Zeros};

/// What lies in the pool.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    /// Who learns its length when it comes back.
    site: Option<&'static CallSite>,
    /// How often it was lent to a site.
    uses: u32,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Buffers;

impl Recycle<Buffer> for Buffers {
    fn make(&self) -> Buffer {
        Buffer::default()
    }

    #[inline]
    fn reset(&self, buffer: &mut Buffer) -> bool {
        if let Some(site) = buffer.site.take() {
            if buffer.uses.is_multiple_of(RECORD_PERIOD) {
                site.record(buffer.bytes.len());
            }
            buffer.uses = buffer.uses.wrapping_add(1);
        }
        buffer.bytes.clear();
        buffer.bytes.capacity() > 0
    }

    fn idle_bytes<'o>(&self, buffer: &'o mut Buffer) -> &'o mut [MaybeUninit<u8>] {
        buffer.bytes.spare_capacity_mut()
    }

    #[inline]
    fn weight_bytes(&self, buffer: &Buffer) -> usize {
        buffer.bytes.capacity()
    }
}

/// Byte buffers for reuse: vectors to append to ([`get`](Self::get), [`get_at`](Self::get_at)), and zeros
/// ([`get_zeroed`](Self::get_zeroed)).
///
/// Don't use it for buffers of 256 KiB and more that are filled each time: writing them takes longer than
/// making them. Nor for buffers that are kept: it is for those that come back soon.
///
/// ```
/// static BUFFERS: spandrel_pool::BufPool = spandrel_pool::BufPool::new();
/// let mut line = BUFFERS.get(100);
/// line.extend_from_slice(b"hello");
/// assert!(line.capacity() >= 100);
/// ```
#[derive(Debug)]
pub struct BufPool {
    steps: [Pool<Buffer, Buffers>; STEPS],
    zeroed: [Pool<Zeros, KeepMark>; STEPS],
}

impl Default for BufPool {
    fn default() -> Self {
        Self::new()
    }
}

impl BufPool {
    /// A pool without buffers, that keeps at most 4 MiB of each step, none over 1 MiB.
    ///
    /// ```
    /// static BUFFERS: spandrel_pool::BufPool = spandrel_pool::BufPool::new();
    /// assert!(BUFFERS.get(10).is_empty());
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self::with(Limits::new().max_idle_bytes(4 << 20).max_item_bytes(LONGEST_BYTES))
    }

    /// A pool without buffers, with these limits for each step. Under [`Limits::debug`] it is noticed when
    /// somebody writes into a buffer that has been given back.
    ///
    /// ```
    /// use spandrel_pool::{BufPool, Limits};
    /// static BUFFERS: BufPool = BufPool::with(Limits::new().max_idle_items(100).max_item_bytes(64 << 10));
    /// assert!(BUFFERS.get(10).is_empty());
    /// ```
    #[must_use]
    pub const fn with(limits: Limits) -> Self {
        Self { steps: for_each_step(Buffers, limits), zeroed: for_each_step(KeepMark, limits) }
    }

    /// An empty buffer with room for `capacity_bytes`; nothing in it is zeroed.
    ///
    /// ```
    /// let pool = spandrel_pool::BufPool::new();
    /// assert!(pool.get(1000).capacity() >= 1000);
    /// ```
    #[inline]
    pub fn get(&self, capacity_bytes: usize) -> Buf<'_> {
        let step = step_of(capacity_bytes);
        let mut buffer = self.steps[step].get();
        if buffer.bytes.capacity() < capacity_bytes {
            make_room(&mut buffer.bytes, step, capacity_bytes);
        }
        Buf(buffer)
    }

    /// An empty buffer with the room that those of this site needed, as far as is known. The site learns from
    /// the length with which it comes back.
    ///
    /// ```
    /// static BUFFERS: spandrel_pool::BufPool = spandrel_pool::BufPool::new();
    /// let mut body = BUFFERS.get_at(spandrel_pool::site!());
    /// body.extend_from_slice(b"of a length that is not known before");
    /// ```
    #[inline]
    pub fn get_at(&self, site: &'static CallSite) -> Buf<'_> {
        let step = site.step();
        let mut buffer = self.steps[step].get();
        buffer.site = Some(site);
        // One that was used before has the room of its step, unless its user has given some back.
        if buffer.bytes.capacity() == 0 {
            make_room(&mut buffer.bytes, step, 0);
        }
        Buf(buffer)
    }

    /// So many zeros. Only what was written by the one before is zeroed, so it is nearly free where buffers
    /// are longer than what is written into them.
    ///
    /// ```
    /// let pool = spandrel_pool::BufPool::new();
    /// assert_eq!(pool.get_zeroed(3)[..], [0, 0, 0]);
    /// ```
    #[inline]
    pub fn get_zeroed(&self, len: usize) -> ZeroedBuf<'_> {
        let step = step_of(len);
        let mut zeros = self.zeroed[step].get();
        zeros.prepare(len, step_bytes(step));
        ZeroedBuf(zeros)
    }

    /// The counts of the buffers of each step: longer than 1 MiB first, then the size classes, and powers
    /// of two.
    ///
    /// ```
    /// let pool = spandrel_pool::BufPool::new();
    /// drop(pool.get(100));
    /// drop(pool.get(100));
    /// assert_eq!(pool.stats().map(|stats| stats.made).sum::<u64>(), 1);
    /// ```
    pub fn stats(&self) -> impl Iterator<Item = PoolStats> {
        self.steps.iter().map(Pool::stats)
    }

    /// As `stats`, for those of `get_zeroed`.
    ///
    /// ```
    /// let pool = spandrel_pool::BufPool::new();
    /// drop(pool.get_zeroed(100));
    /// drop(pool.get_zeroed(100));
    /// assert_eq!(pool.stats_of_zeroed().map(|stats| stats.made).sum::<u64>(), 1);
    /// ```
    pub fn stats_of_zeroed(&self) -> impl Iterator<Item = PoolStats> {
        self.zeroed.iter().map(Pool::stats)
    }
}

const fn for_each_step<T, R>(recycle: R, limits: Limits) -> [Pool<T, R>; STEPS]
where
    T: Send + 'static,
    R: Recycle<T> + Copy,
{
    let mut pools = MaybeUninit::<[Pool<T, R>; STEPS]>::uninit();
    let first = pools.as_mut_ptr().cast::<Pool<T, R>>();
    let mut step = 0;
    while step < STEPS {
        // SAFETY: the array has so many places.
        unsafe { first.add(step).write(Pool::with(recycle, limits)) };
        step += 1;
    }
    // SAFETY: every place was written.
    unsafe { pools.assume_init() }
}

#[cold]
fn make_room(bytes: &mut Vec<u8>, step: usize, least_bytes: usize) {
    bytes.reserve_exact(step_bytes(step).max(least_bytes));
}

/// A buffer lent by a [`BufPool`]; a `Vec<u8>` but in name.
///
/// ```
/// let pool = spandrel_pool::BufPool::new();
/// let mut buffer = pool.get(10);
/// buffer.extend_from_slice(b"ab");
/// assert_eq!(**buffer, *b"ab");
/// ```
#[derive(Debug)]
#[must_use = "a guard that is dropped at once gives its buffer back at once"]
pub struct Buf<'p>(Pooled<'p, Buffer, Buffers>);

impl Buf<'_> {
    /// The vector itself, out of the pool for good.
    ///
    /// ```
    /// assert!(spandrel_pool::BufPool::new().get(10).into_vec().capacity() >= 10);
    /// ```
    #[must_use]
    pub fn into_vec(self) -> Vec<u8> {
        self.0.into_inner().bytes
    }
}

#[cfg(feature = "bytes")]
impl Buf<'static> {
    /// The bytes to share, without a copy; the buffer goes back to its pool when the last share ends.
    ///
    /// ```
    /// static BUFFERS: spandrel_pool::BufPool = spandrel_pool::BufPool::new();
    /// let mut buffer = BUFFERS.get(100);
    /// buffer.extend_from_slice(b"hello");
    /// let place = buffer.as_ptr();
    /// let bytes = buffer.freeze();
    /// assert_eq!(bytes.slice(1..3), "el");
    /// drop(bytes);
    /// assert_eq!(BUFFERS.get(100).as_ptr(), place);
    /// ```
    #[must_use]
    pub fn freeze(self) -> bytes::Bytes {
        bytes::Bytes::from_owner(self)
    }
}

impl Deref for Buf<'_> {
    type Target = Vec<u8>;
    fn deref(&self) -> &Vec<u8> {
        &self.0.bytes
    }
}

impl DerefMut for Buf<'_> {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0.bytes
    }
}

impl AsRef<[u8]> for Buf<'_> {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl AsMut<Vec<u8>> for Buf<'_> {
    fn as_mut(&mut self) -> &mut Vec<u8> {
        self
    }
}
