//! The process: its environment, its files, its memory as the kernel counts it, and its end.
//!
//! Files are opened, read and written by bare system calls, since the background thread does so, too: libc's
//! functions of these names are cancellation points, which look for libc's own record of the thread.

use core::ffi::{CStr, c_char, c_void};

use crate::bytes::Bytes;
use crate::thread::keeping_errno;

/// The value of an environment variable; `None` in a process with raised rights (setuid), which must not
/// take orders from its environment. The text is valid until the environment changes.
#[must_use]
pub fn environment(name: &CStr) -> Option<&'static CStr> {
    // SAFETY: `name` ends in NUL.
    let value = unsafe { secure_getenv(name.as_ptr()) };
    // SAFETY: not null, so a NUL-terminated string of the environment block.
    (!value.is_null()).then(|| unsafe { CStr::from_ptr(value) })
}

unsafe extern "C" {
    fn secure_getenv(name: *const c_char) -> *mut c_char;
}

/// Keeps the shared object that this code is in from being unloaded, if it is in one: hooks at the end of
/// threads and around `fork`, and the background thread, outlive a `dlclose`. To be called from a
/// constructor. libc may allocate in here.
pub fn stay_loaded() {
    // A program that is linked as a whole has nothing to unload.
    if cfg!(target_feature = "crt-static") {
        return;
    }
    let here = object_with(stay_loaded as fn() as *const c_void);
    // SAFETY: asks for a number.
    let program =
        object_with(core::ptr::with_exposed_provenance(unsafe { libc::getauxval(libc::AT_PHDR) as usize }));
    if let (Some(here), Some(program)) = (here, program)
        && here.dli_fbase != program.dli_fbase
        && !here.dli_fname.is_null()
    {
        // SAFETY: the name is a string of the loader's. It loads nothing: the object is being initialised.
        unsafe { libc::dlopen(here.dli_fname, libc::RTLD_LAZY | libc::RTLD_NOLOAD | libc::RTLD_NODELETE) };
    }
}

/// What the loader knows of the object that an address is in.
fn object_with(address: *const c_void) -> Option<libc::Dl_info> {
    // SAFETY: plain pointers, filled in by the call.
    let mut info: libc::Dl_info = unsafe { core::mem::zeroed() };
    // SAFETY: `info` is a live local; the address is only compared.
    (unsafe { libc::dladdr(address, &raw mut info) } != 0).then_some(info)
}

/// Writes to standard error, all of it or as much as it takes; errors go unheard.
pub fn write_stderr(mut text: &[u8]) {
    keeping_errno(|| {
        while !text.is_empty() {
            // SAFETY: pointer and length are a slice's.
            let written =
                unsafe { libc::syscall(libc::SYS_write, libc::STDERR_FILENO, text.as_ptr(), text.len()) };
            match usize::try_from(written) {
                Ok(written) if written > 0 => text = &text[written.min(text.len())..],
                _ => return,
            }
        }
    });
}

/// Ends the process with `SIGABRT`, without running anything else.
pub fn abort() -> ! {
    // SAFETY: `abort` has no preconditions.
    unsafe { libc::abort() }
}

/// Bits that nobody outside can know: the kernel gives each program sixteen random bytes, of which libc uses
/// others.
#[must_use]
pub fn secret() -> u64 {
    // SAFETY: a query without preconditions.
    let bytes = unsafe { libc::getauxval(libc::AT_RANDOM) } as *const u64;
    let bits = if bytes.is_null() {
        0
    } else {
        // SAFETY: if there are any, they are sixteen, and last as long as the process.
        unsafe { bytes.read_unaligned() ^ bytes.add(1).read_unaligned() }
    };
    let local = 0u8;
    let mixed = bits ^ (&raw const local).addr() as u64;
    mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31)
}

/// The kernel's number of the calling thread.
#[must_use]
pub fn thread_number() -> u32 {
    // SAFETY: a query without preconditions, which can't fail.
    unsafe { libc::syscall(libc::SYS_gettid) as u32 }
}

/// The process and its parent.
#[must_use]
pub fn pids() -> (u64, u64) {
    // SAFETY: neither call can fail.
    let (pid, parent) = unsafe { (libc::getpid(), libc::getppid()) };
    (u64::from(pid.cast_unsigned()), u64::from(parent.cast_unsigned()))
}

/// A file that is open for reading; it is closed when the value goes.
#[derive(Debug)]
pub struct File(i32);

impl File {
    /// Opens a file; `None` if it can't be.
    #[must_use]
    pub fn open(path: &CStr) -> Option<Self> {
        let flags = libc::O_RDONLY | libc::O_CLOEXEC;
        keeping_errno(|| {
            // SAFETY: the path ends in NUL.
            let file = unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), flags) };
            i32::try_from(file).ok().filter(|file| *file >= 0).map(Self)
        })
    }

    /// Reads from `offset` on what the kernel gives at once; 0 at the file's end, and if it can't be read.
    fn read_once(&self, offset: u64, buffer: &mut [u8]) -> usize {
        let (start, bytes) = (buffer.as_mut_ptr(), buffer.len());
        // SAFETY: pointer and length are a slice's.
        let read =
            keeping_errno(|| unsafe { libc::syscall(libc::SYS_pread64, self.0, start, bytes, offset) });
        usize::try_from(read).unwrap_or(0)
    }

    /// Reads from `offset` on until `buffer` is full or the file ends; how many bytes that were.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> usize {
        let mut length = 0;
        while length < buffer.len() {
            let read = self.read_once(offset + length as u64, &mut buffer[length..]);
            if read == 0 {
                break;
            }
            length += read;
        }
        length
    }

    /// Adds all of the file to `out`, as far as there is room.
    pub fn read_to_end(&self, out: &mut Bytes) {
        let mut offset = 0;
        while let Some(read @ 1..) = out.extend_with(4096, |room| {
            let read = self.read_at(offset, room);
            (read, read)
        }) {
            offset += read as u64;
        }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // SAFETY: the file is open and ours.
        keeping_errno(|| unsafe { libc::syscall(libc::SYS_close, self.0) });
    }
}

/// The name of the calling thread.
pub fn thread_name(buffer: &mut [u8; 16]) -> &[u8] {
    // SAFETY: the kernel writes at most 16 bytes.
    keeping_errno(|| unsafe { libc::syscall(libc::SYS_prctl, libc::PR_GET_NAME, buffer.as_mut_ptr()) });
    let length = buffer.iter().position(|&byte| byte == 0).unwrap_or(buffer.len());
    &buffer[..length]
}

/// Writes all of `bytes` to an open file; `false` if that fails.
#[must_use]
pub fn write_all(file: i32, mut bytes: &[u8]) -> bool {
    keeping_errno(|| {
        while !bytes.is_empty() {
            // SAFETY: pointer and length are a slice's.
            let written = unsafe { libc::syscall(libc::SYS_write, file, bytes.as_ptr(), bytes.len()) };
            match usize::try_from(written) {
                Ok(written @ 1..) => bytes = &bytes[written.min(bytes.len())..],
                // SAFETY: libc gives a valid address for the calling thread.
                Err(_) if unsafe { *libc::__errno_location() } == libc::EINTR => {}
                _ => return false,
            }
        }
        true
    })
}

/// Makes (or empties) a file that its owner alone may read, opened for writing; `None` if that fails.
#[must_use]
pub fn create_file(path: &CStr) -> Option<i32> {
    let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC | libc::O_CLOEXEC;
    // SAFETY: the path ends in NUL.
    let file = keeping_errno(|| unsafe {
        libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), flags, 0o600)
    });
    i32::try_from(file).ok().filter(|&file| file >= 0)
}

/// Whether there is something at a path that is no ordinary file: a device, a pipe, a folder.
#[must_use]
pub fn is_special(path: &CStr) -> bool {
    // SAFETY: a structure of integers, for which zero is a value.
    let mut status: libc::stat = unsafe { core::mem::zeroed() };
    // SAFETY: the path ends in NUL, and the pointer is to a live local.
    let found = keeping_errno(|| unsafe { libc::stat(path.as_ptr(), &raw mut status) == 0 });
    found && status.st_mode & libc::S_IFMT != libc::S_IFREG
}

/// Gives a file another name, in place of a file that has it; `false` if that fails.
#[must_use]
pub fn rename_file(from: &CStr, to: &CStr) -> bool {
    // SAFETY: both paths end in NUL.
    keeping_errno(|| unsafe {
        libc::syscall(libc::SYS_renameat2, libc::AT_FDCWD, from.as_ptr(), libc::AT_FDCWD, to.as_ptr(), 0) == 0
    })
}

/// Opens a file for reading; `None` if that fails.
#[must_use]
pub fn open_file(path: &CStr) -> Option<i32> {
    let flags = libc::O_RDONLY | libc::O_CLOEXEC;
    // SAFETY: the path ends in NUL.
    let file =
        keeping_errno(|| unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), flags) });
    i32::try_from(file).ok().filter(|&file| file >= 0)
}

/// Reads from an open file, at `offset`; how many bytes, 0 at the end or when it can't be read.
#[must_use]
pub fn read_at(file: i32, buffer: &mut [u8], offset: u64) -> usize {
    // SAFETY: pointer and length are a slice's.
    let read = keeping_errno(|| unsafe {
        libc::syscall(libc::SYS_pread64, file, buffer.as_mut_ptr(), buffer.len(), offset)
    });
    usize::try_from(read).unwrap_or(0).min(buffer.len())
}

/// Reads on in an open file; how many bytes, 0 at the end or when it can't be read.
#[must_use]
pub fn read_some(file: i32, buffer: &mut [u8]) -> usize {
    // SAFETY: pointer and length are a slice's.
    let read =
        keeping_errno(|| unsafe { libc::syscall(libc::SYS_read, file, buffer.as_mut_ptr(), buffer.len()) });
    usize::try_from(read).unwrap_or(0).min(buffer.len())
}

/// Closes a file.
pub fn close_file(file: i32) {
    // SAFETY: the caller has opened it, and uses it no more.
    keeping_errno(|| unsafe { libc::syscall(libc::SYS_close, file) });
}

/// Nanoseconds since 1970.
#[must_use]
pub fn wall_clock_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one `timespec`.
    unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &raw mut time) };
    time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
}

/// Reads the start of a file into `buffer` and returns what was read; nothing if it can't be.
pub fn read_file<'a>(path: &CStr, buffer: &'a mut [u8]) -> &'a [u8] {
    let length = File::open(path).map_or(0, |file| file.read_at(0, buffer));
    &buffer[..length]
}

/// Reads a file to its end and calls `take` for each piece; `false` if it can't be opened.
pub(crate) fn read_pieces(path: &CStr, mut take: impl FnMut(&[u8])) -> bool {
    /// As much as the kernel writes of `/proc` at once.
    const PIECE_BYTES: usize = 4096;
    let Some(file) = File::open(path) else { return false };
    let mut piece = [0; PIECE_BYTES];
    let mut offset = 0;
    while let length @ 1.. = file.read_once(offset, &mut piece) {
        take(&piece[..length]);
        offset += length as u64;
    }
    true
}

/// What the kernel says is and was resident, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Resident {
    /// Now (`VmRSS`).
    pub now_bytes: u64,
    /// At most (`VmHWM`).
    pub peak_bytes: u64,
}

/// Reads `/proc/self/status`; without /proc, the peak comes from `getrusage` and stands for both.
#[must_use]
pub fn resident() -> Resident {
    let mut buffer = [0; 4096];
    let status = read_file(c"/proc/self/status", &mut buffer);
    match (field_kib(status, b"VmRSS:"), field_kib(status, b"VmHWM:")) {
        (Some(now), Some(peak)) => Resident { now_bytes: now << 10, peak_bytes: peak << 10 },
        _ => {
            let peak_bytes = usage().ru_maxrss.cast_unsigned() << 10;
            Resident { now_bytes: peak_bytes, peak_bytes }
        }
    }
}

/// Page faults of the process.
#[derive(Clone, Copy, Debug, Default)]
pub struct PageFaults {
    /// Those that found the page in memory, or needed an empty one.
    pub minor: u64,
    /// Those that had to wait for a disk.
    pub major: u64,
}

/// How often the process has touched a page that was not there.
#[must_use]
pub fn page_faults() -> PageFaults {
    let usage = usage();
    PageFaults { minor: usage.ru_minflt.cast_unsigned(), major: usage.ru_majflt.cast_unsigned() }
}

fn usage() -> libc::rusage {
    // SAFETY: plain integers, filled in by the call.
    let mut usage: libc::rusage = unsafe { core::mem::zeroed() };
    // SAFETY: the pointer is to a live local.
    keeping_errno(|| unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) });
    usage
}

/// What the kernel counts for the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KernelCounts {
    /// Page faults that needed no disk.
    pub minor_faults: u64,
    /// Page faults that did.
    pub major_faults: u64,
    /// Time on processors, in hundredths of a second.
    pub cpu_ticks: u64,
    /// Threads, those that libc does not know included.
    pub threads: u64,
    /// From the start of the machine to the start of the process, in hundredths of a second.
    pub start_ticks: u64,
    /// Address space.
    pub virtual_bytes: u64,
}

/// Reads `/proc/self/stat`; zeros without it.
#[must_use]
pub fn kernel_counts() -> KernelCounts {
    let mut buffer = [0; 1024];
    kernel_counts_of(read_file(c"/proc/self/stat", &mut buffer)).unwrap_or_default()
}

/// The fields behind the name of the program, which stands in parentheses and may hold anything.
fn kernel_counts_of(stat: &[u8]) -> Option<KernelCounts> {
    let name_end = stat.iter().rposition(|byte| *byte == b')')?;
    let mut fields = [0; 22];
    let texts = stat[name_end + 1..].split(|byte| byte.is_ascii_whitespace()).filter(|text| !text.is_empty());
    let mut len = 0;
    // The first is a letter, the third field of the line.
    for (field, text) in fields.iter_mut().zip(texts) {
        *field = text
            .iter()
            .filter(|byte| byte.is_ascii_digit())
            .fold(0u64, |number, digit| number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0')));
        len += 1;
    }
    let field = |number: usize| fields[number - 3];
    (len == fields.len()).then(|| KernelCounts {
        minor_faults: field(10),
        major_faults: field(12),
        cpu_ticks: field(14) + field(15),
        threads: field(20),
        start_ticks: field(22),
        virtual_bytes: field(23),
    })
}

/// The number after `name` at the start of a line.
fn field_kib(status: &[u8], name: &[u8]) -> Option<u64> {
    let line = status.split(|&byte| byte == b'\n').find(|line| line.starts_with(name))?;
    let mut digits = line[name.len()..].iter().filter(|byte| byte.is_ascii_digit()).peekable();
    digits.peek()?;
    Some(digits.fold(0, |value, digit| value * 10 + u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    extern crate std;

    #[test]
    fn status_fields() {
        let status = b"Name:\tx\nVmHWM:\t    1234 kB\nVmRSS:\t  567 kB\n";
        assert_eq!(super::field_kib(status, b"VmRSS:"), Some(567));
        assert_eq!(super::field_kib(status, b"VmHWM:"), Some(1234));
        assert_eq!(super::field_kib(status, b"VmSwap:"), None);
    }

    #[test]
    fn kernel_counts_behind_any_name() {
        let stat = b"7 (a) b (c) S 1 2 3 4 5 6 1001 8 1003 10 14 15 16 17 18 19 20 21 22 2300 24\n";
        let counts = super::kernel_counts_of(stat).unwrap();
        assert_eq!((counts.minor_faults, counts.major_faults, counts.cpu_ticks), (1001, 1003, 29));
        assert_eq!((counts.threads, counts.start_ticks, counts.virtual_bytes), (20, 22, 2300));
        assert_eq!(super::kernel_counts_of(b"7 (a) S 1 2 3"), None);
        let own = super::kernel_counts();
        assert!(own.minor_faults > 0 && own.threads > 0 && own.virtual_bytes > 1 << 20);
    }

    #[test]
    fn resident_is_plausible() {
        let resident = super::resident();
        assert!(resident.now_bytes > 100 << 10 && resident.peak_bytes >= resident.now_bytes);
    }

    #[test]
    fn environment_is_read() {
        assert!(super::environment(c"PATH").is_some());
        assert!(super::environment(c"NOT_SET_ANYWHERE").is_none());
    }
}
