//! The end of a process whose heap is misused: one line on standard error, then `SIGABRT`.
//!
//! It allocates nothing and takes no lock, so that it works when the heap is broken.

use spandrel_platform::process::{abort, write_stderr};

/// A line of text in a fixed buffer; what does not fit is cut.
pub(crate) struct Line {
    bytes: [u8; 256],
    length: usize,
}

impl Line {
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; 256], length: 0 }
    }

    pub(crate) fn text(mut self, text: &[u8]) -> Self {
        for &byte in text {
            if self.length < self.bytes.len() {
                self.bytes[self.length] = byte;
                self.length += 1;
            }
        }
        self
    }

    pub(crate) fn decimal(self, mut value: u64) -> Self {
        let mut digits = [0; 20];
        let mut first = digits.len();
        loop {
            first -= 1;
            digits[first] = b'0' + (value % 10) as u8;
            value /= 10;
            if value == 0 {
                break;
            }
        }
        self.text(&digits[first..])
    }

    pub(crate) fn address(mut self, address: usize) -> Self {
        self = self.text(b"0x");
        let nibbles = (address.max(1).ilog2() / 4 + 1) as usize;
        for nibble in (0..nibbles).rev() {
            self = self.text(&[b"0123456789abcdef"[address >> (4 * nibble) & 15]]);
        }
        self
    }

    /// Writes the line, with its end, in one call.
    pub(crate) fn print(self) {
        let line = self.text(b"\n");
        write_stderr(&line.bytes[..line.length]);
    }
}

/// A pointer came back that the allocator never gave out.
#[cold]
pub(crate) fn foreign_pointer(address: usize) -> ! {
    Line::new().text(b"spandrel: free of ").address(address).text(b", which is not from this heap").print();
    abort()
}

/// A pointer came back that points into an object, not to its start.
#[cold]
pub(crate) fn interior_pointer(address: usize, start: usize, class: u8) -> ! {
    Line::new()
        .text(b"spandrel: free of ")
        .address(address)
        .text(b", which points into a span (class ")
        .decimal(class.into())
        .text(b", start ")
        .address(start)
        .text(b") but not to an object")
        .print();
    abort()
}

/// A pointer came back whose span has no object in use: it was freed before.
#[cold]
pub(crate) fn double_free(address: usize, class: u8) -> ! {
    Line::new()
        .text(b"spandrel: double free of ")
        .address(address)
        .text(b" (class ")
        .decimal(class.into())
        .text(b")")
        .print();
    abort()
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::Line;

    fn text(line: &Line) -> &str {
        std::str::from_utf8(&line.bytes[..line.length]).unwrap()
    }

    #[test]
    fn numbers() {
        assert_eq!(text(&Line::new().decimal(0).text(b" ").decimal(u64::MAX)), "0 18446744073709551615");
        assert_eq!(text(&Line::new().address(0)), "0x0");
        assert_eq!(text(&Line::new().address(0x7f00_1234_abcd)), "0x7f001234abcd");
    }

    #[test]
    fn long_lines_are_cut() {
        assert_eq!(Line::new().text(&[b'x'; 400]).length, 256);
    }
}
