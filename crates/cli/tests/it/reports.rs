//! Records that a program leaves are read and told, as text and as JSON.
//!
//! The records are copied in by a shell, so the shell may leave one of its own: the hand-made ones are
//! larger than anything that a shell needs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::command::{run_shell, said, spandrel};
use crate::record_file::RecordFile;

const GIB: u64 = 1 << 30;

/// A folder with a hand-made record of 4 GiB, one of 3 GiB of a killed process, and a broken one.
fn records() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    RecordFile::new(1_000_001, "large\0--flag", 4 * GIB, 1000).write(&at("1000001.spandrel"));
    RecordFile::new(1_000_002, "killed", 3 * GIB, 6).unended().write(&at("1000002.spandrel"));
    std::fs::write(at("1000003.spandrel"), b"spandrel").expect("can be written");
    folder
}

/// A run whose program leaves the records in `folder` and then does `more`.
fn leaving(folder: &Path, more: &str) -> Command {
    run_shell(&format!("cp {}/*.spandrel \"${{SPANDREL##*record=}}\"; {more}", folder.display()))
}

fn with_json(mut run: Command, out: &Path) -> Command {
    let args: Vec<_> = run.get_args().map(ToOwned::to_owned).collect();
    let mut command = spandrel(["run", "--json"]);
    command.arg(out).args(&args[1..]);
    std::mem::swap(&mut run, &mut command);
    run
}

fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("is there")).expect("is JSON")
}

#[test]
fn the_largest_process_is_told_in_full_and_the_others_in_a_line() {
    let folder = records();
    let said = said(&mut leaving(folder.path(), "exit 5"));
    assert_eq!(said.code, Some(5));
    let told = |part: &str| assert!(said.stderr.contains(part), "{part} is not in\n{}", said.stderr);
    told("spandrel: large --flag\n");
    told("pid 1000001, the largest of ");
    told("exit code 5 after ");
    told("Peak resident   4 GiB\n");
    told("    5    48 B         1,000   46.9 KiB  0.6 %");
    told(" 1000002*     3 GiB");
    told("*: killed or still running");
    told("skipped the record 1000003.spandrel: it has 8 of the");
}

#[test]
fn json_has_the_same_facts_and_keeps_links_and_modes() {
    let folder = records();
    let out = folder.path().join("out.json");
    let link = folder.path().join("link.json");
    std::fs::write(&out, "before").expect("can be written");
    std::os::unix::fs::symlink(&out, &link).expect("can be linked");
    assert_eq!(said(&mut with_json(leaving(folder.path(), "kill -TERM $$"), &link)).code, Some(143));
    assert!(link.is_symlink(), "the link is still one");
    let json = read_json(&out);
    assert_eq!(json["schema"], "spandrel.run");
    assert_eq!(json["version"], 1);
    assert_eq!((&json["exit_code"], &json["signal"]), (&Value::from(143), &Value::from(15)));
    assert_eq!(json["command"][0], "sh");
    let largest = &json["processes"][0];
    assert_eq!(largest["pid"], 1_000_001);
    assert_eq!(largest["command"], serde_json::json!(["large", "--flag"]));
    assert_eq!(largest["peak"]["classes"][0]["slack_bytes"], 1000 * 8192 - 48_000);
    assert_eq!(json["processes"][1]["ended"], false);
    assert_eq!(json["skipped_records"][0]["file"], "1000003.spandrel");
    assert_eq!(json["samples"], Value::Null);
    let left: Vec<_> = std::fs::read_dir(folder.path()).expect("is there").collect();
    assert_eq!(left.len(), 5, "no temporary file is left: {left:?}");
}

#[test]
fn json_goes_into_pipes_and_beside_the_programs_output() {
    let folder = records();
    let mut run = with_json(leaving(folder.path(), "echo of the program"), Path::new("/dev/stdout"));
    let piped = said(&mut run).stdout;
    let (first, json) = piped.split_once('\n').expect("two lines");
    assert_eq!(first, "of the program");
    assert!(serde_json::from_str::<Value>(json).is_ok());
    let file = folder.path().join("stdout");
    run.stdout(std::fs::File::create(&file).expect("can be made")).stderr(Stdio::null());
    assert!(run.status().expect("it runs").success());
    assert!(std::fs::read_to_string(&file).expect("is there").starts_with("of the program\n{"));
}

#[test]
fn samples_are_told_while_the_program_runs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // A process that surely runs: this one.
    let pid = u64::from(std::process::id());
    let record: PathBuf = folder.path().join(format!("{pid}.spandrel"));
    RecordFile::new(pid, "busy", 2 * GIB, 100).unended().write(&record);
    let out = folder.path().join("out.json");
    let script = format!("cp {} \"${{SPANDREL##*record=}}\"; sleep 1", record.display());
    let mut run = spandrel(["run", "--stats=0.1", "--json"]);
    let said = said(run.arg(&out).args(["--", "sh", "-c", &script]));
    assert_eq!(said.code, Some(0), "{said:?}");
    let line = format!(": pid {pid}, 2 GiB resident, 46.9 KiB live, 2 GiB committed, ");
    let told = said.stderr.lines().filter(|told| told.contains(&line)).count();
    let json = read_json(&out);
    let series = json["samples"]["series"].as_array().expect("a series");
    assert!((3..=10).contains(&told), "{said:?}");
    assert_eq!(series.len(), told);
    assert_eq!(json["samples"]["interval_ns"], 100_000_000);
    assert_eq!(series[0]["allocs_per_s"], 2000, "1000 in the half second since its start");
    assert_eq!(series[1]["allocs_per_s"], 0, "its record did not move");
}

#[test]
fn grandchildren_that_live_on_do_not_hold_up_the_report() {
    let start = std::time::Instant::now();
    let said = said(run_shell("sleep 20 >/dev/null 2>&1 & echo $!; exit 3").stdin(Stdio::null()));
    assert_eq!(said.code, Some(3));
    assert!(start.elapsed().as_secs() < 15, "it did not wait");
    let pid: i32 = said.stdout.trim().parse().expect("a process");
    let pid = rustix::process::Pid::from_raw(pid).expect("not 0");
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it still runs");
}

#[test]
fn a_real_program_leaves_a_record_of_its_own() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("out.json");
    for (script, code, ended) in [("exit 3", 3, true), ("kill -KILL $$", 137, false)] {
        let said = said(&mut with_json(run_shell(script), &out));
        assert_eq!(said.code, Some(code));
        let first = format!("spandrel: sh -c {script}");
        assert_eq!(said.stderr.lines().next(), Some(first.as_str()));
        let json = read_json(&out);
        let shell = &json["processes"][0];
        assert_eq!(shell["ended"], ended, "{script}");
        assert!(shell["peak_resident_bytes"].as_u64() > Some(0), "{shell}");
        if ended {
            assert!(shell["last"]["allocs"].as_u64() > Some(0), "{shell}");
        }
    }
}

#[test]
fn with_samples_comes_a_ledger_that_adds_up() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("out.json");
    let mut run = spandrel(["run", "--stats=60", "--json"]);
    let said = said(run.arg(&out).args(["--", "bash", "-c", "words=$(seq 100000); echo ${#words}"]));
    assert_eq!((said.code, said.stdout.as_str()), (Some(0), "588894\n"), "{said:?}");
    assert!(said.stderr.contains("= heap, resident"), "{said:?}");
    let json = read_json(&out);
    for name in ["ledger", "last_ledger"] {
        let ledger = &json["processes"][0][name];
        let bytes = |row: &str| ledger[format!("{row}_bytes")].as_i64().expect("a number of bytes");
        let sum = |rows: &[&str]| rows.iter().copied().map(bytes).sum::<i64>();
        let committed = sum(&["requested", "rounding", "slack", "cached", "free", "metadata"]);
        assert_eq!(bytes("heap_resident"), committed - bytes("untouched"), "{ledger}");
        let others = sum(&["files", "shared", "break", "stack", "mapped"]);
        let explained = bytes("heap_resident") + others;
        assert_eq!(bytes("resident"), explained + bytes("unexplained"), "{ledger}");
        assert!(bytes("requested") > 0 && bytes("files") > 0, "{ledger}");
        assert_eq!(ledger["requested_known"], "estimated");
    }
    let plain = said_without_samples(&out);
    assert_eq!(plain["processes"][0]["ledger"], Value::Null, "it costs, so it is asked for");
}

/// The report of a run without `--stats`.
fn said_without_samples(out: &Path) -> Value {
    assert_eq!(said(&mut with_json(run_shell("exit 0"), out)).code, Some(0));
    read_json(out)
}

#[test]
fn a_program_that_clears_the_environment_is_told_in_one_line() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let script = "rm \"${SPANDREL##*record=}\"/*";
    // What the programs before it wrote is taken away by one that runs without the library.
    let said =
        said(run_shell(&format!("exec env -u LD_PRELOAD sh -c '{script}'")).env("TMPDIR", folder.path()));
    assert_eq!(said.stderr.lines().count(), 1, "{said:?}");
    assert!(said.stderr.starts_with("spandrel: no process left a record: `sh -c exec env"), "{said:?}");
}
