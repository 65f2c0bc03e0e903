//! What a dead object holds with `hardened=1`: zeros, and in a span's list a link that nobody can forge.
//!
//! An object is wiped when it is freed, up to [`WIPED_BYTES`], and has to be as it was left when it is used
//! again. A link is multiplied, so that a change of any byte changes all above it, and
//! mixed with a secret of the process and with its own address. Decoded, it must be null or
//! the start of an object in the same span: a write to a dead object can't lead the allocator elsewhere.

use core::ptr::null_mut;

use spandrel_classes::{object_bytes, object_index};
use spandrel_platform::process::secret;
use spandrel_platform::sync::{AtomicUsize, Ordering};

use crate::config::{LINK_FACTOR, LINK_ROTATION, WIPED_BYTES};
use crate::die;
use crate::object::Object;
use crate::span::Span;

/// What links are mixed with.
static KEY: AtomicUsize = AtomicUsize::new(0);
const WORD_BYTES: usize = size_of::<u64>();

/// Draws the secret. Called once, before there are links.
pub(super) fn begin() {
    KEY.store(secret() as usize, Ordering::Relaxed);
}

/// How much of an object of a class is wiped.
fn wiped_bytes(class: u8) -> usize {
    object_bytes(class).min(WIPED_BYTES)
}

/// Whether a wiped object of a class is all zero.
pub(super) fn is_wiped_whole(class: u8) -> bool {
    wiped_bytes(class) == object_bytes(class)
}

/// Wipes an object.
///
/// # Safety
/// The object is dead, of this class, and the caller's.
#[inline]
pub(super) unsafe fn wipe(class: u8, object: *mut u8) {
    // SAFETY: the object has at least as many bytes.
    unsafe { object.write_bytes(0, wiped_bytes(class)) };
}

/// Ends the process unless an object is as [`wipe`] has left it, from byte `from` on, which is 0 or
/// [`LINK_BYTES`].
///
/// # Safety
/// As [`wipe`].
#[inline]
pub(super) unsafe fn check(class: u8, object: *mut u8, from: usize) {
    let words = object.cast::<u64>();
    let mut any = 0;
    for index in from / WORD_BYTES..wiped_bytes(class) / WORD_BYTES {
        // SAFETY: objects are aligned to a word, and have as many.
        any |= unsafe { words.add(index).read() };
    }
    if any != 0 {
        // SAFETY: the caller's promise.
        unsafe { find_and_die(class, object, from) };
    }
}

/// Finds the first byte that is not zero.
///
/// # Safety
/// As [`wipe`].
#[cold]
#[inline(never)]
unsafe fn find_and_die(class: u8, object: *mut u8, from: usize) -> ! {
    let mut offset = from;
    // SAFETY: the object has as many bytes.
    while offset + 1 < wiped_bytes(class) && unsafe { object.add(offset).read() } == 0 {
        offset += 1;
    }
    die::overwritten_at(object.addr(), class, offset)
}

/// Bytes of a link at the start of an object.
pub(super) const LINK_BYTES: usize = WORD_BYTES;

/// Makes `next` the object after `object`.
///
/// # Safety
/// The object is dead and the caller's.
pub(super) unsafe fn link(object: *mut Object, next: *mut Object) {
    // SAFETY: an object is at least one aligned word.
    unsafe { object.cast::<usize>().write(next.addr().wrapping_mul(LINK_FACTOR) ^ mask(object)) };
}

/// The object after `object`, in the list of a span; the link is wiped.
///
/// # Safety
/// The object is dead, in this span, the caller's, and [`link`] has written it.
pub(super) unsafe fn unlink(span: &Span, object: *mut Object) -> *mut Object {
    // SAFETY: as above.
    let next = unsafe { next(span, object) };
    // SAFETY: as above.
    unsafe { object.cast::<usize>().write(0) };
    next
}

/// The same, and the link stays.
///
/// # Safety
/// As [`unlink`].
pub(super) unsafe fn next(span: &Span, object: *mut Object) -> *mut Object {
    // SAFETY: the caller's promise.
    let next = (unsafe { object.cast::<usize>().read() } ^ mask(object)).wrapping_mul(INVERSE);
    if next == 0 {
        return null_mut();
    }
    let class = span.class.get();
    let offset = next.wrapping_sub(span.base().addr());
    if offset >= span.bytes() || object_index(class, offset) * object_bytes(class) != offset {
        die::overwritten(object.addr(), class);
    }
    span.base().wrapping_add(offset).cast()
}

/// The secret, and the place of the link.
fn mask(object: *mut Object) -> usize {
    KEY.load(Ordering::Relaxed) ^ object.addr().rotate_left(LINK_ROTATION)
}

/// What undoes a multiplication by [`LINK_FACTOR`]: each step doubles the bits that are right, of which an
/// odd number itself has three.
const INVERSE: usize = {
    let mut inverse = LINK_FACTOR;
    let mut bits = 3;
    while bits < usize::BITS {
        inverse = inverse.wrapping_mul(2usize.wrapping_sub(LINK_FACTOR.wrapping_mul(inverse)));
        bits *= 2;
    }
    assert!(LINK_FACTOR.wrapping_mul(inverse) == 1);
    inverse
};
