//! A row of neighbouring pages, and how it is cut at the borders of chunks.

use core::ops::Range;

use crate::CHUNK_PAGES;

/// Neighbouring pages, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Run {
    /// The number of its lowest page.
    pub first: usize,
    /// How many pages it has.
    pub pages: usize,
}

impl Run {
    /// The number of the page right after the run.
    #[inline]
    pub const fn end(self) -> usize {
        self.first + self.pages
    }

    /// The chunks that the run touches.
    #[inline]
    pub(crate) const fn chunks(self) -> Range<usize> {
        self.first / CHUNK_PAGES..self.end().div_ceil(CHUNK_PAGES)
    }

    /// The run cut at the borders of chunks: (chunk, first page in it, pages).
    #[inline]
    pub(crate) fn pieces(self) -> impl Iterator<Item = (usize, usize, usize)> {
        self.chunks().map(move |chunk| {
            let base = chunk * CHUNK_PAGES;
            let first = self.first.max(base);
            (chunk, first - base, self.end().min(base + CHUNK_PAGES) - first)
        })
    }
}

/// A run that was free and is now the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the pages stay taken until the run is freed"]
pub struct Taken {
    /// The pages.
    pub run: Run,
    /// How many of them were scavenged: the OS must put fresh zero memory behind these. If all were, the
    /// run reads as zero (as long as scavenging means `MADV_DONTNEED`).
    pub scavenged_pages: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(first: usize, pages: usize) -> Vec<(usize, usize, usize)> {
        Run { first, pages }.pieces().collect()
    }

    #[test]
    fn pieces_are_cut_at_chunks() {
        assert_eq!(pieces(5, 3), [(0, 5, 3)]);
        assert_eq!(pieces(0, 512), [(0, 0, 512)]);
        assert_eq!(pieces(1023, 514), [(1, 511, 1), (2, 0, 512), (3, 0, 1)]);
        assert_eq!(pieces(512, 0), []);
    }
}
