//! What both text forms share: pairs of numbers, addresses, and the profile that they become.

use std::collections::HashMap;

use super::go_symbols::{self, Symbol};
use super::{Line, Lines, maps};
use crate::builder::Builder;
use crate::limits::Limits;
use crate::model::{Label, Location, Mapping, MappingId, Profile, ValueType};
use crate::read::ReadError;

/// Functions of allocators, below which nobody wants to look.
const ALLOCATOR_FRAMES: &str = concat!(
    r"(__libc_|je_|_rjem_|tc_)?(m|c|re|rm|v|pv|cf)?allocx?|(tc_|__libc_|do_|posix_|__posix_)?memalign",
    r"|(tc_)?posix_memalign|aligned_alloc|do_malloc.*|(tc_|__)?c?free",
    r"|operator new(\[\])?|__gnu_cxx::new_allocator::allocate",
    r"|(__rustc::)?__rust_(alloc|alloc_zeroed|realloc)",
    r"|<?alloc::alloc::.*|(alloc|grow|shrink)_impl(_runtime)?|<.* as core::alloc::global::GlobalAlloc>::.*",
    r"|tcmalloc::.*|tc_(new|delete)(array)?(_nothrow)?|DoSampledAllocation",
    r"|(je_)?_?prof_(backtrace|alloc_prep|tctx_create).*",
    r"|runtime\..*",
);
/// Exceptions: frames of Go's runtime from which user code is called.
const KEPT_FRAMES: &str = r"runtime\.panic|runtime\.reflectcall|runtime\.call[0-9]*";

/// Objects and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) objects: i64,
    pub(super) bytes: i64,
}

/// What is in use, and what was ever allocated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) in_use: Pair,
    pub(super) allocated: Pair,
}

impl Pair {
    /// The factor from what was seen to what it stands for: an object of `s` bytes is seen with probability
    /// `1 - e^(-s / period)`.
    pub(super) fn weight(self, period: i64) -> f64 {
        if period <= 1 || self.objects <= 0 || self.bytes <= 0 {
            return 1.0;
        }
        let object_bytes = self.bytes as f64 / self.objects as f64;
        1.0 / (1.0 - (-object_bytes / period as f64).exp())
    }

    pub(super) fn scaled(self, weight: f64) -> Self {
        if weight <= 1.0 {
            return self;
        }
        let scaled = |number: i64| (number as f64 * weight) as i64;
        Self { objects: scaled(self.objects), bytes: scaled(self.bytes) }
    }

    fn object_bytes(self) -> Option<i64> {
        self.bytes.checked_div(self.objects)
    }
}

impl Counts {
    /// The mean size of an object.
    pub(super) fn object_bytes(self) -> i64 {
        self.in_use.object_bytes().or(self.allocated.object_bytes()).unwrap_or(0)
    }
}

/// Reads `1: 48 [2: 96]` and gives back what follows.
pub(super) fn counts<'a>(line: Line<'_>, text: &'a str) -> Result<(Counts, &'a str), ReadError> {
    let error = || line.error("expected `objects: bytes [objects: bytes]`");
    let pair = |text: &str| {
        let (objects, bytes) = text.split_once(':')?;
        Some(Pair { objects: objects.trim().parse().ok()?, bytes: bytes.trim().parse().ok()? })
    };
    let (in_use, rest) = text.split_once('[').ok_or_else(error)?;
    let (allocated, rest) = rest.split_once(']').ok_or_else(error)?;
    let counts =
        Counts { in_use: pair(in_use).ok_or_else(error)?, allocated: pair(allocated).ok_or_else(error)? };
    for pair in [counts.in_use, counts.allocated] {
        if pair.objects == 0 && pair.bytes != 0 {
            return Err(line.error("no objects, and yet bytes"));
        }
    }
    Ok((counts, rest))
}

/// Reads `0x1 0x2`.
pub(super) fn addresses(line: Line<'_>, text: &str) -> Result<Vec<u64>, ReadError> {
    let address = |word: &str| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok();
    text.split_whitespace()
        .map(|word| address(word).ok_or_else(|| line.error("expected addresses like 0x1f")))
        .collect()
}

/// A row of a text form: what was counted at a stack.
pub(super) struct Row {
    pub(super) stack: Vec<u64>,
    pub(super) counts: Counts,
    /// The mean size of an object there, as it was seen.
    pub(super) object_bytes: i64,
    pub(super) labels: Vec<Label>,
}

/// The profile of rows that have their final weights, of the memory map in the remaining lines, and of what
/// is known of addresses.
pub(super) fn profile(
    rows: Vec<Row>,
    period: i64,
    limits: &Limits,
    lines: Lines<'_>,
    symbols: &HashMap<u64, Symbol<'_>>,
) -> Result<Profile, ReadError> {
    let has_allocated = rows
        .iter()
        .any(|row| row.counts.allocated != Pair::default() && row.counts.allocated != row.counts.in_use);
    let entries = rows.iter().map(|row| row.stack.len() as u64 + 1).sum();
    limits.check_entries(entries)?;
    let kinds: &[(&str, &str)] = match has_allocated {
        true => &[
            ("alloc_objects", "count"),
            ("alloc_space", "bytes"),
            ("inuse_objects", "count"),
            ("inuse_space", "bytes"),
        ],
        false => &[("objects", "count"), ("space", "bytes")],
    };
    let types: Vec<ValueType> = kinds.iter().map(|(kind, unit)| ValueType::new(kind, unit)).collect();
    let mut builder = Builder::new(&types);
    let mappings = maps::read(lines);
    let ids: Vec<MappingId> = mappings.iter().map(|it| builder.mapping(it.clone())).collect();
    let mut locations = HashMap::new();
    for row in rows {
        // One less than where the call returns to lies in the call.
        let addresses: Vec<u64> = row.stack.iter().map(|it| it.wrapping_sub(1)).collect();
        let addresses = without_allocator(go_symbols::without_allocator(&addresses, symbols), &mappings);
        let stack = addresses.iter().map(|&address| {
            *locations.entry(address).or_insert_with(|| {
                let mapping = find(&mappings, address).map(|index| ids[index]);
                let lines = symbols.get(&address).map(|it| it.line(&mut builder)).into_iter().collect();
                builder.location(Location { mapping, address, lines, is_folded: false })
            })
        });
        let stack = stack.collect();
        let Counts { in_use, allocated } = row.counts;
        let size = Label::number("bytes", row.object_bytes, "bytes");
        let labels = row.labels.into_iter().chain([size]).collect();
        let all = [allocated.objects, allocated.bytes, in_use.objects, in_use.bytes];
        builder.sample(stack, labels, if has_allocated { &all } else { &all[2..] });
    }
    let header = builder.header();
    header.period_type = ValueType::new("space", "bytes");
    header.period = period;
    header.drop_frames = ALLOCATOR_FRAMES.into();
    header.keep_frames = KEPT_FRAMES.into();
    Ok(builder.finish())
}

/// The stack from the first frame on that lies in no allocator's library; all of it, if there is none.
fn without_allocator<'a>(stack: &'a [u64], mappings: &[Mapping]) -> &'a [u64] {
    const LIBRARIES: [&str; 4] = ["libjemalloc", "libtcmalloc", "libmimalloc", "libspandrel_preload"];
    let is_allocator = |address: &u64| {
        let file = find(mappings, *address).map_or("", |index| &*mappings[index].file);
        let name = file.rsplit('/').next().unwrap_or_default();
        LIBRARIES.iter().any(|library| name.starts_with(library))
    };
    &stack[stack.iter().position(|address| !is_allocator(address)).unwrap_or(0)..]
}

fn find(mappings: &[Mapping], address: u64) -> Option<usize> {
    mappings.iter().position(|it| (it.start..it.limit).contains(&address))
}

#[cfg(test)]
mod tests {
    use super::Pair;

    #[test]
    fn weights_are_those_of_a_poisson_sampler() {
        let pair = Pair { objects: 2, bytes: 1 << 20 };
        let weight = pair.weight(1 << 19);
        assert!((weight - 1.0 / (1.0 - (-1.0_f64).exp())).abs() < 1e-12);
        assert_eq!(pair.scaled(weight), Pair { objects: 3, bytes: 1_658_822 });
        assert_eq!(pair.scaled(pair.weight(1)), pair);
        assert_eq!(Pair::default().scaled(Pair::default().weight(512)), Pair::default());
    }
}
