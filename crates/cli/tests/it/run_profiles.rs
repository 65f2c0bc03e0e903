//! `spandrel run --profile`: what it writes, and what it says when there is nothing to write.

use spandrel_profile::{Profile, read};

use crate::command::{assert_refused, said, spandrel};

fn run(script: &str, options: &str) -> (crate::command::Said, Option<Profile>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("heap.pb.gz");
    let mut command = spandrel(["run", "--profile"]);
    command.arg(&file).args(["--", "sh", "-c", script]).env("SPANDREL", options);
    let said = said(&mut command);
    let profile = std::fs::read(&file).ok().map(|bytes| read(&bytes).expect("it is a profile").0);
    (said, profile)
}

#[test]
fn all_processes_are_in_it() {
    let (said, profile) = run("cat /dev/null; ls / > /dev/null; exit 7", "memprofilerate=1");
    assert_eq!(said.code, Some(7), "{}", said.stderr);
    assert!(said.stderr.contains("Type: alloc_space"), "{}", said.stderr);
    assert!(!said.stderr.contains("skipped"), "{}", said.stderr);
    let profile = profile.expect("it was written");
    assert_eq!((profile.period, &*profile.default_sample_type), (1, "inuse_space"));
    let threads: std::collections::BTreeSet<_> =
        profile.samples.iter().filter_map(|sample| sample.text("thread")).map(ToString::to_string).collect();
    assert!(threads.contains("ls") && threads.contains("sh"), "{threads:?}");
    assert!(profile.mappings.iter().all(|mapping| mapping.start < mapping.limit));
    let has_id = profile
        .mappings
        .iter()
        .any(|mapping| mapping.file.contains("/libc.so") && mapping.build_id.len() == 40);
    assert!(has_id, "{:?}", profile.mappings);
    // None of the allocator's own frames is in a stack.
    let names = profile.functions.iter().map(|function| &*function.name);
    assert!(!names.into_iter().any(|name| name.contains("spandrel")));
}

#[test]
fn a_process_that_is_killed_leaves_its_last() {
    let script = "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); x=$x.; done; sleep 2; y=$(ls /); kill -9 $$";
    let (said, profile) = run(script, "memprofilerate=1");
    assert_eq!(said.code, Some(137), "{}", said.stderr);
    assert!(profile.is_some(), "{}", said.stderr);
}

#[test]
fn nothing_to_write_is_said() {
    let (said, profile) = run("exit 0", "memprofilerate=0");
    assert_eq!(said.code, Some(2));
    assert!(profile.is_none());
    assert!(said.stderr.contains("no process left a heap profile"), "{}", said.stderr);
}

#[test]
fn bad_arguments_are_refused_before_the_start() {
    assert_refused(
        &mut spandrel(["run", "--profile", "/nonexistent/x.pb.gz", "--", "echo", "x"]),
        "/nonexistent",
    );
    let mut bad = spandrel(["run", "--", "echo", "x"]);
    for (option, part) in [
        ("memprofilerate=x", "memprofilerate=x"),
        ("profstackdepth=0", "from 1 to 512"),
        ("profile=", "wants a path"),
        ("profileinterval=0", "seconds"),
        ("allocfreetrace=", "path"),
    ] {
        assert_refused(bad.env("SPANDREL", option), part);
    }
}
