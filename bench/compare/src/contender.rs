//! The contenders: which there are, and what each needs to take part on a track.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::track::Track;

/// An allocator that can take part.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) name: &'static str,
    /// It takes part unless others are named.
    pub(crate) by_default: bool,
    /// There is a crate of it, so that it can be the global allocator of a Rust program.
    has_crate: bool,
}

impl Known {
    /// Whether it can take part on `track`.
    pub(crate) fn runs_on(&self, track: Track) -> bool {
        self.has_crate || track.profile().is_none()
    }
}

const fn crated(name: &'static str, by_default: bool) -> Known {
    Known { name, by_default, has_crate: true }
}

const fn packaged(name: &'static str) -> Known {
    Known { name, by_default: false, has_crate: false }
}

/// All contenders, in the order of the tables' columns.
pub(crate) const KNOWN: &[Known] = &[
    crated("spandrel", true),
    crated("glibc", true),
    crated("mimalloc", true),
    crated("mimalloc2", false),
    crated("jemalloc", true),
    crated("rusty", true),
    crated("rallocator", true),
    crated("snmalloc", true),
    crated("tcmalloc", true),
    crated("rpmalloc", true),
    crated("ferroc", true),
    packaged("debian-mimalloc"),
    packaged("debian-jemalloc"),
    packaged("debian-tcmalloc"),
];

/// An allocator that takes part on a track.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Contender {
    pub(crate) track: Track,
    /// Name in tables and on the command line.
    pub(crate) name: String,
    /// Its program on the Rust tracks, its shared object on the others; none for the C library's own
    /// allocator there.
    pub(crate) path: Option<PathBuf>,
    /// Variables that it alone is given.
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) version: Option<String>,
    /// Age of the program or shared object.
    pub(crate) built_minutes_ago: Option<u64>,
    /// Why it cannot run.
    pub(crate) error: Option<String>,
}

impl Contender {
    /// The contender with its file at `path`, or why there is none.
    pub(crate) fn new(track: Track, name: &str, path: Result<Option<PathBuf>, String>) -> Contender {
        let (path, error) = match path {
            Ok(path) => (path, None),
            Err(error) => (None, Some(error)),
        };
        Contender {
            track,
            name: name.to_owned(),
            built_minutes_ago: path.as_deref().and_then(age_minutes),
            path,
            env: BTreeMap::new(),
            version: None,
            error,
        }
    }

    /// Name, version, age and variables on one line.
    pub(crate) fn text(&self) -> String {
        let mut text = self.name.clone();
        if let Some(version) = &self.version {
            text += &format!(" {version}");
        }
        if let Some(minutes) = self.built_minutes_ago {
            text += &format!(" (built {minutes} min ago)");
        }
        for (name, value) in &self.env {
            text += &format!(" with {name}={value}");
        }
        text
    }
}

fn age_minutes(path: &Path) -> Option<u64> {
    let built = path.metadata().ok()?.modified().ok()?;
    let age = SystemTime::now().duration_since(built).ok()?;
    Some(age.as_secs() / 60)
}
