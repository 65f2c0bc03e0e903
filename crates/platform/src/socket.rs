//! Stream sockets that never wait, by bare system calls: TCP on this machine, and unix sockets.
//!
//! libc's functions of these names are cancellation points, which look for libc's own record of the thread; a
//! thread of ours has none. All sockets are closed by `exec`.

use core::net::{IpAddr, SocketAddr};

use crate::thread::keeping_errno;

/// The longest path of a unix socket.
pub const UNIX_PATH_BYTES: usize = 107;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 128;

/// An open socket; it is closed when the value goes.
#[derive(Debug)]
pub struct Socket(i32);

/// What became of a read or write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// So many bytes, at least one.
    Bytes(usize),
    /// Nothing now.
    Later,
    /// Nothing ever again: the other side has ended, or the connection is broken.
    Over,
}

/// The `errno` of a system call that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemError(pub i32);

impl SystemError {
    /// Somebody else listens there.
    pub const IN_USE: Self = Self(libc::EADDRINUSE);

    /// What it means, for the errors that `bind` and `listen` know.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self.0 {
            libc::EADDRINUSE => "somebody else listens there",
            libc::EACCES | libc::EPERM => "permission denied",
            libc::EADDRNOTAVAIL => "this machine has no such address",
            libc::EAFNOSUPPORT => "this machine has no such network",
            libc::ENOENT | libc::ENOTDIR => "no such folder",
            libc::EROFS => "the file system is read-only",
            libc::EMFILE | libc::ENFILE => "too many open files",
            libc::ENAMETOOLONG => "the path is too long",
            _ => "the system refuses",
        }
    }
}

/// The result of a system call as `Ok` or its `errno`.
fn checked(result: libc::c_long) -> Result<libc::c_long, SystemError> {
    // SAFETY: glibc and musl give a valid address for the calling thread.
    if result < 0 { Err(SystemError(unsafe { *libc::__errno_location() })) } else { Ok(result) }
}

/// An address as the kernel wants it.
#[repr(C)]
union RawAddress {
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
    unix: libc::sockaddr_un,
}

impl RawAddress {
    const fn zero() -> Self {
        // SAFETY: plain integers, for which zero is a value.
        unsafe { core::mem::zeroed() }
    }

    /// The address and its length.
    fn of_tcp(address: SocketAddr) -> (Self, u32) {
        let mut raw = Self::zero();
        let port = address.port().to_be();
        match address.ip() {
            IpAddr::V4(ip) => {
                raw.v4 = libc::sockaddr_in {
                    sin_family: libc::AF_INET as libc::sa_family_t,
                    sin_port: port,
                    sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(ip.octets()) },
                    sin_zero: [0; 8],
                };
                (raw, size_of::<libc::sockaddr_in>() as u32)
            }
            IpAddr::V6(ip) => {
                raw.v6 = libc::sockaddr_in6 {
                    sin6_family: libc::AF_INET6 as libc::sa_family_t,
                    sin6_port: port,
                    sin6_flowinfo: 0,
                    sin6_addr: libc::in6_addr { s6_addr: ip.octets() },
                    sin6_scope_id: 0,
                };
                (raw, size_of::<libc::sockaddr_in6>() as u32)
            }
        }
    }

    fn of_unix(path: &[u8]) -> Result<(Self, u32), SystemError> {
        if path.len() > UNIX_PATH_BYTES {
            return Err(SystemError(libc::ENAMETOOLONG));
        }
        let mut unix =
            libc::sockaddr_un { sun_family: libc::AF_UNIX as libc::sa_family_t, sun_path: [0; 108] };
        for (to, from) in unix.sun_path.iter_mut().zip(path) {
            *to = from.cast_signed();
        }
        let length = core::mem::offset_of!(libc::sockaddr_un, sun_path) + path.len() + 1;
        let mut raw = Self::zero();
        raw.unix = unix;
        Ok((raw, length as u32))
    }
}

impl Socket {
    /// Listens for TCP connections; port 0 lets the kernel choose one.
    ///
    /// # Errors
    /// As `bind` and `listen`.
    pub fn listen_tcp(address: SocketAddr) -> Result<Self, SystemError> {
        let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
        let socket = Self::new(family)?;
        let on = 1i32;
        // SAFETY: the option is an integer of the size given.
        checked(unsafe {
            let size = size_of::<i32>();
            let (level, option) = (libc::SOL_SOCKET, libc::SO_REUSEADDR);
            libc::syscall(libc::SYS_setsockopt, socket.0, level, option, &raw const on, size)
        })?;
        let (raw, length) = RawAddress::of_tcp(address);
        socket.bind(&raw, length)?;
        socket.listen()?;
        Ok(socket)
    }

    /// Listens at the path of a unix socket, which this user alone may connect to. A socket that a process
    /// left there which is gone is replaced.
    ///
    /// # Errors
    /// As `bind` and `listen`; the path is too long.
    pub fn listen_unix(path: &[u8]) -> Result<Self, SystemError> {
        let (raw, length) = RawAddress::of_unix(path)?;
        let socket = Self::new(libc::AF_UNIX)?;
        // SAFETY: the mode that the file will have: a call on the socket alone.
        checked(unsafe { libc::syscall(libc::SYS_fchmod, socket.0, 0o600) })?;
        let mut bound = socket.bind(&raw, length);
        if bound == Err(SystemError::IN_USE) && is_socket(path) && is_left_over(&raw, length) {
            unlink(path);
            bound = socket.bind(&raw, length);
        }
        bound?;
        socket.listen()?;
        Ok(socket)
    }

    fn new(family: i32) -> Result<Self, SystemError> {
        let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        // SAFETY: a call without pointers.
        let socket = checked(unsafe { libc::syscall(libc::SYS_socket, family, kind, 0) })?;
        Ok(Self(socket as i32))
    }

    fn bind(&self, raw: &RawAddress, length: u32) -> Result<(), SystemError> {
        // SAFETY: the address is at least `length` long.
        checked(unsafe { libc::syscall(libc::SYS_bind, self.0, &raw const *raw, length) }).map(drop)
    }

    fn listen(&self) -> Result<(), SystemError> {
        // SAFETY: a call without pointers.
        checked(unsafe { libc::syscall(libc::SYS_listen, self.0, BACKLOG) }).map(drop)
    }

    /// The port that a TCP socket is bound to; 0 for others.
    #[must_use]
    pub fn port(&self) -> u16 {
        let mut raw = RawAddress::zero();
        let mut length = size_of::<RawAddress>() as u32;
        // SAFETY: the kernel writes at most `length` bytes of the address.
        unsafe { libc::syscall(libc::SYS_getsockname, self.0, &raw mut raw, &raw mut length) };
        // SAFETY: every field is of integers; family and port lie at the same place in both forms of IP.
        let (family, port) = unsafe { (i32::from(raw.v4.sin_family), raw.v4.sin_port) };
        if family == libc::AF_INET || family == libc::AF_INET6 { u16::from_be(port) } else { 0 }
    }

    /// The next connection, if one waits.
    #[must_use]
    pub fn accept(&self) -> Option<Self> {
        let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        let nowhere = core::ptr::null_mut::<u8>();
        // SAFETY: the peer's address is not asked for.
        let socket = unsafe { libc::syscall(libc::SYS_accept4, self.0, nowhere, nowhere, flags) };
        checked(socket).ok().map(|socket| Self(socket as i32))
    }

    /// Reads what is there.
    pub fn read(&self, buffer: &mut [u8]) -> Transfer {
        let (start, len) = (buffer.as_mut_ptr(), buffer.len());
        // SAFETY: pointer and length are a slice's.
        transfer(unsafe { libc::syscall(libc::SYS_read, self.0, start, len) })
    }

    /// Writes as much as there is room for.
    pub fn write(&self, bytes: &[u8]) -> Transfer {
        let nowhere = core::ptr::null_mut::<u8>();
        let (start, len, flags) = (bytes.as_ptr(), bytes.len(), libc::MSG_NOSIGNAL);
        // SAFETY: pointer and length are a slice's; no address is given.
        transfer(unsafe { libc::syscall(libc::SYS_sendto, self.0, start, len, flags, nowhere, 0) })
    }

    /// Tells the other side that nothing more will be written.
    pub fn finish(&self) {
        // SAFETY: a call without pointers.
        unsafe { libc::syscall(libc::SYS_shutdown, self.0, libc::SHUT_WR) };
    }

    /// The number of the file.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.0.cast_unsigned()
    }

    /// Gives the file to a thread whose files are copies and closes it here.
    pub fn close(self) {}

    /// The socket with the number `number`.
    ///
    /// # Safety
    /// The calling thread has it open, and nobody else closes it there.
    #[must_use]
    pub const unsafe fn from_number(number: u32) -> Self {
        Self(number.cast_signed())
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // SAFETY: the socket is open and ours.
        keeping_errno(|| unsafe { libc::syscall(libc::SYS_close, self.0) });
    }
}

fn transfer(result: libc::c_long) -> Transfer {
    match checked(result) {
        Ok(0) => Transfer::Over,
        Ok(bytes) => Transfer::Bytes(bytes.cast_unsigned() as usize),
        Err(SystemError(libc::EAGAIN | libc::EINTR)) => Transfer::Later,
        Err(_) => Transfer::Over,
    }
}

/// Whether a socket is there, and no link to one: to connect to any other file is refused as well.
fn is_socket(path: &[u8]) -> bool {
    let mut text = [0u8; UNIX_PATH_BYTES + 1];
    text[..path.len()].copy_from_slice(path);
    // SAFETY: plain integers, filled in by the call.
    let mut stat: libc::stat = unsafe { core::mem::zeroed() };
    let (folder, flags) = (libc::AT_FDCWD, libc::AT_SYMLINK_NOFOLLOW);
    // SAFETY: the path ends in NUL, and `stat` is what the kernel writes.
    let result = unsafe { libc::syscall(libc::SYS_newfstatat, folder, text.as_ptr(), &raw mut stat, flags) };
    result == 0 && stat.st_mode & libc::S_IFMT == libc::S_IFSOCK
}

/// Whether nobody listens at the socket that is there.
fn is_left_over(raw: &RawAddress, length: u32) -> bool {
    let Ok(probe) = Socket::new(libc::AF_UNIX) else {
        return false;
    };
    // SAFETY: the address is at least `length` long.
    let connected = checked(unsafe { libc::syscall(libc::SYS_connect, probe.0, &raw const *raw, length) });
    connected == Err(SystemError(libc::ECONNREFUSED))
}

/// Removes the file of a unix socket.
pub fn unlink(path: &[u8]) {
    let mut text = [0u8; UNIX_PATH_BYTES + 1];
    if path.len() <= UNIX_PATH_BYTES {
        text[..path.len()].copy_from_slice(path);
        keeping_errno(|| {
            // SAFETY: the path ends in NUL.
            unsafe { libc::syscall(libc::SYS_unlinkat, libc::AT_FDCWD, text.as_ptr(), 0) };
        });
    }
}

/// What one socket waits for, and whether it has come. Laid out as the kernel's `pollfd`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Wait {
    number: i32,
    wanted: i16,
    came: i16,
}

impl Wait {
    /// For nothing.
    pub const NONE: Self = Self { number: -1, wanted: 0, came: 0 };

    /// Waits until something can be read, a connection accepted, or the other side has ended.
    #[must_use]
    pub const fn to_read(socket: &Socket) -> Self {
        Self { number: socket.0, wanted: libc::POLLIN, came: 0 }
    }

    /// Waits until there is room to write.
    #[must_use]
    pub const fn to_write(socket: &Socket) -> Self {
        Self { number: socket.0, wanted: libc::POLLOUT, came: 0 }
    }

    /// Waits until the other side has ended, or the connection is broken.
    #[must_use]
    pub const fn to_end(socket: &Socket) -> Self {
        Self { number: socket.0, wanted: libc::POLLRDHUP, came: 0 }
    }

    /// Whether it has come, or an error in its place.
    #[must_use]
    pub const fn has_come(&self) -> bool {
        self.came != 0
    }
}

/// Waits until one of the waits is over, at most so many milliseconds if that is said.
pub fn poll(waits: &mut [Wait], timeout_ms: Option<u64>) {
    let time = timeout_ms.map(|ms| libc::timespec {
        tv_sec: (ms / 1000).cast_signed(),
        tv_nsec: (ms % 1000 * 1_000_000).cast_signed(),
    });
    let time = time.as_ref().map_or(core::ptr::null(), core::ptr::from_ref);
    let (start, len) = (waits.as_mut_ptr(), waits.len());
    let no_mask = core::ptr::null::<u8>();
    // SAFETY: `Wait` is a `pollfd`; the kernel reads the time, which outlives the call.
    let result = unsafe { libc::syscall(libc::SYS_ppoll, start, len, time, no_mask, 0) };
    if result <= 0 {
        // Nothing has come; a failed call leaves what was there.
        for wait in waits {
            wait.came = 0;
        }
    }
}

const _: () = assert!(size_of::<Wait>() == size_of::<libc::pollfd>());

#[cfg(test)]
mod tests {
    extern crate std;
    use super::{Socket, SystemError, Transfer, Wait, poll, unlink};
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::os::unix::net::UnixStream;

    fn wait(wait: Wait) -> bool {
        let mut waits = [Wait::NONE, wait];
        poll(&mut waits, Some(5000));
        waits[1].has_come()
    }

    #[test]
    fn bytes_go_both_ways() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = Socket::listen_tcp(address.parse().unwrap()) else {
                assert!(address.starts_with('['), "every machine has IPv4");
                continue;
            };
            assert!(listener.accept().is_none());
            let place = address.replace(":0", &std::format!(":{}", listener.port()));
            let mut client = TcpStream::connect(place).unwrap();
            assert!(wait(Wait::to_read(&listener)));
            let server = listener.accept().unwrap();
            let mut buffer = [0; 8];
            assert_eq!(server.read(&mut buffer), Transfer::Later);
            client.write_all(b"ping").unwrap();
            assert!(wait(Wait::to_read(&server)));
            assert_eq!(server.read(&mut buffer), Transfer::Bytes(4));
            assert!(wait(Wait::to_write(&server)));
            assert_eq!(server.write(b"pong"), Transfer::Bytes(4));
            server.finish();
            let mut text = std::string::String::new();
            client.read_to_string(&mut text).unwrap();
            assert_eq!((&buffer[..4], text.as_str()), (&b"ping"[..], "pong"));
            drop(client);
            assert!(wait(Wait::to_read(&server)));
            assert_eq!(server.read(&mut buffer), Transfer::Over);
        }
    }

    #[test]
    fn a_port_has_one_listener() {
        let first = Socket::listen_tcp("127.0.0.1:0".parse().unwrap()).unwrap();
        let place = std::format!("127.0.0.1:{}", first.port());
        let second = Socket::listen_tcp(place.parse().unwrap());
        assert_eq!(second.unwrap_err(), SystemError::IN_USE);
    }

    #[test]
    fn a_socket_left_over_is_replaced_and_a_live_one_is_not() {
        let path = std::env::temp_dir().join(std::format!("spandrel-socket-{}", std::process::id()));
        let bytes = path.as_os_str().as_encoded_bytes();
        let first = Socket::listen_unix(bytes).unwrap();
        assert_eq!(Socket::listen_unix(bytes).unwrap_err(), SystemError::IN_USE);
        UnixStream::connect(&path).unwrap();
        first.close();
        assert!(UnixStream::connect(&path).is_err());
        let _second = Socket::listen_unix(bytes).unwrap();
        UnixStream::connect(&path).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        unlink(bytes);
        assert!(!path.exists());
        std::fs::write(&path, "a file").unwrap();
        assert_eq!(Socket::listen_unix(bytes).unwrap_err(), SystemError::IN_USE);
        assert_eq!(std::fs::read(&path).unwrap(), b"a file");
        unlink(bytes);
    }
}
