//! The sizes and alignments at which allocators change their mind, and so at which they are tested.
//!
//! The class sizes are stated here rather than taken from the allocator: a wrong table there must not be able
//! to move the test away from its own edges.

/// The 67 size classes of Go, in bytes.
pub const CLASS_BYTES: [usize; 67] = [
    8, 16, 24, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240, 256, 288, 320, 352, 384, 416,
    448, 480, 512, 576, 640, 704, 768, 896, 1024, 1152, 1280, 1408, 1536, 1792, 2048, 2304, 2688, 3072, 3200,
    3456, 4096, 4864, 5376, 6144, 6528, 6784, 6912, 8192, 9472, 9728, 10240, 10880, 12288, 13568, 14336,
    16384, 18432, 19072, 20480, 21760, 24576, 27264, 28672, 32768,
];

/// One KiB in bytes.
pub const KIB: usize = 1 << 10;

/// One MiB in bytes.
pub const MIB: usize = 1 << 20;

/// Sizes in bytes above the classes where the way of serving a request changes: the largest class, a huge
/// page and its half, a chunk, an arena.
pub const LARGE_EDGES_BYTES: [usize; 5] = [32 * KIB, MIB, 2 * MIB, 4 * MIB, 64 * MIB];

/// The OS page that sizes are skewed around, in bytes.
pub const OS_PAGE_BYTES: usize = 4 * KIB;

/// The sizes one below, at and one above each edge, without zero.
///
/// ```
/// use spandrel_testkit::sizes::around;
/// assert_eq!(around(&[1, 8]).collect::<Vec<_>>(), [1, 2, 7, 8, 9]);
/// ```
pub fn around(edges_bytes: &[usize]) -> impl Iterator<Item = usize> + '_ {
    edges_bytes.iter().flat_map(|&edge| edge - 1..=edge + 1).filter(|&bytes| bytes > 0)
}
