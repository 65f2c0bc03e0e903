//! Pyroscope's push interface: a series with labels, and in it one pprof file.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use prost::Message;
use spandrel_profile::{Profile, encode};

/// Where a server takes profiles.
pub(super) const PATH: &str = "push.v1.PusherService/Push";
/// What a message is called in HTTP.
pub(super) const CONTENT_TYPE: &str = "application/proto";

/// The message that sends a profile of `service`.
pub(super) fn request(service: &str, profile: &Profile) -> Vec<u8> {
    push_request(service, &encode(profile), uuid())
}

/// The messages of Pyroscope's `push.v1`.
mod message {
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct PushRequest {
        #[prost(message, repeated, tag = "1")]
        pub(super) series: Vec<Series>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Series {
        #[prost(message, repeated, tag = "1")]
        pub(super) labels: Vec<Label>,
        #[prost(message, repeated, tag = "2")]
        pub(super) samples: Vec<Sample>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Label {
        #[prost(string, tag = "1")]
        pub(super) name: String,
        #[prost(string, tag = "2")]
        pub(super) value: String,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Sample {
        /// A pprof file.
        #[prost(bytes = "vec", tag = "1")]
        pub(super) raw_profile: Vec<u8>,
        /// A UUID.
        #[prost(string, tag = "2")]
        pub(super) id: String,
    }
}

fn push_request(service: &str, profile: &[u8], id: String) -> Vec<u8> {
    let label = |name: &str, value: &str| message::Label { name: name.to_owned(), value: value.to_owned() };
    let labels =
        vec![label("__name__", "memory"), label("service_name", service), label("spy_name", "spandrel")];
    let samples = vec![message::Sample { raw_profile: profile.to_vec(), id }];
    message::PushRequest { series: vec![message::Series { labels, samples }] }.encode_to_vec()
}

/// A random UUID, of version 4.
fn uuid() -> String {
    // The standard library's hashers start from random keys.
    let random = || RandomState::new().build_hasher().finish();
    let (high, low) = (random(), random());
    let (version, variant) = (high >> 4 & 0x0fff | 0x4000, low >> 48 & 0x3fff | 0x8000);
    format!(
        "{:08x}-{:04x}-{version:04x}-{variant:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        low & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::{push_request, uuid};

    #[test]
    fn the_bytes_of_a_push() {
        let bytes = push_request("a", b"xyz", "i".to_owned());
        let label = |name: &str, value: &str| {
            let mut inner = vec![0x0a, name.len() as u8];
            inner.extend(name.as_bytes());
            inner.extend([0x12, value.len() as u8]);
            inner.extend(value.as_bytes());
            [vec![0x0a, inner.len() as u8], inner].concat()
        };
        let sample = b"\x12\x08\x0a\x03xyz\x12\x01i".to_vec();
        let series =
            [label("__name__", "memory"), label("service_name", "a"), label("spy_name", "spandrel"), sample]
                .concat();
        assert_eq!(bytes, [vec![0x0a, series.len() as u8], series].concat());
    }

    #[test]
    fn uuids_differ_and_say_what_they_are() {
        let (one, other) = (uuid(), uuid());
        assert_ne!(one, other);
        assert_eq!(one.len(), 36);
        assert_eq!(&one[14..15], "4");
        assert!("89ab".contains(&one[19..20]), "{one}");
    }
}
