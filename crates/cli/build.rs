//! Tells the command where cargo puts the shared object that it embeds.
//!
//! Cargo builds `libspandrel_preload.so` into the `deps` folder of the profile before it compiles the
//! command, but only when it builds: under `cargo check`, `clippy` and `doc` no shared object is made,
//! and an empty file takes its place there. The next build overwrites it.
use std::path::PathBuf;

#[path = "../../testkit/machine.rs"]
mod machine;

fn main() {
    machine::tell_tests();
    // <target>[/<triple>]/<profile>/build/<package>-<hash>/out, so three up is the profile.
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let profile = out.ancestors().nth(3).expect("OUT_DIR lies below the profile's folder");
    let library = profile.join("deps").join("libspandrel_preload.so");
    match std::fs::File::create_new(&library) {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => panic!("cannot create {}: {error}", library.display()),
    }
    println!("cargo:rustc-env=SPANDREL_PRELOAD_LIBRARY={}", library.display());
}
