//! The page allocator as a row of states, one a page: slow, and plainly right.

use crate::{CHUNK_PAGES, Run};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum State {
    Absent,
    Taken,
    Dirty,
    Scavenged,
}

impl State {
    fn is_free(self) -> bool {
        matches!(self, State::Dirty | State::Scavenged)
    }
}

/// All pages from `origin` on; the ones before it are absent.
#[derive(Clone, Debug)]
pub(crate) struct Reference {
    pub(crate) origin: usize,
    pub(crate) states: Vec<State>,
}

impl Reference {
    pub(crate) fn new(origin: usize, pages: usize) -> Reference {
        Reference { origin, states: vec![State::Absent; pages] }
    }

    pub(crate) fn state(&self, page: usize) -> State {
        let state = page.checked_sub(self.origin).and_then(|index| self.states.get(index));
        state.copied().unwrap_or(State::Absent)
    }

    pub(crate) fn set(&mut self, run: Run, state: State) {
        let first = run.first - self.origin;
        self.states[first..first + run.pages].fill(state);
    }

    pub(crate) fn count(&self, run: Run, state: State) -> usize {
        let first = run.first - self.origin;
        self.states[first..first + run.pages].iter().filter(|&&other| other == state).count()
    }

    /// The numbers of dirty and of scavenged pages, and the pages of the longest free run.
    pub(crate) fn counts(&self) -> (usize, usize, usize) {
        let (mut dirty, mut scavenged, mut longest, mut run) = (0, 0, 0, 0);
        for &state in &self.states {
            run += 1;
            match state {
                State::Absent | State::Taken => run = 0,
                State::Dirty => dirty += 1,
                State::Scavenged => scavenged += 1,
            }
            longest = longest.max(run);
        }
        (dirty, scavenged, longest)
    }

    /// All longest runs of pages whose state `is_wanted`, ascending; cut at the borders of chunks if told.
    fn runs(&self, is_wanted: impl Fn(State) -> bool, is_cut: bool) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        let mut first = None;
        for page in self.origin..=self.origin + self.states.len() {
            let is_run = self.states.get(page - self.origin).is_some_and(|&state| is_wanted(state));
            if (!is_run || is_cut && page % CHUNK_PAGES == 0)
                && let Some(first) = first.take()
            {
                runs.push(Run { first, pages: page - first });
            }
            if is_run && first.is_none() {
                first = Some(page);
            }
        }
        runs
    }

    pub(crate) fn free_runs(&self) -> Vec<Run> {
        self.runs(State::is_free, false)
    }

    /// The runs that the scavenger knows.
    pub(crate) fn dirty_runs(&self) -> Vec<Run> {
        self.runs(|state| state == State::Dirty, true)
    }

    /// The start of the lowest run of `pages`.
    pub(crate) fn first_fit(&self, pages: usize) -> Option<usize> {
        self.free_runs().into_iter().find(|run| run.pages >= pages).map(|run| run.first)
    }

    /// By the rule of `PageAlloc::alloc_aligned`.
    pub(crate) fn first_fit_aligned(&self, pages: usize, align_pages: usize) -> Option<usize> {
        let lowest = self.first_fit(pages)?;
        if lowest.is_multiple_of(align_pages) {
            return Some(lowest);
        }
        Some(self.first_fit(pages + align_pages - 1)?.next_multiple_of(align_pages))
    }

    pub(crate) fn is_free(&self, run: Run) -> bool {
        (run.first..run.end()).all(|page| self.state(page).is_free())
    }

    /// By the rule of `PageAlloc::take_dirty`.
    pub(crate) fn highest_dirty(&self, pages_max: usize, pages_min: usize) -> Option<Run> {
        let run = self.dirty_runs().into_iter().rfind(|run| run.pages >= pages_min)?;
        let pages = run.pages.min(pages_max);
        Some(Run { first: run.end() - pages, pages })
    }
}
