//! Calls of the allocator and bytes zeroed on traces of buffer sizes, counted: with a pool, and with plain
//! vectors.

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use spandrel_pool::{BufPool, CallSite};

const BUFFERS: usize = 20_000;
const LIVE_BUFFERS: usize = 16;

/// What a server reads requests into, and what a program reads a line of a log into.
const REQUEST_BYTES: usize = 16 << 10;
const LINE_BYTES: usize = 8 << 10;

struct Counting;

static CALLS: AtomicU64 = AtomicU64::new(0);
static ZEROED_BYTES: AtomicU64 = AtomicU64::new(0);

/// One test at a time counts.
static TURN: Mutex<()> = Mutex::new(());

#[global_allocator]
static ALLOC: Counting = Counting;

// SAFETY: the system's allocator does it all.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, Relaxed);
        // SAFETY: the contract is the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, Relaxed);
        ZEROED_BYTES.fetch_add(layout.size() as u64, Relaxed);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
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

fn random() -> impl FnMut(usize) -> usize {
    let mut seed = 1u64;
    move |bound| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) as usize % bound
    }
}

/// Lengths with a long tail like that of HTTP bodies: the product of three uniform numbers, 1 B to 64 kB.
fn bodies() -> Vec<usize> {
    let mut random = random();
    let mut factor = || random(40) + 1;
    (0..BUFFERS).map(|_| factor() * factor() * factor()).collect()
}

/// Lines of a log, mostly 60 to 240 bytes; one in fifty has a stack trace of up to 6 KiB.
fn lines() -> Vec<usize> {
    let mut random = random();
    (0..BUFFERS).map(|_| if random(50) == 0 { 1000 + random(5000) } else { 60 + random(180) }).collect()
}

/// Calls of the allocator, and bytes that it zeroed, while each length has its buffer. A few are alive at a
/// time.
fn counted<B>(lengths: &[usize], mut fill: impl FnMut(usize) -> B) -> (u64, u64) {
    let mut live = VecDeque::with_capacity(LIVE_BUFFERS + 1);
    let before = (CALLS.load(Relaxed), ZEROED_BYTES.load(Relaxed));
    for &len in lengths {
        live.push_back(fill(len));
        if live.len() > LIVE_BUFFERS {
            live.pop_front();
        }
    }
    (CALLS.load(Relaxed) - before.0, ZEROED_BYTES.load(Relaxed) - before.1)
}

fn filled<B: AsMut<Vec<u8>>>(mut buffer: B, len: usize) -> B {
    buffer.as_mut().resize(len, 7);
    buffer
}

#[test]
fn a_pool_calls_the_allocator_a_third_as_often() {
    let _turn = TURN.lock();
    for (name, lengths) in [("bodies", bodies()), ("lines", lines())] {
        let pool = BufPool::new();
        let (pooled, _) = counted(&lengths, |len| filled(pool.get(len), len));
        let (plain, _) = counted(&lengths, |len| filled(Vec::with_capacity(len), len));
        println!("{name}: {pooled} calls with the pool, {plain} with `Vec::with_capacity`");
        assert_eq!(plain, BUFFERS as u64);
        assert!(pooled * 3 <= plain, "{name}: {pooled} calls with the pool, {plain} without");
    }
}

/// Where the length is known only at the end: the site knows it before.
#[test]
fn a_site_that_learned_calls_the_allocator_a_third_as_often() {
    static BODIES: CallSite = CallSite::new();
    static LINES: CallSite = CallSite::new();
    let _turn = TURN.lock();
    for (name, lengths, site) in [("bodies", bodies(), &BODIES), ("lines", lines(), &LINES)] {
        let pool = BufPool::new();
        let append = |mut buffer: spandrel_pool::Buf<'static>, len| {
            (0..len).step_by(64).for_each(|at| buffer.extend_from_slice(&[7; 64][..64.min(len - at)]));
            buffer
        };
        let pool: &'static BufPool = Box::leak(Box::new(pool));
        let (pooled, _) = counted(&lengths, |len| append(pool.get_at(site), len));
        let (exact, _) = counted(&lengths, |len| filled(Vec::with_capacity(len), len));
        println!(
            "{name}: {pooled} calls with a pool whose site wants {} bytes, {exact} with `Vec::with_capacity`",
            site.wanted_bytes()
        );
        assert!(pooled * 3 <= exact, "{name}: {pooled} calls with the pool, {exact} without");
        let needed = lengths.iter().filter(|&&len| len > site.wanted_bytes()).count();
        assert!(needed * 10 < BUFFERS, "{name}: {needed} of {BUFFERS} are longer than the site wants");
    }
}

#[test]
fn a_pool_zeroes_less_than_half() {
    let _turn = TURN.lock();
    for (name, lengths, buffer_bytes) in [("bodies", bodies(), REQUEST_BYTES), ("lines", lines(), LINE_BYTES)]
    {
        let pool = BufPool::new();
        let message = vec![7; 1 << 16];
        let mut pooled_bytes = 0;
        let (pooled_calls, _) = counted(&lengths, |len| {
            let mut buffer = pool.get_zeroed(buffer_bytes);
            pooled_bytes += buffer.zeroed_bytes() as u64;
            let read = buffer.read_from(&message[..len]).expect("slices are read without errors");
            assert!(buffer[read..].iter().all(|&byte| byte == 0));
            buffer
        });
        let (plain_calls, plain_bytes) = counted(&lengths, |len| {
            let mut buffer = vec![0; buffer_bytes];
            let read = len.min(buffer_bytes);
            buffer[..read].copy_from_slice(&message[..read]);
            buffer
        });
        println!(
            "{name}: {pooled_bytes} bytes zeroed with the pool, {plain_bytes} with `vec![0; {buffer_bytes}]`"
        );
        println!("{name}: {pooled_calls} calls with the pool, {plain_calls} without");
        assert_eq!(plain_bytes, (BUFFERS * buffer_bytes) as u64);
        assert!(pooled_bytes * 2 <= plain_bytes, "{name}: {pooled_bytes} of {plain_bytes}");
        assert!(pooled_calls * 3 <= plain_calls, "{name}: {pooled_calls} of {plain_calls}");
    }
}

/// Where buffers are as long as what is written, zeroing can hardly be saved; told here, so that nobody
/// thinks so.
#[test]
fn what_is_written_to_its_end_is_zeroed_to_its_end() {
    let _turn = TURN.lock();
    for (name, lengths) in [("bodies", bodies()), ("lines", lines())] {
        let pool = BufPool::new();
        let mut pooled_bytes = 0;
        counted(&lengths, |len| {
            let mut buffer = pool.get_zeroed(len);
            pooled_bytes += buffer.zeroed_bytes() as u64;
            buffer.prefix_mut(len).fill(7);
            buffer
        });
        let plain_bytes: usize = lengths.iter().sum();
        println!("{name}: {pooled_bytes} bytes zeroed with exact lengths, {plain_bytes} with `vec![0; len]`");
        assert!(pooled_bytes <= plain_bytes as u64 * 11 / 10);
    }
}
