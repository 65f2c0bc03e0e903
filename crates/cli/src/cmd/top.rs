//! `spandrel top`: a live view of a running program.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use crate::args::TopArgs;
use crate::endpoint::{Endpoint, of_process};
use crate::failure::Failure;
use crate::top;

/// The time from one look to the next, unless it was said.
const INTERVAL: Duration = Duration::from_secs(1);

/// Finds the program and shows it; once where standard output is no terminal.
pub(crate) fn run(args: &TopArgs) -> Result<ExitCode, Failure> {
    let endpoint = match args.target.parse::<u32>() {
        Ok(pid) => of_process(pid).map_err(Failure::new)?,
        Err(_) => Endpoint::parse(&args.target).map_err(Failure::new)?,
    };
    if args.once || !std::io::stdout().is_terminal() {
        top::once(&endpoint)?;
    } else {
        top::live(&endpoint, args.interval.unwrap_or(INTERVAL))?;
    }
    Ok(ExitCode::SUCCESS)
}
