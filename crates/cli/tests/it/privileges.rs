//! Programs whose marks make the loader ignore `LD_PRELOAD`. Only root can make such files, so these
//! tests ask nothing of other users.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{XattrFlags, setxattr};
use tempfile::TempDir;

use crate::command::{assert_refused, copy_program, said};

/// A user and group that own nothing.
const NOBODY: u32 = 65_534;

/// A folder that everybody may enter, with the command and a copy of `/bin/true`.
struct Stage {
    folder: TempDir,
    program: PathBuf,
}

impl Stage {
    fn new() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let folder = tempfile::Builder::new()
            .permissions(Permissions::from_mode(0o755))
            .tempdir()
            .expect("a temporary folder");
        let program = folder.path().join("program");
        copy_program(Path::new("/bin/true"), &program);
        copy_program(Path::new(env!("CARGO_BIN_EXE_spandrel")), &folder.path().join("spandrel"));
        Some(Self { folder, program })
    }

    fn mark(&self, mode: u32) {
        std::fs::set_permissions(&self.program, Permissions::from_mode(mode)).expect("can be set");
    }

    fn run(&self) -> Command {
        let mut command = Command::new(self.folder.path().join("spandrel"));
        command.env_remove("SPANDREL").env_remove("LD_PRELOAD");
        command.args(["run", "--"]).arg(&self.program);
        command
    }

    /// The same by a user who owns nothing, with a place for the library that goes with the stage.
    fn run_as_nobody(&self) -> Command {
        let cache = self.folder.path().join("cache");
        std::fs::create_dir_all(&cache).expect("can be made");
        std::fs::set_permissions(&cache, Permissions::from_mode(0o777)).expect("can be set");
        let mut command = self.run();
        command.uid(NOBODY).gid(NOBODY).current_dir(Path::new("/")).env("XDG_CACHE_HOME", cache);
        command
    }
}

#[test]
fn ids_that_would_change_are_refused() {
    let Some(stage) = Stage::new() else { return };
    stage.mark(0o4755);
    assert_refused(
        &mut stage.run_as_nobody(),
        "is setuid, and for such programs the loader ignores LD_PRELOAD",
    );
    assert_eq!(said(&mut stage.run()).code, Some(0), "root stays root");
    stage.mark(0o2755);
    assert_refused(&mut stage.run_as_nobody(), "is setgid");
    stage.mark(0o2644 | 0o101);
    assert_eq!(said(&mut stage.run_as_nobody()).code, Some(0), "no group may execute it: no id changes");
    chown(&stage.program, Some(NOBODY), Some(NOBODY)).expect("root may");
    stage.mark(0o6755);
    assert_eq!(said(&mut stage.run_as_nobody()).code, Some(0), "its own ids");
    assert_refused(&mut stage.run(), "is setuid");
}

#[test]
fn file_capabilities_are_refused_for_users() {
    let Some(stage) = Stage::new() else { return };
    // Version 2, CAP_NET_BIND_SERVICE permitted and effective.
    let capability = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    if setxattr(&stage.program, "security.capability", &capability, XattrFlags::empty()).is_err() {
        return;
    }
    assert_refused(&mut stage.run_as_nobody(), "is marked with file capabilities");
    assert_eq!(said(&mut stage.run()).code, Some(0));
}

#[test]
fn programs_that_cannot_be_read_run_with_a_note() {
    let Some(stage) = Stage::new() else { return };
    stage.mark(0o711);
    let said = said(&mut stage.run_as_nobody());
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stderr.contains("may be executed but not read: it was not checked"), "{said:?}");
}
