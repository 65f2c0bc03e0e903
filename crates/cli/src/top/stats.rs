//! What `/stats.json` says, as far as the view needs it.

use serde::Deserialize;

use crate::endpoint::Endpoint;

/// The form that is understood.
const SCHEMA: &str = "spandrel.stats";
const VERSION: u64 = 1;

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Stats {
    schema: String,
    version: u64,
    pub(super) pid: u64,
    pub(super) monotonic_ns: u64,
    pub(super) mallocs: u64,
    pub(super) frees: u64,
    pub(super) total_alloc: u64,
    pub(super) heap_alloc: u64,
    pub(super) process: Process,
    pub(super) page_heap: PageHeap,
    pub(super) ledger: Option<Ledger>,
    pub(super) classes: Vec<Class>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Process {
    pub(super) resident_bytes: u64,
    pub(super) peak_resident_bytes: u64,
    pub(super) threads: u64,
    pub(super) minor_faults: u64,
    pub(super) major_faults: u64,
    pub(super) cpu_ms: u64,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct PageHeap {
    pub(super) committed_bytes: u64,
    pub(super) in_use_bytes: u64,
    pub(super) returned_bytes: u64,
    pub(super) purges: u64,
}

/// Where resident memory is.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Ledger {
    pub(super) requested_exact: bool,
    pub(super) requested_bytes: i64,
    pub(super) rounding_bytes: i64,
    pub(super) slack_bytes: i64,
    pub(super) cached_bytes: i64,
    pub(super) free_bytes: i64,
    pub(super) metadata_bytes: i64,
    pub(super) untouched_bytes: i64,
    pub(super) files_bytes: i64,
    pub(super) shared_bytes: i64,
    pub(super) break_bytes: i64,
    pub(super) stack_bytes: i64,
    pub(super) mapped_bytes: i64,
    pub(super) unexplained_bytes: i64,
    pub(super) resident_bytes: i64,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Class {
    pub(super) object_bytes: u64,
    pub(super) allocs: u64,
    pub(super) live_objs: u64,
    pub(super) live_bytes: u64,
    pub(super) requested_bytes: u64,
    pub(super) hot_objs: u64,
    pub(super) span_bytes: u64,
}

impl Class {
    /// The size of its objects, or `large`.
    pub(super) fn name(&self) -> String {
        match self.object_bytes {
            0 => "large".to_owned(),
            bytes => bytes.to_string(),
        }
    }
}

impl Stats {
    /// Asks for them; the bytes as they came are kept for whoever saves them.
    pub(super) fn fetch(endpoint: &Endpoint) -> Result<(Self, Vec<u8>), String> {
        let bytes = endpoint.get("/stats.json?ledger=1")?;
        let stats = Self::read(&bytes).map_err(|reason| format!("{endpoint}: {reason}"))?;
        Ok((stats, bytes))
    }

    fn read(bytes: &[u8]) -> Result<Self, String> {
        let stats: Self = serde_json::from_slice(bytes)
            .map_err(|error| format!("not the statistics of Spandrel: {error}"))?;
        match (stats.schema.as_str(), stats.version) {
            (SCHEMA, VERSION) => Ok(stats),
            (SCHEMA, version) => {
                Err(format!("statistics of version {version}; this command knows {VERSION}"))
            }
            _ => Err("not the statistics of Spandrel".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Stats;

    #[test]
    fn other_forms_are_refused() {
        for (text, part) in
            [("", "not the statistics"), ("{}", "not the statistics"), ("[1", "not the statistics")]
        {
            assert!(Stats::read(text.as_bytes()).unwrap_err().contains(part), "{text}");
        }
    }
}
