//! rpmalloc 1.4, as its configure script builds `rpmallocwrap`.

use std::fs;

use crate::door::Library;
use crate::shared_object::{Compiler, SharedObject};
use crate::workshop::Workshop;

/// The release configuration without debug information, and without its flags for floating-point numbers,
/// of which an allocator has none.
const FLAGS: &[&str] = &[
    "-O3",
    "-funroll-loops",
    "-std=c11",
    "-fPIC",
    "-funit-at-a-time",
    "-fstrict-aliasing",
    "-D_GNU_SOURCE=1",
    "-DRPMALLOC_COMPILE=1",
    "-DBUILD_RELEASE=1",
    "-DBUILD_DYNAMIC_LINK=1",
    "-DENABLE_PRELOAD=1",
    "-DENABLE_OVERRIDE=1",
];

pub(crate) fn build(workshop: &Workshop, name: &'static str) -> Result<Library, String> {
    let root = workshop.sources("rpmalloc-sys")?.join("rpmalloc");
    let changes = root.join("CHANGELOG");
    let changes = fs::read_to_string(&changes).map_err(|error| format!("{}: {error}", changes.display()))?;
    let shared_object = SharedObject {
        compiler: Compiler::C,
        sources: vec![root.join("rpmalloc/rpmalloc.c")],
        includes: vec![root],
        flags: FLAGS,
        link_flags: &["-pthread", "-ldl"],
    };
    // The change log begins with the newest version, alone on its line.
    let version = changes.lines().next().unwrap_or_default().trim().to_owned();
    Ok(Library { path: Some(shared_object.build(workshop, name)?), version })
}
