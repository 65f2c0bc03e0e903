//! What `spandrel layout` understands.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use spandrel_layout::Allocator;

/// Tell which types waste memory, in which size class, and what to change.
///
/// Reads the debug information of a program, library or object file in Rust, C, C++ or Go. Without a TYPE it
/// lists the types of the program that a change would make smaller; with types it draws each.
#[derive(Args, Debug)]
#[command(after_help = LAYOUT_HELP)]
pub(crate) struct LayoutArgs {
    /// The program.
    #[arg(value_name = "BINARY")]
    pub(crate) binary: PathBuf,
    /// Types by name: `Node`, `tree::Node`, `main.Conn`; the end of a name is enough.
    #[arg(value_name = "TYPE")]
    pub(crate) types: Vec<String>,
    /// The allocator whose classes count: spandrel, go, glibc, jemalloc, mimalloc or tcmalloc [default: go
    /// for types of Go, spandrel for all others].
    #[arg(long, value_name = "NAME")]
    pub(crate) allocator: Option<Allocator>,
    /// Weigh types by the objects of a heap profile: Spandrel's, Go's or another of pprof's form.
    #[arg(long, value_name = "HEAP.pb.gz")]
    pub(crate) profile: Option<PathBuf>,
    /// Check the budgets in a file; exit code 1 if one is broken.
    #[arg(long, value_name = "layout.toml", conflicts_with_all = ["types", "diff", "patch"])]
    pub(crate) check: Option<PathBuf>,
    /// Tell what changed since another build.
    #[arg(long, value_name = "OLD", conflicts_with_all = ["types", "patch"])]
    pub(crate) diff: Option<PathBuf>,
    /// Print the change of the source that gives the types their best order.
    #[arg(long)]
    pub(crate) patch: bool,
    /// Print JSON.
    #[arg(long, group = "form", conflicts_with_all = ["patch", "check", "diff"])]
    pub(crate) json: bool,
    /// Print SARIF 2.1.0.
    #[arg(long, group = "form", conflicts_with_all = ["patch", "check", "diff"])]
    pub(crate) sarif: bool,
    /// Print messages as cargo does, for rust-analyzer.
    #[arg(
        long,
        value_enum,
        value_name = "FORM",
        group = "form",
        conflicts_with_all = ["patch", "check", "diff"],
    )]
    pub(crate) message_format: Option<MessageFormat>,
    /// List types of libraries and of the compiler too.
    #[arg(long)]
    pub(crate) all: bool,
    /// List so many types at most.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) top: usize,
    /// Look for debug information of stripped programs here [default: /usr/lib/debug].
    #[arg(long, value_name = "DIR")]
    pub(crate) debug_dir: Vec<PathBuf>,
    /// Read with so many threads [default: one a processor].
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) threads: usize,
}

/// The forms of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MessageFormat {
    /// A JSON object a line.
    Json,
}

const LAYOUT_HELP: &str = "\
Budgets:
  [types]
  \"app::Node\" = [\"size <= 64\", \"class == 64\", \"no-padding\", \"one-line\"]

Exit code 0 when all is well, 1 when a budget is broken, 2 for wrong use or bad input.";
