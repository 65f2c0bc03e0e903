//! The table of the classes and the tables of the lookups, all computed by the compiler.
//!
//! The classes, for people. The last but one column is the part of a full span that is lost when every
//! object serves the worst request of its class.
//!
//! ```text
//! class  object bytes  span bytes  objects  tail bytes  max waste  align
//!     1             8        8192     1024           0    87.50 %      8
//!     2            16        8192      512           0    43.75 %     16
//!     3            24        8192      341           8    29.24 %      8
//!     4            32        8192      256           0    21.88 %     32
//!     5            48        8192      170          32    31.52 %     16
//!     6            64        8192      128           0    23.44 %     64
//!     7            80        8192      102          32    19.07 %     16
//!     8            96        8192       85          32    15.95 %     32
//!     9           112        8192       73          16    13.56 %     16
//!    10           128        8192       64           0    11.72 %    128
//!    11           144        8192       56         128    11.82 %     16
//!    12           160        8192       51          32     9.73 %     32
//!    13           176        8192       46          96     9.59 %     16
//!    14           192        8192       42         128     9.25 %     64
//!    15           208        8192       39          80     8.12 %     16
//!    16           224        8192       36         128     8.15 %     32
//!    17           240        8192       34          32     6.62 %     16
//!    18           256        8192       32           0     5.86 %    256
//!    19           288        8192       28         128    12.16 %     32
//!    20           320        8192       25         192    11.80 %     64
//!    21           352        8192       23          96     9.88 %     32
//!    22           384        8192       21         128     9.51 %    128
//!    23           416        8192       19         288    10.71 %     32
//!    24           448        8192       18         128     8.37 %     64
//!    25           480        8192       17          32     6.82 %     32
//!    26           512        8192       16           0     6.05 %    512
//!    27           576        8192       14         128    12.33 %     64
//!    28           640        8192       12         512    15.48 %    128
//!    29           704        8192       11         448    13.93 %     64
//!    30           768        8192       10         512    13.94 %    256
//!    31           896        8192        9         128    15.52 %    128
//!    32          1024        8192        8           0    12.40 %   1024
//!    33          1152        8192        7         128    12.41 %    128
//!    34          1280        8192        6         512    15.55 %    256
//!    35          1408       16384       11         896    14.00 %    128
//!    36          1536        8192        5         512    14.00 %    512
//!    37          1792       16384        9         256    15.57 %    256
//!    38          2048        8192        4           0    12.45 %   2048
//!    39          2304       16384        7         256    12.46 %    256
//!    40          2688        8192        3         128    15.59 %    128
//!    41          3072       24576        8           0    12.47 %   1024
//!    42          3200       16384        5         384     6.22 %    128
//!    43          3456       24576        7         384     8.83 %    128
//!    44          4096        8192        2           0    15.60 %   4096
//!    45          4864       24576        5         256    16.65 %    256
//!    46          5376       16384        3         256    10.92 %    256
//!    47          6144       24576        4           0    12.48 %   2048
//!    48          6528       32768        5         128     6.23 %    128
//!    49          6784       40960        6         256     4.36 %    128
//!    50          6912       49152        7         768     3.37 %    256
//!    51          8192        8192        1           0    15.61 %   8192
//!    52          9472       57344        6         512    14.28 %    256
//!    53          9728       49152        5         512     3.64 %    512
//!    54         10240       40960        4           0     4.99 %   2048
//!    55         10880       32768        3         128     6.24 %    128
//!    56         12288       24576        2           0    11.45 %   4096
//!    57         13568       40960        3         256     9.99 %    256
//!    58         14336       57344        4           0     5.35 %   2048
//!    59         16384       16384        1           0    12.49 %   8192
//!    60         18432       73728        4           0    11.11 %   2048
//!    61         19072       57344        3         128     3.57 %    128
//!    62         20480       40960        2           0     6.87 %   4096
//!    63         21760       65536        3         256     6.25 %    256
//!    64         24576       24576        1           0    11.45 %   8192
//!    65         27264       81920        3         128    10.00 %    128
//!    66         28672       57344        2           0     4.91 %   4096
//!    67         32768       32768        1           0    12.50 %   8192
//! ```
//!
//! The lookup tables exist as constants for the functions of `lookup.rs` and some of them as statics
//! for others. The functions use the constants because a load from another crate's static at a
//! constant index stays a load, unless the whole program is optimised at once.

use crate::generate::generate;
use crate::{CLASS_COUNT, PAGE_BYTES, SMALL_BYTES_MAX, SizeClass};

/// The classes by number; all fields of class 0, which stands for large objects, are 0.
///
/// Code that runs often should call [`size_class`](crate::size_class), which neither copies the array
/// nor checks bounds.
///
/// ```
/// let class = spandrel_classes::CLASSES[3];
/// assert_eq!((class.object_bytes, class.span_objs, class.tail_bytes), (24, 341, 8));
/// ```
pub const CLASSES: [SizeClass; CLASS_COUNT] = generate();

/// The largest request in bytes that the tables with a step of 8 bytes serve.
pub(crate) const BY_8_BYTES_MAX: usize = 1024;

/// Entries of a table with a step of 8 bytes: one for each multiple of 8 up to [`BY_8_BYTES_MAX`].
pub(crate) const BY_8_LEN: usize = BY_8_BYTES_MAX / 8 + 1;

/// Entries of the table with a step of 128 bytes, for the multiples of 128 from there on.
const BY_128_LEN: usize = (SMALL_BYTES_MAX - BY_8_BYTES_MAX) / 128 + 1;

/// The classes of requests of up to 1 KiB and no alignment above 8: entry `i` is for `8 * i` bytes, and
/// for those down to the entry before it.
///
/// Up to [`SMALL_BYTES_MAX`], [`CLASS_BY_128`] goes on.
pub static CLASS_BY_8: [u8; BY_8_LEN] = *BY_8;

/// The classes of requests from 1 KiB up: entry `i` is for `1024 + 128 * i` bytes, and for those down to
/// the entry before it.
///
/// It holds for every alignment up to 128, as all these classes are multiples of 128.
pub static CLASS_BY_128: [u8; BY_128_LEN] = *BY_128;

/// [`CLASS_BY_8`] for the C ABI: a request of more than 8 bytes gets an object aligned to 16.
pub static C_CLASS_BY_8: [u8; BY_8_LEN] = *C_BY_8;

/// The constant behind [`CLASS_BY_8`].
pub(crate) const BY_8: &[u8; BY_8_LEN] = &class_by_8(8, 8);

/// As [`BY_8`], for requests that ask for an alignment of 16.
pub(crate) const ALIGN_16_BY_8: &[u8; BY_8_LEN] = &class_by_8(16, 16);

/// The size up to which a frequent request is looked up without arithmetic.
pub(crate) const BY_1_BYTES_MAX: usize = 1024;

/// The class of each request of up to [`BY_1_BYTES_MAX`] bytes with no alignment above 8.
pub(crate) const BY_1: &[u8; BY_1_BYTES_MAX + 1] = &class_by_1(BY_8);

/// The class of each request to `malloc` of up to [`BY_1_BYTES_MAX`] bytes.
pub(crate) static C_BY_1: [u8; BY_1_BYTES_MAX + 1] = class_by_1(C_BY_8);

const fn class_by_1(by_8: &[u8; BY_8_LEN]) -> [u8; BY_1_BYTES_MAX + 1] {
    let mut classes = [0; BY_1_BYTES_MAX + 1];
    let mut bytes = 0;
    while bytes < classes.len() {
        classes[bytes] = by_8[bytes.div_ceil(8)];
        bytes += 1;
    }
    classes
}

/// The constant behind [`C_CLASS_BY_8`].
pub(crate) const C_BY_8: &[u8; BY_8_LEN] = &class_by_8(8, 16);

/// The constant behind [`CLASS_BY_128`].
pub(crate) const BY_128: &[u8; BY_128_LEN] = &class_by_128();

/// Entry `k` has a bit for every class, which is set when its objects are aligned to `1 << k` bytes;
/// bit 0, for class 0, is clear. Entries 14 and 15 stand for alignments that no class has.
pub(crate) const CLASSES_BY_ALIGN: &[u128; 16] = &classes_by_align();

/// The bytes of an object by class, long enough for every `u8`.
pub(crate) const OBJECT_BYTES: &[u16; 256] = &{
    let mut bytes_by_class = [0; 256];
    let mut class = 0;
    while class < CLASS_COUNT {
        bytes_by_class[class] = CLASSES[class].object_bytes as u16;
        class += 1;
    }
    bytes_by_class
};

/// The multipliers by class, long enough for every `u8`.
pub(crate) const MAGIC: &[u32; 256] = &{
    let mut magic_by_class = [0; 256];
    let mut class = 0;
    while class < CLASS_COUNT {
        magic_by_class[class] = CLASSES[class].magic;
        class += 1;
    }
    magic_by_class
};

/// For each class the number that undoes a multiplication by the odd part of `object_bytes`, and how often
/// that is even; long enough for every `u8`.
pub(crate) const INVERSE: &[(u32, u32); 256] = &{
    let mut inverse_by_class = [(0, 0); 256];
    let mut class = 1;
    while class < CLASS_COUNT {
        let bytes = CLASSES[class].object_bytes;
        let evens = bytes.trailing_zeros();
        inverse_by_class[class] = (inverse(bytes >> evens), evens);
        class += 1;
    }
    inverse_by_class
};

/// The number by which an odd number is 1. Each step doubles the bits that are right, of which an odd number
/// itself has three (Newton's method; Warren, Hacker's Delight, 10-16).
const fn inverse(odd: u32) -> u32 {
    let mut inverse = odd;
    let mut bits = 3;
    while bits < u32::BITS {
        inverse = inverse.wrapping_mul(2u32.wrapping_sub(odd.wrapping_mul(inverse)));
        bits *= 2;
    }
    assert!(odd.wrapping_mul(inverse) == 1);
    inverse
}

/// The smallest class of objects of at least `bytes`, a multiple of `align`: the definition from which
/// the tables follow.
const fn smallest_class(bytes: usize, align: usize) -> u8 {
    let mut class = 1;
    while (CLASSES[class].object_bytes as usize) < bytes || (CLASSES[class].align as usize) < align {
        class += 1;
    }
    class as u8
}

/// A table with a step of 8 bytes; `first_align` holds for requests of up to 8 bytes.
const fn class_by_8(first_align: usize, align: usize) -> [u8; BY_8_LEN] {
    let mut classes = [0; BY_8_LEN];
    let mut entry = 0;
    while entry < BY_8_LEN {
        classes[entry] = smallest_class(8 * entry, if entry <= 1 { first_align } else { align });
        entry += 1;
    }
    classes
}

/// The table with a step of 128 bytes.
const fn class_by_128() -> [u8; BY_128_LEN] {
    let mut classes = [0; BY_128_LEN];
    let mut entry = 0;
    while entry < BY_128_LEN {
        classes[entry] = smallest_class(BY_8_BYTES_MAX + 128 * entry, 128);
        entry += 1;
    }
    classes
}

/// The sets of classes by alignment.
const fn classes_by_align() -> [u128; 16] {
    let mut sets = [0; 16];
    let mut class = 1;
    while class < CLASS_COUNT {
        let mut align_shift = 0;
        while align_shift < sets.len() && (1 << align_shift) <= CLASSES[class].align as usize {
            sets[align_shift] |= 1 << class;
            align_shift += 1;
        }
        class += 1;
    }
    sets
}

const _: () = assert!(CLASS_COUNT <= u128::BITS as usize, "a set of classes fits a word");

/// Spans are filled exactly, and multiplication by `magic` divides exactly.
///
/// The multiplier is `2^32 / object_bytes` rounded up, that is, `(2^32 + excess) / object_bytes` with an
/// excess below `object_bytes`. So `offset * magic / 2^32` exceeds the true quotient by
/// `offset * excess / 2^32 / object_bytes`. A quotient is at least `1 / object_bytes` short of the next
/// whole number, so the excess changes no result as long as `offset * excess` is below `2^32`.
const _: () = {
    let mut class = 1;
    while class < CLASS_COUNT {
        let it = &CLASSES[class];
        assert!(it.class as usize == class);
        assert!(it.object_bytes > CLASSES[class - 1].object_bytes);
        assert!((it.span_objs * it.object_bytes + it.tail_bytes) as usize == it.span_bytes());
        assert!(it.tail_bytes < it.object_bytes && it.tail_bytes as usize <= it.span_bytes() / 8);
        assert!(it.object_bytes.is_multiple_of(it.align));
        assert!(PAGE_BYTES.is_multiple_of(it.align as usize));

        let excess = it.magic as u64 * it.object_bytes as u64 - (1 << 32);
        assert!(excess < it.object_bytes as u64);
        assert!(it.span_bytes() as u64 * excess < 1 << 32);
        class += 1;
    }
    assert!(CLASSES[CLASS_COUNT - 1].object_bytes as usize == SMALL_BYTES_MAX);
};
