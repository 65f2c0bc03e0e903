//! Standard output and standard error: plain when piped, coloured and fitted on a terminal.
//!
//! `NO_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE` are respected.

use std::io::{self, Write};

use terminal_size::{Width, terminal_size_of};

use crate::failure::Failure;

/// The columns of the terminal that standard output is; `None` when it is none.
pub(crate) fn stdout_columns() -> Option<usize> {
    terminal_size_of(io::stdout()).map(|(Width(columns), _)| usize::from(columns))
}

/// The columns of the terminal that standard error is; `None` when it is none.
pub(crate) fn stderr_columns() -> Option<usize> {
    terminal_size_of(io::stderr()).map(|(Width(columns), _)| usize::from(columns))
}

/// Writes styled text to standard output.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = anstream::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|error| Failure::from_output(&error))
}

/// Writes styled text to standard error, where nobody may be listening.
pub(crate) fn report(text: &str) {
    let mut stderr = anstream::stderr().lock();
    // There is no other place to tell that standard error is gone.
    let _gone = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

/// Writes one line of ours to standard error.
pub(crate) fn complain(line: &str) {
    report(&format!("spandrel: {line}\n"));
}
