//! Buffers of zeros that know how far they were written: only so much has to be zeroed again.
//!
//! A buffer's memory is all initialised. Bytes from the **mark** on are zero, whoever had it before. All ways
//! to write into it move the mark; `get_zeroed` zeroes what lies before it, and no more than was asked for.

use std::io::{self, Read};
use std::ops::Deref;

use crate::guard::Pooled;
use crate::recycle::Recycle;

/// What lies in the pool.
#[derive(Debug, Default)]
pub(crate) struct Zeros {
    bytes: Vec<u8>,
    /// The length that was asked for.
    len: usize,
    mark: usize,
    /// What was zeroed for who has it.
    pub(crate) zeroed_bytes: usize,
}

impl Zeros {
    /// Makes the first `len` bytes zero; `room_bytes` is that of a new buffer.
    #[inline]
    pub(crate) fn prepare(&mut self, len: usize, room_bytes: usize) {
        self.len = len;
        if self.bytes.len() < len {
            (self.bytes, self.mark) = (vec![0; room_bytes.max(len)], 0);
            self.zeroed_bytes = self.bytes.len();
            return;
        }
        let dirty = self.mark.min(len);
        self.bytes[..dirty].fill(0);
        self.zeroed_bytes = dirty;
        if self.mark <= len {
            self.mark = 0;
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct KeepMark;

impl Recycle<Zeros> for KeepMark {
    fn make(&self) -> Zeros {
        Zeros::default()
    }

    #[inline]
    fn weight_bytes(&self, zeros: &Zeros) -> usize {
        zeros.bytes.len()
    }
}

/// Zeros lent by a [`BufPool`](crate::BufPool): so many as were asked for, until they are written.
///
/// It is a slice to read. What writes says how far: that much is all that has to be zeroed for the next.
///
/// Don't use it for what is written from end to end each time: then it zeroes as much as `vec![0; len]`
/// would. [`BufPool::get`](crate::BufPool::get) and `extend_from_slice` zero nothing.
///
/// ```
/// static BUFFERS: spandrel_pool::BufPool = spandrel_pool::BufPool::new();
/// for message in [&b"a long message"[..], b"short"] {
///     let mut buffer = BUFFERS.get_zeroed(4096);
///     let len = buffer.read_from(message).unwrap();
///     assert_eq!(&buffer[..len], message);
///     assert!(buffer[len..].iter().all(|&byte| byte == 0));
/// }
/// assert_eq!(BUFFERS.get_zeroed(4096).zeroed_bytes(), 5, "the others are zero still");
/// ```
#[derive(Debug)]
#[must_use = "a guard that is dropped at once gives its buffer back at once"]
pub struct ZeroedBuf<'p>(pub(crate) Pooled<'p, Zeros, KeepMark>);

impl ZeroedBuf<'_> {
    /// The first `len` bytes, to write. The next who gets the buffer pays for zeroing so many.
    ///
    /// # Panics
    /// If the buffer is shorter.
    ///
    /// ```
    /// let pool = spandrel_pool::BufPool::new();
    /// let mut buffer = pool.get_zeroed(100);
    /// buffer.prefix_mut(2).copy_from_slice(b"ab");
    /// assert_eq!(buffer[..3], *b"ab\0");
    /// ```
    #[inline]
    pub fn prefix_mut(&mut self, len: usize) -> &mut [u8] {
        let zeros = &mut *self.0;
        assert!(len <= zeros.len, "a prefix of {len} bytes, of a buffer of {}", zeros.len);
        zeros.mark = zeros.mark.max(len);
        &mut zeros.bytes[..len]
    }

    /// Reads once, to the buffer's beginning; how many bytes were read. Trusts the reader to have written no
    /// more than it says.
    ///
    /// # Errors
    /// Those of the reader, after which the buffer counts as written to its end.
    ///
    /// # Panics
    /// If the reader says that it has read more than there is room for.
    ///
    /// ```
    /// let pool = spandrel_pool::BufPool::new();
    /// let mut buffer = pool.get_zeroed(100);
    /// assert_eq!(buffer.read_from(&b"hello"[..]).unwrap(), 5);
    /// assert_eq!(buffer[..6], *b"hello\0");
    /// ```
    #[inline]
    pub fn read_from(&mut self, mut reader: impl Read) -> io::Result<usize> {
        let zeros = &mut *self.0;
        let mark = std::mem::replace(&mut zeros.mark, zeros.bytes.len());
        let read = reader.read(&mut zeros.bytes[..zeros.len])?;
        assert!(read <= zeros.len, "{read} bytes were read into {}", zeros.len);
        zeros.mark = mark.max(read);
        Ok(read)
    }

    /// Bytes that were zeroed for this buffer when it was asked for.
    ///
    /// ```
    /// let pool = spandrel_pool::BufPool::new();
    /// pool.get_zeroed(100).prefix_mut(7).fill(1);
    /// assert_eq!(pool.get_zeroed(100).zeroed_bytes(), 7);
    /// ```
    #[must_use]
    pub fn zeroed_bytes(&self) -> usize {
        self.0.zeroed_bytes
    }
}

impl Deref for ZeroedBuf<'_> {
    type Target = [u8];
    #[inline]
    fn deref(&self) -> &[u8] {
        &self.0.bytes[..self.0.len]
    }
}
