//! What a run takes: the allocator's own counts, the clock, the kernel's peak.

use std::time::Instant;

use serde::{Deserialize, Serialize};
use spandrel::MemStats;

use crate::{Version, program};

/// The work of one version, without the making of its input, but for the peak.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Measured {
    pub(crate) allocations: u64,
    pub(crate) allocated_bytes: u64,
    pub(crate) milliseconds: f64,
    /// `VmHWM`: the most that was ever resident, the input among it.
    pub(crate) peak_bytes: u64,
    /// Stands for the output.
    pub(crate) digest: u64,
}

/// Runs a version and prints a line of JSON.
pub(crate) fn run(name: &str, version: Version) -> Result<(), String> {
    let work = (program(name)?.prepare)(1000, version);
    let before = counts(&spandrel::stats());
    let start = Instant::now();
    let digest = work();
    let milliseconds = start.elapsed().as_secs_f64() * 1e3;
    let after = counts(&spandrel::stats());
    let measured = Measured {
        allocations: after.0 - before.0,
        allocated_bytes: after.1 - before.1,
        milliseconds,
        peak_bytes: peak_bytes()?,
        digest,
    };
    println!("{}", serde_json::to_string(&measured).map_err(|error| error.to_string())?);
    Ok(())
}

/// Objects ever allocated, and their bytes.
fn counts(stats: &MemStats) -> (u64, u64) {
    let sum = |counter: fn(&spandrel::ClassStats) -> u64| stats.classes.iter().map(counter).sum();
    (sum(|class| class.allocs), sum(|class| class.alloc_bytes))
}

fn peak_bytes() -> Result<u64, String> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).and_then(|kib| kib.parse::<u64>().ok());
    kib.map(|kib| kib << 10).ok_or_else(|| "the kernel tells no peak".to_owned())
}
