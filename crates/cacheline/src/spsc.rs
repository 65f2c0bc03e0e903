//! A bounded ring between one producer and one consumer.
//!
//! ```text
//!    line 1: tail, where the producer pushes next     line 2: head, where the consumer pops next
//!                      |                                         |
//!    slots:   [ free ][ free ][ full ][ full ][ full ][ free ] ...    a power of two, positions modulo it
//! ```
//!
//! Each end owns a position and alone writes it. It also remembers what it last saw of the other's, and looks
//! again only when that says full or empty, so that in a steady flow the two lines travel once for many items
//! (the cached indices of Lee, Bu and Chandranmenon's MCRingBuffer, 2010). Slots belong to the producer from
//! `tail` to `head + capacity`, to the consumer from `head` to `tail`; a release store of a position hands
//! slots over, an acquire load takes them.
//!
//! Nothing here waits: [`Producer::push`] and [`Consumer::pop`] say at once that the ring is full, empty or
//! closed. Dropping an end closes the ring; what was pushed before can still be popped.
//!
//! **It pays** for a steady flow between two threads: a few nanoseconds an item, and less in batches. **It
//! does not** where items are rare (the consumer then waits anyhow; use a channel that sleeps) or where
//! either side may be several threads ([`crate::mpmc`]).

use core::fmt;
use core::mem::MaybeUninit;

use alloc::boxed::Box;

use crate::padded::CachePadded;
use crate::sync::{Arc, AtomicBool, AtomicUsize, Ordering, UnsafeCell};

/// Why an item was not pushed; the item comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushError<T> {
    /// There is no room now.
    Full(T),
    /// Nobody will pop any more, or the ring was closed.
    Closed(T),
}

impl<T> PushError<T> {
    /// The item.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(item) | Self::Closed(item) => item,
        }
    }
}

impl<T> fmt::Display for PushError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "the ring is full",
            Self::Closed(_) => "the ring is closed",
        })
    }
}

impl<T: fmt::Debug> core::error::Error for PushError<T> {}

/// Why there is no item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PopError {
    /// There is none now.
    Empty,
    /// There is none, and there will be none.
    Closed,
}

impl fmt::Display for PopError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the ring is empty",
            Self::Closed => "the ring is empty and closed",
        })
    }
}

impl core::error::Error for PopError {}

struct Ring<T> {
    /// Position of the next push, not wrapped. Written by the producer with release; the consumer's acquire
    /// load pairs with it.
    tail: CachePadded<AtomicUsize>,
    /// Position of the next pop. Written by the consumer with release; pairs with the producer's acquire
    /// load.
    head: CachePadded<AtomicUsize>,
    /// Set by whichever end is dropped first: with release, after its last position.
    is_closed: AtomicBool,
    slots: Box<[UnsafeCell<MaybeUninit<T>>]>,
}

// SAFETY: a slot is touched by one end at a time (see above), so items only move from thread to thread.
unsafe impl<T: Send> Sync for Ring<T> {}
// SAFETY: the ring owns its items.
unsafe impl<T: Send> Send for Ring<T> {}

impl<T> Ring<T> {
    fn slot(&self, position: usize) -> &UnsafeCell<MaybeUninit<T>> {
        &self.slots[position & (self.slots.len() - 1)]
    }

    /// # Safety
    /// The caller is the producer, and the slot is free.
    #[inline(always)]
    unsafe fn write(&self, position: usize, item: T) {
        self.slot(position).with_mut(|slot| {
            // SAFETY: a free slot belongs to the producer, by the caller's word.
            unsafe { (*slot).write(item) };
        });
    }

    /// # Safety
    /// The caller is the consumer (or has the ring alone), and the slot is full; it is free after.
    #[inline(always)]
    unsafe fn read(&self, position: usize) -> T {
        // SAFETY: a full slot belongs to the consumer and holds an item, by the caller's word.
        self.slot(position).with(|slot| unsafe { (*slot).assume_init_read() })
    }
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        let tail = self.tail.load(Ordering::Relaxed);
        let mut head = self.head.load(Ordering::Relaxed);
        while head != tail {
            // SAFETY: both ends are gone, and the slots from head to tail are full.
            drop(unsafe { self.read(head) });
            head = head.wrapping_add(1);
        }
    }
}

/// A ring for at least `capacity` items: the next power of two.
///
/// # Panics
/// When `capacity` is more than half the address space.
///
/// ```
/// use spandrel_cacheline::spsc::{self, PopError, PushError};
///
/// let (mut producer, mut consumer) = spsc::ring(2);
/// producer.push(1).unwrap();
/// producer.push(2).unwrap();
/// assert_eq!(producer.push(3), Err(PushError::Full(3)));
/// assert_eq!(consumer.pop(), Ok(1));
/// drop(producer);
/// assert_eq!((consumer.pop(), consumer.pop()), (Ok(2), Err(PopError::Closed)));
/// ```
#[must_use]
pub fn ring<T>(capacity: usize) -> (Producer<T>, Consumer<T>) {
    let capacity = capacity.max(1).checked_next_power_of_two().expect("a ring fits into memory");
    let ring = Arc::new(Ring {
        tail: CachePadded::new(AtomicUsize::new(0)),
        head: CachePadded::new(AtomicUsize::new(0)),
        is_closed: AtomicBool::new(false),
        slots: (0..capacity).map(|_| UnsafeCell::new(MaybeUninit::uninit())).collect(),
    });
    let producer = Producer { ring: Arc::clone(&ring), tail: 0, head_seen: 0 };
    (producer, Consumer { ring, head: 0, tail_seen: 0 })
}

/// The end that pushes.
pub struct Producer<T> {
    ring: Arc<Ring<T>>,
    /// The ring's `tail`, which only this end writes.
    tail: usize,
    head_seen: usize,
}

impl<T> Producer<T> {
    /// Appends `item`. Constant time, no waiting.
    ///
    /// # Errors
    /// [`PushError`] with the item when the ring is full, or the consumer is gone.
    #[inline]
    pub fn push(&mut self, item: T) -> Result<(), PushError<T>> {
        if self.ring.is_closed.load(Ordering::Relaxed) {
            return Err(PushError::Closed(item));
        }
        if self.free() == 0 {
            return Err(PushError::Full(item));
        }
        // SAFETY: this is the producer, and a slot is free.
        unsafe { self.ring.write(self.tail, item) };
        self.tail = self.tail.wrapping_add(1);
        self.ring.tail.store(self.tail, Ordering::Release);
        Ok(())
    }

    /// Appends items while there is room; how many. The consumer sees them together, at the price of one
    /// push. Takes no item that it can't append. Nothing is appended when the consumer is gone.
    ///
    /// ```
    /// let (mut producer, mut consumer) = spandrel_cacheline::spsc::ring(4);
    /// let mut numbers = 0..10;
    /// assert_eq!(producer.push_many(&mut numbers), 4);
    /// let mut popped = Vec::new();
    /// assert_eq!(consumer.pop_many(3, |number| popped.push(number)), 3);
    /// assert_eq!((popped, numbers), (vec![0, 1, 2], 4..10));
    /// ```
    pub fn push_many(&mut self, items: &mut impl Iterator<Item = T>) -> usize {
        if self.ring.is_closed.load(Ordering::Relaxed) {
            return 0;
        }
        let free = self.free();
        let begin = self.tail;
        // Also when the iterator panics, what it gave before is pushed.
        let batch = PushBatch(self);
        for item in items.take(free) {
            // SAFETY: this is the producer, and so many slots are free.
            unsafe { batch.0.ring.write(batch.0.tail, item) };
            batch.0.tail = batch.0.tail.wrapping_add(1);
        }
        batch.0.tail.wrapping_sub(begin)
    }

    /// Free slots that this end knows of; looks at the consumer's position when it knows of none.
    #[inline(always)]
    fn free(&mut self) -> usize {
        let capacity = self.ring.slots.len();
        if self.tail.wrapping_sub(self.head_seen) == capacity {
            self.head_seen = self.ring.head.load(Ordering::Acquire);
        }
        capacity - self.tail.wrapping_sub(self.head_seen)
    }

    /// Items that the ring holds at most.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.ring.slots.len()
    }

    /// Whether the consumer is gone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.ring.is_closed.load(Ordering::Acquire)
    }
}

struct PushBatch<'a, T>(&'a mut Producer<T>);

impl<T> Drop for PushBatch<'_, T> {
    fn drop(&mut self) {
        self.0.ring.tail.store(self.0.tail, Ordering::Release);
    }
}

impl<T> Drop for Producer<T> {
    fn drop(&mut self) {
        self.ring.is_closed.store(true, Ordering::Release);
    }
}

impl<T> fmt::Debug for Producer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer").field("capacity", &self.capacity()).finish_non_exhaustive()
    }
}

/// The end that pops.
pub struct Consumer<T> {
    ring: Arc<Ring<T>>,
    /// The ring's `head`, which only this end writes.
    head: usize,
    tail_seen: usize,
}

impl<T> Consumer<T> {
    /// Takes the oldest item. Constant time, no waiting.
    ///
    /// # Errors
    /// [`PopError`] when there is no item now, or never again.
    #[inline]
    pub fn pop(&mut self) -> Result<T, PopError> {
        if self.full() == 0 {
            return Err(self.why_none());
        }
        // SAFETY: this is the consumer, and a slot is full.
        let item = unsafe { self.ring.read(self.head) };
        self.head = self.head.wrapping_add(1);
        self.ring.head.store(self.head, Ordering::Release);
        Ok(item)
    }

    /// Gives up to `limit` items to `take`, oldest first; how many. The producer sees their slots free
    /// together, at the price of one pop. Zero means empty or closed; [`Consumer::pop`] tells which.
    pub fn pop_many(&mut self, limit: usize, mut take: impl FnMut(T)) -> usize {
        let count = self.full().min(limit);
        // Also when `take` panics, the slots that were emptied are free.
        let batch = PopBatch(self);
        for _ in 0..count {
            // SAFETY: this is the consumer, and so many slots are full.
            let item = unsafe { batch.0.ring.read(batch.0.head) };
            batch.0.head = batch.0.head.wrapping_add(1);
            take(item);
        }
        count
    }

    /// Full slots that this end knows of; looks at the producer's position when it knows of none.
    #[inline(always)]
    fn full(&mut self) -> usize {
        if self.head == self.tail_seen {
            self.tail_seen = self.ring.tail.load(Ordering::Acquire);
        }
        self.tail_seen.wrapping_sub(self.head)
    }

    /// The producer may have pushed and gone since the last look at its position.
    #[cold]
    fn why_none(&self) -> PopError {
        let is_closed = self.ring.is_closed.load(Ordering::Acquire);
        let is_empty = self.ring.tail.load(Ordering::Acquire) == self.head;
        if is_closed && is_empty { PopError::Closed } else { PopError::Empty }
    }

    /// Items that the ring holds at most.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.ring.slots.len()
    }
}

struct PopBatch<'a, T>(&'a mut Consumer<T>);

impl<T> Drop for PopBatch<'_, T> {
    fn drop(&mut self) {
        self.0.ring.head.store(self.0.head, Ordering::Release);
    }
}

impl<T> Drop for Consumer<T> {
    fn drop(&mut self) {
        self.ring.is_closed.store(true, Ordering::Release);
    }
}

impl<T> fmt::Debug for Consumer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer").field("capacity", &self.capacity()).finish_non_exhaustive()
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::{PopError, PushError, ring};
    use loom::thread;
    use std::boxed::Box;

    /// Three items through two slots: in order, none lost, none twice, and the end is seen.
    #[test]
    fn items_arrive_in_order() {
        loom::model(|| {
            let (mut producer, mut consumer) = ring(2);
            let pushing = thread::spawn(move || {
                for item in 0..3 {
                    // Boxes, so that loom's leak check sees a lost one.
                    let mut next = Box::new(item);
                    while let Err(PushError::Full(back)) = producer.push(next) {
                        next = back;
                        thread::yield_now();
                    }
                }
            });
            let mut expected = 0;
            loop {
                match consumer.pop() {
                    Ok(item) => {
                        assert_eq!(*item, expected);
                        expected += 1;
                    }
                    Err(PopError::Empty) => thread::yield_now(),
                    Err(PopError::Closed) => break,
                }
            }
            assert_eq!(expected, 3);
            pushing.join().expect("no panic");
        });
    }

    /// The consumer leaves early: what it left behind is dropped, once.
    #[test]
    fn the_consumer_may_leave() {
        loom::model(|| {
            let (mut producer, mut consumer) = ring(2);
            let pushing = thread::spawn(move || {
                let pushed = (0..3).take_while(|item| producer.push(loom::sync::Arc::new(*item)).is_ok());
                pushed.count()
            });
            let popped = usize::from(consumer.pop().is_ok());
            drop(consumer);
            let pushed = pushing.join().expect("no panic");
            assert!(popped <= pushed && pushed <= 3);
        });
    }

    /// Batches hand over slots as single items do.
    #[test]
    fn batches_arrive_in_order() {
        loom::model(|| {
            let (mut producer, mut consumer) = ring(2);
            let pushing = thread::spawn(move || {
                let mut items = (0..3).map(Box::new);
                (0..2).map(|_| producer.push_many(&mut items)).sum::<usize>()
            });
            let mut popped = 0;
            let mut check = |item: Box<usize>| {
                assert_eq!(*item, popped);
                popped += 1;
            };
            for _ in 0..2 {
                consumer.pop_many(2, &mut check);
            }
            let pushed = pushing.join().expect("no panic");
            while consumer.pop_many(2, &mut check) > 0 {}
            assert_eq!(popped, pushed);
        });
    }
}
