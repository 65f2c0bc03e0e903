//! Takes and releases runs: the search from the hint down the tree, and the way back up.
//!
//! Invariants, between any two calls:
//! - a page's `scavenged` bit is set only where its `alloc` bit is clear;
//! - every summary is what its chunk, or the merge of its children, says;
//! - no page below `lowest_free` is free, and no chunk without free pages is asked from the storage by a
//!   search: an absent chunk has the summary `NONE`, like one that is wholly taken;
//! - `free_pages` and `scavenged_pages` are the numbers of such bits.

use core::ops::Range;

use crate::scavenge::DirtySearch;
use crate::summary::{FANOUT, LEAF, LEVELS, Place, chunk_shift, covered_pages, first_fit, longest, merge};
use crate::{CHUNK_PAGES, Run, Storage, Taken, summaries_len};

/// A run that a search found, still free.
struct Found {
    first: usize,
    /// No page below this one is free. At most `first`.
    lowest_free: usize,
}

/// Which pages of an address space are free. See the crate's essay.
///
/// `S` lends the tables. All pages start as absent; [`grow`](PageAlloc::grow) adds them.
#[derive(Clone, Debug)]
pub struct PageAlloc<S: Storage> {
    pub(crate) storage: S,
    /// The end of the last run given to `grow`.
    pages_end: usize,
    /// The search hint: no page below it is free.
    pub(crate) lowest_free: usize,
    free_pages: usize,
    scavenged_pages: usize,
    pub(crate) dirty: DirtySearch,
}

impl<S: Storage> PageAlloc<S> {
    /// A space without pages.
    pub const fn new(storage: S) -> Self {
        PageAlloc {
            storage,
            pages_end: 0,
            lowest_free: 0,
            free_pages: 0,
            scavenged_pages: 0,
            dirty: DirtySearch::NOTHING,
        }
    }

    /// The tables' owner.
    pub fn storage(&self) -> &S {
        &self.storage
    }

    /// The tables' owner, for instance to commit more of them before a [`grow`](PageAlloc::grow).
    /// The tables' content is ours.
    pub fn storage_mut(&mut self) -> &mut S {
        &mut self.storage
    }

    /// Adds pages that were never present: they are free and scavenged.
    ///
    /// Runs come in ascending order, with or without gaps, and may start and end inside a chunk. Chunks
    /// touched for the first time are set to [`Chunk::ABSENT`](crate::Chunk::ABSENT) first.
    pub fn grow(&mut self, run: Run) {
        debug_assert!(run.pages > 0 && run.first >= self.pages_end, "grow must ascend");
        debug_assert!(run.chunks().end <= self.storage.chunks_max(), "grown past the end of the space");
        for level in 0..LEVELS {
            let len = summaries_len(self.storage.chunks_max(), level);
            debug_assert_eq!(self.storage.summaries(level).len(), len, "summaries of level {level}");
        }
        let chunks = run.chunks();
        for chunk in chunks.start.max(self.chunks_end())..chunks.end {
            *self.storage.chunk_mut(chunk) = crate::Chunk::ABSENT;
        }
        self.pages_end = run.end();
        self.release(run, true);
    }

    /// Takes the lowest run of `pages` free pages; `None` if there is none, or if `pages` is 0.
    ///
    /// O(1) if the run is in the lowest chunk with free pages, else one way down the tree.
    #[inline]
    pub fn alloc(&mut self, pages: usize) -> Option<Taken> {
        let found = self.find(pages)?;
        Some(self.take(Run { first: found.first, pages }, found.lowest_free))
    }

    /// Whether the run that [`alloc`](PageAlloc::alloc) would take now is all dirty; `false` too if there is
    /// none.
    #[inline]
    pub fn would_alloc_dirty(&self, pages: usize) -> bool {
        self.find(pages).is_some_and(|found| {
            let run = Run { first: found.first, pages };
            run.pieces()
                .all(|(chunk, first, pages)| self.storage.chunk(chunk).scavenged_in(first, pages) == 0)
        })
    }

    /// Takes a run of `pages` whose first page is a multiple of `align_pages`, a power of two.
    ///
    /// It is the lowest run of `pages` if that happens to be aligned, else it is inside the lowest run that
    /// is sure to hold an aligned one, `pages + align_pages - 1` long. So `None` does not prove that there is
    /// no aligned run, but after a [`grow`](PageAlloc::grow) by that many pages the call succeeds. Pages
    /// before and after the run keep their state.
    pub fn alloc_aligned(&mut self, pages: usize, align_pages: usize) -> Option<Taken> {
        debug_assert!(align_pages.is_power_of_two());
        let aligned = |page: usize| page.next_multiple_of(align_pages);
        let found = self.find(pages)?;
        let found = if found.first == aligned(found.first) {
            found
        } else {
            self.find(pages.checked_add(align_pages - 1)?)?
        };
        Some(self.take(Run { first: aligned(found.first), pages }, found.lowest_free))
    }

    /// Takes exactly the `more_pages` right after `run`, which is taken, if all of them are free; returns how
    /// many of them were scavenged. Else `None`, and nothing changes.
    pub fn extend(&mut self, run: Run, more_pages: usize) -> Option<usize> {
        debug_assert!(self.is_taken(run), "extending pages that are not taken: {run:?}");
        let more = Run { first: run.end(), pages: more_pages };
        if more_pages > self.free_pages || more.end() > self.pages_end {
            return None;
        }
        let storage = &self.storage;
        let is_free = |(chunk, first, pages): (usize, usize, usize)| {
            let leaf = storage.summaries(LEAF)[chunk];
            // A chunk with no free page may be one that the storage does not have.
            leaf.start() >= first + pages || leaf.max() >= pages && storage.chunk(chunk).is_free(first, pages)
        };
        more.pieces().all(is_free).then(|| self.occupy(more))
    }

    /// Gives a taken run, or any part of one, back: its pages are free and dirty.
    #[inline]
    pub fn free(&mut self, run: Run) {
        debug_assert!(run.pages > 0 && self.is_taken(run), "freeing pages that are not taken: {run:?}");
        self.dirty.freed(run.chunks());
        self.release(run, false);
    }

    /// As [`free`](PageAlloc::free) for each of the runs; chunks are summed up once for all neighbouring runs
    /// that lie in the same one.
    pub fn free_all(&mut self, runs: impl Iterator<Item = Run>) {
        let mut stale: Option<Range<usize>> = None;
        for run in runs {
            debug_assert!(run.pages > 0 && self.is_taken(run), "freeing pages that are not taken: {run:?}");
            self.dirty.freed(run.chunks());
            if let Some(chunks) = stale.replace(run.chunks())
                && chunks != run.chunks()
            {
                self.refresh(chunks);
            }
            self.release_bits(run, false);
        }
        if let Some(chunks) = stale {
            self.refresh(chunks);
        }
    }

    /// Takes the highest run of free and dirty pages, so that the caller can return it to the OS without
    /// holding the lock; [`give_scavenged`](PageAlloc::give_scavenged) (or [`free`](PageAlloc::free), if the
    /// OS refused) brings it back.
    ///
    /// Runs end at the borders of chunks, and runs shorter than `pages_min` are passed over. Of a run longer
    /// than `pages_max` the high end is taken. `1 <= pages_min <= pages_max`. `None` if there is no such run.
    ///
    /// Repeated calls go on downwards from where the last one stopped. A free above that place is looked at
    /// first; a smaller `pages_min` than before starts again from the top.
    pub fn take_dirty(&mut self, pages_max: usize, pages_min: usize) -> Option<Run> {
        debug_assert!(1 <= pages_min && pages_min <= pages_max);
        if self.free_pages - self.scavenged_pages < pages_min {
            return None;
        }
        self.dirty.look_for(pages_min, self.chunks_end());
        loop {
            let chunk = self.last_chunk_with_free(self.dirty.chunks()?);
            if let Some(chunk) = chunk
                && let Some((first, pages)) = self.storage.chunk(chunk).highest_dirty_run(pages_min)
            {
                self.dirty.searched_down_to(chunk + 1);
                let taken_pages = pages.min(pages_max);
                let taken_first = chunk * CHUNK_PAGES + first + pages - taken_pages;
                let run = Run { first: taken_first, pages: taken_pages };
                self.occupy(run);
                return Some(run);
            }
            self.dirty.searched_down_to(chunk.unwrap_or(0));
        }
    }

    /// Brings back a run from [`take_dirty`](PageAlloc::take_dirty): its pages are free and scavenged.
    pub fn give_scavenged(&mut self, run: Run) {
        debug_assert!(run.pages > 0 && self.is_taken(run), "giving back pages that are not taken: {run:?}");
        self.release(run, true);
    }

    /// Pages that are free, dirty or scavenged.
    #[inline]
    pub fn free_pages(&self) -> usize {
        self.free_pages
    }

    /// Free pages that are scavenged. The other free pages are dirty.
    #[inline]
    pub fn scavenged_pages(&self) -> usize {
        self.scavenged_pages
    }

    /// The most pages that [`alloc`](PageAlloc::alloc) could take at once. O(root summaries).
    pub fn largest_free_run(&self) -> usize {
        longest(self.storage.summaries(0), covered_pages(0))
    }

    /// Finds the lowest run of `pages` free pages.
    #[inline]
    fn find(&self, pages: usize) -> Option<Found> {
        if pages == 0 || pages > self.free_pages {
            return None;
        }
        let chunk = self.lowest_free / CHUNK_PAGES;
        match self.storage.summaries(LEAF).get(chunk) {
            Some(leaf) if leaf.max() >= pages => self.find_in_chunk(chunk, pages),
            _ => self.find_in_tree(pages),
        }
    }

    /// Finds the lowest run of `pages` in a chunk, in which the lowest free page is the lowest of all.
    #[inline]
    fn find_in_chunk(&self, chunk: usize, pages: usize) -> Option<Found> {
        let base = chunk * CHUNK_PAGES;
        let free = self.storage.chunk(chunk).free_pages();
        let lowest_free = base + free.first()?;
        Some(Found { first: base + free.lowest_run(pages)?, lowest_free })
    }

    /// Finds the lowest run of `pages` from the root level down.
    ///
    /// On the way the bound on free pages rises as long as the way leads into the first node with free pages.
    #[cold]
    fn find_in_tree(&self, pages: usize) -> Option<Found> {
        let mut first_index = self.lowest_free / covered_pages(0);
        let mut row = self.storage.summaries(0).get(first_index..)?;
        let mut lowest_free = self.lowest_free;
        let mut is_lowest_way = true;
        for level in 0..LEVELS {
            let covered = covered_pages(level);
            let fit = first_fit(row, covered, pages)?;
            if is_lowest_way {
                lowest_free = lowest_free.max((first_index + fit.first_with_free) * covered);
            }
            let index = match fit.place {
                Place::At(offset) => {
                    return Some(Found { first: first_index * covered + offset, lowest_free });
                }
                Place::Inside(index) => index,
            };
            is_lowest_way &= index == fit.first_with_free;
            first_index += index;
            if level < LEAF {
                row = self.children(level, first_index);
                first_index *= FANOUT;
            }
        }
        let found = self.find_in_chunk(first_index, pages)?;
        Some(if is_lowest_way { found } else { Found { lowest_free, ..found } })
    }

    /// The children of the node `index` of `level`, which is not the leaves'.
    #[inline]
    fn children(&self, level: usize, index: usize) -> &[crate::Summary] {
        let row = self.storage.summaries(level + 1);
        &row[index * FANOUT..row.len().min((index + 1) * FANOUT)]
    }

    /// The highest of these chunks that has a free page, as far as subtrees without one can be leapt over.
    fn last_chunk_with_free(&self, chunks: Range<usize>) -> Option<usize> {
        let mut end = chunks.end;
        while end > chunks.start {
            let chunk = end - 1;
            let is_none = |level: &usize| {
                self.storage.summaries(*level)[chunk >> chunk_shift(*level)] == crate::Summary::NONE
            };
            match (0..LEVELS).find(is_none) {
                Some(level) => end = chunk >> chunk_shift(level) << chunk_shift(level),
                None => return Some(chunk),
            }
        }
        None
    }

    #[inline]
    fn take(&mut self, run: Run, lowest_free: usize) -> Taken {
        self.lowest_free = lowest_free;
        Taken { run, scavenged_pages: self.occupy(run) }
    }

    /// Free to taken; returns how many of the pages were scavenged.
    #[inline]
    fn occupy(&mut self, run: Run) -> usize {
        let mut scavenged = 0;
        for (chunk, first, pages) in run.pieces() {
            scavenged += self.storage.chunk_mut(chunk).take(first, pages);
        }
        self.refresh(run.chunks());
        if self.lowest_free == run.first {
            self.lowest_free = run.end();
        }
        self.free_pages -= run.pages;
        self.scavenged_pages -= scavenged;
        scavenged
    }

    /// Taken or absent to free.
    #[inline]
    fn release(&mut self, run: Run, scavenged: bool) {
        self.release_bits(run, scavenged);
        self.refresh(run.chunks());
    }

    /// The same, but for the summaries, which the caller refreshes.
    #[inline]
    fn release_bits(&mut self, run: Run, scavenged: bool) {
        for (chunk, first, pages) in run.pieces() {
            self.storage.chunk_mut(chunk).release(first, pages, scavenged);
        }
        self.lowest_free = self.lowest_free.min(run.first);
        self.free_pages += run.pages;
        self.scavenged_pages += if scavenged { run.pages } else { 0 };
    }

    /// Sums chunks up again, and what is above them.
    #[inline]
    fn refresh(&mut self, chunks: Range<usize>) {
        let mut changed = false;
        for chunk in chunks.clone() {
            changed |= self.refresh_leaf(chunk);
        }
        if changed {
            self.refresh_above(chunks);
        }
    }

    /// Sums a chunk up again; says whether its summary changed.
    #[inline]
    fn refresh_leaf(&mut self, chunk: usize) -> bool {
        let summary = self.storage.chunk(chunk).summary();
        let leaf = &mut self.storage.summaries_mut(LEAF)[chunk];
        core::mem::replace(leaf, summary) != summary
    }

    /// Merges upwards from these leaves, up to the first level where nothing changes.
    fn refresh_above(&mut self, chunks: Range<usize>) {
        let mut nodes = chunks;
        for level in (0..LEAF).rev() {
            nodes = nodes.start / FANOUT..nodes.end.div_ceil(FANOUT);
            let mut changed = false;
            for index in nodes.clone() {
                let summary = merge(self.children(level, index), covered_pages(level + 1));
                let node = &mut self.storage.summaries_mut(level)[index];
                changed |= core::mem::replace(node, summary) != summary;
            }
            if !changed {
                return;
            }
        }
    }

    /// Are these pages all taken? Only for assertions: absent pages of a present chunk look taken.
    fn is_taken(&self, run: Run) -> bool {
        let is_taken = |(chunk, first, pages)| self.storage.chunk(chunk).is_taken(first, pages);
        run.end() <= self.pages_end && run.pieces().all(is_taken)
    }

    /// The end of the chunks that `grow` touched.
    fn chunks_end(&self) -> usize {
        self.pages_end.div_ceil(CHUNK_PAGES)
    }
}
