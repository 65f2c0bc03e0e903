//! Text into growing bytes: words, numbers, and JSON as far as numbers need it.

use spandrel_platform::bytes::Bytes;

use crate::line::{DIGITS_MAX, decimal};

/// What is written, piece by piece.
pub(crate) trait Text {
    fn text(&mut self, text: &str) -> &mut Self;
    fn decimal(&mut self, value: u64) -> &mut Self;
    fn signed(&mut self, value: i64) -> &mut Self;
    /// `0x` and the digits.
    fn address(&mut self, value: u64) -> &mut Self;
    /// A number of hundredths, as seconds.
    fn hundredths(&mut self, value: u64) -> &mut Self;
}

impl Text for Bytes {
    fn text(&mut self, text: &str) -> &mut Self {
        self.extend(text.as_bytes());
        self
    }

    fn decimal(&mut self, value: u64) -> &mut Self {
        self.extend(decimal(value, &mut [0; DIGITS_MAX]));
        self
    }

    fn signed(&mut self, value: i64) -> &mut Self {
        self.text(if value < 0 { "-" } else { "" }).decimal(value.unsigned_abs())
    }

    fn address(&mut self, value: u64) -> &mut Self {
        self.extend(b"0x");
        let nibbles = value.max(1).ilog2() / 4 + 1;
        for nibble in (0..nibbles).rev() {
            self.extend(&[b"0123456789abcdef"[(value >> (4 * nibble) & 15) as usize]]);
        }
        self
    }

    fn hundredths(&mut self, value: u64) -> &mut Self {
        let digit = |digit: u64| [b'0' + (digit % 10) as u8];
        self.decimal(value / 100).extend(b".");
        self.extend(&digit(value / 10));
        self.extend(&digit(value));
        self
    }
}

/// A JSON object or list that is being written.
pub(super) struct Json<'a> {
    out: &'a mut Bytes,
    is_empty: bool,
    end: &'static str,
}

impl<'a> Json<'a> {
    /// Begins an object.
    pub(super) fn object(out: &'a mut Bytes) -> Self {
        out.text("{");
        Self { out, is_empty: true, end: "}" }
    }

    fn next(&mut self, key: &str) -> &mut Bytes {
        if !core::mem::take(&mut self.is_empty) {
            self.out.text(",");
        }
        if !key.is_empty() {
            self.out.text("\"").text(key).text("\":");
        }
        self.out
    }

    pub(super) fn number(&mut self, key: &str, value: u64) -> &mut Self {
        self.next(key).decimal(value);
        self
    }

    pub(super) fn signed(&mut self, key: &str, value: i64) -> &mut Self {
        self.next(key).signed(value);
        self
    }

    pub(super) fn flag(&mut self, key: &str, value: bool) -> &mut Self {
        self.next(key).text(if value { "true" } else { "false" });
        self
    }

    pub(super) fn null(&mut self, key: &str) -> &mut Self {
        self.next(key).text("null");
        self
    }

    /// A string that needs no escapes.
    pub(super) fn plain(&mut self, key: &str, value: &str) -> &mut Self {
        self.next(key).text("\"").text(value).text("\"");
        self
    }

    /// An object in this one, or in this list with an empty key.
    pub(super) fn inner(&mut self, key: &str) -> Json<'_> {
        Json::object(self.next(key))
    }

    pub(super) fn list(&mut self, key: &str) -> Json<'_> {
        let out = self.next(key);
        out.text("[");
        Json { out, is_empty: true, end: "]" }
    }
}

impl Drop for Json<'_> {
    fn drop(&mut self) {
        self.out.text(self.end);
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::{Json, Text};
    use spandrel_platform::bytes::Bytes;

    #[test]
    fn numbers() {
        let mut out = Bytes::new(1000);
        out.signed(-3)
            .text(" ")
            .address(0)
            .text(" ")
            .address(0x7f00_dead_beef)
            .text(" ")
            .hundredths(7)
            .text(" ")
            .hundredths(12345);
        assert_eq!(out.as_slice(), b"-3 0x0 0x7f00deadbeef 0.07 123.45");
    }

    #[test]
    fn nested_json() {
        let mut out = Bytes::new(1000);
        {
            let mut json = Json::object(&mut out);
            json.number("a", 1).null("b").flag("c", true).plain("d", "x");
            json.inner("e").number("f", 2);
            let mut list = json.list("g");
            list.inner("").number("h", 3);
            list.inner("");
        }
        let text = std::str::from_utf8(out.as_slice()).unwrap();
        assert_eq!(text, r#"{"a":1,"b":null,"c":true,"d":"x","e":{"f":2},"g":[{"h":3},{}]}"#);
    }
}
