//! The contenders: which there are, where their programs are, how they are built.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use serde::Serialize;

/// A contender that this workspace has a package for.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) name: &'static str,
    /// It takes part unless others are named.
    pub(crate) by_default: bool,
}

const fn known(name: &'static str, by_default: bool) -> Known {
    Known { name, by_default }
}

/// All contenders, in the order of the table's columns.
pub(crate) const KNOWN: &[Known] = &[
    known("spandrel", true),
    known("glibc", true),
    known("mimalloc", true),
    known("mimalloc2", false),
    known("jemalloc", true),
    known("rusty", true),
    known("rallocator", true),
    known("snmalloc", true),
];

/// The folder of this workspace, whose cargo configuration the contenders' builds need.
pub(crate) const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// A contender that takes part.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Contender {
    /// Name in tables and on the command line.
    pub(crate) name: String,
    /// Cargo profile it is built with.
    profile: String,
    /// Its program.
    pub(crate) binary: PathBuf,
    /// Why it could not be built, if it was tried and failed.
    pub(crate) build_error: Option<String>,
}

impl Contender {
    /// The contender `name`, whose program lies in the target folder that this program was built into.
    pub(crate) fn locate(name: &str, profile: &str) -> Result<Contender, String> {
        let binary = target_folder()?.join(profile).join(format!("contender-{name}"));
        Ok(Contender { name: name.to_owned(), profile: profile.to_owned(), binary, build_error: None })
    }

    /// Builds the program by a cargo command of its own, so that cargo cannot unify what one contender wants
    /// of a crate with what another does, and so that one that does not compile holds nobody up.
    ///
    /// A failure is kept in the contender, which then cannot be run: an older program would be measured
    /// otherwise.
    pub(crate) fn build(&mut self) {
        eprintln!("building {} ({})", self.name, self.profile);
        self.build_error = self.run_cargo().err().map(|error| format!("does not build: {error}"));
    }

    fn run_cargo(&self) -> Result<(), String> {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .current_dir(WORKSPACE)
            .args(["build", "--quiet", "--profile", &self.profile])
            .args(["--package", &format!("contender-{}", self.name)])
            .arg("--target-dir")
            .arg(target_folder()?)
            .output()
            .map_err(|error| format!("cargo: {error}"))?;
        if output.status.success() {
            return Ok(());
        }
        let messages = String::from_utf8_lossy(&output.stderr);
        let first = messages.lines().find(|line| line.starts_with("error")).unwrap_or("no message");
        Err(first.to_owned())
    }

    /// Why the program cannot be run, if it cannot.
    pub(crate) fn missing(&self) -> Option<String> {
        match &self.build_error {
            Some(error) => Some(error.clone()),
            None if self.binary.is_file() => None,
            None => Some(format!("{} is not there (try --build)", self.binary.display())),
        }
    }

    /// Minutes since the program was built.
    pub(crate) fn age_minutes(&self) -> Option<u64> {
        let built = self.binary.metadata().ok()?.modified().ok()?;
        let age = SystemTime::now().duration_since(built).ok()?;
        Some(age.as_secs() / 60)
    }
}

/// The target folder that this program runs from.
pub(crate) fn target_folder() -> Result<PathBuf, String> {
    let program = env::current_exe().map_err(|error| format!("where this program lies: {error}"))?;
    let in_deps = |folder: &&Path| folder.ends_with("deps");
    let profile_folder =
        program.parent().map(|folder| if in_deps(&folder) { folder.parent() } else { Some(folder) });
    profile_folder
        .flatten()
        .and_then(Path::parent)
        .map(Path::to_owned)
        .ok_or_else(|| format!("{} does not lie in a target folder", program.display()))
}
