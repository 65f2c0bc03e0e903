//! Numbers as the `pprof` command writes them: `512.04kB`, `69.23%`.

/// A unit and how many of the smallest one of its family it has.
struct Unit {
    name: &'static str,
    aliases: &'static [&'static str],
    factor: f64,
}

/// Units that can be turned into each other.
struct Family {
    units: &'static [Unit],
    /// The unit of what is too small for all of them.
    default: &'static str,
    default_factor: f64,
}

const fn unit(name: &'static str, aliases: &'static [&'static str], factor: f64) -> Unit {
    Unit { name, aliases, factor }
}

const FAMILIES: [Family; 2] = [
    Family {
        units: &[
            unit("B", &["b", "byte"], 1.0),
            unit("kB", &["kb", "kbyte", "kilobyte"], 1024.0),
            unit("MB", &["mb", "mbyte", "megabyte"], 1_048_576.0),
            unit("GB", &["gb", "gbyte", "gigabyte"], 1_073_741_824.0),
            unit("TB", &["tb", "tbyte", "terabyte"], 1_099_511_627_776.0),
            unit("PB", &["pb", "pbyte", "petabyte"], 1_125_899_906_842_624.0),
        ],
        default: "B",
        default_factor: 1.0,
    },
    Family {
        units: &[
            unit("ns", &["ns", "nanosecond"], 1.0),
            unit("us", &["μs", "us", "microsecond"], 1e3),
            unit("ms", &["ms", "millisecond"], 1e6),
            unit("s", &["s", "sec", "second"], 1e9),
            unit("hrs", &["hour", "hr"], 3.6e12),
        ],
        default: "s",
        default_factor: 1e9,
    },
];

/// The unit that means: choose one.
pub(crate) const ANY_UNIT: &str = "minimum";

impl Family {
    fn find(&self, name: &str) -> Option<&Unit> {
        let lower = name.to_lowercase();
        let singular = if lower.len() > 2 { lower.strip_suffix('s').unwrap_or(&lower) } else { &lower };
        self.units.iter().find(|unit| unit.aliases.contains(&singular))
    }

    /// The value, which counts the smallest unit, in the unit that is called `to`.
    fn scale(&self, value: f64, to: &str) -> (f64, &'static str) {
        let wanted = match to {
            ANY_UNIT | "auto" => self.units.iter().rfind(|unit| value / unit.factor >= 1.0),
            named => self.find(named),
        };
        match wanted {
            Some(unit) => (value / unit.factor, unit.name),
            None => (value / self.default_factor, self.default),
        }
    }
}

/// Whether values can be shown in a unit of that name.
///
/// ```
/// use spandrel_report::profile::is_unit;
/// assert!(is_unit("MB") && is_unit("ms"));
/// assert!(!is_unit("parsec"));
/// ```
#[must_use]
pub fn is_unit(name: &str) -> bool {
    FAMILIES.iter().any(|family| family.find(name).is_some())
}

/// The value, which counts `from`, in the unit `to`, and the name of what came out; an empty one for counts.
pub(crate) fn scale(value: i64, from: &str, to: &str) -> (f64, String) {
    let magnitude = value.unsigned_abs() as f64;
    let family = FAMILIES.iter().find_map(|family| Some((family, family.find(from)?)));
    let (scaled, name) = match family {
        Some((family, unit)) => {
            let (scaled, name) = family.scale(magnitude * unit.factor, to);
            (scaled, name.to_string())
        }
        None if ["count", "sample", "unit", ANY_UNIT, "auto"].contains(&to) => (magnitude, String::new()),
        None => (magnitude, to.to_string()),
    };
    (if value < 0 { -scaled } else { scaled }, name)
}

/// The value with its unit: `512.04kB`.
pub(crate) fn label(value: i64, from: &str, to: &str) -> String {
    let (scaled, unit) = scale(value, from, to);
    let digits = format!("{scaled:.2}");
    match digits.strip_suffix(".00").unwrap_or(&digits) {
        "0" | "-0" => "0".to_string(),
        digits => format!("{digits}{unit}"),
    }
}

/// A share in six columns: `69.23%`, `  100%`, `  0.5%`.
pub(crate) fn percentage(value: i64, total: i64) -> String {
    let ratio = if total == 0 { 0.0 } else { (value as f64 / total as f64).abs() * 100.0 };
    if (99.95..=100.05).contains(&ratio) {
        "  100%".to_string()
    } else if ratio >= 1.0 {
        format!("{ratio:5.2}%")
    } else {
        format!("{:>5}%", two_digits(ratio))
    }
}

/// A number below one with at most two significant digits, as `%.2g` of C has it.
fn two_digits(number: f64) -> String {
    if number == 0.0 {
        return "0".to_string();
    }
    let scientific = format!("{number:.1e}");
    let (digits, exponent) = scientific.split_once('e').expect("the notation has an exponent");
    let exponent: i32 = exponent.parse().expect("an exponent is a number");
    if exponent < -4 {
        let digits = digits.strip_suffix(".0").unwrap_or(digits);
        return format!("{digits}e-{:02}", exponent.unsigned_abs());
    }
    let decimals = usize::try_from(1 - exponent).expect("the number is below ten");
    let plain = format!("{number:.decimals$}");
    plain.trim_end_matches('0').trim_end_matches('.').to_string()
}

/// The unit in which all of `values` are readable, given what they are shares of.
pub(crate) fn common_unit(values: impl Iterator<Item = i64>, total: i64, from: &str) -> String {
    let smallest = values.map(i64::saturating_abs).filter(|&value| value > 0).min().unwrap_or(total);
    let (_, small_unit) = scale(smallest, from, ANY_UNIT);
    let (_, large_unit) = scale(total, from, ANY_UNIT);
    let hundredfold = smallest.saturating_mul(100);
    let unit = if small_unit != large_unit && hundredfold < total {
        // The smallest may have two decimals.
        scale(hundredfold, from, ANY_UNIT).1
    } else {
        small_unit
    };
    if unit.is_empty() { from.to_string() } else { unit }
}

#[cfg(test)]
mod tests {
    use super::{common_unit, label, percentage};

    #[test]
    fn labels_are_short() {
        let cases = [
            (0, "bytes", "minimum", "0"),
            (1, "bytes", "kB", "0"),
            (1023, "bytes", "auto", "1023B"),
            (1536, "bytes", "auto", "1.50kB"),
            (-2_097_244, "bytes", "kB", "-2048.09kB"),
            (1 << 30, "bytes", "GB", "1GB"),
            (7, "count", "minimum", "7"),
            (1_500_000, "nanoseconds", "auto", "1.50ms"),
            (i64::MIN, "bytes", "auto", "-8192PB"),
        ];
        for (value, from, to, text) in cases {
            assert_eq!(label(value, from, to), text);
        }
    }

    #[test]
    fn shares_have_six_columns() {
        let cases = [
            (0, 7, "    0%"),
            (7, 0, "    0%"),
            (7, 7, "  100%"),
            (99_951, 100_000, "  100%"),
            (-1, 3, "33.33%"),
            (1, 200, "  0.5%"),
            (123, 100_000, " 0.12%"),
            (12, 10_000_000, "0.00012%"),
            (996, 100_000, "    1%"),
            (1, 1_000_000_000, "1e-07%"),
            (12, 1_000_000_000, "1.2e-06%"),
            (300, 100, "300.00%"),
        ];
        for (value, total, text) in cases {
            assert_eq!(percentage(value, total), text, "{value} of {total}");
        }
    }

    #[test]
    fn the_unit_suits_the_smallest_and_the_largest() {
        assert_eq!(common_unit([524_528, 4_719_888].into_iter(), 6_817_504, "bytes"), "kB");
        assert_eq!(common_unit([1, 5].into_iter(), 7, "count"), "count");
        assert_eq!(common_unit([100, 1 << 30].into_iter(), 1 << 30, "bytes"), "kB");
        assert_eq!(common_unit([0].into_iter(), 2048, "bytes"), "kB");
    }
}
