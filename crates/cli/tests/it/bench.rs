//! `spandrel bench`: what it refuses, and what it hands to the program that measures. Nothing is measured.

use std::path::Path;

use crate::command::{assert_refused, said, spandrel};

/// A folder that looks like the sources; what it builds prints its folder and arguments, and fails with 7.
fn fake_sources(folder: &Path) {
    let manifest = "[workspace]\nmembers = [\"compare\"]\nresolver = \"3\"\n";
    let package = "[package]\nname = \"compare\"\nversion = \"0.0.0\"\nedition = \"2024\"\n";
    let main = r#"
fn main() {
    println!("{}", std::env::current_dir().unwrap().display());
    println!("{:?} {}", std::env::args().skip(1).collect::<Vec<_>>(), env!("FROM_THE_CONFIGURATION"));
    std::process::exit(7);
}
"#;
    for (path, text) in [
        ("Cargo.toml", manifest),
        ("compare/Cargo.toml", package),
        ("compare/src/main.rs", main),
        (".cargo/config.toml", "[env]\nFROM_THE_CONFIGURATION = \"configured\"\n"),
    ] {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("can be made");
        std::fs::write(path, text).expect("can be written");
    }
}

#[test]
fn the_program_gets_folder_arguments_and_configuration_and_gives_its_exit_code() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path().canonicalize().expect("it is there");
    let (clone, here) = (folder.join("clone"), folder.join("here"));
    fake_sources(&clone.join("bench"));
    std::fs::create_dir(&here).expect("can be made");
    // The clone and its folder `bench` are both right.
    for sources in ["../clone", "../clone/bench"] {
        let mut command = spandrel(["bench", "--sources", sources, "json", "--json", "out.json", "--help"]);
        let said = said(command.current_dir(&here).env("CARGO_TARGET_DIR", folder.join("target")));
        assert_eq!(said.code, Some(7), "{said:?}");
        let expected =
            format!("{}\n[\"json\", \"--json\", \"out.json\", \"--help\"] configured\n", here.display());
        assert_eq!(said.stdout, expected, "{said:?}");
    }
}

#[test]
fn a_folder_without_the_sources() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = spandrel(["bench", "--sources"]);
    command.arg(folder.path()).args(["--door", "rust"]);
    assert_refused(&mut command, "does not hold the sources of the benchmarks: there is no `");
}

#[test]
fn no_cargo() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fake_sources(folder.path());
    let mut command = spandrel(["bench", "--sources"]);
    command.arg(folder.path()).env_remove("CARGO").env("PATH", folder.path());
    assert_refused(&mut command, "cargo was not found in PATH");
    // One that is there and cannot be started is another matter.
    assert_refused(command.env("CARGO", folder.path()), "cannot start `");
}

#[test]
fn the_help_names_the_options() {
    let said = said(&mut spandrel(["bench", "--help"]));
    assert_eq!(said.code, Some(0), "{said:?}");
    for option in ["--sources", "--door", "--peers", "--rounds", "--from-json", "Examples:"] {
        assert!(said.stdout.contains(option), "{option} is not in {}", said.stdout);
    }
}
