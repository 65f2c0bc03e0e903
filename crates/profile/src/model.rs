//! A profile in memory: tables of what samples share, and samples that point into them.
//!
//! The form is that of pprof, without its numbers: a reference is an index into a table of the same
//! [`Profile`] and always valid, a text is a text. Whoever makes profiles uses [`Builder`](crate::Builder),
//! which makes an entry once and hands out its id; the readers check what they read.

use std::sync::Arc;

/// A text that many entries share.
pub type Text = Arc<str>;

macro_rules! id {
    ($name:ident, $table:ident, $what:literal) => {
        #[doc = concat!("The index of ", $what, " in [`Profile::", stringify!($table), "`].")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u32);

        impl $name {
            /// The id of the entry at `index`.
            ///
            /// # Panics
            /// The index is 2^32 or more, which no table reaches.
            #[must_use]
            pub fn new(index: usize) -> Self {
                Self(u32::try_from(index).expect("a table has fewer than 2^32 entries"))
            }

            /// The index of the entry.
            #[must_use]
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

id!(MappingId, mappings, "a mapping");
id!(LocationId, locations, "a location");
id!(FunctionId, functions, "a function");

/// What a number counts, and in which unit: `inuse_space` in `bytes`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ValueType {
    /// What is counted.
    pub kind: Text,
    /// The unit.
    pub unit: Text,
}

impl ValueType {
    /// A type from its two words.
    ///
    /// ```
    /// use spandrel_profile::ValueType;
    /// assert_eq!(ValueType::new("space", "bytes").to_string(), "space/bytes");
    /// ```
    #[must_use]
    pub fn new(kind: &str, unit: &str) -> Self {
        Self { kind: kind.into(), unit: unit.into() }
    }
}

impl std::fmt::Display for ValueType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.kind, self.unit)
    }
}

/// A profile. Every id in it is valid, and every sample has a value for each of the sample types.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// What the values of a sample count.
    pub sample_types: Vec<ValueType>,
    /// The kind of the sample type to show when nobody asks for another; empty for the last one.
    pub default_sample_type: Text,
    /// What was seen.
    pub samples: Vec<Sample>,
    /// The files that were mapped; the first one is the program.
    pub mappings: Vec<Mapping>,
    /// The addresses in the stacks.
    pub locations: Vec<Location>,
    /// The functions of the lines.
    pub functions: Vec<Function>,
    /// What [`period`](Self::period) counts.
    pub period_type: ValueType,
    /// The mean distance of two samples.
    pub period: i64,
    /// When the profile was taken, in nanoseconds since 1970; 0 if unknown.
    pub time_ns: i64,
    /// How long it was collected; 0 if unknown or meaningless.
    pub duration_ns: i64,
    /// A regular expression of functions that are cut off with all that they call.
    pub drop_frames: Text,
    /// A regular expression of exceptions from [`drop_frames`](Self::drop_frames).
    pub keep_frames: Text,
    /// Remarks; those that begin with `#` are for programs.
    pub comments: Vec<Text>,
    /// A page that explains the profile.
    pub doc_url: Text,
}

/// One stack and what was counted there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// The stack, the allocation's own frame first.
    pub stack: Vec<LocationId>,
    /// A value for each sample type.
    pub values: Vec<i64>,
    /// What else is known of it.
    pub labels: Vec<Label>,
}

/// A remark on a sample: `bytes` is 48, `thread` is "worker-3".
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label {
    /// What is told.
    pub key: Text,
    /// The fact.
    pub value: LabelValue,
}

/// The value of a [`Label`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LabelValue {
    /// A word.
    Text(Text),
    /// A number and its unit, which may be empty.
    Number(i64, Text),
}

impl Label {
    /// A label that is a word.
    #[must_use]
    pub fn text(key: &str, value: &str) -> Self {
        Self { key: key.into(), value: LabelValue::Text(value.into()) }
    }

    /// A label that is a number.
    #[must_use]
    pub fn number(key: &str, value: i64, unit: &str) -> Self {
        Self { key: key.into(), value: LabelValue::Number(value, unit.into()) }
    }
}

impl Sample {
    /// The first number under `key`.
    #[must_use]
    pub fn number(&self, key: &str) -> Option<i64> {
        self.labels.iter().filter(|label| &*label.key == key).find_map(|label| match label.value {
            LabelValue::Number(value, _) => Some(value),
            LabelValue::Text(_) => None,
        })
    }

    /// The first word under `key`.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&Text> {
        self.labels.iter().filter(|label| &*label.key == key).find_map(|label| match &label.value {
            LabelValue::Text(value) => Some(value),
            LabelValue::Number(..) => None,
        })
    }
}

/// A file that was mapped into the address space of the program.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Mapping {
    /// Its first address.
    pub start: u64,
    /// The address behind its last one.
    pub limit: u64,
    /// The offset in the file of its first byte.
    pub offset: u64,
    /// The path of the file.
    pub file: Text,
    /// Its build id in hexadecimal digits, or whatever stands for one.
    pub build_id: Text,
    /// Whether names of functions are filled in as far as they are known.
    pub has_functions: bool,
    /// Whether names of files are.
    pub has_filenames: bool,
    /// Whether numbers of lines are.
    pub has_line_numbers: bool,
    /// Whether inlined calls are.
    pub has_inline_frames: bool,
}

/// An address in the code: one frame of a stack, or several when calls were inlined.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Location {
    /// Where the address lies.
    pub mapping: Option<MappingId>,
    /// The address while the program ran, of the call rather than of the return.
    pub address: u64,
    /// The innermost inlined call first, the function that the code belongs to last.
    pub lines: Vec<Line>,
    /// Whether several functions share the code, so that the names are only one possibility.
    pub is_folded: bool,
}

/// A line of source in a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Line {
    /// The function.
    pub function: FunctionId,
    /// The line; 0 if unknown.
    pub line: i64,
    /// The column; 0 if unknown.
    pub column: i64,
}

/// A function.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Function {
    /// Its name for people.
    pub name: Text,
    /// Its name for the linker.
    pub system_name: Text,
    /// The file of its source.
    pub file: Text,
    /// The line in which it begins; 0 if unknown.
    pub start_line: i64,
}

impl Profile {
    /// The entry of an id.
    #[must_use]
    pub fn mapping(&self, id: MappingId) -> &Mapping {
        &self.mappings[id.index()]
    }

    /// The entry of an id.
    #[must_use]
    pub fn location(&self, id: LocationId) -> &Location {
        &self.locations[id.index()]
    }

    /// The entry of an id.
    #[must_use]
    pub fn function(&self, id: FunctionId) -> &Function {
        &self.functions[id.index()]
    }

    /// The sample type that is meant by a name or a number; by nothing, the default one.
    ///
    /// `inuse_space` and `inuse_objects` also find `space` and `objects`.
    ///
    /// ```
    /// use spandrel_profile::{Builder, ValueType};
    /// let types = [ValueType::new("alloc_space", "bytes"), ValueType::new("space", "bytes")];
    /// let profile = Builder::new(&types).finish();
    /// assert_eq!(profile.sample_index(None), Ok(1));
    /// assert_eq!(profile.sample_index(Some("inuse_space")), Ok(1));
    /// assert_eq!(profile.sample_index(Some("0")), Ok(0));
    /// assert!(profile.sample_index(Some("cpu")).is_err());
    /// ```
    ///
    /// # Errors
    /// One line that says which sample types there are.
    pub fn sample_index(&self, name: Option<&str>) -> Result<usize, String> {
        let named = |kind: &str| self.sample_types.iter().position(|it| &*it.kind == kind);
        let Some(name) = name else {
            let default = named(&self.default_sample_type).filter(|_| !self.default_sample_type.is_empty());
            return default
                .or(self.sample_types.len().checked_sub(1))
                .ok_or_else(|| "the profile has no sample types".to_string());
        };
        let number = name.parse::<usize>().ok().filter(|&index| index < self.sample_types.len());
        let found = number.or_else(|| named(name)).or_else(|| named(name.strip_prefix("inuse_")?));
        found.ok_or_else(|| {
            let kinds: Vec<&str> = self.sample_types.iter().map(|it| &*it.kind).collect();
            format!("the profile has no samples of `{name}`; it has {}", kinds.join(", "))
        })
    }
}
