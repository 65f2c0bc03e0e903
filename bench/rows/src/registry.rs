//! The list of the rows. Results are compared over the years, so a name stands for the same work for ever.
//!
//! | row | operation |
//! |---|---|
//! | `pair8` .. `pair1048576` | allocate that many bytes, write the first, free; the compiler knows the size |
//! | `zeroed8` .. `zeroed1048576` | the same with `alloc_zeroed`, and the last byte written; the sizes of the pairs, and 4096 and 65536 |
//! | `varpair` | random sizes from 1 to 900 B through a window of 32 live blocks |
//! | `fifo` `lifo` `randfree` | 10,000 blocks of 64 B are allocated and filled, then freed in order, in reverse, at random |
//! | `churn10k` `churn1m` | random replacement among 10,000 or 1,000,000 live blocks of 8 to 256 B |
//! | `grow` | `realloc` doubling from 16 B to 64 KiB, two blocks in turn; a step |
//! | `vecpush` | a `Vec<u64>` pushed to 10,000,000; a push |
//! | `format` | 100,000 formatted strings, kept; a string |
//! | `btreemap` `hashmap` | a map with 200,000 string keys, or 300,000 and vectors as values, built and dropped; a key |
//! | `json` | a document of 10 MiB parsed by `serde_json` and dropped; a value |
//! | `handoff` `handoffbatch` | boxes through a bounded channel to a thread that drops them, singly or 64 a message; a box |
//! | `churn1t` `churn2t` `churn8t` `churn16t` `churn64t` | random replacement by that many threads, each with 10,000 blocks of its own; wall time over all replacements |
//! | `swap2t` `swap8t` `swap64t` | the same, and every tenth block dies on another thread: swapped through an array of 16,384 slots that all share |
//! | `spawn` | short threads, one after the other, 32 small blocks each; a thread |
//! | `frag90` `frag100` | 1 GiB of mixed sizes, of which a random 90 % or all is freed: resident when full, at once, after 3 s |
//! | `thr200` | 200 threads at once with 1 MiB each, ten rounds: resident when full, after the first and the last round |
//! | `idle500` | 500 threads allocate 1 MiB of small objects each, free all, and sleep 3 s: KiB a thread above the time before they allocated |
//! | `cachesizes` | a cache of 64 MiB whose values have 50, 200, 5000, 100, 40,000, 1000 B (to twice that) in turn, random victims: resident over live bytes at the end of each phase; a value put in |
//! | `peakreturn` | 1 GiB of mixed sizes, all freed: seconds until 90 % is back with the system (10 if never), CPU share of the 3 s after that |
//! | `hello` | nothing: resident memory of a program that has just begun |

use crate::batches::{fifo, lifo, randfree};
use crate::cache::cachesizes;
use crate::churn::{churn, churn_threads};
use crate::collections::{btreemap, format, grow, hashmap, vecpush};
use crate::idle::idle500;
use crate::json::json;
use crate::measurement::{Measurement, Setup};
use crate::memory::{fragmented, hello, thr200};
use crate::pairs::{pair, varpair, zeroed};
use crate::peakreturn::peakreturn;
use crate::swap::swap;
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
    speed("zeroed8", "pair", zeroed::<8>),
    speed("zeroed16", "pair", zeroed::<16>),
    speed("zeroed24", "pair", zeroed::<24>),
    speed("zeroed33", "pair", zeroed::<33>),
    speed("zeroed64", "pair", zeroed::<64>),
    speed("zeroed256", "pair", zeroed::<256>),
    speed("zeroed1024", "pair", zeroed::<1024>),
    speed("zeroed4096", "pair", zeroed::<4096>),
    speed("zeroed8192", "pair", zeroed::<8192>),
    speed("zeroed32768", "pair", zeroed::<32_768>),
    speed("zeroed65536", "pair", zeroed::<65_536>),
    speed("zeroed100000", "pair", zeroed::<100_000>),
    speed("zeroed1048576", "pair", zeroed::<1_048_576>),
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
    speed("churn1t", "replacement", churn_threads::<1>),
    speed("churn2t", "replacement", churn_threads::<2>),
    speed("churn8t", "replacement", churn_threads::<8>),
    speed("churn16t", "replacement", churn_threads::<16>),
    speed("churn64t", "replacement", churn_threads::<64>),
    speed("swap2t", "replacement", swap::<2>),
    speed("swap8t", "replacement", swap::<8>),
    speed("swap64t", "replacement", swap::<64>),
    speed("spawn", "thread", spawn),
    memory("frag90", "object", fragmented::<90>),
    memory("frag100", "object", fragmented::<100>),
    memory("thr200", "", thr200),
    memory("idle500", "", idle500),
    memory("cachesizes", "value", cachesizes),
    memory("peakreturn", "", peakreturn),
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
