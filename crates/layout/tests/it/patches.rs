//! Changes of the source: applied, compiled, and measured in a program that holds two million objects.

use std::process::Command;

use spandrel_layout::{Allocator, Analyzer, NoPatch, Patch, Site, Weights, patch};

use crate::programs::{Compiled, compile, run};

const C_SOURCE: &str = r#"#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One entry of the cache. */
struct entry {
	/* Whether it is in use. */
	char used;
	long key; // never 0
	char dirty;

	/* Where the value is,
	   and how long. */
	char *value;
	char kind;
	int len;
	struct entry *next; /* in the bucket */
	char tail;
};

static long resident(void) {
	char line[256];
	long kib = 0;
	FILE *f = fopen("/proc/self/status", "r");
	while (fgets(line, sizeof line, f))
		if (sscanf(line, "VmRSS: %ld", &kib) == 1)
			break;
	fclose(f);
	return kib;
}

int main(void) {
	struct entry *head = 0;
	for (long i = 0; i < 2000000; i++) {
		struct entry *e = malloc(sizeof *e);
		memset(e, 1, sizeof *e);
		e->next = head;
		head = e;
	}
	printf("%ld\n", resident());
	return head == 0;
}
"#;

const RUST_SOURCE: &str = r#"//! Two million nodes.

/// A node.
#[repr(C)]
pub struct Node {
    /// Whether it is marked.
    pub marked: bool,
    pub weight: i64, // grams
    pub kind: u8,
    #[allow(dead_code)]
    pub next: Option<Box<Node>>,
    pub len: u32,
    pub flag: bool,
    pub total: f64
}

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn main() {
    let mut all: Vec<Box<Node>> = Vec::with_capacity(2_000_000);
    for number in 0..2_000_000_i64 {
        let (kind, flag) = (number as u8, number % 2 == 0);
        all.push(Box::new(Node { marked: flag, weight: number, kind, next: None, len: 1, flag, total: 0.5 }));
    }
    println!("{}", resident());
    std::mem::forget(all);
}
"#;

#[track_caller]
fn patch_of(compiled: &Compiled, name: &str) -> Result<Patch, NoPatch> {
    let id = compiled.types.find(name).unwrap_or_else(|error| panic!("{error}"));
    let mut analyzer = Analyzer::new(&compiled.types, None);
    let best = analyzer.analyze(id).best.unwrap_or_else(|obstacle| panic!("{obstacle}"));
    patch(&compiled.types, id, &best, analyzer.sources())
}

/// Applies the patch with the `patch` that everybody has, compiles anew, and returns the new program.
fn apply(compiled: &Compiled, patch: &Patch, file: &str, compiler: &[&str]) -> Compiled {
    let folder = compiled.folder.path();
    std::fs::write(folder.join("change.diff"), patch.unified(folder)).expect("can be written");
    run(folder, "patch", &["-p1", "-i", "change.diff"]);
    let source = std::fs::read_to_string(folder.join(file)).expect("is there");
    assert_eq!(source, patch.new);
    compile(file, &source, compiler)
}

fn resident_bytes(compiled: &Compiled) -> u64 {
    let output = Command::new("./program").current_dir(compiled.folder.path()).output().expect("it runs");
    let kib: u64 = String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number");
    kib * 1024
}

/// The saving that is predicted for two million live objects, and the one that comes true.
fn predicted_and_real(file: &str, source: &str, name: &str, compiler: &[&str]) -> (u64, u64) {
    let before = compile(file, source, compiler);
    let id = before.types.find(name).expect("exactly one");
    let mut analyzer = Analyzer::new(&before.types, Some(Allocator::Glibc));
    let analysis = analyzer.analyze(id);
    let site = Site {
        type_name: Some(name.to_string()),
        object_bytes: analysis.cost.bytes,
        live_objects: 2_000_000,
        ..Site::default()
    };
    let predicted = Weights::new(&analyzer, &[site]).saved_bytes(&analyzer, &analysis);
    let after = apply(&before, &patch_of(&before, name).expect("a patch"), file, compiler);
    let new = after.types.get(after.types.find(name).expect("exactly one"));
    assert_eq!(new.bytes, analysis.best.ok().map(|best| best.bytes_best), "the patch keeps its word");
    (predicted, resident_bytes(&before) - resident_bytes(&after))
}

#[track_caller]
fn assert_near((predicted, real): (u64, u64)) {
    println!("predicted {predicted}, real {real}");
    assert!(predicted > 20_000_000, "{predicted}");
    assert!(predicted.abs_diff(real) * 20 <= real, "predicted {predicted}, real {real}");
}

#[test]
fn the_saving_in_c_comes_true() {
    assert_near(predicted_and_real("cache.c", C_SOURCE, "entry", &["gcc", "-g", "-O1"]));
}

#[test]
fn the_saving_in_rust_comes_true() {
    let compiler = ["rustc", "--edition", "2024", "-g", "-O"];
    assert_near(predicted_and_real("nodes.rs", RUST_SOURCE, "nodes::Node", &compiler));
}

#[test]
fn comments_move_with_their_members() {
    let compiled = compile("cache.c", C_SOURCE, &["gcc", "-g"]);
    let found = patch_of(&compiled, "entry");
    let new = found.expect("a patch").new;
    for kept in
        ["\t/* Whether it is in use. */\n\tchar used;\n", "\tlong key; // never 0\n", "/* in the bucket */"]
    {
        assert!(new.contains(kept), "{kept} is not in {new}");
    }
    assert_eq!(new.lines().count(), C_SOURCE.lines().count());

    let compiled = compile("nodes.rs", RUST_SOURCE, &["rustc", "--edition", "2024", "-g"]);
    let new = patch_of(&compiled, "nodes::Node").expect("a patch").new;
    for kept in [
        "    /// Whether it is marked.\n    pub marked: bool,\n",
        "    #[allow(dead_code)]\n    pub next: Option<Box<Node>>,\n",
        "    pub weight: i64, // grams\n",
        "    pub total: f64,\n",
    ] {
        assert!(new.contains(kept), "{kept} is not in {new}");
    }
}

#[test]
fn what_cannot_be_moved_line_by_line_is_left_alone() {
    let compiler = ["gcc", "-g", "-w"];
    let cases = [
        ("struct a { char a; long b; char c; } k;\nint main(void) { return 0; }\n", NoPatch::Lines),
        ("struct a {\n\tchar a; long b;\n\tchar c;\n} k;\nint main(void) { return 0; }\n", NoPatch::Lines),
        (
            "struct a {\n\tchar a, d;\n\tlong b;\n\tchar c;\n} k;\nint main(void) { return 0; }\n",
            NoPatch::Lines,
        ),
        (
            "struct a {\n\tchar a;\n#if 1\n\tlong b;\n#endif\n\tchar c;\n} k;\n\
             int main(void) { return 0; }\n",
            NoPatch::Between,
        ),
        (
            "struct a {\n\tchar a;\n\tstruct {\n\t\tlong x;\n\t} b;\n\tchar c;\n} k;\n\
             int main(void) { return 0; }\n",
            NoPatch::Between,
        ),
        ("struct a {\n\tlong b;\n\tchar a;\n\tchar c;\n} k;\nint main(void) { return 0; }\n", NoPatch::Best),
    ];
    for (source, reason) in cases {
        let compiled = compile("a.c", source, &compiler);
        assert_eq!(patch_of(&compiled, "a"), Err(reason), "{source}");
    }
    let compiled = compile(
        "a.c",
        "struct a {\n\tchar a;\n\tlong b;\n\tchar c;\n} k;\nint main(void) { return 0; }\n",
        &compiler,
    );
    let source = compiled.folder.path().join("a.c");
    std::fs::write(&source, "\n\n\n\nstruct other {\n\tint x;\n};\n").expect("can be written");
    assert_eq!(patch_of(&compiled, "a"), Err(NoPatch::Changed));
    std::fs::remove_file(&source).expect("is there");
    assert_eq!(patch_of(&compiled, "a"), Err(NoPatch::NoSource));
}
