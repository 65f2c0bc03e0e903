//! The endpoints inside a Rust program: what they answer, and that no client can harm the others or the
//! program.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

#[global_allocator]
static ALLOC: spandrel::Spandrel = spandrel::Spandrel::new();

/// The tests take turns: a crowd of clients may take the places of others.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The one server of this process.
fn address() -> SocketAddr {
    static ADDRESS: OnceLock<SocketAddr> = OnceLock::new();
    *ADDRESS.get_or_init(|| spandrel::serve("127.0.0.1:0").expect("a free port").expect("of TCP"))
}

fn connect() -> TcpStream {
    let client = TcpStream::connect(address()).expect("the server listens");
    // Longer than any limit of the server: a hang fails, a slow machine does not.
    client.set_read_timeout(Some(Duration::from_secs(60))).expect("a positive time");
    client
}

/// All that comes until the server ends the connection.
fn rest(mut client: TcpStream) -> String {
    let mut bytes = Vec::new();
    match client.read_to_end(&mut bytes) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("{error}"),
    }
    String::from_utf8(bytes).expect("text")
}

fn said(request: &[u8]) -> String {
    let mut client = connect();
    client.write_all(request).expect("the server reads");
    rest(client)
}

/// The body of a good answer.
#[track_caller]
fn get(path: &str) -> String {
    let answer = said(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{path}: {head}");
    assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{path}: {head}");
    body.to_owned()
}

/// The head and the bytes of a profile.
fn profile(query: &str) -> (String, Vec<u8>) {
    let mut client = connect();
    client.write_all(format!("GET {query} HTTP/1.1\r\n\r\n").as_bytes()).expect("the server reads");
    let mut bytes = Vec::new();
    client.read_to_end(&mut bytes).expect("an answer");
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
    (String::from_utf8_lossy(&bytes[..end]).into_owned(), bytes[end..].to_vec())
}

/// Allocates 16 blocks that are so large that hardly one is not sampled, and are never touched.
#[inline(never)]
fn allocate_a_lot() -> Vec<Vec<u8>> {
    // Or some would not be: so many samples at once make a thread's period longer, and who takes its cache
    // over inherits that.
    spandrel::profile::restart(512 << 10, 1);
    let blocks = (0..16).map(|_| vec![0; 16 << 20]).collect();
    // The last thing that it does is no call that would take its place on the stack.
    std::hint::black_box(&blocks);
    blocks
}

#[test]
fn heap_profiles() {
    let _turn = turn();
    let kept = allocate_a_lot();
    for (path, name) in [("/debug/pprof/heap", "heap"), ("/debug/pprof/allocs?gc=1", "allocs")] {
        let (head, bytes) = profile(path);
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains(&format!("filename=\"{name}.pb.gz\"")), "{head}");
        assert_eq!(bytes[..2], [0x1f, 0x8b], "it is compressed");
    }
    let text = get("/debug/pprof/heap?debug=1");
    assert!(text.starts_with("heap profile: ") && text.contains("\nMAPPED_LIBRARIES:\n"), "{text}");
    assert!(text.contains("allocate_a_lot"), "{text}");
    let in_use: u64 = text[14..].split(' ').nth(1).and_then(|bytes| bytes.parse().ok()).expect("a number");
    assert!(in_use > kept.len() as u64 * (8 << 20), "{in_use}");
}

#[test]
fn what_changes_in_a_second() {
    let _turn = turn();
    let kept = allocate_a_lot();
    let mut asked = connect();
    asked.write_all(b"GET /debug/pprof/heap?seconds=3&debug=1 HTTP/1.1\r\n\r\n").expect("the server reads");
    // Others are answered meanwhile; and whoever came first was attended to first.
    get("/metrics");
    let more = allocate_a_lot();
    drop(kept);
    let answer = rest(asked);
    let first = answer.lines().find(|line| line.starts_with("heap profile")).expect("a profile");
    let numbers: Vec<i64> = first
        .split(|c: char| !c.is_ascii_digit() && c != '-')
        .filter_map(|number| number.parse().ok())
        .collect();
    // Allocated once more, in use as before: within what sampling may be off.
    assert!(numbers[3] > 192 << 20 && numbers[3] < 384 << 20, "{first}");
    assert!(numbers[1].abs() < 64 << 20, "{first}");
    drop(more);
    for (query, code) in
        [("seconds=0", "200"), ("seconds=x", "400"), ("seconds=3601", "400"), ("debug=x", "400")]
    {
        let (head, _) = profile(&format!("/debug/pprof/allocs?{query}"));
        assert_eq!(&head[9..12], code, "{query}");
    }
}

#[test]
fn those_who_wait_are_not_too_many_and_may_leave() {
    let _turn = turn();
    let ask = || {
        let mut client = connect();
        client.write_all(b"GET /debug/pprof/heap?seconds=3600 HTTP/1.1\r\n\r\n").expect("the server reads");
        client
    };
    let waiting: Vec<_> = (0..16).map(|_| ask()).collect();
    assert!(rest(ask()).starts_with("HTTP/1.1 503 "));
    get("/metrics");
    drop(waiting);
    // Their places are free again, as soon as the server has seen that they have left.
    for attempt in 0.. {
        let client = ask();
        client.set_read_timeout(Some(Duration::from_millis(200))).expect("a positive time");
        if (&client).read(&mut [0]).is_err() {
            break;
        }
        assert!(attempt < 100, "nobody may wait");
    }
}

fn code(request: &[u8]) -> String {
    said(request).get(9..12).unwrap_or("none").to_owned()
}

#[test]
fn every_route_answers() {
    let _turn = turn();
    let kept = vec![7u8; 3 << 20];
    assert!(get("/").contains("/metrics"));
    assert!(get("/debug/pprof/").contains("/debug/pprof/heap"));
    assert!(get("/debug/pprof/cmdline").contains("endpoints"));
    let metrics = get("/metrics");
    let line = metrics.lines().find(|line| line.starts_with("spandrel_allocated_bytes ")).expect("there");
    let bytes: u64 = line.rsplit(' ').next().and_then(|bytes| bytes.parse().ok()).expect("a number");
    assert!(bytes > kept.len() as u64, "{line}");
    assert!(metrics.contains("\nspandrel_class_allocs_total{class=\"64\"} "), "{metrics}");
    let stats = get("/stats.json");
    assert!(stats.starts_with("{\"schema\":\"spandrel.stats\",\"version\":1,") && stats.ends_with("]}"));
    assert_eq!(stats.matches("\"class\":").count(), 68);
    assert!(stats.contains("\"ledger\":null"), "{stats}");
    assert!(get("/stats.json?ledger=1").contains("\"unexplained_bytes\":"));
    assert!(!metrics.contains("spandrel_ledger_bytes"));
    assert!(get("/metrics?ledger=1").contains("\nspandrel_ledger_bytes{part=\"rounding\"} "));
}

#[test]
fn names_of_functions() {
    let _turn = turn();
    let own = names_of_functions as fn() as usize;
    for (request, by) in [
        (format!("GET /debug/pprof/symbol?{own:#x}+0x1 HTTP/1.1\r\n\r\n"), "GET"),
        (format!("POST /debug/pprof/symbol HTTP/1.1\r\nContent-Length: 14\r\n\r\n{own:#x}"), "POST"),
    ] {
        let answer = said(request.as_bytes());
        let line = answer.lines().find(|line| line.starts_with(&format!("{own:#x} "))).unwrap_or_default();
        assert!(line.contains("names_of_functions"), "{by}: {answer}");
    }
}

#[test]
fn a_head_is_an_answer_without_its_body() {
    let _turn = turn();
    let answer = said(b"HEAD /metrics HTTP/1.1\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
}

#[test]
fn what_is_wrong_is_refused() {
    let _turn = turn();
    for (request, expected) in [
        (&b"GET /nothing HTTP/1.1\r\n\r\n"[..], "404"),
        (b"POST /metrics HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "405"),
        (b"DELETE /metrics HTTP/1.1\r\n\r\n", "405"),
        (b"GET /metrics HTTP/1.1\r\nHost: evil.example.org\r\n\r\n", "403"),
        (b"GET /metrics HTTP/9.1\r\n\r\n", "505"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "400"),
        (b"POST /debug/pprof/symbol HTTP/1.1\r\nContent-Length: 1000000000\r\n\r\n", "413"),
    ] {
        assert_eq!(code(request), expected, "{}", String::from_utf8_lossy(request));
    }
}

#[test]
fn a_head_of_a_mebibyte() {
    let _turn = turn();
    let mut request = b"GET /metrics HTTP/1.1\r\nA: ".to_vec();
    request.resize(1 << 20, b'x');
    let mut client = connect();
    // The server may have ended the connection before all was written.
    let _cut = client.write_all(&request);
    let answer = rest(client);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    get("/metrics");
}

#[test]
fn half_closed_clients() {
    let _turn = turn();
    let mut client = connect();
    client.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").expect("the server reads");
    client.shutdown(Shutdown::Write).expect("connected");
    assert!(rest(client).starts_with("HTTP/1.1 200 OK\r\n"));
    let mut client = connect();
    client.write_all(b"GET /metrics HT").expect("the server reads");
    client.shutdown(Shutdown::Write).expect("connected");
    assert_eq!(rest(client), "");
}

#[test]
fn one_request_a_connection() {
    let _turn = turn();
    let mut request = b"GET / HTTP/1.1\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n".to_vec();
    request.extend([0xff; 5000]);
    let answer = said(&request);
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
}

#[test]
fn requests_in_pieces() {
    let _turn = turn();
    let mut client = connect();
    client.set_nodelay(true).expect("of TCP");
    for byte in b"GET /stats.json HTTP/1.1\r\nHost: [::1]:9\r\n\r\n" {
        client.write_all(&[*byte]).expect("the server reads");
    }
    assert!(rest(client).ends_with("]}"));
}

#[test]
fn crowds_of_slow_clients_hold_up_nobody() {
    let _turn = turn();
    let mut slow = Vec::new();
    for number in 0..200 {
        let mut client = connect();
        if number % 2 == 0 {
            client.write_all(b"GET /metr").expect("the server reads");
        }
        slow.push(client);
        if number % 20 == 0 {
            get("/metrics");
        }
    }
    // Ask, and never read.
    for _ in 0..100 {
        let mut client = connect();
        client.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").expect("the server reads");
        slow.push(client);
    }
    for _ in 0..20 {
        get("/stats.json");
    }
}

#[test]
fn a_program_that_works_hard_goes_on() {
    let _turn = turn();
    let churn = std::thread::spawn(|| {
        let mut kept: Vec<Vec<u8>> = Vec::new();
        for round in 0..300_000usize {
            if kept.len() > 500 {
                kept.swap_remove(round % 500);
            }
            kept.push(vec![round as u8; round % 3000]);
        }
        kept.iter().map(Vec::len).sum::<usize>()
    });
    let mut asked = 0;
    while !churn.is_finished() || asked < 10 {
        get(["/metrics", "/stats.json"][asked % 2]);
        asked += 1;
    }
    assert!(churn.join().expect("the thread ends well") > 0);
}

#[test]
fn there_is_one_server_and_only_for_this_machine() {
    let _turn = turn();
    use spandrel::serve::ServeError;
    address();
    assert_eq!(spandrel::serve("127.0.0.1:0"), Err(ServeError::Serving));
    assert!(matches!(spandrel::serve("0.0.0.0:0"), Err(ServeError::Address(_))));
    assert!(matches!(spandrel::serve("nonsense"), Err(ServeError::Address(_))));
}
