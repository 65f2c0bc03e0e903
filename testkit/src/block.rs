//! One live block: its memory, the pattern in it, and the checks at every step of its life.
//!
//! A [`Block`] owns its memory, so all of its methods are safe to call. It has no destructor: after a fault
//! the allocator cannot be trusted with another free, so a block that is dropped is leaked.

use core::mem::MaybeUninit;
use core::ptr::NonNull;
use core::slice;
use std::alloc::Layout;

use crate::fault::Fault;
use crate::pattern;
use crate::subject::Subject;

/// A live block of a subject, filled with the pattern of its seed from end to end of its usable size.
///
/// ```
/// use spandrel_testkit::{Block, RustSubject};
/// let subject = RustSubject(std::alloc::System);
/// let block = Block::alloc(&subject, 100, 8, 1)?;
/// let block = block.realloc(200, 2)?; // checks the first 100 bytes, then fills all 200
/// block.free()?; // checks all 200 bytes
/// # Ok::<(), spandrel_testkit::Fault>(())
/// ```
#[must_use = "a block that is not freed is leaked"]
pub struct Block<'s> {
    subject: &'s dyn Subject,
    ptr: NonNull<u8>,
    bytes: usize,
    align: usize,
    extent_bytes: usize,
    seed: u64,
}

// SAFETY: a block owns its memory, and subjects are `Sync`.
unsafe impl Send for Block<'_> {}

impl core::fmt::Debug for Block<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Block({:#x}, {} bytes, align {})", self.address(), self.bytes, self.align)
    }
}

impl<'s> Block<'s> {
    /// Allocates a block, checks it and fills it.
    ///
    /// # Errors
    /// Null, a wrong alignment, a usable size below `bytes`.
    ///
    /// # Panics
    /// If the request is not one that the subject allows.
    pub fn alloc(subject: &'s dyn Subject, bytes: usize, align: usize, seed: u64) -> Result<Self, Fault> {
        let mut block = Self::alloc_unfilled(subject, bytes, align)?;
        block.fill(seed);
        Ok(block)
    }

    /// Allocates zeroed memory, checks all of it and fills it.
    ///
    /// # Errors
    /// As [`alloc`](Self::alloc), and a byte that is not zero.
    ///
    /// # Panics
    /// As [`alloc`](Self::alloc).
    pub fn alloc_zeroed(
        subject: &'s dyn Subject,
        bytes: usize,
        align: usize,
        seed: u64,
    ) -> Result<Self, Fault> {
        let mut block = Self::alloc_zeroed_unfilled(subject, bytes, align)?;
        block.fill(seed);
        Ok(block)
    }

    /// Allocates a block and checks it, but does not write to it yet. Must be followed by
    /// [`fill`](Self::fill).
    pub(crate) fn alloc_unfilled(
        subject: &'s dyn Subject,
        bytes: usize,
        align: usize,
    ) -> Result<Self, Fault> {
        assert_allowed(subject, bytes, align);
        // SAFETY: the request was just checked.
        let ptr = unsafe { subject.alloc(bytes, align) };
        Self::checked(subject, ptr, bytes, align)
    }

    /// The same with zeroed memory.
    pub(crate) fn alloc_zeroed_unfilled(
        subject: &'s dyn Subject,
        bytes: usize,
        align: usize,
    ) -> Result<Self, Fault> {
        assert_allowed(subject, bytes, align);
        // SAFETY: the request was just checked.
        let ptr = unsafe { subject.alloc_zeroed(bytes, align) };
        let block = Self::checked(subject, ptr, bytes, align)?;
        // SAFETY: the block is ours and its first `bytes` bytes are initialised, with zeros if all is well.
        let memory = unsafe { slice::from_raw_parts(block.ptr.as_ptr(), bytes) };
        match pattern::first_nonzero(memory) {
            Some(offset) => Err(Fault::NotZero { address: block.address(), bytes, offset }),
            None => Ok(block),
        }
    }

    /// Takes what the subject returned for a request.
    fn checked(subject: &'s dyn Subject, ptr: *mut u8, bytes: usize, align: usize) -> Result<Self, Fault> {
        let ptr = NonNull::new(ptr).ok_or(Fault::Null { bytes, align })?;
        if !ptr.addr().get().is_multiple_of(align) {
            return Err(Fault::Misaligned { address: ptr.addr().get(), align });
        }
        // SAFETY: the subject just returned this block.
        let usable_bytes = unsafe { subject.usable(ptr.as_ptr()) };
        let extent_bytes = usable_bytes.unwrap_or(bytes);
        if extent_bytes < bytes {
            return Err(Fault::UsableTooSmall { usable_bytes: extent_bytes, bytes });
        }
        Ok(Self { subject, ptr, bytes, align, extent_bytes, seed: 0 })
    }

    /// Fills the block, up to its usable size, with the pattern of `seed`.
    pub(crate) fn fill(&mut self, seed: u64) {
        self.seed = seed;
        let start = self.ptr.as_ptr().cast::<MaybeUninit<u8>>();
        // SAFETY: the block is ours over its whole extent, and nobody else refers to it.
        pattern::fill(unsafe { slice::from_raw_parts_mut(start, self.extent_bytes) }, seed);
    }

    /// Where the first `bytes` bytes differ from the block's pattern, and how.
    fn mismatch(&self, bytes: usize) -> Option<(usize, u8)> {
        // SAFETY: the block is ours, and `fill` or the subject's `realloc` have initialised these bytes.
        let memory = unsafe { slice::from_raw_parts(self.ptr.as_ptr(), bytes) };
        pattern::mismatch(memory, self.seed).map(|offset| (offset, memory[offset]))
    }

    /// Checks that every byte is as it was written.
    ///
    /// # Errors
    /// The first byte that is not.
    pub fn verify(&self) -> Result<(), Fault> {
        let (address, bytes) = (self.address(), self.extent_bytes);
        match self.mismatch(bytes) {
            Some((offset, found)) => Err(Fault::Contents { address, bytes, offset, found }),
            None => Ok(()),
        }
    }

    /// Checks the block, resizes it, checks what must have been kept, and fills it anew.
    ///
    /// # Errors
    /// Contents that changed before or were lost on the way, and all of [`alloc`](Self::alloc). The block is
    /// leaked.
    ///
    /// # Panics
    /// If the new size is not one that the subject allows.
    pub fn realloc(self, new_bytes: usize, seed: u64) -> Result<Self, Fault> {
        let mut block = self.realloc_unfilled(new_bytes)?;
        block.fill(seed);
        Ok(block)
    }

    /// The same without filling. Must be followed by [`fill`](Self::fill).
    pub(crate) fn realloc_unfilled(self, new_bytes: usize) -> Result<Self, Fault> {
        self.verify()?;
        let new_align = self.subject.realloc_align(self.align, new_bytes);
        assert_allowed(self.subject, new_bytes, new_align);
        assert!(new_bytes > 0, "what realloc to zero bytes does is not agreed upon");
        // SAFETY: the block is ours with this size and alignment; the new size was just checked.
        let ptr = unsafe { self.subject.realloc(self.ptr.as_ptr(), self.bytes, self.align, new_bytes) };
        let block = Self { seed: self.seed, ..Self::checked(self.subject, ptr, new_bytes, new_align)? };
        match block.mismatch(self.bytes.min(new_bytes)) {
            Some((offset, _)) => Err(Fault::Lost { old_bytes: self.bytes, new_bytes, offset }),
            None => Ok(block),
        }
    }

    /// Checks the block and frees it.
    ///
    /// # Errors
    /// Contents that changed. The block is leaked.
    pub fn free(self) -> Result<(), Fault> {
        self.verify()?;
        // SAFETY: the block is ours with this size and alignment, and `self` ends here.
        unsafe { self.subject.dealloc(self.ptr.as_ptr(), self.bytes, self.align) };
        Ok(())
    }

    /// Checks that the subject refuses to resize the block to `bytes`, and that the block survives it.
    ///
    /// # Errors
    /// If it does not refuse, or the block has changed. A block that was resized is leaked.
    ///
    /// # Panics
    /// If the size is not one that the subject allows.
    pub fn refuses_realloc(&self, bytes: usize) -> Result<(), Fault> {
        assert_allowed(self.subject, bytes, self.align);
        // SAFETY: the block is ours with this size and alignment; should it move, it is not used again.
        let ptr = unsafe { self.subject.realloc(self.ptr.as_ptr(), self.bytes, self.align, bytes) };
        if !ptr.is_null() {
            return Err(Fault::Granted { bytes, align: self.align });
        }
        self.verify()
    }

    /// Where the block starts.
    pub fn address(&self) -> usize {
        self.ptr.addr().get()
    }

    /// Its requested size in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Its alignment in bytes.
    pub fn align(&self) -> usize {
        self.align
    }

    /// How many bytes are its own: its usable size where the subject tells, else its requested size.
    pub fn extent_bytes(&self) -> usize {
        self.extent_bytes
    }
}

/// Checks that the subject refuses to allocate `bytes` bytes aligned to `align`, zeroed or not.
///
/// # Errors
/// If it does not.
///
/// # Panics
/// If the request is not one that the subject allows.
pub fn refuses(subject: &dyn Subject, bytes: usize, align: usize) -> Result<(), Fault> {
    assert_allowed(subject, bytes, align);
    // SAFETY: the request was just checked.
    let answers = unsafe { [subject.alloc(bytes, align), subject.alloc_zeroed(bytes, align)] };
    if answers.iter().all(|ptr| ptr.is_null()) { Ok(()) } else { Err(Fault::Granted { bytes, align }) }
}

/// Establishes what [`Subject::alloc`] demands of its caller.
fn assert_allowed(subject: &dyn Subject, bytes: usize, align: usize) {
    assert!(Layout::from_size_align(bytes, align).is_ok(), "no layout: {bytes} bytes aligned to {align}");
    assert!(bytes > 0 || subject.allows_zero_size(), "the subject does not allow a size of zero");
}
