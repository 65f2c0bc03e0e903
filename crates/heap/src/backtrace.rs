//! The call stack of an allocation: the walk of `spandrel-unwind`, less the allocator's own frames.
//!
//! The functions through which every sampled allocation goes lie in a section of the program's code of their
//! own; what the walk finds up to the outermost of them is the allocator itself.

use spandrel_unwind::{Bounds, Registers, bounds_of, walk};

use crate::config::OWN_FRAMES;
use crate::thread_cache::ThreadCache;

unsafe extern "C" {
    #[link_name = "__start_spandrel_entry"]
    static ENTRY_START: u8;
    #[link_name = "__stop_spandrel_entry"]
    static ENTRY_END: u8;
}

/// Walks the stack of the calling thread, whose cache this is; the allocation's caller comes first. Itself in
/// the section, so that there is one in every program that has this function.
#[inline(never)]
#[unsafe(link_section = "spandrel_entry")]
pub(crate) fn take<'a>(cache: &ThreadCache, frames: &'a mut [usize]) -> &'a [usize] {
    let here = Registers::here();
    let stack = stack_of(cache, here.sp);
    let mut own = [0; OWN_FRAMES];
    let skip = own_frames(walk(here, stack, 0, &mut own));
    walk(here, stack, skip, frames)
}

/// How many of the innermost frames are the allocator's.
fn own_frames(frames: &[usize]) -> usize {
    let entry = (&raw const ENTRY_START).addr()..(&raw const ENTRY_END).addr();
    frames.iter().rposition(|frame| entry.contains(frame)).map_or(0, |last| last + 1)
}

/// The mapping of the thread's stack. It is remembered; signal stacks and coroutines have others.
fn stack_of(cache: &ThreadCache, sp: usize) -> Bounds {
    let known = Bounds { start: cache.stack_start.get(), end: cache.stack_end.get() };
    if known.has_word(sp) {
        return known;
    }
    /// What is surely readable: the rest of the page.
    const PAGE_MASK: usize = spandrel_platform::memory::OS_PAGE_BYTES - 1;
    let stack = bounds_of(sp).unwrap_or(Bounds { start: sp, end: (sp | PAGE_MASK) + 1 });
    cache.stack_start.set(stack.start);
    cache.stack_end.set(stack.end);
    stack
}
