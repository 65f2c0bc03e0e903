//! Profiles as messages of `profile.proto`: read as far as serving them needs it, and subtracted.
//!
//! **What has changed** is the profile after less the one before. A sample is the same in both
//! if its addresses and its labels are; what is in both with the same values goes, what is in the first
//! alone becomes negative. Samples are found by a hash of what they are made of, since the numbers of
//! locations and texts are each profile's own.
//!
//! The messages are our own, so what is damaged is a bug; yet nothing here trusts a length.

use spandrel_platform::bytes::{Bytes, Growing};

use super::wire::{Field, Wire, field};
use crate::config::PROFILE_MESSAGE_BYTES;

/// The values of a sample: objects and bytes, allocated and in use.
pub(crate) type Values = [i64; 4];

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    fn number(self) -> u64 {
        if let Self::Number(number) = self { number } else { 0 }
    }

    /// The numbers of a field that repeats, together or one by one.
    fn numbers(self) -> impl Iterator<Item = u64> {
        let (one, mut many) = match self {
            Self::Number(number) => (Some(number), &[][..]),
            Self::Bytes(bytes) => (None, bytes),
        };
        one.into_iter().chain(core::iter::from_fn(move || take_varint(&mut many)))
    }

    fn bytes(self) -> &'a [u8] {
        if let Self::Bytes(bytes) = self { bytes } else { &[] }
    }
}

/// The fields of a message, until its end or the first that makes no sense.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = (Field, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let key = take_varint(&mut self.0)?;
        let number = take_varint(&mut self.0)?;
        match key & 7 {
            0 => Some((Field(key >> 3), Value::Number(number))),
            2 => {
                let (bytes, rest) = self.0.split_at_checked(usize::try_from(number).ok()?)?;
                self.0 = rest;
                Some((Field(key >> 3), Value::Bytes(bytes)))
            }
            _ => None,
        }
    }
}

impl<'a> Fields<'a> {
    /// The messages under one number.
    pub(crate) fn of(self, wanted: Field) -> impl Iterator<Item = &'a [u8]> {
        self.filter(move |(number, _)| *number == wanted).map(|(_, value)| value.bytes())
    }

    /// The last number under one number, 0 without any.
    pub(crate) fn number(self, wanted: Field) -> u64 {
        self.filter(|(number, _)| *number == wanted).last().map_or(0, |(_, value)| value.number())
    }
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// A field as it was.
fn put(out: &mut Bytes, field: Field, value: Value<'_>) {
    match value {
        Value::Number(number) => out.number(field, number),
        Value::Bytes(bytes) => out.bytes_field(field, bytes),
    }
}

/// A profile with its tables at hand.
pub(crate) struct Profile<'a> {
    pub(crate) message: &'a [u8],
    /// Addresses of locations, by number.
    addresses: Growing<u64>,
    texts: Growing<(usize, usize)>,
}

impl<'a> Profile<'a> {
    pub(crate) fn new(message: &'a [u8]) -> Self {
        let mut profile = Self {
            message,
            addresses: Growing::new(PROFILE_MESSAGE_BYTES),
            texts: Growing::new(PROFILE_MESSAGE_BYTES),
        };
        for (number, value) in Fields(message) {
            match number {
                field::LOCATION => profile.add_location(value.bytes()),
                field::TEXT => {
                    let start = value.bytes().as_ptr().addr() - message.as_ptr().addr();
                    profile.texts.push((start, value.bytes().len()));
                }
                _ => {}
            }
        }
        profile
    }

    fn add_location(&mut self, location: &[u8]) {
        let (id, address) =
            (Fields(location).number(field::ID), Fields(location).number(field::LOCATION_ADDRESS));
        // Numbers go from 1 on; more than a profile can have are none.
        let Some(id) = usize::try_from(id).ok().filter(|id| *id <= self.message.len()) else { return };
        while self.addresses.as_slice().len() <= id && !self.addresses.is_cut() {
            self.addresses.push(0);
        }
        if let Some(place) = self.addresses.as_mut_slice().get_mut(id) {
            *place = address;
        }
    }

    fn text(&self, index: u64) -> &'a [u8] {
        let range = usize::try_from(index).ok().and_then(|index| self.texts.as_slice().get(index));
        range.map_or(&[], |(start, len)| &self.message[*start..*start + *len])
    }

    /// The addresses of all locations.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = u64> {
        self.addresses.as_slice().iter().copied().filter(|address| *address != 0)
    }

    /// The stack of a sample, innermost address first.
    pub(crate) fn stack(&self, sample: &'a [u8]) -> impl Iterator<Item = u64> {
        let locations = Fields(sample).filter(|(number, _)| *number == field::SAMPLE_LOCATIONS);
        locations.flat_map(|(_, value)| value.numbers()).map(|id| {
            let address = usize::try_from(id).ok().and_then(|id| self.addresses.as_slice().get(id));
            address.copied().unwrap_or(0)
        })
    }

    /// A hash of everything that a sample is told apart by.
    fn identity(&self, sample: &'a [u8]) -> u64 {
        let mut hash = Hash::new();
        self.stack(sample).for_each(|address| hash.add(&address.to_ne_bytes()));
        for label in Fields(sample).of(field::SAMPLE_LABEL) {
            for (number, value) in Fields(label) {
                hash.add(&number.0.to_ne_bytes());
                if number == field::LABEL_NUMBER {
                    hash.add(&value.number().to_ne_bytes());
                } else {
                    hash.add(self.text(value.number()));
                }
            }
        }
        hash.0
    }
}

/// What a sample counts.
pub(crate) fn values(sample: &[u8]) -> Values {
    let mut values = [0; 4];
    let fields = Fields(sample).filter(|(number, _)| *number == field::SAMPLE_VALUES);
    for (to, from) in values.iter_mut().zip(fields.flat_map(|(_, value)| value.numbers())) {
        *to = from.cast_signed();
    }
    values
}

/// FNV-1a, 64 bits.
struct Hash(u64);

impl Hash {
    const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, bytes: &[u8]) {
        // The length keeps neighbours apart.
        for byte in bytes.iter().copied().chain((bytes.len() as u32).to_ne_bytes()) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

/// A sample of the profile before.
#[derive(Clone, Copy)]
struct Before {
    identity: u64,
    /// Where its message is in the profile's.
    start: usize,
    len: usize,
    /// Whether the profile after has it, too.
    is_met: bool,
}

impl Before {
    fn sample<'a>(&self, before: &Profile<'a>) -> &'a [u8] {
        before.message.get(self.start..self.start + self.len).unwrap_or_default()
    }
}

/// Writes what `after` has more than `before`.
pub(crate) fn subtract(after: &[u8], before: &[u8], duration_ns: u64, out: &mut Bytes) {
    let (after, before) = (Profile::new(after), Profile::new(before));
    let mut known = Growing::<Before>::new(PROFILE_MESSAGE_BYTES);
    for sample in Fields(before.message).of(field::SAMPLE) {
        let start = sample.as_ptr().addr() - before.message.as_ptr().addr();
        known.push(Before { identity: before.identity(sample), start, len: sample.len(), is_met: false });
    }
    known.as_mut_slice().sort_unstable_by_key(|sample| sample.identity);
    for (number, value) in Fields(after.message) {
        match number {
            field::SAMPLE => put_change(&after, value.bytes(), &before, known.as_mut_slice(), out),
            field::DURATION_NANOS => {}
            _ => put(out, number, value),
        }
    }
    out.number(field::DURATION_NANOS, duration_ns);
    if known.as_slice().iter().any(|sample| !sample.is_met) {
        put_lost(&after, &before, known.as_slice(), out);
    }
}

/// A sample of the profile after, less the same of the one before.
fn put_change<'a>(
    after: &Profile<'a>,
    sample: &'a [u8],
    before: &Profile<'_>,
    known: &mut [Before],
    out: &mut Bytes,
) {
    let identity = after.identity(sample);
    let mut change = values(sample);
    let first = known.partition_point(|other| other.identity < identity);
    let mut same = known[first..].iter_mut().take_while(|other| other.identity == identity);
    if let Some(old) = same.find(|other| !other.is_met) {
        old.is_met = true;
        for (change, old) in change.iter_mut().zip(values(old.sample(before))) {
            *change = change.wrapping_sub(old);
        }
    }
    if change != [0; 4] {
        put_sample(sample, change, 0, 0, out);
    }
}

/// Samples of the profile before that are gone, with the tables that they need behind those of `after`.
fn put_lost(after: &Profile<'_>, before: &Profile<'_>, known: &[Before], out: &mut Bytes) {
    let texts = after.texts.as_slice().len() as u64;
    let locations = after.addresses.as_slice().len() as u64;
    let mappings = Fields(after.message).of(field::MAPPING).count() as u64;
    for (number, value) in Fields(before.message) {
        match number {
            field::TEXT => put(out, number, value),
            field::MAPPING => {
                put_shifted(out, number, value.bytes(), |field| match field {
                    field::ID => mappings,
                    field::MAPPING_FILE | field::MAPPING_BUILD_ID => texts,
                    _ => 0,
                });
            }
            field::LOCATION => {
                put_shifted(out, number, value.bytes(), |field| match field {
                    field::ID => locations,
                    field::LOCATION_MAPPING => mappings,
                    _ => 0,
                });
            }
            _ => {}
        }
    }
    for lost in known.iter().filter(|sample| !sample.is_met) {
        let sample = lost.sample(before);
        put_sample(sample, values(sample).map(i64::wrapping_neg), locations, texts, out);
    }
}

/// A message of numbers, some of which are raised; 0 stays what it is, none.
fn put_shifted(out: &mut Bytes, number: Field, message: &[u8], shift: impl Fn(Field) -> u64) {
    out.nested(number, |out| {
        for (field, value) in Fields(message) {
            match value {
                Value::Number(0) | Value::Bytes(_) => put(out, field, value),
                Value::Number(number) => out.number(field, number + shift(field)),
            }
        }
    });
}

/// A sample with other values; its locations and texts are raised.
fn put_sample(sample: &[u8], values: Values, locations: u64, texts: u64, out: &mut Bytes) {
    out.nested(field::SAMPLE, |out| {
        let ids = Fields(sample).filter(|(number, _)| *number == field::SAMPLE_LOCATIONS);
        out.nested(field::SAMPLE_LOCATIONS, |out| {
            ids.flat_map(|(_, value)| value.numbers()).for_each(|id| out.varint(id + locations));
        });
        out.nested(field::SAMPLE_VALUES, |out| {
            values.iter().for_each(|value| out.varint(value.cast_unsigned()));
        });
        for label in Fields(sample).of(field::SAMPLE_LABEL) {
            let is_text = |field| field != field::LABEL_NUMBER;
            put_shifted(out, field::SAMPLE_LABEL, label, |field| if is_text(field) { texts } else { 0 });
        }
    });
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::{Fields, Profile, Value, Wire, field, subtract, values};
    use spandrel_platform::bytes::Bytes;
    use std::vec::Vec;

    /// A profile with one location for each address, and samples of addresses, values and a label's text.
    fn profile(texts: &[&str], addresses: &[u64], samples: &[(&[u64], [i64; 4], u64)]) -> Vec<u8> {
        let mut out = Bytes::new(1 << 20);
        texts.iter().for_each(|text| out.bytes_field(field::TEXT, text.as_bytes()));
        let mut inner = Bytes::new(1000);
        inner.number(field::ID, 1);
        inner.number(field::MAPPING_FILE, 1);
        out.bytes_field(field::MAPPING, inner.as_slice());
        for (id, address) in (1..).zip(addresses) {
            inner.clear();
            inner.number(field::ID, id);
            inner.number(field::LOCATION_MAPPING, 1);
            inner.number(field::LOCATION_ADDRESS, *address);
            out.bytes_field(field::LOCATION, inner.as_slice());
        }
        for (stack, values, text) in samples {
            let mut sample = Bytes::new(1000);
            for address in *stack {
                let id = addresses.iter().position(|other| other == address).unwrap() + 1;
                sample.number(field::SAMPLE_LOCATIONS, id as u64);
            }
            values.iter().for_each(|value| {
                sample.number(field::SAMPLE_VALUES, value.cast_unsigned());
            });
            inner.clear();
            // The key is the empty text in all.
            inner.number(field::ID, 0);
            inner.number(field::LABEL_TEXT, *text);
            sample.bytes_field(field::SAMPLE_LABEL, inner.as_slice());
            out.bytes_field(field::SAMPLE, sample.as_slice());
        }
        out.as_slice().to_vec()
    }

    /// Stack, values and label of each sample.
    fn samples(message: &[u8]) -> Vec<(Vec<u64>, [i64; 4], Vec<u8>)> {
        let profile = Profile::new(message);
        let of_sample = |sample| {
            let label = Fields(sample).of(field::SAMPLE_LABEL).next().unwrap();
            let text = profile.text(Fields(label).number(field::LABEL_TEXT)).to_vec();
            (profile.stack(sample).collect(), values(sample), text)
        };
        let mut samples: Vec<_> = Fields(message).of(field::SAMPLE).map(of_sample).collect();
        samples.sort();
        samples
    }

    #[test]
    fn what_has_changed_stays() {
        let before = profile(
            &["", "main", "a", "b"],
            &[10, 20, 30],
            &[
                (&[10, 20], [5, 50, 5, 50], 2),
                (&[10, 20], [7, 70, 7, 70], 3),
                (&[30], [1, 10, 1, 10], 2),
                (&[20], [2, 4, 2, 4], 2),
            ],
        );
        // The same under other numbers.
        let after = profile(
            &["", "b", "a", "main"],
            &[20, 10, 40],
            &[
                (&[10, 20], [9, 90, 0, 0], 2),
                (&[10, 20], [7, 70, 7, 70], 1),
                (&[40], [3, 30, 3, 30], 1),
                (&[20], [2, 4, 2, 4], 2),
            ],
        );
        let mut out = Bytes::new(1 << 20);
        subtract(&after, &before, 77, &mut out);
        let expected = [
            (std::vec![10, 20], [4, 40, -5, -50], b"a".to_vec()),
            (std::vec![30], [-1, -10, -1, -10], b"a".to_vec()),
            (std::vec![40], [3, 30, 3, 30], b"b".to_vec()),
        ];
        assert_eq!(samples(out.as_slice()), expected);
        assert_eq!(Fields(out.as_slice()).number(field::DURATION_NANOS), 77);
        out.clear();
        subtract(&after, &after, 1, &mut out);
        assert_eq!(samples(out.as_slice()), []);
    }

    #[test]
    fn damaged_messages_end_early() {
        let whole = profile(&["", "x"], &[10], &[(&[10], [1, 2, 3, 4], 1)]);
        for len in 0..whole.len() {
            let mut out = Bytes::new(1 << 20);
            subtract(&whole[..len], &whole, 1, &mut out);
            subtract(&whole, &whole[..len], 1, &mut out);
        }
        for start in [&[0x80; 20][..], &[0x12, 0xff, 0xff, 0xff, 0x7f], &[0x0d, 1, 2, 3, 4]] {
            assert_eq!(Fields(start).next(), None);
        }
        assert_eq!(Fields(&[8, 0xff, 1]).next(), Some((field::ID, Value::Number(255))));
    }
}
