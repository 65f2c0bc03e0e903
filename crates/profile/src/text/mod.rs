//! The older text forms: addresses and counts, and the memory map of the process behind them.
//!
//! ```text
//! heap_v2/524288                                      heap profile: 2: 96 [5: 240] @ heap_v2/524288
//!   t*: 2: 96 [5: 240]                                1: 48 [2: 96] @ 0x55d0c0de 0x55d0c0ff
//! @ 0x55d0c0de 0x55d0c0ff                             ..
//!   t*: 1: 48 [2: 96]
//!   t7: 1: 48 [2: 96]
//!
//! MAPPED_LIBRARIES:                                   MAPPED_LIBRARIES:
//! 55d0c000-55d0d000 r-xp 00000000 fe:01 7 /bin/app    (the same)
//! ```
//!
//! Left jemalloc, right tcmalloc, gperftools and Go. A pair `objects: bytes` is what is in use, the pair in
//! brackets what was ever allocated. Samplers of the second version write what they saw; what it stands for
//! is estimated here, a stack at a time, because these forms keep no more: where a stack allocated
//! sizes that differ much, the estimate is biased. Addresses are those of returns.

mod go_symbols;
mod jemalloc;
mod maps;
mod stacks;
mod tcmalloc;

pub(crate) use jemalloc::read as read_jemalloc;
pub(crate) use tcmalloc::read as read_tcmalloc;

use crate::read::{Format, ReadError};

/// The text form of the bytes, if they are in one.
pub(crate) fn form(bytes: &[u8]) -> Option<Format> {
    let start = bytes.trim_ascii_start();
    if start.starts_with(b"heap_v2/") {
        return Some(Format::Jemalloc);
    }
    start.starts_with(b"heap profile:").then_some(Format::Tcmalloc)
}

/// The lines of a text, with their numbers from 1 on.
struct Lines<'a> {
    lines: std::iter::Enumerate<std::str::Lines<'a>>,
}

impl<'a> Lines<'a> {
    /// The lines that say anything, without white space around them and without comments.
    fn new(text: &'a str) -> Self {
        Self { lines: text.lines().enumerate() }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        self.lines.find_map(|(index, text)| {
            let text = text.trim();
            let says_something = !text.is_empty() && !text.starts_with('#');
            says_something.then_some(Line { number: index + 1, text })
        })
    }
}

/// One line.
#[derive(Clone, Copy)]
struct Line<'a> {
    number: usize,
    text: &'a str,
}

impl Line<'_> {
    /// That the line can't be understood.
    fn error(self, what: &str) -> ReadError {
        /// Enough of a line to recognise it.
        const SHOWN_CHARS: usize = 60;
        let shown: String = self.text.chars().take(SHOWN_CHARS).collect();
        ReadError::malformed(format_args!("line {}: {what}: `{shown}`", self.number))
    }

    /// Whether the memory map follows.
    fn begins_map(self) -> bool {
        ["MAPPED_LIBRARIES:", "--- Memory map: ---"].iter().any(|mark| self.text.contains(mark))
    }
}

/// The text of the bytes; what is no UTF-8, in the name of a file for example, is replaced.
fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}
