//! Where dirty pages may still be: the scavenger's place in its walk from the top of the space downwards.
//!
//! A summary knows nothing about dirty pages, so the walk has to read bitmaps. To read each only once, it
//! remembers what it has behind it. Dirty pages come to be only by a free, so two ranges of chunks hold them
//! all: what the walk has not reached yet, `0 .. below`, and `fresh`, the hull of all frees above that since.
//!
//! ```text
//!   0            below          fresh.start      fresh.end        end of the space
//!   |  not yet    |   searched   |   freed since   |   searched   |
//! ```
//!
//! What was found too short is behind the walk, too, though it is dirty; so the ranges are good for runs of
//! `pages_min` or more, and for a smaller `pages_min` the walk starts again from the top.

use core::ops::Range;

/// Chunks that are still to be searched for dirty runs. See the file's essay.
///
/// Invariant: a run of at least `pages_min` dirty pages lies in a chunk of `0..below` or of `fresh`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct DirtySearch {
    below: usize,
    fresh: Range<usize>,
    pages_min: usize,
}

impl DirtySearch {
    /// The search in a space without dirty pages.
    pub(crate) const NOTHING: DirtySearch = DirtySearch { below: 0, fresh: 0..0, pages_min: 1 };

    /// Pages of these chunks become dirty.
    #[inline]
    pub(crate) fn freed(&mut self, chunks: Range<usize>) {
        if chunks.end <= self.below {
            return;
        }
        let start = chunks.start.max(self.below);
        self.fresh = if self.fresh.is_empty() {
            start..chunks.end
        } else {
            self.fresh.start.min(start)..self.fresh.end.max(chunks.end)
        };
    }

    /// From now on runs of `pages_min` are wanted, in a space of `chunks_end` chunks.
    pub(crate) fn look_for(&mut self, pages_min: usize, chunks_end: usize) {
        if pages_min < self.pages_min {
            self.below = chunks_end;
            self.fresh = 0..0;
        }
        self.pages_min = pages_min;
    }

    /// The highest chunks to be searched; `None` if there are none left.
    pub(crate) fn chunks(&self) -> Option<Range<usize>> {
        let chunks = if self.fresh.is_empty() { 0..self.below } else { self.fresh.clone() };
        (!chunks.is_empty()).then_some(chunks)
    }

    /// Of those chunks, the ones from `end` on have been searched.
    pub(crate) fn searched_down_to(&mut self, end: usize) {
        if self.fresh.is_empty() {
            self.below = end;
        } else {
            self.fresh.end = end;
        }
    }

    /// Is a dirty run of `pages` in `chunk` one that the search has yet to see, or may overlook?
    #[cfg(test)]
    pub(crate) fn may_see(&self, chunk: usize, pages: usize) -> bool {
        pages < self.pages_min || chunk < self.below || self.fresh.contains(&chunk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frees_above_the_walk_are_seen_first_and_only_they() {
        let mut search = DirtySearch::NOTHING;
        assert_eq!(search.chunks(), None);
        search.freed(0..100);
        search.look_for(1, 100);
        assert_eq!(search.chunks(), Some(0..100));
        search.searched_down_to(0);
        assert_eq!(search.chunks(), None);

        search.look_for(8, 100);
        search.look_for(1, 100); // smaller again: from the top
        assert_eq!(search.chunks(), Some(0..100));
        search.searched_down_to(40);
        search.freed(10..20);
        assert_eq!(search.chunks(), Some(0..40));
        search.freed(60..61);
        search.freed(70..72);
        assert_eq!(search.chunks(), Some(60..72));
        search.freed(30..45);
        assert_eq!(search.chunks(), Some(40..72));
        search.searched_down_to(0);
        assert_eq!(search.chunks(), Some(0..40));
    }
}
