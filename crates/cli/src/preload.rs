//! The shared object that makes Spandrel the allocator of a program: carried inside this command.
//!
//! The loader needs a file, so the library is unpacked once into a folder of the user's and found there
//! again by its content. A folder serves only if it belongs to the user and nobody else may write to
//! it: whoever can replace the library runs code in every program that loads it.

use std::ffi::{OsStr, OsString};
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// The shared object; empty when this command was only checked, not built.
static LIBRARY: &[u8] = include_bytes!(env!("SPANDREL_PRELOAD_LIBRARY"));

/// Where the library lies on this machine, unpacked if need be.
///
/// # Errors
/// The library is not inside, or no folder can take it.
pub(crate) fn unpack() -> Result<PathBuf, Failure> {
    if LIBRARY.is_empty() {
        return Err(Failure::new(
            "this command was built without its library: build it with `cargo build` or `cargo install`",
        ));
    }
    let mut tried = Vec::new();
    for folder in folders() {
        match unpack_into(&folder, LIBRARY) {
            Ok(path) => return Ok(path),
            Err(error) => tried.push(format!("{} ({error})", folder.display())),
        }
    }
    Err(Failure::new(format_args!(
        "no folder can take the library; tried {}: set XDG_CACHE_HOME to a folder of yours without spaces",
        tried.join(", ")
    )))
}

/// The value of `LD_PRELOAD` for a child: the library in front of what is there.
pub(crate) fn ld_preload(library: &Path, present: Option<&OsStr>) -> OsString {
    let mut value = library.as_os_str().to_os_string();
    let is_separator = |byte: &u8| *byte == b':' || *byte == b' ';
    for other in present.unwrap_or_default().as_bytes().split(is_separator) {
        if !other.is_empty() && other != library.as_os_str().as_bytes() {
            value.push(":");
            value.push(OsStr::from_bytes(other));
        }
    }
    value
}

/// Folders for the library, the best first.
fn folders() -> Vec<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let user = rustix::process::geteuid().as_raw();
    let cache = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
    let private = format!("spandrel-{user}");
    let mut folders: Vec<_> = cache.into_iter().map(|cache| cache.join("spandrel")).collect();
    folders.push(std::env::temp_dir().join(&private));
    folders.push(Path::new("/tmp").join(&private));
    // The loader splits LD_PRELOAD at colons and spaces, and nothing quotes them.
    folders.retain(|folder| folder.to_str().is_some_and(|folder| !folder.contains([':', ' ', '\t', '\n'])));
    folders.dedup();
    folders
}

/// Puts `library` into `folder`, unless it is there.
fn unpack_into(folder: &Path, library: &[u8]) -> io::Result<PathBuf> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let metadata = folder.symlink_metadata()?;
    let is_ours = metadata.is_dir() && metadata.uid() == rustix::process::geteuid().as_raw();
    if !is_ours || metadata.mode() & 0o022 != 0 {
        return Err(io::Error::other("others may write to it"));
    }
    let mut hasher = DefaultHasher::new();
    hasher.write(library);
    let path = folder.join(format!("libspandrel-{:016x}.so", hasher.finish()));
    let is_there = std::fs::symlink_metadata(&path)
        .is_ok_and(|metadata| metadata.is_file() && metadata.len() == library.len() as u64);
    if is_there && std::fs::read(&path)? == library {
        return Ok(path);
    }
    let mut file = tempfile::Builder::new()
        .prefix(".libspandrel-")
        .permissions(std::fs::Permissions::from_mode(0o755))
        .tempfile_in(folder)?;
    file.write_all(library)?;
    file.persist(&path)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::{ld_preload, unpack_into};

    #[test]
    fn the_library_comes_first_and_once() {
        let with = |present| ld_preload(Path::new("/c/lib.so"), present);
        assert_eq!(with(None), "/c/lib.so");
        assert_eq!(with(Some(OsStr::new("/a.so b.so"))), "/c/lib.so:/a.so:b.so");
        assert_eq!(with(Some(OsStr::new("/a.so:/c/lib.so"))), "/c/lib.so:/a.so");
    }

    #[test]
    fn damage_is_repaired_and_a_whole_file_is_kept() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let folder = folder.path().join("spandrel");
        let path = unpack_into(&folder, b"library").expect("unpacks");
        let written = path.metadata().and_then(|metadata| metadata.modified()).expect("is there");
        assert_eq!(unpack_into(&folder, b"library").expect("is found"), path);
        assert_eq!(path.metadata().and_then(|metadata| metadata.modified()).expect("is there"), written);
        for damage in [b"librarx".as_slice(), b"lib", b""] {
            std::fs::write(&path, damage).expect("can be damaged");
            assert_eq!(unpack_into(&folder, b"library").expect("is repaired"), path);
            assert_eq!(std::fs::read(&path).expect("is there"), b"library");
        }
        assert_ne!(unpack_into(&folder, b"Library").expect("unpacks"), path);
        assert_eq!(std::fs::read_dir(&folder).expect("a folder").count(), 2, "no temporary file is left");
    }

    #[test]
    fn a_folder_that_others_may_write_to_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let open = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(folder.path(), open).expect("can be opened");
        assert!(unpack_into(folder.path(), b"library").is_err());
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/", &link).expect("can be linked");
        assert!(unpack_into(&link, b"library").is_err());
    }
}
