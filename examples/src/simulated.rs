//! What simulators count, which no noise moves: misses of the whole work, instructions of its allocations.

use std::env;
use std::hint::black_box;
use std::process::Command;

use crate::{Version, allocation_path, program};

/// Parts of a thousand of the work that a simulator gets: it is fifty times slower.
const PERMILLE: usize = 30;

/// The geometry: 48 KiB of data in twelve ways, and a last level of 32 MiB.
const CACHES: [&str; 5] = [
    "--tool=cachegrind",
    "--cache-sim=yes",
    "--D1=49152,12,64",
    "--LL=33554432,16,64",
    "--cachegrind-out-file=/dev/null",
];
const CALLS: [&str; 3] = ["--tool=callgrind", "--collect-atstart=no", "--callgrind-out-file=/dev/null"];

#[derive(Clone, Copy, Debug)]
pub(crate) struct Simulated {
    pub(crate) instructions: f64,
    /// Of them, those in the allocator.
    pub(crate) allocator_instructions: f64,
    pub(crate) first_level_misses: f64,
    pub(crate) last_level_misses: f64,
}

/// For the simulators.
pub(crate) fn once(name: &str, version: Version, prepare_only: bool) -> Result<(), String> {
    let work = (program(name)?.prepare)(PERMILLE, version);
    if !prepare_only {
        black_box(work());
    }
    Ok(())
}

/// Whether valgrind is there.
pub(crate) fn can() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// The counts of the work alone: those of a run less those of its preparation.
pub(crate) fn count(name: &str, version: Version) -> Result<Simulated, String> {
    let [whole, prepared] = [false, true].map(|prepare_only| counts(name, version, prepare_only));
    let (whole, prepared) = (whole?, prepared?);
    let less = |of: fn(&Simulated) -> f64| (of(&whole) - of(&prepared)).max(0.0);
    Ok(Simulated {
        instructions: less(|counts| counts.instructions),
        allocator_instructions: less(|counts| counts.allocator_instructions),
        first_level_misses: less(|counts| counts.first_level_misses),
        last_level_misses: less(|counts| counts.last_level_misses),
    })
}

fn counts(name: &str, version: Version, prepare_only: bool) -> Result<Simulated, String> {
    let caches = valgrind(&CACHES.map(str::to_owned), name, version, prepare_only)?;
    let toggle = format!("--toggle-collect={}", allocation_path::PATTERN);
    let calls: Vec<String> = CALLS.iter().map(|&word| word.to_owned()).chain([toggle]).collect();
    let calls = valgrind(&calls, name, version, prepare_only)?;
    let figures = (
        figure(&caches, "I   refs:"),
        figure(&calls, "Collected :"),
        figure(&caches, "D1  misses:"),
        figure(&caches, "LLd misses:"),
    );
    let (Some(instructions), Some(allocator_instructions), Some(first), Some(last)) = figures else {
        return Err(format!("valgrind counted nothing: {caches} {calls}"));
    };
    Ok(Simulated { instructions, allocator_instructions, first_level_misses: first, last_level_misses: last })
}

fn valgrind(options: &[String], name: &str, version: Version, prepare_only: bool) -> Result<String, String> {
    let own = env::current_exe().map_err(|error| format!("its own path: {error}"))?;
    let mut command = Command::new("setarch");
    command.args(["-R", "valgrind"]).args(options).arg(own).args(["once", name, version.name()]);
    if prepare_only {
        command.arg("--prepare-only");
    }
    let output = command.output().map_err(|error| format!("setarch: {error}"))?;
    Ok(String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The number behind a label, up to a bracket or a space.
fn figure(report: &str, label: &str) -> Option<f64> {
    let line = report.lines().find(|line| line.contains(label))?;
    let (_, rest) = line.split_once(label)?;
    rest.split_whitespace().next()?.replace(',', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::figure;

    #[test]
    fn figures_are_read() {
        let report = "==1== I   refs:      1,234\n==1== D1  misses:     56  (    40 rd   +    16 wr)\n\
            ==1== Collected : 78\n";
        let figures =
            ["I   refs:", "D1  misses:", "Collected :", "LLd misses:"].map(|label| figure(report, label));
        assert_eq!(figures, [Some(1234.0), Some(56.0), Some(78.0), None]);
    }
}
