//! What an allocator can be caught doing wrong.

use core::fmt;

/// One broken promise of an allocator, with what is needed to look for its cause. Holds no heap memory, so it
/// can be made and passed on while the allocator is in ruins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// A request that must succeed was answered with null.
    Null {
        /// Size of the request in bytes.
        bytes: usize,
        /// Alignment of the request in bytes.
        align: usize,
    },
    /// A request that cannot be served was answered with memory.
    Granted {
        /// Size of the request in bytes.
        bytes: usize,
        /// Alignment of the request in bytes.
        align: usize,
    },
    /// The address is not a multiple of the alignment.
    Misaligned {
        /// What was returned.
        address: usize,
        /// Alignment of the request in bytes.
        align: usize,
    },
    /// The allocator says that a block has less room than was asked for.
    UsableTooSmall {
        /// What the allocator says, in bytes.
        usable_bytes: usize,
        /// What was asked for, in bytes.
        bytes: usize,
    },
    /// A block shares bytes with another live one.
    Overlap {
        /// Where the block starts.
        address: usize,
        /// How many bytes are its own.
        extent_bytes: usize,
        /// Where the block starts that was there before.
        other_address: usize,
        /// How many bytes were that one's own.
        other_extent_bytes: usize,
    },
    /// Memory that was promised to be zero is not.
    NotZero {
        /// Where the block starts.
        address: usize,
        /// Its size in bytes.
        bytes: usize,
        /// Where in the block the first such byte lies.
        offset: usize,
    },
    /// A live block no longer holds what its owner wrote.
    Contents {
        /// Where the block starts.
        address: usize,
        /// How many of its bytes were checked.
        bytes: usize,
        /// Where in the block the first wrong byte lies.
        offset: usize,
        /// What that byte is now.
        found: u8,
    },
    /// `realloc` did not carry over what both sizes have room for.
    Lost {
        /// Size before, in bytes.
        old_bytes: usize,
        /// Size after, in bytes.
        new_bytes: usize,
        /// Where in the block the first wrong byte lies.
        offset: usize,
    },
}

impl Fault {
    /// A small number for each kind, for what has no better way to speak than an exit code; never zero.
    pub fn code(&self) -> i32 {
        match self {
            Self::Null { .. } => 1,
            Self::Granted { .. } => 2,
            Self::Misaligned { .. } => 3,
            Self::UsableTooSmall { .. } => 4,
            Self::Overlap { .. } => 5,
            Self::NotZero { .. } => 6,
            Self::Contents { .. } => 7,
            Self::Lost { .. } => 8,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Null { bytes, align } => write!(f, "null for {bytes} bytes aligned to {align}"),
            Self::Granted { bytes, align } => {
                write!(f, "memory for an impossible {bytes} bytes aligned to {align}")
            }
            Self::Misaligned { address, align } => {
                write!(f, "{address:#x} is not aligned to {align}")
            }
            Self::UsableTooSmall { usable_bytes, bytes } => {
                write!(f, "usable size {usable_bytes} of a block of {bytes} bytes")
            }
            Self::Overlap { address, extent_bytes, other_address, other_extent_bytes } => write!(
                f,
                "block {address:#x} of {extent_bytes} bytes overlaps \
                 the live block {other_address:#x} of {other_extent_bytes}"
            ),
            Self::NotZero { address, bytes, offset } => {
                write!(f, "byte {offset} of the zeroed block {address:#x} of {bytes} bytes is not zero")
            }
            Self::Contents { address, bytes, offset, found } => write!(
                f,
                "byte {offset} of the live block {address:#x} of {bytes} bytes was overwritten \
                 and is now {found:#04x}"
            ),
            Self::Lost { old_bytes, new_bytes, offset } => {
                write!(f, "realloc from {old_bytes} to {new_bytes} bytes lost byte {offset}")
            }
        }
    }
}

impl std::error::Error for Fault {}
