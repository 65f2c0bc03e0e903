//! Where the stack of the calling thread lies: the mapping around an address, as the kernel tells.
//!
//! libc's own answer allocates (and for the main thread reads the same file). This reads `/proc/self/maps`
//! with a small buffer and bare system calls. It costs some ten microseconds, so callers keep the answer.

/// Addresses that may be read: from the first up to the second, which is not among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The lowest address.
    pub start: usize,
    /// Behind the highest.
    pub end: usize,
}

impl Bounds {
    /// Whether a word at `address` lies inside.
    #[inline]
    #[must_use]
    pub fn has_word(self, address: usize) -> bool {
        address.is_multiple_of(size_of::<usize>())
            && address >= self.start
            && address < self.end
            && self.end - address >= size_of::<usize>()
    }
}

/// The mapping that holds `address`; `None` without `/proc`.
///
/// ```
/// let local = 1u8;
/// let address = &raw const local as usize;
/// let stack = spandrel_unwind::bounds_of(address).expect("this is Linux");
/// assert!(stack.start <= address && address < stack.end);
/// ```
#[must_use]
pub fn bounds_of(address: usize) -> Option<Bounds> {
    let mut search = Search { address, start: 0, end: 0, field: Field::Start, found: None };
    read_maps(|piece| search.feed(piece));
    search.found
}

/// Which part of a line is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Start,
    End,
    Rest,
}

/// Reads lines of the form `start-end rest`, in pieces of any length.
struct Search {
    address: usize,
    start: usize,
    end: usize,
    field: Field,
    found: Option<Bounds>,
}

impl Search {
    /// Whether to go on.
    fn feed(&mut self, piece: &[u8]) -> bool {
        for &byte in piece {
            match (self.field, byte) {
                (_, b'\n') => (self.field, self.start, self.end) = (Field::Start, 0, 0),
                (Field::Start, b'-') => self.field = Field::End,
                (Field::Start, digit) => self.start = self.start << 4 | hex(digit),
                (Field::End, b' ') => {
                    self.field = Field::Rest;
                    if self.start <= self.address && self.address < self.end {
                        self.found = Some(Bounds { start: self.start, end: self.end });
                        return false;
                    }
                }
                (Field::End, digit) => self.end = self.end << 4 | hex(digit),
                (Field::Rest, _) => {}
            }
        }
        true
    }
}

fn hex(digit: u8) -> usize {
    char::from(digit).to_digit(16).unwrap_or(0) as usize
}

/// Hands the file to `feed` piece by piece, as long as it wants more. Keeps `errno`.
fn read_maps(mut feed: impl FnMut(&[u8]) -> bool) {
    let flags = libc::O_RDONLY | libc::O_CLOEXEC;
    // SAFETY: libc gives a valid address for the calling thread.
    let errno = unsafe { *libc::__errno_location() };
    // SAFETY: the path ends in NUL.
    let file = unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, c"/proc/self/maps".as_ptr(), flags) };
    if file >= 0 {
        let mut buffer = [0u8; 1024];
        loop {
            // SAFETY: pointer and length are a buffer's.
            let read = unsafe { libc::syscall(libc::SYS_read, file, buffer.as_mut_ptr(), buffer.len()) };
            match usize::try_from(read) {
                Ok(read @ 1..) if feed(&buffer[..read.min(buffer.len())]) => {}
                _ => break,
            }
        }
        // SAFETY: `file` is open and ours.
        unsafe { libc::syscall(libc::SYS_close, file) };
    }
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
}

#[cfg(test)]
mod tests {
    use super::{Bounds, Field, Search};

    #[test]
    fn lines_in_pieces() {
        let text = b"1000-2000 r-xp 0 00:00 0 /a-b 1-ffff\n7ff000-7ff800 rw-p 0 00:00 0 [stack]\n";
        for length in 1..text.len() {
            let mut search =
                Search { address: 0x7f_f7ff, start: 0, end: 0, field: Field::Start, found: None };
            text.chunks(length).all(|piece| search.feed(piece));
            assert_eq!(search.found, Some(Bounds { start: 0x7f_f000, end: 0x7f_f800 }));
        }
    }

    #[test]
    fn words_inside() {
        let bounds = Bounds { start: 16, end: 32 };
        assert!(bounds.has_word(16) && bounds.has_word(24));
        for outside in [0, 8, 17, 25, 32, usize::MAX - 7] {
            assert!(!bounds.has_word(outside), "{outside}");
        }
    }
}
