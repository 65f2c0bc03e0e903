//! What size classes cost a program: memory that was paid for and holds nothing, by class and by call site.
//!
//! A heap of size classes loses memory in two places. *Rounding*: an object has the size of its class, not
//! the size that was asked for. *Tail*: a span holds a whole number of objects, and what is left behind the
//! last one belongs to nobody. (A third one, spans that are not full, is nowhere in a profile.)
//!
//! The tail of a class is a constant share. Rounding depends on the request, and profiles differ in what they
//! tell of it:
//!
//! * Ours tell both sizes of a sample, the requested one as `bytes` and that of the class as `size_class`.
//! * Go's tell the size of the class alone, as `bytes`. The request was larger than the class below, which
//!   bounds what is lost. A known type narrows it further: the request was a multiple of its size.
//! * Other allocators' tell a size, and what is told here is what Go's classes would make of it.
//!
//! So rounding is a range, from `rounding_min` to `rounding_max`; where they agree, it is known.

use std::collections::HashMap;

use spandrel_classes::{PAGE_BYTES, SMALL_BYTES_MAX, class_of_size, fit, object_bytes, size_class};

use crate::graph::{Granularity, leaf_name};
use crate::model::{Profile, Sample, Text};

/// The label with the size of an object: the request, or, in Go's profiles, what it was rounded up to.
pub const BYTES_LABEL: &str = "bytes";
/// The label with the size of the object's class.
pub const SIZE_CLASS_LABEL: &str = "size_class";
/// The label with the size of one element of the object's type.
pub const TYPE_BYTES_LABEL: &str = "type_bytes";

/// What was allocated somewhere, and what of it was lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waste {
    /// Objects.
    pub objects: i64,
    /// Their sizes, those of their classes.
    pub bytes: i64,
    /// Their share of the tails of full spans.
    pub tail_bytes: i64,
    /// What was lost to rounding, at least.
    pub rounding_min_bytes: i64,
    /// What was lost to rounding, at most.
    pub rounding_max_bytes: i64,
}

/// The objects of one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassWaste {
    /// 1 to 67; 0 for large objects.
    pub class: u8,
    /// The size of each object; 0 for large ones, which differ.
    pub object_bytes: u64,
    /// The least number of spans that they fill.
    pub spans: i64,
    /// The size of those spans.
    pub span_bytes: i64,
    /// What they are and what was lost.
    pub waste: Waste,
}

/// The objects of one call site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteWaste {
    /// The function and the line that allocated them.
    pub site: Text,
    /// What they are and what was lost.
    pub waste: Waste,
}

/// What `size` labels mean in a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sizes {
    /// Both the request and the class are told.
    Both,
    /// The class alone: every size is one of a class or whole pages.
    Class,
    /// The request alone.
    Request,
}

/// The sample types that count the same objects: their number, and their bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The index of the sample type that counts objects, if there is one.
    pub objects_index: Option<usize>,
    /// The index of the sample type that counts bytes.
    pub bytes_index: usize,
}

impl Counted {
    /// The pair that a sample type belongs to: `inuse_objects` and `inuse_space`, for example.
    ///
    /// ```
    /// use spandrel_profile::{Builder, Counted, ValueType};
    /// let types = [ValueType::new("objects", "count"), ValueType::new("space", "bytes")];
    /// let counted = Counted::of(&Builder::new(&types).finish(), 0);
    /// assert_eq!(counted, Some(Counted { objects_index: Some(0), bytes_index: 1 }));
    /// ```
    #[must_use]
    pub fn of(profile: &Profile, sample_index: usize) -> Option<Self> {
        let kind = &profile.sample_types[sample_index].kind;
        let stem = kind.strip_suffix("space").or_else(|| kind.strip_suffix("objects"))?;
        let find = |what: &str| {
            profile.sample_types.iter().position(|it| it.kind.strip_prefix(stem).is_some_and(|it| it == what))
        };
        Some(Self { objects_index: find("objects"), bytes_index: find("space")? })
    }
}

/// What a profile tells of sizes; `None` when it tells nothing.
#[must_use]
pub fn sizes(profile: &Profile) -> Option<Sizes> {
    let mut sized = profile.samples.iter().filter_map(|it| it.number(BYTES_LABEL)).peekable();
    sized.peek()?;
    if profile.samples.iter().any(|it| it.number(SIZE_CLASS_LABEL).is_some()) {
        return Some(Sizes::Both);
    }
    let is_slot = |bytes: i64| usize::try_from(bytes).is_ok_and(|bytes| fit(bytes).waste_bytes == 0);
    Some(if sized.all(is_slot) { Sizes::Class } else { Sizes::Request })
}

impl Waste {
    fn add(&mut self, other: &Waste) {
        let sum = |to: &mut i64, value: i64| *to = to.saturating_add(value);
        sum(&mut self.objects, other.objects);
        sum(&mut self.bytes, other.bytes);
        sum(&mut self.tail_bytes, other.tail_bytes);
        sum(&mut self.rounding_min_bytes, other.rounding_min_bytes);
        sum(&mut self.rounding_max_bytes, other.rounding_max_bytes);
    }

    /// The most that may have been lost altogether.
    #[must_use]
    pub fn max_bytes(&self) -> i64 {
        self.tail_bytes.saturating_add(self.rounding_max_bytes)
    }

    /// Of a sample: the class of its objects, and what they lose.
    fn of(sample: &Sample, sizes: Sizes, counted: Counted) -> Option<(u8, Waste)> {
        let told = usize::try_from(sample.number(BYTES_LABEL)?).ok().filter(|&bytes| bytes > 0)?;
        let class_told = sample.number(SIZE_CLASS_LABEL).and_then(|it| usize::try_from(it).ok());
        let slot = match sizes {
            Sizes::Both => class_told.unwrap_or(told),
            Sizes::Class => told,
            Sizes::Request => fit(told).object_bytes,
        };
        let class = class_of_size(slot);
        let (least, most) = match sizes {
            Sizes::Both | Sizes::Request => (told.min(slot), told.min(slot)),
            Sizes::Class => requests(slot, sample.number(TYPE_BYTES_LABEL)),
        };
        let counted_bytes = sample.values[counted.bytes_index];
        let objects = match counted.objects_index {
            Some(index) => sample.values[index] as f64,
            None => counted_bytes as f64 / told as f64,
        };
        let of_each = |bytes: usize| (objects * bytes as f64).round() as i64;
        let it = size_class(class);
        let tail = if class == 0 { 0.0 } else { f64::from(it.tail_bytes) / f64::from(it.span_objs) };
        let bytes = if sizes == Sizes::Class { counted_bytes } else { of_each(slot) };
        Some((
            class,
            Waste {
                objects: objects.round() as i64,
                bytes,
                tail_bytes: (objects * tail).round() as i64,
                rounding_min_bytes: of_each(slot - most),
                rounding_max_bytes: of_each(slot - least),
            },
        ))
    }
}

/// The smallest and the largest request that gets an object of `slot` bytes, if it is a multiple of
/// `type_bytes`.
pub(crate) fn requests(slot: usize, type_bytes: Option<i64>) -> (usize, usize) {
    let below = match class_of_size(slot) {
        0 => (slot - PAGE_BYTES).max(SMALL_BYTES_MAX),
        class => object_bytes(class - 1),
    };
    let (least, most) = (below + 1, slot);
    let type_bytes = type_bytes.and_then(|it| usize::try_from(it).ok()).filter(|&it| it > 0);
    let Some(type_bytes) = type_bytes else { return (least, most) };
    let last = most / type_bytes * type_bytes;
    // A header of Go's may come on top of the elements, so no multiple need fit.
    match least.checked_next_multiple_of(type_bytes) {
        Some(first) if first <= last => (first, last),
        _ => (least, most),
    }
}

/// The classes of what is counted, in order; large objects last.
#[must_use]
pub fn waste_by_class(profile: &Profile, sizes: Sizes, counted: Counted) -> Vec<ClassWaste> {
    let mut classes: HashMap<u8, Waste> = HashMap::new();
    for sample in &profile.samples {
        if let Some((class, waste)) = Waste::of(sample, sizes, counted) {
            classes.entry(class).or_default().add(&waste);
        }
    }
    let used = classes.into_iter().filter(|(_, waste)| waste.bytes != 0);
    let mut rows: Vec<ClassWaste> = used
        .map(|(class, waste)| {
            let it = size_class(class);
            // By bytes, because the numbers of objects are estimates that are rounded one by one.
            let full_bytes = i64::from(it.object_bytes) * i64::from(it.span_objs);
            let spans = match full_bytes {
                0 => waste.objects,
                full_bytes => waste.bytes / full_bytes + i64::from(waste.bytes % full_bytes > 0),
            };
            let span_bytes = match class {
                0 => waste.bytes,
                _ => spans.saturating_mul(it.span_bytes() as i64),
            };
            ClassWaste { class, object_bytes: u64::from(it.object_bytes), spans, span_bytes, waste }
        })
        .collect();
    rows.sort_by_key(|row| (row.class == 0, row.class));
    rows
}

/// The call sites of what is counted, those first that may have lost most.
#[must_use]
pub fn waste_by_site(profile: &Profile, sizes: Sizes, counted: Counted) -> Vec<SiteWaste> {
    let mut sites: HashMap<Text, Waste> = HashMap::new();
    for sample in &profile.samples {
        if let Some((_, waste)) = Waste::of(sample, sizes, counted) {
            let site = leaf_name(profile, sample, Granularity::Line);
            sites.entry(site).or_default().add(&waste);
        }
    }
    let used = sites.into_iter().filter(|(_, waste)| waste.bytes != 0);
    let mut rows: Vec<SiteWaste> = used.map(|(site, waste)| SiteWaste { site, waste }).collect();
    rows.sort_by(|a, b| {
        let key = |it: &SiteWaste| std::cmp::Reverse(it.waste.max_bytes().unsigned_abs());
        key(a).cmp(&key(b)).then_with(|| a.site.cmp(&b.site))
    });
    rows
}

#[cfg(test)]
mod tests {
    use super::{Counted, Sizes, Waste, requests, sizes, waste_by_class, waste_by_site};
    use crate::builder::Builder;
    use crate::model::{Label, Profile, ValueType};

    const BYTES: Counted = Counted { objects_index: None, bytes_index: 0 };

    fn profile(samples: &[(&[(&str, i64)], i64)]) -> Profile {
        let mut builder = Builder::new(&[ValueType::new("inuse_space", "bytes")]);
        for (labels, value) in samples {
            let labels = labels.iter().map(|(key, number)| Label::number(key, *number, "bytes")).collect();
            builder.sample(vec![], labels, &[*value]);
        }
        builder.finish()
    }

    #[test]
    fn a_class_bounds_the_request_and_a_type_narrows_it() {
        assert_eq!(requests(48, None), (33, 48));
        assert_eq!(requests(48, Some(40)), (40, 40));
        assert_eq!(requests(48, Some(12)), (36, 48));
        assert_eq!(requests(48, Some(64)), (33, 48), "no multiple fits");
        assert_eq!(requests(48, Some(i64::MAX)), (33, 48));
        assert_eq!(requests(8, None), (1, 8));
        assert_eq!(requests(40_960, None), (32_769, 40_960));
        assert_eq!(requests(65_536, None), (57_345, 65_536));
    }

    #[test]
    fn what_is_told_is_recognised() {
        assert_eq!(sizes(&profile(&[(&[], 1)])), None);
        assert_eq!(sizes(&profile(&[(&[("bytes", 48)], 1), (&[("bytes", 65_536)], 1)])), Some(Sizes::Class));
        assert_eq!(sizes(&profile(&[(&[("bytes", 48)], 1), (&[("bytes", 40)], 1)])), Some(Sizes::Request));
        let both = profile(&[(&[("bytes", 48), ("size_class", 48)], 1)]);
        assert_eq!(sizes(&both), Some(Sizes::Both));
    }

    #[test]
    fn losses_add_up() {
        // Class 5: 48 bytes, 170 objects and a tail of 32 bytes in 8192.
        let classes = waste_by_class(&profile(&[(&[("bytes", 48)], 48 * 340)]), Sizes::Class, BYTES);
        let waste = Waste {
            objects: 340,
            bytes: 16_320,
            tail_bytes: 64,
            rounding_min_bytes: 0,
            rounding_max_bytes: 340 * 15,
        };
        assert_eq!((classes[0].class, classes[0].spans, classes[0].span_bytes), (5, 2, 16_384));
        assert_eq!(classes[0].waste, waste);

        let ours = profile(&[(&[("bytes", 33), ("size_class", 48)], 330), (&[("bytes", 40_000)], 40_000)]);
        let classes = waste_by_class(&ours, Sizes::Both, BYTES);
        let shown: Vec<_> =
            classes.iter().map(|it| (it.class, it.waste.bytes, it.waste.rounding_max_bytes)).collect();
        assert_eq!(shown, [(5, 480, 150), (0, 40_000, 0)]);

        let sites = waste_by_site(&profile(&[(&[("bytes", 40)], 80)]), Sizes::Request, BYTES);
        assert_eq!((sites[0].waste.bytes, sites[0].waste.rounding_min_bytes), (96, 16));
    }
}
