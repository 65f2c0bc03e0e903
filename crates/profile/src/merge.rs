//! Profiles of one program, added up or subtracted.
//!
//! A program is loaded at other addresses in each run. So a mapping is recognised by its size, its offset and
//! its build id (or its file, where there is none), and the addresses of the second profile are
//! moved to where the first one has the mapping. Locations that then agree are one, and samples with the
//! same stack and labels are added up.

use std::collections::HashMap;
use std::fmt;

use crate::builder::Builder;
use crate::model::{FunctionId, Label, Line, Location, LocationId, Mapping, MappingId, Profile, Text};

/// The label of the samples that [`merge_with_base`] takes from the base; the word is `true`.
pub const BASE_LABEL: &str = "pprof::base";
/// Sizes of mappings are rounded up to this when they are compared.
const MAPPING_ROUNDING_BYTES: u64 = 0x1000;

/// Why profiles can't be combined.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MergeError {
    /// There is none.
    Nothing,
    /// They count different things.
    DifferentTypes {
        /// What the first one counts.
        first: String,
        /// What the other one counts.
        other: String,
    },
}

impl fmt::Display for MergeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => write!(f, "there is no profile"),
            Self::DifferentTypes { first, other } => {
                write!(f, "the profiles count different things: {first} and {other}")
            }
        }
    }
}

impl std::error::Error for MergeError {}

/// The sum of profiles. The header is that of the first one, with the earliest time, the sum of the durations
/// and the longest period.
///
/// ```
/// use spandrel_profile::{Builder, ValueType, merge};
/// let mut builder = Builder::new(&[ValueType::new("inuse_space", "bytes")]);
/// builder.sample(vec![], vec![], &[5]);
/// let profile = builder.finish();
/// let sum = merge(&[profile.clone(), profile])?;
/// assert_eq!(sum.samples[0].values, [10]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// There is no profile, or they have other sample types.
pub fn merge(profiles: &[Profile]) -> Result<Profile, MergeError> {
    let mut merger = Merger::new(profiles)?;
    for profile in profiles {
        merger.add(profile, |value| value, None);
    }
    Ok(merger.builder.finish())
}

/// What `after` has more than `before`, sample by sample; less is negative.
///
/// # Errors
/// They have other sample types.
pub fn subtract(after: &Profile, before: &Profile) -> Result<Profile, MergeError> {
    difference(after, before, None)
}

/// The same, but the samples of `before` are kept apart by [`BASE_LABEL`], so that
/// [`total`](crate::total) is that of `before` and shares tell by how much it changed.
///
/// # Errors
/// They have other sample types.
pub fn merge_with_base(after: &Profile, before: &Profile) -> Result<Profile, MergeError> {
    difference(after, before, Some(&Label::text(BASE_LABEL, "true")))
}

fn difference(after: &Profile, before: &Profile, mark: Option<&Label>) -> Result<Profile, MergeError> {
    let mut merger = Merger::new([after, before])?;
    merger.add(after, |value| value, None);
    merger.add(before, i64::saturating_neg, mark);
    Ok(merger.builder.finish())
}

/// What tells mappings apart, however they were loaded.
#[derive(PartialEq, Eq, Hash)]
struct MappingKey {
    size: u64,
    offset: u64,
    build_id_or_file: Text,
}

impl MappingKey {
    fn of(mapping: &Mapping) -> Self {
        let size = mapping.limit.wrapping_sub(mapping.start);
        let named = if mapping.build_id.is_empty() { &mapping.file } else { &mapping.build_id };
        Self {
            size: size.checked_next_multiple_of(MAPPING_ROUNDING_BYTES).unwrap_or(size),
            offset: mapping.offset,
            build_id_or_file: named.clone(),
        }
    }
}

struct Merger {
    builder: Builder,
    mappings: HashMap<MappingKey, (MappingId, u64)>,
}

/// The new ids of one profile's entries.
struct Renumbered {
    /// With what is added to addresses in the mapping.
    mappings: Vec<Option<(MappingId, u64)>>,
    functions: Vec<Option<FunctionId>>,
    locations: Vec<Option<LocationId>>,
}

impl Merger {
    fn new<'a>(profiles: impl IntoIterator<Item = &'a Profile>) -> Result<Self, MergeError> {
        let mut profiles = profiles.into_iter();
        let first = profiles.next().ok_or(MergeError::Nothing)?;
        let mut builder = Builder::with_header(first.clone());
        let header = builder.header();
        for other in profiles {
            if other.sample_types != first.sample_types || other.period_type != first.period_type {
                return Err(MergeError::DifferentTypes { first: types(first), other: types(other) });
            }
            if header.time_ns == 0 || other.time_ns < header.time_ns {
                header.time_ns = other.time_ns;
            }
            header.duration_ns = header.duration_ns.saturating_add(other.duration_ns);
            header.period = header.period.max(other.period);
            if header.default_sample_type.is_empty() {
                header.default_sample_type = other.default_sample_type.clone();
            }
            for comment in &other.comments {
                if !header.comments.contains(comment) {
                    header.comments.push(comment.clone());
                }
            }
        }
        Ok(Self { builder, mappings: HashMap::new() })
    }

    fn add(&mut self, profile: &Profile, sign: impl Fn(i64) -> i64, mark: Option<&Label>) {
        let mut ids = Renumbered {
            mappings: vec![None; profile.mappings.len()],
            functions: vec![None; profile.functions.len()],
            locations: vec![None; profile.locations.len()],
        };
        if !profile.mappings.is_empty() {
            // The first one is the program, whether a sample lies there or not.
            self.mapping(profile, MappingId::new(0), &mut ids);
        }
        for sample in &profile.samples {
            let stack = sample.stack.iter().map(|&id| self.location(profile, id, &mut ids)).collect();
            let labels = sample.labels.iter().chain(mark).cloned().collect();
            let values: Vec<i64> = sample.values.iter().map(|&value| sign(value)).collect();
            self.builder.sample(stack, labels, &values);
        }
    }

    fn mapping(&mut self, profile: &Profile, id: MappingId, ids: &mut Renumbered) -> (MappingId, u64) {
        if let Some(known) = ids.mappings[id.index()] {
            return known;
        }
        let mapping = profile.mapping(id);
        let builder = &mut self.builder;
        let (new, start) = *self
            .mappings
            .entry(MappingKey::of(mapping))
            .or_insert_with(|| (builder.mapping(mapping.clone()), mapping.start));
        let found = (new, start.wrapping_sub(mapping.start));
        ids.mappings[id.index()] = Some(found);
        found
    }

    fn location(&mut self, profile: &Profile, id: LocationId, ids: &mut Renumbered) -> LocationId {
        if let Some(known) = ids.locations[id.index()] {
            return known;
        }
        let location = profile.location(id);
        let mapping = location.mapping.map(|id| self.mapping(profile, id, ids));
        let lines = location.lines.iter().map(|line| {
            let known = &mut ids.functions[line.function.index()];
            let function =
                *known.get_or_insert_with(|| self.builder.function(profile.function(line.function).clone()));
            Line { function, ..*line }
        });
        let lines = lines.collect();
        let new = self.builder.location(Location {
            mapping: mapping.map(|(id, _)| id),
            address: location.address.wrapping_add(mapping.map_or(0, |(_, moved)| moved)),
            lines,
            is_folded: location.is_folded,
        });
        ids.locations[id.index()] = Some(new);
        new
    }
}

fn types(profile: &Profile) -> String {
    let types: Vec<String> = profile.sample_types.iter().map(ToString::to_string).collect();
    format!("{} per {}", types.join(", "), profile.period_type)
}

#[cfg(test)]
mod tests {
    use super::{merge, subtract};
    use crate::builder::Builder;
    use crate::model::{Location, Mapping, Profile, ValueType};

    /// One sample of `value` in a program that was loaded at `start`.
    fn run(start: u64, value: i64, types: &str) -> Profile {
        let mut builder = Builder::new(&[ValueType::new(types, "bytes")]);
        let mapping = Mapping { start, limit: start + 0x1800, build_id: "ab".into(), ..Mapping::default() };
        let mapping = Some(builder.mapping(mapping));
        let at = builder.location(Location { mapping, address: start + 16, ..Location::default() });
        builder.sample(vec![at], vec![], &[value]);
        builder.finish()
    }

    #[test]
    fn addresses_of_another_run_are_moved() {
        let sum = merge(&[run(0x1000, 5, "a"), run(0x7000, 6, "a")]).expect("of one type");
        assert_eq!((sum.samples.len(), sum.locations.len(), sum.mappings.len()), (1, 1, 1));
        assert_eq!((sum.samples[0].values[0], sum.locations[0].address), (11, 0x1010));
    }

    #[test]
    fn equal_profiles_leave_nothing() {
        let nothing = subtract(&run(0x1000, 5, "a"), &run(0x9000, 5, "a")).expect("of one type");
        assert_eq!(nothing.samples, []);
        let less = subtract(&run(0x1000, 5, "a"), &run(0x9000, 9, "a")).expect("of one type");
        assert_eq!(less.samples[0].values, [-4]);
    }

    #[test]
    fn other_types_are_refused() {
        let error = subtract(&run(1, 5, "a"), &run(1, 5, "b")).expect_err("a and b");
        assert_eq!(error.to_string(), "the profiles count different things: a/bytes per / and b/bytes per /");
        assert!(merge(&[]).is_err());
    }
}
