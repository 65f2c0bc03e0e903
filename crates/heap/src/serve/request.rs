//! The head of an HTTP/1.1 request, read strictly: what is not understood is refused, never guessed.
//!
//! Nothing is kept from one request to the next, and nothing copied: what comes out are slices of what came
//! in. The body is not read here; [`Request::body_bytes`] says how long it will be.

use crate::config::{SERVE_BODY_BYTES, SERVE_HEAD_BYTES};

/// What a client wants to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `GET`.
    Get,
    /// `HEAD`: as `GET`, without the body of the answer.
    Head,
    /// `POST`.
    Post,
}

/// A whole head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// What is to be done.
    pub method: Method,
    /// Where; begins with a slash.
    pub path: &'a [u8],
    /// What stands behind the question mark.
    pub query: &'a [u8],
    /// The name that the client knows us by.
    pub host: Option<&'a [u8]>,
    /// The length of the head, the empty line included.
    pub head_bytes: usize,
    /// The length of the body, which follows the head.
    pub body_bytes: usize,
}

impl<'a> Request<'a> {
    /// The value of a parameter of the query; the first one counts.
    #[must_use]
    pub fn parameter(&self, name: &[u8]) -> Option<&'a [u8]> {
        let mut pairs = self.query.split(|byte| *byte == b'&');
        pairs.find_map(|pair| pair.strip_prefix(name)?.strip_prefix(b"="))
    }
}

/// An answer's first line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// The number.
    pub code: u16,
    /// What it means.
    pub reason: &'static str,
}

impl Status {
    pub(super) const OK: Self = Self { code: 200, reason: "OK" };
    pub(super) const BAD_REQUEST: Self = Self { code: 400, reason: "Bad Request" };
    pub(super) const FORBIDDEN: Self = Self { code: 403, reason: "Forbidden" };
    pub(super) const NOT_FOUND: Self = Self { code: 404, reason: "Not Found" };
    pub(super) const METHOD_NOT_ALLOWED: Self = Self { code: 405, reason: "Method Not Allowed" };
    pub(super) const TIMEOUT: Self = Self { code: 408, reason: "Request Timeout" };
    pub(super) const LENGTH_REQUIRED: Self = Self { code: 411, reason: "Length Required" };
    pub(super) const BODY_TOO_LARGE: Self = Self { code: 413, reason: "Content Too Large" };
    pub(super) const HEAD_TOO_LARGE: Self = Self { code: 431, reason: "Request Header Fields Too Large" };
    pub(super) const UNAVAILABLE: Self = Self { code: 503, reason: "Service Unavailable" };
    pub(super) const VERSION_UNKNOWN: Self = Self { code: 505, reason: "HTTP Version Not Supported" };
}

/// What has come so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed<'a> {
    /// More has to come.
    Partial,
    /// The whole head.
    Complete(Request<'a>),
    /// Nothing that will be answered otherwise.
    Wrong(Status),
}

/// Reads the head at the start of `bytes`.
///
/// ```
/// use spandrel::serve::request::{Method, Parsed, parse};
/// let Parsed::Complete(request) = parse(b"GET /metrics?a=1 HTTP/1.1\r\nHost: localhost\r\n\r\n") else {
///     panic!("a whole head");
/// };
/// assert_eq!((request.method, request.path), (Method::Get, &b"/metrics"[..]));
/// assert_eq!(request.parameter(b"a"), Some(&b"1"[..]));
/// assert_eq!(parse(b"GET /metrics HT"), Parsed::Partial);
/// ```
#[must_use]
pub fn parse(bytes: &[u8]) -> Parsed<'_> {
    let is_cut = bytes.len() > SERVE_HEAD_BYTES;
    let head = &bytes[..bytes.len().min(SERVE_HEAD_BYTES)];
    match parse_head(head) {
        Ok(Some(request)) => Parsed::Complete(request),
        Ok(None) if is_cut => Parsed::Wrong(Status::HEAD_TOO_LARGE),
        Ok(None) => Parsed::Partial,
        Err(status) => Parsed::Wrong(status),
    }
}

/// The head, or `None` while its end is missing; each line that is there is checked at once.
fn parse_head(head: &[u8]) -> Result<Option<Request<'_>>, Status> {
    let mut lines = Lines { rest: head };
    let Some(first) = lines.next() else {
        // A first line without an end may be anything but a known method.
        return if may_begin(head) { Ok(None) } else { Err(Status::BAD_REQUEST) };
    };
    let (method, path, query) = request_line(first)?;
    let mut request = Request { method, path, query, host: None, head_bytes: 0, body_bytes: 0 };
    let mut has_length = false;
    while let Some(line) = lines.next() {
        if line.is_empty() {
            request.head_bytes = head.len() - lines.rest.len();
            let is_post = method == Method::Post;
            return if is_post && !has_length { Err(Status::LENGTH_REQUIRED) } else { Ok(Some(request)) };
        }
        let (name, value) = field(line)?;
        if name.eq_ignore_ascii_case(b"host") {
            if request.host.replace(value).is_some() {
                return Err(Status::BAD_REQUEST);
            }
        } else if name.eq_ignore_ascii_case(b"content-length") {
            if has_length {
                return Err(Status::BAD_REQUEST);
            }
            has_length = true;
            request.body_bytes = body_length(value)?;
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            return Err(Status::LENGTH_REQUIRED);
        }
    }
    Ok(None)
}

/// Lines that have an end; a lone line feed is one, as people type it.
struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let end = self.rest.iter().position(|byte| *byte == b'\n')?;
        let line = &self.rest[..end];
        self.rest = &self.rest[end + 1..];
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

const METHODS: [(&[u8], Method); 3] =
    [(b"GET ", Method::Get), (b"HEAD ", Method::Head), (b"POST ", Method::Post)];

/// Whether `start` may grow into a request: a word of capitals, and behind it a space.
fn may_begin(start: &[u8]) -> bool {
    let rest = &start[start.iter().take_while(|byte| byte.is_ascii_uppercase()).count()..];
    rest.is_empty() || rest.len() < start.len() && rest[0] == b' '
}

/// Method, path and query.
fn request_line(line: &[u8]) -> Result<(Method, &[u8], &[u8]), Status> {
    let known = METHODS.iter().find_map(|(name, method)| Some((*method, line.strip_prefix(*name)?)));
    let Some((method, rest)) = known else {
        let is_request = may_begin(line) && line.windows(6).any(|part| part == b" HTTP/");
        return Err(if is_request { Status::METHOD_NOT_ALLOWED } else { Status::BAD_REQUEST });
    };
    let space = rest.iter().position(|byte| *byte == b' ').ok_or(Status::BAD_REQUEST)?;
    let (target, version) = (&rest[..space], &rest[space + 1..]);
    match version {
        b"HTTP/1.1" | b"HTTP/1.0" => {}
        [b'H', b'T', b'T', b'P', b'/', ..] => return Err(Status::VERSION_UNKNOWN),
        _ => return Err(Status::BAD_REQUEST),
    }
    if target.first() != Some(&b'/') || !target.iter().all(u8::is_ascii_graphic) {
        return Err(Status::BAD_REQUEST);
    }
    let question = target.iter().position(|byte| *byte == b'?');
    let (path, query) = match question {
        Some(at) => (&target[..at], &target[at + 1..]),
        None => (target, &b""[..]),
    };
    Ok((method, path, query))
}

/// Name and value of a header's line.
fn field(line: &[u8]) -> Result<(&[u8], &[u8]), Status> {
    let colon = line.iter().position(|byte| *byte == b':').ok_or(Status::BAD_REQUEST)?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    let is_token = |byte: &u8| byte.is_ascii_graphic() && !b"(),/:;<=>?@[\\]{}\"".contains(byte);
    if name.is_empty() || !name.iter().all(is_token) {
        return Err(Status::BAD_REQUEST);
    }
    let is_text = |byte: &u8| *byte == b'\t' || *byte >= b' ' && *byte != 0x7f;
    if !value.iter().all(is_text) {
        return Err(Status::BAD_REQUEST);
    }
    Ok((name, value.trim_ascii()))
}

fn body_length(value: &[u8]) -> Result<usize, Status> {
    let number = number(value).ok_or(Status::BAD_REQUEST)?;
    if number > SERVE_BODY_BYTES as u64 { Err(Status::BODY_TOO_LARGE) } else { Ok(number as usize) }
}

/// A number of decimal digits; more than fit are the largest number.
pub(super) fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let add = |number: u64, digit: &u8| number.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
    Some(digits.iter().fold(0, add))
}

/// Whether a client that calls us by this name means this machine.
///
/// A page of the web can make its own name point to 127.0.0.1 and have a browser ask us; it can't do that
/// with an address or with `localhost`.
pub(super) fn is_local_name(host: &[u8]) -> bool {
    let Ok(host) = core::str::from_utf8(host) else {
        return false;
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || address.parse::<core::net::IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::{Method, Parsed, Status, is_local_name, number, parse};
    use crate::config::{SERVE_BODY_BYTES, SERVE_HEAD_BYTES};
    use std::format;
    use std::vec::Vec;

    fn status(head: &str) -> u16 {
        match parse(head.as_bytes()) {
            Parsed::Wrong(status) => status.code,
            Parsed::Partial => 0,
            Parsed::Complete(_) => 200,
        }
    }

    #[test]
    fn a_whole_request() {
        let text =
            b"POST /debug/pprof/symbol?x=1&debug=2 HTTP/1.1\r\nHost: a\r\ncontent-LENGTH: 5\r\n\r\n0x1+0";
        let Parsed::Complete(request) = parse(text) else { panic!("{:?}", parse(text)) };
        assert_eq!(request.method, Method::Post);
        assert_eq!(request.path, b"/debug/pprof/symbol");
        assert_eq!(request.parameter(b"debug"), Some(&b"2"[..]));
        assert_eq!((request.parameter(b"d"), request.parameter(b"seconds")), (None, None));
        assert_eq!((request.head_bytes, request.body_bytes), (text.len() - 5, 5));
        assert_eq!(request.host, Some(&b"a"[..]));
    }

    #[test]
    fn every_beginning_is_partial_and_every_byte_counts() {
        let text = b"GET /stats.json HTTP/1.1\r\nHost: localhost:1\r\nAccept: */*\r\n\r\n";
        for len in 0..text.len() {
            assert_eq!(parse(&text[..len]), Parsed::Partial, "{len}");
        }
        assert!(matches!(parse(text), Parsed::Complete(_)));
        // Where the network cuts it makes no difference.
        assert_eq!(parse(b"PU"), Parsed::Partial);
        assert_eq!(parse(b"PUT / HTTP/1.1"), Parsed::Partial);
        assert_eq!(parse(b"PU\x01"), Parsed::Wrong(Status::BAD_REQUEST));
    }

    #[test]
    fn what_is_refused() {
        for (head, code) in [
            ("GET / HTTP/1.1\n\n", 200),
            ("GET / HTTP/1.0\r\n\r\n", 200),
            ("HEAD /metrics HTTP/1.1\r\n\r\n", 200),
            ("GET / HTTP/2.0\r\n\r\n", 505),
            ("GET /\r\n\r\n", 400),
            ("GET / FTP/1.1\r\n\r\n", 400),
            ("GET metrics HTTP/1.1\r\n\r\n", 400),
            ("GET http://localhost/metrics HTTP/1.1\r\n\r\n", 400),
            ("GET /\u{1} HTTP/1.1\r\n\r\n", 400),
            ("PUT / HTTP/1.1\r\n\r\n", 405),
            ("\u{16}\u{3}\u{1}", 400),
            ("SSH-2.0-x", 400),
            ("\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\na b: c\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\na: b\r\n folded\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\n: b\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\na: \u{0}\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nhost: a\r\nHost: b\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\n\r\n", 411),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
            ("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nContent-Length: \r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n", 413),
        ] {
            assert_eq!(status(head), code, "{head:?}");
        }
        let longest = format!("POST / HTTP/1.1\r\nContent-Length: {SERVE_BODY_BYTES}\r\n\r\n");
        assert_eq!(status(&longest), 200);
    }

    #[test]
    fn heads_have_a_largest_length() {
        let begin = "GET / HTTP/1.1\r\nA: ";
        let of_length = |len: usize| {
            let mut head = Vec::from(begin);
            head.resize(len - 4, b'x');
            head.extend(b"\r\n\r\n");
            head
        };
        assert!(matches!(parse(&of_length(SERVE_HEAD_BYTES)), Parsed::Complete(_)));
        let long = of_length(SERVE_HEAD_BYTES + 1);
        assert_eq!(parse(&long), Parsed::Wrong(Status::HEAD_TOO_LARGE));
        assert_eq!(parse(&long[..SERVE_HEAD_BYTES]), Parsed::Partial);
    }

    #[test]
    fn names_of_this_machine() {
        for name in
            ["localhost", "LOCALHOST:9000", "127.0.0.1", "127.0.0.1:80", "[::1]:80", "[::1]", "10.0.0.1"]
        {
            assert!(is_local_name(name.as_bytes()), "{name}");
        }
        for name in ["", "example.org", "localhost.example.org:80", "127.0.0.1.example.org", "a:b", "\u{e9}"]
        {
            assert!(!is_local_name(name.as_bytes()), "{name}");
        }
        assert!(!is_local_name(b"\xff"));
    }

    #[test]
    fn numbers() {
        assert_eq!(number(b"0017"), Some(17));
        assert_eq!(number(b"99999999999999999999"), Some(u64::MAX));
        assert_eq!((number(b""), number(b"1a"), number(b"+1")), (None, None, None));
    }
}
