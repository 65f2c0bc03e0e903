//! How much memory a file may ask for.

use std::io::Read;

use flate2::read::MultiGzDecoder;

use crate::read::ReadError;

/// Bounds for what comes from outside.
///
/// A file of a few kilobytes can unpack to gigabytes, and two bytes of a message can ask for a hundred bytes
/// of memory. Within the default bounds a hostile file gets a few gigabytes at most; no honest profile
/// that we know of comes near them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a file after unpacking.
    pub unpacked_bytes: u64,
    /// Samples, labels, locations, lines, functions, mappings and texts, all together.
    pub entries: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { unpacked_bytes: 256 << 20, entries: 16 << 20 }
    }
}

impl Limits {
    /// The content of a gzip file.
    pub(crate) fn unpack(&self, packed: &[u8]) -> Result<Vec<u8>, ReadError> {
        let mut unpacked = Vec::new();
        let mut reader = MultiGzDecoder::new(packed).take(self.unpacked_bytes.saturating_add(1));
        reader.read_to_end(&mut unpacked).map_err(|error| ReadError::Gzip(error.to_string()))?;
        self.check_size(unpacked.len())?;
        Ok(unpacked)
    }

    /// Whether so many bytes are within bounds.
    pub(crate) fn check_size(&self, bytes: usize) -> Result<(), ReadError> {
        if bytes as u64 > self.unpacked_bytes {
            return Err(ReadError::TooLarge { bytes_max: self.unpacked_bytes });
        }
        Ok(())
    }

    /// Whether so many entries are.
    pub(crate) fn check_entries(&self, entries: u64) -> Result<(), ReadError> {
        if entries > self.entries {
            return Err(ReadError::TooManyEntries { entries_max: self.entries });
        }
        Ok(())
    }
}
