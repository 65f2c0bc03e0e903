//! What is known about a peer's library once it was built: the line that `doors build` prints.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use crate::peers::{Peer, Variable};
use crate::workshop::Workshop;
use crate::{exports, probe};

/// A library that was found or built.
#[derive(Debug)]
pub(crate) struct Library {
    /// Where it lies; none for glibc, before which nothing is put.
    pub(crate) path: Option<PathBuf>,
    /// The version of the allocator in it, as its authors count.
    pub(crate) version: String,
}

/// One peer's line. `library` is null where there is nothing to preload, and `error` says why when that is a
/// failure.
#[derive(Debug, Serialize)]
pub(crate) struct Door {
    pub(crate) name: &'static str,
    pub(crate) library: Option<PathBuf>,
    pub(crate) version: Option<String>,
    /// Variables that the peer needs besides `LD_PRELOAD`.
    pub(crate) env: BTreeMap<&'static str, &'static str>,
    pub(crate) error: Option<String>,
}

impl Door {
    /// Builds the peer's library if need be, and looks whether programs can be run with it.
    pub(crate) fn of(peer: &Peer, workshop: &Workshop) -> Door {
        let env = peer.env.iter().copied().collect();
        match (peer.make)(workshop, peer.name).and_then(|library| checked(library, peer.env)) {
            Ok(Library { path, version }) => {
                Door { name: peer.name, library: path, version: Some(version), env, error: None }
            }
            Err(reason) => Door { name: peer.name, library: None, version: None, env, error: Some(reason) },
        }
    }

    /// The line, without its end.
    ///
    /// # Panics
    /// When the library's path is not UTF-8, of which JSON is made.
    pub(crate) fn to_line(&self) -> String {
        serde_json::to_string(self).expect("paths of a target folder are UTF-8")
    }
}

fn checked(library: Library, env: &[Variable]) -> Result<Library, String> {
    if let Some(path) = &library.path {
        exports::check(path)?;
        probe::run(path, env)?;
    }
    Ok(library)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::Door;

    #[test]
    fn the_line_is_as_the_runner_reads_it() {
        let door = Door {
            name: "tcmalloc",
            library: Some("/t/libtcmalloc.so".into()),
            version: Some("1".to_owned()),
            env: BTreeMap::from([("K", "V")]),
            error: None,
        };
        assert_eq!(
            door.to_line(),
            r#"{"name":"tcmalloc","library":"/t/libtcmalloc.so","version":"1","env":{"K":"V"},"error":null}"#
        );
        let failed = Door { library: None, version: None, error: Some("why".to_owned()), ..door };
        assert!(failed.to_line().contains(r#""library":null,"version":null"#), "{}", failed.to_line());
    }
}
