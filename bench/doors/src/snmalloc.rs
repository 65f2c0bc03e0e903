//! snmalloc, as its CMakeLists.txt builds `snmallocshim`.

use crate::door::Library;
use crate::shared_object::{Compiler, SharedObject};
use crate::workshop::Workshop;

const PACKAGE: &str = "snmalloc-sys";

/// The command lines of CMake's Release build on Linux with glibc, without warnings.
const FLAGS: &[&str] = &[
    "-O3",
    "-DNDEBUG",
    "-std=gnu++20",
    "-fPIC",
    "-fvisibility=hidden",
    "-fno-rtti",
    "-fomit-frame-pointer",
    "-ftls-model=initial-exec",
    "-ffunction-sections",
    #[cfg(target_arch = "x86_64")]
    "-mcx16",
    "-DMALLOC_USABLE_SIZE_QUALIFIER=const",
    "-DSNMALLOC_EXPORT=__attribute__((visibility(\"default\")))",
    "-DSNMALLOC_CHECK_LOADS=false",
    "-DSNMALLOC_PAGEID=false",
    "-DSNMALLOC_HAS_LINUX_FUTEX_H",
    "-DSNMALLOC_HAS_LINUX_RANDOM_H",
    "-DSNMALLOC_PLATFORM_HAS_GETENTROPY",
    "-DSNMALLOC_PTHREAD_ATFORK_WORKS",
    "-DSNMALLOC_NO_REALLOCARRAY",
    "-DSNMALLOC_NO_REALLOCARR",
    "-DSNMALLOC_USE_CXX11_THREAD_ATEXIT_DIRECT",
    "-DSNMALLOC_USE_WAIT_ON_ADDRESS=1",
];

pub(crate) fn build(workshop: &Workshop, name: &'static str) -> Result<Library, String> {
    let sources = workshop.sources(PACKAGE)?.join("upstream/src");
    let shared_object = SharedObject {
        compiler: Compiler::Cxx,
        sources: ["malloc.cc", "new.cc"].map(|file| sources.join("snmalloc/override").join(file)).into(),
        includes: vec![sources],
        flags: FLAGS,
        link_flags: &["-Wl,--no-undefined", "-static-libstdc++", "-rdynamic", "-latomic"],
    };
    Ok(Library { path: Some(shared_object.build(workshop, name)?), version: workshop.version(PACKAGE)? })
}
