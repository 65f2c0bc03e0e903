//! `cargo xtask programs`: real programs must say and do the same with the preload library as without it.
//!
//! Each case is a script in `xtask/programs/` that runs a program on input it makes itself, the same each
//! time, and leaves out of its output what differs between two runs anyhow (times, ports). It runs twice in
//! a fresh folder of the same name: plainly, and with `LD_PRELOAD` on everything it starts. Standard output,
//! standard error and exit code of both have to be equal, to the byte; so the library must be silent too.

mod cases;
mod process;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cargo_metadata::MetadataCommand;

use cases::{CASES, Case};
use process::Run;

/// A script that ends with this code finds something missing that it needs, and says what.
const EXIT_SKIPPED: i32 = 77;

/// What the command line asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// The shared object to load; otherwise the preload package's is built.
    pub(crate) library: Option<PathBuf>,
    /// Whether a program that is not installed is a failure.
    pub(crate) all: bool,
    /// Cases to run; all when empty.
    pub(crate) names: Vec<String>,
}

impl Options {
    /// Reads the arguments behind `programs`; an error says what is wrong with them.
    pub(crate) fn parse(args: &[String]) -> Result<Self, String> {
        let mut options = Self {
            all: std::env::var_os("CI").is_some_and(|ci| ci == "true"),
            ..Self::default()
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--all" => options.all = true,
                "--library" => {
                    options.library = Some(args.next().ok_or("--library needs a path")?.into());
                }
                name if CASES.iter().any(|case| case.name == name) => options.names.push(name.to_owned()),
                name => {
                    let known: Vec<_> = CASES.iter().map(|case| case.name).collect();
                    return Err(format!("no program `{name}`; there are {}", known.join(" ")));
                }
            }
        }
        Ok(options)
    }
}

/// Runs the cases, prints a row for each, and tells whether all of them came out the same.
pub(crate) fn run(root: &Path, options: &Options) -> bool {
    let target = target_folder(root);
    let library = options
        .library
        .clone()
        .unwrap_or_else(|| build_library(root, &target));
    let library = match library.canonicalize() {
        Ok(library) => library,
        Err(error) => {
            println!("{}: {error}", library.display());
            return false;
        }
    };
    if let Err(problem) = prove_that_it_loads(&library) {
        println!("{}: {problem}", library.display());
        return false;
    }
    println!("each program without and with {}", library.display());
    println!("{:<14} {:>17} {:>21}  result", "", "seconds", "peak RSS, MiB");
    println!(
        "{:<14} {:>8} {:>8} {:>12} {:>8}",
        "program", "without", "with", "without", "with"
    );
    let mut is_all_same = true;
    for case in CASES
        .iter()
        .filter(|case| options.names.is_empty() || options.names.iter().any(|n| n == case.name))
    {
        let trial = Trial {
            root,
            folder: target.join("programs").join(case.name),
            library: &library,
            case,
        };
        let outcome = trial.compare();
        is_all_same &= outcome.is_fine(options.all);
        println!("{}", outcome.row(case.name));
    }
    is_all_same
}

/// Where cargo puts what it builds.
fn target_folder(root: &Path) -> PathBuf {
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .no_deps()
        .exec();
    metadata
        .unwrap_or_else(|error| panic!("cargo metadata: {error}"))
        .target_directory
        .into()
}

fn build_library(root: &Path, target: &Path) -> PathBuf {
    let args = ["build", "--quiet", "--release", "--package", "spandrel-preload"];
    let status = Command::new("cargo")
        .args(args)
        .current_dir(root)
        .status()
        .expect("cargo runs");
    assert!(status.success(), "the preload library does not build");
    target.join("release").join("libspandrel_preload.so")
}

/// The loader goes on without a library that it cannot load; all programs would then come out the same.
fn prove_that_it_loads(library: &Path) -> Result<(), String> {
    let mut cat = Command::new("cat");
    let output = cat
        .arg("/proc/self/maps")
        .env("LD_PRELOAD", library)
        .output()
        .expect("cat runs");
    let maps = String::from_utf8_lossy(&output.stdout);
    if maps.contains(&*library.to_string_lossy()) {
        return Ok(());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(format!(
        "the loader does not load it ({}) {}",
        output.status,
        complaint.trim()
    ))
}

/// What came of one case.
enum Outcome {
    Same([Run; 2]),
    /// The runs, and how they differ.
    Differs([Run; 2], String),
    /// What is missing on this machine.
    Skipped(String),
    /// The case does not even work without the library.
    Broken(String),
}

impl Outcome {
    fn is_fine(&self, is_missing_wrong: bool) -> bool {
        match self {
            Self::Same(_) => true,
            Self::Skipped(_) => !is_missing_wrong,
            Self::Differs(..) | Self::Broken(_) => false,
        }
    }

    fn row(&self, name: &str) -> String {
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
struct Trial<'run> {
    root: &'run Path,
    /// Where the case works and leaves its output.
    folder: PathBuf,
    library: &'run Path,
    case: &'run Case,
}

impl Trial<'_> {
    fn compare(&self) -> Outcome {
        if let Some(missing) = self.case.needs.iter().find(|program| !is_installed(program)) {
            return Outcome::Skipped((*missing).to_owned());
        }
        let without = self.once("without", None);
        if without
            .status
            .is_some_and(|status| status.code() == Some(EXIT_SKIPPED))
        {
            return Outcome::Skipped(String::from_utf8_lossy(&without.stderr).trim().to_owned());
        }
        if without.status.is_none_or(|status| !status.success()) {
            return Outcome::Broken(format!("{}, see {}", without.ending(), self.folder.display()));
        }
        let with = self.once("with", Some(self.library));
        match difference(&without, &with) {
            None => {
                let _ = std::fs::remove_dir_all(&self.folder);
                Outcome::Same([without, with])
            }
            Some(how) => Outcome::Differs([without, with], format!("{how}, see {}", self.folder.display())),
        }
    }

    /// Runs the script in a fresh folder, the same one each time since paths show in outputs.
    fn once(&self, name: &str, library: Option<&Path>) -> Run {
        let work = self.folder.join("work");
        let _ = std::fs::remove_dir_all(&work);
        std::fs::create_dir_all(&work).expect("the target folder can be written");
        let scripts = self.root.join("xtask/programs");
        let mut command = Command::new("bash");
        command
            .arg(scripts.join(format!("{}.sh", self.case.name)))
            .current_dir(&work);
        for (variable, _) in std::env::vars_os().filter(|(name, _)| is_of_cargo(&name.to_string_lossy())) {
            command.env_remove(variable);
        }
        command
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .env("ROOT", self.root)
            .env("PROGRAMS", scripts);
        if let Some(library) = library {
            command.env("LD_PRELOAD", library);
        }
        let run = process::run(
            command,
            Duration::from_secs(self.case.limit_s),
            &self.folder.join(name),
        );
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
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// How the second run differs from the first, in one clause.
fn difference(without: &Run, with: &Run) -> Option<String> {
    if without.status != with.status {
        return Some(format!("{} instead of {}", with.ending(), without.ending()));
    }
    let stream =
        |name: &str, a: &[u8], b: &[u8]| first_difference(a, b).map(|line| format!("{name}, line {line}"));
    stream("stdout", &without.stdout, &with.stdout)
        .or_else(|| stream("stderr", &without.stderr, &with.stderr))
}

/// The first line, counted from 1, where two outputs differ.
fn first_difference(a: &[u8], b: &[u8]) -> Option<usize> {
    if a == b {
        return None;
    }
    let same = a.iter().zip(b).take_while(|(x, y)| x == y);
    Some(1 + same.filter(|(x, _)| **x == b'\n').count())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, name: &str) -> Run {
        let folder = std::env::temp_dir().join(format!("spandrel-xtask-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("the temporary folder can be written");
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let run = process::run(command, Duration::from_secs(1), &folder.join("out"));
        std::fs::remove_dir_all(&folder).expect("the folder is ours");
        run
    }

    #[test]
    fn equal_runs_do_not_differ() {
        let script = "echo a; echo b >&2; exit 3";
        assert_eq!(
            difference(&shell(script, "same-1"), &shell(script, "same-2")),
            None
        );
    }

    #[test]
    fn each_kind_of_difference_is_seen() {
        let plain = shell("echo a; echo b", "plain");
        let how = |script, name| difference(&plain, &shell(script, name)).expect("they differ");
        assert_eq!(how("echo a; echo c", "stdout"), "stdout, line 2");
        assert_eq!(how("echo a; echo b; echo hello >&2", "stderr"), "stderr, line 1");
        assert_eq!(
            how("echo a; echo b; exit 1", "code"),
            "exit status: 1 instead of exit status: 0"
        );
        assert!(how("echo a; echo b; kill -11 $$", "signal").starts_with("signal: 11"));
        assert_eq!(
            how("sleep 60 & wait", "late"),
            "killed after 1 s instead of exit status: 0"
        );
    }

    #[test]
    fn peak_memory_counts_children() {
        let run = shell(
            "head -c 50000000 /dev/zero | tail -c 50000000 > /dev/null",
            "peak",
        );
        assert!(
            run.peak_resident_bytes > 45_000_000,
            "{}",
            run.peak_resident_bytes
        );
    }

    #[test]
    fn a_library_that_does_not_load_is_noticed() {
        let problem = prove_that_it_loads(Path::new("/nonexistent.so")).expect_err("there is no such file");
        assert!(problem.contains("does not load"), "{problem}");
    }

    #[test]
    fn every_case_has_its_script() {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs");
        for case in CASES {
            assert!(
                scripts.join(format!("{}.sh", case.name)).is_file(),
                "{}",
                case.name
            );
        }
    }

    #[test]
    fn options_are_read() {
        let parse =
            |args: &[&str]| Options::parse(&args.iter().map(|&arg| arg.to_owned()).collect::<Vec<_>>());
        let options = parse(&["--all", "--library", "a.so", "git", "xz"]).expect("they are right");
        assert_eq!(options.library, Some("a.so".into()));
        assert!(options.all);
        assert_eq!(options.names, ["git", "xz"]);
        assert!(parse(&["--library"]).is_err());
        assert!(parse(&["emacs"]).is_err());
    }

    #[test]
    fn a_missing_program_fails_only_where_all_are_asked_for() {
        let skipped = Outcome::Skipped("x".to_owned());
        assert!(skipped.is_fine(false) && !skipped.is_fine(true));
    }
}
