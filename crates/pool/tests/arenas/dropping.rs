//! Destructors that an arena owes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use spandrel_pool::Arena;

#[derive(Clone)]
struct Log(Arc<Mutex<Vec<u32>>>);

struct Told(u32, Log);

impl Drop for Told {
    fn drop(&mut self) {
        let mut told = self.1.0.lock().expect("nobody panics with it");
        told.push(self.0);
        drop(told);
        assert_ne!(self.0, 13, "an unlucky number");
    }
}

impl Log {
    fn new() -> Self {
        Self(Arc::default())
    }

    fn told(&self, number: u32) -> Told {
        Told(number, self.clone())
    }

    fn taken(&self) -> Vec<u32> {
        std::mem::take(&mut *self.0.lock().expect("nobody panics with it"))
    }
}

#[test]
fn what_goes_is_dropped_the_youngest_first() {
    let (log, mut arena) = (Log::new(), Arena::new());
    for number in 0..3 {
        arena.alloc_drop(log.told(number));
    }
    let before = arena.checkpoint();
    for number in 3..300 {
        arena.alloc([0u8; 100]);
        arena.alloc_drop(log.told(if number == 13 { 0 } else { number }));
    }
    arena.rewind(before);
    assert_eq!(log.taken().len(), 297);
    arena.alloc_drop(log.told(300));
    arena.reset();
    assert_eq!(log.taken(), [300, 2, 1, 0]);
    arena.alloc_drop(log.told(4));
    arena.scoped(|arena| arena.alloc_drop(log.told(5)).0);
    assert_eq!(log.taken(), [5]);
    drop(arena);
    assert_eq!(log.taken(), [4]);
}

#[test]
fn a_destructor_that_panics_leaves_the_others_due() {
    let (log, mut arena) = (Log::new(), Arena::new());
    for number in [1, 13, 2] {
        arena.alloc_drop(log.told(number));
    }
    assert!(catch_unwind(AssertUnwindSafe(|| arena.reset())).is_err());
    assert_eq!(log.taken(), [2, 13]);
    arena.reset();
    assert_eq!(log.taken(), [1]);
}

#[test]
fn a_value_lends_itself_until_it_is_dropped() {
    let mut arena = Arena::new();
    let list = arena.alloc_drop(vec![1, 2]);
    list.push(3);
    assert_eq!(*list, [1, 2, 3]);
    let aligned = arena.alloc_drop(Aligned(vec![1]));
    assert!(std::ptr::from_ref(aligned).addr().is_multiple_of(128));
    arena.reset();
}

#[repr(align(128))]
struct Aligned(#[expect(dead_code, reason = "it is there to be dropped")] Vec<u8>);
