//! Damages programs at random and reads their types, for as many seconds as the first argument says.
//!
//! `cargo run -p spandrel-layout --example fuzz -- SECONDS[:FIRST-ROUND] PROGRAM..`: the reader must
//! neither panic nor take longer than ten seconds for any of them. What it does with a file depends on the
//! round alone, so a failure can be repeated: the round is printed, and the file is left where the last
//! line says.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use spandrel_layout::{Analyzer, Load, Search, Types};

const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let first = args.next().expect("seconds come first");
    let (seconds, first_round) = first.split_once(':').unwrap_or((&first, "0"));
    let number = |text: &str| text.parse::<u64>().expect("numbers come first");
    let programs: Vec<Vec<u8>> = args.map(|path| std::fs::read(&path).expect(&path)).collect();
    assert!(!programs.is_empty(), "name programs to damage");
    let victim = std::env::temp_dir().join(format!("spandrel-fuzz-{}", std::process::id()));
    let end = Instant::now() + Duration::from_secs(number(seconds));
    let (mut round, mut read) = (number(first_round), 0_u64);
    while Instant::now() < end {
        let program = &programs[usize::try_from(round % programs.len() as u64).expect("small")];
        std::fs::write(&victim, damaged(program, round)).expect("the temporary folder can be written");
        let start = Instant::now();
        match catch_unwind(AssertUnwindSafe(|| read_all(&victim))) {
            Ok(is_fine) => read += u64::from(is_fine),
            Err(_) => return failed(round, "a panic", &victim),
        }
        if start.elapsed() > PATIENCE {
            return failed(round, "too slow", &victim);
        }
        round += 1;
    }
    println!("rounds to {round}, {read} of them could still be read");
    std::fs::remove_file(&victim).expect("it is there");
    ExitCode::SUCCESS
}

fn failed(round: u64, what: &str, victim: &Path) -> ExitCode {
    println!("round {round}: {what}; the file is {}", victim.display());
    ExitCode::FAILURE
}

/// Reads and analyzes everything; tells whether the file could be read at all.
fn read_all(path: &Path) -> bool {
    let search = Search { debug_folders: Vec::new() };
    let load = Load { search: &search, threads: 1, progress: &|_, _| {} };
    let Ok(types) = Types::load(path, load) else { return false };
    let mut analyzer = Analyzer::new(&types, None);
    let ids: Vec<_> = types.records().map(|(id, ..)| id).collect();
    for id in ids {
        std::hint::black_box(analyzer.analyze(id));
    }
    true
}

/// The program with a few bytes changed, most of them in what is behind the middle, where debug sections are;
/// sometimes cut, or with a run of bytes copied to another place.
fn damaged(program: &[u8], round: u64) -> Vec<u8> {
    let mut state = round.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 11).expect("64 bits") % below.max(1)
    };
    let mut bytes = program.to_vec();
    for _ in 0..1 + next(12) {
        let at = if next(8) == 0 { next(64) } else { next(bytes.len()) };
        match next(6) {
            0 => bytes[at] = 0,
            1 => bytes[at] = 0xff,
            2 => bytes[at] ^= 1 << next(8),
            3 => {
                let (from, len) = (next(bytes.len()), 1 + next(64));
                let len = len.min(bytes.len() - at).min(bytes.len() - from);
                bytes.copy_within(from..from + len, at);
            }
            _ => bytes[at] = next(256) as u8,
        }
    }
    if next(20) == 0 {
        bytes.truncate(next(program.len()).max(64));
    }
    bytes
}
