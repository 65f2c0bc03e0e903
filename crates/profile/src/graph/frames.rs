//! Which node each frame of a profile belongs to.

use std::collections::HashMap;

use super::Granularity;
use crate::model::{Location, Profile, Sample, Text};

/// The nodes of a profile, and those of each location.
pub(super) struct Frames {
    pub(super) nodes: Vec<Frame>,
    /// The nodes of a location's lines, the innermost first.
    pub(super) by_location: Vec<Vec<u32>>,
}

/// A node before anything is summed up.
pub(super) struct Frame {
    /// What people read.
    pub(super) name: Text,
    /// What tells it apart.
    pub(super) key: Key,
}

/// What tells nodes apart.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    function: Text,
    file: Text,
    start_line: i64,
    line: i64,
    object: Text,
}

impl Frames {
    pub(super) fn new(profile: &Profile, granularity: Granularity) -> Self {
        let mut nodes = Vec::new();
        let mut by_key = HashMap::new();
        let mut node = |key: Key| {
            *by_key.entry(key).or_insert_with_key(|key| {
                nodes.push(Frame { name: key.name(), key: key.clone() });
                u32::try_from(nodes.len() - 1).expect("there are fewer than 2^32 nodes")
            })
        };
        let locations = profile.locations.iter();
        let by_location =
            locations.map(|it| keys(profile, it, granularity).into_iter().map(&mut node).collect()).collect();
        Self { nodes, by_location }
    }
}

/// The name of the node of a sample's innermost frame.
pub(crate) fn leaf_name(profile: &Profile, sample: &Sample, granularity: Granularity) -> Text {
    let Some(&leaf) = sample.stack.first() else { return "<unknown>".into() };
    keys(profile, profile.location(leaf), granularity)[0].name()
}

fn keys(profile: &Profile, location: &Location, granularity: Granularity) -> Vec<Key> {
    let object = location.mapping.map_or_else(|| "".into(), |id| profile.mapping(id).file.clone());
    let nothing = Key { function: "".into(), file: "".into(), start_line: 0, line: 0, object: "".into() };
    if location.lines.is_empty() {
        return vec![Key { object, ..nothing }];
    }
    let key = |line: &crate::model::Line| {
        let function = profile.function(line.function);
        let mut key = Key { function: function.name.clone(), ..nothing.clone() };
        if granularity == Granularity::Line {
            (key.file, key.line) = (function.file.clone(), line.line);
        }
        if function.name.is_empty() {
            (key.object, key.start_line) = (object.clone(), function.start_line);
        }
        key
    };
    location.lines.iter().map(key).collect()
}

impl Key {
    /// `function file:line`, as far as it is known, or `[object]`.
    fn name(&self) -> Text {
        let place = match self.line {
            0 => self.file.to_string(),
            line => format!("{}:{line}", self.file),
        };
        let object = self.object.rsplit('/').next().unwrap_or_default();
        match (&*self.function, &*place, object) {
            ("", "", "") => "<unknown>".into(),
            ("", "", object) => format!("[{object}]").into(),
            ("", place, _) => place.into(),
            (_, "", _) => self.function.clone(),
            (function, place, _) => format!("{function} {place}").into(),
        }
    }
}
