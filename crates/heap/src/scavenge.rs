//! The scavenger: when free memory goes back to the operating system.
//!
//! Free pages that were not needed for a second are returned, except a tenth of what is in use. "Not
//! needed" is measured, not guessed: the page heap keeps the fewest dirty pages since the last look, and
//! what even the lowest of the last four looks had to spare was idle all the time. So a program that
//! frees and allocates in turns keeps its pages, and one that goes idle gives them back because time
//! passes, without a call of its own.
//!
//! The looks are taken by a background thread, which exists only while there is something to return: the
//! first free that leaves more than 4 MiB dirty starts it, and after ten seconds of rest it ends. It also
//! empties what finished threads have left, and the large objects that sleeping threads keep.

use core::time::Duration;

use spandrel_platform::bare_thread::{BareThread, Files};
use spandrel_platform::sync::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use spandrel_platform::thread::{futex_wait, now_ns};

use crate::config::{
    BACKGROUND_BYTES, ENDED_KEEP_BYTES, ENDED_STEP_BYTES, IDLE_TICKS, KEEP_SHARE, REST_TICKS, TICK_MS,
};
use crate::line::Line;
use crate::thread_cache::ThreadCache;
use crate::{caches, guarded, large, options, own_mapping, page_heap, record_file, sampler};

/// The background thread.
static THREAD: BareThread = BareThread::new();
/// Whether the background thread is there; set by whoever starts it.
static RUNNING: AtomicBool = AtomicBool::new(false);
/// A word that nobody changes: the background thread sleeps on it.
static SLEEP: AtomicU32 = AtomicU32::new(0);

/// How often memory was short.
static SHORTAGES: AtomicU64 = AtomicU64::new(0);

/// Memory is short: at the limit, or the system refuses. Whoever wants to give memory back sees the count.
pub(crate) fn note_shortage() {
    SHORTAGES.fetch_add(1, Ordering::Relaxed);
}

/// How often memory was short.
pub(crate) fn shortages() -> u64 {
    SHORTAGES.load(Ordering::Relaxed)
}

/// Something was freed and this many bytes are dirty now. The caller holds no lock.
#[inline]
pub(crate) fn notice(dirty_bytes: usize) {
    if dirty_bytes > BACKGROUND_BYTES && !RUNNING.load(Ordering::Relaxed) {
        start();
    }
}

#[cold]
fn start() {
    if options::background() && !RUNNING.swap(true, Ordering::Relaxed) && !THREAD.spawn(body, Files::Shared) {
        RUNNING.store(false, Ordering::Relaxed);
    }
}

/// In the child of a `fork` there is no background thread.
pub(crate) fn forget_thread() {
    THREAD.forget();
    RUNNING.store(false, Ordering::Relaxed);
}

/// Returns all free memory now; the bytes returned.
pub(crate) fn release_all() -> usize {
    let unmapped = caches::with(0, empty);
    unmapped + page_heap::release_free(usize::MAX)
}

/// A thread has ended and its cache was emptied: it was one of many, and what they leave free need not
/// wait for the clock.
pub(crate) fn after_thread_end() {
    let (dirty_bytes, in_use_bytes) = page_heap::dirty_and_in_use();
    let keep_bytes = in_use_bytes.max(ENDED_KEEP_BYTES);
    if dirty_bytes > keep_bytes + ENDED_STEP_BYTES {
        page_heap::release_free(dirty_bytes - keep_bytes);
    }
}

/// There is no memory: what the heap keeps for later becomes free pages, or goes back at once.
#[cold]
pub(crate) fn relieve(cache: &ThreadCache) {
    note_shortage();
    empty(cache);
}

/// What the caller's cache, finished threads, and kept large objects hold becomes free pages, or goes back at
/// once; the bytes that went back.
fn empty(cache: &ThreadCache) -> usize {
    cache.flush();
    if guarded::is_on() {
        sampler::flush_guarded(cache);
    }
    flush_kept(true)
}

/// Empties the caches of finished threads and frees the large objects that are kept: of those with mappings
/// of their own the old ones, or with `all` every one; the bytes that went back.
fn flush_kept(all: bool) -> usize {
    caches::flush_idle();
    own_mapping::flush(all)
}

extern "C" fn body() {
    let mut idle_bytes = [usize::MAX; IDLE_TICKS];
    let mut rest_ticks = 0;
    let mut tick = 0;
    while rest_ticks < REST_TICKS {
        futex_wait(&SLEEP, 0, Some(Duration::from_millis(TICK_MS)));
        let mut released = 0;
        match tick % IDLE_TICKS {
            0 => {
                released += flush_kept(false);
                caches::all().for_each(large::want);
            }
            1 => caches::all().for_each(large::take_wanted),
            _ => {}
        }
        let (idle, in_use_bytes) = page_heap::idle_and_in_use();
        idle_bytes[tick % IDLE_TICKS] = idle;
        tick += 1;
        // Before the window is full, everything counts as just used.
        let lowest = if tick < IDLE_TICKS { 0 } else { idle_bytes.iter().copied().min().unwrap_or(0) };
        let surplus = lowest.saturating_sub(in_use_bytes / KEEP_SHARE);
        released += if surplus == 0 { 0 } else { page_heap::release_free(surplus) };
        rest_ticks = if released == 0 && own_mapping::kept_bytes() == 0 { rest_ticks + 1 } else { 0 };
        if released > 0 {
            trace(released, in_use_bytes);
        }
        record_file::notice();
    }
    RUNNING.store(false, Ordering::Relaxed);
}

fn trace(released_bytes: usize, in_use_bytes: usize) {
    if options::scav_trace() {
        Line::new()
            .text(b"scav ")
            .decimal((released_bytes >> 10) as u64)
            .text(b" KiB work (bg), ")
            .decimal((in_use_bytes >> 10) as u64)
            .text(b" KiB in use, at ")
            .decimal(now_ns() / 1_000_000)
            .text(b" ms")
            .print();
    }
}
