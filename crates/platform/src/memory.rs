//! Address space and pages: every call into the kernel's memory management, counted.

use core::ffi::CStr;
use core::ptr::null_mut;

use crate::fault::{self, Call, fails};
use crate::sync::{AtomicU64, AtomicUsize, Ordering};
use crate::thread::{errno, keeping_errno};

/// Smallest unit in which the kernel gives and takes memory on the machines that we know.
pub const OS_PAGE_BYTES: usize = 4096;

/// How often each kind of call was made.
#[derive(Debug)]
pub struct Calls {
    /// `mmap`.
    pub mmap: AtomicU64,
    /// `munmap`.
    pub munmap: AtomicU64,
    /// `mprotect`.
    pub mprotect: AtomicU64,
    /// `madvise`.
    pub madvise: AtomicU64,
    /// `mremap`.
    pub mremap: AtomicU64,
}

/// The process's counts.
pub static CALLS: Calls = Calls {
    mmap: AtomicU64::new(0),
    munmap: AtomicU64::new(0),
    mprotect: AtomicU64::new(0),
    madvise: AtomicU64::new(0),
    mremap: AtomicU64::new(0),
};

fn count(calls: &AtomicU64) {
    calls.fetch_add(1, Ordering::Relaxed);
}

/// What may be done with fresh memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reserved: address space alone, every touch is a fault.
    None,
    /// Committed: readable and writable, zero at first touch.
    ReadWrite,
}

impl Access {
    const fn protection(self) -> i32 {
        match self {
            Self::None => libc::PROT_NONE,
            Self::ReadWrite => libc::PROT_READ | libc::PROT_WRITE,
        }
    }
}

/// Where the next aligned reservation is tried: addresses rise from here, so that neighbours in time are
/// neighbours in space and none is reused soon. 0 before the first reservation.
static NEXT_HINT: AtomicUsize = AtomicUsize::new(0);
/// Between the executable (above `0x5500_0000_0000` when position independent) and the shadow memory of
/// sanitizers (below `0x1000_8000_0000`). ThreadSanitizer has its own tables there, and leaves programs three
/// ranges, of which the lowest, up to `0x80_0000_0000`, is free.
const HINT_FIRST: usize = if cfg!(spandrel_sanitized) { 0x10_0000_0000 } else { 0x2000_0000_0000 };
const HINT_END: usize = if cfg!(spandrel_sanitized) { 0x70_0000_0000 } else { 0x3000_0000_0000 };
/// Random placement: this many different first addresses.
const HINT_CHOICES: usize = if cfg!(spandrel_sanitized) { 1 << 10 } else { 1 << 14 };

/// none -> reserved or committed: `bytes` at a multiple of `align` (a power of two, at least an OS page).
/// Null if the kernel refuses.
#[must_use]
#[cfg_attr(feature = "faults", track_caller)]
pub fn reserve_aligned(bytes: usize, align: usize, access: Access) -> *mut u8 {
    debug_assert!(align.is_power_of_two() && align >= OS_PAGE_BYTES);
    let Some(step) = bytes.checked_next_multiple_of(align) else {
        return null_mut();
    };
    let hint = next_hint(step, align);
    let address = map(hint, bytes, access);
    if address.is_null() || address.addr() & (align - 1) == 0 {
        return address;
    }
    // SAFETY: the mapping was just made, and nobody knows it.
    unsafe { release(address, bytes) };
    reserve_and_trim(bytes, align, access)
}

/// Takes `step` bytes of addresses, a multiple of `align`, from the range of hints.
fn next_hint(step: usize, align: usize) -> usize {
    let mut hint = NEXT_HINT.load(Ordering::Relaxed);
    loop {
        let first = if hint == 0 || hint >= HINT_END { HINT_FIRST + random_place(64 << 20) } else { hint };
        let first = first.next_multiple_of(align);
        let next = first.saturating_add(step);
        match NEXT_HINT.compare_exchange_weak(hint, next, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => return first,
            Err(changed) => hint = changed,
        }
    }
}

/// A multiple of `step` that differs from run to run.
#[must_use]
pub fn random_place(step: usize) -> usize {
    random_bits() % HINT_CHOICES * step
}

/// Bits that differ from run to run: the kernel places the stack and this code at random.
fn random_bits() -> usize {
    let local = 0u8;
    let mut bits = (&raw const local).addr() ^ (random_bits as fn() -> usize as usize).rotate_left(17);
    bits ^= bits >> 29;
    bits = bits.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits ^ bits >> 32
}

/// The sure way: map more than asked and give the ends back.
#[cfg_attr(feature = "faults", track_caller)]
fn reserve_and_trim(bytes: usize, align: usize, access: Access) -> *mut u8 {
    let Some(more) = bytes.checked_add(align) else {
        return null_mut();
    };
    let address = map(0, more, access);
    if address.is_null() {
        return address;
    }
    let before = address.addr().wrapping_neg() & (align - 1);
    let (start, end) = (address.wrapping_add(before), address.wrapping_add(before + bytes));
    // SAFETY: both ends are in the mapping of `more` bytes, which was just made, and nobody knows them.
    unsafe {
        if before > 0 {
            release(address, before);
        }
        release(end, align - before);
    }
    start
}

/// none -> reserved, at `address` or not at all; null if it is taken or the kernel refuses.
#[must_use]
pub fn reserve_at(address: usize, bytes: usize) -> *mut u8 {
    count(&CALLS.mmap);
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED_NOREPLACE;
    let wanted = core::ptr::without_provenance_mut(address);
    // SAFETY: this flag never replaces a mapping; kernels that don't know it take the address as a hint.
    let got = keeping_errno(|| unsafe { libc::mmap(wanted, bytes, libc::PROT_NONE, flags, -1, 0) });
    if got == libc::MAP_FAILED {
        return null_mut();
    }
    if got.addr() == address {
        return got.cast();
    }
    // SAFETY: the mapping was just made, and nobody knows it.
    unsafe { release(got.cast(), bytes) };
    null_mut()
}

/// none -> reserved or committed, near `hint` if that is free, anywhere otherwise. Null on failure.
#[must_use]
#[cfg_attr(feature = "faults", track_caller)]
pub fn map(hint: usize, bytes: usize, access: Access) -> *mut u8 {
    count(&CALLS.mmap);
    if fails(Call::Mmap) {
        return null_mut();
    }
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    let hint = core::ptr::without_provenance_mut(hint);
    let address = keeping_errno(|| {
        // SAFETY: without MAP_FIXED the kernel picks addresses that nobody uses.
        unsafe { libc::mmap(hint, bytes, access.protection(), flags, -1, 0) }
    });
    if address == libc::MAP_FAILED { null_mut() } else { address.cast() }
}

/// reserved -> committed. `false` if the kernel refuses.
///
/// # Safety
/// The caller owns the reserved range.
#[must_use]
#[cfg_attr(feature = "faults", track_caller)]
pub unsafe fn commit(address: *mut u8, bytes: usize) -> bool {
    count(&CALLS.mprotect);
    if fails(Call::Mprotect) {
        return false;
    }
    let protection = Access::ReadWrite.protection();
    // SAFETY: the caller owns the reserved range; making it accessible breaks nobody.
    keeping_errno(|| unsafe { libc::mprotect(address.cast(), bytes, protection) == 0 })
}

/// committed -> reserved, with nothing in it. `false` if the kernel refuses; then it stays accessible.
///
/// # Safety
/// The caller owns the range and holds nothing in it.
#[must_use]
#[cfg_attr(feature = "faults", track_caller)]
pub unsafe fn forbid(address: *mut u8, bytes: usize) -> bool {
    count(&CALLS.mprotect);
    if fails(Call::Mprotect) {
        return false;
    }
    let protection = Access::None.protection();
    // SAFETY: the caller owns the range and holds nothing in it.
    keeping_errno(|| unsafe { libc::mprotect(address.cast(), bytes, protection) == 0 })
}

/// reserved or committed -> none. A kernel that can split no mapping any more refuses; then the pages go
/// back, and only the address space stays taken.
///
/// # Safety
/// The caller owns the range, and nobody uses it any more.
#[cfg_attr(feature = "faults", track_caller)]
pub unsafe fn release(address: *mut u8, bytes: usize) {
    count(&CALLS.munmap);
    // SAFETY: the caller owns the range and uses it no more.
    let unmap = || unsafe { libc::munmap(address.cast(), bytes) == 0 };
    if fails(Call::Munmap) || !keeping_errno(unmap) {
        // SAFETY: as above.
        let _is_given = unsafe { scavenge(address, bytes, Advice::DontNeed) };
    }
}

/// How [`scavenge`] gives pages back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// `MADV_DONTNEED`: at once; the pages are zero at the next touch.
    DontNeed,
    /// `MADV_FREE`: when the kernel wants them; until then they keep their bytes.
    Free,
}

/// resident -> committed. `true` if the pages were given back; with [`Advice::DontNeed`] they are then
/// known to be zero. Locked memory (`mlockall`) refuses.
///
/// # Safety
/// The caller owns the range and holds nothing in it.
#[must_use]
#[cfg_attr(feature = "faults", track_caller)]
pub unsafe fn scavenge(address: *mut u8, bytes: usize, advice: Advice) -> bool {
    count(&CALLS.madvise);
    if fails(Call::Madvise) {
        return false;
    }
    let advice = match advice {
        Advice::DontNeed => libc::MADV_DONTNEED,
        Advice::Free => libc::MADV_FREE,
    };
    // SAFETY: the caller owns the range and holds nothing in it.
    keeping_errno(|| unsafe { libc::madvise(address.cast(), bytes, advice) == 0 })
}

/// Asks for huge pages behind a range, or for none. A wish: kernels without them, or whose administrator
/// has forbidden or prescribed them, do as they like.
///
/// # Safety
/// The caller owns the range.
#[cfg_attr(feature = "faults", track_caller)]
pub unsafe fn wish_huge_pages(address: *mut u8, bytes: usize, huge: bool) {
    count(&CALLS.madvise);
    if fails(Call::Madvise) {
        return;
    }
    let advice = if huge { libc::MADV_HUGEPAGE } else { libc::MADV_NOHUGEPAGE };
    // SAFETY: the caller owns the range, whose content stays as it is.
    keeping_errno(|| unsafe { libc::madvise(address.cast(), bytes, advice) });
}

/// Grows or shrinks a mapping where it is. `false` if the addresses behind it are taken.
///
/// # Safety
/// The caller owns the mapping; when it shrinks, nobody uses its end any more.
#[must_use]
#[cfg_attr(feature = "faults", track_caller)]
pub unsafe fn resize(address: *mut u8, bytes: usize, new_bytes: usize) -> bool {
    count(&CALLS.mremap);
    if fails(Call::Resize) {
        return false;
    }
    // SAFETY: the caller owns the mapping; without MREMAP_MAYMOVE it stays where it is.
    let moved = keeping_errno(|| unsafe { libc::mremap(address.cast(), bytes, new_bytes, 0) });
    moved != libc::MAP_FAILED
}

/// Moves a mapping of `bytes` onto the reserved range at `target`, of `new_bytes` and no fewer, where it
/// replaces what is mapped. `false` leaves the mapping as it was, and the target is the caller's no more.
///
/// # Safety
/// The caller owns both ranges, and the target holds nothing.
#[must_use]
#[cfg_attr(feature = "faults", track_caller)]
pub unsafe fn remap(address: *mut u8, bytes: usize, target: *mut u8, new_bytes: usize) -> bool {
    debug_assert!(bytes <= new_bytes, "the kernel would cut off the end before it knows whether it can move");
    count(&CALLS.mremap);
    let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
    let (moved, error) = if fails(Call::Remap) {
        fault::lose_target(target, new_bytes);
        (libc::MAP_FAILED, libc::ENOMEM)
    } else {
        keeping_errno(|| {
            // SAFETY: the caller owns both ranges, and the target holds nothing.
            let moved = unsafe { libc::mremap(address.cast(), bytes, new_bytes, flags, target) };
            (moved, errno())
        })
    };
    if moved == libc::MAP_FAILED && !is_maybe_late(error) {
        // SAFETY: the kernel has not looked at the target, which is still the caller's reservation.
        unsafe { release(target, new_bytes) };
    }
    moved != libc::MAP_FAILED
}

/// Whether a move that failed so may have failed after what was mapped at the target was unmapped: the
/// kernel does that first and looks for what it needs after. Then the range may be free, or by now another
/// thread's, and must not be unmapped once more. If it is still reserved, the process has nearly as many
/// mappings as it may have, which the kernel checks before all else, and a few ranges of addresses are lost.
fn is_maybe_late(error: i32) -> bool {
    matches!(error, libc::ENOMEM | libc::EAGAIN | libc::EFAULT)
}

/// How many bytes of a range are resident, as the kernel says: whole OS pages, which have their place in the
/// process's page tables. Pages that are not mapped count as not resident.
#[must_use]
pub fn resident_bytes(address: *mut u8, bytes: usize) -> usize {
    const PAGES: usize = 2048;
    let mut answers = [0u8; PAGES];
    let mut resident_pages = 0;
    for offset in (0..bytes).step_by(PAGES * OS_PAGE_BYTES) {
        let part_bytes = (bytes - offset).min(PAGES * OS_PAGE_BYTES);
        let part = address.wrapping_add(offset);
        let answers = &mut answers[..part_bytes.div_ceil(OS_PAGE_BYTES)];
        // SAFETY: the kernel looks at its tables, not at the range, and writes a byte a page.
        let answered =
            keeping_errno(|| unsafe { libc::mincore(part.cast(), part_bytes, answers.as_mut_ptr()) == 0 });
        if answered {
            resident_pages += answers.iter().filter(|&&answer| answer & 1 == 1).count();
        }
    }
    resident_pages * OS_PAGE_BYTES
}

/// none -> committed, for something that is not the heap's and is not counted; null on failure.
#[must_use]
pub fn map_outside(bytes: usize) -> *mut u8 {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    let protection = Access::ReadWrite.protection();
    let address = keeping_errno(|| {
        // SAFETY: without MAP_FIXED the kernel picks addresses that nobody uses.
        unsafe { libc::mmap(null_mut(), bytes, protection, flags, -1, 0) }
    });
    if address == libc::MAP_FAILED { null_mut() } else { address.cast() }
}

/// Makes such a mapping longer, wherever it is then; null on failure, and it is as it was.
///
/// # Safety
/// The mapping is the caller's, and nobody else knows where it is.
#[must_use]
pub unsafe fn resize_outside(address: *mut u8, bytes: usize, new_bytes: usize) -> *mut u8 {
    if cfg!(spandrel_sanitized) {
        // SAFETY: the caller's promise.
        return unsafe { copy_outside(address, bytes, new_bytes) };
    }
    let moved = keeping_errno(|| {
        // SAFETY: the caller's promise.
        unsafe { libc::mremap(address.cast(), bytes, new_bytes, libc::MREMAP_MAYMOVE) }
    });
    if moved == libc::MAP_FAILED { null_mut() } else { moved.cast() }
}

/// The same by hand: ThreadSanitizer does not know of `mremap`, and would take those who had the new place
/// before, or have the old one later, for users of this mapping.
///
/// # Safety
/// As [`resize_outside`].
unsafe fn copy_outside(address: *mut u8, bytes: usize, new_bytes: usize) -> *mut u8 {
    let moved = map_outside(new_bytes);
    if !moved.is_null() {
        // SAFETY: both mappings are that long, and the old one is the caller's.
        unsafe {
            core::ptr::copy_nonoverlapping(address, moved, bytes.min(new_bytes));
            release_outside(address, bytes);
        }
    }
    moved
}

/// Unmaps such a mapping.
///
/// # Safety
/// The mapping is the caller's, and nobody uses it any more.
pub unsafe fn release_outside(address: *mut u8, bytes: usize) {
    // SAFETY: the caller's promise.
    keeping_errno(|| unsafe { libc::munmap(address.cast(), bytes) });
}

/// Makes (or empties) a file and maps `bytes` of it, shared; null if that can't be done. Its blocks are
/// there before it is mapped: on a disk without room a store into the mapping would end the process. The
/// mapping is not counted: it is not the heap's.
#[must_use]
#[cfg_attr(feature = "faults", track_caller)]
pub fn map_file(path: &CStr, bytes: usize) -> *mut u8 {
    if fails(Call::MapFile) {
        return null_mut();
    }
    let flags = libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC | libc::O_CLOEXEC | libc::O_NOFOLLOW;
    keeping_errno(|| {
        // SAFETY: the path ends in NUL.
        let file = unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), flags, 0o600) };
        let Ok(file @ 0..) = i32::try_from(file) else {
            return null_mut();
        };
        let address = if fill_with_zeros(file, bytes) {
            let protection = Access::ReadWrite.protection();
            // SAFETY: `file` is open and ours; without MAP_FIXED the kernel picks free addresses.
            unsafe { libc::mmap(null_mut(), bytes, protection, libc::MAP_SHARED, file, 0) }
        } else {
            libc::MAP_FAILED
        };
        // SAFETY: as above.
        unsafe { libc::syscall(libc::SYS_close, file) };
        if address == libc::MAP_FAILED { null_mut() } else { address.cast() }
    })
}

/// Gives an empty file `bytes` of zeros with blocks of the disk behind them; `false` if there is no room.
/// Some file systems can't set blocks aside, and are written to.
fn fill_with_zeros(file: i32, bytes: usize) -> bool {
    // SAFETY: numbers only; `file` is open.
    if unsafe { libc::syscall(libc::SYS_fallocate, file, 0, 0, bytes) } == 0 {
        return true;
    }
    let zeros = [0u8; OS_PAGE_BYTES];
    let mut written_bytes = 0;
    while written_bytes < bytes {
        let next = &zeros[..zeros.len().min(bytes - written_bytes)];
        // SAFETY: pointer and length are a slice's.
        let written = unsafe { libc::syscall(libc::SYS_write, file, next.as_ptr(), next.len()) };
        match usize::try_from(written) {
            Ok(written) if written > 0 => written_bytes += written,
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::{
        Access, Advice, OS_PAGE_BYTES, commit, release, remap, reserve_aligned, resident_bytes, resize,
        scavenge,
    };

    const MIB: usize = 1 << 20;

    #[test]
    fn reservations_are_aligned_and_apart() {
        let first = reserve_aligned(64 * MIB, 64 * MIB, Access::None);
        let second = reserve_aligned(64 * MIB, 64 * MIB, Access::None);
        assert!(!first.is_null() && !second.is_null());
        assert_eq!((first.addr() | second.addr()) % (64 * MIB), 0);
        assert!(first.addr().abs_diff(second.addr()) >= 64 * MIB);
        // SAFETY: both are this test's.
        unsafe {
            release(first, 64 * MIB);
            release(second, 64 * MIB);
        }
    }

    #[test]
    fn impossible_sizes_are_null() {
        assert!(reserve_aligned(usize::MAX - 4095, 64 * MIB, Access::None).is_null());
        assert!(reserve_aligned(1 << 50, 64 * MIB, Access::None).is_null());
    }

    #[test]
    fn scavenged_memory_is_zero() {
        let memory = reserve_aligned(MIB, MIB, Access::None);
        // SAFETY: this test's memory, `MIB` long, committed before it is touched.
        unsafe {
            assert!(commit(memory, MIB));
            memory.write_bytes(7, MIB);
            assert!(scavenge(memory, MIB, Advice::DontNeed));
            assert_eq!(memory.read(), 0);
            assert_eq!(memory.add(MIB - 1).read(), 0);
            release(memory, MIB);
        }
    }

    #[test]
    fn resident_is_what_was_touched() {
        let memory = reserve_aligned(64 * MIB, 64 * MIB, Access::ReadWrite);
        assert_eq!(resident_bytes(memory, 64 * MIB), 0);
        for page in [0, 1, 2047, 2048, 2049, 9000] {
            // SAFETY: this test's memory.
            unsafe { memory.wrapping_add(page * OS_PAGE_BYTES).write(1) };
        }
        assert_eq!(resident_bytes(memory, 64 * MIB), 6 * OS_PAGE_BYTES);
        assert_eq!(resident_bytes(memory.wrapping_add(OS_PAGE_BYTES), OS_PAGE_BYTES), OS_PAGE_BYTES);
        // SAFETY: this test's memory.
        unsafe { release(memory, 64 * MIB) };
        assert_eq!(resident_bytes(memory, 64 * MIB), 0, "not mapped");
    }

    #[test]
    fn mappings_grow_and_move() {
        let memory = reserve_aligned(MIB, 64 * MIB, Access::ReadWrite);
        let target = reserve_aligned(8 * MIB, 64 * MIB, Access::None);
        // SAFETY: both are this test's; what is read was mapped and moved before.
        unsafe {
            memory.write(42);
            assert!(resize(memory, MIB, 2 * MIB));
            assert!(remap(memory, 2 * MIB, target, 8 * MIB));
            assert_eq!(target.read(), 42);
            assert_eq!(target.add(8 * MIB - 1).read(), 0);
            release(target, 8 * MIB);
        }
    }
}
