//! Cuts off the frames that a profile itself calls uninteresting: the allocator below `malloc`.

use regex::Regex;

use crate::model::{Location, LocationId, Profile};

/// Cuts each stack at the outermost function that matches [`Profile::drop_frames`] and not
/// [`Profile::keep_frames`], with all that it called. Frames above the first function of another name
/// stay, so that no stack becomes empty.
///
/// # Errors
/// One line that says which expression is none; the profile is as it was.
pub fn drop_uninteresting(profile: &mut Profile) -> Result<(), String> {
    if profile.drop_frames.is_empty() {
        return Ok(());
    }
    let whole = |text: &str| {
        Regex::new(&format!("^(?:{text})$"))
            .map_err(|_| format!("the profile's expression for frames to drop can't be used: `{text}`"))
    };
    let drop = whole(&profile.drop_frames)?;
    let keep = (!profile.keep_frames.is_empty()).then(|| whole(&profile.keep_frames)).transpose()?;
    let is_dropped = |name: &str| {
        let name = without_arguments(name);
        !name.is_empty() && drop.is_match(name) && !keep.as_ref().is_some_and(|keep| keep.is_match(name))
    };
    let dropped: Vec<bool> = profile.functions.iter().map(|function| is_dropped(&function.name)).collect();
    let cuts: Vec<Cut> = profile.locations.iter_mut().map(|location| cut(location, &dropped)).collect();
    for sample in &mut profile.samples {
        let kept_from = kept_from(&sample.stack, &cuts);
        sample.stack.drain(..kept_from);
    }
    Ok(())
}

/// The index of the innermost location of a stack that stays.
fn kept_from(stack: &[LocationId], cuts: &[Cut]) -> usize {
    let mut is_below_user = false;
    for (index, id) in stack.iter().enumerate().rev() {
        match cuts[id.index()] {
            Cut::None => is_below_user = true,
            Cut::Whole if is_below_user => return index + 1,
            Cut::Inner if is_below_user => return index,
            Cut::Whole | Cut::Inner => {}
        }
    }
    0
}

/// What is cut off a location.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    None,
    /// All of it.
    Whole,
    /// Its inner lines, and the locations below.
    Inner,
}

/// Removes the lines from the outermost dropped function inwards, unless that is all of them.
fn cut(location: &mut Location, dropped: &[bool]) -> Cut {
    match location.lines.iter().rposition(|line| dropped[line.function.index()]) {
        None => Cut::None,
        Some(outermost) if outermost + 1 == location.lines.len() => Cut::Whole,
        Some(outermost) => {
            location.lines.drain(..=outermost);
            Cut::Inner
        }
    }
}

/// `operator new(unsigned long)` without what stands in the last parentheses, and without a leading dot.
fn without_arguments(name: &str) -> &str {
    const RESERVED: [&str; 2] = ["(anonymous namespace)", "operator()"];
    let name = name.strip_prefix('.').unwrap_or(name);
    let mut at = 0;
    while at < name.len() {
        let rest = &name[at..];
        if let Some(reserved) = RESERVED.iter().find(|reserved| rest.starts_with(**reserved)) {
            at += reserved.len();
        } else if rest.starts_with('(') {
            return &name[..at];
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::{drop_uninteresting, without_arguments};
    use crate::builder::Builder;
    use crate::model::{Function, Line, Location, LocationId, Profile, ValueType};

    /// A profile of one stack; each frame is written as its lines, the innermost first.
    fn stack(frames: &[&[&str]]) -> Profile {
        let mut builder = Builder::new(&[ValueType::new("a", "b")]);
        let mut ids: Vec<LocationId> = Vec::new();
        for (address, names) in (1..).zip(frames) {
            let lines = names.iter().map(|&name| {
                let function = builder.function(Function { name: name.into(), ..Function::default() });
                Line { function, line: 0, column: 0 }
            });
            let lines = lines.collect();
            ids.push(builder.location(Location { address, lines, ..Location::default() }));
        }
        builder.sample(ids, vec![], &[1]);
        builder.header().drop_frames = "malloc|new.*".into();
        builder.header().keep_frames = "newest".into();
        builder.finish()
    }

    fn left(frames: &[&[&str]]) -> Vec<Vec<String>> {
        let mut profile = stack(frames);
        drop_uninteresting(&mut profile).expect("the expressions are fine");
        let name = |line: &Line| profile.function(line.function).name.to_string();
        let frames = profile.samples[0].stack.iter().map(|&id| profile.location(id));
        frames.map(|location| location.lines.iter().map(name).collect()).collect()
    }

    #[test]
    fn stacks_are_cut_at_the_outermost_match() {
        assert_eq!(left(&[&["inner"], &["malloc(long)"], &["user"], &["main"]]), [["user"], ["main"]]);
        assert_eq!(left(&[&["malloc"], &["new"], &["main"]]), [["main"]]);
        assert_eq!(left(&[&["newest"], &["main"]]), [["newest"], ["main"]]);
    }

    #[test]
    fn inlined_calls_are_cut_out_of_their_location() {
        assert_eq!(left(&[&["x"], &["alloc", "new", "user"], &["main"]]), [["user"], ["main"]]);
    }

    #[test]
    fn no_stack_is_left_empty() {
        assert_eq!(left(&[&["malloc"], &["new"]]), [["malloc"], ["new"]]);
    }

    #[test]
    fn arguments_go_and_reserved_names_stay() {
        assert_eq!(without_arguments(".f(int)"), "f");
        assert_eq!(without_arguments("(anonymous namespace)::f(int)"), "(anonymous namespace)::f");
        assert_eq!(without_arguments("A::operator()(int)"), "A::operator()");
    }
}
