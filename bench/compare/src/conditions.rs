//! What the figures depend on besides the allocators: the machine, how busy it was, options in the
//! environment.

use std::fmt::Write;
use std::process::Command;
use std::{env, fs, thread};

use serde::{Deserialize, Serialize};

use crate::row::WORKSPACE;
use crate::workshop;

/// Environment variables that begin like this change what an allocator does.
const OPTION_PREFIXES: [&str; 9] = [
    "SPANDREL",
    "MALLOC_",
    "_RJEM_",
    "MIMALLOC_",
    "GLIBC_TUNABLES",
    "SNMALLOC_",
    "TCMALLOC_",
    "LD_PRELOAD",
    "PYTHONMALLOC",
];

/// The conditions of one run of `compare`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Conditions {
    /// When it began, as ISO 8601 in UTC.
    pub(crate) begun: String,
    /// The revision of the sources, with a mark if they were changed.
    revision: String,
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    transparent_huge_pages: String,
    c_library: String,
    compiler: String,
    pub(crate) rounds: u32,
    /// A small share of each row was run: the figures mean nothing.
    pub(crate) is_quick: bool,
    /// Load averages before and after.
    load_start: String,
    load_end: String,
    /// Options for allocators that all contenders inherited.
    options: Vec<String>,
}

impl Conditions {
    /// The conditions before the first run.
    pub(crate) fn now(rounds: u32, is_quick: bool) -> Conditions {
        let is_option = |name: &str| OPTION_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        let options =
            env::vars().filter(|(name, _)| is_option(name)).map(|(name, value)| format!("{name}={value}"));
        Conditions {
            begun: first_line(Command::new("date").args(["-u", "+%Y-%m-%dT%H:%MZ"])),
            revision: first_line(
                Command::new("git").args(["-C", WORKSPACE, "describe", "--always", "--dirty"]),
            ),
            processor: processor(),
            cores: thread::available_parallelism().map_or(0, usize::from),
            kernel: kernel_text("/proc/sys/kernel/osrelease"),
            transparent_huge_pages: chosen(&kernel_text("/sys/kernel/mm/transparent_hugepage/enabled")),
            c_library: workshop::glibc_version().map_or_else(unknown, |version| format!("glibc {version}")),
            compiler: first_line(Command::new("rustc").arg("--version")),
            rounds,
            is_quick,
            load_start: kernel_text("/proc/loadavg"),
            load_end: String::new(),
            options: options.collect(),
        }
    }

    /// Adds what only the end tells.
    pub(crate) fn note_end(&mut self) {
        self.load_end = kernel_text("/proc/loadavg");
    }

    /// The conditions as lines of text.
    pub(crate) fn text(&self) -> String {
        let mut text = format!(
            "{}, revision {}, {} rounds{}\n{}, {} cores, Linux {}, huge pages {}, {}, {}\n",
            self.begun,
            self.revision,
            self.rounds,
            if self.is_quick { ", quick: these figures mean nothing" } else { "" },
            self.processor,
            self.cores,
            self.kernel,
            self.transparent_huge_pages,
            self.c_library,
            self.compiler,
        );
        let options = if self.options.is_empty() { "none".to_owned() } else { self.options.join(" ") };
        writeln!(
            text,
            "load {} at the start, {} at the end\n\
             allocators' options in the environment, glibc's tunables among them: {options}",
            self.load_start, self.load_end
        )
        .expect("a string takes it");
        text
    }
}

fn unknown() -> String {
    "unknown".to_owned()
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        text.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split(": ").nth(1));
    model.unwrap_or("unknown processor").to_owned()
}

fn kernel_text(path: &str) -> String {
    fs::read_to_string(path).map_or_else(|_| unknown(), |text| text.trim().to_owned())
}

/// The choice that the kernel marks with brackets: `madvise` of `always [madvise] never`.
fn chosen(choices: &str) -> String {
    let marked = choices.split(['[', ']']).nth(1);
    marked.unwrap_or(choices).to_owned()
}

fn first_line(command: &mut Command) -> String {
    let output = command.output().ok().filter(|output| output.status.success());
    let text = output.and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default();
    text.lines().next().map_or_else(unknown, str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::{Conditions, chosen, unknown};

    impl Conditions {
        /// Nothing that depends on the machine.
        pub(crate) fn none() -> Conditions {
            Conditions {
                begun: "2026-01-31T12:00Z".to_owned(),
                revision: unknown(),
                processor: "A processor".to_owned(),
                cores: 2,
                kernel: "6.1".to_owned(),
                transparent_huge_pages: unknown(),
                c_library: unknown(),
                compiler: unknown(),
                rounds: 2,
                is_quick: false,
                load_start: unknown(),
                load_end: unknown(),
                options: Vec::new(),
            }
        }
    }

    #[test]
    fn the_kernels_choice_is_the_one_in_brackets() {
        assert_eq!(chosen("always [madvise] never"), "madvise");
        assert_eq!(chosen("unknown"), "unknown");
    }

    #[test]
    fn conditions_tell_rounds_and_options() {
        let text =
            Conditions { options: vec!["SPANDREL=background=0".to_owned()], ..Conditions::none() }.text();
        assert!(text.contains("2 rounds\n") && text.ends_with("SPANDREL=background=0\n"), "{text}");
        assert!(Conditions::now(1, true).text().contains("these figures mean nothing"));
    }
}
