//! The page allocator against its reference: the same operations on both, and everything compared.
//!
//! Two ways of choosing the operations: at random in spaces of many shapes, and exhaustively, every operation
//! from every state that a space of a few pages can get into.

use std::collections::HashSet;

use crate::lent::VecStorage;
use crate::reference::{Reference, State};
use crate::summary::covered_pages;
use crate::{CHUNK_PAGES, LEVELS, PageAlloc, Run, Storage, Summary};

/// Marsaglia's xorshift64.
pub(crate) struct XorShift(u64);

impl XorShift {
    pub(crate) fn new(seed: u64) -> XorShift {
        XorShift(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % bound as u64) as usize
    }

    /// From 1 to half of `1 << bits`, all orders of magnitude alike.
    pub(crate) fn size(&mut self, bits: usize) -> usize {
        let bits = self.below(bits);
        1 + self.below(1 << bits)
    }
}

/// The allocator, its reference, and the runs that its two kinds of users hold.
#[derive(Clone)]
struct Model {
    pages: PageAlloc<VecStorage>,
    reference: Reference,
    held: Vec<Run>,
    scavenging: Vec<Run>,
}

impl Model {
    /// A space of `chunks_max` chunks, of which those before `origin_chunk` will never be grown.
    fn new(chunks_max: usize, origin_chunk: usize) -> Model {
        let origin = origin_chunk * CHUNK_PAGES;
        Model {
            pages: PageAlloc::new(VecStorage::new(chunks_max)),
            reference: Reference::new(origin, chunks_max * CHUNK_PAGES - origin),
            held: Vec::new(),
            scavenging: Vec::new(),
        }
    }

    fn grow(&mut self, run: Run) {
        run.chunks().for_each(|chunk| self.pages.storage_mut().announce(chunk));
        self.pages.grow(run);
        self.reference.set(run, State::Scavenged);
    }

    /// `align_pages` of 0 is a plain `alloc`.
    fn alloc(&mut self, pages: usize, align_pages: usize) -> bool {
        let lowest = self.reference.first_fit(pages).map(|first| Run { first, pages });
        let is_dirty = lowest.is_some_and(|run| self.reference.count(run, State::Scavenged) == 0);
        assert_eq!(self.pages.would_alloc_dirty(pages), is_dirty, "whether {pages} would be dirty");
        let (taken, first) = if align_pages == 0 {
            (self.pages.alloc(pages), self.reference.first_fit(pages))
        } else {
            let first = self.reference.first_fit_aligned(pages, align_pages);
            (self.pages.alloc_aligned(pages, align_pages), first)
        };
        let expected = first.map(|first| Run { first, pages });
        assert_eq!(taken.map(|taken| taken.run), expected, "alloc {pages} aligned to {align_pages}");
        let Some(taken) = taken else { return false };
        assert_eq!(taken.scavenged_pages, self.reference.count(taken.run, State::Scavenged));
        self.reference.set(taken.run, State::Taken);
        self.held.push(taken.run);
        true
    }

    fn extend(&mut self, index: usize, more_pages: usize) {
        let run = self.held[index];
        let more = Run { first: run.end(), pages: more_pages };
        let is_free = self.reference.is_free(more);
        let expected = is_free.then(|| self.reference.count(more, State::Scavenged));
        assert_eq!(self.pages.extend(run, more_pages), expected, "{run:?} by {more_pages}");
        if is_free {
            self.reference.set(more, State::Taken);
            self.held[index].pages += more_pages;
        }
    }

    /// Frees `pages` pages in the middle, at the start or at the end of a held run.
    fn free_part(&mut self, index: usize, offset: usize, pages: usize) {
        let run = self.held.swap_remove(index);
        let part = Run { first: run.first + offset, pages };
        self.pages.free(part);
        self.reference.set(part, State::Dirty);
        let before = Run { first: run.first, pages: offset };
        let after = Run { first: part.end(), pages: run.end() - part.end() };
        self.held.extend([before, after].into_iter().filter(|rest| rest.pages > 0));
    }

    /// Frees up to `runs` of the held runs, the last ones, in one call.
    fn free_all(&mut self, runs: usize) {
        let freed = self.held.split_off(self.held.len().saturating_sub(runs));
        self.pages.free_all(freed.iter().copied());
        freed.iter().for_each(|&run| self.reference.set(run, State::Dirty));
    }

    fn take_dirty(&mut self, pages_max: usize, pages_min: usize) {
        let expected = self.reference.highest_dirty(pages_max, pages_min);
        let taken = self.pages.take_dirty(pages_max, pages_min);
        assert_eq!(taken, expected, "dirty, {pages_min} to {pages_max}");
        if let Some(run) = taken {
            self.reference.set(run, State::Taken);
            self.scavenging.push(run);
        }
    }

    fn give_scavenged(&mut self, index: usize) {
        let run = self.scavenging.swap_remove(index);
        self.pages.give_scavenged(run);
        self.reference.set(run, State::Scavenged);
    }

    /// Counters and the largest run.
    fn check_counts(&self) {
        let (dirty, scavenged, longest) = self.reference.counts();
        assert_eq!(self.pages.free_pages(), dirty + scavenged);
        assert_eq!(self.pages.scavenged_pages(), scavenged);
        assert_eq!(self.pages.largest_free_run(), longest);
    }

    /// Every bit, every summary, both hints.
    fn check_all(&self) {
        let storage = self.pages.storage();
        for (index, &state) in self.reference.states.iter().enumerate() {
            let page = self.reference.origin + index;
            if storage.has(page / CHUNK_PAGES) {
                let expected = match state {
                    State::Absent | State::Taken => (true, false),
                    State::Dirty => (false, false),
                    State::Scavenged => (false, true),
                };
                let bits = storage.chunk(page / CHUNK_PAGES).bits(page % CHUNK_PAGES);
                assert_eq!(bits, expected, "page {page} is {state:?}");
            }
        }
        self.check_summaries();
        let lowest_free = self.reference.free_runs().first().map(|run| run.first);
        assert!(lowest_free.is_none_or(|page| self.pages.lowest_free <= page), "hint above {lowest_free:?}");
        for run in self.reference.dirty_runs() {
            let may_see = self.pages.dirty.may_see(run.first / CHUNK_PAGES, run.pages);
            assert!(may_see, "{run:?} is behind {:?}", self.pages.dirty);
        }
    }

    /// Each free run, cut to what a summary covers, is its start, its end, or only inside.
    fn check_summaries(&self) {
        let free_runs = self.reference.free_runs();
        for level in 0..LEVELS {
            let covered = covered_pages(level);
            let summaries = self.pages.storage().summaries(level);
            let mut expected = vec![(0, 0, 0); summaries.len()];
            for run in &free_runs {
                let touched = run.first / covered..run.end().div_ceil(covered);
                for (index, (start_pages, max_pages, end_pages)) in
                    touched.clone().zip(&mut expected[touched])
                {
                    let (low, high) = (index * covered, (index + 1) * covered);
                    let (first, end) = (run.first.max(low), run.end().min(high));
                    *start_pages = if first == low { end - first } else { *start_pages };
                    *end_pages = if end == high { end - first } else { *end_pages };
                    *max_pages = (*max_pages).max(end - first);
                }
            }
            for (index, (summary, (start, max, end))) in summaries.iter().zip(expected).enumerate() {
                assert_eq!(*summary, Summary::new(start, max, end), "level {level}, {index}");
            }
        }
    }

    /// One operation, picked at random.
    fn step(&mut self, random: &mut XorShift, grows: &mut impl Iterator<Item = Run>) {
        match random.below(100) {
            0..25 => {
                let pages = 1 + random.below(4);
                self.alloc_or_grow(pages, 0, grows);
            }
            25..40 => {
                let pages = random.size(12);
                self.alloc_or_grow(pages, 0, grows);
            }
            40..45 => {
                let pages = random.size(12);
                self.alloc_or_grow(pages, 1 << random.below(11), grows);
            }
            45..55 if !self.held.is_empty() => {
                let more_pages = random.size(12);
                self.extend(random.below(self.held.len()), more_pages);
            }
            55..58 => self.free_all(random.below(6)),
            58..82 if !self.held.is_empty() => {
                let index = random.below(self.held.len());
                self.free_part(index, 0, self.held[index].pages);
            }
            82..88 if !self.held.is_empty() => {
                let index = random.below(self.held.len());
                let offset = random.below(self.held[index].pages);
                let pages = 1 + random.below(self.held[index].pages - offset);
                self.free_part(index, offset, pages);
            }
            88..95 => {
                let pages_min = [1, 1, 1, 2, 8, 8, 8, 64, 512][random.below(9)];
                self.take_dirty(pages_min + random.below(2 * pages_min), pages_min);
            }
            95..99 if !self.scavenging.is_empty() => self.give_scavenged(random.below(self.scavenging.len())),
            _ => {
                if let Some(run) = grows.next() {
                    self.grow(run);
                }
            }
        }
    }

    fn alloc_or_grow(&mut self, pages: usize, align: usize, grows: &mut impl Iterator<Item = Run>) {
        if !self.alloc(pages, align)
            && let Some(run) = grows.next()
        {
            self.grow(run);
        }
    }

    /// Frees everything; the space must then be what was grown, with its dirty pages all to be found.
    fn empty(&mut self) {
        while let Some(run) = self.held.last() {
            self.free_part(self.held.len() - 1, 0, run.pages);
        }
        while self.pages.free_pages() > self.pages.scavenged_pages() {
            self.take_dirty(CHUNK_PAGES, 1);
        }
        while !self.scavenging.is_empty() {
            self.give_scavenged(self.scavenging.len() - 1);
        }
        self.check_counts();
        self.check_all();
        assert_eq!(self.pages.free_pages(), self.pages.scavenged_pages());
    }
}

fn run(first: usize, pages: usize) -> Run {
    Run { first, pages }
}

/// `steps` random operations in a space that grows by the given runs, all checked every `check_steps`.
fn random_walk(seed: u64, space: (usize, usize), grows: &[Run], steps: usize, check_steps: usize) {
    let mut model = Model::new(space.0, space.1);
    let mut random = XorShift::new(seed);
    let mut grows = grows.iter().copied();
    for step in 0..steps {
        model.step(&mut random, &mut grows);
        model.check_counts();
        if step % check_steps == 0 {
            model.check_all();
        }
        if step % (steps / 3) == steps / 3 - 1 {
            model.empty();
        }
    }
}

#[test]
fn random_one_chunk() {
    for seed in 0..4 {
        random_walk(seed, (1, 0), &[run(0, 512)], 3000, 1);
    }
    random_walk(9, (1, 0), &[run(7, 100), run(107, 1), run(110, 300)], 3000, 1);
}

#[test]
fn random_three_chunks() {
    for seed in 0..3 {
        random_walk(seed, (3, 0), &[run(0, 1536)], 3000, 3);
    }
    random_walk(9, (3, 0), &[run(500, 20), run(520, 500), run(1020, 3), run(1100, 436)], 3000, 3);
}

#[test]
fn random_nine_chunks_with_a_gap_of_absent_chunks() {
    random_walk(1, (9, 0), &[run(0, 9 * 512)], 2000, 3);
    random_walk(
        2,
        (9, 0),
        &[run(100, 900), run(1000, 24), run(5 * 512 + 9, 1000), run(8 * 512, 512)],
        2000,
        3,
    );
}

#[test]
fn random_sixty_five_chunks() {
    random_walk(1, (65, 0), &[run(0, 65 * 512)], 1500, 50);
    let steps: Vec<Run> = (0..65).map(|index| run(index * 512 + index, 500 - index)).collect();
    random_walk(2, (65, 0), &steps, 1500, 50);
}

#[test]
fn random_six_hundred_chunks() {
    let grows = [run(0, 1000), run(5000, 9000), run(60 * 512, 10 * 512), run(500 * 512, 100 * 512)];
    random_walk(1, (600, 0), &grows, 400, 50);
}

#[test]
fn random_around_the_border_of_a_root_summary() {
    let border = 4096 * 512;
    random_walk(1, (4100, 4090), &[run(border - 3000, 5000)], 1500, 20);
    random_walk(2, (4100, 4090), &[run(border - 600, 600), run(border, 1), run(border + 513, 900)], 1500, 20);
}

/// All that the future of a model depends on.
fn key(model: &Model) -> impl Eq + std::hash::Hash + use<> {
    let (mut held, mut scavenging) = (model.held.clone(), model.scavenging.clone());
    held.sort();
    scavenging.sort();
    let hints = (model.pages.lowest_free, model.pages.dirty.clone());
    let states: Vec<State> = (509..516).map(|page| model.reference.state(page)).collect();
    (states, held, scavenging, hints)
}

/// Every operation on a model, each on a copy of its own.
fn successors(model: &Model, pages: usize) -> Vec<Model> {
    let mut all = Vec::new();
    let mut try_one = |operation: &dyn Fn(&mut Model)| {
        let mut next = model.clone();
        operation(&mut next);
        all.push(next);
    };
    for wanted in 1..=pages + 1 {
        try_one(&|next| _ = next.alloc(wanted, 0));
    }
    for (wanted, align) in [(1, 2), (2, 2), (1, 4), (2, 512)] {
        try_one(&|next| _ = next.alloc(wanted, align));
    }
    for index in 0..model.held.len() {
        try_one(&|next| next.extend(index, 1));
        try_one(&|next| next.extend(index, 2));
        try_one(&|next| next.free_part(index, 0, next.held[index].pages));
        try_one(&|next| next.free_part(index, 0, 1));
    }
    for (pages_max, pages_min) in [(1, 1), (2, 1), (2, 2)] {
        try_one(&|next| next.take_dirty(pages_max, pages_min));
    }
    for index in 0..model.scavenging.len() {
        try_one(&|next| next.give_scavenged(index));
    }
    all
}

#[test]
fn every_operation_in_every_state_of_four_pages_across_chunks() {
    let mut start = Model::new(2, 0);
    start.grow(run(510, 4));
    start.reference = Reference { origin: 510, states: vec![State::Scavenged; 4] };
    let mut seen = HashSet::from([key(&start)]);
    let mut todo = vec![start];
    while let Some(model) = todo.pop() {
        for next in successors(&model, 4) {
            next.check_counts();
            if seen.insert(key(&next)) {
                next.check_all();
                todo.push(next);
            }
        }
    }
    assert!(seen.len() > 1000, "only {} states", seen.len());
}

#[test]
fn more_than_a_root_summary_at_once() {
    let root_pages = covered_pages(0);
    let mut pages = PageAlloc::new(VecStorage::new(2 * 4096 + 1));
    (0..2 * 4096 + 1).for_each(|chunk| pages.storage_mut().announce(chunk));
    pages.grow(run(0, 2 * root_pages + 512));
    assert_eq!(pages.largest_free_run(), 2 * root_pages + 512);
    assert_eq!(pages.alloc(2 * root_pages + 513), None);

    let one = pages.alloc(1).unwrap().run;
    let most = pages.alloc(2 * root_pages).unwrap();
    assert_eq!((most.run, most.scavenged_pages), (run(1, 2 * root_pages), 2 * root_pages));
    assert_eq!(pages.largest_free_run(), 511);
    pages.free(one);
    assert_eq!(pages.alloc(2).unwrap().run, run(2 * root_pages + 1, 2));
    pages.free(most.run);
    assert_eq!(pages.largest_free_run(), 2 * root_pages + 1);
    assert_eq!(pages.alloc_aligned(root_pages, root_pages).unwrap().run, run(0, root_pages));
    assert_eq!(pages.alloc_aligned(root_pages, root_pages).unwrap().run, run(root_pages, root_pages));
    assert_eq!(pages.free_pages(), 512 - 2);
    assert_eq!(pages.storage().summaries(0)[..2], [Summary::NONE; 2]);
}

#[test]
fn refusals_change_nothing() {
    let mut model = Model::new(4, 0);
    model.grow(run(0, 600));
    model.grow(run(3 * 512, 100));
    assert_eq!(model.pages.alloc(0), None);
    assert_eq!(model.pages.alloc(usize::MAX), None);
    assert_eq!(
        model.pages.alloc_aligned(1, 1 << 40),
        Some(crate::Taken { run: run(0, 1), scavenged_pages: 1 })
    );
    assert_eq!(model.pages.alloc_aligned(1, 1 << 40), None);
    assert_eq!(model.pages.alloc_aligned(usize::MAX, 2), None);
    assert_eq!(model.pages.extend(run(0, 1), 600), None); // past what was grown, in a present chunk
    assert_eq!(model.pages.extend(run(0, 1), 650), None);
    assert_eq!(model.pages.take_dirty(1, 1), None);
    assert_eq!(model.pages.extend(run(0, 1), 599), Some(599));
    assert_eq!(model.pages.extend(run(0, 600), 0), Some(0));
    assert_eq!(model.pages.free_pages(), 100);
}

#[test]
#[should_panic(expected = "freeing pages that are not taken")]
#[cfg(debug_assertions)]
fn a_double_free_is_caught_in_debug_builds() {
    let mut model = Model::new(1, 0);
    model.grow(run(0, 10));
    assert!(model.alloc(2, 0));
    model.pages.free(run(0, 2));
    model.pages.free(run(1, 1));
}
