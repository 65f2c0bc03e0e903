//! Samples summed up by what is told of them: a thread, a type, any label.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use crate::model::{LabelValue, Profile, Sample, Text};

/// The label with the thread that allocated.
pub const THREAD_LABEL: &str = "thread";
/// The label with the type of the object.
pub const TYPE_LABEL: &str = "type";
/// The label that says how sure the type is: `exact`, `inferred` or `ambiguous`.
pub const TYPE_CONFIDENCE_LABEL: &str = "type_confidence";

/// Samples that have something in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What they have in common; empty for those of which nothing is told.
    pub name: Text,
    /// How many they are.
    pub samples: u64,
    /// The sums of their values.
    pub values: Vec<i64>,
}

/// Sums up the samples for which `name` is the same, the most of a sample type first.
///
/// ```
/// use spandrel_profile::{Builder, Label, ValueType, group};
/// let mut builder = Builder::new(&[ValueType::new("inuse_space", "bytes")]);
/// builder.sample(vec![], vec![Label::text("thread", "a")], &[5]);
/// builder.sample(vec![], vec![Label::text("thread", "b")], &[9]);
/// let groups = group(&builder.finish(), 0, |sample| sample.text("thread").cloned());
/// assert_eq!((&*groups[0].name, groups[0].values[0]), ("b", 9));
/// ```
#[must_use]
pub fn group(profile: &Profile, sample_index: usize, name: impl Fn(&Sample) -> Option<Text>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut indexes = HashMap::new();
    let nothing: Text = "".into();
    for sample in &profile.samples {
        let index =
            *indexes.entry(name(sample).unwrap_or_else(|| nothing.clone())).or_insert_with_key(|name| {
                let values = vec![0; profile.sample_types.len()];
                groups.push(Group { name: name.clone(), samples: 0, values });
                groups.len() - 1
            });
        let group = &mut groups[index];
        group.samples += 1;
        for (sum, value) in group.values.iter_mut().zip(&sample.values) {
            *sum = sum.saturating_add(*value);
        }
    }
    groups.sort_by(|a, b| {
        let key = |it: &Group| Reverse(it.values[sample_index].unsigned_abs());
        key(a).cmp(&key(b)).then_with(|| a.name.cmp(&b.name))
    });
    groups
}

/// The same by a label, whose numbers are written with their unit.
#[must_use]
pub fn group_by_label(profile: &Profile, sample_index: usize, key: &str) -> Vec<Group> {
    group(profile, sample_index, |sample| {
        let label = sample.labels.iter().find(|label| &*label.key == key)?;
        Some(match &label.value {
            LabelValue::Text(text) => text.clone(),
            LabelValue::Number(number, unit) if unit.is_empty() => number.to_string().into(),
            LabelValue::Number(number, unit) => format!("{number} {unit}").into(),
        })
    })
}

/// The keys of all labels, in alphabetical order.
#[must_use]
pub fn label_keys(profile: &Profile) -> BTreeSet<Text> {
    profile.samples.iter().flat_map(|sample| &sample.labels).map(|label| label.key.clone()).collect()
}

/// How much of a sample type has a known type, by how sure that is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// The type is certain.
    pub exact: i64,
    /// The type is likely: told by the source, but not confirmed by the size.
    pub inferred: i64,
    /// The code is shared by functions of several types, so that the type is one possibility.
    pub ambiguous: i64,
    /// Nothing is known.
    pub unknown: i64,
}

/// How much of a sample type has a known type. A type of which nothing else is said counts as exact.
#[must_use]
pub fn type_coverage(profile: &Profile, sample_index: usize) -> Coverage {
    let mut coverage = Coverage::default();
    for sample in &profile.samples {
        let confidence = sample.text(TYPE_CONFIDENCE_LABEL).map(|it| &**it);
        let part = match (sample.text(TYPE_LABEL), confidence) {
            (None, _) => &mut coverage.unknown,
            (Some(_), Some("inferred")) => &mut coverage.inferred,
            (Some(_), Some("ambiguous")) => &mut coverage.ambiguous,
            (Some(_), _) => &mut coverage.exact,
        };
        *part = part.saturating_add(sample.values[sample_index].saturating_abs());
    }
    coverage
}
