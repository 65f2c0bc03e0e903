//! Three numbers about a stretch of pages, how they compose, and how a row of them is searched.
//!
//! A [`Summary`] packs *start*, *max* and *end* (see the crate's essay) into 64 bits, 21 bits each, so that
//! eight siblings share a cache line. The largest stretch has 2^21 pages, a number that 21 bits just fail to
//! hold; but max = 2^21 says that all is free, and then all three are equal: bit 63 stands for that one case.
//!
//! ```text
//!   63            62 .. 42   41 .. 21   20 .. 0
//!   all 2^21      end        max        start
//! ```

use crate::CHUNK_PAGES;

/// Levels of the summary tree; level 0 is the root level, level 4 has one summary a chunk.
pub const LEVELS: usize = 5;

/// The level with one summary a chunk.
pub(crate) const LEAF: usize = LEVELS - 1;

/// Children of a node.
pub(crate) const FANOUT: usize = 8;

const FANOUT_BITS: usize = FANOUT.ilog2() as usize;
const FIELD_BITS: u32 = 21;
const FIELD_MASK: u64 = (1 << FIELD_BITS) - 1;
const PAGES_MAX: usize = 1 << FIELD_BITS;
const ALL_FREE: u64 = 1 << 63;

const _: () = assert!(CHUNK_PAGES << chunk_shift(0) == PAGES_MAX, "a root summary just fills its fields");

/// A chunk's index, shifted right by this, is the index of its summary at `level`.
#[inline]
pub(crate) const fn chunk_shift(level: usize) -> usize {
    FANOUT_BITS * (LEAF - level)
}

/// The pages that one summary at `level` covers.
#[inline]
pub(crate) const fn covered_pages(level: usize) -> usize {
    CHUNK_PAGES << chunk_shift(level)
}

/// How many summaries `level` has in a space of at most `chunks_max` chunks.
///
/// ```
/// use spandrel_pages::summaries_len;
/// assert_eq!([0, 1, 2, 3, 4].map(|level| summaries_len(600, level)), [1, 2, 10, 75, 600]);
/// ```
pub const fn summaries_len(chunks_max: usize, level: usize) -> usize {
    chunks_max.div_ceil(1 << chunk_shift(level))
}

/// How many free pages a stretch of pages starts with, has in its longest free run, and ends with.
///
/// All-zero bytes are [`Summary::NONE`], so fresh zero memory is a valid tree of a space without free pages.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Summary(u64);

impl Summary {
    /// No free pages. All bits are zero.
    pub const NONE: Summary = Summary(0);

    /// Packs the three counts of pages, each at most 2^21.
    #[inline]
    pub(crate) const fn new(start: usize, max: usize, end: usize) -> Summary {
        debug_assert!(start <= max && end <= max && max <= PAGES_MAX);
        if max == PAGES_MAX {
            return Summary(ALL_FREE);
        }
        Summary(start as u64 | (max as u64) << FIELD_BITS | (end as u64) << (2 * FIELD_BITS))
    }

    /// Free pages at the low end.
    #[inline]
    pub const fn start(self) -> usize {
        self.field(0)
    }

    /// Pages in the longest free run inside.
    #[inline]
    pub const fn max(self) -> usize {
        self.field(1)
    }

    /// Free pages at the high end.
    #[inline]
    pub const fn end(self) -> usize {
        self.field(2)
    }

    #[inline]
    const fn field(self, index: u32) -> usize {
        if self.0 == ALL_FREE { PAGES_MAX } else { self.packed_field(index) }
    }

    /// For a summary that is not [`ALL_FREE`].
    #[inline]
    const fn packed_field(self, index: u32) -> usize {
        (self.0 >> (index * FIELD_BITS) & FIELD_MASK) as usize
    }

    /// The free pages that end where this stretch ends, when `run_pages` end where it starts.
    #[inline]
    const fn run_after(self, run_pages: usize, covered_pages: usize) -> usize {
        if self.start() == covered_pages { run_pages + covered_pages } else { self.end() }
    }
}

impl core::fmt::Debug for Summary {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Summary({}, {}, {})", self.start(), self.max(), self.end())
    }
}

/// The summary of a node from those of its children, each of which covers `child_pages`.
///
/// The last node of a level may lack children at its high end; missing ones have no free pages.
#[inline]
pub(crate) fn merge(children: &[Summary], child_pages: usize) -> Summary {
    let wholly_free = Summary::new(child_pages, child_pages, child_pages);
    let (mut start, mut max, mut run) = (children.len() * child_pages, 0, 0);
    let mut base = 0;
    for &child in children {
        if child == wholly_free {
            run += child_pages;
        } else {
            // Children never cover 2^21 pages, and a packed field is a shift and a mask.
            let child_start = child.packed_field(0);
            // Only the first such child has a say: the start cannot be longer than what lies before the next.
            start = start.min(base + child_start);
            max = max.max(run + child_start).max(child.packed_field(1));
            run = child.packed_field(2);
        }
        base += child_pages;
    }
    Summary::new(start, max.max(run), if children.len() == FANOUT { run } else { 0 })
}

/// The longest free run in a row of neighbours, each of which covers `covered_pages`.
pub(crate) fn longest(row: &[Summary], covered_pages: usize) -> usize {
    let (mut max, mut run) = (0, 0);
    for summary in row {
        max = max.max(run + summary.start()).max(summary.max());
        run = summary.run_after(run, covered_pages);
    }
    max
}

/// Where in a row of summaries the lowest run of some pages is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It starts this many pages after the start of the row.
    At(usize),
    /// It is inside the summary of this index.
    Inside(usize),
}

/// What [`first_fit`] learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fit {
    /// Where the lowest run is.
    pub(crate) place: Place,
    /// The index of the first summary with any free page.
    pub(crate) first_with_free: usize,
}

/// Finds the lowest run of `pages` free pages in a row of neighbours, each of which covers `covered_pages`.
#[inline]
pub(crate) fn first_fit(row: &[Summary], covered_pages: usize, pages: usize) -> Option<Fit> {
    let first_with_free = row.iter().position(|&summary| summary != Summary::NONE)?;
    let mut run = 0;
    for (index, &summary) in row.iter().enumerate().skip(first_with_free) {
        // A run across the border starts lower than any inside.
        if run + summary.start() >= pages {
            let place = Place::At(index * covered_pages - run);
            return Some(Fit { place, first_with_free });
        }
        if summary.max() >= pages {
            return Some(Fit { place: Place::Inside(index), first_with_free });
        }
        run = summary.run_after(run, covered_pages);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row of children as pages: `true` is free.
    fn summarize(pages: &[bool]) -> Summary {
        let max = pages.split(|&free| !free).map(<[bool]>::len).max().unwrap_or(0);
        let start = pages.iter().take_while(|&&free| free).count();
        Summary::new(start, max, pages.iter().rev().take_while(|&&free| free).count())
    }

    /// Every state of 16 pages, cut into children of `child_pages`, with the pages as `bool`s.
    fn every_row(child_pages: usize, mut see: impl FnMut(&[bool], &[Summary])) {
        for pattern in 0..1_u32 << 16 {
            let pages: [bool; 16] = core::array::from_fn(|page| pattern >> page & 1 == 1);
            let row: Vec<Summary> = pages.chunks(child_pages).map(summarize).collect();
            see(&pages, &row);
        }
    }

    #[test]
    fn fields_come_back() {
        for (start, max, end) in [(0, 0, 0), (1, 2, 1), (7, 9, 8), (0, PAGES_MAX - 1, PAGES_MAX - 1)] {
            let summary = Summary::new(start, max, end);
            assert_eq!((summary.start(), summary.max(), summary.end()), (start, max, end));
        }
        let all = Summary::new(PAGES_MAX, PAGES_MAX, PAGES_MAX);
        assert_eq!((all.start(), all.max(), all.end()), (PAGES_MAX, PAGES_MAX, PAGES_MAX));
        assert_eq!(Summary::new(0, 0, 0), Summary::NONE);
        assert_eq!(format!("{:?}", Summary::new(1, 3, 2)), "Summary(1, 3, 2)");
    }

    #[test]
    fn merging_is_summarizing_the_whole() {
        every_row(2, |pages, row| assert_eq!(merge(row, 2), summarize(pages), "{row:?}"));
    }

    #[test]
    fn missing_children_have_no_free_pages() {
        every_row(4, |pages, row| {
            let whole = summarize(pages);
            assert_eq!(merge(row, 4), Summary::new(whole.start(), whole.max(), 0), "{row:?}");
        });
    }

    #[test]
    fn longest_sees_runs_across_borders() {
        every_row(2, |pages, row| assert_eq!(longest(row, 2), summarize(pages).max()));
    }

    #[test]
    fn first_fit_is_the_lowest() {
        every_row(4, |pages, row| {
            for wanted in [1, 2, 3, 4, 5, 7, 8, 12, 16, 17] {
                let lowest = pages.windows(wanted).position(|window| window.iter().all(|&free| free));
                let fit = first_fit(row, 4, wanted);
                let first_free = pages.iter().position(|&free| free);
                match fit.map(|fit| fit.place) {
                    None => assert_eq!(lowest, None, "{wanted} in {row:?}"),
                    Some(Place::At(page)) => assert_eq!(lowest, Some(page), "{wanted} in {row:?}"),
                    Some(Place::Inside(index)) => {
                        assert_eq!(lowest.map(|page| page / 4), Some(index))
                    }
                }
                assert!(fit.is_none_or(|fit| first_free.map(|page| page / 4) == Some(fit.first_with_free)));
            }
        });
    }

    #[test]
    fn a_root_summary_can_be_wholly_free() {
        let child_pages = covered_pages(1);
        let whole = Summary::new(child_pages, child_pages, child_pages);
        let root = merge(&[whole; FANOUT], child_pages);
        assert_eq!((root.start(), root.max(), root.end()), (PAGES_MAX, PAGES_MAX, PAGES_MAX));
        assert_eq!(longest(&[root, root, Summary::new(5, 6, 0)], PAGES_MAX), 2 * PAGES_MAX + 5);
    }
}
