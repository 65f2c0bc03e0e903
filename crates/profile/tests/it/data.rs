//! The shared test data beside the workspace.

use std::path::PathBuf;

use spandrel_profile::{Profile, read};

/// The folder of Go's profiles.
pub(crate) fn folder() -> PathBuf {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/go_profiles"));
    assert!(folder.is_dir(), "the test data is missing: put it at `../shared/data` beside the workspace");
    folder
}

/// The bytes of a file.
pub(crate) fn bytes(name: &str) -> Vec<u8> {
    let path = folder().join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A text file.
pub(crate) fn text(name: &str) -> String {
    String::from_utf8(bytes(name)).expect("the test data is UTF-8")
}

/// One of Go's profiles.
pub(crate) fn go_profile(name: &str) -> Profile {
    read(&bytes(&format!("{name}.heap.pb.gz"))).expect("Go writes sound profiles").0
}

/// All of them.
pub(crate) const GO_PROFILES: [&str; 5] =
    ["jsonsrv", "jsonsrv_rate1", "mapcache", "mapcache_early", "mapcache_rate1"];
/// The sample types of all of them.
pub(crate) const SAMPLE_TYPES: [&str; 4] = ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"];
