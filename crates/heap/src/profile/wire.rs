//! The form in which profiles are written and read: fields of a message, each a number and what it holds.

use spandrel_platform::bytes::Bytes;

/// The number of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field(pub(crate) u64);

/// Numbers of fields, as `profile.proto` has them.
pub(crate) mod field {
    use super::Field;

    pub(crate) const SAMPLE_TYPE: Field = Field(1);
    pub(crate) const SAMPLE: Field = Field(2);
    pub(crate) const MAPPING: Field = Field(3);
    pub(crate) const LOCATION: Field = Field(4);
    pub(crate) const FUNCTION: Field = Field(5);
    pub(crate) const TEXT: Field = Field(6);
    pub(crate) const TIME_NANOS: Field = Field(9);
    pub(crate) const DURATION_NANOS: Field = Field(10);
    pub(crate) const PERIOD_TYPE: Field = Field(11);
    pub(crate) const PERIOD: Field = Field(12);
    pub(crate) const COMMENT: Field = Field(13);
    pub(crate) const DEFAULT_SAMPLE_TYPE: Field = Field(14);

    /// Of mappings, locations and functions.
    pub(crate) const ID: Field = Field(1);
    pub(crate) const TYPE_KIND: Field = Field(1);
    pub(crate) const TYPE_UNIT: Field = Field(2);
    pub(crate) const SAMPLE_LOCATIONS: Field = Field(1);
    pub(crate) const SAMPLE_VALUES: Field = Field(2);
    pub(crate) const SAMPLE_LABEL: Field = Field(3);
    pub(crate) const LABEL_KEY: Field = Field(1);
    pub(crate) const LABEL_TEXT: Field = Field(2);
    pub(crate) const LABEL_NUMBER: Field = Field(3);
    pub(crate) const LABEL_UNIT: Field = Field(4);
    pub(crate) const MAPPING_START: Field = Field(2);
    pub(crate) const MAPPING_END: Field = Field(3);
    pub(crate) const MAPPING_OFFSET: Field = Field(4);
    pub(crate) const MAPPING_FILE: Field = Field(5);
    pub(crate) const MAPPING_BUILD_ID: Field = Field(6);
    pub(crate) const LOCATION_MAPPING: Field = Field(2);
    pub(crate) const LOCATION_ADDRESS: Field = Field(3);
    pub(crate) const LOCATION_LINE: Field = Field(4);
    pub(crate) const LINE_FUNCTION: Field = Field(1);
    pub(crate) const FUNCTION_NAME: Field = Field(2);
    pub(crate) const FUNCTION_SYSTEM_NAME: Field = Field(3);
}

/// A message as it is written.
pub(crate) trait Wire {
    fn varint(&mut self, value: u64);
    /// A field that is a number.
    fn number(&mut self, field: Field, value: u64);
    /// A field that is bytes.
    fn bytes_field(&mut self, field: Field, bytes: &[u8]);
    /// A field that is a message or a list of numbers.
    fn nested(&mut self, field: Field, write: impl FnOnce(&mut Self));
}

impl Wire for Bytes {
    fn varint(&mut self, value: u64) {
        let (bytes, length) = varint(value);
        self.extend(&bytes[..length]);
    }

    fn number(&mut self, field: Field, value: u64) {
        self.varint(field.0 << 3);
        self.varint(value);
    }

    fn bytes_field(&mut self, field: Field, bytes: &[u8]) {
        self.varint(field.0 << 3 | 2);
        self.varint(bytes.len() as u64);
        self.extend(bytes);
    }

    fn nested(&mut self, field: Field, write: impl FnOnce(&mut Self)) {
        self.varint(field.0 << 3 | 2);
        let start = self.as_slice().len();
        write(self);
        let (bytes, length) = varint((self.as_slice().len() - start) as u64);
        self.insert(start, &bytes[..length]);
    }
}

fn varint(mut value: u64) -> ([u8; 10], usize) {
    let mut bytes = [0; 10];
    let mut length = 0;
    loop {
        bytes[length] = value as u8 & 0x7f;
        value >>= 7;
        length += 1;
        if value == 0 {
            return (bytes, length);
        }
        bytes[length - 1] |= 0x80;
    }
}
