//! The developer's tool, `cargo xtask COMMAND`: order in the tree, proof on real programs.

#![forbid(unsafe_code)]

mod balance;
mod ci;
mod fuzz;
mod instructions;
mod programs;
mod repro;
mod sanitizers;
mod soak;
mod supply;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use cargo_metadata::MetadataCommand;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  tidy                                       check the rules of the source tree
  programs [--library PATH] [--all] [NAME..] run real programs with and without the preload library
  soak [--minutes N] [--hardened] [--library PATH] [NAME..]
                                             the same and longer ones for an hour or N minutes
  balance                                    compare ledgers of real programs with the kernel's figures
  instructions [--accept]                    count the instructions of an allocation and a free
  supply                                     check licences, sources and build scripts of dependencies
  repro                                      build the preload library twice and compare the bytes
  ci [STAGE..]                               everything that has to hold, stage by stage
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let root = workspace_root();
    let outcome = match args.split_first() {
        Some((command, rest)) if command == "tidy" && rest.is_empty() => Ok(tidy::run(&root)),
        Some((command, rest)) if command == "programs" => {
            programs::Options::parse(rest).map(|options| programs::run(&root, &options))
        }
        Some((command, rest)) if command == "supply" && rest.is_empty() => Ok(supply::run(&root)),
        Some((command, rest)) if command == "repro" && rest.is_empty() => Ok(repro::run(&root)),
        Some((command, rest)) if command == "soak" => {
            soak::Options::parse(rest).map(|options| soak::run(&root, &options))
        }
        Some((command, rest)) if command == "instructions" => {
            instructions::Task::parse(rest).map(|task| instructions::run(&root, task))
        }
        Some((command, rest)) if command == "balance" && rest.is_empty() => Ok(balance::run(&root)),
        Some((command, rest)) if command == "ci" => ci::select(rest).map(|stages| ci::run(&root, &stages)),
        _ => Err("no such command".to_owned()),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(problem) => {
            eprint!("xtask: {problem}\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// The folder of the workspace: the parent of this package's, as cargo tells when it runs this program. Where
/// two clones share a target folder, the one that it was compiled in may be another.
fn workspace_root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR");
    let package = package.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&package).parent().expect("the package lies inside the workspace").to_owned()
}

/// Where cargo puts what it builds.
fn target_folder(root: &Path) -> PathBuf {
    let metadata = MetadataCommand::new().manifest_path(root.join("Cargo.toml")).no_deps().exec();
    metadata.unwrap_or_else(|error| panic!("cargo metadata: {error}")).target_directory.into()
}
