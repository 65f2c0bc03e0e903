//! Files that are no program, or are one no more: an error of one line, never a panic.

use std::path::Path;

use spandrel_debuginfo::{DebugInfo, Entries, Search, Wanted};

use crate::programs::{compile, folder};

fn read(path: &Path) -> Result<usize, String> {
    let info = DebugInfo::open(path, Wanted::Everything, &Search { debug_folders: Vec::new() })
        .map_err(|error| error.to_string())?;
    let dwarf = info.dwarf();
    let mut units = dwarf.units();
    let mut entries = 0;
    while let Some(header) = units.next().map_err(|error| error.to_string())? {
        let unit = dwarf.unit(header).map_err(|error| error.to_string())?;
        let read = Entries::of(&dwarf, &unit, false).map_err(|error| error.to_string())?;
        for (index, entry) in read.as_slice().iter().enumerate() {
            entries += read.qualified_name(index).len() + read.type_name(entry.type_id).len();
        }
    }
    Ok(entries)
}

#[test]
fn what_is_no_program_is_told_in_a_line() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("empty"), "").expect("can be written");
    std::fs::write(path("text"), "hello\n").expect("can be written");
    std::fs::write(path("short"), b"\x7fELF\x02\x01\x01").expect("can be written");
    let cases = [
        ("gone", "` does not exist"),
        ("", "is no regular file"),
        ("empty", "is empty"),
        ("text", "is no ELF file"),
        ("short", "is no ELF file"),
    ];
    for (name, part) in cases {
        let error = read(&path(name)).expect_err(name);
        assert!(error.contains(part) && !error.contains('\n'), "{name}: {error}");
    }
    assert!(read(Path::new("/dev/zero")).expect_err("a device").contains("is no regular file"));
}

#[test]
fn no_cut_and_no_flipped_byte_is_too_much() {
    let folder = folder();
    let program = compile(folder.path(), &["-gdwarf-5", "-gz"]);
    let bytes = std::fs::read(&program).expect("is there");
    let victim = folder.path().join("victim");
    let try_with = |changed: &[u8]| {
        std::fs::write(&victim, changed).expect("can be written");
        if let Err(error) = read(&victim) {
            assert!(!error.contains('\n'), "{error}");
        }
    };
    for cut in (1..24).map(|part| bytes.len() * part / 24) {
        try_with(&bytes[..cut]);
    }
    let mut place = 7_usize;
    for round in 0..400 {
        let mut changed = bytes.clone();
        for _ in 0..=round % 3 {
            place = place.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = (place >> 20) % changed.len();
            changed[at] ^= (place >> 8) as u8 | 1;
        }
        try_with(&changed);
    }
}
