//! Where the debug information of a stripped file is: by build id, then by debug link.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::object_file::{Links, ObjectFile};

/// Folders in which distributions keep debug information.
#[derive(Clone, Debug)]
pub struct Search {
    /// Each may hold `.build-id/ab/cdef.debug`, and the tree of the system again.
    pub debug_folders: Vec<PathBuf>,
}

impl Default for Search {
    /// The one that all of them use, `/usr/lib/debug`.
    fn default() -> Self {
        Self { debug_folders: vec![PathBuf::from("/usr/lib/debug")] }
    }
}

impl Search {
    /// The file with the debug information of the stripped file at `path`, which has these links.
    pub(crate) fn debug_file(&self, path: &Path, links: &Links) -> Option<ObjectFile> {
        let by_id = links.build_id.iter().flat_map(|id| self.by_build_id(id));
        let by_id = by_id.filter(|candidate| !is_same_file(candidate, path));
        if let Some(found) = by_id.filter_map(|candidate| with_debug_info(&candidate)).next() {
            return Some(found);
        }
        let (name, checksum) = links.debug_link.as_ref()?;
        let by_link = self.by_debug_link(path, name).into_iter();
        let mut by_link = by_link.filter(|candidate| !is_same_file(candidate, path));
        by_link.find_map(|candidate| {
            with_debug_info(&candidate).filter(|found| belongs(found, links, *checksum))
        })
    }

    /// The supplementary file that the file at `path` names.
    pub(crate) fn supplement(&self, path: &Path, name: &[u8], build_id: &[u8]) -> Option<ObjectFile> {
        let folder = path.canonicalize().ok();
        let folder = folder.as_deref().unwrap_or(path).parent().unwrap_or(Path::new("."));
        let beside = folder.join(OsStr::from_bytes(name));
        let mut candidates = std::iter::once(beside).chain(self.by_build_id(build_id));
        candidates.find_map(|candidate| {
            let found = ObjectFile::open(&candidate).ok()?;
            let links = found.links().ok()?;
            links.build_id.is_none_or(|id| id == build_id).then_some(found)
        })
    }

    fn by_build_id(&self, id: &[u8]) -> Vec<PathBuf> {
        let digits = hex(id);
        if digits.len() < 4 {
            return Vec::new();
        }
        let (head, tail) = digits.split_at(2);
        let name = format!(".build-id/{head}/{tail}.debug");
        self.debug_folders.iter().map(|folder| folder.join(&name)).collect()
    }

    fn by_debug_link(&self, path: &Path, name: &[u8]) -> Vec<PathBuf> {
        let name = OsStr::from_bytes(name);
        let real = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        let folder = real.parent().unwrap_or(Path::new("/")).to_path_buf();
        let mut candidates = vec![folder.join(name), folder.join(".debug").join(name)];
        let below = folder.strip_prefix("/").unwrap_or(&folder);
        candidates.extend(self.debug_folders.iter().map(|root| root.join(below).join(name)));
        candidates
    }
}

fn with_debug_info(path: &Path) -> Option<ObjectFile> {
    let file = ObjectFile::open(path).ok()?;
    file.has_section(".debug_info").ok()?.then_some(file)
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    one.canonicalize().ok().zip(other.canonicalize().ok()).is_some_and(|(one, other)| one == other)
}

/// Whether a file that was found by name was made from the stripped one: their build ids are equal, or
/// without these its checksum is the one that the link names.
fn belongs(found: &ObjectFile, links: &Links, checksum: u32) -> bool {
    match (found.links().ok().and_then(|links| links.build_id), &links.build_id) {
        (Some(one), Some(other)) => one == *other,
        _ => crc32(found.path()) == Some(checksum),
    }
}

fn crc32(path: &Path) -> Option<u32> {
    let mut file = File::open(path).ok()?;
    let mut hasher = crc32fast::Hasher::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer).ok()? {
            0 => return Some(hasher.finalize()),
            len => hasher.update(&buffer[..len]),
        }
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
