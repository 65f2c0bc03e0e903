//! The right to something that a thread uses all the time and the scavenger now and then.
//!
//! A thread uses its own things without an atomic instruction: it says that it is busy, looks for a claim,
//! and goes on. The scavenger **wants**, and a tick later **takes**, unless the thread has been there in
//! between and refused:
//!
//! ```text
//!                 want                      take (a tick later)
//!       FREE  ------------>  WANTED  ---------------------------->  TAKEN
//!         ^                    |  the thread comes: refused           |
//!         +--------------------+------------ given back --------------+
//! ```
//!
//! The thread's two moves are ordinary ones, and the processor may delay the first past the second; but not
//! for as long as a tick. Whatever began before the scavenger wanted has by then ended or is seen as busy;
//! whatever begins later sees the claim. (A store is seen by all within microseconds, and at once if the
//! thread is interrupted. The reasoning is that of Morrison and Afek, *Temporally Bounding TSO for
//! Fence-Free Asymmetric Synchronization*, 2015.) Models that know no time stand at the end: of what may
//! happen after the tick.

use spandrel_platform::const_fn;
use spandrel_platform::sync::{AtomicU32, Ordering, fence};

/// See the picture above.
type State = u32;

const FREE: State = 0;
const WANTED: State = 1;
const TAKEN: State = 2;

/// Who may use the thing.
#[derive(Debug)]
pub(crate) struct Claim {
    /// 1 while the thread uses it.
    busy: AtomicU32,
    state: AtomicU32,
}

impl Claim {
    const_fn! {
        /// The thread's alone. All zero.
        pub(crate) fn new() -> Self {
            Self { busy: AtomicU32::new(0), state: AtomicU32::new(FREE) }
        }
    }

    /// The thread uses the thing; `None`, and it does not, while the scavenger has it.
    #[inline(always)]
    pub(crate) fn with<R>(&self, action: impl FnOnce() -> R) -> Option<R> {
        self.busy.store(1, Ordering::Relaxed);
        keep_order();
        let is_mine = self.state.load(Ordering::Acquire) == FREE || self.refuse();
        let result = is_mine.then(action);
        self.busy.store(0, Ordering::Release);
        result
    }

    /// The scavenger can't have it, unless it has it already.
    #[cold]
    fn refuse(&self) -> bool {
        self.state.compare_exchange(WANTED, FREE, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// The scavenger, which is one thread, asks.
    pub(crate) fn want(&self) {
        self.state.store(WANTED, Ordering::Relaxed);
    }

    /// A tick, or at least a millisecond, later it uses the thing, if the thread has not used it since.
    pub(crate) fn take(&self, action: impl FnOnce()) {
        let taken = self.state.compare_exchange(WANTED, TAKEN, Ordering::AcqRel, Ordering::Relaxed);
        if taken.is_err() {
            return;
        }
        fence(Ordering::SeqCst);
        if self.busy.load(Ordering::Acquire) == 0 {
            action();
        }
        self.state.store(FREE, Ordering::Release);
    }
}

/// Keeps the compiler from exchanging the moves before and after.
#[inline(always)]
fn keep_order() {
    #[cfg(not(loom))]
    spandrel_platform::sync::compiler_fence(Ordering::SeqCst);
}

/// Models of what a tick leaves possible: what the thread begins after the scavenger wanted, and what it
/// began before and has not ended.
#[cfg(all(test, loom))]
mod models {
    use super::{Claim, Ordering};
    use loom::cell::UnsafeCell;
    use loom::sync::Arc;
    use loom::sync::atomic::AtomicBool;
    use loom::thread;

    /// A claim, the thing, and whether the thread is known to use it.
    struct Slot {
        claim: Claim,
        kept_objs: UnsafeCell<u32>,
        is_used: AtomicBool,
    }

    impl Slot {
        fn new() -> Arc<Self> {
            Arc::new(Self {
                claim: Claim::new(),
                kept_objs: UnsafeCell::new(0),
                is_used: AtomicBool::new(false),
            })
        }

        /// The thread keeps an object; 1 if it could.
        fn keep(&self) -> u32 {
            let kept = self.claim.with(|| {
                self.is_used.store(true, Ordering::Release);
                self.kept_objs.with_mut(|kept| {
                    // SAFETY: the claim is this thread's; loom sees it if it is not.
                    unsafe { *kept += 1 };
                });
            });
            u32::from(kept.is_some())
        }

        /// The scavenger takes what is kept; how much that was.
        fn take(&self) -> u32 {
            let mut taken = 0;
            self.claim.take(|| {
                self.kept_objs.with_mut(|kept| {
                    // SAFETY: the claim is taken; loom sees it if it is not.
                    unsafe { taken = core::mem::take(&mut *kept) };
                });
            });
            taken
        }
    }

    #[test]
    fn begun_after_the_want() {
        loom::model(|| {
            let slot = Slot::new();
            slot.claim.want();
            let thread = {
                let slot = Arc::clone(&slot);
                thread::spawn(move || slot.keep() + slot.keep())
            };
            let taken = slot.take();
            let kept = thread.join().unwrap();
            // SAFETY: the other thread has ended.
            assert_eq!(taken + slot.kept_objs.with(|left| unsafe { *left }), kept);
        });
    }

    #[test]
    fn begun_before_the_want() {
        loom::model(|| {
            let slot = Slot::new();
            let thread = {
                let slot = Arc::clone(&slot);
                thread::spawn(move || slot.keep())
            };
            while !slot.is_used.load(Ordering::Acquire) {
                thread::yield_now();
            }
            slot.claim.want();
            let taken = slot.take();
            let kept = thread.join().unwrap();
            // SAFETY: the other thread has ended.
            assert_eq!(taken + slot.kept_objs.with(|left| unsafe { *left }), kept);
        });
    }
}
