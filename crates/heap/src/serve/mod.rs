//! The endpoints: a small HTTP server inside the process that tells what the heap knows.
//!
//! It is there only when asked for, by the option `listen=ADDRESS` or by [`serve`](crate::serve()), and only
//! for this machine: loopback addresses and unix sockets. It has one thread ([`BareThread`]) that libc does
//! not know, so that it needs nothing that the program may hold locked; it allocates nothing from the heap
//! that it tells of, its memory are mappings of its own; it never waits for one client while another has
//! something to say (`server.rs`); every client has a time limit and a size limit (`connection.rs`).
//!
//! The thread's open files are its own. A program that closes all files that it does not know (daemons do)
//! does not close the server's, a child of a `fork` does not hold the port, and no number of a file that the
//! program sees changes. The child of a `fork` does not serve: threads are not copied.
//!
//! | path | |
//! |---|---|
//! | `/metrics` | Prometheus's text format (`metrics.rs`) |
//! | `/stats.json` | everything that is counted (`stats_json.rs`) |
//! | `/debug/pprof/heap`, `allocs` | heap profiles, as Go serves them (`profile_route.rs`) |
//! | `/debug/pprof/symbol` | names of addresses, as `pprof` asks for them (`symbol.rs`) |

mod address;
mod connection;
mod metrics;
mod profile_route;
mod profile_text;
#[doc(hidden)]
pub mod request;
mod routes;
mod server;
mod stats_json;
mod symbol;
mod text;

use core::fmt;
use core::net::SocketAddr;

use spandrel_platform::bare_thread::{BareThread, Files, close_all_but};
use spandrel_platform::process::pids;
use spandrel_platform::socket::{Socket, SystemError, UNIX_PATH_BYTES, unlink};
use spandrel_platform::sync::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use crate::caches;
use crate::ledger::Ledger;
use crate::line::Line;
use address::{Address, UnixPath};
use server::Server;

static THREAD: BareThread = BareThread::new();
/// Whether there is a server.
static IS_SERVING: AtomicBool = AtomicBool::new(false);
/// The number of the listener's file, for the thread to take.
static LISTENER: AtomicU32 = AtomicU32::new(0);
/// The path of the unix socket, which goes when the process ends...
static PATH: [AtomicU8; UNIX_PATH_BYTES] = [const { AtomicU8::new(0) }; UNIX_PATH_BYTES];
/// ...its length, 0 without one...
static PATH_LEN: AtomicUsize = AtomicUsize::new(0);
/// ...and whose it is: the child of a `vfork` ends in the memory of its parent.
static OWNER: AtomicU64 = AtomicU64::new(0);

/// Why there is no server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServeError {
    /// The address is not one of this machine; the text tells what to write.
    Address(&'static str),
    /// There is a server already.
    Serving,
    /// The system refuses the address, with this `errno`.
    System(i32),
    /// The system refuses the thread.
    Thread,
}

impl ServeError {
    const fn text(self) -> &'static str {
        match self {
            Self::Address(reason) => reason,
            Self::Serving => "there is a server already",
            Self::System(error) => SystemError(error).text(),
            Self::Thread => "the system refuses a thread",
        }
    }
}

impl fmt::Display for ServeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.text())
    }
}

impl core::error::Error for ServeError {}

/// The rows of a ledger under the names of its fields, from what was asked for to what is resident.
fn ledger_rows(ledger: &Ledger) -> [(&'static str, i64); 16] {
    [
        ("requested_bytes", ledger.requested_bytes.cast_signed()),
        ("rounding_bytes", ledger.rounding_bytes.cast_signed()),
        ("slack_bytes", ledger.slack_bytes.cast_signed()),
        ("cached_bytes", ledger.cached_bytes.cast_signed()),
        ("free_bytes", ledger.free_bytes.cast_signed()),
        ("metadata_bytes", ledger.metadata_bytes.cast_signed()),
        ("untouched_bytes", ledger.untouched_bytes),
        ("heap_resident_bytes", ledger.heap_resident_bytes.cast_signed()),
        ("only_read_bytes", ledger.only_read_bytes.cast_signed()),
        ("files_bytes", ledger.files_bytes.cast_signed()),
        ("shared_bytes", ledger.shared_bytes.cast_signed()),
        ("break_bytes", ledger.break_bytes.cast_signed()),
        ("stack_bytes", ledger.stack_bytes.cast_signed()),
        ("mapped_bytes", ledger.mapped_bytes.cast_signed()),
        ("unexplained_bytes", ledger.unexplained_bytes),
        ("resident_bytes", ledger.resident_bytes.cast_signed()),
    ]
}

/// The option `listen`: says whether its value can be used.
pub(crate) fn check(text: &[u8]) -> Result<(), &'static str> {
    address::parse(text).map(drop)
}

/// The option `listen`, at the start of the process. Tells of what can't be done, and of a port that was
/// chosen.
pub(crate) fn begin(text: &[u8]) {
    match start(text) {
        Ok(Some(address)) if text.ends_with(b":0") => {
            let line = Line::new().text(b"spandrel: process ").decimal(pids().0).text(b" listens on ");
            let host = text.strip_suffix(b"0").unwrap_or(text);
            line.text(host).decimal(address.port().into()).print();
        }
        Ok(_) => {}
        Err(error) => Line::new()
            .text(b"spandrel: cannot listen on ")
            .text(text)
            .text(b": ")
            .text(error.text().as_bytes())
            .print(),
    }
}

/// Starts the server; the address that it has, if that is one of TCP.
pub(crate) fn start(text: &[u8]) -> Result<Option<SocketAddr>, ServeError> {
    let address = address::parse(text).map_err(ServeError::Address)?;
    if IS_SERVING.swap(true, Ordering::Acquire) {
        return Err(ServeError::Serving);
    }
    let started = start_at(address);
    if started.is_err() {
        IS_SERVING.store(false, Ordering::Release);
    }
    started
}

fn start_at(address: Address<'_>) -> Result<Option<SocketAddr>, ServeError> {
    let system = |error: SystemError| ServeError::System(error.0);
    let (listener, bound) = match address {
        Address::Tcp(mut address) => {
            let listener = Socket::listen_tcp(address).map_err(system)?;
            address.set_port(listener.port());
            (listener, Some(address))
        }
        Address::Unix(pattern) => {
            let too_long = ServeError::Address("the path of a unix socket has at most 107 bytes");
            let path = UnixPath::expand(pattern).ok_or(too_long)?;
            let listener = Socket::listen_unix(path.as_bytes()).map_err(system)?;
            remember(path.as_bytes());
            (listener, None)
        }
    };
    LISTENER.store(listener.number(), Ordering::Release);
    let is_running = THREAD.spawn(body, Files::Copied);
    // The thread has a copy.
    listener.close();
    if is_running {
        return Ok(bound);
    }
    end();
    Err(ServeError::Thread)
}

extern "C" fn body() {
    caches::stand_apart();
    let number = LISTENER.load(Ordering::Acquire);
    // SAFETY: a copy of the listener, which was open when the thread started; nobody else knows its files.
    let listener = unsafe { Socket::from_number(number) };
    close_all_but(number);
    let mut server = Server::new(listener);
    loop {
        server.turn();
    }
}

fn remember(path: &[u8]) {
    for (to, from) in PATH.iter().zip(path) {
        to.store(*from, Ordering::Relaxed);
    }
    OWNER.store(pids().0, Ordering::Relaxed);
    PATH_LEN.store(path.len(), Ordering::Release);
}

/// The process comes to its end: its unix socket goes.
pub(crate) fn end() {
    let len = PATH_LEN.swap(0, Ordering::Acquire);
    if len == 0 {
        return;
    }
    if OWNER.load(Ordering::Relaxed) != pids().0 {
        PATH_LEN.store(len, Ordering::Release);
        return;
    }
    let mut path = [0; UNIX_PATH_BYTES];
    for (to, from) in path.iter_mut().zip(&PATH) {
        *to = from.load(Ordering::Relaxed);
    }
    unlink(&path[..len]);
}

/// In the child of a `fork` there is no server.
pub(crate) fn forget_thread() {
    THREAD.forget();
    PATH_LEN.store(0, Ordering::Relaxed);
    IS_SERVING.store(false, Ordering::Relaxed);
}
