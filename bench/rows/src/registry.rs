//! The list of the rows. Results are compared over the years, so a name stands for the same work for ever.

use crate::batches::{fifo, lifo, randfree};
use crate::churn::{churn, churn_threads};
use crate::collections::{btreemap, format, grow, hashmap, vecpush};
use crate::json::json;
use crate::measurement::{Measurement, Setup};
use crate::memory::{fragmented, hello, thr200};
use crate::pairs::{pair, varpair, zeroed};
use crate::threads::{handoff, handoffbatch, spawn};

/// What a row is about, and so which table shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nanoseconds an operation.
    Speed,
    /// Memory that stays resident: the report's extra figures.
    Memory,
}

/// One thing that is measured.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// What the command line calls it.
    pub name: &'static str,
    /// Which of its figures counts.
    pub kind: Kind,
    /// What one operation is; empty for a row without operations.
    pub unit: &'static str,
    /// Does the work and measures it.
    pub run: fn(&Setup) -> Measurement,
}

const fn speed(name: &'static str, unit: &'static str, run: fn(&Setup) -> Measurement) -> Row {
    Row { name, kind: Kind::Speed, unit, run }
}

const fn memory(name: &'static str, unit: &'static str, run: fn(&Setup) -> Measurement) -> Row {
    Row { name, kind: Kind::Memory, unit, run }
}

/// All rows, in the order in which tables show them.
pub const ROWS: &[Row] = &[
    speed("pair8", "pair", pair::<8>),
    speed("pair16", "pair", pair::<16>),
    speed("pair24", "pair", pair::<24>),
    speed("pair33", "pair", pair::<33>),
    speed("pair64", "pair", pair::<64>),
    speed("pair256", "pair", pair::<256>),
    speed("pair1024", "pair", pair::<1024>),
    speed("pair8192", "pair", pair::<8192>),
    speed("pair32768", "pair", pair::<32_768>),
    speed("pair100000", "pair", pair::<100_000>),
    speed("pair1048576", "pair", pair::<1_048_576>),
    speed("zeroed64", "pair", zeroed::<64>),
    speed("zeroed4096", "pair", zeroed::<4096>),
    speed("zeroed65536", "pair", zeroed::<65_536>),
    speed("varpair", "pair", varpair),
    speed("fifo", "pair", fifo),
    speed("lifo", "pair", lifo),
    speed("randfree", "pair", randfree),
    speed("churn10k", "replacement", churn::<10_000>),
    speed("churn1m", "replacement", churn::<1_000_000>),
    speed("grow", "step", grow),
    speed("vecpush", "push", vecpush),
    speed("format", "string", format),
    speed("btreemap", "key", btreemap),
    speed("hashmap", "key", hashmap),
    speed("json", "value", json),
    speed("handoff", "box", handoff),
    speed("handoffbatch", "box", handoffbatch),
    speed("churn2t", "replacement", churn_threads::<2>),
    speed("churn16t", "replacement", churn_threads::<16>),
    speed("spawn", "thread", spawn),
    memory("frag90", "object", fragmented::<90>),
    memory("frag100", "object", fragmented::<100>),
    memory("thr200", "", thr200),
    memory("hello", "", hello),
];

#[cfg(test)]
mod tests {
    use super::ROWS;
    use crate::measurement::Setup;

    #[test]
    fn names_are_unique_and_every_row_runs() {
        for (index, row) in ROWS.iter().enumerate() {
            assert!(ROWS[..index].iter().all(|other| other.name != row.name), "{} twice", row.name);
            let measurement = (row.run)(&Setup::new(true));
            assert_eq!(measurement.ns.is_some(), !row.unit.is_empty(), "{}", row.name);
            assert!(measurement.ns.is_none_or(|ns| ns.wall_min > 0.0), "{}", row.name);
            assert!(measurement.extra.iter().all(|(_, value)| value.is_finite()), "{}", row.name);
        }
    }
}
