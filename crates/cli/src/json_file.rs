//! The file of `--json`: claimed before the program starts, complete or untouched when it ends.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use spandrel_report::schema::RunReport;
use tempfile::NamedTempFile;

use crate::failure::Failure;

/// A place for JSON that is known to be writable.
#[derive(Debug)]
pub(crate) struct JsonFile {
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

impl JsonFile {
    /// Claims `path`.
    ///
    /// # Errors
    /// Nothing can be written there.
    pub(crate) fn claim(path: &Path) -> Result<Self, Failure> {
        let sink = open(path).map_err(|error| {
            Failure::new(format_args!("cannot write JSON to `{}`: {error}", path.display()))
        })?;
        Ok(Self { shown: path.to_path_buf(), sink })
    }

    /// Writes the report and puts the file in its place.
    pub(crate) fn write(self, report: &RunReport) -> Result<(), Failure> {
        let written = match self.sink {
            Sink::Replace { mut file, target } => write_json(&mut file, report)
                .and_then(|()| file.persist(target).map(drop).map_err(io::Error::from)),
            Sink::Append(mut file) => write_json(&mut file, report),
        };
        written.map_err(|error| {
            Failure::new(format_args!("cannot write JSON to `{}`: {error}", self.shown.display()))
        })
    }
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

fn write_json(file: &mut impl Write, report: &RunReport) -> io::Result<()> {
    let mut writer = BufWriter::new(file);
    serde_json::to_writer_pretty(&mut writer, report)?;
    writer.write_all(b"\n")?;
    writer.flush()
}
