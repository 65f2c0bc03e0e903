//! Each target on its seeds, on damaged seeds and on random bytes, for machines without a fuzzer.
//!
//! `SPANDREL_FUZZ_RUNS=N cargo test --release -p spandrel-fuzzing -- --nocapture` feeds N inputs to each,
//! others with another `SPANDREL_FUZZ_SEED`.

use std::path::{Path, PathBuf};

use spandrel_fuzzing::{TARGETS, Target};
use spandrel_testkit::Random;

/// Random inputs for each target.
fn runs() -> u64 {
    number("SPANDREL_FUZZ_RUNS").unwrap_or(200)
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(name);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

fn feed(name: &str) {
    let target = TARGETS.iter().find(|(other, _)| *other == name).unwrap().1;
    let seeds = seeds(name);
    assert!(!seeds.is_empty(), "no seeds for {name}");
    seeds.iter().for_each(|seed| target(seed));
    let mut random = Random::new(number("SPANDREL_FUZZ_SEED").unwrap_or(1));
    let mut bytes_in_all = 0;
    for run in 0..runs() {
        let input = if run % 2 == 0 { noise(&mut random) } else { damaged(&mut random, &seeds) };
        bytes_in_all += input.len();
        try_on(target, name, &input);
    }
    println!("{name}: {} seeds, {} inputs of {bytes_in_all} bytes", seeds.len(), runs());
}

/// An input that fails is kept, so that it can be fed again.
fn try_on(target: Target, name: &str, input: &[u8]) {
    let outcome = std::panic::catch_unwind(|| target(input));
    if let Err(panic) = outcome {
        let path = std::env::temp_dir().join(format!("spandrel-fuzzing-{name}"));
        std::fs::write(&path, input).unwrap();
        eprintln!("the input is in {}", path.display());
        std::panic::resume_unwind(panic);
    }
}

fn noise(random: &mut Random) -> Vec<u8> {
    let length = random.log_between(1, 20_000);
    (0..length).map(|_| random.next() as u8).collect()
}

/// A seed with some bytes changed, cut off, or put in twice.
fn damaged(random: &mut Random, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = seeds[random.below(seeds.len())].clone();
    for _ in 0..random.between(1, 8) {
        if bytes.is_empty() {
            break;
        }
        let at = random.below(bytes.len());
        match random.below(4) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, random.next() as u8),
            2 => bytes[at] ^= 1 << random.below(8),
            _ => bytes[at] = random.next() as u8,
        }
    }
    bytes
}

#[test]
fn heap() {
    feed("heap");
}

#[test]
fn pages() {
    feed("pages");
}

#[test]
fn texts() {
    feed("texts");
}

#[test]
fn record() {
    feed("record");
}

#[test]
fn program() {
    feed("program");
}

#[test]
fn profile() {
    feed("profile");
}

#[test]
fn unwind() {
    feed("unwind");
}

#[test]
fn request() {
    feed("request");
}
