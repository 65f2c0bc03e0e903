//! From bytes to a profile: which form it is, and what can be wrong.

use std::fmt;

use crate::limits::Limits;
use crate::model::Profile;
use crate::{pprof, text};

/// The form that a profile had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// pprof's protobuf, with or without gzip.
    Pprof,
    /// jemalloc's `heap_v2`.
    Jemalloc,
    /// The text form of tcmalloc, gperftools and Go (`debug=1`).
    Tcmalloc,
}

/// Why bytes are no profile. Each is told in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadError {
    /// There is nothing.
    Empty,
    /// The gzip around it is damaged or cut off.
    Gzip(String),
    /// It unpacks to more than [`Limits::unpacked_bytes`].
    TooLarge {
        /// The bound.
        bytes_max: u64,
    },
    /// It has more than [`Limits::entries`].
    TooManyEntries {
        /// The bound.
        entries_max: u64,
    },
    /// It is something else altogether.
    NotAProfile(String),
    /// It is a profile, and something in it is wrong.
    Malformed(String),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "the file is empty"),
            Self::Gzip(why) => write!(f, "the gzip data is damaged or cut off: {why}"),
            Self::TooLarge { bytes_max } => write!(f, "it unpacks to more than {} MiB", bytes_max >> 20),
            Self::TooManyEntries { entries_max } => write!(f, "it has more than {entries_max} entries"),
            Self::NotAProfile(why) => write!(f, "it is not a heap profile: {why}"),
            Self::Malformed(why) => write!(f, "the profile is damaged: {why}"),
        }
    }
}

impl std::error::Error for ReadError {}

impl ReadError {
    pub(crate) fn malformed(why: impl fmt::Display) -> Self {
        Self::Malformed(why.to_string())
    }
}

/// Reads a profile in any of the forms, within the default [`Limits`].
///
/// ```
/// use spandrel_profile::{Builder, Format, ValueType, read, write};
///
/// let mut builder = Builder::new(&[ValueType::new("inuse_space", "bytes")]);
/// builder.sample(vec![], vec![], &[42]);
/// let mut file = Vec::new();
/// write(&builder.finish(), &mut file)?;
///
/// let (profile, format) = read(&file).map_err(std::io::Error::other)?;
/// assert_eq!((profile.samples[0].values[0], format), (42, Format::Pprof));
/// assert!(read(b"hello").is_err());
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// The bytes are no profile, or a damaged one, or too much.
pub fn read(bytes: &[u8]) -> Result<(Profile, Format), ReadError> {
    read_with(bytes, &Limits::default())
}

/// The same within other limits.
///
/// # Errors
/// The bytes are no profile, or a damaged one, or too much.
pub fn read_with(bytes: &[u8], limits: &Limits) -> Result<(Profile, Format), ReadError> {
    const GZIP: [u8; 2] = [0x1f, 0x8b];
    let unpacked;
    let bytes = if bytes.starts_with(&GZIP) {
        unpacked = limits.unpack(bytes)?;
        &unpacked
    } else {
        limits.check_size(bytes.len())?;
        bytes
    };
    if bytes.is_empty() {
        return Err(ReadError::Empty);
    }
    match text::form(bytes) {
        Some(Format::Jemalloc) => text::read_jemalloc(bytes, limits).map(|it| (it, Format::Jemalloc)),
        Some(form) => text::read_tcmalloc(bytes, limits).map(|it| (it, form)),
        None => pprof::decode(bytes, limits).map(|it| (it, Format::Pprof)),
    }
}
