//! Which type was allocated: told by the source of the library that allocated it.
//!
//! No allocator learns a type. But the frames between the allocator and the program's own code do: `Box::new`
//! was compiled for `Node`, `Vec::push` for `Order`, and where such a function was inlined into the program's
//! code, which it nearly always is, the DWARF keeps its name *with* the type parameters, even in the smallest
//! debug information (`debug = "line-tables-only"`).
//!
//! A stack is read from the allocation outwards:
//!
//! 1. Frames of the allocator itself say nothing and are skipped.
//! 2. The first frame of a container that tells a type gives the *element*, what the memory consists of.
//! 3. Frames further out that agree with the element give the *container*, what people call it:
//!    `RawVec<u8>`, then `Vec<u8>`, then `String`. A frame that disagrees ends this: `Vec<String>::clone`
//!    allocates the bytes of a string inside of `String::clone`, and these are no vector of strings.
//! 4. The first frame of the program's own ends it as well.
//!
//! Functions of C's library that allocate on their own account are known by name (`c_library.rs`).
//!
//! A function of which the linker kept one copy for several types tells nothing (`Location::is_folded`),
//! unless a frame further out agrees. Nor does one of which the compiler did, but of that nothing is left to
//! see: what a `Vec<Cell>` calls may be `RawVec<Order>::grow_one`, if a cell has the size of an order. So
//! where a container calls a part of itself that tells of other elements than it does, it is right itself.
//!
//! A type whose size divides the size of the object is *exact*; of unknown size, it is *inferred*; where only
//! folded code tells of a type, or the size contradicts, it is *ambiguous*.

mod c_library;
mod claim;
mod containers;
mod cpp;
pub(crate) mod generics;
mod go;

use std::collections::HashMap;

use claim::{Claim, Form};
pub use containers::Container;
use containers::{claim, is_allocator, is_library, is_part};
pub use go::attribute_go_types;

use crate::groups::{TYPE_CONFIDENCE_LABEL, TYPE_LABEL};
use crate::model::{FunctionId, Label, Location, LocationId, Profile, Sample};
use crate::symbols::{FunctionFacts, Symbols};
use crate::waste::{BYTES_LABEL, TYPE_BYTES_LABEL};

/// A type that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    claim: Claim,
    /// Whether nothing but folded code tells of it.
    is_folded: bool,
}

/// Labels each sample with the type of its objects, as far as it is told: `type`, `type_confidence`, and
/// `type_bytes` with the size of an element. `containers` are those of the program's own, beyond the usual
/// ones.
///
/// Samples that have a type keep it.
pub fn attribute_types(profile: &mut Profile, symbols: &Symbols, containers: &[Container]) {
    let mut by_stack: HashMap<Vec<LocationId>, Option<Found>> = HashMap::new();
    let mut samples = std::mem::take(&mut profile.samples);
    for sample in samples.iter_mut().filter(|sample| sample.text(TYPE_LABEL).is_none()) {
        let found = by_stack
            .entry(sample.stack.clone())
            .or_insert_with(|| find(profile, symbols, containers, &sample.stack));
        if let Some(found) = found {
            label(sample, found);
        }
    }
    profile.samples = samples;
}

/// One frame, as far as types go.
struct Frame<'a> {
    facts: Option<&'a FunctionFacts>,
    name: &'a str,
    file: &'a str,
    /// Whether it is the copy of a function that several types share, or a part of one.
    is_folded: bool,
}

fn find(
    profile: &Profile,
    symbols: &Symbols,
    containers: &[Container],
    stack: &[LocationId],
) -> Option<Found> {
    let all = stack.iter().flat_map(|&id| frames(profile, symbols, profile.location(id)));
    let frames: Vec<Frame<'_>> = all.collect();
    let frames = &frames[allocator_frames(&frames)..];
    if let Some(known) = frames.first().and_then(|frame| c_library::told(frame.name)) {
        return Some(Found { claim: Claim::new(known, Form::Bytes, "", None), is_folded: false });
    }
    let mut found: Option<Found> = None;
    for (at, frame) in frames.iter().enumerate() {
        if !is_library(frame.name, frame.file, containers) {
            break;
        }
        if let Some(inner) = found.as_mut().filter(|it| it.claim.cpp_element().is_some()) {
            inner.join_cpp(&frames[at - 1], frame);
            continue;
        }
        let told = frame.facts.and_then(|facts| claim(facts, frame.file, containers));
        let told_by_cpp = || cpp::element(frame.name).map(|element| cpp_claim(frame.name, &element));
        let Some(claim) = told.or_else(told_by_cpp) else { continue };
        let Some(inner) = &found else {
            found = Some(Found { claim, is_folded: frame.is_folded });
            continue;
        };
        let is_part = frames[at - 1].is_part_of(frame);
        let Some(joined) = inner.joined(claim, frame.is_folded, is_part) else { break };
        found = Some(joined);
    }
    found
}

impl Frame<'_> {
    /// Whether this is a function that a container, which calls it, has for its own elements.
    fn is_part_of(&self, container: &Self) -> bool {
        let bare_name = self.facts.map_or("", |facts| &facts.bare_name);
        is_part(bare_name, self.file, container.file)
    }
}

impl Found {
    /// With what a frame further out tells; nothing if they do not agree. What is told further in may be told
    /// by a copy that was compiled for other elements: a part of a container has the container's.
    fn joined(&self, outer: Claim, is_outer_folded: bool, is_part: bool) -> Option<Self> {
        if outer.holds(&self.claim) {
            let is_folded = self.is_folded && is_outer_folded;
            return Some(Self { claim: outer.around(&self.claim), is_folded });
        }
        let inner = self.claim.of_elements(&outer);
        let may_be_copy = is_part || self.is_folded;
        let is_folded = !is_part || is_outer_folded;
        (may_be_copy && outer.holds(&inner)).then(|| Self { claim: outer.around(&inner), is_folded })
    }

    /// The same of C++: a frame further out may name a container of the element, or know it better than
    /// the frame before, which it called.
    fn join_cpp(&mut self, before: &Frame<'_>, frame: &Frame<'_>) {
        let Some(element) = self.claim.cpp_element() else { return };
        if let Some(container) = cpp::container(frame.name, element) {
            self.claim.rename(container);
            self.is_folded &= frame.is_folded;
        } else if let Some(element) = cpp::asked_for(before.name, frame.name, element) {
            *self = Self { claim: cpp_claim(frame.name, &element), is_folded: frame.is_folded };
        }
    }
}

fn cpp_claim(name: &str, element: &str) -> Claim {
    Claim::of_cpp(element, cpp::container(name, element))
}

/// How many frames at the leaf belong to the allocator: its own functions, and what they call.
fn allocator_frames(frames: &[Frame<'_>]) -> usize {
    let is_allocator = |frame: &Frame<'_>| is_allocator(frame.name, frame.file);
    let Some(first) = frames.iter().position(is_allocator) else { return 0 };
    first + frames[first..].iter().take_while(|frame| is_allocator(frame)).count()
}

fn frames<'a>(
    profile: &'a Profile,
    symbols: &'a Symbols,
    location: &'a Location,
) -> impl Iterator<Item = Frame<'a>> {
    location.lines.iter().map(move |line| {
        let function = profile.function(line.function);
        Frame {
            facts: facts(symbols, line.function),
            name: &function.name,
            file: &function.file,
            is_folded: location.is_folded,
        }
    })
}

fn facts(symbols: &Symbols, function: FunctionId) -> Option<&FunctionFacts> {
    symbols.functions.get(&function)
}

fn label(sample: &mut Sample, found: &Found) {
    let object_bytes = sample.number(BYTES_LABEL).and_then(|it| u64::try_from(it).ok());
    let fits = object_bytes.and_then(|bytes| found.claim.fits(bytes));
    let confidence = match (found.is_folded, fits) {
        (false, Some(true)) => "exact",
        (false, None) => "inferred",
        (true, _) | (false, Some(false)) => "ambiguous",
    };
    sample.labels.push(Label::text(TYPE_LABEL, &found.claim.name()));
    sample.labels.push(Label::text(TYPE_CONFIDENCE_LABEL, confidence));
    let element_bytes = found.claim.element_bytes.and_then(|it| i64::try_from(it).ok());
    sample.labels.extend(element_bytes.map(|it| Label::number(TYPE_BYTES_LABEL, it, "bytes")));
}

#[cfg(test)]
mod tests {
    use super::{Container, attribute_types};
    use crate::builder::Builder;
    use crate::model::{Function, Line, Location, ValueType};
    use crate::symbols::{FunctionFacts, Symbols, TypeParameter};

    /// A stack of functions and their sources, the leaf first; each has the type parameter `Order` of 48
    /// bytes.
    fn confidence_and_type(
        frames: &[(&str, &str)],
        is_folded: bool,
        containers: &[Container],
    ) -> Option<(String, String)> {
        let called: Vec<_> = frames.iter().map(|&(name, file)| vec![(name, file, "Order")]).collect();
        told_by_calls(&called, is_folded, containers)
    }

    /// The same of functions with those that were inlined into them, which come first, and with the type
    /// parameter of each.
    fn told_by_calls(
        calls: &[Vec<(&str, &str, &str)>],
        is_folded: bool,
        containers: &[Container],
    ) -> Option<(String, String)> {
        let mut builder = Builder::new(&[ValueType::new("inuse_space", "bytes")]);
        let mut symbols = Symbols::default();
        let mut stack = Vec::new();
        for frames in calls {
            let mut lines = Vec::new();
            for &(name, file, parameter) in frames {
                let function = Function { name: name.into(), file: file.into(), ..Function::default() };
                let function = builder.function(function);
                let parameters = vec![TypeParameter { type_name: parameter.to_string(), bytes: Some(48) }];
                symbols.functions.insert(function, FunctionFacts { bare_name: name.to_string(), parameters });
                lines.push(Line { function, line: 1, column: 0 });
            }
            stack.push(builder.location(Location { lines, is_folded, ..Location::default() }));
        }
        builder.sample(stack, vec![crate::model::Label::number("bytes", 96, "bytes")], &[96]);
        let mut profile = builder.finish();
        attribute_types(&mut profile, &symbols, containers);
        let sample = &profile.samples[0];
        let text = |key: &str| sample.text(key).map(|it| it.to_string());
        Some((text("type_confidence")?, text("type")?))
    }

    fn told(confidence: &str, name: &str) -> Option<(String, String)> {
        Some((confidence.to_string(), name.to_string()))
    }

    const PUSH: (&str, &str) = ("push", "/rustc/1/library/alloc/src/vec/mod.rs");
    const MALLOC: (&str, &str) = ("malloc", "");

    #[test]
    fn allocators_are_skipped_and_the_programs_own_code_ends_it() {
        let main = ("main", "/home/me/main.rs");
        assert_eq!(confidence_and_type(&[MALLOC, PUSH, main], false, &[]), told("exact", "Vec<Order>"));
        assert_eq!(confidence_and_type(&[MALLOC, main, PUSH], false, &[]), None);
    }

    #[test]
    fn what_the_c_library_allocates_is_known_by_its_functions() {
        let opendir = ("__alloc_dir", "./dirent/../sysdeps/unix/sysv/linux/opendir.c");
        let main = ("main", "/home/me/main.rs");
        assert_eq!(confidence_and_type(&[MALLOC, opendir, main], false, &[]), told("inferred", "DIR"));
        assert_eq!(confidence_and_type(&[opendir, PUSH], false, &[]), told("inferred", "DIR"));
    }

    #[test]
    fn folded_code_tells_no_more_than_a_possibility() {
        assert_eq!(confidence_and_type(&[MALLOC, PUSH], true, &[]), told("ambiguous", "Vec<Order>"));
    }

    /// The compiler keeps one copy of functions whose code is the same, and the debug information of that.
    #[test]
    fn a_copy_for_another_type_is_overruled_by_the_container_that_calls_it() {
        let grow = ("grow_one", "/rustc/1/library/alloc/src/raw_vec/mod.rs", "Order");
        let push = ("push", "/rustc/1/library/alloc/src/vec/mod.rs", "Cell");
        let main = ("main", "/home/me/main.rs", "");
        let calls = [vec![grow], vec![push, main]];
        assert_eq!(told_by_calls(&calls, false, &[]), told("exact", "Vec<Cell>"));
        // It may have been merged before it was inlined.
        assert_eq!(told_by_calls(&[vec![grow, push, main]], false, &[]), told("exact", "Vec<Cell>"));
        // Elements may allocate on their own account.
        let clone = ("clone", "/rustc/1/library/alloc/src/vec/mod.rs", "Order");
        let calls = [vec![grow, clone], vec![push, main]];
        assert_eq!(told_by_calls(&calls, false, &[]), told("exact", "Vec<Order>"));
    }

    #[test]
    fn containers_of_the_programs_own_are_known_by_their_source() {
        let arena = ("alloc", "/home/me/my_pool/src/arena.rs");
        assert_eq!(confidence_and_type(&[MALLOC, arena], false, &[]), None);
        let known = Container { name: "Arena".to_string(), file: "/my_pool/src/arena.rs".to_string() };
        assert_eq!(confidence_and_type(&[MALLOC, arena], false, &[known]), told("exact", "Arena<Order>"));
    }
}
