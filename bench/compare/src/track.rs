//! The ways into an allocator, each with tables of its own: figures of two tracks are never compared.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One way in which programs are given an allocator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Track {
    /// As `#[global_allocator]`, compiled as cargo does it by default.
    RustRelease,
    /// As `#[global_allocator]`, with fat link-time optimisation.
    RustLto,
    /// Under C programs that know nothing of it, by `LD_PRELOAD`.
    Preload,
    /// Under programs that people use, by `LD_PRELOAD`.
    Programs,
}

/// All tracks, in the order of the tables.
pub(crate) const ALL: [Track; 4] = [Track::RustRelease, Track::RustLto, Track::Preload, Track::Programs];

impl Track {
    /// The profile that cargo builds this track's contenders with, if they are programs in Rust.
    pub(crate) fn profile(self) -> Option<&'static str> {
        match self {
            Track::RustRelease => Some("release"),
            Track::RustLto => Some("lto"),
            Track::Preload | Track::Programs => None,
        }
    }

    /// Two times that differ by less than this share are taken for equal.
    pub(crate) fn tolerance(self) -> f64 {
        match self {
            Track::RustRelease | Track::RustLto => 0.03,
            Track::Preload => 0.05,
            Track::Programs => 0.02,
        }
    }
}

impl fmt::Display for Track {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Track::RustRelease => "Rust programs, release",
            Track::RustLto => "Rust programs, fat LTO",
            Track::Preload => "C patterns, preloaded",
            Track::Programs => "real programs, preloaded",
        })
    }
}
