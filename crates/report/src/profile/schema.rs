//! The JSON of a heap profile.

use std::collections::HashMap;

use super::groups::{LabelReport, WasteReport};
use serde::Serialize;
use spandrel_profile::{Granularity, Graph, GraphOptions, Inlined, Profile, total};

/// The name of the schema below.
pub const PROFILE_SCHEMA: &str = "spandrel.profile";
/// The version of the schema below.
pub const PROFILE_VERSION: u64 = 1;

/// What a heap profile says, or the difference of two.
///
/// Within a version fields are only ever added. Lists of numbers have one for each of `sample_types`, in that
/// order. In a difference numbers are what the second profile has more, and negative where it has less.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProfileReport {
    /// [`PROFILE_SCHEMA`].
    pub schema: &'static str,
    /// [`PROFILE_VERSION`].
    pub version: u64,
    /// The program; null if unknown.
    pub program: Option<String>,
    /// The build id of the program; null if unknown.
    pub build_id: Option<String>,
    /// When the profile was taken, in nanoseconds since 1970; null if unknown.
    pub time_ns: Option<i64>,
    /// How long it was collected; null if unknown.
    pub duration_ns: Option<i64>,
    /// The mean distance of two samples.
    pub period: Period,
    /// What is counted, and the sums.
    pub sample_types: Vec<SampleTypeTotal>,
    /// The index in `sample_types` of the one that was asked for, by which rows are sorted.
    pub selected: usize,
    /// Whether a row is a `function` or a `line` of one.
    pub granularity: &'static str,
    /// Every function in which anything was allocated.
    pub rows: Vec<ProfileRow>,
    /// The samples by labels, where that was asked for.
    pub labels: Vec<LabelReport>,
    /// What size classes cost, where that was asked for.
    pub waste: Option<WasteReport>,
}

/// The mean distance of two samples: about one is taken every `value` `unit`s of `kind`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Period {
    /// What is counted, `space` for example.
    pub kind: String,
    /// The unit, `bytes` for example.
    pub unit: String,
    /// How many of them; 1 or less: everything was seen.
    pub value: i64,
}

/// A sample type and the sum of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SampleTypeTotal {
    /// What is counted: `inuse_space` for example.
    pub kind: String,
    /// The unit: `bytes` or `count` for example.
    pub unit: String,
    /// The sum of the magnitudes of all values, of which shares are.
    pub total: i64,
}

/// A function or a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProfileRow {
    /// Its name.
    pub name: String,
    /// Whether calls of it were inlined: `never`, `partly` or `always`.
    pub inlined: &'static str,
    /// What it allocated itself.
    pub flat: Vec<i64>,
    /// What it and all that it called allocated.
    pub cum: Vec<i64>,
}

impl ProfileReport {
    /// Everything that a profile says. Rows are sorted by the `flat` of the selected sample type.
    ///
    /// ```
    /// use spandrel_profile::{Builder, Granularity, ValueType};
    /// use spandrel_report::profile::ProfileReport;
    ///
    /// let profile = Builder::new(&[ValueType::new("inuse_space", "bytes")]).finish();
    /// let report = ProfileReport::new(&profile, 0, Granularity::Function);
    /// assert_eq!((report.version, report.sample_types[0].total), (1, 0));
    /// ```
    #[must_use]
    pub fn new(profile: &Profile, selected: usize, granularity: Granularity) -> Self {
        let program = profile.mappings.first();
        let known = |text: &str| (!text.is_empty()).then(|| text.to_string());
        let sample_type = |index: usize| SampleTypeTotal {
            kind: profile.sample_types[index].kind.to_string(),
            unit: profile.sample_types[index].unit.to_string(),
            total: total(profile, index),
        };
        Self {
            schema: PROFILE_SCHEMA,
            version: PROFILE_VERSION,
            program: program.and_then(|it| known(&it.file)),
            build_id: program.and_then(|it| known(&it.build_id)),
            time_ns: Some(profile.time_ns).filter(|&time_ns| time_ns != 0),
            duration_ns: Some(profile.duration_ns).filter(|&duration_ns| duration_ns != 0),
            period: Period {
                kind: profile.period_type.kind.to_string(),
                unit: profile.period_type.unit.to_string(),
                value: profile.period,
            },
            sample_types: (0..profile.sample_types.len()).map(sample_type).collect(),
            selected,
            granularity: match granularity {
                Granularity::Function => "function",
                Granularity::Line => "line",
            },
            rows: rows(profile, selected, granularity),
            labels: Vec::new(),
            waste: None,
        }
    }
}

/// A graph for each sample type, the selected one first; nodes are joined by their names.
fn rows(profile: &Profile, selected: usize, granularity: Granularity) -> Vec<ProfileRow> {
    let types = profile.sample_types.len();
    let mut rows: Vec<ProfileRow> = Vec::new();
    let mut by_name = HashMap::new();
    for index in std::iter::once(selected).chain((0..types).filter(|&index| index != selected)) {
        let graph = Graph::new(profile, &GraphOptions { granularity, ..GraphOptions::all(index) });
        for node in graph.nodes {
            let inlined = match node.inlined() {
                Inlined::Never => "never",
                Inlined::Partly => "partly",
                Inlined::Always => "always",
            };
            let row = *by_name.entry(node.name.clone()).or_insert_with(|| {
                let name = node.name.to_string();
                rows.push(ProfileRow { name, inlined, flat: vec![0; types], cum: vec![0; types] });
                rows.len() - 1
            });
            let row = &mut rows[row];
            row.flat[index] = row.flat[index].saturating_add(node.flat);
            row.cum[index] = row.cum[index].saturating_add(node.cum);
        }
    }
    rows
}
