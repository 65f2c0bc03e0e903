//! `cargo xtask programs`: real programs must say and do the same with the preload library as without it.
//!
//! Each case is a script in `xtask/programs/` that runs a program on input it makes itself, the same each
//! time, and leaves out of its output what differs between two runs anyhow (times, ports). It runs twice in
//! a fresh folder of the same name: plainly, and with `LD_PRELOAD` on everything it starts. Standard output,
//! standard error and exit code of both have to be equal, to the byte; so the library must be silent too.

mod cases;
mod process;
mod trial;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::target_folder;
pub(crate) use cases::{Case, LONG, SHORT};
pub(crate) use trial::{Outcome, Trial};

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
        let mut options =
            Self { all: std::env::var_os("CI").is_some_and(|ci| ci == "true"), ..Self::default() };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--all" => options.all = true,
                "--library" => {
                    options.library = Some(args.next().ok_or("--library needs a path")?.into());
                }
                name if SHORT.iter().any(|case| case.name == name) => options.names.push(name.to_owned()),
                name => {
                    let known: Vec<_> = SHORT.iter().map(|case| case.name).collect();
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
    let library = options.library.clone().unwrap_or_else(|| build_library(root, &target));
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
    println!("{:<14} {:>8} {:>8} {:>12} {:>8}", "program", "without", "with", "without", "with");
    let outputs = target.join("programs");
    let mut is_all_same = true;
    let is_wanted =
        |name: &str| options.names.is_empty() || options.names.iter().any(|wanted| wanted == name);
    for case in SHORT.iter().filter(|case| is_wanted(case.name)) {
        let trial = Trial { root, folder: outputs.join(case.name), library: &library, case, settings: "" };
        let outcome = trial.compare();
        is_all_same &= outcome.is_fine(options.all);
        println!("{}", outcome.row(case.name));
    }
    if !is_all_same {
        println!("not all did the same; what differs is in {}", outputs.display());
    }
    is_all_same
}

/// Builds the preload library, and says where it is.
pub(crate) fn build_library(root: &Path, target: &Path) -> PathBuf {
    let args = ["build", "--quiet", "--release", "--package", "spandrel-preload"];
    let status = Command::new("cargo").args(args).current_dir(root).status().expect("cargo runs");
    assert!(status.success(), "the preload library does not build");
    target.join("release").join("libspandrel_preload.so")
}

/// The loader goes on without a library that it cannot load; all programs would then come out the same.
pub(crate) fn prove_that_it_loads(library: &Path) -> Result<(), String> {
    let mut cat = Command::new("cat");
    let output = cat.arg("/proc/self/maps").env("LD_PRELOAD", library).output().expect("cat runs");
    let maps = String::from_utf8_lossy(&output.stdout);
    if maps.contains(&*library.to_string_lossy()) {
        return Ok(());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(format!("the loader does not load it ({}) {}", output.status, complaint.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_does_not_load_is_noticed() {
        let problem = prove_that_it_loads(Path::new("/nonexistent.so")).expect_err("there is no such file");
        assert!(problem.contains("does not load"), "{problem}");
    }

    #[test]
    fn every_case_has_its_script() {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs");
        for case in SHORT.iter().chain(&LONG) {
            assert!(scripts.join(format!("{}.sh", case.name)).is_file(), "{}", case.name);
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
}
