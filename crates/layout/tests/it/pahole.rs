//! Real debug information, against pahole.
//!
//! Plain C types agree in size, holes and padding. Those that do not are of three kinds, and nothing else is
//! let through: pahole counts the gap before a flexible array as a hole and we as padding; it counts what is
//! left of a bit-field's word in bits and we in whole bytes; and it takes atomics of DWARF 5 to be empty.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use spandrel_debuginfo::{DebugInfo, Search, Wanted};
use spandrel_layout::{Gaps, Record, Reorder, Role, Type, Types};

use crate::programs::{run, types};

/// What both tell of a record: size, holes, bytes of holes, bytes of padding.
type Told = (u64, u64, u64, u64);

/// The records that pahole prints, by name.
fn pahole(path: &Path) -> HashMap<String, Vec<Told>> {
    let output =
        run(Path::new("/"), "sh", &["-c", "pahole \"$0\" 2>/dev/null", path.to_str().expect("UTF-8")]);
    let mut records: HashMap<String, Vec<Told>> = HashMap::new();
    let mut open: Option<(String, Told)> = None;
    for line in output.lines() {
        let Some((name, told)) = &mut open else {
            let is_start = line.starts_with("struct ") || line.starts_with("typedef struct ");
            if is_start && line.ends_with('{') {
                let name = line.trim_start_matches("typedef ").trim_start_matches("struct ");
                open = Some((name.trim_end_matches(['{', ' ']).to_string(), (0, 0, 0, 0)));
            }
            continue;
        };
        if let Some(end) = line.strip_prefix('}') {
            // A typedef has its name at the end.
            if name.is_empty() {
                let last = end.trim_end_matches(';').split_whitespace().last();
                *name = last.unwrap_or_default().to_string();
            }
            records.entry(name.clone()).or_default().push(*told);
            open = None;
        } else if line.starts_with("\t/* ") {
            let number = |key: &str| {
                let texts = line.trim_start_matches("\t/* ").split([',', ';']);
                let text = texts.map(str::trim).find_map(|text| text.strip_prefix(key))?;
                text.trim().split(' ').next()?.parse::<u64>().ok()
            };
            told.0 += number("size:").unwrap_or(0);
            told.1 += number("holes:").unwrap_or(0);
            told.2 += number("sum holes:").unwrap_or(0);
            told.3 += number("padding:").unwrap_or(0);
        }
    }
    records
}

fn ours(found: &Type, record: &Record) -> Told {
    let gaps = Gaps::of(found, record);
    (found.bytes.unwrap_or(0), gaps.holes() as u64, gaps.hole_bytes(), gaps.padding_bytes())
}

/// Whether a record is of a kind on which the two do not agree.
fn is_explained(types: &Types, record: &Record) -> bool {
    record.members.iter().any(|member| {
        let inner = types.get(member.type_id).record();
        let is_atomic = member.is_atomic;
        member.is_bit_field()
            || matches!(member.role, Role::Flexible)
            || is_atomic
            || inner.is_some_and(|inner| inner.members.iter().any(|member| member.is_atomic))
    })
}

/// Compares all plain structs of a program; returns how many agree, and the names of those that do not.
fn compare(path: &Path) -> (usize, Vec<String>) {
    let types = types(path);
    let info = DebugInfo::open(path, Wanted::Types, &Search::default()).expect("debug information");
    let theirs = pahole(info.read_from());
    let mut by_name: HashMap<&str, Vec<(&Type, &Record)>> = HashMap::new();
    for (_, found, record) in types.records() {
        by_name.entry(&found.name).or_default().push((found, record));
    }
    let (mut agreed, mut explained) = (0, Vec::new());
    for (name, all) in &theirs {
        let Some(known) = by_name.get(name.as_str()) else { panic!("{name} is missing") };
        for told in all {
            if known.iter().any(|(found, record)| ours(found, record) == *told) {
                agreed += 1;
                continue;
            }
            let sizes = known.iter().filter(|(found, _)| found.bytes == Some(told.0));
            let is_explained = sizes.clone().any(|(_, record)| is_explained(&types, record));
            let here: Vec<Told> = known.iter().map(|(found, record)| ours(found, record)).collect();
            assert!(is_explained, "{name}: pahole {told:?}, here {here:?}");
            explained.push(name.clone());
        }
    }
    (agreed, explained)
}

fn libc() -> PathBuf {
    PathBuf::from("/lib/x86_64-linux-gnu/libc.so.6")
}

#[test]
fn the_c_library_agrees() {
    let (agreed, explained) = compare(&libc());
    assert!(agreed > 400, "{agreed}");
    assert!(explained.len() <= 12, "{explained:?}");
}

#[test]
fn python_agrees() {
    let python = run(Path::new("/"), "sh", &["-c", "readlink -f $(command -v python3-dbg)"]);
    let (agreed, explained) = compare(Path::new(python.trim()));
    assert!(agreed > 180, "{agreed}");
    assert!(explained.len() <= 12, "{explained:?}");
}

/// No type ever grows, whatever is asked of it.
fn assert_no_loss(types: &Types) -> usize {
    let mut shrinkable = 0;
    for (id, found, record) in types.records() {
        if let Ok(best) = Reorder::of(types, id) {
            assert!(best.bytes_best <= best.bytes_now, "{}", found.name);
            let mut order = best.order.clone();
            order.sort_unstable();
            assert!(order.into_iter().eq(0..record.members.len()), "{}", found.name);
            shrinkable += usize::from(best.saved_bytes() > 0);
        }
    }
    shrinkable
}

#[test]
fn nothing_grows_in_c_and_in_cpp() {
    let shrinkable = assert_no_loss(&types(&libc()));
    assert!((20..120).contains(&shrinkable), "{shrinkable}");
    // The C++ library with its own debug information: thousands of templates, bases and virtual bases.
    let cpp =
        run(Path::new("/"), "sh", &["-c", "ls /usr/lib/x86_64-linux-gnu/debug/libstdc++.so.6.*.*[0-9]"]);
    let types = types(Path::new(cpp.trim()));
    assert_no_loss(&types);
    assert!(types.records().count() > 1500);
    assert!(types.records().any(|(_, _, record)| record.has_virtual_base()), "iostreams have virtual bases");
}
