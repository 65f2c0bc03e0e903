//! glibc, which every program has already.

use std::process::Command;

use crate::commands::run;
use crate::door::Library;
use crate::workshop::Workshop;

pub(crate) fn installed(_: &Workshop, _: &'static str) -> Result<Library, String> {
    let version = run(Command::new("getconf").arg("GNU_LIBC_VERSION"))?;
    let version = version.strip_prefix("glibc ").unwrap_or(&version).to_owned();
    Ok(Library { path: None, version })
}
