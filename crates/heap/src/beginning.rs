//! When the allocator begins in earnest: once, and as soon as two things are true. The constructors of the
//! program run, so that there is an environment and libc's registration functions work; and some thread has
//! allocated.
//!
//! ```text
//!            constructors             a thread allocates
//!   EARLY ----------------> READY ----------------------+
//!     |                                                 v
//!     +----------------> AWAITED --------------------> BEGUN
//!        a thread allocates         constructors
//! ```
//!
//! One word, so that of two threads that bring the two about at once one sees what the other did: with a word
//! for each, both might look before either is seen, and the program would run without its options.

use spandrel_platform::const_fn;
use spandrel_platform::sync::{AtomicU8, Ordering};

/// See the picture above.
type State = u8;

const EARLY: State = 0;
const READY: State = 1;
const AWAITED: State = 2;
const BEGUN: State = 3;

/// How far it is.
pub(crate) struct Beginning(AtomicU8);

impl Beginning {
    const_fn! {
        /// Nothing has happened.
        pub(crate) fn new() -> Self {
            Self(AtomicU8::new(EARLY))
        }
    }

    /// Constructors run; `true` if the caller is to begin.
    #[must_use]
    pub(crate) fn constructors_run(&self) -> bool {
        !self.step(EARLY, READY) && self.step(AWAITED, BEGUN)
    }

    /// A thread allocates for the first time; `true` if the caller is to begin.
    #[must_use]
    pub(crate) fn thread_allocates(&self) -> bool {
        if self.has_begun() || self.step(EARLY, AWAITED) {
            return false;
        }
        self.step(READY, BEGUN)
    }

    /// Whether somebody has begun.
    pub(crate) fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed) == BEGUN
    }

    /// Relaxed: who begins publishes by other words what it makes.
    fn step(&self, from: State, to: State) -> bool {
        self.0.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// A model: whatever comes first, somebody begins, and nobody else does.
#[cfg(all(test, loom))]
mod models {
    extern crate std;
    use super::Beginning;
    use loom::sync::Arc;
    use loom::thread;
    use std::vec::Vec;

    #[test]
    fn somebody_begins_once() {
        loom::model(|| {
            let beginning = Arc::new(Beginning::new());
            let threads: Vec<_> = (0..2)
                .map(|_| {
                    let beginning = Arc::clone(&beginning);
                    thread::spawn(move || beginning.thread_allocates())
                })
                .collect();
            let mut begun = u32::from(beginning.constructors_run());
            for thread in threads {
                begun += u32::from(thread.join().unwrap());
            }
            assert_eq!(begun, 1);
            assert!(beginning.has_begun() && !beginning.thread_allocates());
        });
    }
}
