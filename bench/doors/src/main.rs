//! Builds a shared object of every peer, to be put before a program by `LD_PRELOAD`.
//!
//! `doors build [NAME..]` prints one line of JSON a peer, a [`door::Door`]. What each library is built from,
//! with which flags and why, is in this folder's README.md.

#![forbid(unsafe_code)]

mod cargo_built;
mod commands;
mod debian;
mod door;
mod exports;
mod freshness;
mod glibc;
mod jemalloc;
mod mimalloc;
mod peers;
mod probe;
mod rpmalloc;
mod shared_object;
mod snmalloc;
mod tcmalloc;
mod workshop;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::door::Door;
use crate::peers::PEERS;
use crate::workshop::Workshop;

/// Builds the shared objects of the peers.
#[derive(Debug, Parser)]
#[command(name = "doors")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build the libraries that are missing or out of date and say where they are, a line of JSON each
    Build {
        /// Peers [default: all]
        names: Vec<String>,
    },
    /// Allocate under the preloaded LIBRARY and see that it is there; `build` starts this itself
    #[command(hide = true)]
    Probe {
        /// Where the library lies
        library: PathBuf,
    },
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Build { names } => build(&names),
        Command::Probe { library } => probe::allocate_under(&library),
    }
}

/// Exit code 1 when a library could not be had, 2 when a name is wrong or nothing could be tried.
fn build(names: &[String]) -> ExitCode {
    if let Some(name) = names.iter().find(|name| !PEERS.iter().any(|peer| peer.name == name.as_str())) {
        let known: Vec<&str> = PEERS.iter().map(|peer| peer.name).collect();
        eprintln!("no peer is called {name:?}; there are {}", known.join(" "));
        return ExitCode::from(2);
    }
    let workshop = match Workshop::open() {
        Ok(workshop) => workshop,
        Err(reason) => {
            eprintln!("{reason}");
            return ExitCode::from(2);
        }
    };
    let mut complete = true;
    for peer in PEERS.iter().filter(|peer| names.is_empty() || names.iter().any(|name| name == peer.name)) {
        let door = Door::of(peer, &workshop);
        complete &= door.error.is_none();
        println!("{}", door.to_line());
    }
    if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
