//! Text without memory: a line in a fixed buffer, for the few things that an allocator says.

use spandrel_platform::process::write_stderr;

/// Digits of the largest number: enough for 64 bits.
pub(crate) const DIGITS_MAX: usize = u64::MAX.ilog10() as usize + 1;

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

    pub(crate) fn decimal(self, value: u64) -> Self {
        self.text(decimal(value, &mut [0; DIGITS_MAX]))
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

/// Writes a number into the end of `digits` and returns its digits.
pub(crate) fn decimal(mut value: u64, digits: &mut [u8; DIGITS_MAX]) -> &[u8] {
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            return &digits[first..];
        }
    }
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
