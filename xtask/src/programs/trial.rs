//! One program, twice: the run without the library, the run with it, and how they compare.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::cases::Case;
use super::process::{self, Run};

/// A script that ends with this code finds something missing that it needs, and says what.
const EXIT_SKIPPED: i32 = 77;
/// Of a line that is shown to explain a difference.
const QUOTE_CHARS_MAX: usize = 160;
/// Of the output of a run that failed.
const LAST_WORDS_LINES: usize = 12;

/// What came of one case.
pub(crate) enum Outcome {
    Same([Run; 2]),
    /// The runs, and how they differ.
    Differs([Run; 2], String),
    /// What is missing on this machine.
    Skipped(String),
    /// The case does not even work without the library.
    Broken(String),
}

impl Outcome {
    /// Whether the program did as it should.
    pub(crate) fn is_fine(&self, is_missing_wrong: bool) -> bool {
        match self {
            Self::Same(_) => true,
            Self::Skipped(_) => !is_missing_wrong,
            Self::Differs(..) | Self::Broken(_) => false,
        }
    }

    /// What the table shows of it.
    pub(crate) fn row(&self, name: &str) -> String {
        let mib = |run: &Run| run.peak_resident_bytes as f64 / f64::from(1 << 20);
        let numbers = |[without, with]: &[Run; 2]| {
            let [a, b] = [without.elapsed, with.elapsed].map(|elapsed| elapsed.as_secs_f64());
            format!("{a:>8.1} {b:>8.1} {:>12.1} {:>8.1}", mib(without), mib(with))
        };
        let (numbers, result) = match self {
            Self::Same(runs) => (numbers(runs), "same".to_owned()),
            Self::Differs(runs, how) => (numbers(runs), format!("DIFFERS: {how}")),
            Self::Skipped(what) => (String::new(), format!("skipped: not installed: {what}")),
            Self::Broken(how) => (String::new(), format!("FAILS without the library: {how}")),
        };
        format!("{name:<14} {numbers:<39}  {result}")
    }
}

/// One case on this machine.
pub(crate) struct Trial<'run> {
    pub(crate) root: &'run Path,
    /// Where the case works and leaves its output.
    pub(crate) folder: PathBuf,
    pub(crate) library: &'run Path,
    pub(crate) case: &'run Case,
    /// The value of `SPANDREL` with the library; empty for none.
    pub(crate) settings: &'run str,
}

impl Trial<'_> {
    /// Runs the program without and with the library.
    pub(crate) fn compare(&self) -> Outcome {
        if let Some(missing) = self.case.needs.iter().find(|program| !is_installed(program)) {
            return Outcome::Skipped((*missing).to_owned());
        }
        let without = self.once("without", None);
        if without.status.is_some_and(|status| status.code() == Some(EXIT_SKIPPED)) {
            return Outcome::Skipped(String::from_utf8_lossy(&without.stderr).trim().to_owned());
        }
        if without.status.is_none_or(|status| !status.success()) {
            return Outcome::Broken(format!("{}{}", without.ending(), last_words(&without)));
        }
        let with = self.once("with", Some(self.library));
        match difference(&without, &with) {
            None => {
                let _ = std::fs::remove_dir_all(&self.folder);
                Outcome::Same([without, with])
            }
            Some(how) => Outcome::Differs([without, with], how),
        }
    }

    /// Runs the script in a fresh folder, the same one each time since paths show in outputs.
    fn once(&self, name: &str, library: Option<&Path>) -> Run {
        let work = self.folder.join("work");
        let _ = std::fs::remove_dir_all(&work);
        std::fs::create_dir_all(&work).expect("the target folder can be written");
        let scripts = self.root.join("xtask/programs");
        let mut command = Command::new("bash");
        command.arg(scripts.join(format!("{}.sh", self.case.name))).current_dir(&work);
        for (variable, _) in std::env::vars_os().filter(|(name, _)| is_of_cargo(&name.to_string_lossy())) {
            command.env_remove(variable);
        }
        command.env("LC_ALL", "C").env("TZ", "UTC").env("ROOT", self.root).env("PROGRAMS", scripts);
        if let Some(library) = library {
            command.env("LD_PRELOAD", library);
            if !self.settings.is_empty() {
                command.env("SPANDREL", self.settings);
            }
        }
        let run = process::run(command, Duration::from_secs(self.case.limit_s), &self.folder.join(name));
        let _ = std::fs::remove_dir_all(&work);
        run
    }
}

/// Variables that `cargo run` sets for us and that would change what a program does.
fn is_of_cargo(variable: &str) -> bool {
    let is_home = matches!(variable, "CARGO_HOME" | "RUSTUP_HOME");
    let is_set = variable.starts_with("CARGO") || variable.starts_with("RUST") || variable.starts_with("LD_");
    is_set && !is_home
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Servers lie where the PATH of users may not lead.
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    folders.into_iter().any(|folder| folder.join(program).is_file())
}

/// How the second run differs from the first: a clause, and below it the lines that tell more.
fn difference(without: &Run, with: &Run) -> Option<String> {
    if without.status != with.status {
        let clause = format!("{} instead of {}", with.ending(), without.ending());
        return Some(clause + &last_words(with));
    }
    let stream = |name: &str, a: &[u8], b: &[u8]| {
        let line = first_difference(a, b)?;
        let [a, b] = [a, b].map(|text| quote(&nth_line(text, line)));
        Some(format!("{name}, line {}\n    without: {a}\n    with:    {b}", line + 1))
    };
    stream("stdout", &without.stdout, &with.stdout)
        .or_else(|| stream("stderr", &without.stderr, &with.stderr))
}

/// The first line, counted from 0, where two outputs differ.
fn first_difference(a: &[u8], b: &[u8]) -> Option<usize> {
    if a == b {
        return None;
    }
    let same = a.iter().zip(b).take_while(|(x, y)| x == y);
    Some(same.filter(|(x, _)| **x == b'\n').count())
}

fn nth_line(text: &[u8], line: usize) -> String {
    let line = text.split_inclusive(|&byte| byte == b'\n').nth(line);
    String::from_utf8_lossy(line.unwrap_or_default()).into_owned()
}

/// One line, short enough to read.
fn quote(line: &str) -> String {
    format!("{:?}", line.chars().take(QUOTE_CHARS_MAX).collect::<String>())
}

/// The end of what a run that failed wrote, a line each.
fn last_words(run: &Run) -> String {
    let last = |name: &str, text: &[u8]| {
        let text = String::from_utf8_lossy(text);
        let lines: Vec<&str> = text.lines().collect();
        let begin = lines.len().saturating_sub(LAST_WORDS_LINES);
        lines[begin..].iter().map(|line| format!("\n    {name}: {}", quote(line))).collect::<String>()
    };
    last("stdout", &run.stdout) + &last("stderr", &run.stderr)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, name: &str) -> Run {
        limited(script, name, Duration::from_secs(60))
    }

    fn limited(script: &str, name: &str, limit: Duration) -> Run {
        let folder = std::env::temp_dir().join(format!("spandrel-xtask-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("the temporary folder can be written");
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let run = process::run(command, limit, &folder.join("out"));
        std::fs::remove_dir_all(&folder).expect("the folder is ours");
        run
    }

    #[test]
    fn equal_runs_do_not_differ() {
        let script = "echo a; echo b >&2; exit 3";
        assert_eq!(difference(&shell(script, "same-1"), &shell(script, "same-2")), None);
    }

    #[test]
    fn each_kind_of_difference_is_seen() {
        let plain = shell("echo a; echo b", "plain");
        let how = |script, name| difference(&plain, &shell(script, name)).expect("they differ");
        let lines = "\n    without: \"b\\n\"\n    with:    \"c\\n\"";
        assert_eq!(how("echo a; echo c", "stdout"), format!("stdout, line 2{lines}"));
        assert!(how("echo a; echo b; echo hello >&2", "stderr").starts_with("stderr, line 1\n"));
        let code = how("echo last words; exit 1", "code");
        assert_eq!(code, "exit status: 1 instead of exit status: 0\n    stdout: \"last words\"");
        assert!(how("kill -11 $$", "signal").starts_with("signal: 11"));
    }

    #[test]
    fn a_run_that_hangs_is_killed_with_what_it_started() {
        let late = limited("sleep 60 & wait", "late", Duration::from_millis(200));
        assert_eq!((late.status, late.elapsed.as_secs() < 30), (None, true));
        let left = shell("sleep 3456 & echo $!", "left");
        let pid = String::from_utf8(left.stdout).expect("a number");
        let is_gone = |pid: &str| !Path::new("/proc").join(pid.trim()).join("exe").exists();
        assert!((0..100).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            is_gone(&pid)
        }));
    }

    #[test]
    fn peak_memory_counts_children() {
        let run = shell("head -c 50000000 /dev/zero | tail -c 50000000 > /dev/null", "peak");
        assert!(run.peak_resident_bytes > 45_000_000, "{}", run.peak_resident_bytes);
    }

    #[test]
    fn a_missing_program_fails_only_where_all_are_asked_for() {
        let skipped = Outcome::Skipped("x".to_owned());
        assert!(skipped.is_fine(false) && !skipped.is_fine(true));
    }
}
