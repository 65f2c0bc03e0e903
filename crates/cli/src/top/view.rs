//! What is known and how it is looked at: the state behind the screen.

use std::cmp::Reverse;
use std::collections::HashMap;

use spandrel_profile::Text;
use spandrel_report::units::{bytes, count};

use super::sites::Sites;
use super::stats::Stats;
use super::table::{Cell, Tab};

/// Everything that a screen is drawn from.
#[derive(Debug)]
pub(super) struct View {
    /// Where the program listens, and what it is called.
    pub(super) title: String,
    pub(super) first: Stats,
    /// The statistics before those that are shown.
    pub(super) previous: Stats,
    pub(super) stats: Stats,
    /// The statistics as they came.
    pub(super) raw_stats: Vec<u8>,
    /// Bytes in use of each site in the first profile.
    pub(super) first_sites: HashMap<Text, i64>,
    pub(super) sites: Option<Sites>,
    pub(super) sites_problem: Option<String>,
    pub(super) tab: Tab,
    /// Of each tab: the column that rows are sorted by, and whether the least comes first.
    sorts: [(Option<usize>, bool); Tab::ALL.len()],
    pub(super) filter: String,
    /// Keys go into the filter.
    pub(super) is_filtering: bool,
    pub(super) is_paused: bool,
    pub(super) is_helping: bool,
    /// Rows above the screen.
    pub(super) scroll: usize,
    /// What was done last, or went wrong.
    pub(super) message: String,
}

impl View {
    pub(super) fn new(title: String, stats: Stats, raw_stats: Vec<u8>) -> Self {
        Self {
            title,
            first: stats.clone(),
            previous: stats.clone(),
            stats,
            raw_stats,
            first_sites: HashMap::new(),
            sites: None,
            sites_problem: None,
            tab: Tab::Classes,
            sorts: Tab::ALL.map(|tab| (tab.first_sort(), false)),
            filter: String::new(),
            is_filtering: false,
            is_paused: false,
            is_helping: false,
            scroll: 0,
            message: String::new(),
        }
    }

    /// New statistics; nothing changes while the view is paused.
    pub(super) fn take_stats(&mut self, news: Result<(Stats, Vec<u8>), String>) {
        if self.is_paused {
            return;
        }
        match news {
            Ok((stats, _)) if stats.pid != self.stats.pid => {
                self.message = format!("process {} answers in place of {}", stats.pid, self.stats.pid);
            }
            Ok((stats, raw)) => {
                self.previous = std::mem::replace(&mut self.stats, stats);
                self.raw_stats = raw;
            }
            Err(problem) => self.message = problem,
        }
    }

    /// A new heap profile.
    pub(super) fn take_sites(&mut self, news: Result<Sites, String>) {
        if self.is_paused {
            return;
        }
        match news {
            Ok(sites) => {
                if self.sites.is_none() {
                    let rows = sites.by_site.iter();
                    self.first_sites = rows.map(|row| (row.name.clone(), row.bytes)).collect();
                }
                self.sites = Some(sites);
                self.sites_problem = None;
            }
            Err(problem) => self.sites_problem = Some(problem),
        }
    }

    /// How fast a counter grows, between the last two statistics.
    pub(super) fn a_second(&self, counter: impl Fn(&Stats) -> u64) -> u64 {
        let more = counter(&self.stats).saturating_sub(counter(&self.previous));
        let time = self.stats.monotonic_ns.saturating_sub(self.previous.monotonic_ns);
        let rate = (u128::from(more) * 1_000_000_000).checked_div(u128::from(time));
        rate.map_or(0, |rate| u64::try_from(rate).unwrap_or(u64::MAX))
    }

    /// The lines above the table.
    pub(super) fn header(&self) -> [String; 3] {
        let (process, heap) = (&self.stats.process, &self.stats.page_heap);
        let grown = i128::from(process.resident_bytes) - i128::from(self.first.process.resident_bytes);
        let sign = if grown < 0 { "-" } else { "+" };
        let grown = bytes(u64::try_from(grown.unsigned_abs()).unwrap_or(u64::MAX));
        [
            format!("{}{}", self.title, if self.is_paused { "  [paused]" } else { "" }),
            format!(
                "resident {} ({sign}{grown}, peak {})  allocated {}  in use {}  committed {}",
                bytes(process.resident_bytes),
                bytes(process.peak_resident_bytes),
                bytes(self.stats.heap_alloc),
                bytes(heap.in_use_bytes),
                bytes(heap.committed_bytes),
            ),
            format!(
                "{} allocs/s  {} frees/s  {}/s  {} faults/s  {} purges/s  {}/s returned  {} % cpu  \
                 {} threads",
                count(self.a_second(|stats| stats.mallocs)),
                count(self.a_second(|stats| stats.frees)),
                bytes(self.a_second(|stats| stats.total_alloc)),
                count(self.a_second(|stats| stats.process.minor_faults + stats.process.major_faults)),
                count(self.a_second(|stats| stats.page_heap.purges)),
                bytes(self.a_second(|stats| stats.page_heap.returned_bytes)),
                self.a_second(|stats| stats.process.cpu_ms) / 10,
                process.threads,
            ),
        ]
    }

    /// The rows of a tab, filtered and sorted.
    pub(super) fn rows(&self, tab: Tab) -> Vec<Vec<Cell>> {
        let wanted = self.filter.to_lowercase();
        let mut rows = tab.rows(self);
        rows.retain(|row| wanted.is_empty() || row[0].text.to_lowercase().contains(&wanted));
        if let (Some(column), is_rising) = self.sort(tab) {
            let is_text = column == 0 && tab != Tab::Classes;
            match (is_text, is_rising) {
                (true, false) => rows.sort_by(|a, b| a[0].text.cmp(&b[0].text)),
                (true, true) => rows.sort_by(|a, b| b[0].text.cmp(&a[0].text)),
                (false, false) => rows.sort_by_key(|row| Reverse(row[column].key)),
                (false, true) => rows.sort_by_key(|row| row[column].key),
            }
        }
        rows
    }

    pub(super) fn sort(&self, tab: Tab) -> (Option<usize>, bool) {
        Tab::ALL.iter().position(|other| *other == tab).map_or((None, false), |index| self.sorts[index])
    }

    /// Sorts by the next column.
    pub(super) fn sort_by_next(&mut self) {
        let columns = self.tab.heads().len();
        self.change_sort(|(column, is_rising)| {
            (Some(column.map_or(0, |column| (column + 1) % columns)), is_rising)
        });
    }

    /// Turns the order round.
    pub(super) fn reverse(&mut self) {
        self.change_sort(|(column, is_rising)| (column, !is_rising));
    }

    fn change_sort(&mut self, change: impl Fn((Option<usize>, bool)) -> (Option<usize>, bool)) {
        if let Some(index) = Tab::ALL.iter().position(|tab| *tab == self.tab) {
            self.sorts[index] = change(self.sorts[index]);
        }
    }

    /// Goes to the next tab, or with `-1` to the one before.
    pub(super) fn turn_to(&mut self, step: isize) {
        let index = Tab::ALL.iter().position(|tab| *tab == self.tab).unwrap_or(0);
        let len = Tab::ALL.len().cast_signed();
        let next = (index.cast_signed() + step).rem_euclid(len);
        self.show(Tab::ALL[next.unsigned_abs()]);
    }

    pub(super) fn show(&mut self, tab: Tab) {
        self.tab = tab;
        self.scroll = 0;
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::View;
    use crate::top::stats::Stats;
    use crate::top::table::Tab;

    /// Statistics of two classes.
    pub(in crate::top) fn stats(allocs: u64, seconds: u64) -> (Stats, Vec<u8>) {
        let class = |object_bytes: u64, allocs: u64| {
            format!(
                r#"{{"object_bytes":{object_bytes},"allocs":{allocs},"live_objs":{allocs},"live_bytes":{},
                "requested_bytes":{allocs},"hot_objs":1,"span_bytes":8192}}"#,
                allocs * object_bytes
            )
        };
        let text = format!(
            r#"{{"schema":"spandrel.stats","version":1,"pid":7,"monotonic_ns":{},"mallocs":{allocs},"frees":0,
            "total_alloc":1000,"heap_alloc":900,
            "process":{{"resident_bytes":5000000,"peak_resident_bytes":6000000,"threads":2,"minor_faults":1,
            "major_faults":0,"cpu_ms":10}},
            "page_heap":{{"committed_bytes":100000,"in_use_bytes":90000,"returned_bytes":0,"purges":3}},
            "ledger":{{"requested_exact":true,"requested_bytes":800,"rounding_bytes":100,"slack_bytes":7,
            "cached_bytes":6,"free_bytes":50,"metadata_bytes":40,"untouched_bytes":3,"files_bytes":2000,
            "shared_bytes":1,"break_bytes":2,"stack_bytes":3,"mapped_bytes":4,"unexplained_bytes":-10,
            "resident_bytes":3000}},
            "classes":[{},{},{}]}}"#,
            seconds * 1_000_000_000,
            class(0, 0),
            class(8, allocs),
            class(64, 20)
        );
        (serde_json::from_str(&text).expect("statistics"), text.into_bytes())
    }

    pub(in crate::top) fn view() -> View {
        let (first, raw) = stats(100, 1);
        let mut view = View::new("test".to_owned(), first, raw);
        view.take_stats(Ok(stats(700, 3)));
        view
    }

    fn names(view: &View) -> Vec<String> {
        view.rows(view.tab).into_iter().map(|row| row[0].text.clone()).collect()
    }

    #[test]
    fn rates_are_of_the_last_interval() {
        let mut view = view();
        assert_eq!(view.a_second(|stats| stats.mallocs), 300);
        view.take_stats(Ok(stats(700, 3)));
        assert_eq!(view.a_second(|stats| stats.mallocs), 0);
    }

    #[test]
    fn sorted_filtered_and_turned_round() {
        let mut view = view();
        assert_eq!(names(&view), ["8", "64"]);
        view.reverse();
        assert_eq!(names(&view), ["64", "8"]);
        view.filter = "6".to_owned();
        assert_eq!(names(&view), ["64"]);
        view.filter.clear();
        for _ in 0..20 {
            view.sort_by_next();
            assert_eq!(names(&view).len(), 2);
        }
        for tab in Tab::ALL {
            assert_eq!(view.tab, tab);
            assert!(view.rows(tab).iter().all(|row| row.len() == tab.heads().len()));
            view.turn_to(1);
        }
        view.turn_to(-1);
        assert_eq!(view.tab, Tab::Growth);
        assert_eq!(names(&view)[0], "class 8");
    }

    #[test]
    fn nothing_changes_while_paused() {
        let mut view = view();
        view.is_paused = true;
        view.take_stats(Ok(stats(9000, 9)));
        view.take_stats(Err("gone".to_owned()));
        assert_eq!((view.stats.mallocs, view.message.as_str()), (700, ""));
        view.is_paused = false;
        view.take_stats(Err("gone".to_owned()));
        assert_eq!(view.message, "gone");
    }

    #[test]
    fn the_ledger_adds_up() {
        let view = view();
        let rows = view.rows(Tab::Ledger);
        let (last, parts) = rows.split_last().expect("lines");
        assert_eq!(parts.iter().map(|row| row[1].key).sum::<i128>(), last[1].key);
    }
}
