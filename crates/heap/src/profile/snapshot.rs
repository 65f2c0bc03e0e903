//! A profile as it was at one time, to see later what has changed.

use spandrel_platform::bytes::Bytes;
use spandrel_platform::thread::now_ns;

use super::{Kind, ProfileError, assemble, message, replace_file, write_message};
use crate::config::PROFILE_MESSAGE_BYTES;

/// The profile of one moment. What has changed since is written as a profile of its own: of what was in use
/// and what was allocated then and now, the difference, which is negative where more was freed. What is the
/// same is left out. The endpoint `/debug/pprof/heap?seconds=N` does this for N seconds.
///
/// A snapshot lies outside the heap and is as large as a profile that is not compressed: some hundred bytes
/// for each call stack.
///
/// ```
/// #[global_allocator]
/// static ALLOC: spandrel::Spandrel = spandrel::Spandrel::new();
///
/// let before = spandrel::profile::Snapshot::take().unwrap();
/// let kept = vec![1u8; 16 << 20];
/// let path = std::env::temp_dir().join(format!("change-{}.pb.gz", std::process::id()));
/// before.write_pprof(path.to_str().unwrap()).unwrap();
/// assert!(std::fs::metadata(&path).unwrap().len() > 100);
/// # std::fs::remove_file(path).unwrap();
/// # drop(kept);
/// ```
#[derive(Debug)]
pub struct Snapshot {
    message: Bytes,
    kind: Kind,
    taken_ns: u64,
}

impl Snapshot {
    /// Takes the profile of this moment. Allocates nothing from the heap.
    ///
    /// # Errors
    /// See [`ProfileError`].
    pub fn take() -> Result<Self, ProfileError> {
        Self::of(Kind::Heap)
    }

    /// The same for a profile that shows something else first.
    pub(crate) fn of(kind: Kind) -> Result<Self, ProfileError> {
        Ok(Self { message: assemble(kind)?, kind, taken_ns: now_ns() })
    }

    /// Writes what has changed since to a file at `path`, as [`super::write_pprof`] does with all; the
    /// snapshot stays as it is.
    ///
    /// # Errors
    /// See [`ProfileError`]. A path of 507 bytes or more can't be written.
    pub fn write_pprof(&self, path: &str) -> Result<(), ProfileError> {
        let change = self.change()?;
        replace_file(path.as_bytes(), |file| write_message(file, change.as_slice()))
    }

    /// The same to an open file, a pipe or a socket included.
    ///
    /// # Errors
    /// See [`ProfileError`]. When the file can't be written, part of the profile may be there.
    pub fn write(&self, file: i32) -> Result<(), ProfileError> {
        write_message(file, self.change()?.as_slice())
    }

    /// What has changed, as a message that is not compressed.
    pub(crate) fn change(&self) -> Result<Bytes, ProfileError> {
        let now = assemble(self.kind)?;
        let mut change = Bytes::new(PROFILE_MESSAGE_BYTES);
        message::subtract(now.as_slice(), self.message.as_slice(), now_ns() - self.taken_ns, &mut change);
        if change.is_cut() { Err(ProfileError::NoMemory) } else { Ok(change) }
    }
}
