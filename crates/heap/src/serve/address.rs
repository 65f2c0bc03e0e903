//! Where to listen: `127.0.0.1:PORT`, `[::1]:PORT`, `localhost:PORT` or `unix:PATH`, and nothing that another
//! machine could reach.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use spandrel_platform::process::pids;
use spandrel_platform::socket::UNIX_PATH_BYTES;

use crate::line::{DIGITS_MAX, decimal};

/// An address of this machine alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Address<'a> {
    /// A loopback address and a port; port 0 lets the system choose.
    Tcp(SocketAddr),
    /// The path of a unix socket; `%p` stands for the process's number.
    Unix(&'a [u8]),
}

const FORM: &str = "the address is 127.0.0.1:PORT, [::1]:PORT, localhost:PORT or unix:PATH";
const NOT_LOCAL: &str =
    "only an address of this machine is listened on: 127.0.0.1:PORT, [::1]:PORT or unix:PATH";

/// Reads an address.
pub(crate) fn parse(text: &[u8]) -> Result<Address<'_>, &'static str> {
    if let Some(path) = text.strip_prefix(b"unix:") {
        return match path {
            [] => Err("the path of the unix socket is missing"),
            _ if path.contains(&0) => Err(FORM),
            _ if path.len() > UNIX_PATH_BYTES => Err("the path of a unix socket has at most 107 bytes"),
            _ => Ok(Address::Unix(path)),
        };
    }
    let text = core::str::from_utf8(text).map_err(|_| FORM)?;
    let address = match text.strip_prefix("localhost:") {
        Some(port) => {
            let port = port.parse::<u16>().map_err(|_| FORM)?;
            SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
        }
        None => text.parse::<SocketAddr>().map_err(|_| FORM)?,
    };
    if address.ip().is_loopback() { Ok(Address::Tcp(address)) } else { Err(NOT_LOCAL) }
}

/// The path of a unix socket of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UnixPath {
    bytes: [u8; UNIX_PATH_BYTES],
    len: usize,
}

impl UnixPath {
    pub(crate) const EMPTY: Self = Self { bytes: [0; UNIX_PATH_BYTES], len: 0 };

    /// Puts the process's number for each `%p`; `None` when that is too long.
    pub(crate) fn expand(pattern: &[u8]) -> Option<Self> {
        let mut path = Self::EMPTY;
        let mut rest = pattern;
        while let Some((&first, tail)) = rest.split_first() {
            if let Some(tail) = rest.strip_prefix(b"%p") {
                path.push(decimal(pids().0, &mut [0; DIGITS_MAX]))?;
                rest = tail;
            } else {
                path.push(&[first])?;
                rest = tail;
            }
        }
        Some(path)
    }

    fn push(&mut self, part: &[u8]) -> Option<()> {
        self.bytes.get_mut(self.len..self.len + part.len())?.copy_from_slice(part);
        self.len += part.len();
        Some(())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::{Address, FORM, NOT_LOCAL, UnixPath, parse};
    use std::format;

    #[test]
    fn addresses_of_this_machine() {
        let tcp = |text: &str| Ok(Address::Tcp(text.parse().unwrap()));
        assert_eq!(parse(b"127.0.0.1:9000"), tcp("127.0.0.1:9000"));
        assert_eq!(parse(b"127.9.9.9:0"), tcp("127.9.9.9:0"));
        assert_eq!(parse(b"[::1]:1"), tcp("[::1]:1"));
        assert_eq!(parse(b"localhost:80"), tcp("127.0.0.1:80"));
        assert_eq!(parse(b"unix:/run/a b"), Ok(Address::Unix(b"/run/a b")));
    }

    #[test]
    fn others_are_refused() {
        for text in ["0.0.0.0:80", "[::]:80", "10.0.0.1:80", "[fe80::1]:80", "8.8.8.8:1"] {
            assert_eq!(parse(text.as_bytes()), Err(NOT_LOCAL), "{text}");
        }
        for text in
            ["", "80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000", "localhost", "a:1"]
        {
            assert_eq!(parse(text.as_bytes()), Err(FORM), "{text}");
        }
        assert!(parse(b"unix:").is_err());
        assert!(parse(b"\xff:1").is_err());
        assert!(parse(&[b"unix:".as_slice(), &[b'x'; 108]].concat()).is_err());
        assert!(parse(&[b"unix:".as_slice(), &[b'x'; 107]].concat()).is_ok());
    }

    #[test]
    fn paths_name_the_process() {
        let expanded = UnixPath::expand(b"/run/%p.%d%p").unwrap();
        let pid = std::process::id();
        assert_eq!(expanded.as_bytes(), format!("/run/{pid}.%d{pid}").as_bytes());
        assert_eq!(UnixPath::expand(&[b'x'; 107]).unwrap().as_bytes(), [b'x'; 107]);
        assert_eq!(UnixPath::expand(&[b'x'; 108]), None);
        assert_eq!(UnixPath::expand(&b"%p".repeat(53)), None);
    }
}
