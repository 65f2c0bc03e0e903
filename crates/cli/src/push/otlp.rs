//! OpenTelemetry's protocol for profiles, `v1development`: one profile for each sample type, and a dictionary
//! of all that they share.
//!
//! Entry 0 of each table of the dictionary stands for nothing, so ids of the profile move up by one. Labels
//! become attributes, and so do build ids.

use std::collections::HashMap;
use std::hash::Hash;

use opentelemetry_proto::tonic::collector::profiles::v1development::ExportProfilesServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::profiles::v1development as proto;
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use spandrel_profile::{Label, LabelValue, Line, Location, LocationId, Profile, Sample, Text, ValueType};

/// Where a server takes profiles.
pub(super) const PATH: &str = "v1development/profiles";
/// What a message is called in HTTP.
pub(super) const CONTENT_TYPE: &str = "application/x-protobuf";
/// The convention's name for a build id of GNU's linker.
const BUILD_ID: &str = "process.executable.build_id.gnu";

/// The message that sends a profile of `service`.
pub(super) fn request(service: &str, profile: &Profile) -> Vec<u8> {
    let mut tables = Tables::new(profile);
    let profiles = (0..profile.sample_types.len()).map(|index| tables.profile(profile, index)).collect();
    let scope = InstrumentationScope {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..Default::default()
    };
    let attributes = vec![KeyValue {
        key: "service.name".to_owned(),
        value: Some(text_value(service)),
        ..Default::default()
    }];
    let resource_profiles = proto::ResourceProfiles {
        resource: Some(Resource { attributes, ..Default::default() }),
        scope_profiles: vec![proto::ScopeProfiles { scope: Some(scope), profiles, ..Default::default() }],
        ..Default::default()
    };
    let message = ExportProfilesServiceRequest {
        resource_profiles: vec![resource_profiles],
        dictionary: Some(tables.finish()),
    };
    message.encode_to_vec()
}

fn text_value(text: &str) -> AnyValue {
    AnyValue { value: Some(Value::StringValue(text.to_owned())) }
}

/// Things that have got numbers, counted from 1 on.
struct Numbers<T>(HashMap<T, i32>);

impl<T: Hash + Eq> Numbers<T> {
    /// The number of a thing, and whether it is new.
    fn of(&mut self, thing: T) -> (i32, bool) {
        let next = index(self.0.len() + 1);
        let number = *self.0.entry(thing).or_insert(next);
        (number, number == next)
    }
}

/// A place in a table as the protocol has it.
fn index(index: usize) -> i32 {
    i32::try_from(index).expect("a profile has fewer than 2^31 entries of a kind")
}

/// The dictionary while it is made.
struct Tables {
    dictionary: proto::ProfilesDictionary,
    texts: Numbers<Text>,
    attributes: Numbers<Label>,
    stacks: Numbers<Vec<LocationId>>,
}

impl Tables {
    /// Tables with all mappings, functions and locations of a profile.
    fn new(profile: &Profile) -> Self {
        let dictionary = proto::ProfilesDictionary {
            link_table: vec![proto::Link::default()],
            string_table: vec![String::new()],
            attribute_table: vec![proto::KeyValueAndUnit::default()],
            stack_table: vec![proto::Stack::default()],
            ..Default::default()
        };
        let mut tables = Self {
            dictionary,
            texts: Numbers(HashMap::new()),
            attributes: Numbers(HashMap::new()),
            stacks: Numbers(HashMap::new()),
        };
        tables.add_mappings(profile);
        tables.add_functions(profile);
        let locations = profile.locations.iter().map(location);
        tables.dictionary.location_table =
            std::iter::once(proto::Location::default()).chain(locations).collect();
        tables
    }

    fn add_mappings(&mut self, profile: &Profile) {
        self.dictionary.mapping_table.push(proto::Mapping::default());
        for mapping in &profile.mappings {
            let build_id = Some(&mapping.build_id).filter(|id| !id.is_empty());
            let attribute_indices = build_id.map(|id| self.attribute(&Label::text(BUILD_ID, id)));
            let mapping = proto::Mapping {
                memory_start: mapping.start,
                memory_limit: mapping.limit,
                file_offset: mapping.offset,
                filename_strindex: self.text(&mapping.file),
                attribute_indices: attribute_indices.into_iter().collect(),
            };
            self.dictionary.mapping_table.push(mapping);
        }
    }

    fn add_functions(&mut self, profile: &Profile) {
        self.dictionary.function_table.push(proto::Function::default());
        for function in &profile.functions {
            let function = proto::Function {
                name_strindex: self.text(&function.name),
                system_name_strindex: self.text(&function.system_name),
                filename_strindex: self.text(&function.file),
                start_line: function.start_line,
            };
            self.dictionary.function_table.push(function);
        }
    }

    /// What one sample type counts.
    fn profile(&mut self, profile: &Profile, sample_type: usize) -> proto::Profile {
        let counted = profile.samples.iter().filter(|sample| sample.values[sample_type] != 0);
        let samples = counted.map(|sample| self.sample(sample, sample_type)).collect();
        let start_ns = profile.time_ns.saturating_sub(profile.duration_ns);
        proto::Profile {
            sample_type: Some(self.value_type(&profile.sample_types[sample_type])),
            samples,
            time_unix_nano: u64::try_from(start_ns).unwrap_or(0),
            duration_nano: u64::try_from(profile.duration_ns).unwrap_or(0),
            period_type: Some(self.value_type(&profile.period_type)),
            period: profile.period,
            ..Default::default()
        }
    }

    fn sample(&mut self, sample: &Sample, sample_type: usize) -> proto::Sample {
        let mut labels: Vec<&Label> = sample.labels.iter().collect();
        // A key may come only once.
        labels.sort_by_key(|label| &label.key);
        labels.dedup_by_key(|label| &label.key);
        proto::Sample {
            stack_index: self.stack(&sample.stack),
            attribute_indices: labels.into_iter().map(|label| self.attribute(label)).collect(),
            values: vec![sample.values[sample_type]],
            ..Default::default()
        }
    }

    fn value_type(&mut self, it: &ValueType) -> proto::ValueType {
        proto::ValueType { type_strindex: self.text(&it.kind), unit_strindex: self.text(&it.unit) }
    }

    fn text(&mut self, text: &Text) -> i32 {
        if text.is_empty() {
            return 0;
        }
        let (number, is_new) = self.texts.of(Text::clone(text));
        if is_new {
            self.dictionary.string_table.push(text.to_string());
        }
        number
    }

    fn attribute(&mut self, label: &Label) -> i32 {
        let (number, is_new) = self.attributes.of(label.clone());
        if is_new {
            let (value, unit) = match &label.value {
                LabelValue::Text(text) => (text_value(text), 0),
                LabelValue::Number(number, unit) => {
                    (AnyValue { value: Some(Value::IntValue(*number)) }, self.text(unit))
                }
            };
            let key_strindex = self.text(&label.key);
            let entry = proto::KeyValueAndUnit { key_strindex, value: Some(value), unit_strindex: unit };
            self.dictionary.attribute_table.push(entry);
        }
        number
    }

    fn stack(&mut self, stack: &[LocationId]) -> i32 {
        if stack.is_empty() {
            return 0;
        }
        let (number, is_new) = self.stacks.of(stack.to_vec());
        if is_new {
            let location_indices = stack.iter().map(|id| index(id.index() + 1)).collect();
            self.dictionary.stack_table.push(proto::Stack { location_indices });
        }
        number
    }

    fn finish(self) -> proto::ProfilesDictionary {
        self.dictionary
    }
}

fn location(location: &Location) -> proto::Location {
    let line = |line: &Line| proto::Line {
        function_index: index(line.function.index() + 1),
        line: line.line,
        column: line.column,
    };
    proto::Location {
        mapping_index: location.mapping.map_or(0, |id| index(id.index() + 1)),
        address: location.address,
        lines: location.lines.iter().map(line).collect(),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spandrel_profile::{Builder, Function, Mapping};

    #[test]
    fn a_message_says_what_the_profile_says() {
        let mut builder =
            Builder::new(&["alloc_space", "inuse_space"].map(|kind| ValueType::new(kind, "bytes")));
        let mapping = Mapping { file: "/bin/a".into(), build_id: "c0ffee".into(), ..Mapping::default() };
        let mapping = Some(builder.mapping(mapping));
        let function = builder.function(Function { name: "make".into(), ..Function::default() });
        let lines = vec![Line { function, line: 7, column: 0 }];
        let at = builder.location(Location { mapping, address: 0x1000, lines, is_folded: false });
        let labels = vec![Label::text("type", "Node"), Label::number("bytes", 48, "bytes")];
        builder.sample(vec![at], labels, &[96, 0]);
        builder.sample(vec![at], vec![Label::text("type", "Leaf")], &[64, 64]);
        let mut profile = builder.finish();
        (profile.time_ns, profile.duration_ns) = (5_000, 1_000);

        let message =
            ExportProfilesServiceRequest::decode(&request("shop", &profile)[..]).expect("it is whole");
        let tables = message.dictionary.expect("there is one");
        let text = |index: i32| tables.string_table[index as usize].as_str();
        let resource = &message.resource_profiles[0];
        let service = &resource.resource.as_ref().expect("it has one").attributes[0];
        assert_eq!((service.key.as_str(), service.value.clone()), ("service.name", Some(text_value("shop"))));
        let profiles = &resource.scope_profiles[0].profiles;
        let kinds: Vec<_> =
            profiles.iter().map(|it| text(it.sample_type.expect("a type").type_strindex)).collect();
        assert_eq!(kinds, ["alloc_space", "inuse_space"]);
        assert_eq!((profiles[0].time_unix_nano, profiles[0].duration_nano), (4_000, 1_000));
        let values = |index: usize| -> Vec<_> {
            profiles[index].samples.iter().map(|sample| sample.values[0]).collect()
        };
        // What counts nothing is left out.
        assert_eq!((values(0), values(1)), (vec![96, 64], vec![64]));

        let sample = &profiles[0].samples[0];
        let [location] = tables.stack_table[sample.stack_index as usize].location_indices[..] else {
            panic!("one frame");
        };
        let location = &tables.location_table[location as usize];
        let function = tables.function_table[location.lines[0].function_index as usize];
        assert_eq!(
            (location.address, location.lines[0].line, text(function.name_strindex)),
            (0x1000, 7, "make")
        );
        let attribute = |index: i32| {
            let it = &tables.attribute_table[index as usize];
            (text(it.key_strindex), it.value.clone().and_then(|it| it.value), text(it.unit_strindex))
        };
        let labels: Vec<_> = sample.attribute_indices.iter().map(|&index| attribute(index)).collect();
        let expected = [
            ("bytes", Some(Value::IntValue(48)), "bytes"),
            ("type", Some(Value::StringValue("Node".into())), ""),
        ];
        assert_eq!(labels, expected);
        let mapping = &tables.mapping_table[location.mapping_index as usize];
        let build_id = attribute(mapping.attribute_indices[0]);
        assert_eq!(build_id, (BUILD_ID, Some(Value::StringValue("c0ffee".into())), ""));
        // The first entry of each table stands for nothing.
        assert_eq!(tables.mapping_table[0], proto::Mapping::default());
        assert_eq!(tables.stack_table[0], proto::Stack::default());
        assert_eq!(tables.attribute_table[0], proto::KeyValueAndUnit::default());
        assert_eq!(text(0), "");
    }
}
