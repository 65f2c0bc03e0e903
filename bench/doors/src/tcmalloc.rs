//! Google's TCMalloc with the parts of Abseil that it needs, all in one shared object.

use std::fs;
use std::path::{Path, PathBuf};

use crate::door::Library;
use crate::shared_object::{Compiler, SharedObject};
use crate::workshop::Workshop;

const PACKAGE: &str = "libtcmalloc-sys";

/// The crate's own glue, which leaves malloc to libc; `tcmalloc.cc` itself takes it over.
const GLUE: [&str; 2] = ["c_src/malloc_bridge.cc", "c_src/malloc_extension_bridge.cc"];

/// What `bazel build -c opt` gives, and the usual pages of 8 KiB.
const FLAGS: &[&str] = &["-O2", "-DNDEBUG", "-std=gnu++17", "-fPIC", "-w", "-DTCMALLOC_INTERNAL_8K_PAGES"];

pub(crate) fn build(workshop: &Workshop, name: &'static str) -> Result<Library, String> {
    let root = workshop.sources(PACKAGE)?;
    let script = root.join("build.rs");
    let script = fs::read_to_string(&script).map_err(|error| format!("{}: {error}", script.display()))?;
    let shared_object = SharedObject {
        compiler: Compiler::Cxx,
        sources: sources(&script, &root),
        includes: vec![root.join("c_src/abseil-cpp"), root.join("c_src/tcmalloc")],
        flags: FLAGS,
        link_flags: &["-pthread"],
    };
    // TCMalloc has no releases; the crate is the only one who counts.
    let version = format!("{PACKAGE} {}", workshop.version(PACKAGE)?);
    Ok(Library { path: Some(shared_object.build(workshop, name)?), version })
}

/// The files that the crate's build script compiles, and `tcmalloc.cc` instead of its glue.
fn sources(script: &str, root: &Path) -> Vec<PathBuf> {
    let quoted = script.split('"').skip(1).step_by(2);
    let mut files: Vec<&str> = quoted
        .filter(|text| text.starts_with("c_src/") && (text.ends_with(".cc") || text.ends_with(".S")))
        .filter(|file| !GLUE.contains(file))
        .chain(["c_src/tcmalloc/tcmalloc/tcmalloc.cc"])
        .collect();
    // Some are named twice.
    files.sort_unstable();
    files.dedup();
    files.into_iter().map(|file| root.join(file)).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::sources;

    #[test]
    fn the_build_scripts_files_are_taken_but_for_its_glue() {
        let script = r#"cc.files(["c_src/b.cc", "c_src/a.S", "c_src/b.cc", "c_src/malloc_bridge.cc"]);
            cc.includes(["c_src/tcmalloc"]); cc.file("c_src/malloc_extension_bridge.cc");"#;
        let expected = ["/r/c_src/a.S", "/r/c_src/b.cc", "/r/c_src/tcmalloc/tcmalloc/tcmalloc.cc"];
        assert_eq!(sources(script, Path::new("/r")), expected.map(Path::new));
    }
}
