//! `allocfreetrace`: a line for every allocation and every free, as Go once had it.
//!
//! ```text
//!   tracealloc(0x3000a1b2c040, 0x40, class 6) requested 57 thread 1 @ 0x5581c7d0 0x5581c6f1 ...
//!   tracefree(0x3000a1b2c040, 0x40, class 6) thread 2 @ 0x5581c812 ...
//! ```
//!
//! Address, bytes of the object, class (0: a large object), the thread as a number, and the call stack. The
//! option samples everything, so that every allocation and free comes past. A free is told before it happens
//! and an allocation after it has, so that lines of one address are in order; each line is one write.

use core::ffi::CStr;

use spandrel_platform::process::{create_file, write_all};
use spandrel_platform::sync::{AtomicI32, Ordering};

use crate::config::{PROFILE_PATH_BYTES, STACK_FRAMES_MAX, TRACE_LINE_BYTES};
use crate::line::{DIGITS_MAX, decimal};
use crate::profile::expand_path;
use crate::thread_cache::ThreadCache;
use crate::{backtrace, options};

/// The file that lines go to; -1: none.
static FILE: AtomicI32 = AtomicI32::new(-1);

/// Traces to a file, or with `1` to standard error; `false` if the file can't be made. Called once.
pub(crate) fn begin(path: &[u8]) -> bool {
    if path == b"1" {
        FILE.store(libc::STDERR_FILENO, Ordering::Relaxed);
        return true;
    }
    let mut expanded = [0; PROFILE_PATH_BYTES];
    expand_path(path, &mut expanded);
    let file = CStr::from_bytes_until_nul(&expanded).ok().and_then(create_file);
    FILE.store(file.unwrap_or(-1), Ordering::Relaxed);
    file.is_some()
}

/// Whether lines are wanted.
#[inline]
pub(crate) fn is_on() -> bool {
    FILE.load(Ordering::Relaxed) >= 0
}

/// What a line is about.
#[derive(Clone, Copy)]
pub(crate) struct Traced {
    pub(crate) object: usize,
    pub(crate) bytes: usize,
    pub(crate) class: u8,
}

/// An object was allocated.
#[cold]
pub(crate) fn alloc(it: Traced, requested_bytes: usize, cache: &ThreadCache, frames: &[usize]) {
    let mut line = Line::new(b"tracealloc(", it);
    line.add(b" requested ").decimal(requested_bytes as u64);
    line.finish(cache, frames);
}

/// An object is about to be freed.
#[cold]
pub(crate) fn free(it: Traced, cache: &ThreadCache) {
    let mut frames = [0; STACK_FRAMES_MAX];
    let depth = options::stack_frames().min(STACK_FRAMES_MAX);
    let frames = backtrace::take(cache, &mut frames[..depth]);
    Line::new(b"tracefree(", it).finish(cache, frames);
}

/// A line as it grows; frames that do not fit are left out.
struct Line {
    bytes: [u8; TRACE_LINE_BYTES],
    len: usize,
}

impl Line {
    fn new(what: &[u8], it: Traced) -> Self {
        let mut line = Self { bytes: [0; TRACE_LINE_BYTES], len: 0 };
        line.add(what).address(it.object).add(b", ").address(it.bytes).add(b", class ");
        line.decimal(it.class.into()).add(b")");
        line
    }

    fn add(&mut self, text: &[u8]) -> &mut Self {
        if self.len + text.len() < self.bytes.len() {
            self.bytes[self.len..self.len + text.len()].copy_from_slice(text);
            self.len += text.len();
        }
        self
    }

    fn decimal(&mut self, value: u64) -> &mut Self {
        self.add(decimal(value, &mut [0; DIGITS_MAX]))
    }

    fn address(&mut self, address: usize) -> &mut Self {
        let mut text = [0; 2 + 2 * size_of::<usize>()];
        let nibbles = (address.max(1).ilog2() / 4 + 1) as usize;
        text[..2].copy_from_slice(b"0x");
        for nibble in 0..nibbles {
            text[1 + nibbles - nibble] = b"0123456789abcdef"[address >> (4 * nibble) & 15];
        }
        self.add(&text[..2 + nibbles])
    }

    fn finish(mut self, cache: &ThreadCache, frames: &[usize]) {
        self.add(b" thread ").decimal(cache.thread.get().into()).add(b" @");
        for &frame in frames {
            self.add(b" ").address(frame);
        }
        self.bytes[self.len] = b'\n';
        // Nobody is to be told when that fails.
        let _written = write_all(FILE.load(Ordering::Relaxed), &self.bytes[..=self.len]);
    }
}
