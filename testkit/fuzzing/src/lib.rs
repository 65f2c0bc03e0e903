//! What a fuzzer feeds: functions of any bytes, each of which panics when something is wrong.
//!
//! `fuzz/` wraps each into a target of libFuzzer, which needs a nightly toolchain. The tests here feed the
//! same functions with the seeds that are kept in `fuzz/seeds` and with random bytes, by a stable one; so
//! no target rots where there is no fuzzer.
//!
//! | target | what the bytes are |
//! |---|---|
//! | [`heap()`] | operations on the heap, by one thread and a second that frees |
//! | [`pages()`] | operations on the page allocator, compared with a table of pages |
//! | [`texts()`] | a value of `SPANDREL`, budgets of layouts |
//! | [`record()`] | a record of a process |
//! | [`program()`] | a program file with debug information |
//! | [`profile()`] | a heap profile |
//! | [`request()`] | what a client sends to the server in the process |
//! | [`unwind()`] | tables that say how to walk a stack |

mod heap;
mod pages;
mod readers;

pub use heap::heap;
pub use pages::pages;
pub use readers::{profile, program, record, request, texts, unwind};

/// A target: any bytes in; a panic says that something is wrong.
pub type Target = fn(&[u8]);

/// All targets, by name.
pub const TARGETS: [(&str, Target); 8] = [
    ("heap", heap),
    ("pages", pages),
    ("texts", texts),
    ("record", record),
    ("program", program),
    ("profile", profile),
    ("request", request),
    ("unwind", unwind),
];

/// Numbers out of the bytes, first to last; 0 when they are used up.
#[derive(Debug)]
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn byte(&mut self) -> usize {
        let Some((&byte, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        byte.into()
    }

    /// Up to 65,535.
    fn pair(&mut self) -> usize {
        self.byte() << 8 | self.byte()
    }
}
