//! The libraries that cargo builds: Spandrel's own, and the C face over rusty_alloc beside this file.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::commands::run;
use crate::door::Library;
use crate::workshop::{BENCH, Workshop};

/// As a user builds it, in the workspace that is this one's parent.
pub(crate) fn spandrel(workshop: &Workshop, name: &'static str) -> Result<Library, String> {
    let target = workshop.scratch(name);
    cargo(&Path::new(BENCH).join(".."), &["--release", "--package", "spandrel-preload"], &target)?;
    let path = place(workshop, name, &target.join("release/libspandrel_preload.so"))?;
    Ok(Library { path: Some(path), version: workshop.version("spandrel")? })
}

/// With fat link-time optimisation, so that the face and the allocator become one, and without unwinding,
/// as its authors say of theirs.
pub(crate) fn rusty(workshop: &Workshop, name: &'static str) -> Result<Library, String> {
    let target = workshop.target();
    let options = ["--profile", "lto", "--config", "profile.lto.panic='abort'", "--package", "door-rusty"];
    cargo(Path::new(BENCH), &options, target)?;
    let path = place(workshop, name, &target.join("lto/libdoor_rusty.so"))?;
    Ok(Library { path: Some(path), version: workshop.version("rusty_alloc")? })
}

/// Always asks cargo, who knows best what is out of date.
fn cargo(folder: &Path, arguments: &[&str], target: &Path) -> Result<(), String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(folder).args(["build", "--quiet"]).args(arguments).arg("--target-dir").arg(target);
    run(&mut command).map(drop)
}

/// Copies the library to where all lie. A rename makes sure that a program that runs with the old one keeps
/// its file.
fn place(workshop: &Workshop, name: &str, built: &Path) -> Result<PathBuf, String> {
    let library = workshop.library(name);
    let fresh = library.with_extension("new");
    let placed = fs::create_dir_all(library.parent().unwrap_or(&library))
        .and_then(|()| fs::copy(built, &fresh))
        .and_then(|_| fs::rename(&fresh, &library));
    placed.map_err(|error| format!("{}: {error}", built.display()))?;
    Ok(library)
}
