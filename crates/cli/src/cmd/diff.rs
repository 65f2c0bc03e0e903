//! `spandrel diff`: what a heap profile has more than an earlier one.

use std::process::ExitCode;

use spandrel_profile::{merge_with_base, subtract};
use spandrel_report::profile::flame_graph_of_change;

use crate::args::DiffArgs;
use crate::failure::Failure;
use crate::profiles::{self, Loader};

/// Subtracts the first profile from the second one and shows what is left.
pub(crate) fn run(args: &DiffArgs) -> Result<ExitCode, Failure> {
    let mut loader = Loader::new(&args.view);
    let mut before = loader.load(&args.before)?;
    let mut after = loader.load(&args.after)?;
    let difference = if args.of_base { merge_with_base } else { subtract };
    let mut change = difference(&after, &before).map_err(Failure::new)?;
    for profile in [&mut before, &mut after, &mut change] {
        profiles::prune(profile);
    }
    profiles::show(&args.view, &change, |sample_index, file| {
        flame_graph_of_change(&before, &after, sample_index, file)
    })
}
