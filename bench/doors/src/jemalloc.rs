//! jemalloc, by its own configure script and Makefile, with every default.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use crate::commands::run;
use crate::door::Library;
use crate::freshness;
use crate::workshop::Workshop;

const PACKAGE: &str = "tikv-jemalloc-sys";

pub(crate) fn build(workshop: &Workshop, name: &'static str) -> Result<Library, String> {
    let version = bundled_version(&workshop.version(PACKAGE)?)?;
    let root = workshop.sources(PACKAGE)?;
    let library = workshop.library(name);
    // Defaults, apart from what the release archive would know: the version, which git tells otherwise.
    let option = format!("--with-version={version}");
    let recipe = format!("{}\nconfigure {option}\nmake build_lib_shared\n", root.display());
    if !freshness::is_fresh(&library, &recipe, &[]) {
        eprintln!("building {name} (configure and make)");
        let scratch = workshop.scratch(name);
        copy(&root, &scratch)?;
        run(in_folder("sh", &scratch).args(["configure", &option]))?;
        let jobs = thread::available_parallelism().map_or(1, usize::from);
        run(in_folder("make", &scratch).arg(format!("-j{jobs}")).arg("build_lib_shared"))?;
        fs::copy(scratch.join("lib/libjemalloc.so.2"), &library).map_err(|error| error.to_string())?;
        freshness::keep(&library, &recipe)?;
    }
    let release = version.split('-').next().unwrap_or(&version).to_owned();
    Ok(Library { path: Some(library), version: release })
}

/// A command that works in the folder. Flags of the environment, such as this workspace's for snmalloc, would
/// replace those of the configure script, optimisation included.
fn in_folder(program: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder);
    for variable in ["CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS"] {
        command.env_remove(variable);
    }
    command
}

/// The crate's version goes on after a `+` with that of the sources in it.
fn bundled_version(package_version: &str) -> Result<String, String> {
    match package_version.split_once('+') {
        Some((_, version)) => Ok(version.to_owned()),
        None => Err(format!("{PACKAGE} {package_version} does not tell jemalloc's version")),
    }
}

/// Sources and the configure script, which the crate keeps elsewhere, in a folder of their own.
fn copy(root: &Path, scratch: &Path) -> Result<(), String> {
    if scratch.exists() {
        fs::remove_dir_all(scratch).map_err(|error| format!("{}: {error}", scratch.display()))?;
    }
    fs::create_dir_all(scratch).map_err(|error| format!("{}: {error}", scratch.display()))?;
    run(Command::new("cp").arg("-r").arg(root.join("jemalloc/.")).arg(scratch))?;
    run(Command::new("cp").arg(root.join("configure/configure")).arg(scratch)).map(drop)
}

#[cfg(test)]
mod tests {
    use super::bundled_version;

    #[test]
    fn the_bundled_version_follows_the_plus() {
        assert_eq!(bundled_version("0.7.1+5.3.1-0-g81034ce1"), Ok("5.3.1-0-g81034ce1".to_owned()));
        assert!(bundled_version("0.7.1").is_err());
    }
}
