//! What a pool with `Limits::debug` notices: each write through a pointer that was kept, and each guard that
//! is still held or was forgotten. What it must not change: the values.

use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};

use spandrel_pool::{Limits, Pool, Recycle};

const DEBUG: Limits = Limits::new().debug(true);

struct Lines;

impl Recycle<Vec<u8>> for Lines {
    fn make(&self) -> Vec<u8> {
        Vec::with_capacity(300)
    }
    fn reset(&self, line: &mut Vec<u8>) -> bool {
        line.clear();
        true
    }
    fn idle_bytes<'o>(&self, line: &'o mut Vec<u8>) -> &'o mut [MaybeUninit<u8>] {
        line.spare_capacity_mut()
    }
}

/// Numbers that differ from trial to trial (a linear congruence).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

/// Changes one byte behind a pointer that was kept.
fn plant(first: *mut u8, at: usize, flip: u8) {
    // SAFETY: not at all: the object was given back. The memory is the pool's, and mapped.
    unsafe { first.add(at).write_volatile(first.add(at).read_volatile() ^ flip) };
}

fn panics(action: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(action)).is_err()
}

#[test]
fn every_planted_write_after_return_is_caught() {
    let mut numbers = Numbers(6);
    let (mut planted, mut caught) = (0, 0);
    for trial in 0..1000 {
        let flip = 1 << numbers.below(8);
        let noticed = if trial % 2 == 0 {
            let pool = Pool::with(|| [0u8; 100], DEBUG);
            let kept = pool.get().as_mut_ptr();
            plant(kept, numbers.below(100), flip);
            // The next user meets it, or whoever drops it.
            if trial % 4 == 0 { panics(|| drop(pool.get())) } else { panics(|| _ = pool.trim(0)) }
        } else {
            let pool = Pool::with(Lines, DEBUG);
            let kept = pool.get().as_mut_ptr();
            plant(kept, numbers.below(300), flip);
            if trial % 4 == 1 { panics(|| drop(pool.get())) } else { panics(|| drop(pool)) }
        };
        planted += 1;
        caught += u32::from(noticed);
    }
    assert_eq!((caught, planted), (1000, 1000));
}

#[test]
fn values_stay_as_they_were() {
    let pool = Pool::with(|| (String::from("name"), true, [1u64; 4]), DEBUG);
    pool.get().0.push('s');
    for _ in 0..10 {
        let guard = pool.get();
        assert_eq!((guard.0.as_str(), guard.1, guard.2), ("names", true, [1; 4]));
    }
    assert_eq!((pool.stats().made, pool.stats().hits_depot), (1, 10));
    let lines = Pool::with(Lines, DEBUG);
    (0..10).for_each(|_| lines.get().extend_from_slice(b"a line"));
    assert_eq!(lines.stats().made, 1);
    let units = Pool::with(|| (), DEBUG);
    (0..10).for_each(|_| drop(units.get()));
}

#[test]
fn a_bounded_pool_checks_too_and_loses_no_place() {
    let pool = Pool::with(|| [0u8; 8], DEBUG.max_live_items(1));
    let kept = pool.get().as_mut_ptr();
    plant(kept, 3, 1);
    assert!(panics(|| drop(pool.get())));
    assert_eq!(*pool.try_get().expect("the spoilt one made room"), [0; 8]);
    assert_eq!(pool.stats().dropped_invalid, 1);
}

#[test]
fn the_sites_that_hold_guards_are_told() {
    let pool = Pool::with(|| 1u32, DEBUG);
    let many: Vec<_> = (0..3).map(|_| pool.get()).collect();
    let one = (pool.try_get(), line!());
    let sites: Vec<_> = pool.outstanding().iter().map(|known| (known.guards, known.site.line())).collect();
    assert_eq!(sites, [(3, one.1 - 1), (1, one.1)]);
    drop(many);
    assert_eq!(pool.outstanding().len(), 1);
    _ = one.0.expect("lent").detach();
    assert!(pool.outstanding().is_empty());
    std::mem::forget(pool.get());
    assert_eq!(pool.outstanding()[0].guards, 1, "told again when the pool ends");
}

#[test]
fn a_reset_that_panics_takes_no_place() {
    struct Panics;
    impl Recycle<u8> for Panics {
        fn make(&self) -> u8 {
            1
        }
        fn reset(&self, _: &mut u8) -> bool {
            std::panic::resume_unwind(Box::new(()))
        }
    }
    for limits in [DEBUG.max_live_items(1), Limits::new().max_live_items(1), Limits::new()] {
        let pool = Pool::with(Panics, limits);
        for _ in 0..3 {
            assert!(panics(|| drop(pool.get())));
        }
        assert_eq!((pool.stats().made, pool.stats().dropped_invalid), (3, 3));
        assert!(pool.outstanding().is_empty());
    }
}
