//! From a profile to bytes that any pprof opens.

use std::collections::HashMap;
use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use prost::Message;

use super::proto;
use crate::model::{LabelValue, Profile, Text, ValueType};

/// The unpacked message.
///
/// ```
/// use spandrel_profile::{Builder, ValueType, encode, read};
/// let profile = Builder::new(&[ValueType::new("inuse_space", "bytes")]).finish();
/// assert_eq!(read(&encode(&profile)).map(|(profile, _)| profile), Ok(profile));
/// ```
#[must_use]
pub fn encode(profile: &Profile) -> Vec<u8> {
    let mut texts = Texts::default();
    let mut message = proto::Profile {
        sample_type: profile.sample_types.iter().map(|it| texts.value_type(it)).collect(),
        sample: samples(profile, &mut texts),
        mapping: mappings(profile, &mut texts),
        location: locations(profile),
        function: functions(profile, &mut texts),
        drop_frames: texts.index(&profile.drop_frames),
        keep_frames: texts.index(&profile.keep_frames),
        time_nanos: profile.time_ns,
        duration_nanos: profile.duration_ns,
        period_type: Some(texts.value_type(&profile.period_type)),
        period: profile.period,
        comment: profile.comments.iter().map(|it| texts.index(it)).collect(),
        default_sample_type: texts.index(&profile.default_sample_type),
        doc_url: texts.index(&profile.doc_url),
        string_table: Vec::new(),
    };
    message.string_table = texts.table;
    message.encode_to_vec()
}

/// Writes the profile as pprof files are: the message in gzip. Equal profiles give equal bytes.
///
/// # Errors
/// `out` can't be written.
pub fn write(profile: &Profile, out: impl Write) -> io::Result<()> {
    let mut gzip = GzEncoder::new(out, Compression::default());
    gzip.write_all(&encode(profile))?;
    gzip.finish()?.flush()
}

/// The table of texts, as it fills; the first one is empty, as the format wants it.
struct Texts {
    table: Vec<Vec<u8>>,
    indexes: HashMap<Text, i64>,
}

impl Default for Texts {
    fn default() -> Self {
        Self { table: vec![Vec::new()], indexes: HashMap::from([("".into(), 0)]) }
    }
}

impl Texts {
    fn index(&mut self, text: &Text) -> i64 {
        let table = &mut self.table;
        *self.indexes.entry(text.clone()).or_insert_with_key(|text| {
            table.push(text.as_bytes().to_vec());
            i64::try_from(table.len() - 1).expect("no table has 2^63 texts")
        })
    }

    fn value_type(&mut self, it: &ValueType) -> proto::ValueType {
        proto::ValueType { r#type: self.index(&it.kind), unit: self.index(&it.unit) }
    }
}

/// Ids are indexes from 1 on, because 0 means none.
fn id(index: usize) -> u64 {
    index as u64 + 1
}

fn samples(profile: &Profile, texts: &mut Texts) -> Vec<proto::Sample> {
    let samples = profile.samples.iter().map(|sample| proto::Sample {
        location_id: sample.stack.iter().map(|it| id(it.index())).collect(),
        value: sample.values.clone(),
        label: sample
            .labels
            .iter()
            .map(|label| {
                let key = texts.index(&label.key);
                match &label.value {
                    LabelValue::Text(text) => {
                        proto::Label { key, str: texts.index(text), num: 0, num_unit: 0 }
                    }
                    LabelValue::Number(num, unit) => {
                        proto::Label { key, str: 0, num: *num, num_unit: texts.index(unit) }
                    }
                }
            })
            .collect(),
    });
    samples.collect()
}

fn mappings(profile: &Profile, texts: &mut Texts) -> Vec<proto::Mapping> {
    let mappings = profile.mappings.iter().enumerate().map(|(index, it)| proto::Mapping {
        id: id(index),
        memory_start: it.start,
        memory_limit: it.limit,
        file_offset: it.offset,
        filename: texts.index(&it.file),
        build_id: texts.index(&it.build_id),
        has_functions: it.has_functions,
        has_filenames: it.has_filenames,
        has_line_numbers: it.has_line_numbers,
        has_inline_frames: it.has_inline_frames,
    });
    mappings.collect()
}

fn locations(profile: &Profile) -> Vec<proto::Location> {
    let locations = profile.locations.iter().enumerate().map(|(index, it)| proto::Location {
        id: id(index),
        mapping_id: it.mapping.map_or(0, |mapping| id(mapping.index())),
        address: it.address,
        line: it
            .lines
            .iter()
            .map(|line| proto::Line {
                function_id: id(line.function.index()),
                line: line.line,
                column: line.column,
            })
            .collect(),
        is_folded: it.is_folded,
    });
    locations.collect()
}

fn functions(profile: &Profile, texts: &mut Texts) -> Vec<proto::Function> {
    let functions = profile.functions.iter().enumerate().map(|(index, it)| proto::Function {
        id: id(index),
        name: texts.index(&it.name),
        system_name: texts.index(&it.system_name),
        filename: texts.index(&it.file),
        start_line: it.start_line,
    });
    functions.collect()
}
