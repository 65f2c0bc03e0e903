//! Flame graphs as SVG: the width of a function is what it and all that it called allocated.

use std::collections::BTreeMap;
use std::io::{self, Write};

use inferno::flamegraph::{self, Options};
use spandrel_profile::{Location, Profile, Sample};

/// Draws one sample type of a profile.
///
/// # Errors
/// `out` can't be written.
pub fn flame_graph(profile: &Profile, sample_index: usize, out: impl Write) -> io::Result<()> {
    let stacks = fold(profile, |sample| (sample.values[sample_index], 0));
    let lines = stacks.iter().map(|(stack, &(value, _))| format!("{stack} {}", value.max(0)));
    draw(profile, sample_index, "", &lines.collect::<Vec<_>>(), out)
}

/// Draws what `after` allocated, coloured by what that is more (red) or less (blue) than `before`.
///
/// # Errors
/// `out` can't be written.
pub fn flame_graph_of_change(
    before: &Profile,
    after: &Profile,
    sample_index: usize,
    out: impl Write,
) -> io::Result<()> {
    let mut stacks = fold(before, |sample| (sample.values[sample_index], 0));
    for (stack, (_, value)) in fold(after, |sample| (0, sample.values[sample_index])) {
        stacks.entry(stack).or_default().1 = value;
    }
    let line = |(stack, (before, after)): (&String, &(i64, i64))| {
        format!("{stack} {} {}", (*before).max(0), (*after).max(0))
    };
    draw(after, sample_index, ": what changed", &stacks.iter().map(line).collect::<Vec<_>>(), out)
}

fn draw(
    profile: &Profile,
    sample_index: usize,
    what: &str,
    lines: &[String],
    out: impl Write,
) -> io::Result<()> {
    let sample_type = &profile.sample_types[sample_index];
    let mut options = Options::default();
    options.title = format!("{}{what}", sample_type.kind);
    options.count_name = sample_type.unit.to_string();
    options.deterministic = true;
    let has_any = lines.iter().any(|line| !line.ends_with(" 0"));
    // Without any stack the library writes an image of its complaint, and fails.
    let nothing = ["nothing 1".to_string()];
    let lines = if has_any { lines } else { &nothing };
    flamegraph::from_lines(&mut options, lines.iter().map(String::as_str), out).map_err(io::Error::other)
}

/// The values of each stack, which is written as `root;caller;callee`.
fn fold(profile: &Profile, values: impl Fn(&Sample) -> (i64, i64)) -> BTreeMap<String, (i64, i64)> {
    let frames: Vec<String> = profile.locations.iter().map(|it| frame(profile, it)).collect();
    let mut stacks: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for sample in &profile.samples {
        let stack: Vec<&str> = sample.stack.iter().rev().map(|id| frames[id.index()].as_str()).collect();
        let stack = if stack.is_empty() { "[no stack]".to_string() } else { stack.join(";") };
        let (first, second) = values(sample);
        let sums = stacks.entry(stack).or_default();
        *sums = (sums.0.saturating_add(first), sums.1.saturating_add(second));
    }
    stacks
}

/// The functions of a location, the caller first.
fn frame(profile: &Profile, location: &Location) -> String {
    if location.lines.is_empty() {
        let file = location.mapping.map_or("", |id| &*profile.mapping(id).file);
        let object = file.rsplit('/').next().unwrap_or_default();
        return plain(&format!("[{object}]"));
    }
    let names = location.lines.iter().rev().map(|line| plain(&profile.function(line.function).name));
    names.collect::<Vec<_>>().join(";")
}

/// A name without what separates names and lines.
fn plain(name: &str) -> String {
    let name: String = name.chars().map(|it| if it == ';' || it.is_control() { ',' } else { it }).collect();
    if name.is_empty() { "[unknown]".to_string() } else { name }
}
