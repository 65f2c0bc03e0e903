//! `spandrel bench`: builds and runs the program that compares allocators, from its sources.
//!
//! The peers are built on the machine that they are measured on, so there is nothing that an installed
//! command could carry inside.

use std::env;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::args::BenchArgs;
use crate::failure::Failure;

/// The sources beside those that this command was built from.
const CHECKOUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../bench");
/// The sources in the current folder.
const HERE: &str = "bench";
/// The program's manifest in its sources.
const PROGRAM: &str = "compare/Cargo.toml";

/// Becomes the program, which thereby gets the user's folder, signals and terminal; returns only on failure.
pub(crate) fn run(args: &BenchArgs) -> Result<ExitCode, Failure> {
    let sources = sources(args.sources.as_deref())?;
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let error = Command::new(&cargo)
        .args(["run", "--release", "--quiet", "--bin", "compare", "--manifest-path"])
        .arg(sources.join("Cargo.toml"))
        // Cargo looks for it in the user's folder.
        .arg("--config")
        .arg(sources.join(".cargo/config.toml"))
        .arg("--")
        .args(&args.arguments)
        .exec();
    Err(match error.kind() {
        io::ErrorKind::NotFound => Failure::new(
            "cargo was not found in PATH, and it builds the allocators: install Rust from https://rustup.rs",
        ),
        _ => Failure::new(format_args!("cannot start `{}`: {error}", cargo.display())),
    })
}

/// The folder with the sources: the one that was named, or the first of the usual ones that is there.
fn sources(named: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(folder) = named {
        let inner = folder.join(HERE);
        return [folder, &inner]
            .into_iter()
            .find(|folder| holds_sources(folder))
            .map(Path::to_owned)
            .ok_or_else(|| {
                let folder = folder.display();
                Failure::new(format_args!(
                    "`{folder}` does not hold the sources of the benchmarks: there is no `{folder}/{PROGRAM}`"
                ))
            });
    }
    [CHECKOUT, HERE].into_iter().map(PathBuf::from).find(|folder| holds_sources(folder)).ok_or_else(|| {
        Failure::new(
            "the sources of the benchmarks are not here: clone the repository, and say \
             `spandrel bench --sources CLONE/bench` or call it in the clone",
        )
    })
}

fn holds_sources(folder: &Path) -> bool {
    folder.join(PROGRAM).is_file() && folder.join("Cargo.toml").is_file()
}
