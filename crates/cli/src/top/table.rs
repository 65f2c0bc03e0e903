//! Tables of what is seen: the same for the screen and for paper.

use spandrel_report::units::{bytes, count, percent};

use super::sites::{Row, Sites};
use super::stats::Ledger;
use super::view::View;

/// What is shown of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tab {
    Classes,
    Sites,
    Types,
    Ledger,
    Growth,
}

impl Tab {
    pub(super) const ALL: [Self; 5] = [Self::Classes, Self::Sites, Self::Types, Self::Ledger, Self::Growth];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Classes => "Classes",
            Self::Sites => "Sites",
            Self::Types => "Types",
            Self::Ledger => "Ledger",
            Self::Growth => "Growth",
        }
    }

    pub(super) const fn heads(self) -> &'static [&'static str] {
        match self {
            Self::Classes => {
                &["class", "live objects", "allocated", "requested", "rounding", "slack", "hot", "allocs/s"]
            }
            Self::Sites => &["site", "in use", "objects", "share", "allocated ever"],
            Self::Types => &["type", "in use", "objects", "share", "allocated ever"],
            Self::Ledger => &["what", "bytes", "of resident"],
            Self::Growth => &["class or site", "at start", "now", "growth"],
        }
    }

    /// The column that the rows are sorted by at first; none keeps their own order.
    pub(super) const fn first_sort(self) -> Option<usize> {
        match self {
            Self::Classes => Some(2),
            Self::Sites | Self::Types => Some(1),
            Self::Ledger => None,
            Self::Growth => Some(3),
        }
    }

    /// The rows, in their own order.
    pub(super) fn rows(self, view: &View) -> Vec<Vec<Cell>> {
        match self {
            Self::Classes => classes(view),
            Self::Sites => view.sites.as_ref().map_or_else(Vec::new, |sites| rows(&sites.by_site)),
            Self::Types => view.sites.as_ref().map_or_else(Vec::new, |sites| rows(&sites.by_type)),
            Self::Ledger => view.stats.ledger.as_ref().map_or_else(Vec::new, ledger),
            Self::Growth => growth(view),
        }
    }

    /// A line about the whole table.
    pub(super) fn note(self, view: &View) -> Option<String> {
        match (self, &view.sites) {
            (Self::Sites | Self::Types | Self::Growth, None) => Some(
                view.sites_problem.clone().unwrap_or_else(|| "the first heap profile is on its way".into()),
            ),
            (Self::Types, Some(sites)) => Some(coverage(sites)),
            _ => None,
        }
    }
}

/// A field: what is shown, and what it is sorted by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) key: i128,
}

impl Cell {
    fn name(text: impl Into<String>) -> Self {
        Self { text: text.into(), key: 0 }
    }

    fn size(value: i128) -> Self {
        let sign = if value < 0 { "-" } else { "" };
        let text = bytes(u64::try_from(value.unsigned_abs()).unwrap_or(u64::MAX));
        Self { text: format!("{sign}{text}"), key: value }
    }

    fn growth(value: i128) -> Self {
        let cell = Self::size(value);
        let sign = if value > 0 { "+" } else { "" };
        Self { text: format!("{sign}{}", cell.text), key: cell.key }
    }

    fn count(value: i128) -> Self {
        let sign = if value < 0 { "-" } else { "" };
        let text = count(u64::try_from(value.unsigned_abs()).unwrap_or(u64::MAX));
        Self { text: format!("{sign}{text}"), key: value }
    }

    fn share(part: i128, whole: i128) -> Self {
        let number = |value: i128| u64::try_from(value.unsigned_abs()).unwrap_or(u64::MAX);
        let sign = if part < 0 { "-" } else { "" };
        Self { text: format!("{sign}{}", percent(number(part), number(whole))), key: part }
    }
}

fn classes(view: &View) -> Vec<Vec<Cell>> {
    let used = view.stats.classes.iter().enumerate().filter(|(_, class)| class.allocs > 0);
    let row = |(index, class): (usize, &super::stats::Class)| {
        let size = if class.object_bytes == 0 { i128::MAX } else { class.object_bytes.into() };
        vec![
            Cell { text: class.name(), key: size },
            Cell::count(class.live_objs.into()),
            Cell::size(class.live_bytes.into()),
            Cell::size(class.requested_bytes.into()),
            Cell::size(i128::from(class.live_bytes) - i128::from(class.requested_bytes)),
            Cell::size(i128::from(class.span_bytes) - i128::from(class.live_bytes)),
            Cell::count(class.hot_objs.into()),
            Cell::count(
                view.a_second(|stats| stats.classes.get(index).map_or(0, |class| class.allocs)).into(),
            ),
        ]
    };
    used.map(row).collect()
}

fn rows(rows: &[Row]) -> Vec<Vec<Cell>> {
    let whole: i128 = rows.iter().map(|row| i128::from(row.bytes)).sum();
    let row = |row: &Row| {
        vec![
            Cell::name(&*row.name),
            Cell::size(row.bytes.into()),
            Cell::count(row.objects.into()),
            Cell::share(row.bytes.into(), whole),
            Cell::size(row.alloc_bytes.into()),
        ]
    };
    rows.iter().map(row).collect()
}

/// From what was asked for to what is resident, each line what one thing adds.
fn ledger(ledger: &Ledger) -> Vec<Vec<Cell>> {
    let requested = if ledger.requested_exact { "requested" } else { "requested, estimated" };
    let lines = [
        (requested, ledger.requested_bytes),
        ("+ rounding up to size classes", ledger.rounding_bytes),
        ("+ free objects in spans", ledger.slack_bytes),
        ("+ free objects in thread caches", ledger.cached_bytes),
        ("+ free pages", ledger.free_bytes),
        ("+ metadata of the allocator", ledger.metadata_bytes),
        ("- of these never touched", -ledger.untouched_bytes),
        ("+ programs, libraries and files", ledger.files_bytes),
        ("+ shared mappings", ledger.shared_bytes),
        ("+ the program's own heap of brk", ledger.break_bytes),
        ("+ the stack of the first thread", ledger.stack_bytes),
        ("+ other mappings", ledger.mapped_bytes),
        ("+ unexplained", ledger.unexplained_bytes),
        ("= resident", ledger.resident_bytes),
    ];
    let row = |(name, value): (&str, i64)| {
        vec![
            Cell::name(name),
            Cell::size(value.into()),
            Cell::share(value.into(), ledger.resident_bytes.into()),
        ]
    };
    lines.into_iter().map(row).collect()
}

fn growth(view: &View) -> Vec<Vec<Cell>> {
    let row = |name: String, start: i128, now: i128| {
        vec![Cell::name(name), Cell::size(start), Cell::size(now), Cell::growth(now - start)]
    };
    let before = &view.first.classes;
    let classes = view.stats.classes.iter().enumerate().filter(|(_, class)| class.allocs > 0);
    let classes = classes.map(|(index, class)| {
        let start = before.get(index).map_or(0, |class| class.live_bytes);
        row(format!("class {}", class.name()), start.into(), class.live_bytes.into())
    });
    let now = view.sites.iter().flat_map(|sites| &sites.by_site);
    let sites = now.map(|site| {
        let start = view.first_sites.get(&site.name).copied().unwrap_or(0);
        row(site.name.to_string(), start.into(), site.bytes.into())
    });
    classes.chain(sites).collect()
}

fn coverage(sites: &Sites) -> String {
    let coverage = sites.coverage;
    let whole = coverage.exact + coverage.inferred + coverage.ambiguous + coverage.unknown;
    let share = |part: i64| percent(part.unsigned_abs(), whole.unsigned_abs());
    format!(
        "types of sampled bytes: {} exact, {} inferred, {} ambiguous, {} unknown",
        share(coverage.exact),
        share(coverage.inferred),
        share(coverage.ambiguous),
        share(coverage.unknown)
    )
}
