//! What stands out, and what it is worth.

use std::collections::HashSet;

use spandrel_layout::{
    Allocator, Analysis, Analyzer, Broken, Budgets, FindingKind, Level, Reason, RecordKind, Site, Types,
    Verdict, Weights, changes, variants,
};

use crate::programs::{compile, data, types};

const C: [&str; 3] = ["gcc", "-g", "-w"];
const RUST: [&str; 4] = ["rustc", "--edition", "2024", "-g"];

fn analyze(types: &Types, allocator: Option<Allocator>, name: &str) -> Analysis {
    Analyzer::new(types, allocator).analyze(types.find(name).unwrap_or_else(|error| panic!("{error}")))
}

#[track_caller]
fn message(analysis: &Analysis, kind: FindingKind) -> &str {
    let found = analysis.findings.iter().find(|finding| finding.kind == kind);
    &found.unwrap_or_else(|| panic!("no {kind} in {:?}", analysis.findings)).message
}

fn c_suite() -> String {
    std::fs::read_to_string(data("layouts/c_layout.c")).expect("is there")
}

fn rust_suite() -> String {
    std::fs::read_to_string(data("layouts/rust_layout.rs")).expect("is there")
}

#[test]
fn the_textbook_case() {
    let source = "#[repr(C)] pub struct Flagged { a: bool, b: i64, c: bool }\n\
        pub struct Bytes([u8; 33]);\n\
        #[used] static F: Flagged = Flagged { a: true, b: 1, c: false };\n\
        #[used] static B: Bytes = Bytes([0; 33]);\nfn main() {}\n";
    let compiled = compile("textbook.rs", source, &RUST);
    let flagged = analyze(&compiled.types, None, "Flagged");
    let expected = "24 bytes, 16 in the best order: each object on the heap saves 8 (class 24 to 16)";
    assert_eq!(message(&flagged, FindingKind::Reorder), expected);
    assert_eq!((flagged.cost.heap_bytes, flagged.cost.heap_bytes_best), (24, 16));
    assert_eq!(flagged.findings[0].saved_bytes, 8);

    let bytes = analyze(&compiled.types, None, "textbook::Bytes");
    let expected =
        "33 bytes: 48-byte class of spandrel, one byte over 32; drop 1 byte and each object saves 16";
    assert_eq!(message(&bytes, FindingKind::SizeClass), expected);
    assert_eq!(bytes.cost.head_room, 15);
    assert_eq!(bytes.verdict, None, "there is no better order");
}

#[test]
fn a_shorter_type_in_the_same_class_saves_nothing() {
    let compiled = compile("c_layout.c", &c_suite(), &C);
    let worthless = analyze(&compiled.types, Some(Allocator::Go), "class_worthless");
    let expected = "144 bytes, 136 in the best order: both take 144 on the heap, so only arrays and members \
        of other types gain";
    assert_eq!(message(&worthless, FindingKind::Reorder), expected);
    let reorder = worthless.findings.iter().find(|found| found.kind == FindingKind::Reorder);
    assert_eq!(reorder.map(|found| (found.level, found.saved_bytes)), Some((Level::Note, 0)));
    let cross = analyze(&compiled.types, Some(Allocator::Go), "class_cross");
    assert_eq!((cross.cost.heap_bytes, cross.cost.heap_bytes_best), (48, 24));
}

#[test]
fn what_must_stand_last_stands_last() {
    let compiled = compile("c_layout.c", &c_suite(), &C);
    for name in ["flex", "zero_arr"] {
        let best = analyze(&compiled.types, None, name).best.expect("it has an order");
        assert_eq!(best.order.last(), Some(&(best.order.len() - 1)), "{name}: {:?}", best.order);
    }
    let net = types(&data("go_binaries/net_amd64_dwarf5z"));
    let best = analyze(&net, None, "main.ZeroTail").best.expect("it has an order");
    let record = net.get(net.find("main.ZeroTail").expect("exactly one")).record().expect("a record");
    let last = &record.members[*best.order.last().expect("it has members")];
    assert!(last.bits > Some(0), "an empty end would be padded: {:?}", best.order);
}

#[test]
fn classes_of_the_suite_agree_with_the_table() {
    let compiled = compile("c_layout.c", &c_suite(), &C);
    let table = std::fs::read_to_string(data("layouts/oracle_c_gcc_d5.tsv")).expect("is there");
    let mut compared = 0;
    for row in table.lines().skip(1) {
        let cells: Vec<&str> = row.split('\t').collect();
        let Ok(id) = compiled.types.find(cells[0]) else { continue };
        if cells[15].is_empty() || cells[16].is_empty() {
            continue;
        }
        // The table knows no pointers, and so no headers before them.
        let found = compiled.types.get(id);
        let cost = |bytes| {
            let object = spandrel_layout::Object {
                bytes,
                align: 8,
                has_pointers: false,
                language: found.language,
                pointer_bytes: 8,
            };
            Allocator::Go.cost(object).to_string()
        };
        let best = analyze(&compiled.types, None, cells[0]).best;
        let best = best.map_or(found.bytes.unwrap_or(0), |best| best.bytes_best);
        assert_eq!(cost(found.bytes.unwrap_or(0)), cells[15], "{row}");
        assert_eq!(cost(best), cells[16], "{row}");
        compared += 1;
    }
    assert!(compared > 35, "{compared}");
}

#[test]
fn enums_and_their_variants() {
    let compiled = compile("rust_layout.rs", &rust_suite(), &RUST);
    let types = &compiled.types;
    let tagged = analyze(types, None, "rust_layout::Tagged");
    let expected =
        "variant `Large` needs 100 of 104 bytes; with its fields in a box the enum would have about 16";
    assert_eq!(message(&tagged, FindingKind::LargeVariant), expected);
    assert_eq!(types.get(types.find("BoxedLarge").expect("one")).bytes, Some(16), "and so it is");

    let variants = |name: &str| {
        let found = types.get(types.find(name).expect("exactly one"));
        let record = found.record().expect("a record");
        assert_eq!(record.kind, RecordKind::Enum, "{name}");
        record.variants.clone().expect("an enum")
    };
    for (name, is_niche, count) in [
        ("rust_layout::MultiNiche", true, 3),
        ("rust_layout::NicheBox", true, 2),
        ("rust_layout::NicheBool", true, 4),
        ("rust_layout::Shape", true, 4),
        ("rust_layout::Tagged", false, 3),
        ("rust_layout::ReprC", false, 2),
        ("rust_layout::One", false, 1),
    ] {
        let variants = variants(name);
        assert_eq!((variants.is_niche(), variants.variants.len()), (is_niche, count), "{name}");
    }
    let i128 = variants("rust_layout::I128");
    assert_eq!(i128.tag, Some((0, 8)).filter(|_| i128.tag == Some((0, 8))).or(i128.tag));
    let niches = |name: &str| {
        variants::niches(types, types.iter().find(|(_, found)| *found.name == *name).expect(name).0)
    };
    assert_eq!(niches("bool"), Some(254));
    assert_eq!(niches("u32"), Some(0));
    assert_eq!(niches("rust_layout::DiscNeg"), Some(256 - 13));
}

#[test]
fn niches_that_repr_forbids_are_missed() {
    let source = "#![allow(dead_code)]\n\
        #[repr(u8)] pub enum Tagged { Text(&'static str), None, Never }\n\
        #[repr(u8)] pub enum Forced { Text(String), None, Never }\n\
        pub enum Free { Text(String), None, Never }\n\
        #[repr(u8)] pub enum Full { Number(u64), None }\n\
        #[used] static A: Tagged = Tagged::None; #[used] static B: Forced = Forced::None;\n\
        #[used] static C: Free = Free::None; #[used] static D: Full = Full::None;\n\
        fn main() { std::hint::black_box((&A, &B, &C, &D)); }\n";
    let compiled = compile("niches.rs", source, &RUST);
    let bytes = |name: &str| {
        let found = compiled.types.get(compiled.types.find(name).expect("exactly one"));
        let variants = found.record().and_then(|record| record.variants.clone()).expect("an enum");
        variants::bytes_in_niche(&compiled.types, found, &variants)
    };
    assert_eq!(
        bytes("niches::Forced"),
        compiled.types.get(compiled.types.find("niches::Free").expect("one")).bytes
    );
    assert_eq!(bytes("niches::Tagged"), None, "null is one value, and two are needed");
    assert_eq!((bytes("niches::Free"), bytes("niches::Full")), (None, None));
    let forced = analyze(&compiled.types, None, "niches::Forced");
    assert!(message(&forced, FindingKind::MissedNiche).ends_with("would have 24 bytes instead of 32"));
}

#[test]
fn optional_values_and_futures() {
    let compiled = compile("rust_layout.rs", &rust_suite(), &RUST);
    let types = &compiled.types;
    let split = analyze(types, None, "FlagsSplit");
    let expected = "4 optional members spend 16 bytes to tell whether they are there; a bitmap beside plain \
        values would make it about 20 bytes instead of 32";
    assert_eq!(message(&split, FindingKind::Optionals), expected);

    let future = types.find("rust_layout::big_future::{async_fn_env#0}").expect("exactly one");
    let record = types.get(future).record().expect("a record");
    assert_eq!(record.kind, RecordKind::Future);
    let states = variants::states(types, record.variants.as_ref().expect("it has states"));
    let names: Vec<&str> =
        record.variants.iter().flat_map(|all| &all.variants).map(|one| &*one.name).collect();
    assert_eq!(names, ["Unresumed", "Returned", "Panicked", "Suspend0", "Suspend1"]);
    let body =
        types.get(record.variants.as_ref().expect("states").variants[3].body).record().expect("a body");
    assert_eq!(&*body.members[states[3].kept[0]].name, "buf", "the array lives across the await");
    let analysis = analyze(types, None, "rust_layout::big_future::{async_fn_env#0}");
    assert_eq!(message(&analysis, FindingKind::KeptTwice), "`Suspend1` keeps `n` twice, 8 bytes each");
}

#[test]
fn lines_and_pointers() {
    let compiled = compile("c_layout.c", &c_suite(), &C);
    let counters = analyze(&compiled.types, None, "fs_counters");
    let expected = "`produced`, `consumed`, `lock` lie on one cache line: threads that write one of them \
        wait for each other";
    assert_eq!(message(&counters, FindingKind::SharedLine), expected);
    let straddle = analyze(&compiled.types, None, "straddle");
    assert_eq!(message(&straddle, FindingKind::Straddle), "`x` at 60 straddles cache lines 0 and 1");
    let web = types(&data("go_binaries/web_amd64_dwarf5z"));
    let bytes = analyze(&web, None, "main.PtrBytesOnly");
    let expected = "the collector scans 48 bytes of each object, 16 in the best order";
    assert_eq!(message(&bytes, FindingKind::PointerBytes), expected);
    let net = types(&data("go_binaries/net_amd64_dwarf5z"));
    let counters = analyze(&net, None, "main.Counters");
    assert_eq!(
        message(&counters, FindingKind::SharedLine),
        "`Rx`, `Tx`, `Drop` lie on one cache line: threads that write one of them wait for each other"
    );
}

#[test]
fn verdicts_have_their_reasons() {
    let source = r#"
#include <stddef.h>
#include <stdio.h>
struct plain { char a; long b; char c; };
struct listed { char a; long b; char c; };
struct listed object = { 1, 2, 3 };
struct offset { char a; long b; char c; };
unsigned long at = offsetof(struct offset, c);
struct written { char a; long b; char c; };
struct first { struct plain base; char x; long y; char z; };
union either { struct inside { char a; long b; char c; } one; long other; };
struct flags { unsigned a : 3; char x; long b; char c; };
struct padded { char a; long b; char c; char pad[3]; };
struct plain k1; struct offset k2; struct written k3; struct first k4; union either k5; struct flags k6;
struct padded k7;
int main(void) { return (int)fwrite(&k3, sizeof(struct written), 1, stdout); }
"#;
    let compiled = compile("verdicts.c", source, &C);
    let verdict = |name: &str| analyze(&compiled.types, None, name).verdict.expect("it has a better order");
    assert_eq!(verdict("plain"), Verdict::Safe);
    let cases = [
        ("listed", Reason::Positional),
        ("offset", Reason::Offset),
        ("written", Reason::Serialised),
        ("first", Reason::FirstMember),
        ("inside", Reason::InUnion),
        ("flags", Reason::BitFields),
        ("padded", Reason::HandPadding),
    ];
    for (name, reason) in cases {
        assert_eq!(verdict(name), Verdict::Review(vec![reason]), "{name}");
    }
    let library = compile(
        "library.c",
        "struct seen { char a; long b; char c; };\nstruct hidden { char a; long b; char c; };\n\
         static struct hidden h;\nint f(struct seen *s) { return s->a + h.c; }\n",
        &["gcc", "-g", "-shared", "-fPIC"],
    );
    let verdict = |name: &str| analyze(&library.types, None, name).verdict.expect("it has a better order");
    assert_eq!(verdict("seen"), Verdict::Review(vec![Reason::Exported]));
    assert_eq!(verdict("hidden"), Verdict::Safe);
}

#[test]
fn verdicts_on_rust() {
    let source = r#"
#![allow(dead_code)]
#[repr(C)] pub struct Plain { a: u8, b: u64, c: u8 }
#[derive(PartialEq, PartialOrd)]
#[repr(C)]
pub struct Ordered { a: u8, b: u64, c: u8 }
#[repr(C)] pub struct Crossing { a: u8, b: u64, c: u8 }
#[unsafe(no_mangle)]
pub extern "C" fn take(it: &Crossing) -> u8 { it.a }
#[repr(C)] pub struct Tuple(u8, u64, u8);
#[used] static A: Plain = Plain { a: 1, b: 2, c: 3 };
#[used] static B: Ordered = Ordered { a: 1, b: 2, c: 3 };
#[used] static C: Crossing = Crossing { a: 1, b: 2, c: 3 };
#[used] static D: Tuple = Tuple(1, 2, 3);
fn main() {}
"#;
    let compiled = compile("verdicts.rs", source, &RUST);
    let verdict = |name: &str| analyze(&compiled.types, None, name).verdict.expect("it has a better order");
    assert_eq!(verdict("verdicts::Plain"), Verdict::Safe);
    assert_eq!(verdict("verdicts::Ordered"), Verdict::Review(vec![Reason::Comparison]));
    assert_eq!(verdict("verdicts::Crossing"), Verdict::Review(vec![Reason::ForeignFunction]));
    assert_eq!(verdict("verdicts::Tuple"), Verdict::Review(vec![Reason::Positional]));
    let go = types(&data("go_binaries/net_amd64_dwarf5z"));
    assert!(
        analyze(&go, None, "main.Conn")
            .verdict
            .expect("it has a better order")
            .reasons()
            .contains(&Reason::NoSource)
    );
}

#[test]
fn budgets_are_kept_or_broken() {
    let compiled = compile("c_layout.c", &c_suite(), &C);
    let mut analyzer = Analyzer::new(&compiled.types, Some(Allocator::Go));
    let mut check = |text: &str| text.parse::<Budgets>().expect("a sound file").check(&mut analyzer);
    let kept = "[types]\n\
        classic = [\"size <= 24\", \"class == 24\", \"align = 8\", \"one-line\", \"lines < 2\"]\n\
        optimal = [\"no-padding\", \"best-order\", \"deep-padding == 0\"]\n";
    assert_eq!(check(kept), Ok(vec![]));
    let broken = "[types]\nclassic = [\"size < 24\", \"no-padding\", \"best-order\"]\nwide = \"one-line\"\n";
    let expect = |name: &str, condition: &str, actual| Broken {
        name: name.to_string(),
        condition: condition.to_string(),
        actual,
    };
    assert_eq!(
        check(broken),
        Ok(vec![
            expect("classic", "size < 24", 24),
            expect("classic", "no-padding", 14),
            expect("classic", "best-order", 8),
            expect("wide", "one-line", 2),
        ])
    );
    assert!(check("[types]\nclasic = \"one-line\"\n").is_err(), "there is no such type");
    assert!(check("[types]\nscoped = \"one-line\"\n").is_err(), "there are two");
    for bad in [
        "[types]\na = 3",
        "[types]\na = \"size ~ 3\"",
        "x = 1",
        "[types",
        "allocator = \"none\"",
        "[types]\na = \"size <= x\"",
    ] {
        let error = bad.parse::<Budgets>().expect_err(bad);
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn builds_are_compared() {
    let old = compile(
        "a.c",
        "struct a { char a; long b; } k; struct gone { int x; } g; struct same { int s; } m;\n\
         int main(void) { return 0; }",
        &C,
    );
    let new = compile(
        "a.c",
        "struct a { long b; char a; int c; } k; struct come { int x; } g; struct same { int s; } m;\n\
         int main(void) { return 0; }",
        &C,
    );
    let all = changes(&old.types, &new.types);
    let names: Vec<&str> = all.iter().map(|change| change.name.as_str()).collect();
    assert_eq!(names, ["a", "come", "gone"]);
    let members: HashSet<&str> = all[0].members.iter().map(|member| member.name.as_str()).collect();
    assert_eq!(members, HashSet::from(["a", "b", "c"]));
    assert_eq!(changes(&old.types, &old.types), []);
}

#[test]
fn weights_count_what_lives() {
    let net = types(&data("go_binaries/net_amd64_dwarf5z"));
    let mut analyzer = Analyzer::new(&net, None);
    let site = |type_name: Option<&str>, function: &str, object_bytes, live_objects| Site {
        type_name: type_name.map(str::to_string),
        functions: vec![function.to_string()],
        object_bytes,
        live_objects,
        live_bytes: object_bytes * live_objects,
        allocated_objects: 2 * live_objects,
        allocated_bytes: 2 * object_bytes * live_objects,
        ..Site::default()
    };
    let sites = [
        site(Some("main.Conn"), "main.x", 144, 1000),
        // Several side by side.
        site(Some("main.Conn"), "main.y", 1440, 10),
        // 80 bytes in package main: only Route is of that class.
        site(None, "main.newRoute", 80, 50),
        // Two types can be meant, or none.
        site(None, "main.other", 7, 1),
        site(Some("lost.Type"), "main.z", 64, 3),
    ];
    let weights = Weights::new(&analyzer, &sites);
    let conn = net.find("main.Conn").expect("exactly one");
    let weight = weights.of(conn);
    assert_eq!((weight.live_objects, weight.live_bytes, weight.inferred_bytes), (1010, 158_400, 0));
    let analysis = analyzer.analyze(conn);
    // Each alone: class 144 to 112. Ten side by side have pointers and so a header: 1440 to 1120.
    let many = Allocator::Go.cost(object(1440)) - Allocator::Go.cost(object(1120));
    assert_eq!(weights.saved_bytes(&analyzer, &analysis), 1000 * 32 + 10 * many);
    let route = weights.of(net.find("main.Route").expect("exactly one"));
    assert_eq!((route.live_objects, route.inferred_bytes), (50, 4000));
    assert_eq!((weights.attributed_bytes, weights.inferred_bytes), (158_400, 4000));
    assert_eq!(weights.unattributed_bytes(), 7 + 192);
}

fn object(bytes: u64) -> spandrel_layout::Object {
    let language = spandrel_layout::Language::Go;
    spandrel_layout::Object { bytes, align: 8, has_pointers: true, language, pointer_bytes: 8 }
}
