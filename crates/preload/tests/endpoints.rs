//! The option `listen` in programs that know nothing of Spandrel: shells, which fork, exec, and close files.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// cargo builds the shared object beside this test.
fn library() -> PathBuf {
    std::env::current_exe().unwrap().with_file_name("libspandrel_preload.so")
}

/// A shell that lives until its standard input ends.
struct Shell {
    child: Child,
    said: BufReader<std::process::ChildStdout>,
}

impl Shell {
    fn start(listen: &str, script: &str) -> Self {
        let mut child = Command::new("sh")
            .args(["-c", script])
            .env("LD_PRELOAD", library())
            .env("SPANDREL", format!("listen={listen}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        Self { child, said }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    /// Lets it end; its exit code, and what it said on standard error.
    fn end(mut self) -> (Option<i32>, String) {
        drop(self.child.stdin.take());
        let mut text = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        (self.child.wait().unwrap().code(), text)
    }
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn ask(mut stream: impl Read + Write) -> String {
    stream.write_all(b"GET /stats.json HTTP/1.1\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

fn pid_that_answers(answer: &str) -> u32 {
    let pid = answer.split("\"pid\":").nth(1).expect("statistics");
    pid.split(',').next().unwrap().parse().unwrap()
}

fn tcp(port: u16) -> String {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    ask(stream)
}

fn unix(path: &Path) -> String {
    let stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    ask(stream)
}

#[test]
fn a_chosen_port_is_told() {
    let mut shell = Shell::start("127.0.0.1:0", "echo ready; read line; exit 7");
    shell.line();
    let pid = shell.child.id();
    let mut told = BufReader::new(shell.child.stderr.take().unwrap());
    let mut line = String::new();
    told.read_line(&mut line).unwrap();
    let begin = format!("spandrel: process {pid} listens on 127.0.0.1:");
    let port = line.strip_prefix(&begin).unwrap_or_else(|| panic!("{line}")).trim().parse().unwrap();
    assert_eq!(pid_that_answers(&tcp(port)), pid);
    drop(shell.child.stdin.take());
    assert_eq!(shell.child.wait().unwrap().code(), Some(7));
}

#[test]
fn a_unix_socket_comes_and_goes() {
    let folder = std::env::temp_dir().join(format!("spandrel-endpoints-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let listen = format!("unix:{}/%p.sock", folder.display());
    let mut shell = Shell::start(&listen, "echo ready; read line; exit 0");
    shell.line();
    let path = folder.join(format!("{}.sock", shell.child.id()));
    assert_eq!(pid_that_answers(&unix(&path)), shell.child.id());
    assert_eq!(shell.end(), (Some(0), String::new()));
    assert!(!path.exists(), "the socket is left over");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_child_of_a_fork_neither_serves_nor_holds_the_port() {
    let port = free_port();
    let script = "(echo forked; read line) <&0 & echo ready; read line; wait";
    let mut shell = Shell::start(&format!("127.0.0.1:{port}"), script);
    let mut said = [shell.line(), shell.line()];
    said.sort();
    assert_eq!(said, ["forked", "ready"]);
    for _ in 0..5 {
        assert_eq!(pid_that_answers(&tcp(port)), shell.child.id());
    }
    shell.child.kill().unwrap();
    shell.child.wait().unwrap();
    // The child lives and reads on.
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn an_exec_serves_anew() {
    let port = free_port();
    let mut shell = Shell::start(&format!("127.0.0.1:{port}"), "exec sh -c 'echo again; read line; exit 3'");
    assert_eq!(shell.line(), "again");
    assert_eq!(pid_that_answers(&tcp(port)), shell.child.id());
    assert_eq!(shell.end(), (Some(3), String::new()));
}

#[test]
fn closing_all_files_does_not_close_the_server() {
    let port = free_port();
    let script = "exec 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&-; echo ready; read line";
    let mut shell = Shell::start(&format!("127.0.0.1:{port}"), script);
    assert_eq!(shell.line(), "ready");
    assert_eq!(pid_that_answers(&tcp(port)), shell.child.id());
    assert_eq!(shell.end().1, "");
}

#[test]
fn the_servers_files_are_its_own() {
    let mut shell = Shell::start(&format!("127.0.0.1:{}", free_port()), "echo ready; read line; echo done");
    shell.line();
    let files = std::fs::read_dir(format!("/proc/{}/fd", shell.child.id())).unwrap();
    let sockets = files.filter(|file| {
        let target = std::fs::read_link(file.as_ref().unwrap().path()).unwrap();
        target.to_string_lossy().starts_with("socket:")
    });
    assert_eq!(sockets.count(), 0);
    // The end of a pipe that the program closes is closed, though the server's thread had a copy at first.
    drop(shell.child.stdin.take());
    assert_eq!(shell.line(), "done");
    assert_eq!(shell.line(), "");
    shell.child.wait().unwrap();
}

#[test]
fn what_cannot_be_listened_on_is_told_in_one_line() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    for (listen, part) in [
        ("0.0.0.0:80".to_owned(), "is ignored: only an address of this machine is listened on"),
        ("rubbish".to_owned(), "is ignored: the address is 127.0.0.1:PORT"),
        (format!("127.0.0.1:{port}"), "somebody else listens there"),
        ("unix:/nowhere/at/all".to_owned(), "cannot listen on unix:/nowhere/at/all: no such folder"),
    ] {
        let (code, text) = Shell::start(&listen, "exit 5").end();
        assert_eq!(code, Some(5), "{listen}");
        assert!(text.contains(part) && text.lines().count() == 1, "{listen}: {text}");
    }
}
