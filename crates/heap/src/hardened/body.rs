//! What a dead object holds with `hardened=1`: a mark that nobody else can know, and zeros.
//!
//! ```text
//!   | mark: 8 bytes, from the object's address and a secret | zeros, up to WIPED_BYTES | whatever was there |
//! ```
//!
//! [`bury`] writes both when an object is freed; [`revive`] finds both as they were, or ends the process, and
//! takes the mark away when the object is used again. So an object that holds its mark is dead, and a free of
//! it is a double free; and an object without it is never handed out, whatever has happened to it. A program
//! that writes a value at random hits the mark once in 2^64 times.

use spandrel_classes::object_bytes;
use spandrel_platform::process::secret;
use spandrel_platform::sync::{AtomicU64, Ordering};

use crate::config::{MARK_FACTOR, WIPED_BYTES};
use crate::die;

/// What marks are mixed with.
static KEY: AtomicU64 = AtomicU64::new(0);
const MARK_BYTES: usize = size_of::<u64>();
/// What is read or written at once, aligned or not.
type Pair = [u64; 2];
const PAIR_BYTES: usize = size_of::<Pair>();
type Block = [u64; 8];
/// Objects up to this size are wiped and looked at without a loop.
const SHORT_BYTES: usize = 2 * size_of::<Block>();

/// Draws the secret, once: before any thread sees the option, so that all marks are made with it.
pub(crate) fn draw_secret() {
    if key() == 0 {
        // Odd, as the step of the random numbers wants it.
        KEY.store(secret() | 1, Ordering::Relaxed);
    }
}

/// How much of an object of a class is marked and wiped.
#[inline(always)]
fn wiped_bytes(class: u8) -> usize {
    object_bytes(class).min(WIPED_BYTES)
}

/// Whether a dead object of a class is all zero but for its mark.
#[inline(always)]
pub(super) fn is_wiped_whole(class: u8) -> bool {
    wiped_bytes(class) == object_bytes(class)
}

/// The secret.
#[inline(always)]
pub(super) fn key() -> u64 {
    KEY.load(Ordering::Relaxed)
}

/// The mark of an object.
#[inline(always)]
pub(super) fn mark(object: *mut u8) -> u64 {
    (object.addr() as u64).wrapping_mul(MARK_FACTOR) ^ key()
}

/// Marks an object, and wipes it.
///
/// # Safety
/// The object is dead, of this class, and the caller's.
#[inline(always)]
pub(super) unsafe fn bury(class: u8, object: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe { bury_with(mark(object), class, object) };
}

/// The same, with the object's mark.
///
/// # Safety
/// As [`bury`].
#[inline(always)]
pub(super) unsafe fn bury_with(mark: u64, class: u8, object: *mut u8) {
    let bytes = object_bytes(class);
    // SAFETY: an object has so many bytes, and at least one aligned word.
    unsafe {
        object.cast::<u64>().write(mark);
        if bytes > SHORT_BYTES {
            object.add(MARK_BYTES).write_bytes(0, wiped_bytes(class) - MARK_BYTES);
        } else {
            short(object, bytes, |pair| pair.write_unaligned([0, 0]), |word| word.write(0));
        }
    }
}

/// Takes the mark away from a dead object, and ends the process unless it is as [`bury`] has left it.
///
/// # Safety
/// As [`bury`].
#[inline(always)]
pub(super) unsafe fn revive(class: u8, object: *mut u8) {
    // SAFETY: the caller's promise; an object is at least one aligned word.
    unsafe {
        check(class, object);
        object.cast::<u64>().write(0);
    }
}

/// Ends the process unless a dead object is as [`bury`] has left it.
///
/// # Safety
/// As [`bury`].
#[inline(always)]
pub(super) unsafe fn check(class: u8, object: *mut u8) {
    let bytes = object_bytes(class);
    // SAFETY: an object has so many bytes, and at least one aligned word.
    unsafe {
        let changed = object.cast::<u64>().read() ^ mark(object);
        let changed =
            changed | if bytes > SHORT_BYTES { any_long(class, object) } else { any_short(object, bytes) };
        if changed != 0 {
            find_and_die(class, object);
        }
    }
}

/// All bits behind the mark of an object of up to [`SHORT_BYTES`].
///
/// # Safety
/// The object has `bytes`.
#[inline(always)]
unsafe fn any_short(object: *mut u8, bytes: usize) -> u64 {
    let (mut any_pair, mut any_word) = ([0, 0], 0);
    let or_pair = |pair: *mut Pair| {
        // SAFETY: it lies in the object.
        let [one, two] = unsafe { pair.read_unaligned() };
        any_pair = [any_pair[0] | one, any_pair[1] | two];
    };
    // SAFETY: as above.
    short(object, bytes, or_pair, |word| any_word |= unsafe { word.read() });
    any_pair[0] | any_pair[1] | any_word
}

/// Visits all words behind the mark of an object of up to [`SHORT_BYTES`], in pairs where there are enough,
/// and some of them twice: so the size is in the addresses, and in few branches, which a processor could not
/// foretell.
#[inline(always)]
fn short(object: *mut u8, bytes: usize, mut pair: impl FnMut(*mut Pair), mut word: impl FnMut(*mut u64)) {
    let from_start = |offset: usize| object.wrapping_add(offset);
    let from_end = |offset: usize| object.wrapping_add(bytes - offset);
    if bytes > 64 {
        for index in 0..4 {
            pair(from_start(MARK_BYTES + index * PAIR_BYTES).cast());
            pair(from_end((index + 1) * PAIR_BYTES).cast());
        }
    } else if bytes >= 32 {
        pair(from_start(MARK_BYTES).cast());
        pair(from_start((MARK_BYTES + PAIR_BYTES).min(bytes - PAIR_BYTES)).cast());
        pair(from_end(MARK_BYTES + PAIR_BYTES).cast());
        pair(from_end(PAIR_BYTES).cast());
    } else if bytes > MARK_BYTES {
        word(from_start(MARK_BYTES).cast());
        word(from_end(MARK_BYTES).cast());
    }
}

/// All bits of what was wiped of an object of more than [`SHORT_BYTES`], but for its mark.
///
/// # Safety
/// The object is of this class, and the caller's.
#[inline(always)]
unsafe fn any_long(class: u8, object: *mut u8) -> u64 {
    const BLOCK_BYTES: usize = size_of::<Block>();
    let end = wiped_bytes(class);
    let mut any: Block = [0; 8];
    // SAFETY: the object has so many bytes: each block ends there at the latest.
    let mut or = |offset: usize| unsafe {
        let block = object.add(offset).cast::<Block>().read_unaligned();
        any.iter_mut().zip(block).for_each(|(any, word)| *any |= word);
    };
    let mut offset = MARK_BYTES;
    while offset + BLOCK_BYTES < end {
        or(offset);
        offset += BLOCK_BYTES;
    }
    or(end - BLOCK_BYTES);
    any.iter().fold(0, |all, word| all | word)
}

/// Finds the first byte that was changed.
///
/// # Safety
/// The object is dead, of this class, and the caller's.
#[cold]
#[inline(never)]
unsafe fn find_and_die(class: u8, object: *mut u8) -> ! {
    let mark = mark(object).to_ne_bytes();
    let is_changed = |offset: &usize| {
        let was = mark.get(*offset).copied().unwrap_or(0);
        // SAFETY: the object has as many bytes.
        unsafe { object.add(*offset).read() != was }
    };
    die::overwritten_at(object.addr(), class, (0..wiped_bytes(class)).find(is_changed).unwrap_or(0))
}
