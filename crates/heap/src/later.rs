//! Objects that wait to be freed: anyone may push one at any time, and whoever takes the list takes it all.
//!
//! One word, the head of the list. A push links the new object to the head that it has seen and swaps itself
//! in; it makes no difference if that head was taken and pushed again in between, for then it is the head
//! again. Nobody takes a single object, so the ABA problem of such lists does not arise.

use core::ptr::null_mut;

use spandrel_platform::const_fn;
use spandrel_platform::sync::{AtomicPtr, Ordering};

use crate::object::{self, Object};

pub(crate) struct Later {
    head: AtomicPtr<Object>,
}

impl Later {
    const_fn! {
        pub(crate) fn new() -> Self {
            Self { head: AtomicPtr::new(null_mut()) }
        }
    }

    /// Adds an object, which is the caller's until then.
    pub(crate) fn push(&self, object: *mut Object) {
        // SAFETY: the object is the caller's.
        self.push_with(object, |next| unsafe { object::link(object, next) });
    }

    /// The same with `link(next)`, which makes `next` the object after it.
    fn push_with(&self, object: *mut Object, mut link: impl FnMut(*mut Object)) {
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            link(head);
            // Release: the link is there for whoever takes the list.
            match self.head.compare_exchange_weak(head, object, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(changed) => head = changed,
            }
        }
    }

    /// Takes all objects, linked, the latest first; null if there is none.
    pub(crate) fn take_all(&self) -> *mut Object {
        if self.head.load(Ordering::Relaxed).is_null() {
            return null_mut();
        }
        self.head.swap(null_mut(), Ordering::Acquire)
    }
}

/// A model of pushes and takes at the same time.
#[cfg(all(test, loom))]
mod models {
    use super::Later;
    use crate::object::Object;
    use core::ptr::without_provenance_mut;
    use loom::cell::UnsafeCell;
    use loom::sync::Arc;
    use loom::thread;

    /// Three objects, which exist as numbers: object `i` has the address `8 * (i + 1)`.
    struct Heap {
        later: Later,
        next: [UnsafeCell<usize>; 3],
    }

    impl Heap {
        fn push(&self, index: usize) {
            self.later.push_with(without_provenance_mut::<Object>(8 * (index + 1)), |next| {
                self.next[index].with_mut(|link| {
                    // SAFETY: the object is this thread's until it is pushed.
                    unsafe { *link = next.addr() };
                });
            });
        }

        /// Takes all, walks them, and counts them.
        fn take(&self) -> usize {
            let mut address = self.later.take_all().addr();
            let mut taken = 0;
            while address != 0 {
                taken += 1;
                // SAFETY: whoever took the list owns its objects.
                address = self.next[address / 8 - 1].with(|link| unsafe { *link });
            }
            taken
        }
    }

    #[test]
    fn nothing_is_lost_or_taken_twice() {
        loom::model(|| {
            let heap = Arc::new(Heap { later: Later::new(), next: [(); 3].map(|()| UnsafeCell::new(0)) });
            let pusher = {
                let heap = Arc::clone(&heap);
                thread::spawn(move || {
                    heap.push(0);
                    heap.push(1);
                })
            };
            let taker = {
                let heap = Arc::clone(&heap);
                thread::spawn(move || heap.take())
            };
            heap.push(2);
            pusher.join().unwrap();
            let taken = taker.join().unwrap() + heap.take();
            assert_eq!(taken, 3);
        });
    }
}
