//! Functions of C that call each other and at last back: the walk finds them, in order.

use std::ffi::{CString, c_int, c_void};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use spandrel_unwind::{Registers, bounds_of, init, walk};

type Callback = extern "C" fn(*mut c_void) -> c_int;
type Chain = unsafe extern "C" fn(Callback, *mut c_void) -> c_int;

/// A copy of `chain.c` with a prefix, as a shared library.
struct Library {
    handle: *mut c_void,
    prefix: &'static str,
}

impl Library {
    fn new(prefix: &'static str, flags: &[&str]) -> Self {
        static FOLDER: OnceLock<PathBuf> = OnceLock::new();
        let folder = FOLDER.get_or_init(|| {
            let folder = std::env::temp_dir().join(format!("spandrel-chains-{}", std::process::id()));
            std::fs::create_dir_all(&folder).unwrap();
            folder
        });
        let library = folder.join(format!("{prefix}.so"));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/chain.c");
        let status = Command::new("gcc")
            .args(["-shared", "-fPIC", "-mno-red-zone", "-fno-optimize-sibling-calls"])
            .arg(format!("-DPREFIX={prefix}"))
            .args(flags)
            .arg("-o")
            .args([&library, &source])
            .status()
            .expect("gcc runs");
        assert!(status.success());
        let path = CString::new(library.to_str().unwrap()).unwrap();
        // SAFETY: the library has no constructors.
        let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW) };
        assert!(!handle.is_null());
        Self { handle, prefix }
    }

    fn address(&self, name: &str) -> *mut c_void {
        let name = CString::new(format!("{}{name}", self.prefix)).unwrap();
        // SAFETY: the handle is open.
        let address = unsafe { libc::dlsym(self.handle, name.as_ptr()) };
        assert!(!address.is_null());
        address
    }

    fn chain(&self, name: &str) -> Chain {
        // SAFETY: the functions of `chain.c` that take two arguments.
        unsafe { std::mem::transmute::<*mut c_void, Chain>(self.address(name)) }
    }
}

/// What is called at last: walks, and calls on if there is more to call.
struct Context {
    frames: Vec<usize>,
    next: Vec<Chain>,
}

extern "C" fn call_on(context: *mut c_void) -> c_int {
    // SAFETY: every caller hands on the context of its test.
    let it = unsafe { &mut *context.cast::<Context>() };
    if let Some(next) = it.next.pop() {
        // SAFETY: a function of `chain.c`.
        return unsafe { next(call_on, context) };
    }
    it.frames = frames();
    0
}

#[inline(never)]
fn frames() -> Vec<usize> {
    let here = Registers::here();
    let mut frames = [0; 256];
    let found = walk(here, bounds_of(here.sp).unwrap(), 0, &mut frames);
    found.to_vec()
}

/// The name of the function at an address, where the dynamic symbols tell.
fn name_of(address: usize) -> String {
    // SAFETY: a structure of pointers, which may be null.
    let mut info: libc::Dl_info = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live local.
    let found = unsafe { libc::dladdr(address as *const c_void, &raw mut info) };
    if found == 0 || info.dli_sname.is_null() {
        return String::new();
    }
    // SAFETY: a name in the symbol table of a loaded file.
    unsafe { std::ffi::CStr::from_ptr(info.dli_sname) }.to_string_lossy().into_owned()
}

/// The file that an address of code is in.
fn file_of(address: usize) -> String {
    // SAFETY: a structure of pointers, which may be null.
    let mut info: libc::Dl_info = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live local.
    if unsafe { libc::dladdr(address as *const c_void, &raw mut info) } == 0 {
        return String::new();
    }
    // SAFETY: the path of a loaded file.
    unsafe { std::ffi::CStr::from_ptr(info.dli_fname) }.to_string_lossy().into_owned()
}

/// The names of the test's own functions among the frames, the innermost first.
fn names(frames: &[usize]) -> Vec<String> {
    let names = frames.iter().map(|&frame| name_of(frame));
    names.filter(|name| name.starts_with("plain_") || name.starts_with("framed_")).collect()
}

fn libraries() -> [Library; 2] {
    init();
    [
        Library::new("plain_", &["-O2", "-fomit-frame-pointer"]),
        Library::new("framed_", &["-O1", "-fno-omit-frame-pointer"]),
    ]
}

fn walk_through(next: Vec<Chain>) -> Vec<usize> {
    let mut context = Context { frames: Vec::new(), next };
    call_on((&raw mut context).cast());
    context.frames
}

#[test]
fn with_and_without_frame_pointers() {
    let [plain, framed] = libraries();
    let chain = |it: &Library| it.chain("outer");
    let found = walk_through(vec![chain(&plain), chain(&framed), chain(&plain)]);
    let part = |prefix: &str| ["inner", "middle", "outer"].map(|name| format!("{prefix}{name}"));
    assert_eq!(names(&found), [part("plain_"), part("framed_"), part("plain_")].concat());
    // And on to the start of the thread, which is in libc.
    let outermost = file_of(found[found.len() - 1]);
    assert!(outermost.contains("/libc.so"), "{outermost}");
}

#[test]
fn past_a_frame_pointer_that_points_nowhere() {
    let [plain, framed] = libraries();
    let found = walk_through(vec![plain.chain("outer"), plain.chain("astray"), framed.chain("outer")]);
    // The tables know nothing of what the assembler text does to the stack pointer, but they know that of the
    // function around it: what is found must be a beginning of the truth.
    let names = names(&found);
    assert!(
        names.starts_with(&["plain_inner", "plain_middle", "plain_outer"].map(String::from)),
        "{names:?}"
    );
}

static FRAMES: OnceLock<Vec<usize>> = OnceLock::new();

extern "C" fn handle(_signal: c_int) {
    FRAMES.get_or_init(frames);
}

extern "C" fn raise(_context: *mut c_void) -> c_int {
    // SAFETY: the handler is in place.
    unsafe { libc::raise(libc::SIGUSR1) };
    0
}

#[test]
fn through_a_signal() {
    let [plain, _] = libraries();
    // SAFETY: a handler that walks; the test owns this signal.
    unsafe { libc::signal(libc::SIGUSR1, handle as extern "C" fn(c_int) as libc::sighandler_t) };
    // SAFETY: a function of `chain.c`.
    unsafe { plain.chain("outer")(raise, std::ptr::null_mut()) };
    let found = FRAMES.get().unwrap();
    assert_eq!(names(found), ["inner", "middle", "outer"].map(|name| format!("plain_{name}")));
}

/// Whatever lies on a stack, the walk ends and stays inside.
#[test]
fn random_stacks() {
    init();
    let mut state = 1u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 16) as usize
    };
    let code = walk as *const () as usize;
    for _ in 0..20_000 {
        let mut stack = [0usize; 64];
        let start = stack.as_ptr() as usize;
        let bounds = spandrel_unwind::Bounds { start, end: start + size_of_val(&stack) };
        for word in &mut stack {
            *word = match random() % 4 {
                0 => code + random() % 4096,
                1 => start + random() % 600,
                2 => random(),
                _ => 0,
            };
        }
        let registers = Registers {
            pc: code + random() % 4096,
            sp: start + 8 * (random() % 8),
            fp: start + random() % 600,
        };
        let mut frames = [0; 100];
        std::hint::black_box(walk(registers, bounds, 0, &mut frames));
    }
}
