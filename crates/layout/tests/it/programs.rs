//! Compiles programs and reads their types.

use std::path::{Path, PathBuf};
use std::process::Command;

use spandrel_layout::{Load, Search, Types};
use tempfile::TempDir;

/// A folder of the shared test data, which lies beside the workspace.
#[track_caller]
pub(crate) fn data(below: &str) -> PathBuf {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let path = shared.join(below);
    assert!(path.exists(), "the tests need {}, which comes beside the workspace", path.display());
    path
}

/// Runs a program in a folder, to its success, and returns what it printed.
#[track_caller]
pub(crate) fn run(folder: &Path, program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).current_dir(folder).output();
    let output = output.unwrap_or_else(|error| panic!("this test needs {program}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The types of a program.
#[track_caller]
pub(crate) fn types(path: &Path) -> Types {
    let search = Search { debug_folders: vec!["/usr/lib/debug".into()] };
    let load = Load { search: &search, threads: 2, progress: &|_, _| {} };
    let types = Types::load(path, load).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(types.problems(), [""; 0]);
    types
}

/// A program that was compiled for a test, and its types.
pub(crate) struct Compiled {
    pub(crate) folder: TempDir,
    pub(crate) types: Types,
}

impl Compiled {
    /// What the program prints.
    pub(crate) fn output(&self) -> String {
        run(self.folder.path(), "./program", &[])
    }
}

/// Compiles `source` as `file`, with a compiler and its options.
#[track_caller]
pub(crate) fn compile(file: &str, source: &str, compiler: &[&str]) -> Compiled {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join(file), source).expect("can be written");
    let mut args = compiler[1..].to_vec();
    args.extend([file, "-o", "program"]);
    run(folder.path(), compiler[0], &args);
    let types = types(&folder.path().join("program"));
    Compiled { folder, types }
}
