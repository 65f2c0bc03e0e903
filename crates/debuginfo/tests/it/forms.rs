//! The same records come out of every form.

use std::path::{Path, PathBuf};

use spandrel_debuginfo::{DebugInfo, Dwarf, Entries, Place, Reason, Search, Wanted, gimli};

use crate::programs::{compile, folder, run};

/// `name: byte_size, members (name at place)` of each record.
fn records(path: &Path, search: &Search) -> Vec<String> {
    let info = DebugInfo::open(path, Wanted::Types, search).expect("debug information");
    let mut records = Vec::new();
    let dwarf = info.dwarf();
    let package = info.package().expect("a sound package");
    let mut units = dwarf.units();
    let mut all = Entries::default();
    let mut supplement = Entries::default();
    while let Some(header) = units.next().expect("sound units") {
        let unit = dwarf.unit(header).expect("a sound unit");
        let split = info.split(package.as_ref(), &dwarf, &unit).expect("sound parts");
        match split {
            Some(split) => split.visit(&dwarf, |dwarf| collect_all(dwarf, &mut records)),
            None => all.append(Entries::of(&dwarf, &unit, false).expect("sound entries")),
        }
    }
    let mut units = dwarf.type_units();
    while let Some(header) = units.next().expect("sound units") {
        let unit = dwarf.unit(header).expect("a sound unit");
        all.append(Entries::of(&dwarf, &unit, false).expect("sound entries"));
    }
    if let Some(sup) = dwarf.sup() {
        let mut units = sup.units();
        while let Some(header) = units.next().expect("sound units") {
            let unit = sup.unit(header).expect("a sound unit");
            supplement.append(Entries::of(sup, &unit, true).expect("sound entries"));
        }
    }
    all.append(supplement);
    all.link_signatures();
    describe(&all, &mut records);
    records.sort();
    records.dedup();
    records
}

fn collect_all(dwarf: &Dwarf<'_>, records: &mut Vec<String>) {
    let mut units = dwarf.units();
    while let Some(header) = units.next().expect("sound units") {
        let unit = dwarf.unit(header).expect("a sound unit");
        describe(&Entries::of(dwarf, &unit, false).expect("sound entries"), records);
    }
}

fn describe(entries: &Entries<'_>, records: &mut Vec<String>) {
    for (index, entry) in entries.as_slice().iter().enumerate() {
        if entry.tag != gimli::DW_TAG_structure_type || entry.flags.is_declaration {
            continue;
        }
        // What only refers to the unit of its type has no size of its own.
        let Some(size) = entry.byte_size else { continue };
        let mut line = format!("{}: {size}", entries.qualified_name(index));
        for member in entries.children(index).map(|child| &entries.as_slice()[child]) {
            let Place::Bytes(offset) = member.place else { panic!("{member:?}") };
            let name = String::from_utf8_lossy(member.name);
            line.push_str(&format!(", {name} {} at {offset}", entries.type_name(member.type_id)));
        }
        records.push(line);
    }
}

const EXPECTED: [&str; 3] = [
    "inner: 24, a char at 0, b double at 8, c char at 16",
    "local()::scoped: 8, a char at 0, b int at 4",
    "outer: 40, in inner at 0, next outer * at 24, tail int at 32",
];

#[track_caller]
fn assert_records(path: &Path) {
    assert_eq!(records(path, &nowhere()), EXPECTED);
}

/// The system's folders have nothing to do with these programs.
fn nowhere() -> Search {
    Search { debug_folders: Vec::new() }
}

#[test]
fn plain() {
    let folder = folder();
    for version in ["-gdwarf-3", "-gdwarf-4", "-gdwarf-5"] {
        assert_records(&compile(folder.path(), &["-g", version]));
    }
}

#[test]
fn compressed() {
    let folder = folder();
    for option in ["-gz=zlib", "-gz=zlib-gnu"] {
        assert_records(&compile(folder.path(), &["-g", option]));
    }
}

#[test]
fn type_units() {
    let folder = folder();
    for version in ["-gdwarf-4", "-gdwarf-5"] {
        assert_records(&compile(folder.path(), &["-g", version, "-fdebug-types-section"]));
    }
}

#[test]
fn object_files() {
    let folder = folder();
    for options in [&["-gdwarf-5"][..], &["-gdwarf-4", "-gz"]] {
        let mut args = vec!["-c", "program.c", "-o", "program.o"];
        args.extend(options);
        run(folder.path(), "gcc", &args);
        assert_records(&folder.path().join("program.o"));
    }
}

#[test]
fn split_files_and_packages() {
    for version in ["-gdwarf-4", "-gdwarf-5"] {
        let folder = folder();
        run(folder.path(), "gcc", &["-c", "-g", version, "-gsplit-dwarf", "program.c"]);
        run(folder.path(), "gcc", &["program.o", "-o", "program"]);
        let program = folder.path().join("program");
        assert_records(&program);
        assert_records(&folder.path().join("program.dwo"));
        if version == "-gdwarf-4" {
            // binutils knows packages of version 4 alone.
            run(folder.path(), "dwp", &["-e", "program", "-o", "program.dwp"]);
            std::fs::remove_file(folder.path().join("program.dwo")).expect("is there");
            assert_records(&program);
            std::fs::remove_file(folder.path().join("program.dwp")).expect("is there");
        } else {
            std::fs::remove_file(folder.path().join("program.dwo")).expect("is there");
        }
        assert_eq!(records(&program, &nowhere()), [""; 0], "what is gone is left out");
    }
}

/// A stripped program; its debug information in `program.debug`.
fn stripped(folder: &Path, options: &[&str]) -> PathBuf {
    let program = compile(folder, options);
    run(folder, "objcopy", &["--only-keep-debug", "program", "program.debug"]);
    run(folder, "objcopy", &["--strip-debug", "program"]);
    program
}

#[test]
fn by_build_id() {
    let folder = folder();
    let program = stripped(folder.path(), &["-g", "-Wl,--build-id=0xabcdef0123"]);
    match DebugInfo::open(&program, Wanted::Types, &nowhere()).expect_err("nothing to find").reason {
        Reason::NoDebugInfo { build_id } => assert_eq!(build_id.as_deref(), Some("abcdef0123")),
        other => panic!("{other:?}"),
    }
    let place = folder.path().join("debug/.build-id/ab");
    std::fs::create_dir_all(&place).expect("can be made");
    std::fs::rename(folder.path().join("program.debug"), place.join("cdef0123.debug")).expect("is there");
    let search = Search { debug_folders: vec![folder.path().join("debug")] };
    assert_eq!(records(&program, &search), EXPECTED);
}

#[test]
fn by_debug_link() {
    let folder = folder();
    let program = stripped(folder.path(), &["-g", "-Wl,--build-id=none"]);
    run(folder.path(), "objcopy", &["--add-gnu-debuglink=program.debug", "program"]);
    assert_records(&program);
    std::fs::create_dir(folder.path().join(".debug")).expect("can be made");
    let (near, far) = (folder.path().join("program.debug"), folder.path().join(".debug/program.debug"));
    std::fs::rename(&near, &far).expect("is there");
    assert_records(&program);
    // One that was made from another build has another checksum.
    let mut bytes = std::fs::read(&far).expect("is there");
    bytes.push(0);
    std::fs::write(&far, bytes).expect("can be written");
    let error = DebugInfo::open(&program, Wanted::Types, &nowhere()).expect_err("it does not belong");
    assert!(matches!(error.reason, Reason::NoDebugInfo { .. }), "{error}");
}

#[test]
fn supplementary_files() {
    let folder = folder();
    compile(folder.path(), &["-gdwarf-4"]);
    std::fs::rename(folder.path().join("program"), folder.path().join("first")).expect("is there");
    compile(folder.path(), &["-gdwarf-4", "-O1"]);
    std::fs::rename(folder.path().join("program"), folder.path().join("second")).expect("is there");
    run(folder.path(), "dwz", &["-m", "shared.debug", "-M", "shared.debug", "first", "second"]);
    assert!(folder.path().join("shared.debug").exists(), "dwz found something to share");
    assert_records(&folder.path().join("first"));
    assert_records(&folder.path().join("second"));
    std::fs::remove_file(folder.path().join("shared.debug")).expect("is there");
    let error = DebugInfo::open(&folder.path().join("first"), Wanted::Types, &nowhere()).expect_err("gone");
    assert!(error.to_string().ends_with("shares debug information with `shared.debug`, which was not found"));
}
