//! `fork` in a program with threads: the child gets a heap that works.
//!
//! Before the copy the forking thread takes every lock, in rank order: so nobody is in the middle of
//! changing what a lock guards. After it the parent lets them go; so does the child, whose one thread is
//! a copy of the thread that took them.
//!
//! What no lock guards was copied while other threads went on. The child keeps its own thread's cache,
//! which stood still, and those of finished threads, but for the words that others push into: those it
//! clears. The caches of the other threads it leaves alone for good, with the free objects on them; live
//! objects in their spans stay valid, and a free of one is only noted. Children of threaded programs mostly
//! exec, or live briefly.

use spandrel_platform::fork::on_fork;
use spandrel_platform::lock::ForkLock;

use crate::{
    caches, central, meta, own_mapping, page_heap, profile, published, record_file, sampler, scavenge, serve,
    sizes,
};

/// Registers the hooks. Called once, before there are threads.
pub(crate) fn init() {
    on_fork(prepare, parent, child);
}

/// Every lock of the allocator, in rank order.
fn locks() -> impl Iterator<Item = &'static dyn ForkLock> {
    let first: [&'static dyn ForkLock; 3] = [&published::TABLE, &record_file::FILE, &caches::CACHES.idle];
    let last: [&'static dyn ForkLock; 5] =
        [&sizes::UNUSED, &sampler::PROFILE, &own_mapping::KEPT, &page_heap::PAGE_HEAP, &meta::META];
    first.into_iter().chain(central::CENTRAL.iter().map(|central| &central.0 as _)).chain(last)
}

extern "C" fn prepare() {
    locks().for_each(|lock| lock.lock_for_fork());
}

extern "C" fn parent() {
    // SAFETY: `prepare` took these locks in this thread, or in the one that it is a copy of.
    locks().for_each(|lock| unsafe { lock.unlock_after_fork() });
}

extern "C" fn child() {
    parent();
    scavenge::forget_thread();
    serve::forget_thread();
    caches::drop_remote_frees();
    record_file::begin_child();
    profile::begin_child();
}
