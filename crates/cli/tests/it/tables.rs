//! `spandrel sizes`, and output that nobody reads.

use std::fs::File;
use std::process::Stdio;

use crate::command::{assert_refused, said, spandrel};

#[test]
fn the_table_is_plain_in_a_pipe() {
    let said = said(&mut spandrel(["sizes"]));
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
    assert_eq!(said.stdout.lines().count(), 68);
    assert!(!said.stdout.contains('\u{1b}'));
}

#[test]
fn tsv_is_gos_table() {
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/../report/golden/sizes.tsv");
    let golden = std::fs::read_to_string(golden).expect("is there");
    assert_eq!(said(&mut spandrel(["sizes", "--tsv"])).stdout, golden);
}

#[test]
fn sizes_fit_with_and_without_units() {
    let said = said(&mut spandrel(["sizes", "33", "4KiB", "40000"]));
    let rows: Vec<Vec<&str>> =
        said.stdout.lines().skip(1).map(|row| row.split_whitespace().take(2).collect()).collect();
    assert_eq!(rows, [["33", "5"], ["4096", "44"], ["40000", "large"]]);
}

#[test]
fn bad_sizes_are_named() {
    assert_refused(&mut spandrel(["sizes", "33", "4 KB"]), "`4 KB` is not a size");
    assert_refused(&mut spandrel(["sizes", "-1"]), "`-1` is not a size");
    assert_refused(&mut spandrel(["sizes", ""]), "`` is not a size");
    assert_refused(&mut spandrel(["sizes", "18446744073709551615"]), "no allocation has more than");
    assert_refused(&mut spandrel(["sizes", "99999999999999999999"]), "is too large");
    assert_refused(&mut spandrel(["sizes", "--tsv", "3"]), "cannot be used with");
}

#[test]
fn help_and_version_are_no_errors() {
    for args in [&["--help"][..], &["run", "--help"], &["sizes", "-h"], &["bench", "--help"], &["--version"]]
    {
        let said = said(&mut spandrel(args));
        assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""), "{args:?}");
        assert!(said.stdout.contains("spandrel"), "{args:?}");
    }
}

#[test]
fn a_reader_that_leaves_is_no_error_and_a_full_disk_is_one() {
    let mut child = spandrel(["sizes"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0), "{output:?}");

    let full = File::options().write(true).open("/dev/full").expect("every Linux has it");
    let output = spandrel(["sizes"]).stdout(full).stderr(Stdio::piped()).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stderr.starts_with(b"spandrel: cannot write the output: "), "{output:?}");
}
