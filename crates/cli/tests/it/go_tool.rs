//! Files that are written here, opened by Go's own tool: the same numbers as ours. Needs Go, so it runs
//! where CI asks for it: `cargo test -p spandrel-cli --test it go_tool -- --ignored`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use spandrel_profile::{
    Builder, Function, Label, Line, Location, Mapping, Profile, ValueType, merge, read, write,
};

use crate::command::{said, spandrel};
use crate::heap_profiles::profile;

/// Flat and cum by function.
type Rows = BTreeMap<String, (i64, i64)>;

/// `go tool pprof -top`: flat and cum of each function.
fn go_top(file: &Path, sample_type: &str, options: &[&str]) -> Rows {
    let output = Command::new("go")
        .args(["tool", "pprof", "-top", "-unit=B", "-nodecount=100000", "-nodefraction=0", "-edgefraction=0"])
        .arg(format!("-sample_index={sample_type}"))
        .args(options)
        .arg(file)
        .output()
        .expect("Go is installed: apt-get install golang-go");
    let text = String::from_utf8(output.stdout).expect("pprof writes UTF-8");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rows = text.lines().skip_while(|line| !line.trim_start().starts_with("flat ")).skip(1);
    let number = |word: &str| word.trim_end_matches('B').parse().expect("a number of bytes or objects");
    rows.map(|row| {
        let words: Vec<&str> = row.split_whitespace().collect();
        let name = words[5..].join(" ");
        let name = name.trim_end_matches(" (inline)").trim_end_matches(" (partial-inline)");
        (name.to_string(), (number(words[0]), number(words[3])))
    })
    .collect()
}

/// The same by `spandrel report --json`, of all sample types.
fn our_top(file: &Path) -> (Vec<String>, Vec<Rows>) {
    let said = said(spandrel(["report", "--json", "-"]).arg(file));
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
    let report: Value = serde_json::from_str(&said.stdout).expect("JSON");
    let list = |value: &Value| value.as_array().expect("a list").clone();
    let types = list(&report["sample_types"]);
    let kinds = types.iter().map(|it| it["kind"].as_str().expect("a word").to_string()).collect();
    let number = |value: &Value| value.as_i64().expect("a number");
    let rows = (0..types.len()).map(|index| {
        let rows = list(&report["rows"]);
        let all = rows.iter().map(|row| {
            let name = row["name"].as_str().expect("a word").to_string();
            (name, (number(&row["flat"][index]), number(&row["cum"][index])))
        });
        all.filter(|(_, numbers)| *numbers != (0, 0)).collect()
    });
    (kinds, rows.collect())
}

fn assert_same(profile: &Profile) {
    let file = tempfile::Builder::new().suffix(".pb.gz").tempfile().expect("a temporary file");
    write(profile, file.as_file()).expect("it can be written");
    let (kinds, ours) = our_top(file.path());
    for (kind, ours) in kinds.iter().zip(&ours) {
        assert_eq!(&go_top(file.path(), kind, &[]), ours, "{kind}");
    }
}

/// A profile as Spandrel's sampler writes them, with all its labels.
fn with_labels() -> Profile {
    let types = [
        ("alloc_objects", "count"),
        ("alloc_space", "bytes"),
        ("inuse_objects", "count"),
        ("inuse_space", "bytes"),
    ];
    let types = types.map(|(kind, unit)| ValueType::new(kind, unit));
    let mut builder = Builder::new(&types);
    let mapping = Mapping {
        start: 0x1000,
        limit: 0x9000,
        file: "/bin/app".into(),
        has_functions: true,
        ..Mapping::default()
    };
    let mapping = Some(builder.mapping(mapping));
    let mut frame = |address: u64, names: &[&str]| {
        let lines = names.iter().map(|name| {
            let function = Function {
                name: (*name).into(),
                system_name: format!("_{name}").into(),
                ..Function::default()
            };
            Line { function: builder.function(function), line: 7, column: 0 }
        });
        let lines = lines.collect();
        builder.location(Location { mapping, address, lines, is_folded: false })
    };
    let (leaf, middle, main) =
        (frame(0x1010, &["push<a::Order>", "fill"]), frame(0x1020, &["load"]), frame(0x1030, &["main"]));
    let mut sample = |stack: Vec<_>, name: &str, bytes: i64, objects: i64| {
        let labels = vec![
            Label::number("bytes", bytes, "bytes"),
            Label::number("size_class", (bytes + 15) / 16 * 16, "bytes"),
            Label::text("thread", "worker-1"),
            Label::text("type", name),
            Label::text("lifetime", "<1ms"),
            Label::text("free", "live"),
        ];
        builder.sample(stack, labels, &[2 * objects, 2 * objects * bytes, objects, objects * bytes]);
    };
    sample(vec![leaf, middle, main], "Vec<a::Order>", 192, 3);
    sample(vec![leaf, middle, middle, main], "Box<a::Node>", 20, 5);
    sample(vec![main], "String", 17, 1);
    let header = builder.header();
    header.period_type = ValueType::new("space", "bytes");
    header.period = 524_288;
    header.default_sample_type = "inuse_space".into();
    builder.finish()
}

#[test]
#[ignore = "needs Go"]
fn go_tool_reads_what_is_written() {
    for name in ["jsonsrv", "mapcache_rate1"] {
        let bytes = std::fs::read(profile(name)).expect("the test data is there");
        assert_same(&read(&bytes).expect("Go writes sound profiles").0);
    }
    assert_same(&with_labels());
    assert_same(&merge(&[with_labels(), with_labels()]).expect("of one type"));
}

#[test]
#[ignore = "needs Go"]
fn go_tool_shows_types_as_leaves() {
    let file = tempfile::Builder::new().suffix(".pb.gz").tempfile().expect("a temporary file");
    write(&with_labels(), file.as_file()).expect("it can be written");
    let types = go_top(file.path(), "inuse_space", &["-tagleaf=type"]);
    let said = said(spandrel(["report", "--by", "type", "--json", "-"]).arg(file.path()));
    let report: Value = serde_json::from_str(&said.stdout).expect("JSON");
    let rows = report["labels"][0]["rows"].as_array().expect("a list");
    assert_eq!(rows.len(), 3);
    for row in rows {
        let flat = types[row["name"].as_str().expect("a word")].0;
        assert_eq!(Some(flat), row["values"][3].as_i64(), "{row}");
    }
}

/// Types and waste of a Go program, by the program that ran.
#[test]
#[ignore = "needs Go"]
fn go_tool_builds_a_program_whose_types_are_told() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (program, heap) = (folder.path().join("allocates"), folder.path().join("heap.pb.gz"));
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testkit/programs/allocates.go");
    let mut build = Command::new("go");
    build
        .arg("build")
        .arg("-o")
        .arg(&program)
        .arg(source)
        .env("GOFLAGS", "-mod=mod")
        .env("GOCACHE", folder.path());
    assert!(build.status().expect("Go is installed: apt-get install golang-go").success());
    assert!(Command::new(&program).arg(&heap).status().expect("it starts").success());

    let said_json = said(spandrel(["report", "--by", "type", "--json", "-"]).arg(&heap));
    assert_eq!((said_json.code, said_json.stderr.as_str()), (Some(0), ""));
    let report: Value = serde_json::from_str(&said_json.stdout).expect("JSON");
    let rows = report["labels"][0]["rows"].as_array().expect("a list");
    let objects = |name: &str| {
        let row = rows.iter().find(|row| row["name"] == name);
        row.and_then(|row| row["values"][2].as_i64()).unwrap_or(0)
    };
    assert!(objects("main.Order") >= 10, "{rows:?}");
    assert!(objects("main.Plain") >= 10, "{rows:?}");
    assert!(objects("[]main.Plain") >= 10, "{rows:?}");
    assert!(objects("[]*main.Order") >= 10, "{rows:?}");
    assert!(objects("[]uint8") >= 10, "{rows:?}");
    assert!(objects("string") >= 10, "{rows:?}");

    // 56 bytes in objects of 64, 24 in objects of 24.
    let waste = said(spandrel(["report", "--by", "class", "--json", "-"]).arg(&heap)).stdout;
    let waste: Value = serde_json::from_str(&waste).expect("JSON");
    let sites = waste["waste"]["sites"].as_array().expect("a list");
    let site = |name: &str| {
        let found = sites.iter().find(|site| site["site"].as_str().is_some_and(|it| it.contains(name)));
        let found = found.expect("the site is there");
        (found["rounding_min_bytes"].as_i64(), found["rounding_max_bytes"].as_i64())
    };
    assert_eq!(site("siteNewOrder"), (Some(80), Some(80)));
    assert_eq!(site("siteNewPlain"), (Some(0), Some(0)));
}

/// `go tool pprof http://HOST:PORT/debug/pprof/heap`: fetched, with names, and what changes in a second.
#[test]
#[ignore = "needs Go"]
fn profiles_are_fetched_over_http() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let running = crate::live::Running::start(folder.path(), &[]);
    for (query, sample_type) in [
        ("heap", "inuse_space"),
        ("allocs", "alloc_space"),
        ("heap?seconds=1", "alloc_space"),
        ("heap?debug=1", "inuse_space"),
    ] {
        let url = format!("http://{}/debug/pprof/{query}", running.address);
        // The text form has no names: pprof asks for them, as it does where it finds no file.
        let rows = go_top(Path::new(&url), sample_type, &["-symbolize=remote"]);
        let (flat, _) = rows.iter().find(|(name, _)| name.starts_with("grow_list")).expect("the site").1;
        assert!(*flat > 0, "{query}: {rows:?}");
        let others: i64 =
            rows.iter().filter(|(name, _)| !name.starts_with("grow_list")).map(|it| it.1.0).sum();
        assert!(others * 10 < *flat, "{query}: {rows:?}");
    }
    running.end();
}

/// A program that keeps some of what it allocates.
const C: &str = r#"
#include <stdlib.h>
__attribute__((noinline)) void *keep(int bytes) { char *at = malloc(bytes); at[0] = 1; return at; }
__attribute__((noinline)) void drop(int bytes) { char *at = calloc(1, bytes); at[0] = 1; free(at); }
int main(void) {
    static void *volatile kept[20000];
    for (int i = 0; i < 20000; i++) { kept[i] = keep(40 + i % 300); drop(100 + i % 5000); }
    return 0;
}"#;
const CPP: &str = r#"
#include <map>
#include <string>
#include <vector>
__attribute__((noinline)) std::map<int, std::string> *index() {
    auto *map = new std::map<int, std::string>;
    for (int i = 0; i < 20000; i++) (*map)[i] = std::string(50 + i % 100, 'x');
    return map;
}
int main() { static std::map<int, std::string> *volatile kept = index(); std::vector<int> all(100000, 1);
    return kept->size() == all.size(); }"#;
const RUST: &str = r#"
#[inline(never)] fn orders() -> Vec<Box<[u64; 9]>> { (0..20_000).map(|i| Box::new([i; 9])).collect() }
fn main() { let kept = std::hint::black_box(orders()); std::mem::forget(kept); }"#;

/// What our own processes write, by themselves and by `run --profile`, for programs in three languages.
#[test]
#[ignore = "needs Go"]
fn go_tool_reads_our_processes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let compilers: [(&str, &str, &str, &[&str]); 3] = [
        ("a.c", C, "gcc", &["-g", "-O2"]),
        ("b.cpp", CPP, "g++", &["-g", "-O2"]),
        ("c.rs", RUST, "rustc", &["-Cdebuginfo=line-tables-only", "-Copt-level=3"]),
    ];
    for (source, text, compiler, flags) in compilers {
        let source = folder.path().join(source);
        let program = source.with_extension("out");
        std::fs::write(&source, text).expect("it can be written");
        let build = Command::new(compiler).args(flags).arg("-o").args([&program, &source]).status();
        assert!(build.expect("the compiler runs").success());
        for rate in ["1", "16384"] {
            let (raw, named) = (folder.path().join("raw.pb.gz"), folder.path().join("named.pb.gz"));
            let library = said(&mut spandrel(["library"])).stdout;
            let status = Command::new(&program)
                .env("LD_PRELOAD", library.trim())
                .env("SPANDREL", format!("memprofilerate={rate},profile={}", raw.display()))
                .status();
            assert!(status.expect("it starts").success());
            let mut run = spandrel(["run", "--profile"]);
            run.arg(&named).arg("--").arg(&program).env("SPANDREL", format!("memprofilerate={rate}"));
            let said = said(&mut run);
            assert_eq!(said.code, Some(0), "{}", said.stderr);
            assert!(said.stderr.contains("alloc_space"), "{}", said.stderr);
            let (kinds, ours) = our_top(&named);
            for (kind, ours) in kinds.iter().zip(&ours) {
                assert!(!ours.is_empty());
                assert_eq!(&go_top(&named, kind, &[]), ours, "{kind} of {}", program.display());
            }
            assert_eq!(go_total(&raw), ours_total(&raw));
        }
    }
}

/// What a profile without names adds up to, by Go's tool, for each type.
fn go_total(file: &Path) -> Vec<i64> {
    let total = |kind: &&str| {
        let rows = go_top(file, kind, &["-symbolize=none"]);
        rows.values().map(|(flat, _)| flat).sum()
    };
    ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"].iter().map(total).collect()
}

fn ours_total(file: &Path) -> Vec<i64> {
    let profile = read(&std::fs::read(file).expect("it was written")).expect("it is a profile").0;
    (0..4).map(|index| profile.samples.iter().map(|sample| sample.values[index]).sum()).collect()
}
