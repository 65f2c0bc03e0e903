//! The program's streams, exit code, signals and environment pass through.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::command::{run_shell, said, spandrel};

#[test]
fn exit_codes_and_signals_are_passed_on() {
    for (script, code) in
        [("exit 0", 0), ("exit 7", 7), ("exit 255", 255), ("kill -TERM $$", 143), ("kill -KILL $$", 137)]
    {
        assert_eq!(said(&mut run_shell(script)).code, Some(code), "{script}");
    }
}

#[test]
fn streams_are_the_programs_own() {
    let mut child = run_shell("cat; echo error >&2")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    child.stdin.take().expect("piped").write_all(b"in\0and out").expect("cat reads");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.stdout, b"in\0and out");
    assert!(output.stderr.starts_with(b"error\n"), "{output:?}");
    assert!(!output.stderr.contains(&0x1b), "no colours in a pipe");
}

#[test]
fn the_program_gets_its_arguments_and_its_name() {
    let output = said(&mut spandrel(["run", "--", "sh", "-c", "echo \"$0|$*\"", "a b", "--json", "c"]));
    assert_eq!(output.stdout, "a b|--json c\n");
    let argv0 = said(&mut spandrel(["run", "cat", "/proc/self/cmdline"]));
    assert_eq!(argv0.stdout, "cat\0/proc/self/cmdline\0");
}

#[test]
fn hardened_is_an_option_of_the_allocator() {
    let script = "echo $SPANDREL; python3 -c 'import ctypes; c = ctypes.CDLL(None); p = ctypes.c_void_p; \
                  c.malloc.restype = p; x = p(c.malloc(48)); c.free(x); c.free(x)'";
    let output = said(&mut spandrel(["run", "--hardened", "--", "sh", "-c", script]));
    assert!(output.stdout.trim_end().ends_with(",hardened=1"), "{}", output.stdout);
    assert_eq!(output.code, Some(134), "{}", output.stderr);
    assert!(output.stderr.contains("spandrel: double free of 0x"), "{}", output.stderr);
}

/// The background thread looks at what is resident while other threads live, which once ended the program.
#[test]
fn a_program_with_threads_that_goes_idle_is_looked_at_and_lives() {
    let script = "import threading, time; t = threading.Thread(target=time.sleep, args=(1.5,)); t.start(); \
                  x = [bytes(300000) for _ in range(100)]; del x; t.join(); print('alive')";
    let output = said(
        spandrel(["run", "--", "/usr/bin/python3", "-c", script])
            .env("PYTHONMALLOC", "malloc")
            .env("SPANDREL", "scavtrace=1"),
    );
    assert_eq!((output.code, output.stdout.as_str()), (Some(0), "alive\n"), "{}", output.stderr);
    assert!(output.stderr.contains("\nscav ") || output.stderr.starts_with("scav "), "{}", output.stderr);
}

/// A shell that answers `signal` by ending with code 9, and ends by itself when nothing comes.
fn trapping(signal: &str) -> Command {
    run_shell(&format!(
        "trap 'echo got; exit 9' {signal}; echo ready; for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.5; done"
    ))
}

#[test]
fn signals_are_passed_on_once() {
    let signals =
        [("TERM", Signal::TERM), ("USR1", Signal::USR1), ("USR2", Signal::USR2), ("WINCH", Signal::WINCH)];
    for (name, signal) in signals {
        let mut child =
            trapping(name).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the command starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a line");
        assert_eq!(line, "ready\n");
        kill_process(Pid::from_child(&child), signal).expect("it runs");
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).expect("UTF-8");
        assert_eq!(rest, "got\n", "{name}");
        assert_eq!(child.wait().expect("it ends").code(), Some(9), "{name}");
    }
}

#[test]
fn ignored_signals_stay_ignored() {
    let script = format!(
        "trap '' HUP; exec {} run -- sh -c 'kill -HUP $$; echo alive'",
        env!("CARGO_BIN_EXE_spandrel")
    );
    let said = said(Command::new("sh").args(["-c", &script]).env_remove("SPANDREL"));
    assert_eq!((said.code, said.stdout.as_str()), (Some(0), "alive\n"));
}

#[test]
fn the_environment_names_the_library_and_a_private_folder() {
    let script = "echo \"$LD_PRELOAD\"; echo \"$SPANDREL\"; stat -c %a \"${SPANDREL##*record=}\"";
    let said = said(run_shell(script).env("SPANDREL", "stats=exact").env("LD_PRELOAD", "libm.so.6"));
    let lines: Vec<_> = said.stdout.lines().collect();
    let (library, other) = lines[0].split_once(':').expect("two libraries");
    assert!(Path::new(library).is_absolute() && Path::new(library).exists());
    assert_eq!(other, "libm.so.6");
    let folder = lines[1].strip_prefix("stats=exact,record=").expect("the folder comes last");
    assert!(!Path::new(folder).exists(), "the folder is gone");
    assert_eq!(lines[2], "700");
}

#[test]
fn a_run_within_a_run_has_its_own_folder() {
    let inner = format!("{} run -- sh -c 'echo $SPANDREL; echo $LD_PRELOAD'", env!("CARGO_BIN_EXE_spandrel"));
    let said = said(&mut run_shell(&format!("echo $SPANDREL; {inner}")));
    let lines: Vec<_> = said.stdout.lines().collect();
    assert_eq!(lines[1].matches("record=").count(), 1);
    assert_ne!(lines[0], lines[1]);
    assert!(!lines[2].contains(':'), "the library is there once: {}", lines[2]);
}

#[test]
fn the_library_is_unpacked_where_the_user_wants_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cache = folder.path().join("cache");
    let library = |command: &mut Command| {
        let said = said(command);
        assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
        said.stdout.trim_end().to_string()
    };
    let first = library(spandrel(["library"]).env("XDG_CACHE_HOME", &cache));
    assert!(first.starts_with(cache.to_str().expect("UTF-8")), "{first}");
    let header = std::fs::read(&first).expect("is there");
    assert!(header.starts_with(b"\x7fELF"));
    assert_eq!(library(spandrel(["library"]).env("XDG_CACHE_HOME", &cache)), first);

    let home = folder.path().join("John Doe");
    let elsewhere = library(
        spandrel(["library"]).env_remove("XDG_CACHE_HOME").env("HOME", &home).env("TMPDIR", folder.path()),
    );
    assert!(!elsewhere.contains(' '), "the loader would split {elsewhere}");
    assert!(!home.exists());
    let parent = Path::new(&elsewhere).parent().expect("a folder");
    assert_eq!(parent.metadata().expect("is there").mode() & 0o777, 0o700);
}
