//! C programs that misuse the heap, under `LD_PRELOAD`: each has to end before the wrong call returns, with
//! one line that says what was done.
#![cfg(not(bare_machine))]

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// cargo builds the shared object beside this test.
fn library() -> PathBuf {
    std::env::current_exe().unwrap().with_file_name("libspandrel_preload.so")
}

fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/places/misuse.c");
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("misuse-{}", std::process::id()));
        let mut gcc = Command::new("gcc");
        gcc.args(["-O0", "-g", "-w", "-rdynamic"]).arg(source).arg("-o").arg(&program).arg("-ldl");
        assert!(gcc.status().unwrap().success(), "it does not compile");
        program
    })
}

fn run(case: &str, options: &str) -> Output {
    Command::new(program())
        .args(case.split(' '))
        .env("LD_PRELOAD", library())
        .env("SPANDREL", options)
        .output()
        .unwrap()
}

/// The case ends with a line that has all `words`, and the stack with this program on it.
fn noticed(case: &str, options: &str, words: &[&str]) {
    let output = run(case, options);
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{case}: {}\n{out}{error}", output.status);
    assert_eq!(out, "", "{case}");
    let first = error.lines().next().unwrap_or_default();
    for word in words.iter().chain(&["spandrel: ", "(thread "]) {
        assert!(first.contains(word), "{case}: {error}");
    }
    let name = program().to_str().unwrap();
    assert!(error.lines().skip(1).any(|line| line.contains(name)), "{case}: {error}");
}

#[test]
fn the_program_itself_is_fine() {
    for options in ["", "hardened=1"] {
        let output = run("nothing", options);
        assert!(output.status.success());
        assert_eq!(String::from_utf8_lossy(&output.stdout), "returned\n");
    }
}

#[test]
fn hardened() {
    let cases: [(&str, &[&str]); 9] = [
        ("double-free", &["double free of 0x", "class 5 (48 bytes)"]),
        ("double-free-late", &["double free of 0x"]),
        ("double-free-realloc", &["double free of 0x"]),
        ("interior", &["points into a span", "offset 16 of 112 bytes"]),
        ("stack", &["not from this heap"]),
        ("static", &["not from this heap"]),
        ("sized", &["wrong layout", "class 5 (48 bytes)"]),
        ("write-after-free", &["was written to after it was freed", "offset 9"]),
        ("write-to-link", &["was written to after it was freed"]),
    ];
    for (case, words) in cases {
        noticed(case, "hardened=1", words);
    }
}

/// What is noticed without an option.
#[test]
fn always() {
    for (case, words) in [
        ("stack", "not from this heap"),
        ("static", "not from this heap"),
        ("large-double-free", "double free of 0x"),
        ("large-interior", "not from this heap"),
        ("own-double-free", "not from this heap"),
    ] {
        noticed(case, "", &[words]);
    }
}

#[test]
fn guarded() {
    for (case, words) in [
        ("overread", "behind the end of the object"),
        ("underflow", "a write beside the object"),
        ("touch-after-free", "a touch of a freed object"),
        ("double-free", "double free of 0x"),
        ("interior", "points into a guarded object"),
        ("sized", "with a layout of class"),
    ] {
        noticed(case, "guarded=1", &[words, "offset "]);
    }
    let output = run("touch-after-free", "guarded=1");
    let error = String::from_utf8_lossy(&output.stderr);
    for part in ["spandrel: noticed in", "spandrel: allocated in", "spandrel: freed in"] {
        assert!(error.contains(part), "{error}");
    }
    assert!(run("nothing", "guarded=1").status.success());
}

#[test]
fn guarded_large_objects() {
    for bytes in [33_000, 5_000_000] {
        for (case, words) in [
            ("touch-after-free", "a touch of a freed object"),
            ("double-free", "double free of 0x"),
            ("double-free-realloc", "a touch of a freed object"),
        ] {
            let words = [words, "offset ", &format!("of {bytes} bytes")];
            let case = format!("{case} {bytes}");
            noticed(&case, "guarded=1", &words);
            noticed(&case, "guarded=1,hardened=1", &words);
        }
        let output = run(&format!("usable {bytes}"), "guarded=1");
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{bytes}\nreturned\n"));
    }
}

/// Lengths of large objects: of those with spans, and of those that would have a mapping of their own.
const LARGE: [usize; 9] =
    [32_769, 40_960, 65_535, 100_001, 128 << 10, 1 << 20, (1 << 20) + 1, 8 << 20, (8 << 20) + 7];

/// One byte too many, for every length.
#[test]
fn overflows_of_guarded_objects() {
    let small = [255, 256, 257, 1000, 1024, 1025, 4095, 4096, 4097, 8192, 9000, 32_767, 32_768];
    for bytes in (1..200).chain(small).chain(LARGE) {
        let output = run(&format!("overflow {bytes}"), "guarded=1");
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{bytes}: {error}");
        let words = ["behind the end of the object", "a write beside the object"];
        assert!(words.iter().any(|words| error.contains(words)), "{bytes}: {error}");
        assert!(error.contains(&format!("offset {bytes} of {bytes} bytes")), "{bytes}: {error}");
    }
}

#[test]
fn overflows_of_guarded_large_objects() {
    for case in ["overflow-resized", "overflow-zeroed", "overflow-aligned"] {
        for bytes in LARGE {
            let len = if case == "overflow-resized" { bytes + 1 } else { bytes };
            let output = run(&format!("{case} {bytes}"), "guarded=1");
            let error = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{case} {bytes}: {error}");
            assert!(error.contains(&format!("offset {len} of {len} bytes")), "{case} {bytes}: {error}");
        }
    }
}
