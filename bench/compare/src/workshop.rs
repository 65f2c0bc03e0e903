//! Makes what is measured: programs of the Rust tracks, C patterns, inputs of real programs.
//!
//! Everything lies in the target folder that this program was built into.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::contender::Contender;
use crate::process::failure_text;
use crate::row::{self, Row, WORKSPACE};
use crate::track::Track;

/// How C patterns are compiled: nothing that a compiler knows of `malloc` may remove a call of it.
const CC_OPTIONS: [&str; 5] = ["-O2", "-g0", "-std=gnu11", "-pthread", "-fno-builtin-malloc"];
/// Lies in the folder of a program's inputs when they are complete.
const PREPARED: &str = ".prepared";

/// The contender as a program for `track`, built by a cargo command of its own, so that cargo cannot unify
/// what one contender wants of a crate with what another does, and so that one that does not compile holds
/// nobody up.
///
/// One that does not build cannot be run: an older program would be measured otherwise.
pub(crate) fn rust_contender(track: Track, name: &str, build: bool) -> Contender {
    let profile = track.profile().expect("Rust programs have a profile");
    let program = target_folder().and_then(|target| {
        if build {
            eprintln!("building {name} ({profile})");
            build_contender(name, profile, &target)?;
        }
        let program = target.join(profile).join(format!("contender-{name}"));
        if program.is_file() { Ok(Some(program)) } else { Err("was not built".to_owned()) }
    });
    let version = if name == "glibc" { glibc_version() } else { None };
    Contender { version, ..Contender::new(track, name, program) }
}

fn build_contender(name: &str, profile: &str, target: &Path) -> Result<(), String> {
    let mut command = cargo();
    command.args(["build", "--quiet", "--profile", profile]);
    command.args(["--package", &format!("contender-{name}")]).arg("--target-dir").arg(target);
    let output = command.output().map_err(|error| format!("cargo: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let messages = String::from_utf8_lossy(&output.stderr);
    let first = messages.lines().find(|line| line.starts_with("error")).unwrap_or("no message");
    Err(format!("does not build: {first}"))
}

/// Makes ready what `row` runs; the error says why it cannot be run by anybody.
pub(crate) fn prepare(row: &Row, build: bool) -> Result<(), String> {
    match row.track {
        Track::RustRelease | Track::RustLto => Ok(()),
        Track::Preload if build => compile(&row::source(row), &pattern_program(row)?, &CC_OPTIONS),
        Track::Preload => is_there(&pattern_program(row)?),
        Track::Programs => {
            script(row, &["check".into()])?;
            let folder = program_folder(row)?;
            if build { prepare_inputs(row, &folder) } else { is_there(&folder.join(PREPARED)) }
        }
    }
}

fn is_there(path: &Path) -> Result<(), String> {
    if path.exists() {
        Ok(())
    } else {
        Err(format!("{} is not there (without --no-build it is made)", path.display()))
    }
}

/// Inputs older than what they are made by are made anew.
fn prepare_inputs(row: &Row, folder: &Path) -> Result<(), String> {
    let stamp = folder.join(PREPARED);
    let modified = |path: &Path| path.metadata().and_then(|data| data.modified()).ok();
    let scripts = row::source(row).parent().and_then(|folder| fs::read_dir(folder).ok());
    let newest = scripts.into_iter().flatten().flatten().filter_map(|file| modified(&file.path())).max();
    if modified(&stamp).is_some_and(|made| newest.is_none_or(|script| script < made)) {
        return Ok(());
    }
    eprintln!("preparing {}", row.name);
    let said = |error| format!("{}: {error}", folder.display());
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(said)?;
    }
    fs::create_dir_all(folder).map_err(said)?;
    script(row, &["prepare".into(), folder.into()])?;
    fs::write(&stamp, "").map_err(said)
}

fn script(row: &Row, arguments: &[OsString]) -> Result<(), String> {
    let path = row::source(row);
    let output = Command::new(&path)
        .args(arguments)
        .env_remove("LD_PRELOAD")
        .output()
        .map_err(|error| format!("{}: {error}", path.display()))?;
    if output.status.success() {
        return Ok(());
    }
    let [stdout, stderr] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    let said = [stderr.trim(), stdout.trim()].into_iter().find(|text| !text.is_empty());
    Err(said
        .and_then(|text| text.lines().last())
        .map_or_else(|| failure_text(output.status, ""), str::to_owned))
}

/// Compiles one C file.
pub(crate) fn compile(source: &Path, program: &Path, options: &[&str]) -> Result<(), String> {
    let folder = program.parent().expect("programs lie in a folder");
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let output = Command::new("cc")
        .args(options)
        .arg("-o")
        .args([program, source])
        .arg("-lm")
        .output()
        .map_err(|error| format!("cc: {error}: a C compiler is needed"))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    match complaint.lines().find(|line| line.contains("error")) {
        _ if output.status.success() => Ok(()),
        Some(line) => Err(format!("does not compile: {line}")),
        None => Err(format!("does not compile: {}", failure_text(output.status, &complaint))),
    }
}

/// The compiled program of a C pattern.
pub(crate) fn pattern_program(row: &Row) -> Result<PathBuf, String> {
    Ok(target_folder()?.join("patterns").join(&row.name))
}

/// The folder with a program's inputs.
pub(crate) fn program_folder(row: &Row) -> Result<PathBuf, String> {
    Ok(target_folder()?.join("programs").join(&row.name))
}

/// A cargo command in this workspace, where `.cargo/config.toml` is that the builds need.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(WORKSPACE);
    command
}

/// The version of the C library.
pub(crate) fn glibc_version() -> Option<String> {
    let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.split_ascii_whitespace().nth(1).map(str::to_owned)
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

#[cfg(test)]
mod tests {
    use super::{compile, prepare};
    use crate::row::Row;
    use crate::track::Track;

    #[test]
    fn a_row_without_its_file_cannot_be_run() {
        for track in [Track::Preload, Track::Programs] {
            let [name, about, family] = ["no-such-row", "", ""].map(str::to_owned);
            let row = Row { track, name, about, family, is_timed: true };
            for build in [true, false] {
                let reason = prepare(&row, build).expect_err("there is no such file");
                assert!(reason.contains("no-such-row"), "{reason}");
            }
        }
    }

    #[test]
    fn what_does_not_compile_says_why() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (source, program) = (folder.path().join("a.c"), folder.path().join("deeper/a"));
        std::fs::write(&source, "int main(void) { return 0; }").expect("can be written");
        assert_eq!(compile(&source, &program, &["-O2"]), Ok(()));
        assert!(program.is_file());
        std::fs::write(&source, "int main(void) { return x; }").expect("can be written");
        let reason = compile(&source, &program, &["-O2"]).expect_err("there is no x");
        assert!(reason.contains("undeclared"), "{reason}");
    }
}
