//! Files that are written on demand (`--json`, `--flame`): claimed before the work starts, complete or
//! untouched when it ends.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tempfile::NamedTempFile;

use crate::failure::Failure;

/// A place that is known to be writable.
#[derive(Debug)]
pub(crate) struct OutputFile {
    /// What is written there, for messages.
    what: &'static str,
    shown: PathBuf,
    sink: Sink,
}

#[derive(Debug)]
enum Sink {
    /// A temporary file that takes the place of `target`.
    Replace { file: NamedTempFile, target: PathBuf },
    /// A pipe, a terminal, a device, or a file that somebody holds open: never replaced.
    Append(File),
}

impl OutputFile {
    /// Claims `path` for `what`.
    ///
    /// # Errors
    /// Nothing can be written there.
    pub(crate) fn claim(path: &Path, what: &'static str) -> Result<Self, Failure> {
        let sink = open(path).map_err(|error| failure(what, path, &error))?;
        Ok(Self { what, shown: path.to_path_buf(), sink })
    }

    /// Lets `content` write, and puts the file in its place.
    pub(crate) fn write(self, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
        let fill = |file: &mut dyn Write| {
            let mut writer = BufWriter::new(file);
            content(&mut writer)?;
            writer.flush()
        };
        let written = match self.sink {
            Sink::Replace { mut file, target } => {
                fill(&mut file).and_then(|()| file.persist(target).map(drop).map_err(io::Error::from))
            }
            Sink::Append(mut file) => fill(&mut file),
        };
        written.map_err(|error| failure(self.what, &self.shown, &error))
    }

    /// Writes a report as JSON.
    pub(crate) fn write_json(self, report: &impl Serialize) -> Result<(), Failure> {
        self.write(|mut file| {
            serde_json::to_writer_pretty(&mut file, report)?;
            file.write_all(b"\n")
        })
    }
}

fn failure(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::new(format_args!("cannot write {what} to `{}`: {error}", path.display()))
}

fn open(path: &Path) -> io::Result<Sink> {
    let is_open_elsewhere = path.starts_with("/dev") || path.starts_with("/proc");
    let target = match path.metadata() {
        Ok(metadata) if metadata.is_dir() => return Err(io::Error::other("it is a folder")),
        Ok(metadata) if is_open_elsewhere || !metadata.is_file() => {
            return OpenOptions::new().append(true).open(path).map(Sink::Append);
        }
        // A link keeps pointing at the file that is replaced.
        Ok(_) => path.canonicalize()?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_path_buf(),
        Err(error) => return Err(error),
    };
    if target.file_name().is_none() {
        return Err(io::Error::other("it does not name a file"));
    }
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = tempfile::Builder::new()
        .prefix(".spandrel-")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)
        .map_err(|error| io::Error::new(error.kind(), reason(folder, &error)))?;
    Ok(Sink::Replace { file, target })
}

/// The error without the temporary name, which means nothing to anybody.
fn reason(folder: &Path, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => format!("the folder `{}` does not exist", folder.display()),
        kind => format!("{kind} in the folder `{}`", folder.display()),
    }
}
