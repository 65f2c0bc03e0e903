//! The profile in the form of pprof: one message of `profile.proto`, written as it goes.
//!
//! Every entry is written into a buffer behind those before, and its length put in front of it when it is
//! complete, so nothing is kept but a table from addresses to the numbers of their locations. The sample
//! types, their order, the period and the default are those of Go's heap profiles. Addresses are those of the
//! process; names are looked up outside of it.

use spandrel_platform::bytes::Bytes;
use spandrel_platform::memory::{map_outside, release_outside};
use spandrel_platform::process::wall_clock_ns;

use crate::config::LIFETIMES;
use crate::line::{DIGITS_MAX, decimal};
use crate::profile::Kind;
use crate::profile::mappings::Mappings;
use crate::profile::rows::{Row, Rows};
use crate::profile::wire::{Field, Wire, field};

/// The texts that every profile has; the first is empty, as the format wants it.
const TEXTS: [&[u8]; 26] = [
    b"",
    b"alloc_objects",
    b"count",
    b"alloc_space",
    b"bytes",
    b"inuse_objects",
    b"inuse_space",
    b"space",
    b"size_class",
    b"thread",
    b"lifetime",
    b"free",
    b"live",
    b"same_thread",
    b"remote",
    b"(dropped)",
    b"alloc_token",
    b"< 1us",
    b"1us - 10us",
    b"10us - 100us",
    b"100us - 1ms",
    b"1ms - 10ms",
    b"10ms - 100ms",
    b"100ms - 1s",
    b"1s - 10s",
    b">= 10s",
];

/// The index of a text.
const fn text(wanted: &[u8]) -> u64 {
    let mut index = 0;
    while index < TEXTS.len() {
        let known = TEXTS[index];
        let mut same = known.len() == wanted.len();
        let mut at = 0;
        while same && at < wanted.len() {
            same = known[at] == wanted[at];
            at += 1;
        }
        if same {
            return index as u64;
        }
        index += 1;
    }
    panic!("no such text")
}

/// An address that no code has: that of what was dropped.
const DROPPED: usize = usize::MAX;
const BYTES: u64 = text(b"bytes");
const COUNT: u64 = text(b"count");
const FIRST_LIFETIME: u64 = text(b"< 1us");
const _: () = assert!(FIRST_LIFETIME as usize + LIFETIMES <= TEXTS.len());

/// What the allocator has counted itself, to compare with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted {
    /// Bytes ever allocated since sampling began.
    pub(crate) bytes: u64,
    pub(crate) period: u64,
}

/// Writes a profile into `out`; `false` if there is no memory for it.
pub(crate) fn encode(
    rows: &Rows,
    kind: Kind,
    mappings: &Mappings,
    counted: Counted,
    out: &mut Bytes,
) -> bool {
    let Some(mut locations) = Locations::new(rows) else { return false };
    let mut message = Message { out, texts: 0 };
    TEXTS.iter().for_each(|text| {
        message.text(text);
    });
    let texts_base = message.texts;
    for text in rows.texts.texts() {
        message.text(text.bytes());
    }
    let types = [(b"alloc_objects" as &[u8], COUNT), (b"alloc_space", BYTES), (b"inuse_objects", COUNT)];
    for (kind, unit) in types {
        message.value_type(field::SAMPLE_TYPE, text(kind), unit);
    }
    message.value_type(field::SAMPLE_TYPE, text(b"inuse_space"), BYTES);
    message.value_type(field::PERIOD_TYPE, text(b"space"), BYTES);
    message.out.number(field::PERIOD, counted.period.max(1));
    message.out.number(field::TIME_NANOS, wall_clock_ns());
    let default = if kind == Kind::Allocs { text(b"alloc_space") } else { text(b"inuse_space") };
    message.out.number(field::DEFAULT_SAMPLE_TYPE, default);
    message.mappings(mappings);
    let mut samples = Samples { message, locations: &mut locations, texts_base, kind };
    rows.iter().for_each(|row| samples.row(rows, row));
    samples.dropped(rows);
    samples.locations_table(mappings);
    samples.message.comments(rows, counted);
    !samples.message.out.is_cut()
}

/// The message, and how many texts it has.
struct Message<'a> {
    out: &'a mut Bytes,
    texts: u64,
}

impl Message<'_> {
    /// Adds a text; its index.
    fn text(&mut self, text: &[u8]) -> u64 {
        self.out.bytes_field(field::TEXT, text);
        self.texts += 1;
        self.texts - 1
    }

    fn value_type(&mut self, field: Field, kind: u64, unit: u64) {
        self.out.nested(field, |out| {
            out.number(field::TYPE_KIND, kind);
            out.number(field::TYPE_UNIT, unit);
        });
    }

    fn mappings(&mut self, mappings: &Mappings) {
        for (index, mapping) in mappings.all().iter().enumerate() {
            let file = self.text(mappings.path(mapping));
            let mut digits = [0; 40];
            let mut length = 0;
            for byte in mapping.build_id() {
                digits[length] = b"0123456789abcdef"[usize::from(byte >> 4)];
                digits[length + 1] = b"0123456789abcdef"[usize::from(byte & 15)];
                length += 2;
            }
            let build_id = self.text(&digits[..length]);
            self.out.nested(field::MAPPING, |out| {
                out.number(field::ID, index as u64 + 1);
                out.number(field::MAPPING_START, mapping.start as u64);
                out.number(field::MAPPING_END, mapping.end as u64);
                out.number(field::MAPPING_OFFSET, mapping.offset);
                out.number(field::MAPPING_FILE, file);
                out.number(field::MAPPING_BUILD_ID, build_id);
            });
        }
    }

    fn comments(&mut self, rows: &Rows, counted: Counted) {
        let mut comment = Comment::default();
        comment.add(b"samples: ").number(rows.samples as f64).add(b", one in ");
        comment.number(counted.period as f64).add(b" bytes on average");
        self.comment(&comment);
        if rows.dropped.samples > 0 {
            let mut comment = Comment::default();
            comment.add(b"dropped: ").number(rows.dropped.samples as f64).add(b" samples, ");
            comment.number(rows.dropped.bytes).add(b" bytes");
            self.comment(&comment);
        }
        let mut comment = Comment::default();
        let half_width = half_interval(rows);
        comment.add(b"alloc_space: estimated ").number(rows.bytes).add(b", +- ").number(half_width);
        comment.add(b" (95 %), counted ").number(counted.bytes as f64).add(b" bytes");
        if counted.bytes > 0 {
            let share = |bytes: f64| 10_000.0 * bytes / counted.bytes as f64;
            comment.add(b", error ").per_cent(share(rows.bytes - counted.bytes as f64));
            comment.add(b" %, interval +- ").per_cent(share(half_width)).add(b" %");
        }
        self.comment(&comment);
    }

    fn comment(&mut self, comment: &Comment) {
        let index = self.text(&comment.bytes[..comment.len]);
        self.out.number(field::COMMENT, index);
    }
}

/// Half the width of an interval around the estimated bytes that holds the true ones in 95 of 100 profiles.
///
/// 1.96 deviations on both sides hold 95 % of a normal law; a little more is for the deviation, which is
/// itself estimated.
pub(crate) fn half_interval(rows: &Rows) -> f64 {
    2.1 * square_root(rows.variance)
}

/// A line of text.
struct Comment {
    bytes: [u8; 256],
    len: usize,
}

impl Default for Comment {
    fn default() -> Self {
        Self { bytes: [0; 256], len: 0 }
    }
}

impl Comment {
    fn add(&mut self, text: &[u8]) -> &mut Self {
        for &byte in text {
            if self.len < self.bytes.len() {
                self.bytes[self.len] = byte;
                self.len += 1;
            }
        }
        self
    }

    /// A number of objects or bytes.
    fn number(&mut self, value: f64) -> &mut Self {
        self.add(decimal(rounded(value), &mut [0; DIGITS_MAX]))
    }

    /// A number of hundredths of a per cent.
    fn per_cent(&mut self, hundredths: f64) -> &mut Self {
        if hundredths < 0.0 {
            self.add(b"-");
        }
        let value = rounded(hundredths.abs());
        self.add(decimal(value / 100, &mut [0; DIGITS_MAX])).add(b".");
        self.add(&[b'0' + (value / 10 % 10) as u8, b'0' + (value % 10) as u8])
    }
}

/// To the nearest whole number.
fn rounded(value: f64) -> u64 {
    (value + 0.5) as u64
}

/// Newton's way, from above.
fn square_root(value: f64) -> f64 {
    if value <= 0.0 {
        return 0.0;
    }
    let mut root = f64::from_bits((value.to_bits() >> 1) + (1023u64 << 51));
    for _ in 0..6 {
        root = 0.5 * (root + value / root);
    }
    root
}

/// Numbers of locations by their addresses: a hash table with open addressing, in a mapping of its own.
struct Locations {
    table: *mut (usize, u64),
    slots: usize,
    count: u64,
}

impl Locations {
    fn new(rows: &Rows) -> Option<Self> {
        let frames: usize = rows.iter().map(|row| rows.stacks.frames(row.stack).len()).sum();
        let slots = (2 * frames).next_power_of_two().max(1024);
        let table: *mut (usize, u64) = map_outside(slots * size_of::<(usize, u64)>()).cast();
        (!table.is_null()).then_some(Self { table, slots, count: 0 })
    }

    fn entries(&mut self) -> &mut [(usize, u64)] {
        // SAFETY: the mapping has so many entries, of zeros at first, and is this table's alone.
        unsafe { core::slice::from_raw_parts_mut(self.table, self.slots) }
    }

    /// The number of the location of an address, which is not 0.
    fn number_of(&mut self, address: usize) -> u64 {
        let (mask, next) = (self.slots - 1, self.count + 1);
        let mut slot = super::mix(address as u64) as usize & mask;
        loop {
            let entry = &mut self.entries()[slot];
            if entry.0 == address {
                return entry.1;
            }
            if entry.0 == 0 {
                *entry = (address, next);
                self.count = next;
                return next;
            }
            slot = (slot + 1) & mask;
        }
    }
}

impl Drop for Locations {
    fn drop(&mut self) {
        // SAFETY: the mapping is this table's.
        unsafe { release_outside(self.table.cast(), self.slots * size_of::<(usize, u64)>()) };
    }
}

/// The samples, and the locations that they name.
struct Samples<'a> {
    message: Message<'a>,
    locations: &'a mut Locations,
    texts_base: u64,
    kind: Kind,
}

/// What is said of the frees of objects.
#[derive(Clone, Copy)]
enum Fate {
    Live,
    Freed { by_another: bool, lifetime: usize },
}

impl Samples<'_> {
    fn row(&mut self, rows: &Rows, row: &Row) {
        let in_use = if self.kind == Kind::Peak { rows.peak_of(row) } else { row.live };
        self.sample(rows, row, row.live, in_use, Fate::Live);
        for (by_another, freed) in [(false, &row.freed[0]), (true, &row.freed[1])] {
            for (lifetime, &objs) in freed.iter().enumerate() {
                self.sample(rows, row, objs, 0.0, Fate::Freed { by_another, lifetime });
            }
        }
    }

    fn sample(&mut self, rows: &Rows, row: &Row, allocs: f64, in_use: f64, fate: Fate) {
        if allocs <= 0.0 && in_use <= 0.0 {
            return;
        }
        let bytes = row.key.object_bytes as f64;
        let values = [allocs, allocs * bytes, in_use, in_use * bytes];
        let frames = rows.stacks.frames(row.stack);
        let Self { message, locations, texts_base, .. } = self;
        let texts_base = *texts_base;
        message.out.nested(field::SAMPLE, |out| {
            out.nested(field::SAMPLE_LOCATIONS, |out| {
                frames.iter().for_each(|&frame| out.varint(locations.number_of(frame)))
            });
            out.nested(field::SAMPLE_VALUES, |out| {
                values.iter().for_each(|&value| out.varint(rounded(value)))
            });
            label_number(out, BYTES, row.key.bytes, BYTES);
            label_number(out, const { text(b"size_class") }, row.key.object_bytes, BYTES);
            if row.key.name != 0 {
                label_text(out, const { text(b"thread") }, texts_base + u64::from(row.key.name) - 1);
            }
            if row.key.token != 0 {
                label_number(out, const { text(b"alloc_token") }, row.key.token, 0);
            }
            label_fate(out, fate);
            let mut next = row.key.labels;
            while let Some(label) = rows.texts.label(next) {
                let index = |number: u32| texts_base + u64::from(number) - 1;
                label_text(out, index(label.key), index(label.value));
                next = label.others;
            }
        });
    }

    /// What was not kept apart, as a function of its own.
    fn dropped(&mut self, rows: &Rows) {
        if rows.dropped.samples == 0 {
            return;
        }
        let number = self.locations.number_of(DROPPED);
        let out = &mut *self.message.out;
        out.nested(field::SAMPLE, |out| {
            out.nested(field::SAMPLE_LOCATIONS, |out| out.varint(number));
            let values = [rows.dropped.objs, rows.dropped.bytes, 0.0, 0.0];
            out.nested(field::SAMPLE_VALUES, |out| {
                values.iter().for_each(|&value| out.varint(rounded(value)))
            });
        });
        out.nested(field::FUNCTION, |out| {
            out.number(field::ID, 1);
            out.number(field::FUNCTION_NAME, const { text(b"(dropped)") });
            out.number(field::FUNCTION_SYSTEM_NAME, const { text(b"(dropped)") });
        });
    }

    fn locations_table(&mut self, mappings: &Mappings) {
        let out = &mut *self.message.out;
        for &(address, number) in self.locations.entries().iter().filter(|entry| entry.0 != 0) {
            out.nested(field::LOCATION, |out| {
                out.number(field::ID, number);
                if address == DROPPED {
                    out.nested(field::LOCATION_LINE, |out| out.number(field::LINE_FUNCTION, 1));
                    return;
                }
                out.number(field::LOCATION_MAPPING, mappings.number_of(address) as u64);
                out.number(field::LOCATION_ADDRESS, address as u64);
            });
        }
    }
}

fn label_text(out: &mut Bytes, key: u64, value: u64) {
    out.nested(field::SAMPLE_LABEL, |out| {
        out.number(field::LABEL_KEY, key);
        out.number(field::LABEL_TEXT, value);
    });
}

fn label_number(out: &mut Bytes, key: u64, value: u64, unit: u64) {
    out.nested(field::SAMPLE_LABEL, |out| {
        out.number(field::LABEL_KEY, key);
        out.number(field::LABEL_NUMBER, value);
        out.number(field::LABEL_UNIT, unit);
    });
}

fn label_fate(out: &mut Bytes, fate: Fate) {
    let value = match fate {
        Fate::Live => const { text(b"live") },
        Fate::Freed { by_another, lifetime } => {
            label_text(out, const { text(b"lifetime") }, FIRST_LIFETIME + lifetime as u64);
            if by_another { const { text(b"remote") } } else { const { text(b"same_thread") } }
        }
    };
    label_text(out, const { text(b"free") }, value);
}
