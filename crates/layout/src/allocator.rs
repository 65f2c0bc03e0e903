//! What an object costs in each allocator: its size, rounded up, with what is stored beside it.
//!
//! A record that shrinks by eight bytes shrinks no heap as long as it stays in its size class. So advice is
//! worth what the allocator makes of it, and each allocator rounds in its own way.

use std::fmt;
use std::str::FromStr;

use spandrel_classes::{PAGE_BYTES, SMALL_BYTES_MAX, c_class_of, class_of, object_bytes};

use crate::model::Language;

/// An allocator whose rounding is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Allocator {
    /// Spandrel: Go's classes; C and C++ objects of more than 8 bytes are aligned to 16.
    Spandrel,
    /// Go's runtime: its classes, and a header before large objects with pointers.
    Go,
    /// GNU's `malloc`: a word beside each chunk, multiples of 16.
    Glibc,
    /// jemalloc 5: four classes in each doubling.
    Jemalloc,
    /// mimalloc 2 and 3: the same, from another start.
    Mimalloc,
    /// TCMalloc as of gperftools: at most an eighth is lost.
    Tcmalloc,
}

/// All of them.
pub const ALLOCATORS: [Allocator; 6] = [
    Allocator::Spandrel,
    Allocator::Go,
    Allocator::Glibc,
    Allocator::Jemalloc,
    Allocator::Mimalloc,
    Allocator::Tcmalloc,
];

/// An object as far as an allocator can tell it from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its size.
    pub bytes: u64,
    /// Its alignment.
    pub align: u64,
    /// Whether it has pointers; Go's collector treats those without apart.
    pub has_pointers: bool,
    /// The language that allocates it.
    pub language: Language,
    /// Bytes of a pointer.
    pub pointer_bytes: u64,
}

/// The page of the operating system.
const OS_PAGE_BYTES: u64 = 4096;
/// From here on, glibc gives a chunk a mapping of its own.
const GLIBC_MAPPED_BYTES: u64 = 128 << 10;
/// mimalloc gives larger objects slices of their own.
const MIMALLOC_MEDIUM_BYTES_MAX: u64 = 128 << 10;
const MIMALLOC_SLICE_BYTES: u64 = 64 << 10;
/// The largest size of four classes in each doubling; larger ones have whole pages.
const QUARTERS_BYTES_MAX: u64 = 1 << 62;

impl Allocator {
    /// The name by which options call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Spandrel => "spandrel",
            Self::Go => "go",
            Self::Glibc => "glibc",
            Self::Jemalloc => "jemalloc",
            Self::Mimalloc => "mimalloc",
            Self::Tcmalloc => "tcmalloc",
        }
    }

    /// The bytes that an object takes on the heap; 0 for one of no size, which is never allocated.
    ///
    /// ```
    /// use spandrel_layout::{Allocator, Language, Object};
    ///
    /// let c = Object { bytes: 33, align: 1, has_pointers: false, language: Language::C, pointer_bytes: 8 };
    /// assert_eq!(Allocator::Spandrel.cost(c), 48);
    /// assert_eq!(Allocator::Glibc.cost(c), 48);
    /// assert_eq!(Allocator::Go.cost(Object { bytes: 1024, has_pointers: true, ..c }), 1152);
    /// ```
    #[must_use]
    pub fn cost(self, object: Object) -> u64 {
        let bytes = object.bytes;
        if bytes == 0 {
            return 0;
        }
        match self {
            Self::Spandrel if matches!(object.language, Language::C | Language::Cpp) => {
                spandrel(bytes, object.align, true)
            }
            Self::Spandrel => spandrel(bytes, object.align, false),
            Self::Go => go(object),
            Self::Glibc => glibc(object),
            Self::Jemalloc | Self::Mimalloc if bytes <= 8 && object.align <= 8 => 8,
            Self::Mimalloc if bytes > MIMALLOC_MEDIUM_BYTES_MAX => pages(bytes, MIMALLOC_SLICE_BYTES),
            Self::Jemalloc | Self::Mimalloc => quarters(aligned(bytes, object.align).max(16)),
            Self::Tcmalloc => tcmalloc(aligned(bytes, object.align)),
        }
    }

    /// The largest size that costs less than an object of this one, or 0.
    ///
    /// ```
    /// use spandrel_layout::{Allocator, Language, Object};
    ///
    /// let go = Object { bytes: 33, align: 1, has_pointers: false, language: Language::Go, pointer_bytes: 8
    /// }; assert_eq!(Allocator::Go.next_cheaper(go), 32);
    /// ```
    #[must_use]
    pub fn next_cheaper(self, object: Object) -> u64 {
        let cost = self.cost(object);
        // Costs grow with sizes, so the border is found by halving.
        let (mut cheaper, mut as_dear) = (0, object.bytes);
        while cheaper + 1 < as_dear {
            let middle = cheaper + (as_dear - cheaper) / 2;
            if self.cost(Object { bytes: middle, ..object }) < cost {
                cheaper = middle;
            } else {
                as_dear = middle;
            }
        }
        cheaper
    }

    /// The bytes that could be added without any cost.
    ///
    /// ```
    /// use spandrel_layout::{Allocator, Language, Object};
    ///
    /// let c = Object { bytes: 33, align: 1, has_pointers: false, language: Language::C, pointer_bytes: 8 };
    /// assert_eq!(Allocator::Spandrel.head_room(c), 15);
    /// assert_eq!(Allocator::Glibc.head_room(c), 7);
    /// ```
    #[must_use]
    pub fn head_room(self, object: Object) -> u64 {
        let cost = self.cost(object);
        let (mut as_cheap, mut dearer) = (object.bytes, cost.saturating_add(OS_PAGE_BYTES));
        while as_cheap + 1 < dearer {
            let middle = as_cheap + (dearer - as_cheap) / 2;
            if self.cost(Object { bytes: middle, ..object }) > cost {
                dearer = middle;
            } else {
                as_cheap = middle;
            }
        }
        as_cheap - object.bytes
    }
}

impl fmt::Display for Allocator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Allocator {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        ALLOCATORS.into_iter().find(|allocator| allocator.name() == text).ok_or_else(|| {
            let names: Vec<&str> = ALLOCATORS.iter().map(|allocator| allocator.name()).collect();
            format!("`{text}` is no known allocator: there are {}", names.join(", "))
        })
    }
}

/// Alignments above 16 are had by rounding the size up to them.
fn aligned(bytes: u64, align: u64) -> u64 {
    if align > 16 { bytes.checked_next_multiple_of(align).unwrap_or(bytes) } else { bytes }
}

fn pages(bytes: u64, page_bytes: u64) -> u64 {
    bytes.checked_next_multiple_of(page_bytes).unwrap_or(u64::MAX)
}

fn spandrel(bytes: u64, align: u64, is_c: bool) -> u64 {
    let small = usize::try_from(bytes).ok().filter(|&bytes| bytes <= SMALL_BYTES_MAX);
    let align = usize::try_from(align).unwrap_or(usize::MAX);
    let class = small.map_or(0, |bytes| match is_c && align <= 16 {
        true => c_class_of(bytes),
        false => class_of(bytes, align),
    });
    match class {
        0 => pages(bytes, PAGE_BYTES as u64),
        class => object_bytes(class) as u64,
    }
}

fn go(object: Object) -> u64 {
    // Up to so many bytes, the pointers of an object are marked beside the span instead.
    let header_from = if object.pointer_bytes == 4 { 128 } else { 512 };
    let header = if object.has_pointers && object.bytes > header_from { 8 } else { 0 };
    let small = object.bytes.saturating_add(header);
    if small <= SMALL_BYTES_MAX as u64 { spandrel(small, 8, false) } else { spandrel(object.bytes, 8, false) }
}

fn glibc(object: Object) -> u64 {
    let (word, least) = if object.pointer_bytes == 4 { (4, 16) } else { (8, 32) };
    let bytes = aligned(object.bytes, object.align);
    if bytes >= GLIBC_MAPPED_BYTES {
        return pages(bytes.saturating_add(2 * word), OS_PAGE_BYTES);
    }
    (bytes + word).next_multiple_of(16).max(least)
}

/// Multiples of 16 up to 128, then four sizes in each doubling.
fn quarters(bytes: u64) -> u64 {
    if bytes > QUARTERS_BYTES_MAX {
        return pages(bytes, OS_PAGE_BYTES);
    }
    let step = ((bytes - 1).checked_ilog2().map_or(1, |log| 1 << log) / 4).max(16);
    bytes.next_multiple_of(step)
}

/// The classes of gperftools 2.10, with its pages of 8 KiB.
#[rustfmt::skip]
const TCMALLOC_CLASSES: [u64; 69] = [
    8, 16, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240, 256, 288, 320, 352, 384, 416, 448,
    480, 512, 576, 640, 704, 768, 896, 1024, 1152, 1280, 1408, 1536, 1792, 2048, 2304, 2560, 2816, 3072, 3328,
    4096, 4608, 5120, 6144, 6656, 8192, 9216, 10240, 12288, 13312, 16384, 20480, 24576, 26624, 32768, 40960,
    49152, 57344, 65536, 73728, 81920, 90112, 98304, 106496, 114688, 122880, 131072,
];

fn tcmalloc(bytes: u64) -> u64 {
    let class = TCMALLOC_CLASSES.iter().find(|&&class| class >= bytes);
    class.copied().unwrap_or_else(|| pages(bytes, PAGE_BYTES as u64))
}
