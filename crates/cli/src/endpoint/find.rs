//! The endpoint of a process by its number.
//!
//! The server's thread has open files of its own, so its socket is the one that a thread of the process
//! holds and the process itself does not. Other sockets on which the process listens are left alone: a
//! database does not like to be asked for statistics in HTTP.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Endpoint;

/// Where the process `pid` listens.
///
/// # Errors
/// One line: there is no such process, it can't be looked at, or it does not listen.
pub(crate) fn of_process(pid: u32) -> Result<Endpoint, String> {
    let process = Path::new("/proc").join(pid.to_string());
    let own = sockets(&process.join("fd")).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => format!("there is no process {pid}"),
        _ => format!("cannot look at process {pid}: {error}"),
    })?;
    let threads = fs::read_dir(process.join("task")).into_iter().flatten().flatten();
    let of_threads = threads.filter_map(|thread| sockets(&thread.path().join("fd")).ok()).flatten();
    let apart: BTreeSet<u64> = of_threads.filter(|inode| !own.contains(inode)).collect();
    let found = apart.iter().find_map(|inode| listener(&process, *inode));
    found.ok_or_else(|| {
        format!(
            "process {pid} does not listen: start it with `spandrel run --serve 127.0.0.1:0 -- CMD`, or, \
             where it has Spandrel, with SPANDREL=listen=127.0.0.1:0"
        )
    })
}

/// The numbers of the sockets in a folder of open files.
fn sockets(folder: &Path) -> io::Result<BTreeSet<u64>> {
    let files = fs::read_dir(folder)?.flatten();
    Ok(files.filter_map(|file| socket_number(&fs::read_link(file.path()).ok()?.to_string_lossy())).collect())
}

fn socket_number(target: &str) -> Option<u64> {
    target.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

fn listener(process: &Path, inode: u64) -> Option<Endpoint> {
    let table = |name: &str| fs::read_to_string(process.join("net").join(name)).unwrap_or_default();
    let tcp = |name: &str| table(name).lines().find_map(|line| tcp_listener(line, inode));
    if let Some(address) = tcp("tcp").or_else(|| tcp("tcp6")) {
        return Some(Endpoint::Tcp(address));
    }
    let path = table("unix").lines().find_map(|line| unix_path(line, inode))?;
    // A relative path starts where the process is.
    Some(Endpoint::Unix(process.join("cwd").join(path)))
}

/// The address in a line of `/proc/PID/net/tcp` or `tcp6`, if it is of a listener with this number.
fn tcp_listener(line: &str, wanted: u64) -> Option<String> {
    /// The state of a socket that listens.
    const LISTENS: &str = "0A";
    let fields: Vec<&str> = line.split_whitespace().collect();
    let inode = fields.get(9)?.parse::<u64>().ok()?;
    if inode != wanted || fields[3] != LISTENS {
        return None;
    }
    let (host, port) = fields[1].split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    // Words of four bytes, each in the order of the machine.
    let bytes: Vec<u8> = host
        .as_bytes()
        .chunks(8)
        .filter_map(|word| u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok())
        .flat_map(u32::to_ne_bytes)
        .collect();
    match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(v4) => Some(format!("{}:{port}", std::net::Ipv4Addr::from(v4))),
        Err(_) => {
            let v6 = <[u8; 16]>::try_from(bytes.as_slice()).ok()?;
            Some(format!("[{}]:{port}", std::net::Ipv6Addr::from(v6)))
        }
    }
}

/// The path in a line of `/proc/PID/net/unix`, if it is of the socket with this number.
fn unix_path(line: &str, wanted: u64) -> Option<PathBuf> {
    let mut fields = line.split_whitespace();
    let inode = fields.by_ref().nth(6)?.parse::<u64>().ok()?;
    let at = line.find(&format!(" {inode} "))? + inode.to_string().len() + 2;
    (inode == wanted && at < line.len()).then(|| PathBuf::from(&line[at..]))
}

#[cfg(test)]
mod tests {
    use super::{of_process, socket_number, tcp_listener, unix_path};
    use std::path::PathBuf;

    #[test]
    fn lines_of_tables() {
        let line = "   0: 0100007F:24FF 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0 \
                    0 90195 1";
        assert_eq!(tcp_listener(line, 90195), Some("127.0.0.1:9471".to_owned()));
        assert_eq!(tcp_listener(line, 1), None);
        assert_eq!(tcp_listener(&line.replace(" 0A ", " 01 "), 90195), None);
        let line = "   0: 00000000000000000000000001000000:24FF 00000000000000000000000000000000:0000 0A \
                    00000000:00000000 00:00000000 00000000     0        0 7 1";
        assert_eq!(tcp_listener(line, 7), Some("[::1]:9471".to_owned()));
        let line = "0000000000000000: 00000002 00000000 00010000 0001 01 22517 /run/a b.sock";
        assert_eq!(unix_path(line, 22517), Some(PathBuf::from("/run/a b.sock")));
        assert_eq!(unix_path(line, 2), None);
        assert_eq!(socket_number("socket:[77]"), Some(77));
        assert_eq!(socket_number("pipe:[77]"), None);
    }

    #[test]
    fn processes_that_do_not_listen() {
        let own = of_process(std::process::id()).expect_err("this test has no server");
        assert!(own.contains("does not listen: start it with"), "{own}");
        assert_eq!(of_process(u32::MAX), Err(format!("there is no process {}", u32::MAX)));
    }
}
