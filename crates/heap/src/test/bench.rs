//! Benchmarks in Go's format, so that `benchstat` compares them: time, bytes and allocations an operation.
//!
//! ```text
//!   BenchmarkName    1000000    1041 ns/op    512 B/op    3 allocs/op
//! ```
//!
//! The form is that of Go's `testing.BenchmarkResult`, which the proposal *Go Benchmark Data Format* by
//! Russ Cox and Austin Clements describes: a name without blanks, the number of operations, then pairs of
//! value and unit. As in Go the number of operations grows until they take about as long as asked for, and
//! bytes and allocations an operation are rounded down.

extern crate std;

use core::fmt;
use std::hint::black_box;
use std::string::{String, ToString};
use std::time::{Duration, Instant};
use std::{format, println};

use super::Measured;
use crate::config::BENCH_OPS_MAX;
use crate::watch::Counts;

/// A benchmark that runs.
#[derive(Debug)]
pub struct Bench {
    ops: u64,
    elapsed: Duration,
    allocs: u64,
    alloc_bytes: u64,
}

impl Bench {
    /// Measures `operation`, which is called as often as it takes. What comes before and after in the
    /// benchmark is not measured, nor are allocations in other threads.
    pub fn iter<R>(&mut self, mut operation: impl FnMut() -> R) {
        let before = Counts::now();
        let start = Instant::now();
        for _ in 0..self.ops {
            black_box(operation());
        }
        self.elapsed = start.elapsed();
        let measured = Measured::between(&before, &Counts::now());
        (self.allocs, self.alloc_bytes) = (measured.allocs, measured.alloc_bytes);
    }
}

/// The result of a benchmark; as a text, its line in Go's format.
#[derive(Clone, Debug, PartialEq)]
pub struct BenchResult {
    /// The name, as it is printed.
    pub name: String,
    /// Operations that were measured.
    pub ops: u64,
    /// The time they took.
    pub elapsed: Duration,
    /// Objects that they allocated.
    pub allocs: u64,
    /// Bytes that they allocated, with the sizes of the classes.
    pub alloc_bytes: u64,
}

impl BenchResult {
    /// Nanoseconds an operation.
    #[must_use]
    pub fn ns_per_op(&self) -> f64 {
        self.elapsed.as_secs_f64() * 1e9 / self.ops.max(1) as f64
    }
}

impl fmt::Display for BenchResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ops = self.ops.max(1);
        let ns = self.ns_per_op();
        // Four digits that count, and the points of all lines below each other.
        let (width, digits) = match ns {
            0.0 | 999.95.. => (10, 0),
            99.995.. => (12, 1),
            9.9995.. => (13, 2),
            0.99995.. => (14, 3),
            0.099_995.. => (15, 4),
            0.009_999_5.. => (16, 5),
            0.000_999_95.. => (17, 6),
            _ => (18, 7),
        };
        write!(f, "{}\t{:>8}\t{ns:>width$.digits$} ns/op", self.name, self.ops)?;
        write!(f, "\t{:>8} B/op\t{:>8} allocs/op", self.alloc_bytes / ops, self.allocs / ops)
    }
}

/// Runs a benchmark for about a second, prints its line, and returns the result.
///
/// The line begins with `Benchmark` and the name; blanks in it become `_`. The first line of all should be
/// [`header`]'s.
///
/// ```
/// # #[global_allocator]
/// # static ALLOC: spandrel::Spandrel = spandrel::Spandrel::new();
/// # fn short() {
/// use spandrel::test::bench;
/// let result = bench("Format", |b| b.iter(|| format!("{} and {}", 1, 2)));
/// assert!(result.allocs >= result.ops);
/// # }
/// ```
pub fn bench(name: &str, body: impl FnMut(&mut Bench)) -> BenchResult {
    let result = run(name, Duration::from_secs(1), body);
    println!("{result}");
    result
}

/// The lines that say where a benchmark ran, in Go's words; `package` is usually
/// `env!("CARGO_PKG_NAME")`.
///
/// ```
/// assert!(spandrel::test::header("words").ends_with("pkg: words"));
/// ```
#[must_use]
pub fn header(package: &str) -> String {
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("goos: {}\ngoarch: {arch}\npkg: {package}", std::env::consts::OS)
}

fn run(name: &str, aim: Duration, mut body: impl FnMut(&mut Bench)) -> BenchResult {
    let mut ops = 1;
    loop {
        let mut bench = Bench { ops, elapsed: Duration::ZERO, allocs: 0, alloc_bytes: 0 };
        body(&mut bench);
        let Bench { elapsed, allocs, alloc_bytes, .. } = bench;
        if elapsed >= aim || ops >= BENCH_OPS_MAX {
            return BenchResult { name: line_name(name), ops, elapsed, allocs, alloc_bytes };
        }
        ops = next_ops(ops, elapsed, aim);
    }
}

/// As many as should take a fifth longer than asked for, but at most a hundred times as many, as in Go.
fn next_ops(ops: u64, elapsed: Duration, aim: Duration) -> u64 {
    let ns = elapsed.as_nanos().max(1);
    let wanted = aim.as_nanos() * u128::from(ops) / ns;
    let more = wanted + wanted / 5;
    u64::try_from(more).unwrap_or(BENCH_OPS_MAX).clamp(ops + 1, ops.saturating_mul(100)).min(BENCH_OPS_MAX)
}

/// `Benchmark` and a name that goes on with no small letter, without blanks.
fn line_name(name: &str) -> String {
    let name = name.strip_prefix("Benchmark").unwrap_or(name);
    let mut line = "Benchmark".to_string();
    for (index, letter) in name.chars().enumerate() {
        match letter {
            letter if letter.is_whitespace() || letter.is_control() => line.push('_'),
            letter if index == 0 => line.extend(letter.to_uppercase()),
            letter => line.push(letter),
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    fn result(ops: u64, nanoseconds: u64, allocs: u64, alloc_bytes: u64) -> BenchResult {
        let elapsed = Duration::from_nanos(nanoseconds);
        BenchResult { name: line_name("x"), ops, elapsed, allocs, alloc_bytes }
    }

    /// What Go 1.19's own `testing.BenchmarkResult` makes of the same numbers.
    #[test]
    fn lines_are_those_of_go() {
        let cases = [
            (100, 123_456, "BenchmarkX\t     100\t      1235 ns/op"),
            (1000, 123_456, "BenchmarkX\t    1000\t       123.5 ns/op"),
            (10_000, 123_456, "BenchmarkX\t   10000\t        12.35 ns/op"),
            (100_000, 123_456, "BenchmarkX\t  100000\t         1.235 ns/op"),
            (1_000_000, 123_456, "BenchmarkX\t 1000000\t         0.1235 ns/op"),
            (10_000_000, 123_456, "BenchmarkX\t10000000\t         0.01235 ns/op"),
        ];
        for (ops, nanoseconds, line) in cases {
            let text = result(ops, nanoseconds, 3 * ops + ops / 2, 100 * ops).to_string();
            assert_eq!(text, format!("{line}\t     100 B/op\t       3 allocs/op"));
        }
    }

    /// The grammar of the format, by which `benchstat` reads: fields, numbers, and units in pairs.
    #[test]
    fn lines_are_well_formed() {
        for name in ["parse", "Benchmark sort", "größe/n=1 k", "\u{e9}t\u{e9}", "a\tb\nc", ""] {
            let text = BenchResult { name: line_name(name), ..result(5, 77, 1, 9) }.to_string();
            let fields: Vec<_> = text.split_whitespace().collect();
            let rest = fields[0].strip_prefix("Benchmark").unwrap();
            assert!(!rest.starts_with(char::is_lowercase), "{text}");
            assert_eq!(fields.len(), 8, "{text}");
            assert!(fields[1].parse::<u64>().unwrap() > 0);
            assert!(fields[2..].chunks(2).all(|pair| pair[0].parse::<f64>().is_ok()), "{text}");
            assert_eq!((fields[3], fields[5], fields[7]), ("ns/op", "B/op", "allocs/op"));
        }
    }

    #[test]
    fn runs_grow_to_the_time_asked_for() {
        let aim = Duration::from_secs(1);
        assert_eq!(next_ops(1, Duration::ZERO, aim), 100);
        assert_eq!(next_ops(1, Duration::from_millis(100), aim), 12);
        assert_eq!(next_ops(1000, Duration::from_millis(999), aim), 1201);
        assert_eq!(next_ops(BENCH_OPS_MAX, Duration::from_millis(999), aim), BENCH_OPS_MAX);
        let mut runs = 0;
        let result = run("one", Duration::ZERO, |bench| {
            runs += 1;
            bench.iter(|| black_box(1));
        });
        assert_eq!((runs, result.ops, result.name.as_str()), (1, 1, "BenchmarkOne"));
    }
}
