//! `spandrel report` and `spandrel diff` against what Go's own tool prints of the same files.

use std::path::PathBuf;

use serde_json::Value;

use crate::command::{assert_refused, said, spandrel};

/// The folder of Go's profiles, beside the workspace.
fn data() -> PathBuf {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/go_profiles"));
    assert!(folder.is_dir(), "the test data is missing: put it at `../shared/data` beside the workspace");
    folder
}

pub(crate) fn profile(name: &str) -> PathBuf {
    data().join(format!("{name}.heap.pb.gz"))
}

#[track_caller]
fn assert_prints(command: &str, files: &[&str], options: &[&str], golden: &str) {
    let golden_path = data().join(golden);
    let Ok(expected) = std::fs::read_to_string(&golden_path) else {
        panic!("{} is missing", golden_path.display())
    };
    let said = said(spandrel([command]).args(files.iter().map(|name| profile(name))).args(options));
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""), "{golden}");
    for (number, (ours, gos)) in said.stdout.lines().zip(expected.lines()).enumerate() {
        assert_eq!(ours, gos, "line {} of {golden}", number + 1);
    }
    assert_eq!(said.stdout, expected, "{golden}");
}

const PROFILES: [&str; 5] = ["jsonsrv", "jsonsrv_rate1", "mapcache", "mapcache_early", "mapcache_rate1"];

#[test]
fn whole_reports_are_gos_to_the_letter() {
    for name in PROFILES {
        for kind in ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"] {
            let in_bytes: &[&str] = if kind.ends_with("space") { &["--unit", "B"] } else { &[] };
            let options = [&["--all", "--sample", kind], in_bytes].concat();
            assert_prints("report", &[name], &options, &format!("{name}.{kind}.topall.txt"));
        }
    }
}

#[test]
fn small_functions_are_left_out_as_go_does() {
    for name in ["jsonsrv", "mapcache", "mapcache_early"] {
        for kind in ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"] {
            assert_prints("report", &[name], &["--sample", kind], &format!("{name}.{kind}.top.txt"));
        }
    }
    for name in ["jsonsrv", "mapcache"] {
        let options = ["--sample-index", "alloc_space", "--cum"];
        assert_prints("report", &[name], &options, &format!("{name}.alloc_space.topcum.txt"));
    }
}

#[test]
fn differences_are_gos() {
    let files = ["mapcache_early", "mapcache"];
    assert_prints("diff", &files, &[], "mapcache.base_early.inuse_space.top.txt");
    assert_prints("diff", &files, &["--of-base"], "mapcache.diff_base_early.inuse_space.top.txt");
}

#[test]
fn several_files_are_added_up_and_equal_ones_differ_in_nothing() {
    let total = |files: &[PathBuf]| {
        let said = said(spandrel(["report", "--json", "-"]).args(files));
        let report: Value = serde_json::from_str(&said.stdout).expect("JSON");
        report["sample_types"][3]["total"].as_i64().expect("a number")
    };
    let (one, two) = (profile("mapcache"), profile("mapcache_early"));
    assert_eq!(total(&[one.clone(), two.clone()]), total(std::slice::from_ref(&one)) + total(&[two]));
    let said = said(spandrel(["diff"]).args([&one, &one]));
    assert!(said.stdout.contains("\nShowing nodes accounting for 0, 0% of 0 total\n"), "{said:?}");
}

#[test]
fn json_holds_every_row_of_every_type() {
    let said = said(spandrel(["report", "--json", "-"]).arg(profile("mapcache")));
    let report: Value = serde_json::from_str(&said.stdout).expect("JSON");
    assert_eq!((&report["schema"], &report["version"]), (&"spandrel.profile".into(), &1.into()));
    assert_eq!(report["build_id"], "b5e9d5d0b4e403a4b28a957c70c10e6b77b3c12a");
    assert_eq!(report["period"]["value"], 524_288);
    assert_eq!(report["selected"], 3);
    let value = &report["rows"][0];
    assert_eq!((&value["name"], &value["inlined"]), (&"main.value".into(), &"never".into()));
    // The rows of `main.value` in the four `mapcache.*.topall.txt`.
    let expected = ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"].map(|kind| {
        let golden =
            std::fs::read_to_string(data().join(format!("mapcache.{kind}.topall.txt"))).expect("there");
        let row = golden.lines().find(|line| line.ends_with(" main.value")).expect("a row");
        row.split_whitespace().next().expect("flat").trim_end_matches('B').parse::<i64>().expect("a number")
    });
    assert_eq!(value["flat"], serde_json::to_value(expected).expect("JSON"));
}

#[test]
fn files_are_written_on_demand() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (json, svg) = (folder.path().join("out.json"), folder.path().join("out.svg"));
    let said_report =
        said(spandrel(["report", "--json"]).arg(&json).arg("--flame").arg(&svg).arg(profile("jsonsrv")));
    assert_eq!(said_report.code, Some(0), "{said_report:?}");
    assert!(said_report.stdout.contains("reflect.mapassign_faststr0"), "{said_report:?}");
    let report: Value = serde_json::from_slice(&std::fs::read(&json).expect("written")).expect("JSON");
    assert_eq!(report["rows"][0]["name"], "reflect.mapassign_faststr0");
    let drawing = std::fs::read_to_string(&svg).expect("written");
    assert!(drawing.contains("<svg") && drawing.contains("main.(*store).handle (6,292,976 bytes, 92.31%)"));
    let files = [profile("mapcache_early"), profile("mapcache")];
    let said = said(spandrel(["diff", "--flame"]).arg(&svg).args(files));
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(std::fs::read_to_string(&svg).expect("written").contains("what changed"));
}

#[test]
fn trees_name_callers_and_callees() {
    let said = said(spandrel(["report", "--tree", "--unit", "kB"]).arg(profile("jsonsrv")));
    let lines: Vec<&str> = said.stdout.lines().collect();
    let row = lines.iter().position(|line| line.ends_with("| main.(*store).handle")).expect("its row");
    assert_eq!(
        lines[row - 1],
        "                                         6145.48kB   100% |   net/http.HandlerFunc.ServeHTTP"
    );
    assert_eq!(
        lines[row + 1],
        "                                         5633.45kB 91.67% |   encoding/json.Unmarshal (inline)"
    );
}

#[test]
fn files_that_are_no_profile_are_one_line() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let whole = std::fs::read(profile("mapcache")).expect("there");
    let lies = [0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    let cases: [(&str, &[u8], &str); 6] = [
        ("empty", b"", "the file is empty"),
        ("cut", &whole[..whole.len() / 2], "the gzip data is damaged or cut off"),
        ("text", b"hello\nworld\n", "`: "),
        ("program", b"\x7fELF\x02\x01\x01\0\0\0", "`: "),
        ("lies", &lies, "a field says that it has 9223372036854775807 bytes, of which 0 are there"),
        ("heapv2", b"heap_v2/x\n", "expected `heap_v2/` and a sampling period"),
    ];
    for (name, content, part) in cases {
        let path = folder.path().join(name);
        std::fs::write(&path, content).expect("can be written");
        assert_refused(spandrel(["report"]).arg(&path), part);
        assert_refused(spandrel(["diff"]).arg(&path).arg(profile("mapcache")), part);
        assert_refused(spandrel(["diff"]).arg(profile("mapcache")).arg(&path), part);
    }
    assert_refused(spandrel(["report"]).arg(folder.path()), "Is a directory");
    assert_refused(&mut spandrel(["report", "no/such.pb.gz"]), "No such file");
}

#[test]
fn wrong_use_is_one_line() {
    let file = profile("mapcache");
    let with = |options: &[&str]| {
        let mut command = spandrel(["report"]);
        command.args(options).arg(&file);
        command
    };
    assert_refused(
        &mut with(&["--sample", "cpu"]),
        "no samples of `cpu`; it has alloc_objects, alloc_space, inuse_objects, inuse_space",
    );
    assert_refused(&mut with(&["--unit", "parsec"]), "write B, kB, MB, GB, TB or PB");
    assert_refused(&mut with(&["--by", "moon"]), "function, site");
    assert_refused(&mut with(&["--container", "Arena"]), "write it as NAME=SOURCE");
    assert_refused(&mut with(&["--json", "no/folder/out.json"]), "does not exist");
    assert_refused(&mut with(&["--flame", "/"]), "cannot write a flame graph");
    let other = no_sizes();
    assert_refused(spandrel(["report"]).arg(&file).arg(other.path()), "the profiles count different things");
    assert_refused(spandrel(["diff"]).arg(&file).arg(other.path()), "the profiles count different things");
    assert_refused(&mut spandrel(["report"]), "required arguments were not provided");
    assert_refused(spandrel(["diff"]).arg(&file), "required arguments were not provided");
}

/// Go's profiles tell classes; what a class costs is arithmetic on its table.
#[test]
fn classes_and_sites_tell_what_size_classes_cost() {
    let path = profile("mapcache");
    let said_text = said(spandrel(["report", "--by", "class"]).arg(&path));
    let row = said_text.stdout.lines().find(|line| line.trim_start().starts_with("38 ")).expect("class 38");
    // 6828054 bytes in objects of 2048, four of which fill a span of 8192; 1793 bytes get one as well.
    let words: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(words.join(" "), "38 2048 B 3,334 6.51 MiB 834 100 % 0 B up to 830 KiB");
    assert!(said_text.stdout.contains("main.value prof/mapcache/main.go:74"), "{said_text:?}");

    let said_json = said(spandrel(["report", "--by", "class", "--json", "-"]).arg(&path));
    let report: Value = serde_json::from_str(&said_json.stdout).expect("JSON");
    let waste = &report["waste"];
    assert_eq!(waste["sizes"], "class");
    let sum = |rows: &Value, key: &str| -> i64 {
        rows.as_array().expect("rows").iter().map(|row| row[key].as_i64().expect("a number")).sum()
    };
    for key in ["objects", "bytes", "tail_bytes", "rounding_min_bytes", "rounding_max_bytes"] {
        assert_eq!(sum(&waste["classes"], key), sum(&waste["sites"], key), "{key}");
    }
    assert_eq!(sum(&waste["classes"], "bytes"), 33_424_994, "everything in use");
    assert_eq!(sum(&waste["classes"], "objects"), 72_992);
}

#[test]
fn labels_and_types_are_tables_with_what_is_not_told() {
    let path = profile("mapcache");
    let text = |options: &[&str]| said(spandrel(["report"]).args(options).arg(&path)).stdout;
    assert!(text(&["--by", "label"]).starts_with("inuse_space by bytes\n"));
    assert_eq!(text(&["--by", "label"]), text(&["--by", "label", "--label", "bytes"]));
    let no_program = said(spandrel(["report", "--by", "type"]).arg(&path));
    assert_eq!(no_program.stderr.lines().count(), 1, "{no_program:?}");
    assert!(no_program.stderr.contains("mapcache`: No such file or directory"), "{no_program:?}");
    let types = no_program.stdout;
    let change = said(spandrel(["diff", "--by", "type"]).arg(&path).arg(&path));
    assert_eq!((change.code, change.stderr.lines().count()), (Some(0), 1), "told once: {change:?}");
    assert!(types.contains(
        "Types are known for 0 % of inuse_space: 0 % exact, 0 % inferred, 0 % ambiguous, 100 % unknown."
    ));
    assert!(text(&["--by", "thread"]).contains("(not told)"));
    assert_refused(spandrel(["report", "--label", "x"]).arg(&path), "`--label` goes with `--by label`");
    assert_refused(
        spandrel(["report", "--by", "class"]).arg(no_sizes().path()),
        "the profile has no sizes: no sample has the label `bytes`",
    );
}

/// A text profile without a single sample.
fn no_sizes() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), "heap profile: 0: 0 [0: 0] @ heap/8\n").expect("can be written");
    file
}
