//! The options of the variable `SPANDREL`: `key=value,key=value`.
//!
//! | key | value | meaning |
//! |---|---|---|
//! | `memlimit` | size, `cgroup` or `off` | committed bytes at most; allocations fail beyond it |
//! | `hardened` | `1` or `0` | check every call, keep dead objects apart and watch them |
//! | `guarded` | bytes | one object in so many bytes lies between forbidden pages; `1`: every small one |
//! | `stats` | `exit` | print statistics at the end |
//! | `stats` | `exact` | count the requested size of every object |
//! | `stats` | `ledger` | put ledgers into the record: where resident memory is |
//! | `background` | `1` or `0` | whether a background thread may return memory of an idle program |
//! | `madvdontneed` | `1` or `0` | return memory by `MADV_DONTNEED`, or by `MADV_FREE` |
//! | `thp` | `auto`, `never` or `always` | ask for huge pages where memory is dense, nowhere, or everywhere |
//! | `scavtrace` | `1` or `0` | a line on standard error for each round of the scavenger |
//! | `listen` | `127.0.0.1:PORT` or `unix:PATH` | serve statistics and profiles there, to this machine alone |
//! | `memprofilerate` | bytes | one sample in so many bytes, kept to exactly; `1`: everything; `0`: nothing |
//! | `profstackdepth` | number | frames of a call stack that are kept, 128 unless said otherwise |
//! | `profile` | path | write a heap profile there at the end, and when there is no memory |
//! | `profileinterval` | seconds | write it every so many seconds, too |
//! | `allocfreetrace` | `1` or path | a line for each allocation and each free, on standard error or there |
//! | `record` | folder | leave a record of the process there, as `spandrel run` asks for |
//!
//! In the path of a profile `%p` is the number of the process; without it, the children of a `fork` write
//! none.
//!
//! A size is a number with an optional `B`, `KiB`, `MiB`, `GiB` or `TiB`. A key given twice: the later one
//! counts. In a program, an unknown key or a bad value prints one line and is ignored; an allocator does
//! not end a program over an option.

use core::ffi::CStr;

use spandrel_platform::memory::Advice;
use spandrel_platform::process::environment;
use spandrel_platform::sync::{AtomicBool, AtomicU8, AtomicUsize, Ordering};

use crate::config::{PROFILE_PATH_BYTES, SAMPLE_BYTES, SAMPLE_BYTES_MAX, STACK_FRAMES, STACK_FRAMES_MAX};
use crate::line::Line;
use crate::{cgroup, guarded, hardened, profile, record_file, sampling, serve, trace};

static LIMIT_BYTES: AtomicUsize = AtomicUsize::new(usize::MAX);
static EACH: AtomicBool = AtomicBool::new(false);
static HARDENED: AtomicBool = AtomicBool::new(false);
static EXACT: AtomicBool = AtomicBool::new(false);
static LEDGER: AtomicBool = AtomicBool::new(false);
static PRINT_AT_EXIT: AtomicBool = AtomicBool::new(false);
static BACKGROUND: AtomicBool = AtomicBool::new(true);
static DONT_NEED: AtomicBool = AtomicBool::new(true);
static SCAV_TRACE: AtomicBool = AtomicBool::new(false);
static STACK_DEPTH: AtomicUsize = AtomicUsize::new(STACK_FRAMES as usize);
static HUGE_PAGES: AtomicU8 = AtomicU8::new(HugePages::Auto as u8);

/// When to ask the kernel for huge pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum HugePages {
    Never,
    Auto,
    Always,
}

/// `memlimit`.
pub(crate) fn limit_bytes() -> usize {
    LIMIT_BYTES.load(Ordering::Relaxed)
}

/// `stats=exact`.
pub(crate) fn exact() -> bool {
    EXACT.load(Ordering::Relaxed)
}

/// `hardened`.
pub(crate) fn hardened() -> bool {
    HARDENED.load(Ordering::Relaxed)
}

/// Whether an option wants to see each call.
pub(crate) fn each() -> bool {
    EACH.load(Ordering::Relaxed)
}

/// `stats=ledger`.
pub(crate) fn ledger() -> bool {
    LEDGER.load(Ordering::Relaxed)
}

/// `stats=exit`.
pub(crate) fn print_at_exit() -> bool {
    PRINT_AT_EXIT.load(Ordering::Relaxed)
}

/// `background`.
pub(crate) fn background() -> bool {
    BACKGROUND.load(Ordering::Relaxed)
}

/// `madvdontneed`.
pub(crate) fn advice() -> Advice {
    if DONT_NEED.load(Ordering::Relaxed) { Advice::DontNeed } else { Advice::Free }
}

/// `thp`: whether to ask for huge pages where they are a gain if `dense` holds.
pub(crate) fn huge_pages(dense: bool) -> bool {
    let value = HUGE_PAGES.load(Ordering::Relaxed);
    value == HugePages::Always as u8 || dense && value == HugePages::Auto as u8
}

/// `scavtrace`.
pub(crate) fn scav_trace() -> bool {
    SCAV_TRACE.load(Ordering::Relaxed)
}

/// `profstackdepth`.
pub(crate) fn stack_frames() -> usize {
    STACK_DEPTH.load(Ordering::Relaxed)
}

/// One option, understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Setting<'a> {
    Limit(usize),
    CgroupLimit,
    Hardened(bool),
    Guarded(u64),
    StatsExit,
    StatsExact,
    StatsLedger,
    Background(bool),
    DontNeed(bool),
    ScavTrace(bool),
    HugePages(HugePages),
    Record(&'a [u8]),
    Listen(&'a [u8]),
    SampleBytes(u64),
    StackFrames(usize),
    Profile(&'a [u8]),
    ProfileInterval(u64),
    Trace(&'a [u8]),
}

/// Why an option can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OptionError<'a> {
    /// The option as it was given.
    pub option: &'a str,
    /// What is wrong and what to write instead.
    pub reason: &'static str,
}

/// Says whether every option in `text` (the value of `SPANDREL`) can be used.
///
/// # Errors
/// The first option that can't, with the reason.
///
/// ```
/// assert!(spandrel::check_options("memlimit=256MiB,stats=exit").is_ok());
/// let error = spandrel::check_options("memlimit=banana").unwrap_err();
/// assert_eq!(error.option, "memlimit=banana");
/// ```
pub fn check_options(text: &str) -> Result<(), OptionError<'_>> {
    options_of(text.as_bytes()).try_for_each(|option| match parse(option) {
        Ok(_) => Ok(()),
        // Options are cut at ASCII characters, so a piece of a text is a text.
        Err(reason) => Err(OptionError { option: core::str::from_utf8(option).unwrap_or(text), reason }),
    })
}

/// Reads the environment and sets what it says. Called once.
pub(crate) fn init() {
    let text = environment(c"SPANDREL").unwrap_or_default();
    let mut profiling = Profiling { period: None, guarded: 0, path: &[], interval_s: 0, trace: &[] };
    for option in options_of(CStr::to_bytes(text)) {
        match parse(option) {
            Ok(setting) => apply(setting, &mut profiling),
            Err(reason) => Line::new()
                .text(b"spandrel: option ")
                .text(option)
                .text(b" is ignored: ")
                .text(reason.as_bytes())
                .print(),
        }
    }
    EACH.store(exact() || hardened(), Ordering::Relaxed);
    profile::begin(profiling.path, profiling.interval_s);
    if !profiling.trace.is_empty() && trace::begin(profiling.trace) {
        // Every allocation has to come past.
        profiling.period = Some(1);
    }
    // Sampled objects lie apart and are not watched when they are dead.
    let is_wanted = !hardened() || !profiling.path.is_empty();
    let period = profiling.period.unwrap_or(if is_wanted { SAMPLE_BYTES } else { 0 });
    let guarded = profiling.guarded;
    guarded::begin(guarded);
    let period = if guarded != 0 && (period == 0 || guarded < period) { guarded } else { period };
    sampling::init(period, profiling.period.is_some() || guarded == period);
}

/// Whether there are to be guarded objects, for whoever has to know before the options are read.
pub(crate) fn has_guarded() -> bool {
    let text = environment(c"SPANDREL").unwrap_or_default();
    options_of(CStr::to_bytes(text)).any(|option| matches!(parse(option), Ok(Setting::Guarded(1..))))
}

/// What the options say of profiles.
struct Profiling<'a> {
    period: Option<u64>,
    guarded: u64,
    path: &'a [u8],
    interval_s: u64,
    trace: &'a [u8],
}

fn apply<'a>(setting: Setting<'a>, profiling: &mut Profiling<'a>) {
    match setting {
        Setting::Limit(bytes) => LIMIT_BYTES.store(bytes, Ordering::Relaxed),
        Setting::CgroupLimit => LIMIT_BYTES.store(cgroup::limit_bytes(), Ordering::Relaxed),
        Setting::Guarded(period) => profiling.guarded = period,
        Setting::Hardened(on) => {
            hardened::draw_secret();
            HARDENED.store(on, Ordering::Release);
        }
        Setting::StatsExit => PRINT_AT_EXIT.store(true, Ordering::Relaxed),
        Setting::StatsLedger => LEDGER.store(true, Ordering::Relaxed),
        Setting::StatsExact => EXACT.store(true, Ordering::Relaxed),
        Setting::Background(on) => BACKGROUND.store(on, Ordering::Relaxed),
        Setting::DontNeed(on) => DONT_NEED.store(on, Ordering::Relaxed),
        Setting::ScavTrace(on) => SCAV_TRACE.store(on, Ordering::Relaxed),
        Setting::HugePages(when) => HUGE_PAGES.store(when as u8, Ordering::Relaxed),
        Setting::Record(folder) => record_file::begin(folder),
        Setting::Listen(address) => serve::begin(address),
        Setting::SampleBytes(bytes) => profiling.period = Some(bytes),
        Setting::StackFrames(frames) => STACK_DEPTH.store(frames, Ordering::Relaxed),
        Setting::Profile(path) => profiling.path = path,
        Setting::Trace(path) => profiling.trace = path,
        Setting::ProfileInterval(seconds) => profiling.interval_s = seconds,
    }
}

fn options_of(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| byte == b',').filter(|option| !option.is_empty())
}

fn parse(option: &[u8]) -> Result<Setting<'_>, &'static str> {
    let equals = option.iter().position(|&byte| byte == b'=').ok_or("write it as key=value")?;
    let (key, value) = (&option[..equals], &option[equals + 1..]);
    match key {
        b"memlimit" if value == b"cgroup" => Ok(Setting::CgroupLimit),
        b"memlimit" => parse_size(value).map(Setting::Limit),
        b"guarded" => parse_size(value).map(|bytes| Setting::Guarded(as_period(bytes))),
        b"hardened" => parse_switch(value).map(Setting::Hardened),
        b"stats" => match value {
            b"exit" => Ok(Setting::StatsExit),
            b"exact" => Ok(Setting::StatsExact),
            b"ledger" => Ok(Setting::StatsLedger),
            _ => Err("stats is exit, exact or ledger"),
        },
        b"background" => parse_switch(value).map(Setting::Background),
        b"madvdontneed" => parse_switch(value).map(Setting::DontNeed),
        b"scavtrace" => parse_switch(value).map(Setting::ScavTrace),
        b"thp" => match value {
            b"never" => Ok(Setting::HugePages(HugePages::Never)),
            b"auto" => Ok(Setting::HugePages(HugePages::Auto)),
            b"always" => Ok(Setting::HugePages(HugePages::Always)),
            _ => Err("thp is auto, never or always"),
        },
        b"record" if value.is_empty() => Err("record wants a folder"),
        b"record" => Ok(Setting::Record(value)),
        b"listen" => serve::check(value).map(|()| Setting::Listen(value)),
        b"memprofilerate" => parse_size(value).map(|bytes| Setting::SampleBytes(as_period(bytes))),
        b"profstackdepth" => match parse_number(value) {
            Some(frames @ 1..=STACK_FRAMES_MAX) => Ok(Setting::StackFrames(frames)),
            _ => Err("profstackdepth is a number from 1 to 512"),
        },
        b"profile" if value.is_empty() || value.len() > PROFILE_PATH_BYTES - 32 => {
            Err("profile wants a path, of at most 480 bytes")
        }
        b"profile" => Ok(Setting::Profile(value)),
        b"allocfreetrace" if value.is_empty() || value.len() > PROFILE_PATH_BYTES - 32 => {
            Err("allocfreetrace is 1, or a path of at most 480 bytes")
        }
        b"allocfreetrace" => Ok(Setting::Trace(value)),
        b"profileinterval" => match parse_number(value) {
            Some(seconds @ 1..=1_000_000) => Ok(Setting::ProfileInterval(seconds as u64)),
            _ => Err("profileinterval is a number of seconds from 1 on"),
        },
        _ => {
            Err("the keys are memlimit, hardened, guarded, stats, background, madvdontneed, thp, scavtrace, \
             record, memprofilerate, profstackdepth, profile, profileinterval, allocfreetrace and listen")
        }
    }
}

fn parse_switch(value: &[u8]) -> Result<bool, &'static str> {
    match value {
        b"1" => Ok(true),
        b"0" => Ok(false),
        _ => Err("the value is 1 or 0"),
    }
}

/// A period; `off` and what no heap reaches mean none.
fn as_period(bytes: usize) -> u64 {
    if bytes == usize::MAX { 0 } else { (bytes as u64).min(SAMPLE_BYTES_MAX) }
}

fn parse_number(value: &[u8]) -> Option<usize> {
    core::str::from_utf8(value).ok()?.parse().ok()
}

fn parse_size(value: &[u8]) -> Result<usize, &'static str> {
    const WRONG: &str = "a size is a number with B, KiB, MiB, GiB or TiB, as in 512MiB; off means none";
    if value == b"off" {
        return Ok(usize::MAX);
    }
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let shift = match &value[digits..] {
        b"" | b"B" => 0,
        b"KiB" => 10,
        b"MiB" => 20,
        b"GiB" => 30,
        b"TiB" => 40,
        _ => return Err(WRONG),
    };
    if digits == 0 {
        return Err(WRONG);
    }
    let number = value[..digits]
        .iter()
        .try_fold(0usize, |number, digit| number.checked_mul(10)?.checked_add(usize::from(digit - b'0')));
    number.and_then(|number| number.checked_mul(1 << shift)).ok_or("the size is too large")
}

#[cfg(test)]
mod tests {
    use super::{HugePages, Setting, check_options, parse};

    #[test]
    fn sizes() {
        assert_eq!(parse(b"memlimit=512MiB"), Ok(Setting::Limit(512 << 20)));
        assert_eq!(parse(b"memlimit=7"), Ok(Setting::Limit(7)));
        assert_eq!(parse(b"memlimit=cgroup"), Ok(Setting::CgroupLimit));
        assert_eq!(parse(b"memlimit=off"), Ok(Setting::Limit(usize::MAX)));
        for wrong in ["memlimit=", "memlimit=MiB", "memlimit=1XB", "memlimit=-1", "memlimit=99999999999TiB"] {
            assert!(parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn switches_and_words() {
        assert_eq!(parse(b"background=0"), Ok(Setting::Background(false)));
        assert_eq!(parse(b"hardened=1"), Ok(Setting::Hardened(true)));
        assert_eq!(parse(b"stats=exact"), Ok(Setting::StatsExact));
        assert_eq!(parse(b"thp=never"), Ok(Setting::HugePages(HugePages::Never)));
        assert_eq!(parse(b"record=/x"), Ok(Setting::Record(b"/x")));
        assert_eq!(parse(b"listen=127.0.0.1:0"), Ok(Setting::Listen(b"127.0.0.1:0")));
        assert!(parse(b"listen=0.0.0.0:80").is_err());
        for wrong in ["background=2", "thp=1", "stats=all", "record=", "nothing", "=", "memlimits=1"] {
            assert!(parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn whole_texts() {
        assert!(check_options("").is_ok());
        assert!(check_options("memlimit=1GiB,,background=1,").is_ok());
        assert_eq!(check_options("background=1,stats=never").unwrap_err().option, "stats=never");
    }
}
