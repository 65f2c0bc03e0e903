//! Types of a small C++ program, and debug information that lies elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use spandrel_profile::{BinaryFiles, Profile, Sample, attribute_types, read, symbolize};

/// Runs a program in a folder, to its success, and gives back what it printed.
#[track_caller]
fn run(folder: &Path, program: &str, args: &[&str]) -> Vec<u8> {
    let output = Command::new(program).args(args).current_dir(folder).output();
    let output = output.unwrap_or_else(|error| panic!("this test needs {program}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {said}");
    output.stdout
}

fn build(folder: &Path, options: &[&str]) {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testkit/programs/allocates.cpp");
    let args = [&["-std=c++17", source, "-o", "allocates", "-Wl,--build-id"], options].concat();
    run(folder, "g++", &args);
}

/// What the program prints, without the C library, whose debug information takes long to read.
fn profile_of(folder: &Path) -> Profile {
    let printed = String::from_utf8(run(folder, "./allocates", &[])).expect("text");
    let lines = printed.lines().filter(|line| !line.contains("/libc.so") && !line.contains("/libm.so"));
    let kept = lines.collect::<Vec<_>>().join("\n");
    read(kept.as_bytes()).expect("the program prints a heap profile").0
}

/// The function of the program that a sample was allocated in.
fn site(profile: &Profile, sample: &Sample) -> String {
    let frames = sample.stack.iter().flat_map(|&id| &profile.location(id).lines);
    let names: Vec<String> = frames.map(|line| profile.function(line.function).name.to_string()).collect();
    let site = names.iter().find_map(|name| name.strip_prefix("site_").map(str::to_string));
    site.unwrap_or_else(|| "nowhere".to_string())
}

fn types(mut profile: Profile, files: &BinaryFiles) -> BTreeMap<String, BTreeSet<String>> {
    let symbols = symbolize(&mut profile, files);
    attribute_types(&mut profile, &symbols, &[]);
    let mut types: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for sample in &profile.samples {
        let found = sample.text("type").map_or("unknown", |it| &**it);
        types.entry(site(&profile, sample)).or_default().insert(found.to_string());
        assert_ne!(sample.text("type_confidence").map(|it| &**it), Some("ambiguous"), "{found}");
    }
    types
}

#[track_caller]
fn assert_types(found: &BTreeMap<String, BTreeSet<String>>) {
    let expected: [(&str, &[&str]); 10] = [
        ("constructor", &["std::vector<Order>"]),
        ("list", &["std::list<Order>"]),
        ("map", &["std::map<int, Order>"]),
        ("map_parcel", &["std::map<int, Parcel>"]),
        // Plain `new` leaves no trace.
        ("plain", &["unknown"]),
        ("shared", &["std::shared_ptr<Order>"]),
        ("string", &["std::string"]),
        ("strings", &["std::string", "std::vector<std::string>"]),
        ("vector", &["std::vector<Order>"]),
        ("vector_parcel", &["std::vector<Parcel>"]),
    ];
    let found: Vec<(&str, Vec<&str>)> = found
        .iter()
        .map(|(site, types)| (site.as_str(), types.iter().map(String::as_str).collect()))
        .collect();
    assert_eq!(found, expected.map(|(site, types)| (site, types.to_vec())));
}

#[test]
fn containers_tell_their_types_with_the_smallest_debug_information() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    build(folder.path(), &["-O2", "-g1"]);
    assert_types(&types(profile_of(folder.path()), &BinaryFiles::default()));
    build(folder.path(), &["-O0", "-g"]);
    assert_types(&types(profile_of(folder.path()), &BinaryFiles::default()));
}

/// Of functions with the same code the compiler keeps one, with the names of that one.
#[test]
fn merged_functions_tell_no_wrong_type() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for options in [["-O2", "-g1", "-flto"], ["-O3", "-g", "-flto"]] {
        build(folder.path(), &options);
        assert_types(&types(profile_of(folder.path()), &BinaryFiles::default()));
    }
}

#[test]
fn split_debug_information_is_found_beside_the_program() {
    for version in ["-gdwarf-4", "-gdwarf-5"] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        build(folder.path(), &["-O2", version, "-gsplit-dwarf"]);
        assert_types(&types(profile_of(folder.path()), &BinaryFiles::default()));
        if version == "-gdwarf-4" {
            // binutils knows packages of version 4 alone.
            run(folder.path(), "dwp", &["-e", "allocates", "-o", "allocates.dwp"]);
        }
        std::fs::remove_file(folder.path().join("allocates.dwo")).expect("it is there");
        let found = types(profile_of(folder.path()), &BinaryFiles::default());
        if version == "-gdwarf-4" {
            assert_types(&found);
        } else {
            // What is left are names from the symbol table.
            assert!(found.contains_key("map") && !found.contains_key("nowhere"), "{found:?}");
        }
    }
}

#[test]
fn debug_information_may_be_shared_by_programs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    build(folder.path(), &["-O2", "-g", "-gdwarf-4", "-DOTHER"]);
    std::fs::rename(folder.path().join("allocates"), folder.path().join("other")).expect("it is there");
    build(folder.path(), &["-O2", "-g", "-gdwarf-4"]);
    run(folder.path(), "dwz", &["-m", "shared.debug", "-M", "shared.debug", "other", "allocates"]);
    assert!(folder.path().join("shared.debug").exists(), "dwz found something to share");
    assert_types(&types(profile_of(folder.path()), &BinaryFiles::default()));
}

#[test]
fn stripped_programs_lead_to_their_debug_files_by_build_id() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    build(folder.path(), &["-O2", "-g1"]);
    let notes = String::from_utf8(run(folder.path(), "readelf", &["-n", "allocates"])).expect("text");
    let id =
        notes.split("Build ID: ").nth(1).and_then(|it| it.split_whitespace().next()).expect("a build id");
    let (head, tail) = id.split_at(2);
    let debug_folder = folder.path().join("debug");
    let place = debug_folder.join(".build-id").join(head);
    std::fs::create_dir_all(&place).expect("can be made");
    let debug_file = place.join(format!("{tail}.debug"));
    let debug_file = debug_file.to_str().expect("a plain path");
    run(
        folder.path(),
        "objcopy",
        &["--only-keep-debug", "--compress-debug-sections", "allocates", debug_file],
    );
    run(folder.path(), "strip", &["allocates"]);
    let profile = profile_of(folder.path());

    let mut files = BinaryFiles::default();
    assert_eq!(types(profile.clone(), &files).into_keys().collect::<Vec<_>>(), ["nowhere"]);
    files.search.debug_folders.push(debug_folder);
    assert_types(&types(profile.clone(), &files));

    // The program moved, and is found where one is told to look; another program is not taken for it.
    let moved: PathBuf = folder.path().join("moved");
    std::fs::rename(folder.path().join("allocates"), &moved).expect("can be moved");
    files.binaries.push(moved);
    assert_types(&types(profile.clone(), &files));
    let mut named = profile;
    named.mappings[0].build_id = "00112233".into();
    let symbols = symbolize(&mut named, &files);
    assert!(symbols.problems.iter().any(|it| it.contains("its build id is another")), "{symbols:?}");
}
