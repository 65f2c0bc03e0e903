//! `spandrel sizes`: the table of size classes, or how sizes fit it.

use std::process::ExitCode;

use spandrel_report::sizes;
use spandrel_report::units::parse_bytes;

use crate::args::SizesArgs;
use crate::failure::Failure;
use crate::terminal;

/// Prints the table, or the fit of each size.
pub(crate) fn run(args: &SizesArgs) -> Result<ExitCode, Failure> {
    let width = terminal::stdout_columns();
    let text = if args.tsv {
        sizes::tsv()
    } else if args.bytes.is_empty() {
        sizes::table(width)
    } else {
        let sizes = args.bytes.iter().map(|text| parse_size(text)).collect::<Result<Vec<_>, _>>()?;
        sizes::fits(&sizes, width)
    };
    terminal::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// A size that could be allocated: no allocation is larger than `isize::MAX`.
fn parse_size(text: &str) -> Result<usize, Failure> {
    let bytes = parse_bytes(text).map_err(Failure::new)?;
    isize::try_from(bytes).map(isize::unsigned_abs).map_err(|_| {
        Failure::new(format_args!("`{text}` is too large: no allocation has more than {} bytes", isize::MAX))
    })
}
