//! Which thread has which cache: the slot, the list of all caches, the idle ones, and a thread's end.
//!
//! The slot of a thread starts at [`EMPTY`], a cache with nothing in it, so that the fast paths need no
//! test for "first call in this thread": they find an empty list and take the slow path, which comes here.
//! A finished thread's cache keeps its lists and waits for the next thread, which goes on with them; the
//! scavenger empties those that wait long, and when many threads end, only the first few leave full ones.
//! After its end a thread may still free and allocate (destructors of other libraries): its slot is at
//! [`DEAD`], and each call borrows an idle cache.

use core::ffi::c_void;
use core::ptr::{from_ref, null_mut};

use spandrel_platform::lock::{Mutex, Rank};
use spandrel_platform::sync::{AtomicPtr, AtomicU32, AtomicU64, Ordering};
use spandrel_platform::thread::ExitKey;
use spandrel_platform::thread_slot;

use crate::config::WARM_CACHES;
use crate::thread_cache::ThreadCache;
use crate::{init, meta, scavenge};

/// What every thread starts with: nothing is on its lists, and no free is granted. Nothing is ever written
/// but those counts of frees, which are 0 or, for a moment, a little less.
static EMPTY: ThreadCache = ThreadCache::empty();
/// What a thread has after its end; like [`EMPTY`].
static DEAD: ThreadCache = ThreadCache::empty();

thread_slot!(slot, sym crate::caches::EMPTY);

/// The most recently made cache; the others follow by `next_of_all`.
static ALL: AtomicPtr<ThreadCache> = AtomicPtr::new(null_mut());
/// How many there are.
static ALL_LEN: AtomicU32 = AtomicU32::new(0);
/// Caches without a thread, by `next_idle`, the one that became idle last first.
pub(crate) static IDLE: Mutex<IdleList> =
    Mutex::new(Rank::Caches, IdleList { first: null_mut(), len: 0, warm: 0 });
/// The key of the hook at a thread's end, plus one; 0 before there is one.
static EXIT_KEY: AtomicU64 = AtomicU64::new(0);

pub(crate) struct IdleList {
    first: *mut ThreadCache,
    len: u32,
    /// How many of them were added since all were emptied.
    warm: u32,
}

// SAFETY: thread caches belong to the process; the list says which are nobody's.
unsafe impl Send for IdleList {}

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
    if IDLE.lock().warm >= WARM_CACHES {
        cache.flush();
        scavenge::after_thread_end();
    }
    give_back(cache);
}

/// An idle cache, or a new one.
fn acquire() -> Option<&'static ThreadCache> {
    let mut idle = IDLE.lock();
    // SAFETY: caches are never unmapped.
    if let Some(cache) = unsafe { idle.first.as_ref() } {
        idle.first = cache.next_idle.get();
        idle.len -= 1;
        idle.warm = idle.warm.saturating_sub(1);
        cache.idle.set(0);
        begin_thread(cache);
        return Some(cache);
    }
    let memory = meta::alloc(size_of::<ThreadCache>(), align_of::<ThreadCache>()).cast::<ThreadCache>();
    if memory.is_null() {
        return None;
    }
    // SAFETY: fresh metadata memory of the right size and alignment, zeroed, which is what an empty cache
    // consists of; it is kept for good.
    let cache = unsafe { &*memory };
    cache.next_of_all.set(ALL.load(Ordering::Relaxed));
    cache.number.set(ALL_LEN.load(Ordering::Relaxed) + 1);
    ALL_LEN.fetch_add(1, Ordering::Relaxed);
    ALL.store(memory, Ordering::Release);
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
    let mut idle = IDLE.lock();
    cache.next_idle.set(idle.first);
    cache.idle.set(1);
    idle.first = from_ref(cache).cast_mut();
    idle.len += 1;
    idle.warm = (idle.warm + 1).min(WARM_CACHES);
}

/// Empties the caches of finished threads.
pub(crate) fn flush_idle() {
    let mut flushed = null_mut::<ThreadCache>();
    loop {
        let mut idle = IDLE.lock();
        // SAFETY: caches are never unmapped.
        let Some(cache) = (unsafe { idle.first.as_ref() }) else {
            break;
        };
        idle.first = cache.next_idle.get();
        idle.len -= 1;
        cache.idle.set(0);
        drop(idle);
        // Nobody else knows the cache now.
        cache.flush();
        cache.next_idle.set(flushed);
        flushed = from_ref(cache).cast_mut();
    }
    // SAFETY: as above.
    while let Some(cache) = unsafe { flushed.as_ref() } {
        flushed = cache.next_idle.get();
        give_back(cache);
    }
    IDLE.lock().warm = 0;
}

/// In the child of a `fork`: see [`ThreadCache::drop_remote_frees`]. The thread's own cache and the idle
/// ones stay in use; those of the other threads do not.
pub(crate) fn drop_remote_frees() {
    current().drop_remote_frees();
    all().filter(|cache| cache.idle.get() == 1).for_each(ThreadCache::drop_remote_frees);
}

/// How many caches there are.
pub(crate) fn len() -> u32 {
    ALL_LEN.load(Ordering::Relaxed)
}

/// Whether anybody has allocated yet.
pub(crate) fn any() -> bool {
    ALL_LEN.load(Ordering::Relaxed) > 0
}

/// All caches there are.
pub(crate) fn all() -> impl Iterator<Item = &'static ThreadCache> {
    let mut next = ALL.load(Ordering::Acquire);
    core::iter::from_fn(move || {
        // SAFETY: caches are never unmapped, and their link is set once, before they are published.
        let cache = unsafe { next.as_ref() }?;
        next = cache.next_of_all.get();
        Some(cache)
    })
}

/// How many caches a running thread holds, and how many there are.
pub(crate) fn counts() -> (u64, u64) {
    let idle = IDLE.lock().len;
    let all = ALL_LEN.load(Ordering::Relaxed);
    (u64::from(all - idle.min(all)), all.into())
}
