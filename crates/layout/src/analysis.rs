//! What is to be said about one type: its gaps, its cost, its best order, and what stands out.

use std::fmt;

use crate::allocator::{Allocator, Object};
use crate::deep::Deep;
use crate::gaps::Gaps;
use crate::lines::{self, LINE_BYTES};
use crate::model::{Language, Record, RecordKind, Type, TypeId};
use crate::reorder::{Obstacle, Reorder};
use crate::source::Sources;
use crate::types::Types;
use crate::variants;
use crate::verdict::{self, Neighbours, Verdict};

/// A future of at least so many bytes is called large: it is moved about, and boxed by many executors.
const LARGE_FUTURE_BYTES: u64 = 1024;
/// A variant is called large if boxing it saves so much of the whole, or so many bytes.
const LARGE_VARIANT_BYTES: u64 = 16;

/// Asks all about types of a program.
#[derive(Debug)]
pub struct Analyzer<'types> {
    types: &'types Types,
    allocator: Option<Allocator>,
    deep: Deep<'types>,
    neighbours: Neighbours,
    sources: Sources,
}

/// All about one type.
#[derive(Clone, Debug)]
pub struct Analysis {
    /// The type.
    pub id: TypeId,
    /// Bytes and bits that belong to no member.
    pub gaps: Gaps,
    /// Bits that nothing ever uses, in members of members too.
    pub deep_bits: u64,
    /// The best order, or why there is none.
    pub best: Result<Reorder, Obstacle>,
    /// Whether the best order may be taken; none where there is no better one.
    pub verdict: Option<Verdict>,
    /// What an object costs.
    pub cost: Cost,
    /// What stands out, the most valuable first.
    pub findings: Vec<Finding>,
}

/// What one object costs on the heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// The size of the type.
    pub bytes: u64,
    /// The bytes that it takes.
    pub heap_bytes: u64,
    /// The bytes that it would take in the best order.
    pub heap_bytes_best: u64,
    /// Bytes that could be added without any cost.
    pub head_room: u64,
    /// The largest size that costs less.
    pub next_cheaper: u64,
    /// What that costs.
    pub next_cheaper_heap_bytes: u64,
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Good to know.
    Note,
    /// A change saves memory, or time.
    Warning,
}

/// Something that stands out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// How much it matters.
    pub level: Level,
    /// Heap bytes that each object would save.
    pub saved_bytes: u64,
    /// The member that it is about, by its index.
    pub member: Option<usize>,
    /// One sentence.
    pub message: String,
}

/// The kinds of findings; their names are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FindingKind {
    /// Another order makes the record smaller.
    Reorder,
    /// Another order shortens what Go's collector scans.
    PointerBytes,
    /// A few bytes less would be a smaller size class.
    SizeClass,
    /// There are holes or padding that no order removes.
    Padding,
    /// Members of members have padding.
    DeepPadding,
    /// One variant makes all others large.
    LargeVariant,
    /// Optional values have discriminants of their own.
    Optionals,
    /// A discriminant takes bytes, though a field has values to spare for it.
    MissedNiche,
    /// A future is large.
    LargeFuture,
    /// A future keeps a value twice.
    KeptTwice,
    /// Threads may fight over a line.
    SharedLine,
    /// A member lies on two lines.
    Straddle,
    /// Another order needs fewer lines.
    MoreLines,
}

impl FindingKind {
    /// The name that options and outputs use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Reorder => "reorder",
            Self::PointerBytes => "pointer-bytes",
            Self::SizeClass => "size-class",
            Self::Padding => "padding",
            Self::DeepPadding => "deep-padding",
            Self::LargeVariant => "large-variant",
            Self::Optionals => "optionals",
            Self::MissedNiche => "missed-niche",
            Self::LargeFuture => "large-future",
            Self::KeptTwice => "kept-twice",
            Self::SharedLine => "shared-line",
            Self::Straddle => "straddle",
            Self::MoreLines => "more-lines",
        }
    }

    /// One sentence that explains it.
    #[must_use]
    pub fn explanation(self) -> &'static str {
        match self {
            Self::Reorder => "Another order of the members makes the record smaller.",
            Self::PointerBytes => "Another order shortens the part that Go's garbage collector scans.",
            Self::SizeClass => "A few bytes less would fit the next smaller size class of the allocator.",
            Self::Padding => "The record has holes or padding that no order removes.",
            Self::DeepPadding => "Members of the record have holes or padding inside.",
            Self::LargeVariant => "One large variant makes every value of the enum as large.",
            Self::Optionals => "Several optional values each have a discriminant of their own.",
            Self::MissedNiche => "A field has values to spare that could tell the variants apart.",
            Self::LargeFuture => "The state of an async function is large.",
            Self::KeptTwice => "The state of an async function keeps the same value twice.",
            Self::SharedLine => "Two atomics or locks on one cache line make threads wait for each other.",
            Self::Straddle => "A member lies on two cache lines and would fit one.",
            Self::MoreLines => "Another order needs fewer cache lines.",
        }
    }
}

/// All kinds, in the order of their declaration.
pub const FINDING_KINDS: [FindingKind; 13] = [
    FindingKind::Reorder,
    FindingKind::PointerBytes,
    FindingKind::SizeClass,
    FindingKind::Padding,
    FindingKind::DeepPadding,
    FindingKind::LargeVariant,
    FindingKind::Optionals,
    FindingKind::MissedNiche,
    FindingKind::LargeFuture,
    FindingKind::KeptTwice,
    FindingKind::SharedLine,
    FindingKind::Straddle,
    FindingKind::MoreLines,
];

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl<'types> Analyzer<'types> {
    /// For the types of a program, whose objects this allocator serves; by default Go's own serves Go's
    /// types, and Spandrel all others.
    #[must_use]
    pub fn new(types: &'types Types, allocator: Option<Allocator>) -> Self {
        Self {
            types,
            allocator,
            deep: Deep::new(types),
            neighbours: Neighbours::new(types),
            sources: Sources::default(),
        }
    }

    /// The sources that were read on the way.
    #[must_use]
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// The types.
    #[must_use]
    pub fn types(&self) -> &'types Types {
        self.types
    }

    /// Bits of a type that nothing ever uses.
    pub fn deep_bits(&mut self, id: TypeId) -> u64 {
        self.deep.bits(id)
    }

    /// Whether somebody wrote the type in the source of the program: not its compiler, and not a library of
    /// the system.
    #[must_use]
    pub fn is_own(&self, id: TypeId) -> bool {
        let found = self.types.get(id);
        let is_generated = found.record().is_none_or(|record| record.is_generated);
        let is_future = found.record().is_some_and(|record| record.kind == RecordKind::Future);
        (!is_generated || is_future) && !verdict::is_foreign(self.types, found)
    }

    /// The allocator that serves objects of a type.
    #[must_use]
    pub fn allocator(&self, id: TypeId) -> Allocator {
        self.allocator.unwrap_or(match self.types.get(id).language {
            Language::Go => Allocator::Go,
            _ => Allocator::Spandrel,
        })
    }

    /// What `bytes` for an object of a type, or for several side by side, take on the heap.
    #[must_use]
    pub fn heap_bytes(&self, id: TypeId, bytes: u64) -> u64 {
        self.allocator(id).cost(self.object(id, bytes))
    }

    /// An object of a type, with another size.
    fn object(&self, id: TypeId, bytes: u64) -> Object {
        let found = self.types.get(id);
        Object {
            bytes,
            align: found.align.bytes(),
            has_pointers: lines::has_pointers(self.types, id),
            language: found.language,
            pointer_bytes: self.types.pointer_bytes(),
        }
    }

    /// What an object of a type costs.
    #[must_use]
    pub fn cost(&self, id: TypeId, bytes_best: u64) -> Cost {
        let bytes = self.types.get(id).bytes.unwrap_or(0);
        let (object, allocator) = (self.object(id, bytes), self.allocator(id));
        let cost = |bytes| allocator.cost(Object { bytes, ..object });
        let next_cheaper = if bytes == 0 { 0 } else { allocator.next_cheaper(object) };
        Cost {
            bytes,
            heap_bytes: cost(bytes),
            heap_bytes_best: cost(bytes_best),
            head_room: if bytes == 0 { 0 } else { allocator.head_room(object) },
            next_cheaper,
            next_cheaper_heap_bytes: cost(next_cheaper),
        }
    }

    /// All about a record.
    ///
    /// # Panics
    /// The type is no record.
    pub fn analyze(&mut self, id: TypeId) -> Analysis {
        let found = self.types.get(id);
        let record = found.record().expect("only records are analyzed");
        let best = Reorder::of(self.types, id);
        let is_better = best.as_ref().is_ok_and(is_better);
        let verdict = is_better.then(|| self.neighbours.verdict(self.types, id, &self.sources));
        let bytes_best = best.as_ref().map_or(found.bytes.unwrap_or(0), |best| best.bytes_best);
        let mut analysis = Analysis {
            id,
            gaps: Gaps::of(found, record),
            deep_bits: self.deep.bits(id),
            best,
            verdict,
            cost: self.cost(id, bytes_best),
            findings: Vec::new(),
        };
        if found.bytes.is_some_and(|bytes| bytes > 0) {
            analysis.findings = self.findings(found, record, &analysis);
        }
        analysis
    }

    fn findings(&self, found: &Type, record: &Record, analysis: &Analysis) -> Vec<Finding> {
        let mut findings = Vec::new();
        order(analysis, &mut findings);
        size_class(analysis, self.allocator(analysis.id), &mut findings);
        padding(record, analysis, &mut findings);
        self.enums(found, record, analysis, &mut findings);
        self.optionals(record, analysis, &mut findings);
        self.cache_lines(record, analysis, &mut findings);
        let key = |finding: &Finding| {
            (std::cmp::Reverse(finding.saved_bytes), std::cmp::Reverse(finding.level), finding.kind)
        };
        findings.sort_by_key(key);
        findings
    }
}

/// Whether an order changes anything for the better.
fn is_better(best: &Reorder) -> bool {
    best.saved_bytes() > 0 || best.pointer_bytes_best < best.pointer_bytes_now
}

fn plural(count: u64, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

fn order(analysis: &Analysis, findings: &mut Vec<Finding>) {
    let (Ok(best), cost) = (&analysis.best, &analysis.cost) else { return };
    let saved_bytes = cost.heap_bytes - cost.heap_bytes_best.min(cost.heap_bytes);
    let mut push = |kind, level, saved_bytes, message| {
        findings.push(Finding { kind, level, saved_bytes, member: None, message });
    };
    if best.saved_bytes() > 0 {
        let sizes = format!("{} bytes, {} in the best order", best.bytes_now, best.bytes_best);
        if saved_bytes > 0 {
            let classes = format!(
                "each object on the heap saves {saved_bytes} (class {} to {})",
                cost.heap_bytes, cost.heap_bytes_best
            );
            push(FindingKind::Reorder, Level::Warning, saved_bytes, format!("{sizes}: {classes}"));
        } else {
            let classes = format!(
                "both take {} on the heap, so only arrays and members of other types gain",
                cost.heap_bytes
            );
            push(FindingKind::Reorder, Level::Note, 0, format!("{sizes}: {classes}"));
        }
        let (now, then) = (lines::lines(best.bytes_now), lines::lines(best.bytes_best));
        if then < now {
            let message = format!("{now} cache lines, {then} in the best order");
            push(FindingKind::MoreLines, Level::Note, 0, message);
        }
    }
    if best.pointer_bytes_best < best.pointer_bytes_now {
        let message = format!(
            "the collector scans {} bytes of each object, {} in the best order",
            best.pointer_bytes_now, best.pointer_bytes_best
        );
        push(FindingKind::PointerBytes, Level::Note, 0, message);
    }
}

/// A size just above a class: at most an eighth of it has to go, and the heap saves twice as much.
fn size_class(analysis: &Analysis, allocator: Allocator, findings: &mut Vec<Finding>) {
    let cost = &analysis.cost;
    let over = cost.bytes - cost.next_cheaper;
    let is_reached = analysis.best.as_ref().is_ok_and(|best| best.bytes_best <= cost.next_cheaper);
    if cost.next_cheaper == 0 || is_reached || over > (cost.bytes / 8).max(1) {
        return;
    }
    let saved_bytes = cost.heap_bytes - cost.next_cheaper_heap_bytes;
    if saved_bytes < 2 * over {
        return;
    }
    let message = format!(
        "{}: {}-byte class of {allocator}, {} over {}; drop {} and each object saves {saved_bytes}",
        plural(cost.bytes, "byte"),
        cost.heap_bytes,
        if over == 1 { "one byte".to_string() } else { plural(over, "byte") },
        cost.next_cheaper,
        plural(over, "byte"),
    );
    let (kind, level) = (FindingKind::SizeClass, Level::Warning);
    findings.push(Finding { kind, level, saved_bytes, member: None, message });
}

fn padding(record: &Record, analysis: &Analysis, findings: &mut Vec<Finding>) {
    let mut note = |kind, message| {
        findings.push(Finding { kind, level: Level::Note, saved_bytes: 0, member: None, message });
    };
    let own = analysis.gaps.bits();
    let is_plain = record.kind != RecordKind::Variant && record.variants.is_none();
    if own >= 8 && is_plain {
        let holes = analysis.gaps.hole_bytes();
        let padding = analysis.gaps.padding_bytes();
        let message =
            format!("{} of holes and {} of padding", plural(holes, "byte"), plural(padding, "byte"));
        note(FindingKind::Padding, message);
    }
    let inner = analysis.deep_bits.saturating_sub(own) / 8;
    if inner > 0 && is_plain {
        note(FindingKind::DeepPadding, format!("{} of padding inside of members", plural(inner, "byte")));
    }
}

impl Analyzer<'_> {
    fn enums(&self, found: &Type, record: &Record, analysis: &Analysis, findings: &mut Vec<Finding>) {
        let Some(variants) = &record.variants else { return };
        if record.kind == RecordKind::Future {
            return self.future(found, variants, findings);
        }
        self.missed_niche(found, variants, analysis, findings);
        let needs = variants::needs(self.types, found, variants);
        if needs.len() < 2 {
            return;
        }
        let Some(largest) = needs.iter().max_by_key(|need| need.end_bytes) else { return };
        let saved = analysis.cost.bytes - largest.bytes_if_boxed;
        if saved < LARGE_VARIANT_BYTES || saved * 3 < analysis.cost.bytes {
            return;
        }
        let boxed = self.heap_bytes(analysis.id, largest.bytes_if_boxed);
        let saved_bytes = analysis.cost.heap_bytes - boxed.min(analysis.cost.heap_bytes);
        let message = format!(
            "variant `{}` needs {} of {} bytes; with its fields in a box the enum would have about {}",
            variants.variants[largest.index].name,
            largest.used_bytes,
            analysis.cost.bytes,
            largest.bytes_if_boxed,
        );
        let (kind, level) = (FindingKind::LargeVariant, Level::Warning);
        findings.push(Finding { kind, level, saved_bytes, member: None, message });
    }

    fn missed_niche(
        &self,
        found: &Type,
        variants: &crate::model::Variants,
        analysis: &Analysis,
        findings: &mut Vec<Finding>,
    ) {
        let Some(bytes) = variants::bytes_in_niche(self.types, found, variants) else { return };
        let heap = self.heap_bytes(analysis.id, bytes);
        let saved_bytes = analysis.cost.heap_bytes - heap.min(analysis.cost.heap_bytes);
        let message = format!(
            "the discriminant takes bytes of its own, though a field has values to spare for it: without \
             repr(C) or repr of an integer the enum would have {bytes} bytes instead of {}",
            analysis.cost.bytes
        );
        let level = if saved_bytes > 0 { Level::Warning } else { Level::Note };
        findings.push(Finding { kind: FindingKind::MissedNiche, level, saved_bytes, member: None, message });
    }

    fn future(&self, found: &Type, variants: &crate::model::Variants, findings: &mut Vec<Finding>) {
        let states = variants::states(self.types, variants);
        let mut push = |kind, level, message| {
            findings.push(Finding { kind, level, saved_bytes: 0, member: None, message });
        };
        let bytes = found.bytes.unwrap_or(0);
        if let Some(largest) = states.iter().max_by_key(|state| state.live_bytes)
            && bytes >= LARGE_FUTURE_BYTES
        {
            let variant = &variants.variants[largest.index];
            let kept = largest.kept.first().and_then(|&kept| {
                let body = self.types.get(variant.body).record()?;
                Some(format!(", of which `{}` {}", body.members[kept].name, body.members[kept].bits? / 8))
            });
            let message = format!(
                "{bytes} bytes: `{}` keeps {} across its await{}",
                variant.name,
                largest.live_bytes,
                kept.unwrap_or_default()
            );
            push(FindingKind::LargeFuture, Level::Warning, message);
        }
        let twice = states.iter().filter_map(|state| {
            let variant = &variants.variants[state.index];
            let body = self.types.get(variant.body).record()?;
            let largest =
                state.twice.iter().map(|&member| &body.members[member]).max_by_key(|member| member.bits)?;
            Some((largest.bits? / 8, largest.name.clone(), variant.name.clone()))
        });
        if let Some((bytes, name, state)) = twice.max() {
            let message = format!("`{state}` keeps `{name}` twice, {bytes} bytes each");
            push(FindingKind::KeptTwice, Level::Note, message);
        }
    }

    /// Optional values whose discriminants and padding a bitmap would replace.
    fn optionals(&self, record: &Record, analysis: &Analysis, findings: &mut Vec<Finding>) {
        let prices: Vec<(u64, TypeId)> = record
            .members
            .iter()
            .filter_map(|member| variants::option_price(self.types, member.type_id))
            .filter(|(price, _)| *price > 0)
            .collect();
        let spent: u64 = prices.iter().map(|(price, _)| price).sum();
        let bitmap = (prices.len() as u64).div_ceil(8);
        if prices.len() < 2 || spent < bitmap + 8 {
            return;
        }
        let align = self.types.get(analysis.id).align.bytes().max(1);
        let bytes = (analysis.cost.bytes - spent.min(analysis.cost.bytes) + bitmap).next_multiple_of(align);
        if bytes >= analysis.cost.bytes {
            return;
        }
        let heap = self.heap_bytes(analysis.id, bytes);
        let message = format!(
            "{} optional members spend {spent} bytes to tell whether they are there; a bitmap beside plain \
             values would make it about {bytes} bytes instead of {}",
            prices.len(),
            analysis.cost.bytes
        );
        let saved_bytes = analysis.cost.heap_bytes - heap.min(analysis.cost.heap_bytes);
        let level = if saved_bytes > 0 { Level::Warning } else { Level::Note };
        findings.push(Finding { kind: FindingKind::Optionals, level, saved_bytes, member: None, message });
    }

    fn cache_lines(&self, record: &Record, analysis: &Analysis, findings: &mut Vec<Finding>) {
        let name = |index: usize| format!("`{}`", record.members[index].name);
        for shared in lines::shared_lines(self.types, record) {
            let names: Vec<String> = shared.members.iter().map(|&index| name(index)).collect();
            let message = format!(
                "{} lie on one cache line: threads that write one of them wait for each other",
                names.join(", ")
            );
            findings.push(Finding {
                kind: FindingKind::SharedLine,
                level: Level::Warning,
                saved_bytes: 0,
                member: shared.members.last().copied(),
                message,
            });
        }
        if analysis.cost.bytes <= LINE_BYTES || record.kind == RecordKind::Union {
            return;
        }
        for member in lines::straddles(self.types, record) {
            let start = member.offset_bits.unwrap_or(0) / 8;
            let line = start / LINE_BYTES + 1;
            let message =
                format!("`{}` at {start} straddles cache lines {} and {}", member.name, line - 1, line);
            let index = record.members.iter().position(|other| std::ptr::eq(other, member));
            let (kind, level) = (FindingKind::Straddle, Level::Note);
            findings.push(Finding { kind, level, saved_bytes: 0, member: index, message });
        }
    }
}
