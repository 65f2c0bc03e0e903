//! Profiles by type, by thread, by label and by size class, as facts and as tables.

use anstyle::Style;
use serde::Serialize;
use spandrel_profile::{
    BYTES_LABEL, ClassWaste, Counted, Group, Profile, SiteWaste, Sizes, TYPE_LABEL, Waste, group_by_label,
    label_keys, sizes, total, type_coverage, waste_by_class, waste_by_site,
};

use crate::page::{Column, Page, Row};
use crate::style::DIM;
use crate::units::{bytes, count, percent};

/// Sites whose waste is told in text; JSON has all.
const SITES_MAX: usize = 20;

/// Samples by one label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LabelReport {
    /// The label.
    pub key: String,
    /// How sure types are, of the selected sample type; null for other labels.
    pub coverage: Option<CoverageReport>,
    /// A row a value of the label, and one with an empty name for samples without it.
    pub rows: Vec<LabelRow>,
}

/// How much of the selected sample type has a known type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CoverageReport {
    /// The type is certain.
    pub exact: i64,
    /// The type is likely, but not confirmed by the size.
    pub inferred: i64,
    /// Functions of several types share the code.
    pub ambiguous: i64,
    /// Nothing is known.
    pub unknown: i64,
}

/// Samples with the same value of a label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LabelRow {
    /// The value; empty for samples without the label.
    pub name: String,
    /// How many samples.
    pub samples: u64,
    /// Their sums, one for each of the sample types.
    pub values: Vec<i64>,
}

/// What size classes cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WasteReport {
    /// What the profile tells of sizes: `both` (request and class), `class` alone, `request` alone.
    pub sizes: &'static str,
    /// The classes in use, in order, large objects last.
    pub classes: Vec<ClassWasteRow>,
    /// The call sites, those first that may have lost most.
    pub sites: Vec<SiteWasteRow>,
}

/// The objects of one class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClassWasteRow {
    /// 1 to 67; 0 for large objects.
    pub class: u8,
    /// The size of each; 0 for large ones.
    pub object_bytes: u64,
    /// The least number of spans that they fill.
    pub spans: i64,
    /// The size of those spans.
    pub span_bytes: i64,
    /// What they are and what was lost.
    #[serde(flatten)]
    pub waste: WasteFigures,
}

/// The objects of one call site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SiteWasteRow {
    /// The function and the line.
    pub site: String,
    /// What they are and what was lost.
    #[serde(flatten)]
    pub waste: WasteFigures,
}

/// Objects and what was lost with them. The truth about rounding lies between the two figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct WasteFigures {
    /// How many objects.
    pub objects: i64,
    /// Their sizes, rounded up to those of their classes.
    pub bytes: i64,
    /// Their share of what is left at the end of spans.
    pub tail_bytes: i64,
    /// What rounding cost, at least.
    pub rounding_min_bytes: i64,
    /// What rounding cost, at most.
    pub rounding_max_bytes: i64,
}

impl From<&Waste> for WasteFigures {
    fn from(waste: &Waste) -> Self {
        Self {
            objects: waste.objects,
            bytes: waste.bytes,
            tail_bytes: waste.tail_bytes,
            rounding_min_bytes: waste.rounding_min_bytes,
            rounding_max_bytes: waste.rounding_max_bytes,
        }
    }
}

impl LabelReport {
    /// The samples by `key`.
    #[must_use]
    pub fn new(profile: &Profile, sample_index: usize, key: &str) -> Self {
        let coverage = (key == TYPE_LABEL).then(|| {
            let coverage = type_coverage(profile, sample_index);
            CoverageReport {
                exact: coverage.exact,
                inferred: coverage.inferred,
                ambiguous: coverage.ambiguous,
                unknown: coverage.unknown,
            }
        });
        let row = |it: Group| LabelRow { name: it.name.to_string(), samples: it.samples, values: it.values };
        let rows = group_by_label(profile, sample_index, key).into_iter().map(row).collect();
        Self { key: key.to_string(), coverage, rows }
    }

    /// The samples by each label that any of them has.
    #[must_use]
    pub fn all(profile: &Profile, sample_index: usize) -> Vec<Self> {
        label_keys(profile).iter().map(|key| Self::new(profile, sample_index, key)).collect()
    }
}

impl WasteReport {
    /// What size classes cost. Objects are those that the selected sample type belongs to, in use or ever
    /// allocated.
    ///
    /// # Errors
    /// One line that says what the profile lacks.
    pub fn new(profile: &Profile, sample_index: usize) -> Result<Self, String> {
        let counted = Counted::of(profile, sample_index)
            .ok_or_else(|| format!("`{}` counts no bytes", profile.sample_types[sample_index].kind))?;
        let sizes = sizes(profile)
            .ok_or_else(|| format!("the profile has no sizes: no sample has the label `{BYTES_LABEL}`"))?;
        let class = |it: &ClassWaste| ClassWasteRow {
            class: it.class,
            object_bytes: it.object_bytes,
            spans: it.spans,
            span_bytes: it.span_bytes,
            waste: (&it.waste).into(),
        };
        let site = |it: &SiteWaste| SiteWasteRow { site: it.site.to_string(), waste: (&it.waste).into() };
        Ok(Self {
            sizes: match sizes {
                Sizes::Both => "both",
                Sizes::Class => "class",
                Sizes::Request => "request",
            },
            classes: waste_by_class(profile, sizes, counted).iter().map(class).collect(),
            sites: waste_by_site(profile, sizes, counted).iter().map(site).collect(),
        })
    }
}

/// The rows of labels, one table a label; `rows_max` rows of each.
#[must_use]
pub fn labels_text(
    labels: &[LabelReport],
    profile: &Profile,
    sample_index: usize,
    rows_max: Option<usize>,
    width: Option<usize>,
) -> String {
    let mut page = Page::new(width);
    let sample_type = &profile.sample_types[sample_index];
    let total = total(profile, sample_index);
    let value = |value: i64| if &*sample_type.unit == "bytes" { size(value) } else { signed_count(value) };
    if labels.is_empty() {
        page.note("No sample has a label.", DIM);
    }
    for (index, report) in labels.iter().enumerate() {
        if index > 0 {
            page.gap();
        }
        page.heading(&format!("{} by {}", sample_type.kind, report.key));
        if let Some(coverage) = &report.coverage {
            page.note(&coverage_line(coverage, &sample_type.kind), Style::new());
        }
        let columns =
            [("", 0), ("share", 1), ("samples", 2)].map(|(head, drop_rank)| Column { head, drop_rank });
        let shown = report.rows.len().min(rows_max.unwrap_or(usize::MAX));
        let row = |it: &LabelRow| Row {
            cells: vec![
                value(it.values[sample_index]),
                share(it.values[sample_index], total),
                count(it.samples),
            ],
            style: if it.name.is_empty() { DIM } else { Style::new() },
        };
        let names: Vec<&str> = report.rows[..shown].iter().map(name_of).collect();
        let rows: Vec<Row> = report.rows[..shown].iter().map(row).collect();
        page.named_table(&columns, &rows, &names);
        if shown < report.rows.len() {
            page.note(&format!("and {} more", report.rows.len() - shown), DIM);
        }
    }
    page.into_text()
}

fn name_of(row: &LabelRow) -> &str {
    if row.name.is_empty() { "(not told)" } else { &row.name }
}

/// `Types are known for 87 % of inuse_space: ..`
fn coverage_line(coverage: &CoverageReport, kind: &str) -> String {
    let CoverageReport { exact, inferred, ambiguous, unknown } = *coverage;
    let known = exact.saturating_add(inferred);
    let all = known.saturating_add(ambiguous).saturating_add(unknown);
    let share = |part: i64| share(part, all);
    format!(
        "Types are known for {} of {kind}: {} exact, {} inferred, {} ambiguous, {} unknown.",
        share(known),
        share(exact),
        share(inferred),
        share(ambiguous),
        share(unknown),
    )
}

/// What size classes cost, by class and by call site.
#[must_use]
pub fn waste_text(waste: &WasteReport, rows_max: Option<usize>, width: Option<usize>) -> String {
    let mut page = Page::new(width);
    page.heading("By size class");
    let columns = [
        ("class", 0),
        ("object", 0),
        ("objects", 0),
        ("bytes", 0),
        ("spans", 3),
        ("filled", 2),
        ("tail", 1),
        ("rounding", 0),
    ];
    let columns = columns.map(|(head, drop_rank)| Column { head, drop_rank });
    let rows: Vec<Row> = waste.classes.iter().map(class_row).collect();
    page.table(&columns, &rows);
    page.gap();
    page.heading("Waste by call site");
    let columns = [("objects", 2), ("bytes", 0), ("tail", 1), ("rounding", 0)];
    let columns = columns.map(|(head, drop_rank)| Column { head, drop_rank });
    let shown = waste.sites.len().min(rows_max.unwrap_or(SITES_MAX));
    let (sites, rest) = waste.sites.split_at(shown);
    let cells =
        |it: &WasteFigures| vec![signed_count(it.objects), size(it.bytes), size(it.tail_bytes), rounding(it)];
    let rows: Vec<Row> =
        sites.iter().map(|it| Row { cells: cells(&it.waste), style: Style::new() }).collect();
    let names: Vec<&str> = sites.iter().map(|it| it.site.as_str()).collect();
    page.named_table(&columns, &rows, &names);
    if !rest.is_empty() {
        page.note(&format!("and {} more sites", rest.len()), DIM);
    }
    page.gap();
    page.note(explanation(waste.sizes), DIM);
    page.into_text()
}

fn explanation(sizes: &str) -> &'static str {
    match sizes {
        "class" => {
            "The profile tells the class of an object, not the size that was asked for: rounding lies \
             between the two figures. Spans: the least that hold the objects, filled to the share shown."
        }
        "request" => {
            "The profile tells the size that was asked for; classes are what Go's table, which is \
             Spandrel's, makes of it."
        }
        _ => "Spans: the least that hold the objects, filled to the share shown.",
    }
}

fn class_row(row: &ClassWasteRow) -> Row {
    let (class, object) = match row.class {
        0 => ("large".to_string(), String::new()),
        class => (class.to_string(), format!("{} B", row.object_bytes)),
    };
    Row {
        cells: vec![
            class,
            object,
            signed_count(row.waste.objects),
            size(row.waste.bytes),
            signed_count(row.spans),
            share(row.waste.bytes, row.span_bytes),
            size(row.waste.tail_bytes),
            rounding(&row.waste),
        ],
        style: Style::new(),
    }
}

/// One figure, or a range.
fn rounding(waste: &WasteFigures) -> String {
    let (least, most) = (waste.rounding_min_bytes, waste.rounding_max_bytes);
    match (least, most) {
        _ if least == most => size(most),
        (0, most) if most > 0 => format!("up to {}", size(most)),
        (least, most) => format!("{} to {}", size(least), size(most)),
    }
}

/// The share of a magnitude.
fn share(part: i64, whole: i64) -> String {
    percent(part.unsigned_abs(), whole.unsigned_abs())
}

/// Bytes that may be negative, in a difference.
fn size(value: i64) -> String {
    let sign = if value < 0 { "-" } else { "" };
    format!("{sign}{}", bytes(value.unsigned_abs()))
}

fn signed_count(value: i64) -> String {
    let sign = if value < 0 { "-" } else { "" };
    format!("{sign}{}", count(value.unsigned_abs()))
}
