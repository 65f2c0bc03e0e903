//! Skeleton.
pub mod record;
mod stats;
pub use stats::{ClassStats, MemStats, OsStats, PageHeapStats};
/// Skeleton.
pub fn stats() -> MemStats { MemStats::zero() }
