//! Symbols, lines, inlined calls and types of a small Rust program, with every kind of debug information.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use spandrel_profile::{
    BinaryFiles, Coverage, Profile, Sample, attribute_types, read, symbolize, type_coverage,
};

/// Builds the program with some options, runs it, and reads what it printed.
fn run(folder: &Path, options: &[&str]) -> Profile {
    let program = build(folder, options);
    let output = Command::new(&program).output().expect("the program starts");
    assert!(output.status.success(), "{output:?}");
    // The debug information of the C library takes long to read.
    let printed = String::from_utf8(output.stdout).expect("text");
    let kept: Vec<&str> = printed.lines().filter(|line| !line.contains("/libc.so")).collect();
    read(kept.join("\n").as_bytes()).expect("the program prints a heap profile").0
}

fn build(folder: &Path, options: &[&str]) -> PathBuf {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testkit/programs/allocates.rs");
    let program = folder.join("allocates");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let built = Command::new(rustc)
        .args(["--edition", "2024", "--crate-name", "allocates", source, "-o"])
        .arg(&program)
        .args(options)
        .status();
    assert!(built.expect("rustc starts").success());
    program
}

/// The function of the program that a sample was allocated in.
fn site(profile: &Profile, sample: &Sample) -> String {
    let frames = sample.stack.iter().flat_map(|&id| &profile.location(id).lines);
    let names: Vec<String> = frames.map(|line| profile.function(line.function).name.to_string()).collect();
    let site = names.iter().rfind(|name| name.contains("site_"));
    let site = site.and_then(|name| name.split("site_").nth(1).map(str::to_string));
    site.unwrap_or_else(|| "nowhere".to_string())
}

/// What each function of the program allocates, in the order of the alphabet. Of what it does with orders and
/// with parcels, which look the same to the machine, the compiler keeps one copy.
const EXPECTED: [(&str, &[&str]); 23] = [
    ("arc_order", &["Arc<allocates::Order>"]),
    ("box_node", &["Box<allocates::Node>"]),
    ("boxed_slice", &["Vec<allocates::Order>"]),
    ("btree_map", &["BTreeMap<u32, allocates::Order>"]),
    ("btree_map_parcel", &["BTreeMap<u32, allocates::Parcel>"]),
    // Elements are gathered in a vector before they become a tree.
    ("btree_set", &["BTreeSet<u64>", "Vec<u64>"]),
    ("c_string", &["CString"]),
    ("closure", &["Box<allocates::site_closure::{closure_env#0}>"]),
    ("deque", &["VecDeque<allocates::Order>"]),
    ("deque_parcel", &["VecDeque<allocates::Parcel>"]),
    ("hash_map", &["HashMap<u32, allocates::Order>"]),
    ("hash_map_parcel", &["HashMap<u32, allocates::Parcel>"]),
    ("hash_set", &["HashSet<u64>"]),
    ("heap", &["BinaryHeap<u64>"]),
    ("list", &["LinkedList<allocates::Order>"]),
    ("path", &["OsString", "PathBuf"]),
    ("rc_order", &["Rc<allocates::Order>"]),
    ("string", &["String"]),
    ("vec_collected", &["Vec<allocates::Order>"]),
    // The vector, and each of the strings in it.
    ("vec_of_strings", &["String", "Vec<alloc::string::String>"]),
    ("vec_order", &["Vec<allocates::Order>"]),
    ("vec_parcel", &["Vec<allocates::Parcel>"]),
    ("vec_u16", &["Vec<u16>"]),
];

/// Builds and runs the program, and holds each type against what the source says; gives back how much is
/// exact.
#[track_caller]
fn assert_types(options: &[&str]) -> (Coverage, Profile) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut profile = run(folder.path(), options);
    let symbols = symbolize(&mut profile, &BinaryFiles::default());
    assert_eq!(symbols.problems, [""; 0]);
    attribute_types(&mut profile, &symbols, &[]);
    let mut types: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for sample in &profile.samples {
        let found = sample.text("type").map_or("unknown", |it| &**it);
        types.entry(site(&profile, sample)).or_default().insert(found.to_string());
    }
    let found: Vec<(&str, Vec<&str>)> = types
        .iter()
        .map(|(site, types)| (site.as_str(), types.iter().map(String::as_str).collect()))
        .collect();
    let expected = EXPECTED.map(|(site, types)| (site, types.to_vec()));
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected, "{options:?}");
    }
    assert_eq!(found.len(), expected.len());
    let coverage = type_coverage(&profile, 1);
    assert_eq!(coverage.ambiguous, 0, "{options:?}");
    (coverage, profile)
}

#[test]
fn the_smallest_debug_information_tells_every_type() {
    let (coverage, profile) = assert_types(&["-O", "-C", "debuginfo=line-tables-only"]);
    // Sizes of the program's own types are not in it.
    assert!(coverage.exact > 0 && coverage.inferred > coverage.exact, "{coverage:?}");
    let names: Vec<&str> = profile.functions.iter().map(|it| &*it.name).collect();
    assert!(names.contains(&"allocates::site_vec_u16"), "from the symbol table: {names:?}");
    assert!(names.contains(&"push<allocates::Order>"), "from the DWARF: {names:?}");
    let source =
        profile.functions.iter().find(|it| &*it.name == "allocates::site_vec_u16").map(|it| &it.file);
    assert!(source.is_some_and(|file| file.ends_with("testkit/programs/allocates.rs")), "{source:?}");
    assert!(profile.mappings[0].has_inline_frames && profile.mappings[0].has_line_numbers);
}

/// With one unit of code the compiler leaves no name of what it merges.
#[test]
fn merged_functions_of_which_nothing_is_left_tell_no_wrong_type() {
    assert_types(&["-O", "-C", "debuginfo=line-tables-only", "-C", "codegen-units=1"]);
    assert_types(&["-O", "-C", "debuginfo=line-tables-only", "-C", "lto=fat"]);
}

#[test]
fn full_debug_information_confirms_sizes() {
    let (coverage, profile) = assert_types(&["-O", "-C", "debuginfo=2"]);
    assert!(coverage.exact > coverage.inferred, "{coverage:?}");
    let names: Vec<&str> = profile.functions.iter().map(|it| &*it.name).collect();
    assert!(names.contains(&"alloc::vec::Vec<T,A>::push<allocates::Order>"), "{names:?}");
}

#[test]
fn builds_without_optimisation_and_the_newer_mangling() {
    let (coverage, profile) = assert_types(&["-C", "debuginfo=2", "-C", "symbol-mangling-version=v0"]);
    assert!(coverage.exact > coverage.inferred, "{coverage:?}");
    let names: Vec<&str> = profile.functions.iter().map(|it| &*it.name).collect();
    assert!(names.contains(&"<alloc::vec::Vec<allocates::Order>>::push"), "{names:?}");
}

#[test]
fn stripped_programs_keep_their_addresses_and_say_why() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut profile = run(folder.path(), &["-O", "-C", "strip=symbols"]);
    symbolize(&mut profile, &BinaryFiles::default());
    let leaf = profile.location(profile.samples[0].stack[0]);
    assert!(leaf.lines.is_empty() && leaf.address != 0);
    // Another program is not taken for it.
    std::fs::remove_file(folder.path().join("allocates")).expect("it is there");
    let symbols = symbolize(&mut profile, &BinaryFiles::default());
    assert!(symbols.problems.iter().any(|it| it.contains("No such file")), "{symbols:?}");
}
