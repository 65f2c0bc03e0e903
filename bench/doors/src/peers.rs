//! The list of the peers: how each comes by its library, and what it needs beside it.

use crate::door::Library;
use crate::workshop::Workshop;
use crate::{cargo_built, debian, glibc, jemalloc, mimalloc, rpmalloc, snmalloc, tcmalloc};

/// A variable of the environment and its value.
pub(crate) type Variable = (&'static str, &'static str);

/// An allocator that programs can be run with.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    /// Builds the library, or finds it, given the peer's name; the error is one line.
    pub(crate) make: fn(&Workshop, &'static str) -> Result<Library, String>,
    pub(crate) env: &'static [Variable],
}

const fn peer(name: &'static str, make: fn(&Workshop, &'static str) -> Result<Library, String>) -> Peer {
    Peer { name, make, env: &[] }
}

/// glibc registers a thread's restartable sequences for itself, and TCMalloc then has no caches per CPU.
const LEAVE_RSEQ: Variable = ("GLIBC_TUNABLES", "glibc.pthread.rseq=0");

/// All peers, in the order of the lines.
pub(crate) const PEERS: &[Peer] = &[
    peer("spandrel", cargo_built::spandrel),
    peer("glibc", glibc::installed),
    peer("mimalloc", mimalloc::version_3),
    peer("mimalloc2", mimalloc::version_2),
    peer("jemalloc", jemalloc::build),
    peer("rusty", cargo_built::rusty),
    peer("rallocator", rallocator),
    peer("snmalloc", snmalloc::build),
    Peer { name: "tcmalloc", make: tcmalloc::build, env: &[LEAVE_RSEQ] },
    peer("rpmalloc", rpmalloc::build),
    peer("ferroc", ferroc),
    peer("debian-mimalloc", debian::mimalloc),
    peer("debian-jemalloc", debian::jemalloc),
    peer("debian-tcmalloc", debian::tcmalloc),
];

fn rallocator(_: &Workshop, _: &'static str) -> Result<Library, String> {
    Err("has no preload door: it does not tell the size of a block, which realloc and malloc_usable_size need"
        .to_owned())
}

fn ferroc(_: &Workshop, _: &'static str) -> Result<Library, String> {
    Err("does not build: ferroc 1.0.0-pre.3 needs a nightly compiler, older than 1.97".to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::PEERS;

    #[test]
    fn no_two_peers_share_a_name() {
        let names: BTreeSet<&str> = PEERS.iter().map(|peer| peer.name).collect();
        assert_eq!(names.len(), PEERS.len());
    }
}
