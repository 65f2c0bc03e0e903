//! `spandrel report`: where the memory of a heap profile was allocated.

use std::process::ExitCode;

use spandrel_profile::merge;
use spandrel_report::profile::flame_graph;

use crate::args::ReportArgs;
use crate::failure::Failure;
use crate::profiles::{self, Loader};

/// Adds the profiles up and shows the sum.
pub(crate) fn run(args: &ReportArgs) -> Result<ExitCode, Failure> {
    let mut loader = Loader::new(&args.view);
    let profiles = args.files.iter().map(|path| loader.load(path)).collect::<Result<Vec<_>, _>>()?;
    let mut profile = merge(&profiles).map_err(Failure::new)?;
    profiles::prune(&mut profile);
    profiles::show(&args.view, &profile, |sample_index, file| flame_graph(&profile, sample_index, file))
}
