//! A bounded ring between any number of producers and consumers.
//!
//! Dmitry Vyukov's bounded queue: each slot has a turn, a position in the flow of pushes and pops at which it
//! may next be used, and so tells by itself whether it is free, full, or in somebody's hands:
//!
//! ```text
//!    turn == position                  free, and the push at `position` may take it
//!    turn == position + 1              full, and the pop at `position` may take it
//!    turn == position + capacity       free for the next round
//! ```
//!
//! A push claims `tail` by compare-and-swap, writes the slot, and sets the turn with release; a pop claims
//! `head` after an acquire load of the turn that says full. The two positions lie on lines of their own, and
//! so producers and consumers meet only in the slots. (Slots in a row share lines: spreading consecutive ones
//! over different lines was tried, and each item then costs the travel of a line of its own, twice the time.)
//!
//! **Closing** sets the lowest bit of `tail` (positions advance by two to leave room for it): from then on no
//! claim of a push succeeds, and a pop that finds `head` at a closed `tail` knows that nothing will come. A
//! flag beside it, which is hardly ever written, keeps consumers of an empty ring from looking at the
//! producers' line.
//!
//! Nothing here waits. A push may say full, and a pop empty, while another thread is in the middle of its own
//! operation on that very slot, as in every queue of this kind.
//!
//! **It pays** where several threads push or pop at high rates. **It does not** against [`crate::spsc`] where
//! each side is one thread: a compare-and-swap an operation is the price of the others.

use core::fmt;
use core::mem::MaybeUninit;

use alloc::boxed::Box;

use crate::padded::CachePadded;
pub use crate::spsc::{PopError, PushError};
use crate::sync::{AtomicBool, AtomicUsize, Ordering, UnsafeCell, spin_loop};

/// Of `tail`: nothing is pushed any more.
const CLOSED: usize = 1;
/// From one position to the next.
const STEP: usize = 2;

struct Slot<T> {
    /// See above. Written by whoever holds the slot, with release; read with acquire.
    turn: AtomicUsize,
    item: UnsafeCell<MaybeUninit<T>>,
}

/// A bounded queue for any number of threads on both sides; share it by reference or in an `Arc`.
///
/// ```
/// use spandrel_cacheline::mpmc::{PopError, PushError, Ring};
///
/// let ring = Ring::new(2);
/// ring.push("a").unwrap();
/// ring.push("b").unwrap();
/// assert_eq!(ring.push("c"), Err(PushError::Full("c")));
/// ring.close();
/// assert_eq!(ring.push("d"), Err(PushError::Closed("d")));
/// assert_eq!((ring.pop(), ring.pop(), ring.pop()), (Ok("a"), Ok("b"), Err(PopError::Closed)));
/// ```
pub struct Ring<T> {
    /// The next push, and whether there is one. Claimed by compare-and-swap; orders nothing by itself.
    tail: CachePadded<AtomicUsize>,
    /// The next pop.
    head: CachePadded<AtomicUsize>,
    /// Set after the bit of `tail`, with release; a pop that sees it looks at `tail` for the truth.
    is_closed: AtomicBool,
    slots: Box<[Slot<T>]>,
}

// SAFETY: a slot's item is touched by one thread at a time, the one that claimed its position.
unsafe impl<T: Send> Sync for Ring<T> {}
// SAFETY: the ring owns its items.
unsafe impl<T: Send> Send for Ring<T> {}

impl<T> Ring<T> {
    /// A ring for at least `capacity` items: the next power of two, and at least 2.
    ///
    /// # Panics
    /// When `capacity` is more than a quarter of the address space.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let capacity = capacity.max(2).checked_next_power_of_two().expect("a ring fits into memory");
        assert!(capacity <= usize::MAX / 4, "positions of two rounds must differ");
        let slot = |index: usize| Slot {
            turn: AtomicUsize::new(index * STEP),
            item: UnsafeCell::new(MaybeUninit::uninit()),
        };
        Self {
            tail: CachePadded::new(AtomicUsize::new(0)),
            head: CachePadded::new(AtomicUsize::new(0)),
            is_closed: AtomicBool::new(false),
            slots: (0..capacity).map(slot).collect(),
        }
    }

    /// Appends `item`. No waiting; retries while other producers are faster.
    ///
    /// # Errors
    /// [`PushError`] with the item when the ring is full or closed.
    #[inline]
    pub fn push(&self, item: T) -> Result<(), PushError<T>> {
        let mut backoff = Backoff(0);
        let mut tail = self.tail.load(Ordering::Relaxed);
        loop {
            if tail & CLOSED != 0 {
                return Err(PushError::Closed(item));
            }
            let slot = self.slot(tail);
            let turn = slot.turn.load(Ordering::Acquire);
            if turn == tail {
                let next = tail.wrapping_add(STEP);
                match self.tail.compare_exchange_weak(tail, next, Ordering::Relaxed, Ordering::Relaxed) {
                    Ok(_) => {
                        slot.item.with_mut(|place| {
                            // SAFETY: the slot is free and this thread claimed its position.
                            unsafe { (*place).write(item) };
                        });
                        slot.turn.store(next, Ordering::Release);
                        return Ok(());
                    }
                    Err(now) => {
                        backoff.step();
                        tail = now;
                    }
                }
            } else if is_before(turn, tail) {
                // Of the round before: not popped yet.
                return Err(PushError::Full(item));
            } else {
                backoff.step();
                tail = self.tail.load(Ordering::Relaxed);
            }
        }
    }

    /// Takes the oldest item. No waiting; retries while other consumers are faster.
    ///
    /// # Errors
    /// [`PopError`] when there is no item now, or, after [`Ring::close`], never again.
    #[inline]
    pub fn pop(&self) -> Result<T, PopError> {
        let mut backoff = Backoff(0);
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            let slot = self.slot(head);
            let next = head.wrapping_add(STEP);
            let turn = slot.turn.load(Ordering::Acquire);
            if turn == next {
                match self.head.compare_exchange_weak(head, next, Ordering::Relaxed, Ordering::Relaxed) {
                    Ok(_) => {
                        // SAFETY: the slot is full and this thread claimed its position.
                        let item = slot.item.with(|place| unsafe { (*place).assume_init_read() });
                        slot.turn.store(head.wrapping_add(self.slots.len() * STEP), Ordering::Release);
                        return Ok(item);
                    }
                    Err(now) => {
                        backoff.step();
                        head = now;
                    }
                }
            } else if is_before(turn, next) {
                let is_end = self.is_closed.load(Ordering::Acquire)
                    && self.tail.load(Ordering::Acquire) == head | CLOSED;
                return Err(if is_end { PopError::Closed } else { PopError::Empty });
            } else {
                backoff.step();
                head = self.head.load(Ordering::Relaxed);
            }
        }
    }

    /// Lets no further item in; whether it was open. Items that are in can still be popped. A push that runs
    /// beside this call may still succeed, and its item is popped like the others.
    pub fn close(&self) -> bool {
        let was_open = self.tail.fetch_or(CLOSED, Ordering::AcqRel) & CLOSED == 0;
        self.is_closed.store(true, Ordering::Release);
        was_open
    }

    /// Whether [`Ring::close`] was called.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.tail.load(Ordering::Acquire) & CLOSED != 0
    }

    /// Items that the ring holds at most.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// Items in the ring at some moment during the call; between 0 and the capacity.
    #[must_use]
    pub fn len(&self) -> usize {
        let tail = self.tail.load(Ordering::Acquire) & !CLOSED;
        let head = self.head.load(Ordering::Acquire);
        // The head may have been read later than the tail and have passed it.
        if is_before(tail, head) { 0 } else { (tail.wrapping_sub(head) / STEP).min(self.slots.len()) }
    }

    /// Whether there was no item at some moment during the call.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline(always)]
    fn slot(&self, position: usize) -> &Slot<T> {
        &self.slots[(position / STEP) & (self.slots.len() - 1)]
    }
}

/// Lets the faster thread have the line for a while: longer after each lost race, up to some hundred cycles.
struct Backoff(u32);

impl Backoff {
    #[inline]
    fn step(&mut self) {
        for _ in 0..1 << self.0 {
            spin_loop();
        }
        // Loom has no time that could pass.
        self.0 = if cfg!(loom) { 0 } else { (self.0 + 1).min(6) };
    }
}

/// Whether a position lies before another, however often they wrapped.
const fn is_before(position: usize, other: usize) -> bool {
    position.wrapping_sub(other).cast_signed() < 0
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        while self.pop().is_ok() {}
    }
}

impl<T> fmt::Debug for Ring<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .field("is_closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

/// Models without waiting, which loom can't follow through several threads: each side tries so many times,
/// and what is left is popped after all have ended.
#[cfg(all(test, loom))]
mod models {
    use super::{PopError, Ring};
    use loom::sync::Arc;
    use loom::thread;
    use std::boxed::Box;
    use std::vec::Vec;

    /// Items are boxes, so that loom's leak check sees a lost one.
    type Items = Ring<Box<u32>>;

    /// Tries to push each; those that went in.
    fn push_each(ring: &Items, items: &[u32]) -> Vec<u32> {
        items.iter().copied().filter(|item| ring.push(Box::new(*item)).is_ok()).collect()
    }

    fn pop_twice(ring: &Items) -> Vec<u32> {
        (0..2).filter_map(|_| ring.pop().ok()).map(|item| *item).collect()
    }

    /// Two producers and a consumer, in a ring that has been around once.
    #[test]
    fn two_producers() {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(2);
        builder.check(|| {
            let ring = Arc::new(Ring::new(2));
            assert_eq!((push_each(&ring, &[1, 2]), pop_twice(&ring)), ([1, 2].to_vec(), [1, 2].to_vec()));
            assert!(ring.push(Box::new(0)).is_ok());
            let producers = [&[10, 11][..], &[20]].map(|items| {
                let ring = Arc::clone(&ring);
                thread::spawn(move || push_each(&ring, items))
            });
            let mut popped = pop_twice(&ring);
            let pushed = producers.map(|producer| producer.join().expect("no panic"));
            while let Ok(item) = ring.pop() {
                popped.push(*item);
            }
            assert_eq!((popped[0], popped.len()), (0, 1 + pushed[0].len() + pushed[1].len()));
            for (first, pushed) in [10, 20].into_iter().zip(pushed) {
                let of_it = popped.iter().copied().filter(|item| item / 10 == first / 10);
                assert!(of_it.eq(pushed), "each producer's items, in order, once");
            }
        });
    }

    /// Two consumers, and a producer that closes; each item goes to one of them.
    #[test]
    fn two_consumers() {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(2);
        builder.check(|| {
            let ring = Arc::new(Ring::new(2));
            assert_eq!(push_each(&ring, &[1, 2]), [1, 2]);
            let consumers: [_; 2] = std::array::from_fn(|_| {
                let ring = Arc::clone(&ring);
                thread::spawn(move || pop_twice(&ring))
            });
            let mut pushed = [1, 2].to_vec();
            pushed.extend(push_each(&ring, &[3]));
            ring.close();
            let mut popped = Vec::new();
            for consumer in consumers {
                let items = consumer.join().expect("no panic");
                assert!(items.is_sorted());
                popped.extend(items);
            }
            while let Ok(item) = ring.pop() {
                popped.push(*item);
            }
            assert_eq!(ring.pop(), Err(PopError::Closed));
            popped.sort_unstable();
            assert_eq!(popped, pushed);
        });
    }

    /// A push that succeeds beside a close is popped before the end is seen.
    #[test]
    fn closing_loses_nothing() {
        loom::model(|| {
            let ring = Arc::new(Ring::new(2));
            let pushing = {
                let ring = Arc::clone(&ring);
                thread::spawn(move || u32::from(ring.push(Box::new(1)).is_ok()))
            };
            ring.close();
            let mut sum = 0;
            loop {
                match ring.pop() {
                    Ok(item) => sum += *item,
                    Err(PopError::Empty) => thread::yield_now(),
                    Err(PopError::Closed) => break,
                }
            }
            assert_eq!(sum, pushing.join().expect("no panic"));
        });
    }
}
