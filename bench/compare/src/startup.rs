//! What preloading a library costs a program that does next to nothing: time from start to end, and memory.
//!
//! The program's own high-water mark is asked for, in runs of their own. What `wait4` says would be wrong: a
//! process inherits the figure of the one that started it, and `compare` is larger than a C program that
//! greets.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::results::median;
use crate::row::WORKSPACE;
use crate::workshop::{compile, target_folder};

const GREETING: &str = "hello, world\n";
const MEMORY_RUNS: usize = 5;

/// Compares `runs` pairs of runs, in alternating order, and prints the medians.
pub(crate) fn compare(library: &Path, runs: u32) -> Result<(), Box<dyn Error>> {
    let library = library.canonicalize().map_err(|error| format!("{}: {error}", library.display()))?;
    let program = compile_hello()?;
    let cases =
        [Case { program: &program, library: None }, Case { program: &program, library: Some(&library) }];
    for case in &cases {
        case.check()?;
    }
    let mut times_us = [Vec::new(), Vec::new()];
    for run in 0..runs as usize {
        for turn in 0..cases.len() {
            let index = (run + turn) % cases.len();
            times_us[index].push(cases[index].time_us()?);
        }
    }
    let [plain_us, preloaded_us] = times_us.map(|mut times| (median(&mut times), times[0]));
    let (plain_kib, preloaded_kib) = (cases[0].peak_rss_kib()?, cases[1].peak_rss_kib()?);
    println!("start to end of a C program that greets, {runs} interleaved pairs; {}", library.display());
    println!("             wall us, median  wall us, least  peak resident KiB");
    println!("without      {:>15.0}  {:>14.0}  {plain_kib:>17.0}", plain_us.0, plain_us.1);
    println!("with         {:>15.0}  {:>14.0}  {preloaded_kib:>17.0}", preloaded_us.0, preloaded_us.1);
    let (more_us, more_kib) = (preloaded_us.0 - plain_us.0, preloaded_kib - plain_kib);
    println!("difference   {more_us:>15.0}  {:>14.0}  {more_kib:>17.0}", preloaded_us.1 - plain_us.1);
    Ok(())
}

/// The program with or without a library preloaded.
struct Case<'a> {
    program: &'a Path,
    library: Option<&'a Path>,
}

impl Case<'_> {
    fn command(&self) -> Command {
        let mut command = Command::new(self.program);
        command.env_remove("LD_PRELOAD").stdin(Stdio::null());
        if let Some(library) = self.library {
            command.env("LD_PRELOAD", library);
        }
        command
    }

    /// Fails unless the program greets and nobody complains: a library that cannot be preloaded is skipped by
    /// the dynamic linker with a line on stderr, and the figures would be of nothing.
    fn check(&self) -> Result<(), String> {
        let output = self.command().output().map_err(|error| error.to_string())?;
        if !output.status.success() || output.stdout != GREETING.as_bytes() || !output.stderr.is_empty() {
            let complaint = String::from_utf8_lossy(&output.stderr);
            return Err(format!("the program does not run as it should: {} {complaint}", output.status));
        }
        Ok(())
    }

    fn time_us(&self) -> Result<f64, String> {
        let mut command = self.command();
        command.stdout(Stdio::null());
        let clock = Instant::now();
        let status = command.status().map_err(|error| error.to_string())?;
        let time = clock.elapsed();
        if status.success() {
            Ok(time.as_secs_f64() * 1e6)
        } else {
            Err(format!("the program failed: {status}"))
        }
    }

    fn peak_rss_kib(&self) -> Result<f64, String> {
        let mut peaks_kib = Vec::new();
        for _ in 0..MEMORY_RUNS {
            let output = self.command().arg("peak").output().map_err(|error| error.to_string())?;
            let text = String::from_utf8_lossy(&output.stdout);
            let peak = text.lines().nth(1).and_then(|line| line.parse().ok());
            peaks_kib.push(peak.ok_or_else(|| format!("no peak in {text:?}"))?);
        }
        Ok(median(&mut peaks_kib))
    }
}

fn compile_hello() -> Result<PathBuf, String> {
    let program = target_folder()?.join("hello");
    compile(&Path::new(WORKSPACE).join("c/hello.c"), &program, &["-O2"])?;
    Ok(program)
}
