//! What the command line says.

mod layout;
mod profile;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::{ContextKind, ErrorKind};
use clap::{Args, Parser, Subcommand};

pub(crate) use layout::LayoutArgs;
pub(crate) use profile::{By, DiffArgs, ReportArgs, ViewArgs};

use crate::failure::Failure;
use crate::push::Target;

/// A memory allocator you can see into.
#[derive(Debug, Parser)]
#[command(name = "spandrel", version, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Subcommands>,
}

#[derive(Debug, Subcommand)]
enum Subcommands {
    Run(RunArgs),
    Report(ReportArgs),
    Diff(DiffArgs),
    Layout(LayoutArgs),
    /// Print the path of the shared object, for LD_PRELOAD=$(spandrel library) CMD.
    Library,
    Sizes(SizesArgs),
    Top(TopArgs),
    Bench(BenchArgs),
}

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Command {
    /// `spandrel run`.
    Run(RunArgs),
    /// `spandrel report`.
    Report(ReportArgs),
    /// `spandrel diff`.
    Diff(DiffArgs),
    /// `spandrel layout`.
    Layout(LayoutArgs),
    /// `spandrel library`.
    Library,
    /// `spandrel sizes`.
    Sizes(SizesArgs),
    /// `spandrel top`.
    Top(TopArgs),
    /// `spandrel bench`.
    Bench(BenchArgs),
    /// Print this help or version.
    Help(String),
}

/// Run a program with Spandrel as its allocator and report where its memory went.
///
/// The report goes to standard error when the program has ended; its exit code is passed on (128 + N
/// when signal N ended it). Options of the allocator are taken from the variable SPANDREL.
#[derive(Args, Debug)]
#[command(override_usage = "spandrel run [OPTIONS] -- CMD [ARG]...")]
pub(crate) struct RunArgs {
    /// Print a line to standard error every SECONDS while the program runs (1 without a number), and in the
    /// report a ledger: where the resident memory was.
    #[arg(
        long,
        value_name = "SECONDS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "1",
        value_parser = parse_seconds,
    )]
    pub(crate) stats: Option<Duration>,
    /// Write the report as JSON to OUT as well.
    #[arg(long, value_name = "OUT")]
    pub(crate) json: Option<PathBuf>,
    /// Write a heap profile with names and types to OUT, which `spandrel report` and `go tool pprof` read.
    /// All processes of the run are added up.
    #[arg(long, value_name = "OUT.pb.gz")]
    pub(crate) profile: Option<PathBuf>,
    /// Let the program serve its statistics and heap profiles at ADDR, 127.0.0.1:PORT or unix:PATH, for
    /// `spandrel top`, Prometheus and `go tool pprof`. Port 0 lets the system choose and tells.
    #[arg(long, value_name = "ADDR")]
    pub(crate) serve: Option<String>,
    /// Check every call and watch freed memory: misuse of the heap ends the program with a line that says
    /// what was done (SECURITY.md).
    #[arg(long)]
    pub(crate) hardened: bool,
    /// Send heap profiles with names to a server while the program runs: pyroscope=http://HOST:PORT; built with
    /// the feature `otlp`, also otlp=http://HOST:PORT.
    #[arg(long, value_name = "KIND=URL", value_parser = Target::parse)]
    pub(crate) push: Option<Target>,
    /// Send them every SECONDS [default: 10].
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds, requires = "push")]
    pub(crate) push_interval: Option<Duration>,
    /// The program and its arguments.
    #[arg(value_name = "CMD", trailing_var_arg = true)]
    pub(crate) command: Vec<OsString>,
}

/// Watch the memory of a running program: size classes, sites, types, where resident memory went, growth.
///
/// The program must have been started with `spandrel run --serve ADDR`, or with Spandrel and the option
/// `listen=ADDR`. Piped, it prints what is to be seen now.
#[derive(Args, Debug)]
pub(crate) struct TopArgs {
    /// The number of the process, or the address at which it listens: 127.0.0.1:PORT or unix:PATH.
    #[arg(value_name = "PID|ADDR")]
    pub(crate) target: String,
    /// Print what is to be seen now and end.
    #[arg(long)]
    pub(crate) once: bool,
    /// Look every SECONDS [default: 1].
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    pub(crate) interval: Option<Duration>,
}

/// Print the table of size classes, or how sizes fit it.
#[derive(Args, Debug)]
pub(crate) struct SizesArgs {
    /// Tab-separated columns, numbers alone.
    #[arg(long, conflicts_with = "bytes")]
    pub(crate) tsv: bool,
    /// Sizes in bytes, or with KiB, MiB, GiB or TiB behind the number.
    #[arg(value_name = "BYTES", allow_hyphen_values = true)]
    pub(crate) bytes: Vec<String>,
}

/// Measure Spandrel and other allocators on this machine, side by side.
///
/// Builds all of them with cargo and a C compiler, which the first time takes minutes, and runs each on the
/// same rows, interleaved: compiled into Rust programs, preloaded into C patterns, preloaded into real
/// programs. Prints time, user CPU time and peak resident memory of each, and what that says of Spandrel.
#[derive(Args, Debug)]
#[command(
    override_usage = "spandrel bench [--sources DIR] [ROW]... [OPTION]...",
    after_long_help = BENCH_HELP,
    after_help = "See --help for rows and options."
)]
pub(crate) struct BenchArgs {
    /// The folder `bench` of the repository; must come first [default: that of the checkout that this
    /// command was built from, else ./bench].
    #[arg(long, value_name = "DIR")]
    pub(crate) sources: Option<PathBuf>,
    /// Rows to measure, and options for the program that does it.
    #[arg(value_name = "ROW", trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) arguments: Vec<OsString>,
}

/// The options that `compare` understands, most of them.
const BENCH_HELP: &str = "\
Options of the measurement:
  --list                           print the rows and the contenders
  --door rust|preload|programs|all how programs get an allocator [default: all]
  --profile release|lto|both       how the Rust programs are compiled [default: release]
  --peers A,B,..                   contenders [default: all but mimalloc2 and debian-*]
  --rounds N                       runs of every row of every contender [default: 5]
  --json OUT                       write everything that was measured to OUT
  --chart OUT.svg                  draw bars
  --from-json IN                   run nothing, print and draw what --json wrote earlier
  --quick                          see that everything runs: the figures mean nothing
  --no-build                       run what was built before
  --time-limit SECONDS             end what takes longer [default: 180]

Examples:
  spandrel bench --door rust                  the Rust rows: about 45 minutes on two quiet cores
  spandrel bench json btreemap --profile lto  two rows, with fat link-time optimisation
  spandrel bench --door preload --peers spandrel,glibc,mimalloc --json out.json --chart out.svg

Exit code 0 when every run gave figures, 1 when some did not, 2 for wrong use.";

/// Reads the command line of this process.
pub(crate) fn parse() -> Result<Command, Failure> {
    parse_from(std::env::args_os())
}

fn parse_from(args: impl IntoIterator<Item = OsString>) -> Result<Command, Failure> {
    match Cli::try_parse_from(args) {
        Ok(cli) => match cli.command {
            Some(Subcommands::Run(args)) => Ok(Command::Run(args)),
            Some(Subcommands::Report(args)) => Ok(Command::Report(args)),
            Some(Subcommands::Diff(args)) => Ok(Command::Diff(args)),
            Some(Subcommands::Layout(args)) => Ok(Command::Layout(args)),
            Some(Subcommands::Library) => Ok(Command::Library),
            Some(Subcommands::Sizes(args)) => Ok(Command::Sizes(args)),
            Some(Subcommands::Top(args)) => Ok(Command::Top(args)),
            Some(Subcommands::Bench(args)) => Ok(Command::Bench(args)),
            None => Err(Failure::new(
                "no command: say `spandrel run`, `report`, `diff`, `layout`, `library`, `sizes`, `top` or \
                 `bench`, or see --help",
            )),
        },
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                Ok(Command::Help(error.render().ansi().to_string()))
            }
            _ => Err(one_line(&error)),
        },
    }
}

/// Clap's first paragraph and its tips, on one line.
fn one_line(error: &clap::Error) -> Failure {
    let rendered = error.render().to_string();
    let mut said: Vec<String> = Vec::new();
    for paragraph in rendered.split("\n\n") {
        let words = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some(line) = words.strip_prefix("error: ") {
            said.push(line.to_string());
        } else if let Some(tip) = words.strip_prefix("tip: ") {
            said.push(tip.to_string());
        }
    }
    if error.get(ContextKind::InvalidSubcommand).is_some() {
        said.push("the commands are run, report, diff, layout, library, sizes, top and bench".to_string());
    }
    Failure::new(said.join("; "))
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    /// The shortest time between two samples: reading records is not free.
    const SECONDS_MIN: f64 = 0.01;
    /// A day.
    const SECONDS_MAX: f64 = 86_400.0;
    text.parse::<f64>()
        .ok()
        .filter(|seconds| (SECONDS_MIN..=SECONDS_MAX).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| format!("write a number of seconds from {SECONDS_MIN} to {SECONDS_MAX}"))
}

#[cfg(test)]
mod tests {
    use super::{Cli, Command, Failure, parse_from};
    use clap::CommandFactory;

    fn parse(line: &str) -> Result<Command, Failure> {
        parse_from(line.split(' ').map(Into::into))
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_behind_the_program_are_its_own() {
        for line in ["spandrel run --stats=0.5 -- ls --json -l", "spandrel run --stats=0.5 ls --json -l"] {
            match parse(line) {
                Ok(Command::Run(args)) => {
                    assert_eq!(args.command, ["ls", "--json", "-l"]);
                    assert_eq!(args.stats.map(|interval| interval.as_millis()), Some(500));
                    assert_eq!(args.json, None);
                }
                other => panic!("{line}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_is_not_ours_is_passed_on_to_the_benchmarks() {
        for (line, sources, arguments) in [
            ("spandrel bench", None, &[][..]),
            ("spandrel bench --quick json --json out", None, &["--quick", "json", "--json", "out"][..]),
            ("spandrel bench --sources a/b --door rust", Some("a/b"), &["--door", "rust"][..]),
            ("spandrel bench json --sources x --help", None, &["json", "--sources", "x", "--help"][..]),
        ] {
            match parse(line) {
                Ok(Command::Bench(args)) => {
                    assert_eq!(args.sources, sources.map(Into::into), "{line}");
                    assert_eq!(args.arguments, arguments, "{line}");
                }
                other => panic!("{line}: {other:?}"),
            }
        }
    }

    #[test]
    fn errors_are_one_line_with_what_to_do() {
        let cases = [
            (
                "spandrel",
                "no command: say `spandrel run`, `report`, `diff`, `layout`, `library`, `sizes`, `top` or \
                 `bench`, or",
            ),
            ("spandrel rum", "similar subcommand exists: 'run'"),
            ("spandrel run --stat=1 ls", "similar argument exists: '--stats'"),
            ("spandrel run --stats=never ls", "write a number of seconds from 0.01 to 86400"),
            ("spandrel run --json", "a value is required for '--json <OUT>'"),
            ("spandrel library x", "unexpected argument 'x' found"),
            ("spandrel sizes --tsv 3", "cannot be used with"),
        ];
        for (line, part) in cases {
            match parse(line) {
                Err(Failure::Said(said)) => {
                    assert!(said.contains(part) && !said.contains('\n'), "{line}: {said}");
                }
                other => panic!("{line}: {other:?}"),
            }
        }
    }
}
