//! Calls of the allocator on a trace of buffer sizes, counted: with a pool, and with plain vectors.

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use spandrel_pool::BufPool;

const BUFFERS: u64 = 20_000;
const LIVE_BUFFERS: usize = 16;

struct Counting;

static CALLS: AtomicU64 = AtomicU64::new(0);

#[global_allocator]
static ALLOC: Counting = Counting;

// SAFETY: the system's allocator does it all.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, Relaxed);
        // SAFETY: the contract is the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        CALLS.fetch_add(1, Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(place, layout, size) }
    }
}

/// Sizes with a long tail like that of HTTP bodies: the product of three uniform numbers, 1 B to 64 kB. A few
/// buffers are alive at a time. The allocator's calls.
fn calls<B: AsMut<Vec<u8>>>(get: impl Fn(usize) -> B) -> u64 {
    let mut seed = 1u64;
    let mut uniform = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) as usize % 40 + 1
    };
    let mut live = VecDeque::with_capacity(LIVE_BUFFERS + 1);
    let before = CALLS.load(Relaxed);
    for _ in 0..BUFFERS {
        let len = uniform() * uniform() * uniform();
        let mut buffer = get(len);
        buffer.as_mut().resize(len, 7);
        live.push_back(buffer);
        if live.len() > LIVE_BUFFERS {
            live.pop_front();
        }
    }
    CALLS.load(Relaxed) - before
}

#[test]
fn a_pool_calls_the_allocator_a_third_as_often() {
    let pool = BufPool::new();
    let pooled = calls(|len| pool.get(len));
    let plain = calls(Vec::with_capacity);
    println!("{pooled} calls with the pool, {plain} without");
    assert_eq!(plain, BUFFERS);
    assert!(pooled * 3 <= plain, "{pooled} calls with the pool, {plain} without");
}
