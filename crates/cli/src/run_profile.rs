//! `spandrel run --profile`: the heap profiles that the processes of a run leave, as one with names.
//!
//! Each process writes its profile into a folder of this run, at its end and every few seconds, so that
//! one that is killed leaves its last. They hold addresses of that process alone; here they get names and
//! types, and are added up.

use std::path::Path;

use spandrel_profile::{BinaryFiles, Profile, merge, write};
use spandrel_report::profile::{View, top};

use crate::failure::Failure;
use crate::output_file::OutputFile;
use crate::profiles::{self, Loader};
use crate::terminal;

/// What files of profiles end in.
const EXTENSION: &str = "pb";
/// Seconds from one profile of a process to the next.
const INTERVAL_S: u32 = 2;
/// Rows of the short report.
const ROWS: usize = 10;

/// The allocator's options for profiles in `folder`.
pub(crate) fn options(folder: &str) -> String {
    format!("profile={folder}/%p.{EXTENSION},profileinterval={INTERVAL_S}")
}

/// Writes what the processes have left in `folder` to `file`, and tells the most of it.
pub(crate) fn finish(folder: &Path, file: OutputFile) -> Result<(), Failure> {
    let mut loader = Loader::with_files(BinaryFiles::default());
    let mut profiles = Vec::new();
    for path in paths(folder) {
        match loader.load(&path) {
            Ok(profile) => profiles.push(profile),
            Err(Failure::Said(line)) => terminal::complain(&line),
            Err(Failure::BrokenPipe) => {}
        }
    }
    if profiles.is_empty() {
        return Err(Failure::new(
            "no process left a heap profile: memprofilerate=0 turns them off, and a process that is killed \
             in its first seconds leaves none",
        ));
    }
    let mut profile = merge(&profiles).map_err(Failure::new)?;
    keep_names(&mut profile);
    file.write(|out| write(&profile, out))?;
    terminal::report(&summary(profile)?);
    Ok(())
}

/// Says that names are as people read them: a name that is also the linker's would be simplified once more by
/// whoever reads the file, and lose its type parameters.
fn keep_names(profile: &mut Profile) {
    for function in &mut profile.functions {
        if function.name == function.system_name {
            function.system_name = "".into();
        }
    }
}

/// The profiles of all processes, in the order of their numbers.
pub(crate) fn paths(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let is_profile = |path: &std::path::PathBuf| path.extension().is_some_and(|it| it == EXTENSION);
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).filter(is_profile).collect();
    paths.sort();
    paths
}

/// Where most was allocated, and where most is still in use.
fn summary(mut profile: Profile) -> Result<String, Failure> {
    profiles::prune(&mut profile);
    let mut text = String::new();
    for kind in ["alloc_space", "inuse_space"] {
        let sample_index = profile.sample_index(Some(kind)).map_err(Failure::new)?;
        if profile.samples.iter().all(|sample| sample.values[sample_index] == 0) {
            continue;
        }
        let graph = profiles::top_rows(&profile, sample_index, ROWS);
        let view = View { profile: &profile, sample_index, node_fraction: 0.0, unit: None };
        text.push('\n');
        text.push_str(&top(&view, &graph, terminal::stderr_columns()));
    }
    Ok(text)
}
