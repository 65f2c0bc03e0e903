//! Makes profiles: every entry once, every id valid.

use std::collections::HashMap;

use crate::model::{
    Function, FunctionId, Label, Line, Location, LocationId, Mapping, MappingId, Profile, Sample, ValueType,
};

/// Builds a [`Profile`] entry by entry. What is equal becomes one entry, and the values of samples with
/// equal stacks and labels are added up.
///
/// ```
/// use spandrel_profile::{Builder, Function, Label, Line, Location, ValueType};
///
/// let mut builder = Builder::new(&[ValueType::new("inuse_space", "bytes")]);
/// let function = builder.function(Function { name: "main".into(), ..Function::default() });
/// let line = Line { function, line: 3, column: 0 };
/// let at = builder.location(Location { address: 0x1000, lines: vec![line], ..Location::default() });
/// builder.sample(vec![at], vec![Label::number("bytes", 48, "bytes")], &[48]);
/// builder.sample(vec![at], vec![Label::number("bytes", 48, "bytes")], &[96]);
///
/// let profile = builder.finish();
/// assert_eq!(profile.samples.len(), 1);
/// assert_eq!(profile.samples[0].values, [144]);
/// ```
#[derive(Debug)]
pub struct Builder {
    profile: Profile,
    mappings: HashMap<Mapping, MappingId>,
    functions: HashMap<Function, FunctionId>,
    locations: HashMap<Location, LocationId>,
    samples: HashMap<SampleKey, usize>,
}

/// What tells samples apart.
type SampleKey = (Vec<LocationId>, Vec<Label>);

impl Builder {
    /// An empty profile of some sample types.
    #[must_use]
    pub fn new(sample_types: &[ValueType]) -> Self {
        Self::with_header(Profile { sample_types: sample_types.to_vec(), ..Profile::default() })
    }

    /// A profile with the header of `profile` and nothing else of it.
    #[must_use]
    pub fn with_header(profile: Profile) -> Self {
        let profile = Profile {
            samples: Vec::new(),
            mappings: Vec::new(),
            locations: Vec::new(),
            functions: Vec::new(),
            ..profile
        };
        Self {
            profile,
            mappings: HashMap::new(),
            functions: HashMap::new(),
            locations: HashMap::new(),
            samples: HashMap::new(),
        }
    }

    /// The header, to fill in.
    pub fn header(&mut self) -> &mut Profile {
        &mut self.profile
    }

    /// The id of a mapping. The first one that is made must be the program.
    pub fn mapping(&mut self, mapping: Mapping) -> MappingId {
        let table = &mut self.profile.mappings;
        *self.mappings.entry(mapping).or_insert_with_key(|mapping| {
            table.push(mapping.clone());
            MappingId::new(table.len() - 1)
        })
    }

    /// The id of a function.
    pub fn function(&mut self, function: Function) -> FunctionId {
        let table = &mut self.profile.functions;
        *self.functions.entry(function).or_insert_with_key(|function| {
            table.push(function.clone());
            FunctionId::new(table.len() - 1)
        })
    }

    /// The id of a location.
    ///
    /// # Panics
    /// The mapping or a function is none of this profile.
    pub fn location(&mut self, location: Location) -> LocationId {
        let is_known = |line: &Line| line.function.index() < self.profile.functions.len();
        assert!(location.lines.iter().all(is_known), "functions are made before locations");
        let mappings = self.profile.mappings.len();
        assert!(location.mapping.is_none_or(|id| id.index() < mappings), "and so are mappings");
        let table = &mut self.profile.locations;
        *self.locations.entry(location).or_insert_with_key(|location| {
            table.push(location.clone());
            LocationId::new(table.len() - 1)
        })
    }

    /// Adds `values` to the sample with this stack (the innermost frame first) and these labels.
    ///
    /// Sums stay at the ends of the range of numbers rather than leave it.
    ///
    /// # Panics
    /// There is not a value for each sample type, or a location is none of this profile.
    pub fn sample(&mut self, stack: Vec<LocationId>, mut labels: Vec<Label>, values: &[i64]) {
        assert_eq!(values.len(), self.profile.sample_types.len(), "a value for each sample type");
        let locations = self.profile.locations.len();
        assert!(stack.iter().all(|id| id.index() < locations), "locations are made before samples");
        labels.sort_unstable();
        let table = &mut self.profile.samples;
        let index = *self.samples.entry((stack, labels)).or_insert_with_key(|(stack, labels)| {
            let values = vec![0; values.len()];
            table.push(Sample { stack: stack.clone(), values, labels: labels.clone() });
            table.len() - 1
        });
        for (sum, value) in table[index].values.iter_mut().zip(values) {
            *sum = sum.saturating_add(*value);
        }
    }

    /// The profile, without samples that are nothing but zeros.
    #[must_use]
    pub fn finish(mut self) -> Profile {
        self.profile.samples.retain(|sample| sample.values.iter().any(|&value| value != 0));
        self.profile
    }
}
