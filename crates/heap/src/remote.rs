//! The word that says whether a span has an owner, and that holds what others have freed.
//!
//! A span with free objects belongs to one thread cache, which alone touches its free list. A span
//! without free objects belongs to nobody. One atomic word carries both facts and the way between them:
//!
//! ```text
//!   bit 0        1 while the span has an owner
//!   bits 1..48   the latest of the objects that other threads have freed, linked or in parcels
//!   bits 48..64  how many they are
//! ```
//!
//! * **free** of a run of objects by a thread that is not the owner: if there is an owner, push the run
//!   here; if there is none, claim the span: the thread is the owner now, and frees as an owner does. So the
//!   memory of a full span never waits for a thread that has gone to sleep.
//! * **collect**, by the owner: take the list, whole, with its count: no walk.
//! * **abandon**, by the owner of a span that has become full: one compare-and-swap, which fails when a
//!   free has come in between; then there is something to collect and the span is not full.
//!
//! Invariant: a word without an owner is 0. Pushing has no ABA problem (whatever the head is, it stays
//! linked behind the new one), and nothing else compares the list.

use spandrel_platform::sync::{AtomicU64, Ordering};

use crate::object::{List, Object, Run};

/// The value of the word, laid out as above.
type Word = u64;

const OWNED: Word = 1;
const COUNT_SHIFT: Word = 48;
const ADDRESS_MASK: Word = (1 << COUNT_SHIFT) - 1 - OWNED;

/// What became of a remote free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum RemoteFree {
    /// The owner will find the objects.
    Pushed,
    /// There was no owner: the caller is it now, and still holds the objects.
    Claimed,
}

/// The word.
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct Remote(AtomicU64);

impl Remote {
    /// The word of a span that somebody owns, for models.
    #[cfg(all(test, loom))]
    pub(crate) fn owned() -> Self {
        Self(AtomicU64::new(OWNED))
    }

    /// Makes the caller the owner of a span that no other thread can know yet.
    pub(crate) fn begin_owned(&self) {
        self.0.store(OWNED, Ordering::Relaxed);
    }

    /// Frees a run for the owner, or claims the span. `link(next)` makes `next` the object after its last.
    pub(crate) fn free(&self, run: Run, mut link: impl FnMut(*mut Object)) -> RemoteFree {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            // Claiming acquires what the last owner released by abandoning; pushing releases the
            // objects' bytes to the owner's collect.
            let (new, outcome) = if word & OWNED == 0 {
                (OWNED, RemoteFree::Claimed)
            } else {
                link(head(word));
                let count = (word >> COUNT_SHIFT) + Word::from(run.objs);
                let address = run.first.expose_provenance() as u64;
                (count << COUNT_SHIFT | address | OWNED, RemoteFree::Pushed)
            };
            match self.0.compare_exchange_weak(word, new, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return outcome,
                Err(changed) => word = changed,
            }
        }
    }

    /// Becomes the owner; `false` if there is one.
    pub(crate) fn claim(&self) -> bool {
        self.0.compare_exchange(0, OWNED, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// The owner takes what others have freed, as it was sent.
    pub(crate) fn collect(&self) -> List {
        if self.0.load(Ordering::Relaxed) == OWNED {
            return List::EMPTY;
        }
        let word = self.0.swap(OWNED, Ordering::Acquire);
        List { head: head(word), objs: (word >> COUNT_SHIFT) as u32 }
    }

    /// Objects that the owner has not collected yet, as anyone may see them.
    pub(crate) fn pushed_objs(&self) -> u32 {
        (self.0.load(Ordering::Relaxed) >> COUNT_SHIFT) as u32
    }

    /// The owner lets the span go; `false` if there is something to collect first.
    pub(crate) fn abandon(&self) -> bool {
        self.0.compare_exchange(OWNED, 0, Ordering::Release, Ordering::Relaxed).is_ok()
    }
}

fn head(word: Word) -> *mut Object {
    core::ptr::with_exposed_provenance_mut((word & ADDRESS_MASK) as usize)
}

/// Models of the two protocols that the word carries, over every interleaving.
#[cfg(all(test, loom))]
mod models {
    extern crate std;
    use super::{Remote, RemoteFree};
    use crate::object::{Object, Run};
    use loom::cell::UnsafeCell;
    use loom::sync::Arc;
    use loom::thread;
    use std::vec::Vec;

    /// A span of four objects, which exist as numbers: object `i` has the address `8 * (i + 1)`.
    struct Span {
        remote: Remote,
        /// The link of each object; touched by whoever owns the object.
        next: [UnsafeCell<usize>; 4],
        /// Objects on the owner's list; touched by the owner alone, so loom finds two owners.
        free: UnsafeCell<usize>,
    }

    impl Span {
        fn full() -> Self {
            let span = Self {
                remote: Remote::owned(),
                next: std::array::from_fn(|_| UnsafeCell::new(0)),
                free: UnsafeCell::new(0),
            };
            assert!(span.remote.abandon());
            span
        }

        /// What a thread does to free object `index`; `true` if it owns the span after.
        fn free(&self, index: usize) -> bool {
            let address = core::ptr::without_provenance_mut::<Object>(8 * (index + 1));
            let freed = self.remote.free(Run::of_one(address), |next| {
                self.next[index].with_mut(|link| {
                    // SAFETY: this thread owns the object until it is pushed.
                    unsafe { *link = next.addr() };
                });
            });
            match freed {
                RemoteFree::Pushed => false,
                RemoteFree::Claimed => {
                    self.own(1);
                    true
                }
            }
        }

        /// The owner adds objects to its list.
        fn own(&self, objs: usize) {
            self.free.with_mut(|free| {
                // SAFETY: the caller is the owner.
                unsafe { *free += objs };
            });
        }

        /// The owner collects, walks what it got, and counts it.
        fn collect(&self) {
            let list = self.remote.collect();
            let mut address = list.head.addr();
            let mut walked = 0;
            while address != 0 {
                walked += 1;
                // SAFETY: collecting made this thread the owner of the objects.
                address = self.next[address / 8 - 1].with(|link| unsafe { *link });
            }
            assert_eq!(walked, list.objs, "the count is the length");
            self.own(walked as usize);
        }
    }

    /// The remote-free list: three threads free into one full span. Exactly one claims it, and no object
    /// is lost.
    #[test]
    fn frees_into_a_full_span() {
        loom::model(|| {
            let span = Arc::new(Span::full());
            let threads: Vec<_> = (0..2)
                .map(|index| {
                    let span = Arc::clone(&span);
                    thread::spawn(move || span.free(index))
                })
                .collect();
            let mut owners = usize::from(span.free(2));
            for thread in threads {
                owners += usize::from(thread.join().unwrap());
            }
            assert_eq!(owners, 1);
            span.collect();
            // SAFETY: all other threads have ended.
            assert_eq!(span.free.with(|free| unsafe { *free }), 3);
        });
    }

    /// Span hand-over: the owner fills its span and abandons it while others free into it; whoever
    /// claims it may abandon it again when it has used up what it found.
    #[test]
    fn hand_over_between_owners() {
        loom::model(|| {
            let span = Arc::new(Span::full());
            assert!(span.remote.claim());
            let other = {
                let span = Arc::clone(&span);
                thread::spawn(move || {
                    let mut mine = span.free(0);
                    if mine {
                        // It takes its object out again: the span is full once more.
                        span.free.with_mut(|free| {
                            // SAFETY: this thread claimed the span.
                            unsafe { *free -= 1 };
                        });
                        mine = !span.remote.abandon();
                    }
                    mine
                })
            };
            let mut first_owns = true;
            if span.remote.abandon() {
                first_owns = span.free(1);
            } else {
                span.collect();
            }
            let second_owns = other.join().unwrap();
            assert!(!(first_owns && second_owns), "two owners");
            if first_owns || second_owns {
                span.collect();
                assert!(!span.remote.claim(), "an owned span was claimed");
            } else {
                assert!(span.remote.claim(), "a span without an owner could not be claimed");
            }
        });
    }
}
