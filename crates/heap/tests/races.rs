//! Everything at once, for ThreadSanitizer to watch: threads that free for each other, that come and go, and
//! that look at the heap, shrink it and sample it meanwhile. Without a sanitizer the blocks' patterns and the
//! sums are what is checked. How to run it with one: `cargo xtask ci sanitizers`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use spandrel_testkit::threads::{self, Load};
use spandrel_testkit::{GlobalSubject, Scale};

#[global_allocator]
static ALLOC: spandrel::Spandrel = spandrel::Spandrel::new();

fn load() -> Load {
    Load { threads: 4, blocks: 20_000, ..Load::of(Scale::Quick) }
}

/// Runs `work` while other threads do each of `others` again and again.
fn meanwhile(others: &[fn()], work: impl FnOnce()) {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for other in others {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    other();
                }
            });
        }
        work();
        is_over.store(true, Ordering::Relaxed);
    });
}

fn look_at_statistics() {
    let stats = spandrel::stats();
    let live_bytes: u64 = stats.classes.iter().map(spandrel::ClassStats::live_bytes).sum();
    assert!(live_bytes <= stats.page_heap.in_use_bytes);
}

fn shrink() {
    spandrel::release_free_memory();
    thread::yield_now();
}

/// Samples often, in this thread, and writes what all have sampled.
fn collect_a_profile() {
    spandrel::profile::restart(512, 1);
    let blocks: Vec<_> = (1..100).map(|bytes| vec![1u8; bytes]).collect();
    match spandrel::profile::write_pprof("/dev/null") {
        Ok(()) | Err(spandrel::profile::ProfileError::Busy) => drop(blocks),
        Err(error) => panic!("{error:?}"),
    }
}

fn allocate_in_short_threads() {
    thread::spawn(|| drop(vec![0u8; 10_000])).join().unwrap();
}

#[test]
fn blocks_in_shared_bins() {
    threads::shared_bins(&GlobalSubject, load());
}

#[test]
fn blocks_in_a_ring() {
    threads::ring(&GlobalSubject, load());
}

#[test]
fn producers_and_consumers() {
    threads::producers_and_consumers(&GlobalSubject, load());
}

#[test]
fn threads_that_only_free() {
    threads::threads_that_only_free(&GlobalSubject, load());
}

#[test]
fn threads_that_leave_blocks() {
    threads::survivors(&GlobalSubject, load());
    threads::bursts_of_short_threads(&GlobalSubject, load());
}

#[test]
fn looked_at_and_shrunk() {
    meanwhile(&[look_at_statistics, shrink, allocate_in_short_threads], || {
        threads::producers_and_consumers(&GlobalSubject, load());
        threads::survivors(&GlobalSubject, load());
    });

    meanwhile(&[collect_a_profile, look_at_statistics], || threads::shared_bins(&GlobalSubject, load()));
}
