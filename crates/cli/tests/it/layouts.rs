//! `spandrel layout` from outside: outputs, exit codes, what it refuses.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use cargo_metadata::Message;
use serde_json::Value;
use spandrel_profile::{BYTES_LABEL, Builder, Label, TYPE_LABEL, ValueType};
use tempfile::TempDir;

use crate::command::{Said, assert_refused, said, spandrel};

const SOURCE: &str = "\
struct flagged {
\tchar a;
\tlong b; /* counts */
\tchar c;
};
struct tight { long a; int b, c; };
struct flagged k1;
struct tight k2;
int main(void) { return 0; }
";

#[track_caller]
fn run(folder: &Path, program: &str, args: &[&str]) -> Output {
    let output = Command::new(program).args(args).current_dir(folder).output();
    let output = output.unwrap_or_else(|error| panic!("this test needs {program}: {error}"));
    assert!(output.status.success(), "{program} {args:?}: {output:?}");
    output
}

/// A folder with a program of C in it.
fn program() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("program.c"), SOURCE).expect("can be written");
    run(folder.path(), "gcc", &["-g", "program.c", "-o", "program"]);
    let program = folder.path().join("program");
    (folder, program)
}

fn layout(folder: &Path, args: &[&str]) -> Said {
    said(spandrel(["layout", "program"]).args(args).current_dir(folder))
}

#[track_caller]
fn fine(said: Said) -> String {
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""), "{said:?}");
    assert!(!said.stdout.contains('\u{1b}'), "plain in a pipe");
    said.stdout
}

#[test]
fn an_overview_and_a_picture() {
    let (folder, _) = program();
    let text = fine(layout(folder.path(), &[]));
    assert!(text.contains("  24    16       32     16"), "{text}");
    assert!(text.contains("safe  flagged (reorder)") && !text.contains("tight"), "{text}");
    let text = fine(layout(folder.path(), &["flagged"]));
    for line in [
        "       0       1  a          char      |#.......................|",
        "       1       7  (hole)               |.-------................|",
        "      17       7  (padding)            |.................-------|",
        "on the heap     32 bytes in spandrel; 8 more would cost nothing, the next cheaper size is 16",
        "                b, a, c",
        "verdict         safe",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line} is not in\n{text}");
    }
    let text = fine(layout(folder.path(), &["--allocator", "glibc", "flagged"]));
    assert!(text.contains("both take 32 on the heap"), "{text}");
}

#[test]
fn json_says_all() {
    let (folder, _) = program();
    let text = fine(layout(folder.path(), &["--json", "flagged"]));
    let json: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((&json["schema"], &json["version"]), (&"spandrel.layout".into(), &1.into()));
    let found = &json["types"][0];
    assert_eq!(found["name"], "flagged");
    assert_eq!(found["members"][1]["offset_bits"], 64);
    assert_eq!(found["best"]["order"], serde_json::json!(["b", "a", "c"]));
    assert_eq!(found["cost"]["heap_bytes_best"], 16);
    assert_eq!(found["findings"][0]["kind"], "reorder");
    assert_eq!(found["weight"], Value::Null);
}

#[test]
fn sarif_points_at_the_source() {
    let (folder, _) = program();
    let text = fine(layout(folder.path(), &["--sarif"]));
    let json: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(json["version"], "2.1.0");
    let run = &json["runs"][0];
    let results = run["results"].as_array().expect("a list");
    let reorder = results.iter().find(|result| result["ruleId"] == "reorder").expect("it is found");
    let place = &reorder["locations"][0]["physicalLocation"];
    assert_eq!(
        (&place["artifactLocation"]["uri"], &place["region"]["startLine"]),
        (&"program.c".into(), &1.into())
    );
    let index = usize::try_from(reorder["ruleIndex"].as_u64().expect("a number")).expect("small");
    assert_eq!(run["tool"]["driver"]["rules"][index]["id"], "reorder");
}

#[test]
fn budgets_decide_the_exit_code() {
    let (folder, _) = program();
    let check = |text: &str| {
        std::fs::write(folder.path().join("layout.toml"), text).expect("can be written");
        layout(folder.path(), &["--check", "layout.toml"])
    };
    let kept = check(
        "[types]\nflagged = [\"size <= 24\", \"class == 32\"]\ntight = [\"no-padding\", \"one-line\"]\n",
    );
    assert_eq!(fine(kept), "2 types keep their budgets\n");
    let broken = check("[types]\nflagged = [\"size <= 16\", \"no-padding\"]\n");
    assert_eq!(broken.code, Some(1));
    assert_eq!(
        broken.stdout,
        "flagged: size <= 16 is broken: it is 24\nflagged: no-padding is broken: it is 14\n"
    );
    let with_allocator = check("allocator = \"go\"\n[types]\nflagged = \"class == 24\"\n");
    assert_eq!(fine(with_allocator), "1 type keeps its budgets\n");
    let refused = |text: &str, part: &str| {
        std::fs::write(folder.path().join("layout.toml"), text).expect("can be written");
        let mut command = spandrel(["layout", "program", "--check", "layout.toml"]);
        assert_refused(command.current_dir(folder.path()), part);
    };
    refused("[types]\nflaged = \"one-line\"\n", "there is no type `flaged`");
    refused("[types]\nflagged = \"size about 3\"\n", "`size about 3` is no condition: write size, ");
    refused("[types\n", "`layout.toml`: line 1: ");
    assert_refused(
        spandrel(["layout", "program", "--check", "none.toml"]).current_dir(folder.path()),
        "`none.toml`: No such file",
    );
}

#[test]
fn builds_are_compared() {
    let (folder, program) = program();
    std::fs::rename(&program, folder.path().join("old")).expect("is there");
    let new = SOURCE.replace("\tchar a;\n", "").replace("\tchar c;\n", "\tchar c, a;\n");
    std::fs::write(folder.path().join("program.c"), new).expect("can be written");
    run(folder.path(), "gcc", &["-g", "program.c", "-o", "program"]);
    let text = fine(layout(folder.path(), &["--diff", "old"]));
    assert!(text.contains("24        16      -8  flagged: b 8 to 0, c 16 to 8, a 0 to 9"), "{text}");
    assert!(!text.contains("tight"), "{text}");
    assert_eq!(fine(layout(folder.path(), &["--diff", "program"])), "no type changed\n");
}

#[test]
fn a_patch_applies() {
    let (folder, _) = program();
    let patch = fine(layout(folder.path(), &["--patch"]));
    assert!(patch.starts_with("--- a/program.c\n+++ b/program.c\n"), "{patch}");
    std::fs::write(folder.path().join("change.diff"), &patch).expect("can be written");
    run(folder.path(), "patch", &["-p1", "-i", "change.diff"]);
    let source = std::fs::read_to_string(folder.path().join("program.c")).expect("is there");
    assert!(
        source.starts_with("struct flagged {\n\tlong b; /* counts */\n\tchar a;\n\tchar c;\n};\n"),
        "{source}"
    );
    run(folder.path(), "gcc", &["-g", "program.c", "-o", "program"]);
    assert_eq!(fine(layout(folder.path(), &["--patch"])), "", "nothing is left to do");
}

/// A workspace of two packages, built.
fn workspace() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("can be made");
        std::fs::write(path, text).expect("can be written");
    };
    write("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"app\", \"a-lib\"]\n");
    write("a-lib/Cargo.toml", "[package]\nname = \"a-lib\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
    write("a-lib/src/lib.rs", "//! A library.\npub mod tree;\n");
    write(
        "a-lib/src/tree.rs",
        "//! A tree.\n\n/// A node.\n#[repr(C)]\npub struct Node {\n    \
         pub a: u8,\n    pub b: u64,\n    pub c: u8,\n}\n",
    );
    write(
        "app/Cargo.toml",
        "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
         [dependencies]\na-lib = { path = \"../a-lib\" }\n",
    );
    write(
        "app/src/main.rs",
        "//! An app.\npub enum Event {\n    Small(u8),\n    Large([u8; 200]),\n}\nfn main() {\n    \
         std::hint::black_box((Event::Small(1), Event::Large([0; 200])));\n    \
         std::hint::black_box(a_lib::tree::Node { a: 1, b: 2, c: 3 });\n}\n",
    );
    run(folder.path(), "cargo", &["build", "--offline", "--quiet", "--target-dir", "target"]);
    folder
}

#[test]
fn messages_are_cargos() {
    let folder = workspace();
    let output = fine(said(
        spandrel(["layout", "target/debug/app", "--message-format=json"]).current_dir(folder.path()),
    ));
    let mut places = Vec::new();
    let mut is_finished = false;
    for message in Message::parse_stream(output.as_bytes()) {
        match message.expect("as cargo writes it") {
            Message::CompilerMessage(found) => {
                let span = &found.message.spans[0];
                let code = found.message.code.expect("a code").code;
                assert!(
                    found.package_id.repr.contains(&found.target.name.replace('_', "-")),
                    "{}",
                    found.package_id
                );
                let text = &span.text[0];
                let named: String = text.text.chars().skip(text.highlight_start - 1).collect();
                places.push((code, span.file_name.clone(), span.line_start, named));
            }
            Message::BuildFinished(finished) => is_finished = finished.success,
            other => panic!("{other:?}"),
        }
    }
    assert!(is_finished);
    places.sort();
    let expect = |code: &str, file: &str, line, named: &str| {
        (format!("spandrel::{code}"), file.to_string(), line, named.to_string())
    };
    let large = expect("large-variant", "app/src/main.rs", 2, "Event {");
    let node = expect("reorder", "a-lib/src/tree.rs", 5, "Node {");
    assert!(places.contains(&large) && places.contains(&node), "{places:#?}");
}

/// The command that the README gives to rust-analyzer, run as rust-analyzer does.
#[test]
fn the_command_of_the_readme_is_understood() {
    let readme =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md")).expect("is there");
    let (_, rest) = readme.split_once("\"rust-analyzer.check.overrideCommand\": ").expect("it is told");
    let (array, _) = rest.split_once("\n```").expect("it ends");
    let words: Vec<String> = serde_json::from_str(array).expect("JSON");
    let folder = workspace();
    let own = Path::new(env!("CARGO_BIN_EXE_spandrel")).parent().expect("a folder");
    let path = format!("{}:{}", own.display(), std::env::var("PATH").expect("it is set"));
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).env("PATH", path).env("CARGO_TARGET_DIR", "target");
    let output = command.current_dir(folder.path()).output().expect("it runs");
    assert!(output.status.success(), "{output:?}");
    let messages: Vec<Message> =
        Message::parse_stream(output.stdout.as_slice()).map(|message| message.expect("as cargo's")).collect();
    let places: Vec<(String, usize)> = messages
        .iter()
        .filter_map(|message| match message {
            Message::CompilerMessage(found) => Some(&found.message.spans[0]),
            _ => None,
        })
        .map(|span| (span.file_name.clone(), span.line_start))
        .collect();
    assert!(places.contains(&("a-lib/src/tree.rs".to_string(), 5)), "{places:?}");
    assert!(
        messages.iter().any(|message| matches!(message, Message::CompilerArtifact(_))),
        "cargo's own too"
    );
}

#[test]
fn a_rust_patch_and_its_verdict() {
    let folder = workspace();
    let output = said(spandrel(["layout", "target/debug/app", "--patch"]).current_dir(folder.path()));
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    assert!(output.stdout.contains("--- a/a-lib/src/tree.rs"), "{output:?}");
    std::fs::write(folder.path().join("change.diff"), &output.stdout).expect("can be written");
    run(folder.path(), "patch", &["-p1", "-i", "change.diff"]);
    run(folder.path(), "cargo", &["build", "--offline", "--quiet", "--target-dir", "target"]);
    let text = fine(said(spandrel(["layout", "target/debug/app", "Node"]).current_dir(folder.path())));
    assert!(text.contains("Rust struct, 16 bytes, align 8"), "{text}");
}

const TWO_MILLION: &str = "\
#include <stdio.h>
#include <stdlib.h>
struct flagged {
\tchar a;
\tlong b;
\tchar c;
};
int main(void) {
\tstruct flagged **all = malloc(2000000 * sizeof *all);
\tfor (long i = 0; i < 2000000; i++) {
\t\tall[i] = malloc(sizeof *all[i]);
\t\tall[i]->a = all[i]->c = 1;
\t\tall[i]->b = i;
\t}
\tlong kib = 0;
\tchar line[256];
\tFILE *status = fopen(\"/proc/self/status\", \"r\");
\twhile (fgets(line, sizeof line, status) && sscanf(line, \"VmRSS: %ld\", &kib) != 1) {
\t}
\tprintf(\"%ld\\n\", kib);
\treturn all[7]->a != 1;
}
";

/// The saving that is told for two million objects is what resident memory falls by, under Spandrel's heap.
#[test]
fn the_saving_comes_true_in_this_heap() {
    let (folder, _) = program();
    let resident_bytes = || {
        run(folder.path(), "gcc", &["-g", "-O1", "program.c", "-o", "program"]);
        let said = said(spandrel(["run", "--", "./program"]).current_dir(folder.path()));
        let kib: u64 = said.stdout.trim().parse().unwrap_or_else(|_| panic!("{said:?}"));
        kib * 1024
    };
    std::fs::write(folder.path().join("program.c"), TWO_MILLION).expect("can be written");
    let before = resident_bytes();
    let json = fine(layout(folder.path(), &["--json", "flagged"]));
    let json: Value = serde_json::from_str(&json).expect("JSON");
    let told = json["types"][0]["findings"][0]["saved_bytes"].as_u64().expect("a number") * 2_000_000;
    let patch = fine(layout(folder.path(), &["--patch"]));
    std::fs::write(folder.path().join("change.diff"), &patch).expect("can be written");
    run(folder.path(), "patch", &["-p1", "-i", "change.diff"]);
    let real = before - resident_bytes();
    assert_eq!(told, 32_000_000);
    assert!(told.abs_diff(real) * 20 <= real, "told {told}, real {real}");
}

/// A profile that names its types, as Spandrel's do.
#[test]
fn weights_of_a_profile_with_types() {
    let (folder, _) = program();
    let kinds = [("inuse_objects", "count"), ("inuse_space", "bytes")];
    let mut builder = Builder::new(&kinds.map(|(kind, unit)| ValueType::new(kind, unit)));
    let labels = |name: Option<&str>, bytes| {
        let size = Label::number(BYTES_LABEL, bytes, "bytes");
        name.map(|name| Label::text(TYPE_LABEL, name)).into_iter().chain([size]).collect()
    };
    builder.sample(Vec::new(), labels(Some("flagged"), 24), &[2_000_000, 48_000_000]);
    builder.sample(Vec::new(), labels(None, 64), &[100, 6400]);
    let file = std::fs::File::create(folder.path().join("heap.pb.gz")).expect("can be made");
    spandrel_profile::write(&builder.finish(), file).expect("can be written");

    let json = fine(layout(folder.path(), &["--profile", "heap.pb.gz", "--json", "flagged"]));
    let json: Value = serde_json::from_str(&json).expect("JSON");
    let weight = &json["types"][0]["weight"];
    assert_eq!((&weight["live_objects"], &weight["inferred_bytes"]), (&2_000_000.into(), &0.into()));
    // From class 32 to class 16, each.
    assert_eq!(weight["saved_bytes"], 32_000_000);
    assert_eq!(json["heap"]["unattributed_bytes"], 6400);
    let text = fine(layout(folder.path(), &["--profile", "heap.pb.gz"]));
    assert!(text.contains("the type of 100 % is known, of 0 % inferred, of <0.1 % unknown"), "{text}");
    assert!(text.contains("2,000,000    30.5 MiB  flagged (reorder)"), "{text}");
}

#[test]
fn weights_of_a_profile_of_go() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let binary = data.join("go_binaries/net_amd64_dwarf5z");
    let profile = data.join("go_profiles/mapcache.heap.pb.gz");
    assert!(profile.exists(), "the tests need {}, which comes beside the workspace", profile.display());
    let mut command = spandrel(["layout"]);
    command.arg(&binary).arg("--profile").arg(&profile).arg("--json");
    let json: Value = serde_json::from_str(&said(&mut command).stdout).expect("JSON");
    let heap = &json["heap"];
    let number = |name: &str| heap[name].as_u64().expect("a number");
    assert!(number("live_bytes") > 0);
    let sum = number("attributed_bytes") + number("inferred_bytes") + number("unattributed_bytes");
    assert_eq!(sum, number("live_bytes"), "nothing is hidden");
}

#[test]
fn what_cannot_be_read_is_one_line() {
    let (folder, program) = program();
    let bytes = std::fs::read(&program).expect("is there");
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(folder.path().join(name), bytes).expect("can be written");
    };
    write("empty", b"");
    write("text", b"hello\n");
    write("cut", &bytes[..bytes.len() / 2]);
    write("header", &bytes[..40]);
    run(folder.path(), "strip", &["-o", "stripped", "program"]);
    let refused = |name: &str, part: &str| {
        assert_refused(spandrel(["layout", name]).current_dir(folder.path()), part);
    };
    refused("none", "`none` does not exist");
    refused("empty", "`empty` is empty");
    refused("text", "`text` is no ELF file");
    refused("cut", "`cut` is damaged: ");
    refused("header", "`header` is damaged: ");
    refused(".", "`.` is no regular file");
    refused("stripped", "`stripped` has no debug information");
    refused("/dev/zero", "is no regular file");
    assert_refused(&mut spandrel(["layout"]), "the following required arguments were not provided: <BINARY>");
    let with = |args: &[&str], part: &str| {
        assert_refused(spandrel(["layout", "program"]).args(args).current_dir(folder.path()), part);
    };
    with(&["flaged"], "there is no type `flaged`");
    with(&["--allocator", "boehm"], "`boehm` is no known allocator: there are spandrel, go, glibc");
    with(&["--profile", "text"], "`text`: ");
    with(&["--json", "--sarif"], "cannot be used with");
    with(&["--message-format=json"], "messages of cargo's form need a workspace: this folder lies in none");
    with(&["--diff", "text"], "`text` is no ELF file");
}
