//! The law of sampling: which allocations a profile looks at, and how much each of them stands for.
//!
//! Every byte that is allocated is marked with the same small chance, independently of all others, so that
//! marks are `period` bytes apart on average; an allocation is sampled when one of its bytes is marked. So an
//! object of `s` bytes is sampled with the probability
//!
//! ```text
//!   p(s) = 1 - exp(-s / period)
//! ```
//!
//! and each sample of it stands for `1 / p(s)` objects: the sum of the weights of what was sampled is an
//! unbiased estimate of what was allocated, for any set of allocations that was chosen without a look at the
//! samples. Its variance is the sum of `(1 - p) / p` over the allocations, of which the sum of `(1 - p) /
//! p^2` over the samples is an unbiased estimate.
//!
//! Objects of one size are sampled independently of each other, so the number of objects until the next
//! sample is drawn at once: `floor(E * period / s)` with an exponential `E` has exactly the geometric law
//! (Devroye, *Non-Uniform Random Variate Generation*, 1986, X.2).
//!
//! There is no mathematical library below this crate, so the two functions that are needed are here, exact to
//! about the last digits of a double.

/// A source of random bits: SplitMix64 (Steele, Lea, Flood 2014).
pub(crate) fn next_random(state: u64) -> (u64, u64) {
    let state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut bits = state;
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    (state, bits ^ bits >> 31)
}

/// A number above 0 and at most 1, all equally likely.
pub(crate) fn unit(bits: u64) -> f64 {
    ((bits >> 11) + 1) as f64 / (1u64 << 53) as f64
}

/// How many objects of `bytes` each are not sampled before the next one is.
pub(crate) fn gap(bits: u64, bytes: usize, period: u64) -> u64 {
    if period <= 1 {
        return 0;
    }
    let bytes_until = -ln(unit(bits)) * period as f64;
    (bytes_until / bytes as f64) as u64
}

/// The probability that an object of `bytes` is sampled.
pub(crate) fn probability(bytes: usize, period: u64) -> f64 {
    if period <= 1 {
        return 1.0;
    }
    one_less_exp(bytes as f64 / period as f64)
}

/// The natural logarithm of a number above 0.
#[allow(clippy::many_single_char_names)]
fn ln(x: f64) -> f64 {
    /// Bits of a double behind the point.
    const FRACTION_BITS: u32 = f64::MANTISSA_DIGITS - 1;
    let bits = x.to_bits();
    let mut exponent = (bits >> FRACTION_BITS) as i64 - 1023;
    let mut m = f64::from_bits(bits & ((1 << FRACTION_BITS) - 1) | 1023 << FRACTION_BITS);
    if m > core::f64::consts::SQRT_2 {
        m /= 2.0;
        exponent += 1;
    }
    // ln m = 2 artanh s, whose series ends quickly for |s| < 0.172.
    let s = (m - 1.0) / (m + 1.0);
    let square = s * s;
    let mut sum = 0.0;
    for k in (0..11).rev() {
        sum = sum * square + 1.0 / f64::from(2 * k + 1);
    }
    2.0 * s * sum + exponent as f64 * core::f64::consts::LN_2
}

/// `1 - exp(-x)` for `x` of 0 or more.
fn one_less_exp(x: f64) -> f64 {
    if x > 40.0 {
        return 1.0;
    }
    // The series of 1 - exp(-y) at a small y, squared up again: 1 - (1 - q)^2 = q (2 - q).
    let mut halvings = 0;
    let mut y = x;
    while y > 0.25 {
        y /= 2.0;
        halvings += 1;
    }
    let mut q = 0.0;
    for k in (1..14).rev() {
        q = y / f64::from(k) * (1.0 - q);
    }
    for _ in 0..halvings {
        q *= 2.0 - q;
    }
    q
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::{gap, ln, next_random, one_less_exp, probability, unit};

    #[test]
    fn functions_agree_with_the_library() {
        for x in [1e-16, 1e-9, 0.001, 0.3, 0.70, 0.7072, 0.99999, 1.0, 1.5, 12.0, 1e9] {
            assert!((ln(x) - f64::ln(x)).abs() <= 4e-15 * f64::ln(x).abs().max(1.0), "ln {x}");
            let expected = -f64::exp_m1(-x);
            assert!((one_less_exp(x) - expected).abs() <= 1e-14 * expected, "1 - exp(-{x})");
        }
        assert_eq!(one_less_exp(0.0), 0.0);
    }

    /// The mean of the gaps, and how often there is none, are those of the geometric law.
    #[test]
    fn gaps_follow_the_law() {
        const DRAWS: u32 = 200_000;
        for (bytes, period) in [(8, 64), (64, 512), (48, 512 << 10), (4096, 512 << 10), (32 << 10, 4096)] {
            let p = probability(bytes, period);
            let mut state = 1;
            let (mut sum, mut none) = (0.0, 0.0);
            for _ in 0..DRAWS {
                let bits;
                (state, bits) = next_random(state);
                let gap = gap(bits, bytes, period);
                sum += gap as f64;
                none += f64::from(u8::from(gap == 0));
            }
            let n = f64::from(DRAWS);
            let (mean, deviation) = ((1.0 - p) / p, ((1.0 - p) / (p * p)).sqrt());
            assert!((sum / n - mean).abs() < 5.0 * deviation / n.sqrt(), "{bytes} {period}: {}", sum / n);
            assert!((none / n - p).abs() < 5.0 * (p * (1.0 - p) / n).sqrt() + 1e-12, "{bytes} {period}");
        }
    }

    #[test]
    fn a_period_of_one_takes_all() {
        assert_eq!(gap(7, 8, 1), 0);
        assert_eq!(gap(7, 8, 0), 0);
        assert_eq!(probability(8, 1), 1.0);
    }

    #[test]
    fn units_are_above_zero() {
        assert!(unit(0) > 0.0);
        assert_eq!(unit(u64::MAX), 1.0);
    }
}
