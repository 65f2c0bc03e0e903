//! Running programs from outside: `spandrel run --serve`, `spandrel top`, Prometheus, Pyroscope.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use crate::command::{assert_refused, said, spandrel};

/// Longer than anything here takes on a slow machine: a hang fails, slowness does not.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program that says when its list of nodes is there, and grows it until its input ends.
const PROGRAM: &str = r#"
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>
struct node { struct node *next; char text[1000]; };
__attribute__((noinline)) struct node *grow_list(struct node *list) {
    struct node *node = malloc(sizeof *node);
    node->next = list;
    return node;
}
int main(void) {
    struct node *list = 0;
    struct pollfd input = { 0, POLLIN, 0 };
    for (int i = 0; i < 50000; i++) list = grow_list(list);
    if (write(1, "grown\n", 6) != 6) return 2;
    while (poll(&input, 1, 10) == 0)
        for (int i = 0; i < 200; i++) list = grow_list(list);
    return list == 0;
}
"#;

/// `spandrel run --serve` and the program above, sampled at a rate of its own: what it allocates in a hurry
/// must not make samples of the next second rare.
pub(crate) struct Running {
    child: Child,
    input: Option<ChildStdin>,
    told: BufReader<ChildStderr>,
    pid: String,
    pub(crate) address: String,
}

impl Running {
    pub(crate) fn start(folder: &Path, options: &[&str]) -> Self {
        std::fs::write(folder.join("program.c"), PROGRAM).expect("can be written");
        let mut gcc = Command::new("gcc");
        gcc.args(["-g", "-O1", "-fno-omit-frame-pointer", "program.c", "-o", "grower"]).current_dir(folder);
        assert!(gcc.status().expect("gcc is there").success());
        let mut command = spandrel(["run", "--serve", "127.0.0.1:0"]);
        command.args(options).arg("--").arg(folder.join("grower"));
        command.env("SPANDREL", "memprofilerate=65536");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the command starts");
        let mut told = BufReader::new(child.stderr.take().expect("piped"));
        let mut line = String::new();
        told.read_line(&mut line).expect("text");
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!((words[1], words[3], words[4]), ("process", "listens", "on"), "{line}");
        let mut grown = String::new();
        let stdout = child.stdout.as_mut().expect("piped");
        BufReader::new(stdout).read_line(&mut grown).expect("text");
        assert_eq!(grown, "grown\n");
        let (pid, address) = (words[2].to_owned(), words[5].to_owned());
        Self { input: child.stdin.take(), child, told, pid, address }
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a positive time");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("it reads");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("text");
        text.split_once("\r\n\r\n").expect("a head").1.to_owned()
    }

    /// Ends the program; what the command said after its first line.
    pub(crate) fn end(mut self) -> String {
        drop(self.input.take());
        let mut text = String::new();
        self.told.read_to_string(&mut text).expect("text");
        assert_eq!(self.child.wait().expect("it ends").code(), Some(0), "{text}");
        text
    }
}

/// Calls `probe` until it says something.
#[track_caller]
fn until<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if let Some(found) = probe() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("not within {PATIENCE:?}: {what}");
}

#[test]
fn on_paper_by_process_and_by_address() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let running = Running::start(folder.path(), &[]);
    for target in [&running.pid, &running.address] {
        let said = said(spandrel(["top", "--once"]).arg(target));
        assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""), "{said:?}");
        for part in ["grower (process ", "Classes:\nclass", "1024", "grow_list program.c:7", "= resident"] {
            assert!(said.stdout.contains(part), "{part} is not in {}", said.stdout);
        }
        assert!(said.stdout.contains(&running.pid), "{}", said.stdout);
    }
    let report = running.end();
    assert!(report.contains("grower"), "{report}");
}

#[test]
fn targets_that_are_none() {
    let silent = Command::new("sleep").arg("100").spawn();
    let mut silent = silent.expect("sleep is there");
    let pid = silent.id().to_string();
    assert_refused(&mut spandrel(["top", &pid]), "does not listen: start it with `spandrel run --serve");
    silent.kill().expect("it runs");
    silent.wait().expect("it ends");
    assert_refused(&mut spandrel(["top", "4294967295"]), "there is no process 4294967295");
    assert_refused(&mut spandrel(["top", "rubbish"]), "is neither a process nor an address");
    assert_refused(&mut spandrel(["top", "unix:/nowhere"]), "unix:/nowhere does not answer");
    // Somebody who speaks another language.
    let other = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = other.local_addr().expect("bound").to_string();
    let answers = std::thread::spawn(move || {
        let (mut stream, _) = other.accept().expect("a client");
        let mut request = [0; 1000];
        let _some = stream.read(&mut request).expect("a request");
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").expect("it reads");
    });
    assert_refused(&mut spandrel(["top", &address]), "not the statistics of Spandrel");
    answers.join().expect("it ends well");
    for wrong in ["0.0.0.0:80", "80", "unix:", "127.0.0.1:1,stats=exact"] {
        assert_refused(&mut spandrel(["run", "--serve", wrong, "--", "true"]), "`--serve");
    }
    for wrong in ["pyroscope", "parca=http://x", "pyroscope=https://x"] {
        assert_refused(&mut spandrel(["run", "--push", wrong, "--", "true"]), "pyroscope=http://HOST:PORT");
    }
}

/// A terminal of its own: a server of tmux with one window.
struct Terminal {
    socket: std::path::PathBuf,
}

impl Terminal {
    fn start(folder: &Path, columns: u16, rows: u16, command: &str) -> Self {
        let terminal = Self { socket: folder.join("tmux") };
        let (columns, rows) = (columns.to_string(), rows.to_string());
        let folder = folder.to_str().expect("a plain path");
        terminal.tmux(&[
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            &columns,
            "-y",
            &rows,
            "-c",
            folder,
            command,
        ]);
        terminal
    }

    fn tmux(&self, args: &[&str]) -> String {
        let mut command = Command::new("tmux");
        command.arg("-S").arg(&self.socket).args(args).env_remove("TMUX").env("TERM", "xterm-256color");
        let output = command.output().expect("tmux is there");
        String::from_utf8(output.stdout).expect("text")
    }

    fn press(&self, keys: &str) {
        self.tmux(&["send-keys", keys]);
    }

    /// Waits for a screen with all these texts.
    #[track_caller]
    fn shows(&self, parts: &[&str]) -> String {
        let mut screen = String::new();
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            // What is drawn meanwhile is seen the next time.
            screen = self.tmux(&["capture-pane", "-p"]);
            if parts.iter().all(|part| screen.contains(part)) {
                return screen;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{parts:?} is not on the screen:\n{screen}");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

#[test]
fn live_in_a_terminal() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let running = Running::start(folder.path(), &[]);
    let command = env!("CARGO_BIN_EXE_spandrel");
    let line = format!("{command} top --interval 0.2 {}; echo ended with $?; sleep 1000", running.pid);
    let terminal = Terminal::start(folder.path(), 100, 30, &line);
    terminal.shows(&["grower (process", "Classes", "allocated v", "1024", "q quit", "allocs/s"]);
    terminal.press("2");
    terminal.shows(&["grow_list program.c:7", "in use v"]);
    terminal.press("3");
    terminal.shows(&["types of sampled bytes:"]);
    terminal.press("4");
    terminal.shows(&["+ metadata of the allocator", "= resident"]);
    terminal.press("5");
    let screen = terminal.shows(&["class 1024", "growth v"]);
    assert!(screen.contains('+'), "{screen}");
    terminal.press("1");
    terminal.press("s");
    terminal.shows(&["requested v"]);
    terminal.press("r");
    terminal.shows(&["requested ^"]);
    // A text that is in no row, and one that is.
    terminal.press("/");
    for key in ["1", "0", "2"] {
        terminal.press(key);
    }
    terminal.shows(&["filter: 102_", "1024"]);
    terminal.press("Enter");
    terminal.shows(&["filter: 102 "]);
    terminal.press("Escape");
    terminal.press("Space");
    let paused = terminal.shows(&["[paused]"]);
    std::thread::sleep(Duration::from_millis(600));
    assert_eq!(terminal.tmux(&["capture-pane", "-p"]), paused);
    terminal.press("w");
    terminal.shows(&["wrote spandrel-"]);
    terminal.press("?");
    terminal.shows(&["another view", "Sites and types come from"]);
    terminal.press("?");
    for (columns, rows) in [("40", "8"), ("9", "3"), ("120", "40")] {
        terminal.tmux(&["resize-window", "-x", columns, "-y", rows]);
        std::thread::sleep(Duration::from_millis(300));
    }
    terminal.press("Space");
    terminal.shows(&["grower (process", "q quit", "1024"]);
    terminal.press("q");
    terminal.shows(&["ended with 0"]);
    let names = std::fs::read_dir(folder.path()).expect("a folder").flatten();
    let names: Vec<String> = names.map(|file| file.file_name().to_string_lossy().into_owned()).collect();
    let ending = |end: &str| {
        let file = names.iter().find(|name| name.starts_with("spandrel-") && name.ends_with(end));
        folder.path().join(file.unwrap_or_else(|| panic!("no {end} among {names:?}")))
    };
    let stats = std::fs::read_to_string(ending(".json")).expect("text");
    assert!(stats.starts_with("{\"schema\":\"spandrel.stats\""), "{stats}");
    let said = said(spandrel(["report"]).arg(ending(".pb.gz")));
    assert!(said.code == Some(0) && said.stdout.contains("grow_list"), "{said:?}");
    running.end();
}

#[test]
fn a_program_that_ends_is_told_of() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let running = Running::start(folder.path(), &[]);
    let command = env!("CARGO_BIN_EXE_spandrel");
    let line = format!("{command} top --interval 0.2 {}; sleep 1000", running.address);
    let terminal = Terminal::start(folder.path(), 100, 30, &line);
    terminal.shows(&["grower (process"]);
    running.end();
    terminal.shows(&["does not answer", "grower (process"]);
}

/// `promtool` is content with the names and the form.
#[test]
fn promtool_is_content() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let running = Running::start(folder.path(), &[]);
    let metrics = running.get("/metrics");
    let check = |metrics: &str| {
        let mut promtool = Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("promtool is there: apt-get install prometheus");
        promtool.stdin.take().expect("piped").write_all(metrics.as_bytes()).expect("it reads");
        let output = promtool.wait_with_output().expect("it ends");
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).expect("text"))
    };
    assert_eq!(check(&metrics), (true, String::new()));
    // It can be discontent.
    let (is_content, text) = check(&metrics.replace("spandrel_frees_total", "spandrel_frees"));
    assert!(!is_content && text.contains("spandrel_frees"), "{text}");
    running.end();
}

#[test]
fn prometheus_scrapes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let running = Running::start(folder.path(), &[]);
    let config = format!(
        "global:\n  scrape_interval: 1s\nscrape_configs:\n  - job_name: spandrel\n    static_configs:\n      \
         - targets: ['{}']\n",
        running.address
    );
    std::fs::write(folder.path().join("prometheus.yml"), config).expect("can be written");
    let port = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a free port").port();
    let mut prometheus = Command::new("prometheus")
        .arg("--config.file=prometheus.yml")
        .arg("--storage.tsdb.path=data")
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("prometheus is there: apt-get install prometheus");
    let ask = |query: &str| -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        let path = format!("/api/v1/query?query={query}");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        text.contains("\"value\":[").then_some(text)
    };
    let answer = until("a scrape", || ask("spandrel_allocated_bytes"));
    let up = until("it is up", || ask("up").filter(|up| up.contains(",\"1\"]")));
    prometheus.kill().expect("it runs");
    prometheus.wait().expect("it ends");
    assert!(answer.contains("\"job\":\"spandrel\""), "{answer}");
    assert!(up.contains(&running.address), "{up}");
    running.end();
}

/// Takes some pushes, and answers each.
fn take_pushes(listener: &TcpListener, pushes: usize) -> Vec<(String, Vec<u8>)> {
    let accept = |_| {
        let (stream, _) = listener.accept().expect("a client");
        stream.set_read_timeout(Some(PATIENCE)).expect("a positive time");
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(reader.read_line(&mut head).expect("text") > 0, "{head}");
        }
        let lower = head.to_lowercase();
        let length = lower.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
        let mut body = vec![0; length.parse().expect("a number")];
        reader.read_exact(&mut body).expect("a body");
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        reader.get_mut().write_all(answer).expect("it reads");
        (head, body)
    };
    (0..pushes).map(accept).collect()
}

fn unpacked(body: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    flate2::read::GzDecoder::new(body).read_to_end(&mut message).expect("gzip");
    message
}

/// The fields of a protobuf message that are bytes.
fn fields(mut message: &[u8]) -> Vec<(u8, &[u8])> {
    let mut found = Vec::new();
    while let Some((&key, rest)) = message.split_first() {
        assert_eq!(key & 7, 2, "all fields of a push are bytes");
        let (mut len, mut shift, mut at) = (0, 0, 0);
        loop {
            len |= usize::from(rest[at] & 0x7f) << shift;
            at += 1;
            shift += 7;
            if rest[at - 1] < 0x80 {
                break;
            }
        }
        found.push((key >> 3, &rest[at..at + len]));
        message = &rest[at + len..];
    }
    found
}

#[test]
fn profiles_are_pushed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let target = format!("pyroscope=http://{}", listener.local_addr().expect("bound"));
    let running = Running::start(folder.path(), &["--push", &target, "--push-interval", "0.3"]);
    // One while it runs, and the last at its end.
    let mut pushes = take_pushes(&listener, 2);
    let last = std::thread::spawn(move || take_pushes(&listener, 1));
    let report = running.end();
    assert!(!report.contains("cannot push"), "{report}");
    pushes.extend(last.join().expect("it ends well"));
    let mut allocated = Vec::new();
    for (head, body) in &pushes {
        assert!(head.starts_with("POST /push.v1.PusherService/Push HTTP/1.1\r\n"), "{head}");
        let head = head.to_lowercase();
        assert!(head.contains("content-type: application/proto\r\n"), "{head}");
        assert!(head.contains("content-encoding: gzip\r\n"), "{head}");
        let message = unpacked(body);
        let series = fields(&message);
        assert_eq!((series.len(), series[0].0), (1, 1));
        let series = fields(series[0].1);
        let label = |field: &[u8]| {
            let parts = fields(field);
            let text = |part: &[u8]| String::from_utf8(part.to_vec()).expect("text");
            (text(parts[0].1), text(parts[1].1))
        };
        let labels: Vec<_> = series.iter().filter(|it| it.0 == 1).map(|it| label(it.1)).collect();
        let expected = [("__name__", "memory"), ("service_name", "grower"), ("spy_name", "spandrel")];
        assert_eq!(labels, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let samples: Vec<_> = series.iter().filter(|it| it.0 == 2).map(|it| fields(it.1)).collect();
        assert_eq!((samples.len(), samples[0][1].1.len()), (1, 36));
        let (profile, _) = spandrel_profile::read(samples[0][0].1).expect("a profile");
        assert!(profile.functions.iter().any(|function| &*function.name == "grow_list"));
        let sum = |name: &str| -> i64 {
            let index = profile.sample_index(Some(name)).expect("a sample type");
            profile.samples.iter().map(|sample| sample.values[index]).sum()
        };
        allocated.push((sum("alloc_space"), sum("inuse_space")));
    }
    // Nothing is freed: what is in use is all that was ever allocated, which came in parts.
    let total: i64 = allocated.iter().map(|(allocated, _)| allocated).sum();
    assert_eq!(allocated.last().expect("three").1, total, "{allocated:?}");
    assert!(allocated.iter().all(|(allocated, _)| *allocated > 0), "{allocated:?}");
}

#[cfg(feature = "otlp")]
#[test]
fn profiles_are_pushed_in_opentelemetrys_protocol() {
    use opentelemetry_proto::tonic::collector::profiles::v1development::ExportProfilesServiceRequest;
    use prost::Message;

    let folder = tempfile::tempdir().expect("a temporary folder");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let target = format!("otlp=http://{}", listener.local_addr().expect("bound"));
    let running = Running::start(folder.path(), &["--push", &target, "--push-interval", "0.3"]);
    let mut pushes = take_pushes(&listener, 2);
    let last = std::thread::spawn(move || take_pushes(&listener, 1));
    let report = running.end();
    assert!(!report.contains("cannot push"), "{report}");
    pushes.extend(last.join().expect("it ends well"));
    let mut sums = Vec::new();
    for (head, body) in &pushes {
        assert!(head.starts_with("POST /v1development/profiles HTTP/1.1\r\n"), "{head}");
        assert!(head.to_lowercase().contains("content-type: application/x-protobuf\r\n"), "{head}");
        let message = ExportProfilesServiceRequest::decode(&unpacked(body)[..]).expect("a message");
        let tables = message.dictionary.expect("there is one");
        let text = |index: i32| tables.string_table[index as usize].as_str();
        assert!(tables.function_table.iter().any(|it| text(it.name_strindex) == "grow_list"));
        let profiles = &message.resource_profiles[0].scope_profiles[0].profiles;
        let sum = |kind: &str| -> i64 {
            let is_it = |it: &&opentelemetry_proto::tonic::profiles::v1development::Profile| {
                text(it.sample_type.expect("a type").type_strindex) == kind
            };
            let profile = profiles.iter().find(is_it).expect("all four are there");
            profile.samples.iter().flat_map(|sample| &sample.values).sum()
        };
        sums.push((sum("alloc_space"), sum("inuse_space")));
    }
    // Nothing is freed: what is in use is all that was ever allocated, which came in parts.
    let total: i64 = sums.iter().map(|(allocated, _)| allocated).sum();
    assert_eq!(sums.last().expect("three").1, total, "{sums:?}");
}

#[test]
fn a_server_that_is_not_there_is_told_of_once() {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a free port");
    let target = format!("pyroscope=http://{free}");
    let said = said(&mut spandrel(["run", "--push", &target, "--push-interval", "0.1", "--", "sleep", "1"]));
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(said.stderr.matches("cannot push to").count(), 1, "{said:?}");
}
