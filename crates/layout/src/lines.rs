//! Cache lines: which members straddle a border, and which lines threads may fight over.

use crate::model::{Member, Record, Shape, Type, TypeId};
use crate::types::Types;

/// The bytes that processors move at a time, on all machines but a few.
pub const LINE_BYTES: u64 = 64;

/// How many lines an object of this size and alignment touches, when it begins where a line does.
#[must_use]
pub fn lines(bytes: u64) -> u64 {
    bytes.div_ceil(LINE_BYTES)
}

/// Members that lie on two lines and would fit one, if the object begins where a line does.
pub fn straddles<'record>(
    types: &'record Types,
    record: &'record Record,
) -> impl Iterator<Item = &'record Member> {
    record.members.iter().filter(|member| {
        let (Some(start), Some(end)) = (member.offset_bits, member.end_bits()) else { return false };
        let (start, bytes) = (start / 8, (end - start).div_ceil(8));
        let is_one_thing = matches!(types.get(member.type_id).shape, Shape::Scalar(_) | Shape::Record(_));
        bytes > 0
            && bytes <= LINE_BYTES
            && is_one_thing
            && start / LINE_BYTES != (start + bytes - 1) / LINE_BYTES
    })
}

/// Members that different threads are likely to write, on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedLine {
    /// The line, counted from the start of the object.
    pub line: u64,
    /// The members, by their indices.
    pub members: Vec<usize>,
}

/// Lines with two or more members that are atomic, or locks, or contain such.
#[must_use]
pub fn shared_lines(types: &Types, record: &Record) -> Vec<SharedLine> {
    let mut lines: Vec<SharedLine> = Vec::new();
    for (index, member) in record.members.iter().enumerate() {
        let Some(offset) = member.offset_bits else { continue };
        let mut offsets = Vec::new();
        contended(types, member, offset / 8, 0, &mut offsets);
        offsets.iter_mut().for_each(|offset| *offset /= LINE_BYTES);
        offsets.dedup();
        for line in offsets {
            match lines.iter_mut().find(|shared| shared.line == line) {
                Some(shared) if shared.members.contains(&index) => {}
                Some(shared) => shared.members.push(index),
                None => lines.push(SharedLine { line, members: vec![index] }),
            }
        }
    }
    lines.retain(|shared| shared.members.len() > 1);
    lines.sort_by_key(|shared| shared.line);
    lines
}

/// Records inside of records are looked into so far.
const DEPTH_MAX: u32 = 8;

/// The offsets of atomics and locks in a member that begins at `at`.
fn contended(types: &Types, member: &Member, at: u64, depth: u32, offsets: &mut Vec<u64>) {
    let found = types.get(member.type_id);
    if member.is_atomic || is_contended(found) || is_contended_name(&member.type_name) {
        offsets.push(at);
        return;
    }
    let Some(record) = found.record().filter(|_| depth < DEPTH_MAX) else { return };
    for inner in &record.members {
        if let Some(offset) = inner.offset_bits {
            contended(types, inner, at.saturating_add(offset / 8), depth + 1, offsets);
        }
    }
}

fn is_contended(found: &Type) -> bool {
    is_contended_name(&found.name)
}

/// Names of atomics and locks, in the standard libraries and in the most used others.
fn is_contended_name(name: &str) -> bool {
    const PLAIN: [&str; 12] = [
        "pthread_mutex_t",
        "pthread_spinlock_t",
        "pthread_rwlock_t",
        "std::mutex",
        "std::shared_mutex",
        "std::recursive_mutex",
        "std::atomic_flag",
        "sync.Mutex",
        "sync.RWMutex",
        "spinlock_t",
        "atomic_t",
        "atomic64_t",
    ];
    const GENERIC: [&str; 4] =
        ["std::atomic<", "lock_api::mutex::Mutex<", "lock_api::rwlock::RwLock<", "_Atomic "];
    if PLAIN.contains(&name) || GENERIC.iter().any(|start| name.starts_with(start)) {
        return true;
    }
    let go = name.strip_prefix("sync/atomic.").or(name.strip_prefix("internal/runtime/atomic."));
    if let Some(atomic) = go {
        return !matches!(atomic, "align64" | "noCopy");
    }
    let rust = name.strip_prefix("core::sync::atomic::").or(name.strip_prefix("std::sync::"));
    rust.is_some_and(|rest| {
        let last = rest.split('<').next().and_then(|path| path.rsplit("::").next()).unwrap_or(rest);
        last.starts_with("Atomic") || matches!(last, "Mutex" | "RwLock")
    })
}

/// The members of each line, by their indices: a member on two lines is in both.
#[must_use]
pub fn by_line(record: &Record, bytes: u64) -> Vec<Vec<usize>> {
    let count = usize::try_from(lines(bytes)).unwrap_or(usize::MAX).min(MEMBERS_LINES_MAX);
    let mut all = vec![Vec::new(); count];
    for (index, member) in record.members.iter().enumerate() {
        let (Some(start), Some(end)) = (member.offset_bits, member.end_bits()) else { continue };
        if end > start {
            let (first, last) = (start / 8 / LINE_BYTES, (end - 1) / 8 / LINE_BYTES);
            let first = usize::try_from(first).unwrap_or(usize::MAX);
            let last = usize::try_from(last).unwrap_or(usize::MAX);
            all.iter_mut().take(last.saturating_add(1)).skip(first).for_each(|line| line.push(index));
        }
    }
    all
}

/// So many lines are told apart.
const MEMBERS_LINES_MAX: usize = 1024;

/// Whether a type, or something inside of it, is or has pointers.
#[must_use]
pub fn has_pointers(types: &Types, id: TypeId) -> bool {
    crate::reorder::pointer_bytes(types, id) > 0
}
