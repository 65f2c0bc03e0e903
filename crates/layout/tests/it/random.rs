//! Ten thousand records made at random: read as the compiler made them, and reordered as well as any order.
//!
//! Each is compiled by gcc or rustc. What is read of it must be what a model of the language's rules says;
//! the best order must be as small as the best of all orders; and records that are written in that order
//! must have the size that was promised, which the compiler checks.

use std::fmt::Write;

use spandrel_layout::{Reorder, Types};

use crate::programs::{compile, run};

/// Types that members have: how C and Rust call them, size, alignment.
const KINDS: [(&str, &str, u64, u64); 14] = [
    ("char", "u8", 1, 1),
    ("short", "u16", 2, 2),
    ("int", "u32", 4, 4),
    ("long", "u64", 8, 8),
    ("double", "f64", 8, 8),
    ("void *", "*const u8", 8, 8),
    ("struct three", "Three", 3, 1),
    ("struct six", "Six", 6, 2),
    ("struct twelve", "Twelve", 12, 4),
    ("struct sixteen", "Sixteen", 16, 8),
    ("struct line", "Line", 64, 64),
    ("__int128", "u128", 16, 16),
    ("struct thirteen", "Thirteen", 13, 1),
    ("struct none", "Nothing", 0, 1),
];

const C_HEAD: &str = "\
struct three { char a[3]; }; struct six { short a[3]; }; struct twelve { int a[3]; };
struct sixteen { long a; char b; }; struct line { char a; } __attribute__((aligned(64)));
struct thirteen { char a[13]; }; struct none { };
";

const RUST_HEAD: &str = "\
#![allow(dead_code, non_camel_case_types, improper_ctypes)]
use std::mem::MaybeUninit;
#[repr(C)] pub struct Three([u8; 3]); #[repr(C)] pub struct Six([u16; 3]);
#[repr(C)] pub struct Twelve([u32; 3]); #[repr(C)] pub struct Sixteen(u64, u8);
#[repr(C, align(64))] pub struct Line(u8); #[repr(C)] pub struct Thirteen([u8; 13]);
#[repr(C)] pub struct Nothing;
";

/// Kinds of the members of each record.
fn records(count: usize, seed: u64) -> Vec<Vec<usize>> {
    let mut state = seed;
    let mut next = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    (0..count)
        .map(|_| {
            let len = 1 + next(8);
            (0..len).map(|_| next(KINDS.len())).collect()
        })
        .collect()
}

/// Offsets and size of members in this order.
fn lay_out(kinds: impl Iterator<Item = usize>) -> (Vec<u64>, u64) {
    let (mut end, mut align, mut offsets) = (0_u64, 1, Vec::new());
    for kind in kinds {
        let (_, _, bytes, member_align) = KINDS[kind];
        let offset = end.next_multiple_of(member_align);
        offsets.push(offset);
        end = offset + bytes;
        align = align.max(member_align);
    }
    (offsets, end.next_multiple_of(align))
}

/// The size of the smallest order, by trying all; it stops where no order can be smaller.
fn smallest(kinds: &[usize]) -> u64 {
    fn each(left: &mut Vec<usize>, end: u64, found: &mut u64, bound: u64) {
        if left.is_empty() {
            *found = (*found).min(end);
        }
        for at in 0..left.len() {
            if *found <= bound {
                return;
            }
            let kind = left.swap_remove(at);
            let (_, _, bytes, align) = KINDS[kind];
            each(left, end.next_multiple_of(align) + bytes, found, bound);
            left.push(kind);
            let last = left.len() - 1;
            left.swap(at, last);
        }
    }
    let sum: u64 = kinds.iter().map(|&kind| KINDS[kind].2).sum();
    let align = kinds.iter().map(|&kind| KINDS[kind].3).max().unwrap_or(1);
    let mut found = u64::MAX;
    // An end that rounds up to the same size as the sum is as good as the sum.
    each(&mut kinds.to_vec(), 0, &mut found, sum.next_multiple_of(align));
    found.next_multiple_of(align)
}

/// Checks every record, and returns the best order of each.
fn check(types: &Types, records: &[Vec<usize>], prefix: &str) -> Vec<Vec<usize>> {
    let mut best_orders = Vec::new();
    for (index, kinds) in records.iter().enumerate() {
        let name = format!("{prefix}r{index}");
        let id = types.find(&name).unwrap_or_else(|error| panic!("{error}"));
        let found = types.get(id);
        let record = found.record().expect("a record");
        let (offsets, bytes) = lay_out(kinds.iter().copied());
        assert_eq!(found.bytes, Some(bytes), "{name}: {kinds:?}");
        let ours: Vec<u64> =
            record.members.iter().map(|member| member.offset_bits.expect("known") / 8).collect();
        assert_eq!(ours, offsets, "{name}: {kinds:?}");
        let best = Reorder::of(types, id).unwrap_or_else(|obstacle| panic!("{name}: {obstacle}"));
        assert_eq!(best.bytes_best, smallest(kinds), "{name}: {kinds:?}");
        let order: Vec<usize> = best.order.iter().map(|&member| kinds[member]).collect();
        assert_eq!(lay_out(order.iter().copied()).1, best.bytes_best, "{name}: {kinds:?} {order:?}");
        best_orders.push(order);
    }
    best_orders
}

fn c_source(records: &[Vec<usize>], has_checks: bool) -> String {
    let mut source = C_HEAD.to_string();
    for (index, kinds) in records.iter().enumerate() {
        write!(source, "struct r{index} {{").expect("a String takes everything");
        for (member, &kind) in kinds.iter().enumerate() {
            write!(source, " {} m{member};", KINDS[kind].0).expect("a String takes everything");
        }
        let bytes = lay_out(kinds.iter().copied()).1;
        let check = if has_checks {
            format!("_Static_assert(sizeof(struct r{index}) == {bytes}, \"r{index}\");")
        } else {
            format!("extern struct r{index} v{index};")
        };
        writeln!(source, " }}; {check}").expect("a String takes everything");
    }
    if !has_checks {
        // One function that names them all is quicker to compile than as many variables.
        source.push_str("int main(void) { ");
        for index in 0..records.len() {
            write!(source, "(void)(struct r{index} *)0; ").expect("a String takes everything");
        }
        source.push_str("return 0; }\n");
    }
    source
}

#[test]
fn five_thousand_in_c() {
    let records = records(5000, 17);
    let options = ["gcc", "-g", "-fno-eliminate-unused-debug-types", "-w"];
    let compiled = compile("records.c", &c_source(&records, false), &options);
    let best = check(&compiled.types, &records, "");
    let file = compiled.folder.path().join("best.c");
    std::fs::write(file, c_source(&best, true)).expect("can be written");
    run(compiled.folder.path(), "gcc", &["-fsyntax-only", "best.c"]);
}

fn rust_source(records: &[Vec<usize>], has_checks: bool) -> String {
    let mut source = RUST_HEAD.to_string();
    for (index, kinds) in records.iter().enumerate() {
        write!(source, "#[repr(C)] pub struct r{index} {{").expect("a String takes everything");
        for (member, &kind) in kinds.iter().enumerate() {
            write!(source, " m{member}: {},", KINDS[kind].1).expect("a String takes everything");
        }
        let bytes = lay_out(kinds.iter().copied()).1;
        let check = if has_checks {
            format!("const _: () = assert!(size_of::<r{index}>() == {bytes});")
        } else {
            format!("#[used] static V{index}: MaybeUninit<r{index}> = MaybeUninit::uninit();")
        };
        writeln!(source, " }} {check}").expect("a String takes everything");
    }
    source.push_str("fn main() {}\n");
    source
}

#[test]
fn five_thousand_in_rust() {
    let mut records = records(5000, 4711);
    // A raw pointer cannot lie in a static variable.
    records.iter_mut().flatten().filter(|kind| **kind == 5).for_each(|kind| *kind = 3);
    let options = ["rustc", "--edition", "2024", "-g", "-Awarnings"];
    let compiled = compile("records.rs", &rust_source(&records, false), &options);
    let best = check(&compiled.types, &records, "records::");
    let file = compiled.folder.path().join("best.rs");
    std::fs::write(file, rust_source(&best, true)).expect("can be written");
    run(compiled.folder.path(), "rustc", &["--edition", "2024", "--emit=metadata", "-Awarnings", "best.rs"]);
}
