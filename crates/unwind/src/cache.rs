//! Rules that were found, by address, for all threads and without a lock.
//!
//! A place holds two words: the rule, and the key combined with it. A thread that reads while another one
//! writes may see one new word and one old; then they do not match, and the rule counts as not there
//! (Hyatt and Mann, *A lockless transposition table*, 2002).

#[cfg(not(loom))]
use core::sync::atomic::{AtomicU64, Ordering};
#[cfg(loom)]
use loom::sync::atomic::{AtomicU64, Ordering};

/// Places; a program has some hundred to thousand addresses on its stacks at allocations.
const PLACES: usize = 2048;

struct Place {
    check: AtomicU64,
    rule: AtomicU64,
}

impl Place {
    #[cfg(not(loom))]
    const fn new() -> Self {
        Self { check: AtomicU64::new(0), rule: AtomicU64::new(0) }
    }

    #[cfg(loom)]
    fn new() -> Self {
        Self { check: AtomicU64::new(0), rule: AtomicU64::new(0) }
    }

    fn get(&self, key: u64) -> Option<u64> {
        let rule = self.rule.load(Ordering::Relaxed);
        let check = self.check.load(Ordering::Relaxed);
        (rule != 0 && check == combine(key, rule)).then_some(rule)
    }

    fn put(&self, key: u64, rule: u64) {
        self.check.store(combine(key, rule), Ordering::Relaxed);
        self.rule.store(rule, Ordering::Relaxed);
    }
}

/// Depends on every bit of the rule, so that two rules of one key do not match each other's checks.
fn combine(key: u64, rule: u64) -> u64 {
    key ^ rule.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
}

#[cfg(not(loom))]
static PLACES_OF_ALL: [Place; PLACES] = [const { Place::new() }; PLACES];

/// The key of an address in a loaded file, which others may replace at the same addresses.
#[cfg(not(loom))]
pub(crate) fn key(pc: usize, file: usize) -> u64 {
    let mut bits = pc as u64 ^ (file as u64).rotate_left(32);
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits ^ bits >> 27
}

/// What is known under a key.
#[cfg(not(loom))]
pub(crate) fn get(key: u64) -> Option<u64> {
    PLACES_OF_ALL[key as usize % PLACES].get(key)
}

/// Keeps a rule, which is not 0, in place of another.
#[cfg(not(loom))]
pub(crate) fn put(key: u64, rule: u64) {
    PLACES_OF_ALL[key as usize % PLACES].put(key, rule);
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{get, key, put};

    #[test]
    fn what_was_put_is_found() {
        let (mine, others) = (key(0x1234_5678, 0x1000), key(0x1234_5678, 0x2000));
        put(mine, 7);
        assert_eq!((get(mine), get(others)), (Some(7), None));
    }
}

/// Two threads write to one place, for two keys, while a third reads: it never gets one's rule under the
/// other's key.
#[cfg(all(test, loom))]
mod models {
    use super::Place;
    use loom::sync::Arc;
    use loom::thread;

    #[test]
    fn a_key_never_gets_anothers_rule() {
        loom::model(|| {
            let place = Arc::new(Place::new());
            let writers = [(1, 11), (2, 22)].map(|(key, rule)| {
                let place = Arc::clone(&place);
                thread::spawn(move || place.put(key, rule))
            });
            for (key, rule) in [(1, 11), (2, 22)] {
                let got = place.get(key);
                assert!(got.is_none() || got == Some(rule));
            }
            for writer in writers {
                writer.join().unwrap();
            }
        });
    }
}
