//! Names of threads, and the labels that a program gives: short texts, kept once each, and never dropped.

use crate::config::{LABELS_MAX, TEXT_BYTES, TEXTS_MAX};
use crate::meta;

/// A short text.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Text {
    bytes: [u8; TEXT_BYTES],
    length: u32,
}

impl Text {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[..(self.length as usize).min(TEXT_BYTES)]
    }
}

/// A label and the others that hold at the same time.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Label {
    pub(crate) key: u32,
    pub(crate) value: u32,
    /// The other labels; 0: none.
    pub(crate) others: u32,
}

/// All texts, and all sets of labels; numbers begin at 1.
pub(crate) struct Texts {
    texts: *mut Text,
    texts_len: usize,
    labels: *mut Label,
    labels_len: usize,
}

impl Texts {
    pub(crate) const EMPTY: Self =
        Self { texts: core::ptr::null_mut(), texts_len: 0, labels: core::ptr::null_mut(), labels_len: 0 };

    pub(crate) fn texts(&self) -> &[Text] {
        slice(self.texts, self.texts_len)
    }

    /// The label with a number.
    pub(crate) fn label(&self, number: u32) -> Option<Label> {
        slice(self.labels, self.labels_len).get((number as usize).checked_sub(1)?).copied()
    }

    /// The number of a text, of which the start counts; 0 if there are too many.
    pub(crate) fn text(&mut self, text: &[u8]) -> u32 {
        let text = &text[..cut(text)];
        if let Some(index) = self.texts().iter().position(|known| known.bytes() == text) {
            return index as u32 + 1;
        }
        let mut fresh = Text { bytes: [0; TEXT_BYTES], length: text.len() as u32 };
        fresh.bytes[..text.len()].copy_from_slice(text);
        push(&mut self.texts, &mut self.texts_len, TEXTS_MAX, fresh)
    }

    /// The number of the set of labels that `others` becomes with one more; a label of the same key gives
    /// way. `others` if there are too many.
    pub(crate) fn with_label(&mut self, key: &[u8], value: &[u8], others: u32) -> u32 {
        let (key, value) = (self.text(key), self.text(value));
        if key == 0 || value == 0 {
            return others;
        }
        let others = self.without(key, others);
        self.set(Label { key, value, others }, others)
    }

    fn without(&mut self, key: u32, labels: u32) -> u32 {
        let mut kept = [Label { key: 0, value: 0, others: 0 }; 8];
        let (mut count, mut next) = (0, labels);
        while let Some(label) = self.label(next) {
            if label.key != key && count < kept.len() {
                kept[count] = label;
                count += 1;
            }
            next = label.others;
        }
        let mut set = 0;
        for label in kept[..count].iter().rev() {
            set = self.set(Label { others: set, ..*label }, set);
        }
        set
    }

    fn set(&mut self, label: Label, otherwise: u32) -> u32 {
        let same =
            |known: &Label| (known.key, known.value, known.others) == (label.key, label.value, label.others);
        if let Some(index) = slice(self.labels, self.labels_len).iter().position(same) {
            return index as u32 + 1;
        }
        match push(&mut self.labels, &mut self.labels_len, LABELS_MAX, label) {
            0 => otherwise,
            number => number,
        }
    }
}

/// Where a text ends that is too long: not inside a character.
fn cut(text: &[u8]) -> usize {
    let mut end = text.len().min(TEXT_BYTES);
    while end < text.len() && end > 0 && text[end] & 0xc0 == 0x80 {
        end -= 1;
    }
    end
}

fn slice<T>(first: *mut T, len: usize) -> &'static [T] {
    if first.is_null() {
        return &[];
    }
    // SAFETY: so many entries were written, in metadata memory, which is never unmapped; nothing written is
    // changed.
    unsafe { core::slice::from_raw_parts(first, len) }
}

fn push<T>(first: &mut *mut T, len: &mut usize, max: usize, entry: T) -> u32 {
    if first.is_null() {
        *first = meta::alloc(max * size_of::<T>(), align_of::<T>()).cast();
    }
    if first.is_null() || *len == max {
        return 0;
    }
    // SAFETY: there is room for `max` entries.
    unsafe { first.wrapping_add(*len).write(entry) };
    *len += 1;
    *len as u32
}
