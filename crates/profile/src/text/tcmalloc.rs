//! The form of tcmalloc, gperftools and Go: a row a stack, `1: 48 [2: 96] @ 0x1 0x2`.

use super::stacks::{Counts, Row, addresses, counts, profile};
use super::{Line, Lines, go_symbols, text};
use crate::limits::Limits;
use crate::model::Profile;
use crate::read::ReadError;

/// Reads a profile of this form.
pub(crate) fn read(bytes: &[u8], limits: &Limits) -> Result<Profile, ReadError> {
    let text = text(bytes);
    let mut lines = Lines::new(&text);
    let sampling = lines.next().map_or(Err(ReadError::Empty), sampling)?;
    let mut rows = Vec::new();
    for line in lines.by_ref() {
        if line.begins_map() {
            break;
        }
        let (counts, rest) = counts(line, line.text)?;
        let addresses_text = rest.trim().strip_prefix('@').ok_or_else(|| line.error("expected `@`"))?;
        rows.push(Row {
            stack: addresses(line, addresses_text)?,
            counts: sampling.unbias(counts),
            object_bytes: counts.object_bytes(),
            labels: Vec::new(),
        });
    }
    profile(rows, sampling.period, limits, lines, &go_symbols::of(&text))
}

/// How the program sampled.
struct Sampling {
    period: i64,
    /// Whether rows hold what was seen rather than what it stands for.
    is_biased: bool,
}

impl Sampling {
    fn unbias(&self, counts: Counts) -> Counts {
        if !self.is_biased {
            return counts;
        }
        let scaled = |pair: super::stacks::Pair| pair.scaled(pair.weight(self.period));
        Counts { in_use: scaled(counts.in_use), allocated: scaled(counts.allocated) }
    }
}

/// Reads `heap profile: 2: 96 [5: 240] @ heap_v2/524288`.
fn sampling(line: Line<'_>) -> Result<Sampling, ReadError> {
    let rest = line.text.strip_prefix("heap profile:").unwrap_or(line.text);
    let (_, rest) = counts(line, rest)?;
    let kind = rest.trim().strip_prefix('@').ok_or_else(|| line.error("expected `@`"))?.trim();
    let (kind, period) = kind.split_once('/').unwrap_or((kind, ""));
    let period = match period {
        "" => 0,
        digits => digits.parse::<i64>().map_err(|_| line.error("expected a sampling period"))?,
    };
    match kind {
        "heap_v2" | "heapz_v2" => Ok(Sampling { period, is_biased: true }),
        // Go writes twice its rate.
        "heap" => Ok(Sampling { period: period / 2, is_biased: true }),
        "heapprofile" | "growthz" | "fragmentationz" => Ok(Sampling { period: 1, is_biased: false }),
        _ => Err(line.error("there is no such kind of heap profile")),
    }
}
