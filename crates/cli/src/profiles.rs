//! Heap profiles from files to reports: what `spandrel report` and `spandrel diff` share.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::ExitCode;

use spandrel_profile::{
    BinaryFiles, Container, Granularity, Graph, GraphOptions, Limits, Order, Profile, THREAD_LABEL,
    TYPE_LABEL, attribute_go_types, attribute_types, drop_uninteresting, read, simplify_names, symbolize,
};
use spandrel_report::profile::{
    LabelReport, ProfileReport, View, WasteReport, labels_text, top, tree, waste_text,
};

use crate::args::{By, ViewArgs};
use crate::failure::Failure;
use crate::output_file::OutputFile;
use crate::terminal;

/// The share of everything below which functions are left out.
const NODE_FRACTION: f64 = 0.005;
/// The share below which calls are.
const EDGE_FRACTION: f64 = 0.001;
/// Files without symbols that are told of.
const PROBLEMS_MAX: usize = 3;
/// Functions that `--tree` tells of, unless `--rows` says another number.
const TREE_NODES_MAX: usize = 80;

/// Reads profiles, and tells of each file that is missing once.
pub(crate) struct Loader<'a> {
    files: BinaryFiles,
    /// Tells of types that are not to be had.
    wants_types: bool,
    /// Containers of the program's own.
    containers: &'a [Container],
    told: BTreeSet<String>,
}

impl<'a> Loader<'a> {
    pub(crate) fn new(args: &'a ViewArgs) -> Self {
        let mut files = BinaryFiles { binaries: args.binary.clone(), ..BinaryFiles::default() };
        files.search.debug_folders.extend(args.debug_dir.iter().cloned());
        let wants_types = args.by == By::Type || !args.binary.is_empty();
        Self { files, wants_types, containers: &args.container, told: BTreeSet::new() }
    }

    /// With these files, silent about types.
    pub(crate) fn with_files(files: BinaryFiles) -> Self {
        Self { files, wants_types: false, containers: &[], told: BTreeSet::new() }
    }

    /// As [`load`](Self::load), from bytes that came over a connection, and without a word about what is
    /// missing.
    pub(crate) fn of_bytes(&mut self, bytes: &[u8]) -> Result<Profile, String> {
        let (mut profile, _) = read(bytes).map_err(|error| error.to_string())?;
        simplify_names(&mut profile);
        let symbols = symbolize(&mut profile, &self.files);
        attribute_types(&mut profile, &symbols, self.containers);
        Ok(profile)
    }

    /// Reads a profile, and gives its functions names for people and its objects types, as far as files tell.
    pub(crate) fn load(&mut self, path: &Path) -> Result<Profile, Failure> {
        let failure =
            |what: &dyn std::fmt::Display| Failure::new(format_args!("`{}`: {what}", path.display()));
        let bytes = read_bounded(path).map_err(|error| failure(&error))?;
        let (mut profile, _) = read(&bytes).map_err(|error| failure(&error))?;
        simplify_names(&mut profile);
        let symbols = symbolize(&mut profile, &self.files);
        // A Go profile needs no file for anything but types.
        let go_problem = attribute_go_types(&mut profile, &self.files).filter(|_| self.wants_types);
        for problem in symbols.problems.iter().chain(&go_problem) {
            if self.told.len() < PROBLEMS_MAX && self.told.insert(problem.clone()) {
                terminal::complain(problem);
            }
        }
        attribute_types(&mut profile, &symbols, self.containers);
        Ok(profile)
    }
}

/// The bytes of a file, and not many more than a profile may have.
fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let mut bytes = Vec::new();
    file.take(Limits::default().unpacked_bytes + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Cuts off the frames that the profile calls uninteresting.
pub(crate) fn prune(profile: &mut Profile) {
    if let Err(line) = drop_uninteresting(profile) {
        terminal::complain(&line);
    }
}

/// Shows a profile as the arguments want it; `draw` draws one of its sample types as a flame graph.
pub(crate) fn show(
    args: &ViewArgs,
    profile: &Profile,
    draw: impl FnOnce(usize, &mut dyn Write) -> io::Result<()>,
) -> Result<ExitCode, Failure> {
    let sample_index = profile.sample_index(args.sample.as_deref()).map_err(Failure::new)?;
    let json_to_stdout = args.json.as_deref() == Some(Path::new("-"));
    let json = args.json.as_deref().filter(|_| !json_to_stdout);
    let json = json.map(|path| OutputFile::claim(path, "JSON")).transpose()?;
    let flame = args.flame.as_deref().map(|path| OutputFile::claim(path, "a flame graph")).transpose()?;
    let groups = Groups::new(args, profile, sample_index)?;
    let report = || ProfileReport {
        labels: groups.labels.clone().unwrap_or_default(),
        waste: groups.waste.clone(),
        ..ProfileReport::new(profile, sample_index, granularity(args))
    };
    if json_to_stdout {
        let text = serde_json::to_string_pretty(&report()).map_err(Failure::new)?;
        terminal::print(&format!("{text}\n"))?;
    } else {
        terminal::print(&groups.text(args, profile, sample_index))?;
    }
    if let Some(json) = json {
        json.write_json(&report())?;
    }
    if let Some(flame) = flame {
        flame.write(|file| draw(sample_index, file))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn granularity(args: &ViewArgs) -> Granularity {
    match args.by {
        By::Site => Granularity::Line,
        _ => Granularity::Function,
    }
}

/// What is summed up by something else than functions.
struct Groups {
    labels: Option<Vec<LabelReport>>,
    waste: Option<WasteReport>,
}

impl Groups {
    fn new(args: &ViewArgs, profile: &Profile, sample_index: usize) -> Result<Self, Failure> {
        let by = |key: &str| Some(vec![LabelReport::new(profile, sample_index, key)]);
        let labels = match (args.by, &args.label) {
            (By::Function | By::Site | By::Class, None) => None,
            (By::Type, None) => by(TYPE_LABEL),
            (By::Thread, None) => by(THREAD_LABEL),
            (By::Label, None) => Some(LabelReport::all(profile, sample_index)),
            (By::Label, Some(key)) => by(key),
            (_, Some(_)) => return Err(Failure::new("`--label` goes with `--by label`")),
        };
        let waste = (args.by == By::Class).then(|| WasteReport::new(profile, sample_index));
        Ok(Self { labels, waste: waste.transpose().map_err(Failure::new)? })
    }

    fn text(&self, args: &ViewArgs, profile: &Profile, sample_index: usize) -> String {
        let width = terminal::stdout_columns();
        match (&self.labels, &self.waste) {
            (Some(labels), _) => labels_text(labels, profile, sample_index, args.rows, width),
            (None, Some(waste)) => waste_text(waste, args.rows, width),
            (None, None) => text(args, profile, sample_index),
        }
    }
}

/// The functions that allocated most by themselves.
pub(crate) fn top_rows(profile: &Profile, sample_index: usize, rows: usize) -> Graph {
    Graph::new(
        profile,
        &GraphOptions {
            sample_index,
            granularity: Granularity::Function,
            order: Order::Flat,
            node_fraction: 0.0,
            edge_fraction: 0.0,
            nodes_max: Some(rows),
        },
    )
}

fn text(args: &ViewArgs, profile: &Profile, sample_index: usize) -> String {
    let node_fraction = if args.all { 0.0 } else { NODE_FRACTION };
    let graph = Graph::new(
        profile,
        &GraphOptions {
            sample_index,
            granularity: granularity(args),
            order: if args.cum { Order::Cum } else { Order::Flat },
            node_fraction,
            edge_fraction: if args.all { 0.0 } else { EDGE_FRACTION },
            nodes_max: args.rows.or_else(|| (args.tree && !args.all).then_some(TREE_NODES_MAX)),
        },
    );
    let view = View { profile, sample_index, node_fraction, unit: args.unit.as_deref() };
    let write = if args.tree { tree } else { top };
    write(&view, &graph, terminal::stdout_columns())
}
