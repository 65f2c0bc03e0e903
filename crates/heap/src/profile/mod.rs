//! Heap profiles: what was allocated and is in use, by call stack, as pprof shows it.
//!
//! A profile is an estimate from samples: one allocation for about every 512 KiB, as in Go. Each sample
//! counts as many times as allocations of its size are passed over, so every sum in a profile is unbiased; a
//! comment in it says how far the sum of all is from what the allocator has counted, and how far it may be
//! expected to be. The option `memprofilerate=` sets another distance between samples, `1` samples everything
//! and is exact, `0` turns sampling off. With a rate set so, it is kept to exactly; otherwise a thread whose
//! samples would cost more than about a six-hundredth of its time takes fewer.
//!
//! [`write_pprof`] makes a file for `go tool pprof` and `spandrel report`; [`write()`] does the same to an
//! open file, for whoever serves profiles. A [`Snapshot`] is kept to see later what has changed.

pub(crate) mod gzip;
pub(crate) mod mappings;
pub(crate) mod message;
mod occasions;
pub(crate) mod pprof;
pub(crate) mod rows;
pub(crate) mod slab;
mod snapshot;
pub(crate) mod stacks;
pub(crate) mod texts;
pub(crate) mod wire;

use core::ffi::CStr;

use spandrel_platform::bytes::Bytes;
use spandrel_platform::memory::{map_outside, release_outside};
use spandrel_platform::process::{close_file, create_file, is_special, rename_file, write_all};

pub(crate) use occasions::{at_end, begin, begin_child, expand_path, notice, out_of_memory};

pub use snapshot::Snapshot;

use crate::config::PROFILE_PATH_BYTES;
use crate::{sampler, sampling};
use mappings::Mappings;

/// What a profile shows first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What is in use, as Go's `/debug/pprof/heap`.
    Heap,
    /// What was ever allocated, as Go's `/debug/pprof/allocs`: the same samples.
    Allocs,
    /// What was in use when the sampled bytes in use were at their highest, in place of what is now.
    Peak,
}

/// Why there is no profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProfileError {
    /// Sampling is off (`memprofilerate=0`).
    Off,
    /// The calling thread is in the middle of a sample: this is a signal handler.
    Busy,
    /// There is no memory to put the profile together.
    NoMemory,
    /// The file can't be made or written.
    File,
}

impl core::fmt::Display for ProfileError {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str(match self {
            Self::Off => "sampling is off (memprofilerate=0)",
            Self::Busy => "the thread is taking a sample",
            Self::NoMemory => "there is no memory to put the profile together",
            Self::File => "the file cannot be written",
        })
    }
}

impl core::error::Error for ProfileError {}

/// What the sampler has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SamplerStats {
    /// The mean distance between samples, in bytes; 0 when sampling is off.
    pub period_bytes: u64,
    /// Samples ever taken.
    pub samples: u64,
    /// Sampled objects in use.
    pub live_samples: u64,
    /// Samples that are counted but not told apart any more.
    pub dropped_samples: u64,
    /// Different rows: call stacks with sizes, threads and labels.
    pub rows: u64,
    /// Different call stacks.
    pub stacks: u64,
    /// Bytes that all samples stand for.
    pub estimated_bytes: u64,
    /// How far that is from the truth at most, in 95 of 100 processes.
    pub interval_bytes: u64,
}

/// What the sampler has done until now.
///
/// ```
/// let before = spandrel::profile::stats().samples;
/// let big = vec![0u8; 64 << 20];
/// assert!(spandrel::profile::stats().samples >= before);
/// # drop(big);
/// ```
#[must_use]
pub fn stats() -> SamplerStats {
    let stats = sampler::lock_profile(|profile| {
        let (rows, live_samples) = profile.rows.counts();
        SamplerStats {
            period_bytes: sampling::period(),
            samples: profile.rows.samples,
            live_samples: live_samples as u64,
            dropped_samples: profile.rows.dropped.samples,
            rows: rows as u64,
            stacks: profile.rows.stacks.used() as u64,
            estimated_bytes: profile.rows.bytes as u64,
            interval_bytes: pprof::half_interval(&profile.rows) as u64,
        }
    });
    stats.unwrap_or_default()
}

/// Writes a profile of what is in use now to a file at `path`, which is replaced when it is complete: a
/// gzip'd pprof message with addresses, for which `spandrel report` and `go tool pprof` find names. Allocates
/// nothing from the heap; other threads wait for their next sample until the profile is put together, not
/// until it is written.
///
/// # Errors
/// See [`ProfileError`]. A path of 507 bytes or more can't be written.
///
/// ```
/// #[global_allocator]
/// static ALLOC: spandrel::Spandrel = spandrel::Spandrel::new();
///
/// let path = std::env::temp_dir().join(format!("profile-{}.pb.gz", std::process::id()));
/// spandrel::profile::write_pprof(path.to_str().unwrap()).unwrap();
/// assert!(std::fs::metadata(&path).unwrap().len() > 100);
/// # std::fs::remove_file(path).unwrap();
/// ```
pub fn write_pprof(path: &str) -> Result<(), ProfileError> {
    write_to_path(path.as_bytes(), Kind::Heap)
}

/// Writes a profile to an open file, a pipe or a socket included.
///
/// # Errors
/// See [`ProfileError`]. When the file can't be written, part of the profile may be there.
pub fn write(file: i32, kind: Kind) -> Result<(), ProfileError> {
    write_message(file, assemble(kind)?.as_slice())
}

fn write_message(file: i32, message: &[u8]) -> Result<(), ProfileError> {
    match gzip::write(message, |piece| write_all(file, piece)) {
        true => Ok(()),
        false => Err(ProfileError::File),
    }
}

/// Puts the message of a profile together, not compressed.
pub(crate) fn assemble(kind: Kind) -> Result<Bytes, ProfileError> {
    if sampling::period() == 0 {
        return Err(ProfileError::Off);
    }
    let memory = map_outside(size_of::<Mappings>());
    if memory.is_null() {
        return Err(ProfileError::NoMemory);
    }
    // SAFETY: a fresh mapping of that size, all zero, which is a value: no mappings.
    let mappings = unsafe { &mut *memory.cast::<Mappings>() };
    mappings.read();
    let counted = pprof::Counted { bytes: sampling::allocated_bytes(), period: sampling::period() };
    let mut message = Bytes::new(usize::MAX);
    let is_whole =
        sampler::lock_profile(|profile| pprof::encode(&profile.rows, kind, mappings, counted, &mut message));
    // SAFETY: the mapping was made above.
    unsafe { release_outside(memory, size_of::<Mappings>()) };
    match is_whole {
        None => Err(ProfileError::Busy),
        Some(false) => Err(ProfileError::NoMemory),
        Some(true) => Ok(message),
    }
}

/// What the name of a file ends in until it is complete.
const PART: &[u8] = b".part";

pub(crate) fn write_to_path(path: &[u8], kind: Kind) -> Result<(), ProfileError> {
    if sampling::period() == 0 {
        return Err(ProfileError::Off);
    }
    replace_file(path, |file| write(file, kind))
}

/// Makes a file at `path` and lets it be written.
fn replace_file(
    path: &[u8],
    write: impl FnOnce(i32) -> Result<(), ProfileError>,
) -> Result<(), ProfileError> {
    let mut bytes = [0; PROFILE_PATH_BYTES];
    if path.len() + PART.len() >= bytes.len() {
        return Err(ProfileError::File);
    }
    bytes[..path.len()].copy_from_slice(path);
    let mut part = bytes;
    part[path.len()..path.len() + PART.len()].copy_from_slice(PART);
    let path = CStr::from_bytes_until_nul(&bytes).map_err(|_| ProfileError::File)?;
    let part = CStr::from_bytes_until_nul(&part).map_err(|_| ProfileError::File)?;
    // A device or a pipe is written to as it is. A file is replaced when the new one is complete, so that
    // whoever reads it meanwhile finds one of the two.
    let place = if is_special(path) { path } else { part };
    let file = create_file(place).ok_or(ProfileError::File)?;
    let result = write(file);
    close_file(file);
    if result.is_ok() && place == part && !rename_file(part, path) {
        return Err(ProfileError::File);
    }
    result
}

/// Starts sampling anew in the calling thread, with a period and a seed, for tests.
#[doc(hidden)]
pub fn restart(period_bytes: u64, seed: u64) {
    crate::caches::with((), |cache| sampling::restart(cache, period_bytes, seed));
}

/// Runs `action` as if a signal had come while a sample is taken, for tests.
#[doc(hidden)]
pub fn in_a_sample(action: impl FnOnce()) {
    sampler::lock_profile(|_| action());
}

/// Bits that depend on all bits of `word`.
fn mix(word: u64) -> u64 {
    crate::sampling_law::next_random(word).1
}
