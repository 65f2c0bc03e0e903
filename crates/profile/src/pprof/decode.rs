//! From bytes to a profile in which every reference leads somewhere.

use std::collections::HashMap;
use std::sync::Arc;

use prost::Message;

use super::{proto, wire};
use crate::limits::Limits;
use crate::model::{
    Function, FunctionId, Label, LabelValue, Line, Location, LocationId, Mapping, MappingId, Profile, Sample,
    Text, ValueType,
};
use crate::read::ReadError;

/// Decodes an unpacked profile.
pub(crate) fn decode(bytes: &[u8], limits: &Limits) -> Result<Profile, ReadError> {
    limits.check_entries(wire::count_entries(bytes)?)?;
    let message = proto::Profile::decode(bytes).map_err(|error| ReadError::NotAProfile(error.to_string()))?;
    if message.sample_type.is_empty() || message.string_table.is_empty() {
        return Err(ReadError::NotAProfile("it names no sample types".to_string()));
    }
    let texts = Texts::new(&message.string_table);
    let mappings = table("mapping", message.mapping.iter().map(|it| it.id))?;
    let functions = table("function", message.function.iter().map(|it| it.id))?;
    let locations = table("location", message.location.iter().map(|it| it.id))?;
    Ok(Profile {
        sample_types: message.sample_type.iter().map(|it| texts.value_type(*it)).collect::<Result<_, _>>()?,
        default_sample_type: texts.get(message.default_sample_type)?,
        samples: samples(&message, &texts, &locations)?,
        mappings: message.mapping.iter().map(|it| mapping(it, &texts)).collect::<Result<_, _>>()?,
        locations: message
            .location
            .iter()
            .map(|it| location(it, &mappings, &functions))
            .collect::<Result<_, _>>()?,
        functions: message.function.iter().map(|it| function(it, &texts)).collect::<Result<_, _>>()?,
        period_type: texts.value_type(message.period_type.unwrap_or_default())?,
        period: message.period,
        time_ns: message.time_nanos,
        duration_ns: message.duration_nanos,
        drop_frames: texts.get(message.drop_frames)?,
        keep_frames: texts.get(message.keep_frames)?,
        comments: message.comment.iter().map(|&it| texts.get(it)).collect::<Result<_, _>>()?,
        doc_url: texts.get(message.doc_url)?,
    })
}

/// The table of texts.
struct Texts(Vec<Text>);

impl Texts {
    fn new(table: &[Vec<u8>]) -> Self {
        Self(table.iter().map(|bytes| Arc::from(String::from_utf8_lossy(bytes).as_ref())).collect())
    }

    fn get(&self, index: i64) -> Result<Text, ReadError> {
        let text = usize::try_from(index).ok().and_then(|index| self.0.get(index));
        text.cloned().ok_or_else(|| {
            ReadError::malformed(format_args!("there is no text {index} among {}", self.0.len()))
        })
    }

    fn value_type(&self, it: proto::ValueType) -> Result<ValueType, ReadError> {
        Ok(ValueType { kind: self.get(it.r#type)?, unit: self.get(it.unit)? })
    }
}

/// Where the entry with each id stands.
type Indexes = HashMap<u64, usize>;

fn table(what: &str, ids: impl Iterator<Item = u64>) -> Result<Indexes, ReadError> {
    let mut indexes = Indexes::new();
    for (index, id) in ids.enumerate() {
        if id == 0 {
            return Err(ReadError::malformed(format_args!("a {what} has the id 0, which means none")));
        }
        if indexes.insert(id, index).is_some() {
            return Err(ReadError::malformed(format_args!("two entries are {what} {id}")));
        }
    }
    Ok(indexes)
}

fn find(indexes: &Indexes, what: &str, id: u64) -> Result<usize, ReadError> {
    indexes.get(&id).copied().ok_or_else(|| ReadError::malformed(format_args!("there is no {what} {id}")))
}

fn samples(message: &proto::Profile, texts: &Texts, locations: &Indexes) -> Result<Vec<Sample>, ReadError> {
    let types = message.sample_type.len();
    let sample = |it: &proto::Sample| {
        if it.value.len() != types {
            return Err(ReadError::malformed(format_args!(
                "a sample has {} values for {types} sample types",
                it.value.len()
            )));
        }
        let stack = it.location_id.iter().map(|&id| find(locations, "location", id).map(LocationId::new));
        Ok(Sample {
            stack: stack.collect::<Result<_, _>>()?,
            values: it.value.clone(),
            labels: it.label.iter().map(|it| label(it, texts)).collect::<Result<_, _>>()?,
        })
    };
    message.sample.iter().map(sample).collect()
}

fn label(it: &proto::Label, texts: &Texts) -> Result<Label, ReadError> {
    let value = match it.str {
        0 => LabelValue::Number(it.num, texts.get(it.num_unit)?),
        text => LabelValue::Text(texts.get(text)?),
    };
    Ok(Label { key: texts.get(it.key)?, value })
}

fn mapping(it: &proto::Mapping, texts: &Texts) -> Result<Mapping, ReadError> {
    Ok(Mapping {
        start: it.memory_start,
        limit: it.memory_limit,
        offset: it.file_offset,
        file: texts.get(it.filename)?,
        build_id: texts.get(it.build_id)?,
        has_functions: it.has_functions,
        has_filenames: it.has_filenames,
        has_line_numbers: it.has_line_numbers,
        has_inline_frames: it.has_inline_frames,
    })
}

fn location(it: &proto::Location, mappings: &Indexes, functions: &Indexes) -> Result<Location, ReadError> {
    let mapping = match it.mapping_id {
        0 => None,
        id => Some(MappingId::new(find(mappings, "mapping", id)?)),
    };
    let line = |it: &proto::Line| {
        let function = FunctionId::new(find(functions, "function", it.function_id)?);
        Ok(Line { function, line: it.line, column: it.column })
    };
    let lines = it.line.iter().map(line).collect::<Result<_, _>>()?;
    Ok(Location { mapping, address: it.address, lines, is_folded: it.is_folded })
}

fn function(it: &proto::Function, texts: &Texts) -> Result<Function, ReadError> {
    Ok(Function {
        name: texts.get(it.name)?,
        system_name: texts.get(it.system_name)?,
        file: texts.get(it.filename)?,
        start_line: it.start_line,
    })
}
