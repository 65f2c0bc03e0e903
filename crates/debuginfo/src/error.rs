//! What can be wrong with a file, in one line.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A file cannot be used, and why.
#[derive(Debug)]
pub struct Error {
    /// The file that was asked for.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What is wrong with a file.
#[derive(Debug)]
#[non_exhaustive]
pub enum Reason {
    /// The system does not let us read it.
    Io(io::Error),
    /// It is a folder, a pipe or a device.
    NotAFile,
    /// It has no bytes.
    Empty,
    /// It is no ELF file.
    NotElf,
    /// It is an ELF file that contradicts itself; what exactly.
    Damaged(String),
    /// Neither it nor a file that belongs to it has debug information.
    NoDebugInfo {
        /// The build id by which a debug file would be found, in hexadecimal digits.
        build_id: Option<String>,
    },
    /// The supplementary file that it names cannot be found; the name.
    NoSupplement(String),
}

impl Error {
    pub(crate) fn new(path: &Path, reason: Reason) -> Self {
        Self { path: path.to_path_buf(), reason }
    }

    pub(crate) fn damaged(path: &Path, what: impl fmt::Display) -> Self {
        Self::new(path, Reason::Damaged(what.to_string()))
    }
}

impl From<gimli::Error> for Reason {
    fn from(error: gimli::Error) -> Self {
        Self::Damaged(error.to_string())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.reason {
            Reason::Io(error) if error.kind() == io::ErrorKind::NotFound => {
                write!(f, "`{path}` does not exist")
            }
            Reason::Io(error) => write!(f, "cannot read `{path}`: {error}"),
            Reason::NotAFile => write!(f, "`{path}` is no regular file"),
            Reason::Empty => write!(f, "`{path}` is empty"),
            Reason::NotElf => write!(f, "`{path}` is no ELF file"),
            Reason::Damaged(what) => write!(f, "`{path}` is damaged: {what}"),
            Reason::NoDebugInfo { build_id: None } => {
                write!(f, "`{path}` has no debug information: compile it with -g and do not strip it")
            }
            Reason::NoDebugInfo { build_id: Some(id) } => write!(
                f,
                "`{path}` has no debug information, and no debug file for its build id {id} is installed: \
                 compile it with -g, or install its debug symbols"
            ),
            Reason::NoSupplement(name) => {
                write!(f, "`{path}` shares debug information with `{name}`, which was not found")
            }
        }
    }
}

impl std::error::Error for Error {}
