//! The hard places of a process's life, under `LD_PRELOAD`: `places.c` goes there, this file starts it.
//!
//! Long forms, which take minutes, are run by name, with `--ignored`:
//! `cargo test --release -p spandrel-preload --test places -- --ignored --nocapture`.
#![cfg(not(bare_machine))]

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// A place ends with this code where it can't be gone to: rights or means are missing.
const CANNOT: i32 = 77;

/// cargo builds the shared object beside this test.
fn library() -> PathBuf {
    std::env::current_exe().unwrap().with_file_name("libspandrel_preload.so")
}

/// The folder of what is built from C for these tests.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/places");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("places-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let gcc = |args: &[&str], source: &str, product: &str| {
            let mut gcc = Command::new("gcc");
            gcc.args(["-O1", "-g", "-pthread", "-Wall", "-Wextra"]).args(args);
            gcc.arg(sources.join(source)).arg("-o").arg(folder.join(product)).arg("-ldl");
            assert!(gcc.status().unwrap().success(), "{source} does not compile");
        };
        gcc(&[], "places.c", "places");
        gcc(&["-shared", "-fPIC"], "plugin.c", "plugin.so");
        folder
    })
}

fn places() -> PathBuf {
    folder().join("places")
}

/// The program, to go to a place under the library.
fn go(place: &str, argument: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(places());
    command.arg(place).arg(argument).env("LD_PRELOAD", library()).env_remove("SPANDREL");
    command
}

/// Runs a command that has to end well and say nothing; `false` if it can't go there.
fn arrives(command: &mut Command) -> bool {
    let output = command.output().unwrap();
    if output.status.code() == Some(CANNOT) {
        assert!(std::env::var("CI").is_err(), "{command:?} can't be done here");
        return false;
    }
    assert!(output.status.success(), "{command:?}: {}\n{}", output.status, text(&output.stderr));
    assert_eq!(text(&output.stderr), "", "{command:?}");
    true
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn is_root() -> bool {
    // SAFETY: asks for a number.
    unsafe { libc::geteuid() == 0 }
}

#[test]
fn all_is_well_in_the_middle_of_life() {
    assert!(arrives(&mut go("plain", "")));
}

#[test]
fn before_main_and_after_exit() {
    assert!(arrives(&mut go("ends", "")));
}

#[test]
fn destructors_of_thread_keys() {
    assert!(arrives(&mut go("thread-keys", "")));
}

#[test]
fn many_short_threads() {
    assert!(arrives(&mut go("short-threads", "20000")));
}

#[test]
#[ignore = "takes minutes"]
fn a_million_short_threads() {
    assert!(arrives(&mut go("short-threads", "1000000")));
}

#[test]
fn a_thousand_live_threads() {
    assert!(arrives(&mut go("live-threads", "1000")));
}

#[test]
fn forks_under_churn() {
    assert!(arrives(&mut go("forks", "100")));
}

#[test]
#[ignore = "takes minutes"]
fn ten_thousand_forks_under_churn() {
    assert!(arrives(&mut go("forks", "10000")));
}

#[test]
fn vfork_and_posix_spawn() {
    assert!(arrives(&mut go("spawns", "")));
}

#[test]
fn handlers_on_a_stack_of_their_own() {
    // Between two calls. In the middle of one a handler that allocates is undefined, as under any allocator.
    assert!(arrives(&mut go("handlers", "")));
}

#[test]
fn libraries_that_come_and_go() {
    assert!(arrives(&mut go("libraries", folder().join("plugin.so"))));
}

#[test]
fn loaded_late_and_closed() {
    assert!(arrives(go("late", library()).env_remove("LD_PRELOAD")));
}

#[test]
fn no_address_space_is_left() {
    assert!(arrives(&mut go("address-space", "")));
}

#[test]
fn locked_memory_is_not_taken_for_zero() {
    arrives(&mut go("locked", ""));
}

#[test]
fn the_kernel_has_no_mappings_left() {
    arrives(&mut go("many-maps", ""));
}

#[test]
fn a_sandbox_that_refuses_calls() {
    assert!(arrives(&mut go("sandbox", "")));
}

/// With reports asked for, of which none may be lost in something else.
fn reporting(command: &mut Command) -> Output {
    command.env("SPANDREL", "stats=exit,no-such-option=1").output().unwrap()
}

#[test]
fn standard_error_is_closed() {
    let mut command = Command::new("sh");
    let script = "exec 2>&-; exec \"$0\" plain";
    command.args(["-c", script]).arg(places()).env("LD_PRELOAD", library());
    let output = reporting(&mut command);
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
}

#[test]
fn standard_error_is_full() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = reporting(go("plain", "").stderr(full));
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
    let output = reporting(&mut go("plain", ""));
    assert!(text(&output.stderr).contains("no-such-option"), "what could not be written is written here");
}

/// A store into a mapped file on a disk without room is a signal.
#[test]
fn the_disk_of_the_record_is_full() {
    if !is_root() {
        return;
    }
    let folder = folder().join("full-disk");
    std::fs::create_dir_all(&folder).unwrap();
    let script = "mount -t tmpfs -o size=8k tmpfs \"$1\" || exit 77
        SPANDREL=record=\"$1\" LD_PRELOAD=$2 \"$3\" plain";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script, "sh"]).arg(folder).arg(library()).arg(places());
    arrives(&mut command);
}

/// Raised rights: the loader drops the library, and a program that has us inside takes no orders.
#[test]
fn setuid_programs_take_no_options() {
    if !is_root() {
        return;
    }
    let folder = tempfile_for_everybody("setuid");
    let program = folder.join("inside");
    let source = folder.join("inside.c");
    std::fs::write(&source, "#include <stdlib.h>\nint main(void) { free(malloc(100)); return 0; }\n")
        .unwrap();
    let copy = folder.join("libspandrel_preload.so");
    std::fs::copy(library(), &copy).unwrap();
    let mut gcc = Command::new("gcc");
    gcc.arg(&source).arg("-o").arg(&program).arg("-Wl,--no-as-needed").arg(&copy);
    gcc.arg(format!("-Wl,-rpath,{}", folder.display()));
    assert!(gcc.status().unwrap().success());
    let as_nobody = |mode| {
        std::fs::set_permissions(&program, Permissions::from_mode(mode)).unwrap();
        let mut command = Command::new(&program);
        command.uid(65_534).gid(65_534).env("SPANDREL", "stats=exit").current_dir("/");
        command.output().unwrap()
    };
    let plain = as_nobody(0o755);
    assert!(plain.status.success() && text(&plain.stderr).contains("allocations"), "{plain:?}");
    let raised = as_nobody(0o4755);
    assert!(raised.status.success() && raised.stderr.is_empty(), "{raised:?}");
    std::fs::remove_dir_all(folder).unwrap();
}

fn tempfile_for_everybody(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("spandrel-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
    folder
}

/// A root folder with the program, its libraries and nothing else: no /proc, no /sys, no /dev.
#[test]
fn a_root_without_proc() {
    if !is_root() {
        return;
    }
    let root = tempfile_for_everybody("root");
    let list = Command::new("ldd").arg(places()).arg(library()).output().unwrap();
    let needed = text(&list.stdout);
    let paths = needed.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from);
    for path in paths.filter(|path| path.is_file()).chain([places(), library()]) {
        let copy = root.join(path.strip_prefix("/").unwrap());
        std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
        std::fs::copy(path, copy).unwrap();
    }
    for place in ["plain", "ends", "live-threads"] {
        let mut command = Command::new("chroot");
        command.arg(&root).arg(places()).args([place, "20"]).env("LD_PRELOAD", library());
        let output = command.env("SPANDREL", "stats=exit,record=/").output().unwrap();
        assert!(output.status.success(), "{place}: {output:?}");
        assert!(text(&output.stderr).contains("KiB live"), "{output:?}");
    }
    std::fs::remove_dir_all(root).unwrap();
}

#[test]
fn under_a_debugger() {
    let mut gdb = Command::new("gdb");
    gdb.args(["-batch", "-nx", "-ex", "set startup-with-shell off", "-ex", "set disable-randomization off"]);
    gdb.arg("-ex").arg(format!("set environment LD_PRELOAD {}", library().display()));
    gdb.args(["-ex", "break execve", "-ex", "run", "-ex", "backtrace 2", "-ex", "delete", "-ex", "continue"]);
    gdb.arg("--args").arg(places()).arg("spawns");
    let output = gdb.stdin(Stdio::null()).output().unwrap();
    let said = text(&output.stdout);
    assert!(said.contains("exited normally"), "{said}{}", text(&output.stderr));
}

/// Valgrind looks for functions to replace in libraries that define `malloc`; told not to, it runs ours.
#[test]
fn under_valgrind() {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--quiet", "--error-exitcode=9", "--soname-synonyms=somalloc=nouserintercepts"]);
    valgrind.arg(places()).args(["churn"]).env("LD_PRELOAD", library());
    let output = valgrind.output().unwrap();
    assert!(output.status.success(), "{}: {}", output.status, text(&output.stderr));
    assert_eq!(output.status.signal(), None);
}
