//! `spandrel library`: prints the path of the shared object for `LD_PRELOAD`.

use std::process::ExitCode;

use crate::failure::Failure;
use crate::{preload, terminal};

/// Unpacks the library and prints where it is.
pub(crate) fn run() -> Result<ExitCode, Failure> {
    let library = preload::unpack()?;
    let path = library
        .to_str()
        .ok_or_else(|| Failure::new(format_args!("the path {} is not UTF-8", library.display())))?;
    terminal::print(&format!("{path}\n"))?;
    Ok(ExitCode::SUCCESS)
}
