//! `--stats`: looks at the records while the program runs, one line a sample.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use spandrel::record::Record;
use spandrel_report::schema::{Sample, SampleSeries};
use spandrel_report::{saturating_ns, text};

use crate::{records, terminal};

/// What has been sampled so far.
#[derive(Debug)]
pub(crate) struct Sampler {
    records: PathBuf,
    series: SampleSeries,
    /// The allocations that the record of a process had, and when it was written.
    previous: HashMap<u64, (u64, u64)>,
}

impl Sampler {
    /// Samples the records in `records` every `interval`.
    pub(crate) fn new(records: &Path, interval: Duration) -> Self {
        Self {
            records: records.to_path_buf(),
            series: SampleSeries { interval_ns: saturating_ns(interval), series: Vec::new() },
            previous: HashMap::new(),
        }
    }

    /// Takes a sample and prints it; nothing happens while no process has a record.
    pub(crate) fn sample(&mut self, elapsed: Duration) {
        let (records, _) = records::read_all(&self.records);
        let running = records.iter().filter(|record| is_running(record));
        if let Some(record) = running.max_by_key(|record| record.resident_bytes) {
            let sample = self.sample_of(record, elapsed);
            terminal::complain(&text::sample(&sample));
            self.series.series.push(sample);
        }
    }

    /// All samples, oldest first.
    pub(crate) fn into_series(self) -> SampleSeries {
        self.series
    }

    fn sample_of(&mut self, record: &Record, elapsed: Duration) -> Sample {
        let stats = &record.last;
        let sum = |values: &mut dyn Iterator<Item = u64>| values.fold(0, u64::saturating_add);
        let allocs = sum(&mut stats.classes.iter().map(|class| class.allocs));
        let (allocs_before, written_before) =
            self.previous.insert(record.pid, (allocs, record.written_ns)).unwrap_or((0, record.start_ns));
        Sample {
            elapsed_ns: saturating_ns(elapsed),
            pid: record.pid,
            resident_bytes: record.resident_bytes,
            live_bytes: sum(&mut stats.classes.iter().map(spandrel::ClassStats::live_bytes)),
            committed_bytes: stats.page_heap.committed_bytes,
            allocs,
            allocs_per_s: a_second(
                allocs.saturating_sub(allocs_before),
                record.written_ns.saturating_sub(written_before),
            ),
        }
    }
}

fn is_running(record: &Record) -> bool {
    record.ended != 1 && Path::new("/proc").join(record.pid.to_string()).exists()
}

/// `count` in so many nanoseconds, a second; 0 when no time has passed.
fn a_second(count: u64, nanoseconds: u64) -> u64 {
    let rate = (u128::from(count) * 1_000_000_000).checked_div(u128::from(nanoseconds));
    rate.map_or(0, |rate| u64::try_from(rate).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::a_second;

    #[test]
    fn rates_survive_standing_and_absurd_clocks() {
        assert_eq!(a_second(500, 250_000_000), 2000);
        assert_eq!(a_second(500, 0), 0);
        assert_eq!(a_second(u64::MAX, 1), u64::MAX);
    }
}
