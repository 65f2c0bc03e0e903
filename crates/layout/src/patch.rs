//! Another order of members, as a change of the source.
//!
//! The text of a declaration is not parsed. Its lines are cut into one block for each member: the line that
//! declares it and the comments and attributes above. The blocks are put together in the new order, and
//! nothing inside of them changes. That is right as long as each member stands on a line of its own and
//! nothing but comments stands between them; where it does not, there is no patch but a reason.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use similar::TextDiff;

use crate::model::{Language, Record, Type, TypeId};
use crate::reorder::Reorder;
use crate::source::{Declaration, Sources, code_of};
use crate::types::Types;

/// A change of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// The file.
    pub path: PathBuf,
    /// Its text now.
    pub old: String,
    /// Its text with the members in the best order.
    pub new: String,
}

/// Why there is no patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPatch {
    /// The order is best as it is.
    Best,
    /// The source is not at hand.
    NoSource,
    /// A member is not where debug information or its name says, so the source is another one by now.
    Changed,
    /// Members share a line, or one takes several.
    Lines,
    /// Something else than comments stands between members.
    Between,
}

impl fmt::Display for NoPatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Best => "no order is better",
            Self::NoSource => "the source is not at hand",
            Self::Changed => "the source is not that of the program",
            Self::Lines => "not every member has a line of its own",
            Self::Between => "something else than comments stands between members",
        })
    }
}

/// The change of the source that gives a type its best order.
///
/// # Errors
/// There is none, or none that would surely be right.
pub fn patch(types: &Types, id: TypeId, best: &Reorder, sources: &Sources) -> Result<Patch, NoPatch> {
    if best.order.iter().copied().eq(0..best.order.len()) {
        return Err(NoPatch::Best);
    }
    let found = types.get(id);
    let record = found.record().ok_or(NoPatch::Best)?;
    let declaration = sources.declaration(types, found).ok_or(NoPatch::NoSource)?;
    let blocks = blocks(found, record, &declaration)?;
    let lines = &declaration.file.lines;
    let (first, last) = (blocks[0].start, blocks[blocks.len() - 1].end);
    let mut new: Vec<String> = lines[..first].to_vec();
    for &member in &best.order {
        let block = &lines[blocks[member].clone()];
        new.extend(block.iter().cloned());
        if found.language == Language::Rust {
            close_field(new.last_mut().expect("a block has a line"));
        }
    }
    new.extend_from_slice(&lines[last..]);
    let whole = |lines: &[String]| lines.iter().map(|line| format!("{line}\n")).collect();
    Ok(Patch { path: declaration.file.path.clone(), old: whole(lines), new: whole(&new) })
}

impl Patch {
    /// The change in unified form, for `patch -p1` in `folder`.
    #[must_use]
    pub fn unified(&self, folder: &Path) -> String {
        let path = self.path.strip_prefix(folder).unwrap_or(&self.path);
        let path = path.to_string_lossy();
        let path = path.trim_start_matches('/');
        let diff = TextDiff::from_lines(&self.old, &self.new);
        diff.unified_diff().context_radius(3).header(&format!("a/{path}"), &format!("b/{path}")).to_string()
    }
}

/// The last field of a Rust struct may have no comma behind it; now it needs one.
fn close_field(line: &mut String) {
    let code = code_of(line).trim_end().len();
    if !line[..code].ends_with(',') {
        line.insert(code, ',');
    }
}

/// The lines of each member, in the order of the source; they follow each other without a gap.
fn blocks(found: &Type, record: &Record, declaration: &Declaration) -> Result<Vec<Range<usize>>, NoPatch> {
    let lines = &declaration.file.lines;
    if declaration.name_line == declaration.end_line {
        return Err(NoPatch::Lines);
    }
    let opened =
        (declaration.name_line..=declaration.end_line).find(|&line| code_of(&lines[line]).contains('{'));
    let mut next = opened.ok_or(NoPatch::Lines)? + 1;
    let mut blocks = Vec::new();
    for (index, member) in record.members.iter().enumerate() {
        let line = match found.language {
            Language::Rust | Language::Go => {
                let is_field = |line: &usize| names_field(&lines[*line], &member.name, found.language);
                (next..declaration.end_line).find(is_field).ok_or(NoPatch::Changed)?
            }
            _ => usize::try_from(member.line).unwrap_or(0).checked_sub(1).ok_or(NoPatch::Changed)?,
        };
        if line < next || line >= declaration.end_line {
            return Err(if index == 0 { NoPatch::Changed } else { NoPatch::Lines });
        }
        if !are_comments(&lines[next..line], found.language) {
            return Err(NoPatch::Between);
        }
        check_line(&lines[line], &member.name, found.language)?;
        blocks.push(next..line + 1);
        next = line + 1;
    }
    if blocks.is_empty() || !are_comments(&lines[next..declaration.end_line], found.language) {
        return Err(NoPatch::Between);
    }
    Ok(blocks)
}

/// Whether lines have no code: they may move with the member below.
fn are_comments(lines: &[String], language: Language) -> bool {
    let mut is_inside = false;
    lines.iter().all(|line| {
        let mut rest = line.trim();
        loop {
            if is_inside {
                let Some((_, behind)) = rest.split_once("*/") else { return true };
                (rest, is_inside) = (behind.trim_start(), false);
            }
            match rest.strip_prefix("/*") {
                Some(inner) => (rest, is_inside) = (inner, true),
                None => break,
            }
        }
        let is_attribute = language == Language::Rust && rest.starts_with("#[") && rest.ends_with(']');
        rest.is_empty() || rest.starts_with("//") || is_attribute
    })
}

fn names_field(line: &str, name: &str, language: Language) -> bool {
    let text = line.trim_start();
    if language == Language::Go {
        let first = text.split_whitespace().next().unwrap_or("");
        return first == name || first.trim_start_matches('*').rsplit('.').next() == Some(name);
    }
    let text = text.strip_prefix("pub").map_or(text, |rest| match rest.trim_start().strip_prefix('(') {
        Some(rest) => rest.split_once(')').map_or(rest, |(_, rest)| rest),
        None => rest,
    });
    let rest = text.trim_start().trim_start_matches("r#").strip_prefix(name);
    rest.is_some_and(|rest| rest.trim_start().starts_with(':') && !rest.trim_start().starts_with("::"))
}

/// Whether a line declares exactly one member, and all of it.
fn check_line(line: &str, name: &str, language: Language) -> Result<(), NoPatch> {
    let code = code_of(line).trim();
    let count = |c: char| code.chars().filter(|&other| other == c).count();
    let is_whole = match language {
        Language::Go => count('{') == count('}') && !code.contains(';'),
        Language::Rust => {
            let is_balanced = |open, close| count(open) == count(close);
            is_balanced('(', ')') && is_balanced('[', ']') && is_balanced('{', '}') && !has_second_field(code)
        }
        _ => code.ends_with(';') && count(';') == 1 && count('{') == 0 && count('}') == 0,
    };
    let is_list = match language {
        // `a, b int` declares two.
        Language::Go => code.split_whitespace().next().is_some_and(|first| first.ends_with(',')),
        Language::Rust => false,
        _ => has_list(code),
    };
    let is_there = name.is_empty() || code.contains(name);
    match (is_there, is_whole && !is_list) {
        (false, _) => Err(NoPatch::Changed),
        (true, false) => Err(NoPatch::Lines),
        (true, true) => Ok(()),
    }
}

/// `int a, b;` declares two; commas in parentheses and angle brackets separate arguments.
fn has_list(code: &str) -> bool {
    let mut depth = 0_i32;
    code.chars().any(|c| {
        match c {
            '(' | '<' | '[' => depth += 1,
            ')' | '>' | ']' => depth -= 1,
            _ => {}
        }
        c == ',' && depth <= 0
    })
}

/// Whether more than a comma follows the type of the first field in the line.
fn has_second_field(code: &str) -> bool {
    let mut depth = 0_i32;
    let mut chars = code.char_indices();
    let end = chars.find(|(_, c)| {
        match c {
            '(' | '<' | '[' | '{' => depth += 1,
            ')' | '>' | ']' | '}' => depth -= 1,
            _ => {}
        }
        *c == ',' && depth <= 0
    });
    end.is_some_and(|(at, _)| !code[at + 1..].trim().is_empty())
}
