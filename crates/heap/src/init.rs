//! Before `main` and after it: options, hooks, and the last words.
//!
//! The allocator works without any of this from the first call on. What needs the environment or libc's
//! registration functions is added as soon as the constructors of the program run, because from then on both
//! are there; in a program that has not allocated by then, with its first allocation. A program that only
//! links this crate and allocates elsewhere sees nothing of it, but for the hooks of `fork`.

use spandrel_platform::process::stay_loaded;

use crate::beginning::Beginning;
use crate::line::Line;
use crate::{caches, fork, guarded, hardened, options, profile, record_file, sampling, serve, snapshot};

#[used]
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn() = constructed;

#[used]
#[unsafe(link_section = ".fini_array")]
static DESTRUCTOR: extern "C" fn() = end;

static BEGINNING: Beginning = Beginning::new();

extern "C" fn constructed() {
    stay_loaded();
    // Not with the first allocation: while one thread registered the hooks, another could fork, and a third
    // one hold a lock, which the child would find taken for good.
    fork::init();
    if options::has_guarded() {
        guarded::watch();
    }
    if BEGINNING.constructors_run() {
        begin();
    }
}

/// A thread has got its first cache; the caller holds no lock and can allocate.
pub(crate) fn begin_if_ready() {
    if BEGINNING.thread_allocates() {
        begin();
    }
}

#[cold]
fn begin() {
    spandrel_unwind::init();
    options::init();
    if options::each() || sampling::takes_all() {
        caches::current().flush();
    }
    if options::hardened() {
        hardened::begin();
    }
    caches::init();
}

/// The process comes to its end: the record is completed and, with `stats=exit`, a summary printed.
pub(crate) extern "C" fn end() {
    if !BEGINNING.has_begun() {
        return;
    }
    record_file::end();
    serve::end();
    profile::at_end();
    if options::print_at_exit() {
        print_summary();
    }
}

/// Prints the statistics to standard error, a line for each size class in use.
pub(crate) fn print_summary() {
    let mut stats = crate::MemStats::zero();
    snapshot::collect(&mut stats);
    let kib = |bytes: u64| bytes >> 10;
    Line::new()
        .text(b"spandrel: ")
        .decimal(stats.allocs())
        .text(b" allocations, ")
        .decimal(stats.frees())
        .text(b" frees, ")
        .decimal(kib(stats.live_bytes()))
        .text(b" KiB live, ")
        .decimal(kib(stats.page_heap.in_use_bytes))
        .text(b" KiB in use, ")
        .decimal(kib(stats.page_heap.committed_bytes))
        .text(b" KiB committed, at most ")
        .decimal(kib(stats.page_heap.peak_committed_bytes))
        .text(b" KiB")
        .print();
    for class in stats.classes.iter().filter(|class| class.allocs > 0) {
        Line::new()
            .text(b"spandrel: class of ")
            .decimal(class.object_bytes)
            .text(b" B: ")
            .decimal(class.allocs)
            .text(b" allocations, ")
            .decimal(class.frees)
            .text(b" frees, ")
            .decimal(class.spans())
            .text(b" spans, ")
            .decimal(kib(class.span_bytes))
            .text(b" KiB in use")
            .print();
    }
}
