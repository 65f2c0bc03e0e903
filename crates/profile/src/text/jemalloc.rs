//! jemalloc's form: a stack, and below it a row for all threads (`t*`) and one for each of them.

use std::collections::HashMap;

use super::stacks::{Counts, Pair, Row, addresses, counts, profile};
use super::{Line, Lines, text};
use crate::limits::Limits;
use crate::model::{Label, Profile};
use crate::read::ReadError;

/// Reads a profile of this form. Samples have the number of their thread as a label.
pub(crate) fn read(bytes: &[u8], limits: &Limits) -> Result<Profile, ReadError> {
    let text = text(bytes);
    let mut lines = Lines::new(&text);
    let period = lines.next().map_or(Err(ReadError::Empty), period)?;
    let mut rows = Vec::new();
    let mut stack: Option<Stack<'_>> = None;
    for line in lines.by_ref() {
        if line.begins_map() {
            break;
        }
        if let Some(rest) = line.text.strip_prefix('@') {
            finish(stack.take(), period, &mut rows)?;
            stack = Some(Stack { line, addresses: addresses(line, rest)?, all: None, threads: Vec::new() });
        } else if let Some(row) = line.text.strip_prefix('t') {
            let (thread, rest) =
                row.split_once(':').ok_or_else(|| line.error("expected the row of a thread"))?;
            let (counts, _) = counts(line, rest)?;
            // Above the first stack stand the sums of everything.
            if let Some(stack) = &mut stack {
                match thread {
                    "*" => stack.all = Some(counts),
                    thread => stack.threads.push((thread.to_string(), counts)),
                }
            }
        } else {
            return Err(line.error("expected a stack or the row of a thread"));
        }
    }
    finish(stack, period, &mut rows)?;
    profile(rows, period, limits, lines, &HashMap::new())
}

/// Reads `heap_v2/524288`.
fn period(line: Line<'_>) -> Result<i64, ReadError> {
    let digits = line.text.strip_prefix("heap_v2/").unwrap_or_default();
    digits.parse().map_err(|_| line.error("expected `heap_v2/` and a sampling period"))
}

/// A stack and its rows.
struct Stack<'a> {
    line: Line<'a>,
    addresses: Vec<u64>,
    all: Option<Counts>,
    threads: Vec<(String, Counts)>,
}

/// Weighs the rows of a stack as a whole, as jemalloc's own tool does, and gives each thread its part.
fn finish(stack: Option<Stack<'_>>, period: i64, rows: &mut Vec<Row>) -> Result<(), ReadError> {
    let Some(stack) = stack else { return Ok(()) };
    let seen = stack.all.ok_or_else(|| stack.line.error("the stack has no row for all threads"))?;
    let object_bytes = seen.object_bytes();
    let weights = (seen.in_use.weight(period), seen.allocated.weight(period));
    let mut rest =
        Counts { in_use: seen.in_use.scaled(weights.0), allocated: seen.allocated.scaled(weights.1) };
    for (thread, counts) in &stack.threads {
        let part =
            Counts { in_use: counts.in_use.scaled(weights.0), allocated: counts.allocated.scaled(weights.1) };
        rest = Counts {
            in_use: minus(rest.in_use, part.in_use),
            allocated: minus(rest.allocated, part.allocated),
        };
        let labels = vec![Label::text("thread", thread)];
        rows.push(Row { stack: stack.addresses.clone(), counts: part, object_bytes, labels });
    }
    if rest != Counts::default() {
        // What rounding left, or all when threads have no rows.
        rows.push(Row { stack: stack.addresses, counts: rest, object_bytes, labels: Vec::new() });
    }
    Ok(())
}

fn minus(from: Pair, part: Pair) -> Pair {
    Pair { objects: from.objects.saturating_sub(part.objects), bytes: from.bytes.saturating_sub(part.bytes) }
}
