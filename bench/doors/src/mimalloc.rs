//! mimalloc, versions 3 and 2, as its CMakeLists.txt builds the shared library that overrides malloc.

use std::fs;
use std::path::{Path, PathBuf};

use crate::door::Library;
use crate::shared_object::{Compiler, SharedObject};
use crate::workshop::Workshop;

/// CMake's Release build with the project's defaults: `MI_OVERRIDE`, and no `MI_OPT_ARCH`.
const FLAGS: &[&str] = &[
    "-O3",
    "-DNDEBUG",
    "-std=gnu11",
    "-fPIC",
    "-Wno-unknown-pragmas",
    "-fvisibility=hidden",
    "-ftls-model=initial-exec",
    "-fno-builtin-malloc",
    "-DMI_MALLOC_OVERRIDE",
    "-DMI_SHARED_LIB",
    "-DMI_SHARED_LIB_EXPORT",
    "-DMI_BUILD_RELEASE",
    "-DMI_CMAKE_BUILD_TYPE=release",
];

pub(crate) fn version_3(workshop: &Workshop, name: &'static str) -> Result<Library, String> {
    build(workshop, name, "v3")
}

pub(crate) fn version_2(workshop: &Workshop, name: &'static str) -> Result<Library, String> {
    build(workshop, name, "v2")
}

fn build(workshop: &Workshop, name: &str, folder: &str) -> Result<Library, String> {
    let root = workshop.sources("libmimalloc-sys")?.join("c_src/mimalloc").join(folder);
    let cmake = read(&root.join("CMakeLists.txt"))?;
    let header = read(&root.join("include/mimalloc.h"))?;
    let shared_object = SharedObject {
        compiler: Compiler::C,
        sources: listed_sources(&cmake, &root),
        includes: vec![root.join("include")],
        flags: FLAGS,
        link_flags: &["-pthread"],
    };
    let version = version(&header).ok_or("mimalloc.h tells no version")?;
    Ok(Library { path: Some(shared_object.build(workshop, name)?), version })
}

fn read(file: &Path) -> Result<String, String> {
    fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))
}

/// The files of CMake's list `mi_sources`.
fn listed_sources(cmake: &str, root: &Path) -> Vec<PathBuf> {
    let list = cmake.split_once("set(mi_sources").map_or("", |(_, rest)| rest);
    let list = list.split_once(')').map_or("", |(list, _)| list);
    list.split_whitespace().map(|file| root.join(file)).collect()
}

/// `MI_MALLOC_VERSION` is the major version and then minor and patch in two digits each.
fn version(header: &str) -> Option<String> {
    let digits = header.split_once("#define MI_MALLOC_VERSION")?.1.split_whitespace().next()?;
    let number: u32 = digits.parse().ok()?;
    Some(format!("{}.{}.{}", number / 10_000, number / 100 % 100, number % 100))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{listed_sources, version};

    #[test]
    fn the_list_of_sources_is_read() {
        let cmake =
            "set(mi_cflags \"\")\nset(mi_sources\n    src/alloc.c\n    src/prim/prim.c)\nset(x y.c)\n";
        let sources = listed_sources(cmake, Path::new("/m"));
        assert_eq!(sources, [Path::new("/m/src/alloc.c"), Path::new("/m/src/prim/prim.c")]);
        assert_eq!(listed_sources("", Path::new("/m")).len(), 0);
    }

    #[test]
    fn the_version_is_read() {
        let header = "#define MI_MALLOC_VERSION 30302   // major + 2 digits minor\n";
        assert_eq!(version(header).as_deref(), Some("3.3.2"));
        assert_eq!(version("#define MI_MALLOC_VERSION 212 "), Some("0.2.12".to_owned()));
        assert_eq!(version("nothing"), None);
    }
}
