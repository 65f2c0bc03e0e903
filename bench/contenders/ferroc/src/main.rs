//! The rows with ferroc as global allocator, if only it compiled.
//!
//! ferroc 1.0.0-pre.3, the newest, is written in unstable Rust that has been renamed or bound to another
//! edition since: a stable compiler refuses it with any of its features, and so does a nightly 1.97. So
//! without the feature `nightly`, for whoever has an older nightly, a release build ends with one line that
//! says so, which is what `compare` then shows. A debug build does nothing and is there for commands over
//! the whole workspace.

#![forbid(unsafe_code)]

use std::process::ExitCode;

#[cfg(feature = "nightly")]
#[global_allocator]
static ALLOC: ferroc::Ferroc = ferroc::Ferroc;

#[cfg(all(not(feature = "nightly"), not(debug_assertions)))]
compile_error!("ferroc 1.0.0-pre.3 needs a nightly compiler, older than 1.97");

fn main() -> ExitCode {
    if cfg!(feature = "nightly") {
        return rows::main("ferroc");
    }
    eprintln!("ferroc is not in this program: it needs a nightly compiler, older than 1.97");
    ExitCode::FAILURE
}
