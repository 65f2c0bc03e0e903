//! The endpoint of a running program: its address, from a person or from a process, and what it answers.

mod find;

use std::fmt;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) use find::of_process;

/// A program that does not answer for so long does not answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The largest answer that is read.
const ANSWER_BYTES_MAX: u64 = 256 << 20;

/// Where a program listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// Host and port.
    Tcp(String),
    /// The path of a unix socket.
    Unix(PathBuf),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => formatter.write_str(address),
            Self::Unix(path) => write!(formatter, "unix:{}", path.display()),
        }
    }
}

impl Endpoint {
    /// Reads `HOST:PORT`, with or without `http://`, or `unix:PATH`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:").filter(|path| !path.is_empty()) {
            return Ok(Self::Unix(path.into()));
        }
        let address = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
        let port = address.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port);
        match port.map(str::parse::<u16>) {
            Some(Ok(_)) => Ok(Self::Tcp(address.to_owned())),
            _ => Err(format!(
                "`{text}` is neither a process nor an address such as 127.0.0.1:9000 or unix:PATH"
            )),
        }
    }

    /// The body of the answer to `GET path`, or in one line what is wrong.
    pub(crate) fn get(&self, path: &str) -> Result<Vec<u8>, String> {
        let failed = |error: std::io::Error| format!("{self} does not answer: {error}");
        let answer = match self {
            Self::Tcp(address) => {
                let stream = connect(address).map_err(failed)?;
                stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
                ask(stream, path)
            }
            Self::Unix(socket) => {
                let stream = UnixStream::connect(socket).map_err(failed)?;
                stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
                ask(stream, path)
            }
        };
        body(&answer.map_err(failed)?).map_err(|reason| format!("{self} answers `{path}` with {reason}"))
    }
}

fn connect(address: &str) -> std::io::Result<TcpStream> {
    let mut last = std::io::Error::other("no such host");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn ask(mut stream: impl Read + Write, path: &str) -> std::io::Result<Vec<u8>> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    Ok(answer)
}

/// The body of an answer that is fine and whole; else what it is instead.
fn body(answer: &[u8]) -> Result<Vec<u8>, String> {
    let nothing = || "something that is no answer of Spandrel's".to_owned();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(nothing)?;
    let head = String::from_utf8_lossy(&answer[..end]);
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")).ok_or_else(nothing)?;
    let body = &answer[end + 4..];
    if !status.starts_with("200 ") {
        let said = String::from_utf8_lossy(body);
        let said = said.lines().next().unwrap_or_default();
        return Err(if said.is_empty() { status.to_owned() } else { format!("{status}: {said}") });
    }
    let length = lines.find_map(|line| line.strip_prefix("Content-Length: ")?.parse::<usize>().ok());
    match length {
        Some(length) if length == body.len() => Ok(body.to_vec()),
        _ => Err("less than it promised".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Endpoint, body};

    #[test]
    fn addresses() {
        for (text, shown) in [
            ("127.0.0.1:9000", "127.0.0.1:9000"),
            ("http://localhost:80/", "localhost:80"),
            ("[::1]:7", "[::1]:7"),
            ("unix:/run/x", "unix:/run/x"),
        ] {
            assert_eq!(Endpoint::parse(text).map(|endpoint| endpoint.to_string()), Ok(shown.to_owned()));
        }
        for text in ["", "localhost", ":80", "a:b", "unix:", "127.0.0.1:70000"] {
            assert!(Endpoint::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn answers() {
        assert_eq!(body(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"), Ok(b"hi".to_vec()));
        for (answer, part) in [
            (&b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi"[..], "less than it promised"),
            (b"HTTP/1.1 200 OK\r\n\r\nhi", "less than it promised"),
            (
                b"HTTP/1.1 503 Service Unavailable\r\n\r\nsampling is off\n",
                "503 Service Unavailable: sampling is off",
            ),
            (b"-ERR unknown command\r\n\r\n", "no answer of Spandrel's"),
            (b"", "no answer of Spandrel's"),
        ] {
            assert!(body(answer).unwrap_err().contains(part), "{part}");
        }
    }
}
