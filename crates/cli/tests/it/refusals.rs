//! What `spandrel run` refuses before it starts anything, each with one line and exit code 2.

use std::path::{Path, PathBuf};

use crate::command::{assert_refused, spandrel, write_program};

/// A copy of `/bin/true`, changed by `patch`.
fn patched(folder: &Path, patch: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
    let mut bytes = std::fs::read("/bin/true").expect("every machine has it");
    assert_eq!(bytes[4], 2, "/bin/true is a 64-bit program");
    patch(&mut bytes);
    let path = folder.join("program");
    write_program(&path, &bytes);
    path
}

/// Where the program headers of `kind` start in a 64-bit little-endian ELF file.
fn program_headers(bytes: &[u8], kind: u32) -> Vec<usize> {
    let field = |at: usize| usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    let table = u64::from_le_bytes(bytes[32..40].try_into().expect("eight bytes"));
    let start = usize::try_from(table).expect("a small file");
    let all = (0..field(56)).map(|index| start + index * field(54));
    all.filter(|&at| bytes[at..at + 4] == kind.to_le_bytes()).collect()
}

#[track_caller]
fn assert_elf_refused(patch: impl FnOnce(&mut Vec<u8>), part: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = patched(folder.path(), patch);
    assert_refused(spandrel(["run", "--"]).arg(&path), part);
    // The same file as the interpreter of a script.
    let script = folder.path().join("script");
    write_program(&script, format!("#!{}\n", path.display()).as_bytes());
    assert_refused(spandrel(["run", "--"]).arg(&script), part);
}

#[test]
fn a_whole_copy_runs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = patched(folder.path(), |_| {});
    let output = spandrel(["run", "--"]).arg(&path).output().expect("the command starts");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn static_programs() {
    for kind in [2, 3] {
        assert_elf_refused(
            |bytes| {
                for header in program_headers(bytes, kind) {
                    bytes[header..header + 4].fill(0);
                }
            },
            "is statically linked, so nothing can be loaded into it",
        );
    }
}

#[test]
fn programs_for_other_machines() {
    assert_elf_refused(|bytes| bytes[4] = 1, "is a 32-bit program, and the library has 64 bits");
    let (number, name) = if cfg!(target_arch = "aarch64") { (62, "x86-64") } else { (183, "aarch64") };
    assert_elf_refused(|bytes| bytes[18] = number, &format!("is built for {name}, and the library for"));
}

#[test]
fn damaged_and_unlinked_programs() {
    assert_elf_refused(|bytes| bytes.truncate(40), "is damaged: ");
    assert_elf_refused(|bytes| bytes[16] = 1, "is an object file, not a program");
}

#[test]
fn programs_without_our_loader() {
    let name_loader = |name: &'static str| {
        move |bytes: &mut Vec<u8>| {
            let header = program_headers(bytes, 3)[0];
            let at = u64::from_le_bytes(bytes[header + 8..header + 16].try_into().expect("eight bytes"));
            let at = usize::try_from(at).expect("a small file");
            bytes[at..at + name.len()].copy_from_slice(name.as_bytes());
        }
    };
    assert_elf_refused(name_loader("/no/loader\0"), "needs the loader `/no/loader`, which does not exist");
    if cfg!(target_env = "gnu") {
        assert_elf_refused(
            name_loader("/lib/ld-musl-x.so\0"),
            "is linked with musl, and the library needs glibc",
        );
    }
}

#[test]
fn what_is_no_program() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cases: [(&str, &[u8], &str); 7] = [
        ("text", b"echo hello\n", "is a text file without a `#!` line: name its interpreter"),
        ("empty", b"", "is empty"),
        ("data", b"\0\x01\x02", "is neither an ELF program nor a script"),
        ("bare", b"#!\n", "has a `#!` line without an interpreter"),
        (
            "lost",
            b"#!/no/such/interpreter\n",
            "interpreter cannot be used: `/no/such/interpreter` does not exist",
        ),
        ("env", b"#!/usr/bin/env no-such-thing\n", "`no-such-thing` was not found in PATH"),
        ("folder-run", b"#!/\n", "`/` is a folder, not a program"),
    ];
    for (name, bytes, part) in cases {
        let path = folder.path().join(name);
        write_program(&path, bytes);
        assert_refused(spandrel(["run", "--"]).arg(&path), part);
    }
    let itself = folder.path().join("itself");
    write_program(&itself, format!("#!{}\n", itself.display()).as_bytes());
    assert_refused(spandrel(["run", "--"]).arg(&itself), "the kernel does not go so deep");
}

#[test]
fn what_is_not_there() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let plain = folder.path().join("plain");
    std::fs::write(&plain, "x").expect("can be written");
    assert_refused(&mut spandrel(["run"]), "no program to run: say `spandrel run -- CMD ARG...`");
    assert_refused(&mut spandrel(["run", "--", ""]), "the name of the program is empty");
    assert_refused(&mut spandrel(["run", "--", "no-such-thing"]), "`no-such-thing` was not found in PATH");
    assert_refused(&mut spandrel(["run", "--", "./no/such"]), "`./no/such` does not exist");
    assert_refused(spandrel(["run", "--"]).arg(folder.path()), "is a folder, not a program");
    assert_refused(spandrel(["run", "--"]).arg(&plain), "is not executable: allow it with `chmod +x`");
}

#[test]
fn bad_options_of_the_allocator() {
    let cases = [
        ("hugo=1", "bad option `hugo=1` in the variable SPANDREL: the keys are memlimit, "),
        ("memlimit=lots", "bad option `memlimit=lots` in the variable SPANDREL: a size is a number "),
        ("stats", "bad option `stats` in the variable SPANDREL: write it as key=value"),
    ];
    for (options, part) in cases {
        assert_refused(spandrel(["run", "--", "echo", "started"]).env("SPANDREL", options), part);
    }
}

#[test]
fn bad_arguments() {
    assert_refused(&mut spandrel(["run", "--stats=0", "--", "echo"]), "write a number of seconds from 0.01");
    assert_refused(&mut spandrel(["run", "--stat", "--", "echo"]), "a similar argument exists: '--stats'");
    assert_refused(
        &mut spandrel(["rum"]),
        "the commands are run, report, diff, layout, library, sizes, top and bench",
    );
    assert_refused(&mut spandrel([""; 0]), "no command: say `spandrel run`");
}

#[test]
fn places_that_take_no_json() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let with = |out: &Path| {
        let mut command = spandrel(["run", "--json"]);
        command.arg(out).args(["--", "echo", "started"]);
        command
    };
    assert_refused(&mut with(folder.path()), "it is a folder");
    assert_refused(&mut with(&folder.path().join("no/out.json")), "does not exist");
    assert_refused(&mut with(Path::new("no/..")), "it does not name a file");
    let out = folder.path().join("out.json");
    std::fs::write(&out, "before").expect("can be written");
    assert_refused(spandrel(["run", "--json"]).arg(&out).arg("./no/such"), "does not exist");
    assert_eq!(std::fs::read_to_string(&out).expect("is there"), "before");
}

#[test]
fn temporary_folders_that_take_no_records() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let comma = folder.path().join("a,b");
    std::fs::create_dir(&comma).expect("can be made");
    let with = |tmpdir: &Path| {
        let mut command = spandrel(["run", "--", "echo", "started"]);
        command.env("TMPDIR", tmpdir);
        command
    };
    assert_refused(&mut with(&comma), "has a comma or is not UTF-8: set TMPDIR");
    assert_refused(&mut with(&folder.path().join("none")), "cannot make a folder for records in");
    assert_eq!(std::fs::read_dir(&comma).expect("is there").count(), 0, "nothing is left behind");
}
