//! Finds the program that a command names and tells beforehand why the loader would not load into it.
//!
//! `LD_PRELOAD` fails silently: a static or a setuid program just runs on its own allocator. So the
//! file is looked at first: a script leads to its interpreter, an ELF file is asked whether it has a
//! loader at all, for this machine, and whether the loader will listen.

mod elf;
mod privileges;
mod script;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD};

use crate::failure::Failure;

/// Interpreters of interpreters that the kernel follows.
const SCRIPT_DEPTH_MAX: usize = 4;
/// What the kernel reads of a file to see what it is.
const HEAD_BYTES: u64 = 256;

/// A program that can be started under the library.
#[derive(Debug)]
pub(crate) struct Program {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// What could not be checked.
    pub(crate) notes: Vec<String>,
}

/// Finds `name` as a shell would, and checks it.
///
/// # Errors
/// There is no such program, it cannot be started, or the loader would not load the library into it.
pub(crate) fn find(name: &OsStr) -> Result<Program, Failure> {
    let path = locate(name, std::env::var_os("PATH")).map_err(Failure::new)?;
    let mut notes = Vec::new();
    check(&path, SCRIPT_DEPTH_MAX, &mut notes).map_err(Failure::new)?;
    Ok(Program { path, notes })
}

/// The file that `name` means: itself if it has a slash, else the first executable in `search_path`.
fn locate(name: &OsStr, search_path: Option<OsString>) -> Result<PathBuf, String> {
    if name.is_empty() {
        return Err("the name of the program is empty".to_string());
    }
    if name.as_bytes().contains(&b'/') {
        let path = PathBuf::from(name);
        return executable(&path).map(|()| path);
    }
    let search_path = search_path.unwrap_or_else(|| OsString::from("/bin:/usr/bin"));
    let mut refusal = None;
    for folder in std::env::split_paths(&search_path) {
        let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
        let path = folder.join(name);
        match executable(&path) {
            Ok(()) => return Ok(path),
            Err(said) if path.is_file() => refusal = refusal.or(Some(said)),
            Err(_) => {}
        }
    }
    Err(refusal.unwrap_or_else(|| format!("`{}` was not found in PATH", name.display())))
}

/// Whether a file is there to be executed.
fn executable(path: &Path) -> Result<(), String> {
    let shown = path.display();
    let metadata = path.metadata().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => format!("`{shown}` does not exist"),
        _ => format!("`{shown}` cannot be looked at: {error}"),
    })?;
    if metadata.is_dir() {
        return Err(format!("`{shown}` is a folder, not a program"));
    }
    rustix::fs::accessat(CWD, path, Access::EXEC_OK, AtFlags::EACCESS)
        .map_err(|_| format!("`{shown}` is not executable: allow it with `chmod +x`"))
}

/// Checks the file and what it leads to, `depth` interpreters deep.
fn check(path: &Path, depth: usize, notes: &mut Vec<String>) -> Result<(), String> {
    let shown = path.display();
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            notes.push(format!("`{shown}` may be executed but not read: it was not checked"));
            return Ok(());
        }
        Err(error) => return Err(format!("`{shown}` cannot be read: {error}")),
    };
    let mut head = Vec::new();
    (&mut file)
        .take(HEAD_BYTES)
        .read_to_end(&mut head)
        .map_err(|error| format!("`{shown}` cannot be read: {error}"))?;
    if head.starts_with(b"#!") {
        return check_script(path, &head, depth, notes);
    }
    if head.starts_with(b"\x7fELF") {
        privileges::check(path)?;
        return elf::check(path, file);
    }
    Err(if head.is_empty() {
        format!("`{shown}` is empty")
    } else if head.contains(&0) {
        format!("`{shown}` is neither an ELF program nor a script")
    } else {
        format!("`{shown}` is a text file without a `#!` line: name its interpreter, as in `sh {shown}`")
    })
}

fn check_script(path: &Path, head: &[u8], depth: usize, notes: &mut Vec<String>) -> Result<(), String> {
    let shown = path.display();
    let Some(line) = script::parse(head) else {
        return Err(format!("`{shown}` has a `#!` line without an interpreter"));
    };
    if depth == 0 {
        return Err(format!("`{shown}` is a script of a script of a script: the kernel does not go so deep"));
    }
    let run_by = |said| format!("`{shown}` is a script whose interpreter cannot be used: {said}");
    let interpreter = PathBuf::from(line.interpreter);
    executable(&interpreter).map_err(run_by)?;
    check(&interpreter, depth - 1, notes).map_err(run_by)?;
    if let Some(name) = line.through_env {
        let program = locate(name, std::env::var_os("PATH")).map_err(run_by)?;
        check(&program, depth - 1, notes).map_err(run_by)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::ffi::{OsStr, OsString};
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::locate;

    #[test]
    fn the_search_skips_what_cannot_run() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let make = |name: &str, mode| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("below the folder")).expect("can be made");
            std::fs::write(&path, "x").expect("can be written");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("can be set");
            path
        };
        let locked = make("a/tool", 0o644);
        std::fs::create_dir_all(folder.path().join("b/tool")).expect("can be made");
        let search = |folders: &[&str]| {
            let joined = folders.iter().map(|name| folder.path().join(name));
            let joined: OsString = std::env::join_paths(joined).expect("no colons");
            locate(OsStr::new("tool"), Some(joined))
        };
        let said = format!("`{}` is not executable: allow it with `chmod +x`", locked.display());
        assert_eq!(search(&["a", "b"]), Err(said));
        assert_eq!(search(&["b", "none"]), Err("`tool` was not found in PATH".to_string()));
        let open = make("c/tool", 0o755);
        assert_eq!(search(&["a", "b", "c"]), Ok(open));
        assert_eq!(locate(OsStr::new("sh"), None).as_deref(), Ok(Path::new("/bin/sh")));
    }
}
