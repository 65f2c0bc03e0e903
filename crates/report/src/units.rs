//! The one place where bytes, shares, counts and times become words, and words become bytes.

/// Powers of 1024 and their names.
const BYTE_UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// Bytes with at most three significant digits: `512 B`, `8 KiB`, `31.2 MiB`.
///
/// ```
/// use spandrel_report::units::bytes;
/// assert_eq!(bytes(48), "48 B");
/// assert_eq!(bytes(8192), "8 KiB");
/// assert_eq!(bytes(32_715_571), "31.2 MiB");
/// ```
#[must_use]
pub fn bytes(bytes: u64) -> String {
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut exponent = bytes.ilog2() / 10;
    loop {
        let unit = 1_u128 << (10 * exponent);
        let name = BYTE_UNITS[exponent as usize];
        for decimals in [2, 1, 0] {
            let scaled = (u128::from(bytes) * 10_u128.pow(decimals) + unit / 2) / unit;
            if scaled < 1000 || (decimals == 0 && scaled < 1024) {
                return format!("{} {name}", decimal(scaled, decimals));
            }
        }
        // 1023.9 KiB rounds to 1024 KiB: say 1 MiB.
        exponent += 1;
    }
}

/// `scaled / 10^decimals` without trailing zeros.
fn decimal(scaled: u128, decimals: u32) -> String {
    let one = 10_u128.pow(decimals);
    let (whole, rest) = (scaled / one, scaled % one);
    if rest == 0 {
        return whole.to_string();
    }
    let digits = format!("{rest:0width$}", width = decimals as usize);
    format!("{whole}.{}", digits.trim_end_matches('0'))
}

/// A share of a whole: `22 %`, below ten with one decimal: `2.3 %`; `-` when there is no whole.
///
/// ```
/// use spandrel_report::units::percent;
/// assert_eq!(percent(1, 3), "33 %");
/// assert_eq!(percent(23, 1000), "2.3 %");
/// assert_eq!(percent(1, 1_000_000), "<0.1 %");
/// ```
#[must_use]
pub fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "-".to_string();
    }
    let (part, whole) = (u128::from(part), u128::from(whole));
    let tenths = (part * 1000 + whole / 2) / whole;
    match tenths {
        0 if part > 0 => "<0.1 %".to_string(),
        0..100 => format!("{} %", decimal(tenths, 1)),
        _ => format!("{} %", (part * 100 + whole / 2) / whole),
    }
}

/// A count with its digits in groups of three: `1,234,567`.
///
/// ```
/// assert_eq!(spandrel_report::units::count(1_234_567), "1,234,567");
/// ```
#[must_use]
pub fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A time: `340 ms`, `1.02 s`, `12 min 5 s`.
///
/// ```
/// assert_eq!(spandrel_report::units::duration(1_020_000_000), "1.02 s");
/// ```
#[must_use]
pub fn duration(nanoseconds: u64) -> String {
    let milliseconds = (u128::from(nanoseconds) + 500_000) / 1_000_000;
    match milliseconds {
        0..1000 => format!("{milliseconds} ms"),
        1000..60_000 => format!("{} s", decimal((milliseconds + 5) / 10, 2)),
        _ => format!("{} min {} s", milliseconds / 60_000, milliseconds / 1000 % 60),
    }
}

/// Reads a size: a whole number of bytes, or one with `B`, `KiB`, `MiB`, `GiB` or `TiB` behind it.
///
/// ```
/// use spandrel_report::units::parse_bytes;
/// assert_eq!(parse_bytes("4KiB"), Ok(4096));
/// assert!(parse_bytes("4 potatoes").is_err());
/// ```
///
/// # Errors
/// One line that says what is wrong with `text`.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let digits_end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, suffix) = text.split_at(digits_end);
    let exponent =
        if suffix.is_empty() { Some(0) } else { BYTE_UNITS[..5].iter().position(|&unit| unit == suffix) };
    let Some(exponent) = exponent.filter(|_| !digits.is_empty()) else {
        return Err(format!(
            "`{}` is not a size: write a whole number of bytes, or one with KiB, MiB, GiB or TiB behind it",
            text.escape_debug()
        ));
    };
    digits
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(1 << (10 * exponent)))
        .ok_or_else(|| format!("`{text}` is too large: sizes go up to 16777215 TiB"))
}

#[cfg(test)]
mod tests {
    use super::{bytes, count, duration, parse_bytes, percent};

    #[test]
    fn bytes_keep_three_digits_and_roll_over() {
        let cases = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (1536, "1.5 KiB"),
            (10 * 1024 - 1, "10 KiB"),
            (9 * 1024 + 512 + 20, "9.52 KiB"),
            (1023 * 1024, "1023 KiB"),
            (1024 * 1024 - 1, "1 MiB"),
            (40_000, "39.1 KiB"),
            (u64::MAX, "16 EiB"),
        ];
        for (value, text) in cases {
            assert_eq!(bytes(value), text, "{value}");
        }
    }

    #[test]
    fn percent_tells_small_shares_from_none() {
        assert_eq!(percent(0, 7), "0 %");
        assert_eq!(percent(1, 2000), "0.1 %");
        assert_eq!(percent(1, 2001), "<0.1 %");
        assert_eq!(percent(995, 10_000), "10 %");
        assert_eq!(percent(7, 7), "100 %");
        assert_eq!(percent(7, 0), "-");
        assert_eq!(percent(u64::MAX, u64::MAX), "100 %");
    }

    #[test]
    fn counts_and_times() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1000), "1,000");
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(duration(0), "0 ms");
        assert_eq!(duration(999_400_000), "999 ms");
        assert_eq!(duration(59_999_000_000), "60 s");
        assert_eq!(duration(725_000_000_000), "12 min 5 s");
    }

    #[test]
    fn parse_bytes_accepts_sizes_alone() {
        assert_eq!(parse_bytes("0"), Ok(0));
        assert_eq!(parse_bytes("33B"), Ok(33));
        assert_eq!(parse_bytes("2TiB"), Ok(2 << 40));
        assert_eq!(parse_bytes("16383PiB").ok(), None);
        for bad in
            ["", "KiB", "-1", "+1", "1.5KiB", "4kib", "4 KiB", "1KiBx", "99999999999999999999", "16777216TiB"]
        {
            assert!(parse_bytes(bad).is_err(), "{bad}");
        }
    }
}
