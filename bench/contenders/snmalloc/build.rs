//! Refuses to build snmalloc with its assertions: they make a pair 25 times slower, and nothing else would
//! tell.

use std::env;

fn main() {
    println!("cargo::rerun-if-env-changed=CXXFLAGS");
    let released = env::var("CXXFLAGS").is_ok_and(|flags| flags.contains("-DNDEBUG"));
    if !released {
        println!(
            "cargo::error=CXXFLAGS lacks -DNDEBUG: run cargo inside bench/, where .cargo/config.toml sets it"
        );
    }
    if env::var("PROFILE").as_deref() == Ok("release") && env::var("DEBUG").as_deref() == Ok("true") {
        println!("cargo::error=with debug information snmalloc asserts: take `debug` out of the profile");
    }
}
