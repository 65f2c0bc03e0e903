//! Where things are: the folder of the libraries, and the sources that crates bundle.

use std::env;
use std::path::{Path, PathBuf};

use cargo_metadata::{Metadata, MetadataCommand};

/// The folder of this workspace, whose cargo configuration the builds need.
pub(crate) const BENCH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// What every build asks.
#[derive(Debug)]
pub(crate) struct Workshop {
    target: PathBuf,
    metadata: Metadata,
}

impl Workshop {
    /// Asks cargo where the crates lie that the contenders are made of, which fetches them if need be: the
    /// libraries hold the same versions as the contenders.
    pub(crate) fn open() -> Result<Workshop, String> {
        let metadata = MetadataCommand::new()
            .manifest_path(Path::new(BENCH).join("Cargo.toml"))
            .exec()
            .map_err(|error| format!("cargo metadata: {error}"))?;
        Ok(Workshop { target: target_folder()?, metadata })
    }

    /// The target folder that this program runs from.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// Where the peer's library goes.
    pub(crate) fn library(&self, name: &str) -> PathBuf {
        self.target.join("doors").join(format!("lib{name}.so"))
    }

    /// Where the peer's intermediate files go.
    pub(crate) fn scratch(&self, name: &str) -> PathBuf {
        self.target.join("doors").join("scratch").join(name)
    }

    /// The crate's folder.
    pub(crate) fn sources(&self, package: &str) -> Result<PathBuf, String> {
        let manifest = &self.package(package)?.manifest_path;
        let folder = manifest.parent().ok_or_else(|| format!("{manifest} lies nowhere"))?;
        Ok(folder.as_std_path().to_owned())
    }

    /// The crate's version.
    pub(crate) fn version(&self, package: &str) -> Result<String, String> {
        Ok(self.package(package)?.version.to_string())
    }

    fn package(&self, name: &str) -> Result<&cargo_metadata::Package, String> {
        let mut found = self.metadata.packages.iter().filter(|package| package.name.as_str() == name);
        found.next().ok_or_else(|| format!("no contender uses the crate {name}"))
    }
}

/// The target folder that this program runs from.
fn target_folder() -> Result<PathBuf, String> {
    let program = env::current_exe().map_err(|error| format!("where this program lies: {error}"))?;
    let in_deps = |folder: &&Path| folder.ends_with("deps");
    let profile_folder =
        program.parent().map(|folder| if in_deps(&folder) { folder.parent() } else { Some(folder) });
    profile_folder
        .flatten()
        .and_then(Path::parent)
        .map(Path::to_owned)
        .ok_or_else(|| format!("{} does not lie in a target folder", program.display()))
}
