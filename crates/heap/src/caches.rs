//! Which thread has which cache: the slot, the list of all caches, the idle ones, and a thread's end.
//!
//! The slot of a thread starts at [`EMPTY`], a cache with nothing in it, so that the fast paths need no
//! test for "first call in this thread": they find an empty list and take the slow path, which comes here.
//! A finished thread's cache keeps its lists and waits for the next thread, which goes on with them; the
//! scavenger empties those that wait long, and when many threads end, only the first few leave full ones.
//! After its end a thread may still free and allocate (destructors of other libraries): its slot is at
//! [`DEAD`], and each call borrows an idle cache.

use core::ffi::c_void;
use core::ptr::from_ref;

use spandrel_platform::sync::{AtomicU32, AtomicU64, Ordering};
use spandrel_platform::thread::ExitKey;
use spandrel_platform::thread_slot;

use crate::config::WARM_CACHES;
use crate::roster::{Links, Listed, Roster};
use crate::thread_cache::ThreadCache;
use crate::{init, meta, scavenge};

/// What every thread starts with: nothing is on its lists, and no free is granted. Nothing is ever written
/// but those counts of frees, which are 0 or, for a moment, a little less.
static EMPTY: ThreadCache = ThreadCache::empty();
/// What a thread has after its end; like [`EMPTY`].
static DEAD: ThreadCache = ThreadCache::empty();

thread_slot!(slot, sym crate::caches::EMPTY);

/// All caches, and those without a thread.
pub(crate) static CACHES: Roster<ThreadCache> = Roster::new();
/// The key of the hook at a thread's end, plus one; 0 before there is one.
static EXIT_KEY: AtomicU64 = AtomicU64::new(0);

impl Listed for ThreadCache {
    fn links(&self) -> &Links<Self> {
        &self.links
    }
}

// SAFETY: a cache is used by the one thread that holds it; what others read are `Racy` cells.
unsafe impl Sync for ThreadCache {}

/// The calling thread's cache, which may be one without a number.
#[inline(always)]
pub(crate) fn current() -> &'static ThreadCache {
    // SAFETY: the slot starts at a static and is only ever set to caches, which are never unmapped.
    unsafe { &*slot::get().cast::<ThreadCache>() }
}

/// Runs `action` with a cache that the calling thread holds; `none` if there is no memory for one.
pub(crate) fn with<R>(none: R, action: impl FnOnce(&'static ThreadCache) -> R) -> R {
    let cache = current();
    if cache.number.get() != 0 {
        return action(cache);
    }
    let Some(fresh) = acquire() else { return none };
    if core::ptr::eq(cache, &raw const DEAD) {
        let result = action(fresh);
        give_back(fresh);
        return result;
    }
    slot::set(from_ref(fresh).cast_mut().cast());
    arm_exit_hook(fresh);
    init::begin_if_ready();
    action(fresh)
}

/// For a thread that libc does not know, before it calls anything else: it borrows a cache whenever it needs
/// one, as a thread does that has come to its end. Its slot was not set up, and no hook tells of its end.
pub(crate) fn stand_apart() {
    slot::set((&raw const DEAD).cast_mut().cast());
}

/// Makes the key of the exit hook. Called once, before there are threads.
pub(crate) fn init() {
    if let Some(key) = ExitKey::new(thread_ends) {
        EXIT_KEY.store(u64::from(key.to_raw()) + 1, Ordering::Release);
    }
    let cache = current();
    if cache.number.get() != 0 {
        // This thread, and only this one, got its cache before there was a key.
        arm_exit_hook(cache);
    }
}

fn arm_exit_hook(cache: &'static ThreadCache) {
    if let Some(raw) = EXIT_KEY.load(Ordering::Acquire).checked_sub(1) {
        ExitKey::from_raw(raw as u32).arm(from_ref(cache).cast_mut().cast());
    }
}

extern "C" fn thread_ends(cache: *mut c_void) {
    // SAFETY: the key's value is the cache that the thread was given; it is never unmapped.
    let cache = unsafe { &*cache.cast::<ThreadCache>() };
    slot::set((&raw const DEAD).cast_mut().cast());
    if CACHES.warm() >= WARM_CACHES {
        cache.flush();
        scavenge::after_thread_end();
    } else {
        cache.send_off_all();
    }
    give_back(cache);
}

/// The end of a thread of a model, of which libc knows nothing.
#[cfg(all(test, shuttle))]
pub(crate) fn end_thread() {
    let cache = current();
    if cache.number.get() != 0 {
        thread_ends(from_ref(cache).cast_mut().cast());
    }
}

/// An idle cache, or a new one.
fn acquire() -> Option<&'static ThreadCache> {
    let cache = CACHES.acquire(|number| {
        let memory = meta::alloc(size_of::<ThreadCache>(), align_of::<ThreadCache>()).cast::<ThreadCache>();
        // SAFETY: fresh metadata memory of the right size and alignment, zeroed, which is what an empty cache
        // consists of; it is kept for good.
        let cache = unsafe { memory.as_ref() }?;
        cache.number.set(number);
        Some(cache)
    })?;
    begin_thread(cache);
    Some(cache)
}

/// What a cache knows of the thread before is not true of the next.
fn begin_thread(cache: &ThreadCache) {
    static THREADS: AtomicU32 = AtomicU32::new(0);
    cache.thread.set(THREADS.fetch_add(1, Ordering::Relaxed).wrapping_add(1));
    cache.name_samples.set(0);
    cache.stack_start.set(0);
    cache.stack_end.set(0);
    cache.is_sampling.set(0);
}

fn give_back(cache: &'static ThreadCache) {
    CACHES.give_back(cache, WARM_CACHES);
}

/// Empties the caches of finished threads.
pub(crate) fn flush_idle() {
    CACHES.for_each_idle(ThreadCache::flush);
}

/// In the child of a `fork`: see [`ThreadCache::drop_remote_frees`]. The thread's own cache and the idle
/// ones stay in use; those of the other threads do not.
pub(crate) fn drop_remote_frees() {
    current().drop_remote_frees();
    all().filter(|cache| cache.links.is_idle()).for_each(ThreadCache::drop_remote_frees);
}

/// How many caches there are.
pub(crate) fn len() -> u32 {
    CACHES.len()
}

/// All caches there are.
pub(crate) fn all() -> impl Iterator<Item = &'static ThreadCache> {
    CACHES.all()
}

/// How many caches a running thread holds, and how many there are.
pub(crate) fn counts() -> (u64, u64) {
    let (held, all) = CACHES.counts();
    (held.into(), all.into())
}
