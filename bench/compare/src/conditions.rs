//! What the figures depend on besides the allocators: the machine, how busy it was, options in the
//! environment.

use std::fmt::Write;
use std::{env, fs, thread};

use serde::Serialize;

use crate::contender::Contender;

/// Environment variables that begin like this change what an allocator does.
const OPTION_PREFIXES: [&str; 7] =
    ["SPANDREL", "MALLOC_", "_RJEM_", "MIMALLOC_", "GLIBC_TUNABLES", "SNMALLOC_", "LD_PRELOAD"];

/// The conditions of one run of `compare`.
#[derive(Debug, Serialize)]
pub(crate) struct Conditions {
    profile: String,
    processor: String,
    cores: usize,
    kernel: String,
    transparent_huge_pages: String,
    /// Load averages before and after.
    load_start: String,
    load_end: String,
    /// Options for allocators that the contenders inherited.
    options: Vec<String>,
    /// How long ago each contender was built.
    built_minutes_ago: Vec<(String, Option<u64>)>,
}

impl Conditions {
    /// The conditions before the first run.
    pub(crate) fn now(profile: &str, contenders: &[Contender]) -> Conditions {
        let is_option = |name: &str| OPTION_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        let options =
            env::vars().filter(|(name, _)| is_option(name)).map(|(name, value)| format!("{name}={value}"));
        let ages = contenders.iter().map(|contender| (contender.name.clone(), contender.age_minutes()));
        Conditions {
            profile: profile.to_owned(),
            processor: processor(),
            cores: thread::available_parallelism().map_or(0, usize::from),
            kernel: kernel_text("/proc/sys/kernel/osrelease"),
            transparent_huge_pages: kernel_text("/sys/kernel/mm/transparent_hugepage/enabled"),
            load_start: kernel_text("/proc/loadavg"),
            load_end: String::new(),
            options: options.collect(),
            built_minutes_ago: ages.collect(),
        }
    }

    /// Adds what only the end tells.
    pub(crate) fn note_end(&mut self) {
        self.load_end = kernel_text("/proc/loadavg");
    }

    /// The conditions as lines of text.
    pub(crate) fn text(&self) -> String {
        let mut text = format!(
            "{}, {} cores, Linux {}, huge pages {}\nload {} at the start, {} at the end\nprofile {}, built",
            self.processor,
            self.cores,
            self.kernel,
            self.transparent_huge_pages,
            self.load_start,
            self.load_end,
            self.profile
        );
        for (name, minutes) in &self.built_minutes_ago {
            match minutes {
                Some(minutes) => write!(text, " {name} {minutes} min ago"),
                None => write!(text, " {name} never"),
            }
            .expect("a string takes it");
        }
        text.push('\n');
        if !self.options.is_empty() {
            writeln!(text, "options in the environment: {}", self.options.join(" "))
                .expect("a string takes it");
        }
        text
    }
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        text.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split(": ").nth(1));
    model.unwrap_or("unknown processor").to_owned()
}

fn kernel_text(path: &str) -> String {
    fs::read_to_string(path).map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
}
