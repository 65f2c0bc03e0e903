//! The `spandrel` command: parse, call, print, and say in one line what went wrong.
//!
//! Exit codes: 0 fine, 1 a check found something, 2 wrong use or bad input; `spandrel run` and
//! `spandrel bench` pass their program's code on.
#![forbid(unsafe_code)]

mod args;
mod child;
mod cmd;
mod endpoint;
mod failure;
mod heap_sites;
mod options;
mod output_file;
mod preload;
mod profiles;
mod program;
mod progress;
mod push;
mod records;
mod run_profile;
mod sampler;
mod self_status;
mod terminal;
mod top;
mod workspace;

use std::process::ExitCode;

use args::Command;
use failure::Failure;

fn main() -> ExitCode {
    let result = args::parse().and_then(|command| match command {
        Command::Run(args) => cmd::run::run(&args),
        Command::Report(args) => cmd::report::run(&args),
        Command::Diff(args) => cmd::diff::run(&args),
        Command::Layout(args) => cmd::layout::run(&args),
        Command::Library => cmd::library::run(),
        Command::Sizes(args) => cmd::sizes::run(&args),
        Command::Top(args) => cmd::top::run(&args),
        Command::Bench(args) => cmd::bench::run(&args),
        Command::Help(text) => terminal::print(&text).map(|()| ExitCode::SUCCESS),
    });
    match result {
        Ok(code) => code,
        Err(Failure::BrokenPipe) => ExitCode::SUCCESS,
        Err(Failure::Said(line)) => {
            terminal::complain(&line);
            ExitCode::from(2)
        }
    }
}
