//! `cargo xtask balance`: the ledgers of real programs under load leave little unexplained.
//!
//! A server, an interpreter and a machine of just-in-time code run the scripts of `cargo xtask programs`
//! under `spandrel run --stats`, which has each process make up ledgers while it works. What a ledger sets
//! against each other comes from two sides (what the allocator knows and asks about its own pages, and what
//! the kernel reports of the process), so pages that are missed or counted twice show.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::target_folder;

/// Of the resident memory, what may be unexplained.
const UNEXPLAINED_PERCENT_MAX: f64 = 3.0;
/// Runs of a load at most.
const RUNS_MAX: usize = 3;

/// A script, and the process of it whose ledgers count.
struct Load {
    script: &'static str,
    process: &'static str,
}

const LOADS: [Load; 3] = [
    Load { script: "redis", process: "redis-server" },
    Load { script: "python", process: "python3" },
    Load { script: "node", process: "node" },
];

/// A column of the table: its head, and what of the ledger is added up in it.
struct Column {
    head: &'static str,
    fields: &'static [&'static str],
}

const fn column(head: &'static str, fields: &'static [&'static str]) -> Column {
    Column { head, fields }
}

const COLUMNS: [Column; 9] = [
    column("resident", &["resident_bytes"]),
    column("requested", &["requested_bytes"]),
    column("+rounding", &["rounding_bytes"]),
    column("+slack", &["slack_bytes"]),
    column("+caches", &["cached_bytes"]),
    column("+free", &["free_bytes"]),
    column("+metadata", &["metadata_bytes"]),
    column("-absent", &["untouched_bytes"]),
    column("+others", &["files_bytes", "shared_bytes", "break_bytes", "stack_bytes", "mapped_bytes"]),
];

/// Runs the loads, prints two rows for each, and tells whether all ledgers balance.
pub(crate) fn run(root: &Path) -> bool {
    let command = build_command(root);
    println!("MiB; unexplained: what the kernel calls resident and no row of the ledger has");
    print!("{:<12} {:<5}", "process", "when");
    COLUMNS.iter().for_each(|column| print!(" {:>9}", column.head));
    println!(" unexplained");
    let mut is_balanced = true;
    for load in &LOADS {
        // The kernel's figure and the ledger are read one after the other. Where a busy program maps or
        // unmaps much in between, they are of two moments, and the sum is not to blame: it runs once more.
        is_balanced &= (0..RUNS_MAX).any(|_| is_balanced_under(root, &command, load));
    }
    if !is_balanced {
        println!("not every ledger explains all but {UNEXPLAINED_PERCENT_MAX} % of what is resident");
    }
    is_balanced
}

/// Runs a load, prints its ledgers, and tells whether both explain enough.
fn is_balanced_under(root: &Path, command: &Path, load: &Load) -> bool {
    match ledgers(root, command, load) {
        Ok(ledgers) => {
            let percents = ledgers.map(|(name, ledger)| print_row(load.process, name, &ledger));
            percents.iter().all(|percent| percent.abs() <= UNEXPLAINED_PERCENT_MAX)
        }
        Err(problem) => {
            println!("{}: {problem}", load.process);
            false
        }
    }
}

fn build_command(root: &Path) -> PathBuf {
    let args = ["build", "--quiet", "--release", "--package", "spandrel-cli"];
    let status = Command::new("cargo").args(args).current_dir(root).status().expect("cargo runs");
    assert!(status.success(), "the command does not build");
    target_folder(root).join("release").join("spandrel")
}

/// The ledgers of a load: at the most resident memory, and the last.
fn ledgers(root: &Path, command: &Path, load: &Load) -> Result<[(&'static str, Value); 2], String> {
    let folder = target_folder(root).join("balance").join(load.script);
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let (programs, json) = (root.join("xtask/programs"), folder.join("report.json"));
    let output = Command::new(command)
        .args(["run", "--stats=1", "--json"])
        .arg(&json)
        .args(["--", "bash"])
        .arg(programs.join(format!("{}.sh", load.script)))
        .env("PROGRAMS", &programs)
        .current_dir(&folder)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{}: {error}", command.display()))?;
    let text = std::fs::read(&json).map_err(|error| {
        format!("{}: {error}\n{}", json.display(), String::from_utf8_lossy(&output.stderr))
    })?;
    let report: Value = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    if report["exit_code"] != 0 {
        return Err(format!("the script ended with {}", report["exit_code"]));
    }
    ledgers_of(&report, load.process)
}

/// The processes of a report are sorted by resident memory; the first of the name has the ledgers.
fn ledgers_of(report: &Value, process: &str) -> Result<[(&'static str, Value); 2], String> {
    let is_wanted = |candidate: &&Value| {
        candidate["command"][0].as_str().is_some_and(|program| program.contains(process))
    };
    let found = report["processes"].as_array().and_then(|processes| processes.iter().find(is_wanted));
    let found = found.ok_or("it left no record")?;
    let ledgers = [("peak", found["ledger"].clone()), ("last", found["last_ledger"].clone())];
    if ledgers.iter().any(|(_, ledger)| ledger.is_null()) {
        return Err("it left no ledger".to_owned());
    }
    Ok(ledgers)
}

/// Prints a ledger on a line; the percentage that is unexplained.
fn print_row(process: &str, when: &str, ledger: &Value) -> f64 {
    let mib = |field: &str| ledger[field].as_f64().unwrap_or(f64::NAN) / f64::from(1 << 20);
    print!("{process:<12} {when:<5}");
    for column in &COLUMNS {
        print!(" {:>9.2}", column.fields.iter().copied().map(mib).sum::<f64>());
    }
    let percent = 100.0 * mib("unexplained_bytes") / mib("resident_bytes");
    println!(" {percent:>9.2} %");
    percent
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_process_is_found_by_its_name() {
        let ledger = json!({"resident_bytes": 1000, "unexplained_bytes": -40});
        let report = json!({"processes": [
            {"command": ["bash"], "ledger": null, "last_ledger": null},
            {"command": ["/usr/bin/redis-server *:1"], "ledger": ledger, "last_ledger": ledger},
        ]});
        let [(_, peak), _] = ledgers_of(&report, "redis-server").expect("it is there");
        assert!((print_row("redis-server", "peak", &peak) + 4.0).abs() < 1e-9);
        assert_eq!(ledgers_of(&report, "bash").unwrap_err(), "it left no ledger");
        assert_eq!(ledgers_of(&report, "node").unwrap_err(), "it left no record");
    }
}
