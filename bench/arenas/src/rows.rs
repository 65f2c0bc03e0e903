//! The rows: a pattern each, and the variants that do it.

mod buffers;
mod bump;
mod slabs;
mod typed;

/// Does the row's operations once.
pub(crate) type Run = fn();

pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// How many operations a run is.
    pub(crate) operations: usize,
    pub(crate) variants: Vec<(&'static str, Run)>,
}

pub(crate) fn all() -> Vec<Row> {
    [bump::rows(), typed::rows(), slabs::rows(), buffers::rows()].into_iter().flatten().collect()
}
