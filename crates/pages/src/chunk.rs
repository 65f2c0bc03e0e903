//! 512 pages: which of them are taken, and which of the free ones have no memory behind them.
//!
//! Two bits a page, and three combinations of them; `scavenged` without `alloc` clear does not occur:
//!
//! | alloc | scavenged | the page is |
//! |---|---|---|
//! | 1 | 0 | taken, or absent |
//! | 0 | 0 | free and dirty |
//! | 0 | 1 | free and scavenged |

use crate::Summary;
use crate::bitmap::Bitmap;

/// Pages in a chunk: 512 x 8 KiB = 4 MiB.
pub const CHUNK_PAGES: usize = 512;

/// The states of 512 neighbouring pages: 128 bytes, two cache lines.
///
/// Any bytes are a valid value, so memory of any content can be lent for chunks: [`PageAlloc::grow`] writes
/// [`Chunk::ABSENT`] into a chunk before it reads it. All-zero memory would mean 512 free and dirty pages.
///
/// [`PageAlloc::grow`]: crate::PageAlloc::grow
#[repr(C)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    alloc: Bitmap,
    scavenged: Bitmap,
}

impl Chunk {
    /// No page is there: all allocated, none scavenged.
    pub const ABSENT: Chunk = Chunk { alloc: Bitmap::FULL, scavenged: Bitmap::EMPTY };

    /// The free pages, dirty or scavenged.
    #[inline]
    pub(crate) fn free_pages(&self) -> Bitmap {
        !self.alloc
    }

    /// The highest run of at least `pages_min` free and dirty pages: its first page, and its pages.
    #[inline]
    pub(crate) fn highest_dirty_run(&self, pages_min: usize) -> Option<(usize, usize)> {
        let clean = self.alloc | self.scavenged;
        if clean == Bitmap::FULL { None } else { (!clean).highest_run(pages_min) }
    }

    /// Are these pages all free?
    #[inline]
    pub(crate) fn is_free(&self, first: usize, pages: usize) -> bool {
        self.free_pages().all_set(first, pages)
    }

    /// Are these pages all taken (or absent)?
    #[inline]
    pub(crate) fn is_taken(&self, first: usize, pages: usize) -> bool {
        self.alloc.all_set(first, pages)
    }

    /// How many of these pages are scavenged?
    #[inline]
    pub(crate) fn scavenged_in(&self, first: usize, pages: usize) -> usize {
        self.scavenged.clone().clear(first, pages)
    }

    /// Free to taken; returns how many of the pages were scavenged.
    #[inline]
    pub(crate) fn take(&mut self, first: usize, pages: usize) -> usize {
        self.alloc.set(first, pages);
        self.scavenged.clear(first, pages)
    }

    /// Taken to free and dirty, or to free and scavenged.
    #[inline]
    pub(crate) fn release(&mut self, first: usize, pages: usize, scavenged: bool) {
        self.alloc.clear(first, pages);
        if scavenged {
            self.scavenged.set(first, pages);
        }
    }

    /// The leaf of the summary tree for this chunk.
    #[inline]
    pub(crate) fn summary(&self) -> Summary {
        let runs = self.free_pages().runs();
        Summary::new(runs.start, runs.max, runs.end)
    }

    /// The state bits of one page: (alloc, scavenged).
    #[cfg(test)]
    pub(crate) fn bits(&self, page: usize) -> (bool, bool) {
        (self.alloc.all_set(page, 1), self.scavenged.all_set(page, 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_is_two_cache_lines() {
        assert_eq!(size_of::<Chunk>(), 128);
    }

    #[test]
    fn taking_clears_scavenged_and_counts_it() {
        let mut chunk = Chunk::ABSENT;
        chunk.release(60, 10, true);
        chunk.release(70, 10, false);
        assert_eq!(chunk.summary(), Summary::new(0, 20, 0));
        assert!(chunk.is_free(60, 20) && !chunk.is_free(59, 2) && !chunk.is_free(79, 2));
        assert_eq!(chunk.take(65, 8), 5);
        assert!(chunk.is_taken(65, 8) && !chunk.is_taken(64, 2));
        chunk.release(65, 8, false);
        assert_eq!((chunk.bits(64), chunk.bits(65)), ((false, true), (false, false)));
        assert_eq!(chunk.highest_dirty_run(1), Some((65, 15)));
        assert_eq!(chunk.highest_dirty_run(15), Some((65, 15)));
        assert_eq!(chunk.highest_dirty_run(16), None);
    }

    #[test]
    fn a_chunk_without_dirty_pages_has_no_dirty_run() {
        let mut chunk = Chunk::ABSENT;
        assert_eq!(chunk.highest_dirty_run(1), None);
        chunk.release(0, CHUNK_PAGES, true);
        assert_eq!(chunk.highest_dirty_run(1), None);
        assert_eq!(chunk.summary(), Summary::new(CHUNK_PAGES, CHUNK_PAGES, CHUNK_PAGES));
    }
}
