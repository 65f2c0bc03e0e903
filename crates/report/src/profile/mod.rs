//! Heap profiles to text, JSON and flame graphs.
//!
//! [`top`] and [`tree`] write what the `pprof` command writes, to the letter, because that is what people
//! know and compare with: `flat` is what a function allocated itself, `flat%` its share of everything,
//! `sum%` the share of it and all rows above, `cum` what it and all that it called allocated. Numbers share
//! one unit, the one in which the smallest is still readable. [`ProfileReport`] is the JSON: every function
//! and every sample type, nothing left out. [`flame_graph`] draws.

mod flame;
mod groups;
mod schema;
mod text;
mod values;

pub use flame::{flame_graph, flame_graph_of_change};
pub use groups::{
    ClassWasteRow, CoverageReport, LabelReport, LabelRow, SiteWasteRow, WasteFigures, WasteReport,
    labels_text, waste_text,
};
pub use schema::{PROFILE_SCHEMA, PROFILE_VERSION, Period, ProfileReport, ProfileRow, SampleTypeTotal};
pub use text::{View, top, tree};
pub use values::is_unit;
