//! What sampling, which is on unless an option says otherwise, adds to the instructions of an allocation.
//!
//! The runs are long: the first sample alone takes a million instructions, since it reads how to unwind the
//! stack, and in a loop that does nothing but allocate the samples have to become rare before they cost what
//! they may (see "Pace" in `crates/heap/src/sampling.rs`).

use super::{Program, UNSAMPLED, per_round};

/// A program and a sequence of each kind: inlined, of changing sizes, through `malloc`.
const SEQUENCES: &[(&str, &str)] =
    &[("rust-lto", "pair64"), ("rust-lto", "varied"), ("preload", "malloc_free"), ("preload", "calloc_free")];
/// Rounds of the shorter and the longer run.
const ROUNDS: [u64; 2] = [2_000_000, 8_000_000];
/// As many times the instructions may be with sampling.
const RATIO_MAX: f64 = 1.01;

/// Counts both, prints a row for each sequence, and tells whether sampling costs no more than it may.
pub(super) fn check(programs: &[Program]) -> Result<bool, String> {
    println!("{:<22}{:>10}{:>10}{:>8}  at most {RATIO_MAX}", "with sampling", "off", "on", "ratio");
    let mut is_fine = true;
    for &(name, sequence) in SEQUENCES {
        let program = programs.iter().find(|program| program.name == name).expect("it was built");
        let off = per_round(program, sequence, UNSAMPLED, ROUNDS)?;
        let on = per_round(program, sequence, "", ROUNDS)?;
        let ratio = on / off;
        let remark = if ratio > RATIO_MAX { "  TOO MANY" } else { "" };
        println!("{:<22}{off:>10.2}{on:>10.2}{ratio:>8.4}{remark}", format!("{name}/{sequence}"));
        is_fine &= ratio <= RATIO_MAX;
    }
    Ok(is_fine)
}
