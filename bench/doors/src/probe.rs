//! A program that runs under a library: this one, started again, allocates and looks at what it got.
//!
//! The loader says nothing by its exit code when it cannot load what is to be preloaded, it runs the program
//! without it. So the program looks for the library among its own mappings.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::thread;
use std::time::Duration;

use crate::commands::run_within;
use crate::peers::Variable;

const THREADS: usize = 4;
const BLOCKS: usize = 2000;

/// It takes a fraction of a second, unless the library blocks it for ever.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// Starts this program with the library preloaded.
pub(crate) fn run(library: &Path, variables: &[Variable]) -> Result<(), String> {
    let program = env::current_exe().map_err(|error| format!("where this program lies: {error}"))?;
    let mut command = Command::new(program);
    command.arg("probe").arg(library).env("LD_PRELOAD", library).envs(variables.iter().copied());
    run_within(&mut command, TIME_LIMIT)
        .map_err(|error| format!("a program does not run with {}: {error}", library.display()))
}

/// What the started program does.
pub(crate) fn allocate_under(library: &Path) -> ExitCode {
    if !is_mapped(library) {
        eprintln!("error: the loader did not load {}", library.display());
        return ExitCode::FAILURE;
    }
    let workers: Vec<_> =
        (0..THREADS).map(|seed| thread::spawn(move || blocks_keep_their_bytes(seed))).collect();
    let sound = workers.into_iter().all(|worker| worker.join().unwrap_or(false));
    if !sound {
        eprintln!("error: blocks lost what was written to them");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn is_mapped(library: &Path) -> bool {
    let (Ok(maps), Ok(library)) = (fs::read_to_string("/proc/self/maps"), library.canonicalize()) else {
        return false;
    };
    maps.lines().any(|line| line.ends_with(&*library.to_string_lossy()))
}

/// Blocks of one byte to 2 MiB, zeroed at first, that grow, some of which are freed early.
fn blocks_keep_their_bytes(seed: usize) -> bool {
    let mut kept: Vec<(u8, Vec<u8>)> = Vec::new();
    for index in 0..BLOCKS {
        let bytes = if index % 100 == 99 { 2 << 20 } else { 1 + (seed + index * 37) % 5000 };
        let mark = (index % 251) as u8;
        let mut block = vec![0; bytes];
        let zeroed = block.iter().all(|&byte| byte == 0);
        block.fill(mark);
        block.extend([mark; 64]);
        if !zeroed {
            return false;
        }
        kept.push((mark, block));
        if index % 3 == 0 {
            kept.swap_remove(index / 3);
        }
    }
    let alike = |(mark, block): &(u8, Vec<u8>)| block.iter().all(|byte| byte == mark);
    kept.iter().all(alike)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{blocks_keep_their_bytes, is_mapped};

    #[test]
    fn the_blocks_of_an_allocator_that_works_are_sound() {
        assert!((0..4).all(blocks_keep_their_bytes));
    }

    #[test]
    fn what_is_not_mapped_is_missed() {
        let libc = std::fs::read_to_string("/proc/self/maps").expect("mappings");
        let libc = libc.lines().find_map(|line| line.find("/").map(|at| &line[at..])).expect("a file");
        assert!(is_mapped(Path::new(libc)));
        assert!(!is_mapped(Path::new("/bin/sh")));
        assert!(!is_mapped(Path::new("/nowhere/libx.so")));
    }
}
