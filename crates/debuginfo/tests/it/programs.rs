//! Compiles small programs.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// Two records that every form of debug information has to keep.
pub(crate) const SOURCE: &str = "\
struct inner { char a; double b; char c; };
struct outer { struct inner in; struct outer *next; int tail; };
struct outer object;
int local(int x) { struct scoped { char a; int b; } s = { 1, x }; return s.b; }
int main(void) { return local(object.tail); }
";

/// A folder with the source in it.
pub(crate) fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("program.c"), SOURCE).expect("can be written");
    folder
}

/// Runs a program in a folder, to its success.
#[track_caller]
pub(crate) fn run(folder: &Path, program: &str, args: &[&str]) {
    let output = Command::new(program).args(args).current_dir(folder).output();
    let output = output.unwrap_or_else(|error| panic!("this test needs {program}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {said}");
}

/// `program` in the folder, compiled by gcc with these options.
#[track_caller]
pub(crate) fn compile(folder: &Path, options: &[&str]) -> PathBuf {
    let mut args = vec!["program.c", "-o", "program", "-Wl,--build-id"];
    args.extend(options);
    run(folder, "gcc", &args);
    folder.join("program")
}
