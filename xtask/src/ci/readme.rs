//! The two commands of the README, taken from its text and run as they stand there.
//!
//! The README has one fenced block with the command that tests everything (`cargo test ..`) and the one
//! that does the main job (`cargo run .. -- run .. -- PROGRAM ..`).

use std::path::Path;
use std::process::{Command, Output};

/// Terms that stand in every report of a run.
const REPORT_TERMS: [&str; 3] = ["requested", "allocated", "resident"];

#[derive(Debug, PartialEq, Eq)]
struct Commands {
    test: String,
    main_job: String,
}

/// Runs the README's test command.
pub(super) fn test_command_succeeds(root: &Path) -> bool {
    let Some(commands) = commands_of(root) else {
        return false;
    };
    println!("$ {}", commands.test);
    shell(root, &commands.test).status().expect("bash runs").success()
}

/// Runs the README's main job and looks for the program's own output and for the report.
pub(super) fn main_job_reports(root: &Path) -> bool {
    let Some(commands) = commands_of(root) else {
        return false;
    };
    println!("$ {}", commands.main_job);
    let Some(program) = program_of(&commands.main_job) else {
        println!("README.md: the main job runs no program behind a second ` -- `");
        return false;
    };
    let job = output(root, &commands.main_job);
    let plain = output(root, program);
    print!("{}{}", String::from_utf8_lossy(&job.stdout), String::from_utf8_lossy(&job.stderr));
    let problems = problems(&job, &plain);
    for problem in &problems {
        println!("README.md: {problem}");
    }
    problems.is_empty()
}

fn shell(root: &Path, command: &str) -> Command {
    let mut bash = Command::new("bash");
    bash.args(["-c", command]).current_dir(root);
    bash
}

fn output(root: &Path, command: &str) -> Output {
    shell(root, command).output().expect("bash runs")
}

fn commands_of(root: &Path) -> Option<Commands> {
    let text = std::fs::read_to_string(root.join("README.md")).unwrap_or_default();
    let commands = parse(&text);
    if commands.is_none() {
        println!("README.md: no fenced block with a `cargo test` and a `cargo run` command");
    }
    commands
}

/// The commands in the first fenced block that has both.
fn parse(readme: &str) -> Option<Commands> {
    let blocks = readme.split("\n```").skip(1).step_by(2);
    blocks.into_iter().find_map(|block| {
        let lines: Vec<&str> = block.lines().map(|line| line.trim_start_matches("$ ").trim()).collect();
        let line = |start| lines.iter().find(|line| line.starts_with(start)).map(|&line| line.to_owned());
        Some(Commands { test: line("cargo test")?, main_job: line("cargo run")? })
    })
}

/// The program in `cargo run -- run -- PROGRAM ..`, as the shell reads it.
fn program_of(main_job: &str) -> Option<&str> {
    main_job.splitn(3, " -- ").nth(2)
}

/// What the main job lacks.
fn problems(job: &Output, plain: &Output) -> Vec<String> {
    let mut problems = Vec::new();
    if job.status != plain.status {
        problems
            .push(format!("the main job ends with {}, its program alone with {}", job.status, plain.status));
    }
    let stdout = String::from_utf8_lossy(&job.stdout);
    let own = String::from_utf8_lossy(&plain.stdout);
    if own.is_empty() {
        problems.push("the program of the main job prints nothing".to_owned());
    }
    for line in own.lines().filter(|line| !stdout.lines().any(|shown| shown == *line)) {
        problems.push(format!("the main job swallows the program's `{line}`"));
    }
    let all = format!("{stdout}\n{}", String::from_utf8_lossy(&job.stderr)).to_lowercase();
    for term in REPORT_TERMS.iter().filter(|term| !all.contains(*term)) {
        problems.push(format!("the report of the main job does not say `{term}`"));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    const README: &str = "# A\n\n```rust\nlet x;\n```\n\nTry:\n\n```sh\n\
        $ cargo run --release -- run -- python3 -c 'print(1)'\n\
        $ cargo test --workspace\n```\n";

    #[test]
    fn the_commands_are_found() {
        let commands = parse(README).expect("the block is there");
        assert_eq!(commands.test, "cargo test --workspace");
        assert_eq!(program_of(&commands.main_job), Some("python3 -c 'print(1)'"));
        assert_eq!(parse("# A\n\n```sh\ncargo test\n```\n"), None);
        assert_eq!(parse("cargo test\ncargo run\n"), None);
        assert_eq!(program_of("cargo run -- run ls"), None);
    }

    #[test]
    fn a_main_job_without_output_or_report_is_found() {
        let shell = |script: &str| output(Path::new("."), script);
        let plain = shell("echo 3");
        let report = "echo Requested 1, allocated 2, resident 3 >&2";
        assert_eq!(problems(&shell(&format!("echo 3; {report}")), &plain), [""; 0]);
        assert_eq!(problems(&shell(report), &plain), ["the main job swallows the program's `3`"]);
        assert_eq!(problems(&shell("echo 3"), &plain).len(), REPORT_TERMS.len());
        assert_eq!(problems(&shell(&format!("echo 3; {report}; exit 1")), &plain).len(), 1);
        assert_eq!(problems(&shell(report), &shell("true")), ["the program of the main job prints nothing"]);
    }
}
