//! Runs the command and looks at what came out.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output};

/// The command with a fresh environment of its own: no options, no colours forced.
pub(crate) fn spandrel<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spandrel"));
    command.args(args).env_remove("SPANDREL").env_remove("LD_PRELOAD").env_remove("CLICOLOR_FORCE");
    command
}

/// `spandrel run -- sh -c SCRIPT`.
pub(crate) fn run_shell(script: &str) -> Command {
    spandrel(["run", "--", "sh", "-c", script])
}

/// What a finished command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a command to its end.
pub(crate) fn said(command: &mut Command) -> Said {
    Said::from(command.output().expect("the command starts"))
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("the command writes UTF-8");
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// The command fails with exit code 2 and one line of its own that holds `part`.
#[track_caller]
pub(crate) fn assert_refused(command: &mut Command, part: &str) {
    let said = said(command);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert_eq!(said.stdout, "", "nothing was started");
    assert_eq!(said.stderr.lines().count(), 1, "{said:?}");
    assert!(said.stderr.starts_with("spandrel: "), "{said:?}");
    assert!(said.stderr.contains(part), "{part} is not in {said:?}");
}

/// Writes an executable file.
pub(crate) fn write_program(path: &Path, bytes: &[u8]) {
    let data = path.with_extension("data");
    std::fs::write(&data, bytes).expect("can be written");
    copy_program(&data, path);
    std::fs::remove_file(&data).expect("can be removed");
}

/// Copies a file and makes it executable.
///
/// Another process does it: what this one has open for writing, a child that another test starts just
/// then would hold open as well, and nobody may execute it meanwhile.
pub(crate) fn copy_program(from: &Path, to: &Path) {
    let copied = Command::new("install").args(["-m", "755"]).arg(from).arg(to).status();
    assert!(copied.expect("install is there").success());
}
