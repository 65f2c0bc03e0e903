//! What the commands that look at heap profiles understand.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use spandrel_profile::Container;

/// Tell where the memory of a heap profile was allocated.
///
/// Reads what Spandrel and Go write, any pprof heap profile with or without gzip, jemalloc's heap_v2 and the
/// older text of tcmalloc and Go. Several files are added up. Rows are those of `pprof -top`: flat is what a
/// function allocated itself, cum what it and all that it called allocated.
#[derive(Args, Debug)]
pub(crate) struct ReportArgs {
    /// The profiles.
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) view: ViewArgs,
}

/// Tell what a heap profile has more than an earlier one of the same program.
///
/// Rows are what B has more than A, negative where it has less. Shares are of all that changed.
#[derive(Args, Debug)]
pub(crate) struct DiffArgs {
    /// The earlier profile.
    #[arg(value_name = "A")]
    pub(crate) before: PathBuf,
    /// The later one.
    #[arg(value_name = "B")]
    pub(crate) after: PathBuf,
    /// Make shares of what A has, to see by how much it changed.
    #[arg(long)]
    pub(crate) of_base: bool,
    #[command(flatten)]
    pub(crate) view: ViewArgs,
}

/// What of a profile to show, and how.
#[derive(Args, Debug)]
pub(crate) struct ViewArgs {
    /// What to count: inuse_space, inuse_objects, alloc_space, alloc_objects, or what else the profile has
    /// [default: what the profile says, or else its last].
    #[arg(long, value_name = "TYPE", visible_alias = "sample-index")]
    pub(crate) sample: Option<String>,
    /// What a row is.
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = By::Function)]
    pub(crate) by: By,
    /// The label for --by label.
    #[arg(long, value_name = "KEY")]
    pub(crate) label: Option<String>,
    /// Sort by cum instead of flat.
    #[arg(long)]
    pub(crate) cum: bool,
    /// Show small functions too, those below 0.5 % of everything.
    #[arg(long)]
    pub(crate) all: bool,
    /// Show N rows at most.
    #[arg(long, value_name = "N")]
    pub(crate) rows: Option<usize>,
    /// Show all numbers in UNIT: B, kB, MB, GB.
    #[arg(long, value_name = "UNIT", value_parser = parse_unit)]
    pub(crate) unit: Option<String>,
    /// Show who called each function, and whom it called.
    #[arg(long)]
    pub(crate) tree: bool,
    /// Look for the program's code and types in PATH first; may be given more than once. Otherwise the files
    /// that the profile names are used. All are recognised by their build ids.
    #[arg(long, value_name = "PATH")]
    pub(crate) binary: Vec<PathBuf>,
    /// Look for debug information in DIR too, besides /usr/lib/debug; may be given more than once.
    #[arg(long, value_name = "DIR")]
    pub(crate) debug_dir: Vec<PathBuf>,
    /// Take the functions in a source for those of a container: `Arena=/my_pool/src/arena.rs`; their first
    /// type parameter is what it holds. May be given more than once.
    #[arg(long, value_name = "NAME=SOURCE", value_parser = parse_container)]
    pub(crate) container: Vec<Container>,
    /// Draw a flame graph to OUT as SVG.
    #[arg(long, value_name = "OUT")]
    pub(crate) flame: Option<PathBuf>,
    /// Write the report as JSON to OUT; `-` writes it to standard output, instead of the text.
    #[arg(long, value_name = "OUT")]
    pub(crate) json: Option<PathBuf>,
}

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    /// A function.
    Function,
    /// A line in a function.
    Site,
    /// A type, as far as types are known.
    Type,
    /// A size class, and what it wastes; then the call sites that waste most.
    Class,
    /// A thread.
    Thread,
    /// A value of a label; all labels, or the one of --label.
    Label,
}

fn parse_container(text: &str) -> Result<Container, String> {
    match text.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => {
            Ok(Container { name: name.to_string(), file: file.to_string() })
        }
        _ => Err("write it as NAME=SOURCE, for example Arena=/my_pool/src/arena.rs".to_string()),
    }
}

fn parse_unit(text: &str) -> Result<String, String> {
    if spandrel_report::profile::is_unit(text) {
        return Ok(text.to_string());
    }
    Err("write B, kB, MB, GB, TB or PB".to_string())
}
