//! The page allocator beside a table with a byte for each page.

use spandrel_pages::{CHUNK_PAGES, Chunk, LEVELS, PageAlloc, Run, Storage, Summary, summaries_len};

use crate::Input;

/// Chunks of the space.
const CHUNKS: usize = 12;

/// What the table knows of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Absent,
    Taken,
    Dirty,
    Scavenged,
}

struct Tables {
    chunks: Vec<Chunk>,
    summaries: [Vec<Summary>; LEVELS],
}

impl Storage for Tables {
    fn chunks_max(&self) -> usize {
        self.chunks.len()
    }

    fn chunk(&self, index: usize) -> &Chunk {
        &self.chunks[index]
    }

    fn chunk_mut(&mut self, index: usize) -> &mut Chunk {
        &mut self.chunks[index]
    }

    fn summaries(&self, level: usize) -> &[Summary] {
        &self.summaries[level]
    }

    fn summaries_mut(&mut self, level: usize) -> &mut [Summary] {
        &mut self.summaries[level]
    }
}

/// The allocator, the table, and who holds what.
struct Pair {
    pages: PageAlloc<Tables>,
    table: Vec<State>,
    held: Vec<Run>,
    scavenging: Vec<Run>,
    grown_pages: usize,
}

/// Runs the operations that the bytes stand for.
///
/// # Panics
/// If the allocator and the table disagree.
pub fn pages(bytes: &[u8]) {
    let chunks = vec![Chunk::ABSENT; CHUNKS];
    let summaries = core::array::from_fn(|level| vec![Summary::NONE; summaries_len(CHUNKS, level)]);
    let mut pair = Pair {
        pages: PageAlloc::new(Tables { chunks, summaries }),
        table: vec![State::Absent; CHUNKS * CHUNK_PAGES],
        held: Vec::new(),
        scavenging: Vec::new(),
        grown_pages: 0,
    };
    let mut input = Input(bytes);
    while !input.is_empty() {
        pair.step(&mut input);
        let count = |state| pair.table.iter().filter(|&&page| page == state).count();
        let (dirty, scavenged) = (count(State::Dirty), count(State::Scavenged));
        assert_eq!(pair.pages.free_pages(), dirty + scavenged);
        assert_eq!(pair.pages.scavenged_pages(), scavenged);
    }
}

impl Pair {
    fn step(&mut self, input: &mut Input<'_>) {
        match input.byte() % 9 {
            0 => self.grow(1 + input.pair() % 700),
            1 | 2 => self.alloc(1 + input.byte() % 40),
            3 => self.alloc(1 + input.pair() % 1200),
            4 => self.alloc_aligned(1 + input.byte(), 1 << (input.byte() % 10)),
            5 => self.free(input),
            6 => self.extend(input),
            7 => self.take_dirty(1 + input.byte(), 1 + input.byte() % 8),
            _ => {
                if let Some(run) = self.scavenging.pop() {
                    self.pages.give_scavenged(run);
                    self.set(run, State::Scavenged);
                }
            }
        }
    }

    fn set(&mut self, run: Run, state: State) {
        self.table[run.first..run.end()].fill(state);
    }

    fn is_free(&self, run: Run) -> bool {
        let pages = self.table.get(run.first..run.end());
        pages.is_some_and(|pages| pages.iter().all(|page| matches!(page, State::Dirty | State::Scavenged)))
    }

    fn scavenged_in(&self, run: Run) -> usize {
        self.table[run.first..run.end()].iter().filter(|&&page| page == State::Scavenged).count()
    }

    fn grow(&mut self, pages: usize) {
        let run = Run { first: self.grown_pages, pages };
        if run.end() <= self.table.len() {
            self.pages.grow(run);
            self.set(run, State::Scavenged);
            self.grown_pages = run.end();
        }
    }

    fn alloc(&mut self, pages: usize) {
        let first = (0..self.table.len()).find(|&first| self.is_free(Run { first, pages }));
        let taken = self.pages.alloc(pages);
        assert_eq!(taken.map(|taken| taken.run.first), first, "the lowest run of {pages}");
        if let Some(taken) = taken {
            assert_eq!(taken.scavenged_pages, self.scavenged_in(taken.run));
            self.set(taken.run, State::Taken);
            self.held.push(taken.run);
        }
    }

    fn alloc_aligned(&mut self, pages: usize, align_pages: usize) {
        if let Some(taken) = self.pages.alloc_aligned(pages, align_pages) {
            assert!(taken.run.first.is_multiple_of(align_pages) && taken.run.pages == pages);
            assert!(self.is_free(taken.run), "{:?} is not free", taken.run);
            assert_eq!(taken.scavenged_pages, self.scavenged_in(taken.run));
            self.set(taken.run, State::Taken);
            self.held.push(taken.run);
        } else {
            let pages = pages + align_pages - 1;
            let sure = (0..self.table.len()).find(|&first| self.is_free(Run { first, pages }));
            assert_eq!(sure, None, "a run was there");
        }
    }

    /// Frees part of a held run, or all of it.
    fn free(&mut self, input: &mut Input<'_>) {
        if self.held.is_empty() {
            return;
        }
        let run = self.held.swap_remove(input.byte() % self.held.len());
        let offset = input.byte() % run.pages;
        let pages = if input.byte().is_multiple_of(2) { run.pages - offset } else { 1 };
        let part = Run { first: run.first + offset, pages };
        self.pages.free(part);
        self.set(part, State::Dirty);
        let before = Run { first: run.first, pages: offset };
        let after = Run { first: part.end(), pages: run.end() - part.end() };
        self.held.extend([before, after].into_iter().filter(|rest| rest.pages > 0));
    }

    fn extend(&mut self, input: &mut Input<'_>) {
        if self.held.is_empty() {
            return;
        }
        let (index, more_pages) = (input.byte() % self.held.len(), 1 + input.byte());
        let run = self.held[index];
        let more = Run { first: run.end(), pages: more_pages };
        if more.end() > self.table.len() {
            return;
        }
        let expected = self.is_free(more).then(|| self.scavenged_in(more));
        assert_eq!(self.pages.extend(run, more_pages), expected, "{run:?} by {more_pages}");
        if expected.is_some() {
            self.set(more, State::Taken);
            self.held[index].pages += more_pages;
        }
    }

    fn take_dirty(&mut self, pages_max: usize, pages_min: usize) {
        let pages_min = pages_min.min(pages_max);
        let Some(run) = self.pages.take_dirty(pages_max, pages_min) else { return };
        assert!((pages_min..=pages_max).contains(&run.pages), "{run:?}, {pages_min} to {pages_max}");
        assert!(self.table[run.first..run.end()].iter().all(|&page| page == State::Dirty), "{run:?}");
        self.set(run, State::Taken);
        self.scavenging.push(run);
    }
}
