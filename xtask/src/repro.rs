//! `cargo xtask repro`: the preload library is the same to the byte wherever it is built.
//!
//! The sources that git knows are copied into two folders whose names differ in length, and built there from
//! nothing. What a compiler writes of paths is mapped to fixed names, as whoever publishes the library does.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::target_folder;

/// Builds twice and compares; tells whether both came out the same.
pub(crate) fn run(root: &Path) -> bool {
    let target = target_folder(root).join("repro");
    let outcome = ["one", "the-other-one"].map(|name| build(root, &target.join(name)));
    match outcome {
        [Ok(one), Ok(other)] if one == other => {
            println!("two builds of the preload library have the same {} bytes", one.len());
            true
        }
        [Ok(one), Ok(other)] => {
            let same = one.iter().zip(&other).take_while(|(a, b)| a == b).count();
            println!(
                "two builds differ from byte {same} on ({} and {} bytes): see {}",
                one.len(),
                other.len(),
                target.display()
            );
            false
        }
        [Err(problem), _] | [_, Err(problem)] => {
            println!("{problem}");
            false
        }
    }
}

/// The bytes of the library, built in `folder`.
fn build(root: &Path, folder: &Path) -> Result<Vec<u8>, String> {
    let sources = folder.join("sources");
    let _ = std::fs::remove_dir_all(folder);
    copy_sources(root, &sources)?;
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    let home = home.ok_or("no folder of cargo")?;
    let mapped = [(&*sources, "/spandrel"), (&*home, "/cargo")];
    let flags: Vec<_> =
        mapped.iter().map(|(path, name)| format!("--remap-path-prefix={}={name}", path.display())).collect();
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--quiet", "--release", "--locked", "--package", "spandrel-preload"]);
    cargo.current_dir(&sources).env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
    cargo.env("CARGO_TARGET_DIR", folder.join("target"));
    let status = cargo.status().map_err(|error| format!("cargo: {error}"))?;
    if !status.success() {
        return Err(format!("the build in {} failed", folder.display()));
    }
    let library = folder.join("target/release/libspandrel_preload.so");
    std::fs::read(&library).map_err(|error| format!("{}: {error}", library.display()))
}

/// Copies the files that git knows, as they are in the work tree.
fn copy_sources(root: &Path, sources: &Path) -> Result<(), String> {
    let list = Command::new("git").args(["ls-files", "-z"]).current_dir(root).output();
    let list = list.map_err(|error| format!("git: {error}"))?;
    let names = String::from_utf8_lossy(&list.stdout).into_owned();
    for name in names.split_terminator('\0') {
        let (from, to) = (root.join(name), sources.join(name));
        if !from.is_file() {
            continue;
        }
        let folder = to.parent().expect("a file lies in a folder");
        let copied = std::fs::create_dir_all(folder).and_then(|()| std::fs::copy(&from, &to));
        copied.map_err(|error| format!("{}: {error}", to.display()))?;
    }
    Ok(())
}
