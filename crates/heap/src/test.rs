//! For tests of programs: what a piece of code allocates, to the object. With the feature `test`.
//!
//! ```
//! use spandrel::test::{assert_allocs, measure};
//!
//! #[global_allocator]
//! static ALLOC: spandrel::Spandrel = spandrel::Spandrel::new();
//!
//! let words = assert_allocs!(1, Vec::<u64>::with_capacity(100));
//! let (text, counted) = measure(|| format!("{} words", words.capacity()));
//! assert!(counted.allocs >= 1 && counted.live_objs() == 1);
//! assert_allocs!(0, text.len());
//! ```
//!
//! Counted is what the calling thread does between the beginning and the end, and nothing else: tests may
//! run in parallel, and other threads may free what this one has allocated. What the code has other threads
//! do is not counted. Sizes are those of the size classes, as in Go's `B/op`. Counting needs no option and
//! costs nothing outside; inside, a free takes a slower path.

mod bench;

extern crate std;

use core::fmt;
use core::ops::{Range, RangeFrom, RangeInclusive, RangeTo, RangeToInclusive};
use std::boxed::Box;
use std::hint::black_box;
use std::sync::OnceLock;

use spandrel_classes::{CLASS_COUNT, object_bytes};

use crate::watch::{Counts, Watch};

pub use crate::assert_allocs;
pub use bench::{Bench, BenchResult, bench, header};

/// What a piece of code has allocated and freed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// Objects allocated. A `realloc` counts as an allocation and a free, unless the object stays in its
    /// size class.
    pub allocs: u64,
    /// Objects freed, those among them that were there before.
    pub frees: u64,
    /// Bytes allocated, each object with the size of its class.
    pub alloc_bytes: u64,
    /// Bytes freed, counted in the same way.
    pub free_bytes: u64,
    classes: [(u64, u64); CLASS_COUNT],
}

/// What was allocated and freed of one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeCount {
    /// Bytes of an object; 0 stands for all large objects.
    pub object_bytes: usize,
    /// Objects allocated.
    pub allocs: u64,
    /// Objects freed.
    pub frees: u64,
}

/// Runs `code` and counts what it allocates and frees in this thread. Dropping its result is not counted.
///
/// # Panics
/// If [`Spandrel`](crate::Spandrel) is not the program's global allocator, so that nothing would be counted.
///
/// ```
/// # #[global_allocator]
/// # static ALLOC: spandrel::Spandrel = spandrel::Spandrel::new();
/// let (_, counted) = spandrel::test::measure(|| drop(vec![0u8; 1000]));
/// assert_eq!((counted.allocs, counted.frees, counted.alloc_bytes), (1, 1, 1024));
/// ```
#[track_caller]
pub fn measure<R>(code: impl FnOnce() -> R) -> (R, Measured) {
    check_allocator();
    let watch = Watch::begin();
    let before = Counts::now();
    let result = code();
    let after = Counts::now();
    drop(watch);
    (result, Measured::between(&before, &after))
}

/// A test that counts nothing would always pass.
#[track_caller]
fn check_allocator() {
    static IS_GLOBAL: OnceLock<bool> = OnceLock::new();
    let is_global = IS_GLOBAL.get_or_init(|| {
        let before = Counts::now();
        drop(black_box(Box::new(1u64)));
        Counts::now().allocs != before.allocs
    });
    assert!(*is_global, "nothing to count: Spandrel is not the global allocator of this program");
}

impl Measured {
    pub(crate) fn between(before: &Counts, after: &Counts) -> Self {
        let mut classes = [(0, 0); CLASS_COUNT];
        for (class, row) in classes.iter_mut().enumerate() {
            *row = (after.allocs[class] - before.allocs[class], after.frees[class] - before.frees[class]);
        }
        let small_bytes = |count: fn(&(u64, u64)) -> u64| -> u64 {
            (1..CLASS_COUNT).map(|class| count(&classes[class]) * object_bytes(class as u8) as u64).sum()
        };
        Self {
            allocs: classes.iter().map(|row| row.0).sum(),
            frees: classes.iter().map(|row| row.1).sum(),
            alloc_bytes: small_bytes(|row| row.0) + after.large_alloc_bytes - before.large_alloc_bytes,
            free_bytes: small_bytes(|row| row.1) + after.large_free_bytes - before.large_free_bytes,
            classes,
        }
    }

    /// Objects that were allocated and live; below 0 if more were freed than allocated.
    #[must_use]
    pub const fn live_objs(&self) -> i64 {
        self.allocs.wrapping_sub(self.frees).cast_signed()
    }

    /// Bytes allocated and not freed; below 0 if more were freed.
    #[must_use]
    pub const fn live_bytes(&self) -> i64 {
        self.alloc_bytes.wrapping_sub(self.free_bytes).cast_signed()
    }

    /// The sizes of which there was something to count, the smallest first, large objects last.
    pub fn by_size(&self) -> impl Iterator<Item = SizeCount> + '_ {
        (1..CLASS_COUNT).chain([0]).filter(|&class| self.classes[class] != (0, 0)).map(|class| SizeCount {
            object_bytes: object_bytes(class as u8),
            allocs: self.classes[class].0,
            frees: self.classes[class].1,
        })
    }
}

impl fmt::Debug for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A line for the whole, and one for each size.
impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { allocs, frees, alloc_bytes, free_bytes, .. } = self;
        write!(f, "{allocs} allocs of {alloc_bytes} B, {frees} frees of {free_bytes} B")?;
        for SizeCount { object_bytes, allocs, frees } in self.by_size() {
            match object_bytes {
                0 => write!(f, "\n     large: {allocs} allocs, {frees} frees")?,
                bytes => write!(f, "\n  {bytes:>6} B: {allocs} allocs, {frees} frees")?,
            }
        }
        Ok(())
    }
}

/// What [`assert_allocs!`](crate::assert_allocs) expects of a count: a number, or a range of numbers.
pub trait Expected: fmt::Debug {
    /// Whether the count is as expected.
    fn allows(&self, count: u64) -> bool;
}

impl Expected for u64 {
    fn allows(&self, count: u64) -> bool {
        *self == count
    }
}

macro_rules! expected {
    ($($range:ty),*) => {
        $(impl Expected for $range {
            fn allows(&self, count: u64) -> bool {
                self.contains(&count)
            }
        })*
    };
}

expected!(Range<u64>, RangeFrom<u64>, RangeInclusive<u64>, RangeTo<u64>, RangeToInclusive<u64>);

/// Says what [`assert_allocs!`](crate::assert_allocs) has found to be wrong.
#[doc(hidden)]
#[track_caller]
pub fn check(code: &str, measured: &Measured, what: &str, count: u64, expected: &dyn Expected) {
    assert!(
        expected.allows(count),
        "`{code}`: expected {what} {expected:?}, got {count}\n{measured}",
        code = code.split_whitespace().collect::<std::vec::Vec<_>>().join(" "),
    );
}

/// Evaluates an expression and asserts how many objects this thread has allocated for it; its value.
///
/// The count is a number or a range. Named ones, before a semicolon, say more: `allocs`, `frees`, `bytes`
/// (allocated, with the sizes of the classes), and `live` (objects allocated and not freed, at least 0).
///
/// ```
/// # #[global_allocator]
/// # static ALLOC: spandrel::Spandrel = spandrel::Spandrel::new();
/// use spandrel::test::assert_allocs;
/// assert_allocs!(0, "a".len() + "b".len());
/// let list = assert_allocs!(1..=2, vec![1, 2, 3]);
/// let grown = assert_allocs!(allocs = 1, frees = 1, bytes = ..=64, live = 0; {
///     let mut grown = list;
///     grown.push(4);
///     grown
/// });
/// assert_eq!(grown.len(), 4);
/// ```
///
/// # Panics
/// If a count is not as expected, with all counts by size; and as [`measure`].
#[macro_export]
macro_rules! assert_allocs {
    ($($what:ident = $expected:expr),+; $code:expr) => {{
        let (result, measured) = $crate::test::measure(|| $code);
        $($crate::test::check(
            stringify!($code),
            &measured,
            stringify!($what),
            $crate::assert_allocs!(@count $what measured),
            &$expected,
        );)+
        result
    }};
    (@count allocs $measured:ident) => { $measured.allocs };
    (@count frees $measured:ident) => { $measured.frees };
    (@count bytes $measured:ident) => { $measured.alloc_bytes };
    (@count live $measured:ident) => { $measured.live_objs().max(0).cast_unsigned() };
    ($expected:expr, $code:expr $(,)?) => {
        $crate::assert_allocs!(allocs = $expected; $code)
    };
}
