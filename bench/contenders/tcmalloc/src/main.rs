//! The rows with Google's TCMalloc as global allocator.
//!
//! Its caches are per CPU, which takes two things; without them it falls back to a cache per thread and says
//! nothing, at two to three times the price of a pair.
//! - A thread can register one user of the kernel's restartable sequences, and glibc since 2.35 is first,
//!   unless the tunable `glibc.pthread.rseq=0` tells it not to. glibc reads its tunables before a program can
//!   set them, so this program sets the variable and starts itself again.
//! - The object whose start-up code switches the caches on lies in the crate's archive, where nothing asks
//!   for it, and so the linker leaves it out. The function that this program calls to see whether they are on
//!   lies in the same object and brings it in.

use std::env;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use tcmalloc_better::TCMalloc;

#[global_allocator]
static ALLOC: TCMalloc = TCMalloc;

const TUNABLES: &str = "GLIBC_TUNABLES";
const WITHOUT_RSEQ: &str = "glibc.pthread.rseq=0";

unsafe extern "C" {
    /// What `tcmalloc::MallocExtension::PerCpuCachesActive` asks; the crate does not pass that on.
    #[link_name = "MallocExtension_Internal_GetPerCpuCachesActive"]
    safe fn per_cpu_caches_active() -> bool;
}

fn main() -> ExitCode {
    let tunables = env::var(TUNABLES).unwrap_or_default();
    if !tunables.split(':').any(|tunable| tunable == WITHOUT_RSEQ) {
        let error = start_again(&tunables);
        eprintln!("cannot start again with {WITHOUT_RSEQ}: {error}");
        return ExitCode::FAILURE;
    }
    if !per_cpu_caches_active() {
        eprintln!("TCMalloc has no caches per CPU here: glibc or the kernel keeps rseq from it");
        return ExitCode::FAILURE;
    }
    // As its authors advise: the thread that moves memory between the caches and returns it.
    TCMalloc::process_background_actions_thread();
    rows::main("tcmalloc")
}

/// Replaces this process by one whose glibc leaves rseq alone; returns only when that fails.
fn start_again(tunables: &str) -> std::io::Error {
    let separator = if tunables.is_empty() { "" } else { ":" };
    match env::current_exe() {
        Ok(program) => Command::new(program)
            .args(env::args_os().skip(1))
            .env(TUNABLES, format!("{tunables}{separator}{WITHOUT_RSEQ}"))
            .exec(),
        Err(error) => error,
    }
}
