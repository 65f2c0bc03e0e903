//! The libraries that Debian packages: what people preload who build nothing themselves.

use std::env::consts::ARCH;
use std::path::PathBuf;
use std::process::Command;

use crate::commands::run;
use crate::door::Library;
use crate::workshop::Workshop;

pub(crate) fn mimalloc(_: &Workshop, _: &'static str) -> Result<Library, String> {
    packaged("libmimalloc.so.2", "libmimalloc2.0")
}

pub(crate) fn jemalloc(_: &Workshop, _: &'static str) -> Result<Library, String> {
    packaged("libjemalloc.so.2", "libjemalloc2")
}

pub(crate) fn tcmalloc(_: &Workshop, _: &'static str) -> Result<Library, String> {
    packaged("libtcmalloc_minimal.so.4", "libtcmalloc-minimal4")
}

/// The library, of which the package's version tells its own.
fn packaged(library: &str, package: &str) -> Result<Library, String> {
    let path = PathBuf::from(format!("/usr/lib/{ARCH}-linux-gnu")).join(library);
    if !path.is_file() {
        return Err(format!("install {package}"));
    }
    let version = run(Command::new("dpkg-query").args(["--show", "--showformat=${Version}", package]))?;
    Ok(Library { path: Some(path), version })
}

#[cfg(test)]
mod tests {
    use super::packaged;

    #[test]
    fn a_library_that_is_missing_names_its_package() {
        let missing = packaged("libnowhere.so.1", "libnowhere1");
        assert_eq!(missing.expect_err("it is missing"), "install libnowhere1");
    }
}
