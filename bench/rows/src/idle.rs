//! Threads that have worked and now sleep: what does the allocator keep for each of them?

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use crate::mapped::Mapped;
use crate::measurement::{Measurement, Setup};
use crate::memory::{small_sizes, touched};
use crate::process;

const THREADS: usize = 500;
const THREAD_BYTES: usize = 1 << 20;
const SLEEP: Duration = Duration::from_secs(3);

/// 500 threads allocate 1 MiB of small objects each; when all have it they free it, and sleep.
///
/// Figures are KiB a thread above the time when the threads, with the lists that their objects will stand in,
/// had been started and slept.
pub(crate) fn idle500(setup: &Setup) -> Measurement {
    let threads = setup.scaled(THREADS);
    let step = &Barrier::new(threads + 1);
    thread::scope(|scope| {
        for seed in 0..threads {
            scope.spawn(move || work_and_sleep(seed as u64, step));
        }
        step.wait();
        let started = process::rss_bytes();
        step.wait();
        let kib_per_thread = || {
            let grown = process::rss_bytes().saturating_sub(started);
            grown as f64 / 1024.0 / threads as f64
        };
        step.wait();
        let live = kib_per_thread();
        step.wait();
        step.wait();
        let now = kib_per_thread();
        thread::sleep(setup.scaled_pause(SLEEP));
        let kept = kib_per_thread();
        step.wait();
        Measurement {
            ns: None,
            extra: vec![
                ("live_kib_per_thread", live),
                ("kept_now_kib_per_thread", now),
                ("kept_kib_per_thread", kept),
            ],
        }
    })
}

/// One thread, in step with the main one: lists are made, objects allocated, looked at, freed.
fn work_and_sleep(seed: u64, step: &Barrier) {
    let sizes = small_sizes(THREAD_BYTES, seed);
    let mut slots = Mapped::filled(sizes.len(), |_| None);
    step.wait();
    step.wait();
    for (slot, &size) in slots.iter_mut().zip(sizes.iter()) {
        *slot = Some(touched(size));
    }
    step.wait();
    step.wait();
    for slot in &mut *slots {
        drop(slot.take());
    }
    step.wait();
    step.wait();
}
