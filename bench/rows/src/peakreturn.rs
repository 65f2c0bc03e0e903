//! After a peak: how soon does the system have its memory back, and what does the waiting cost?

use std::thread;
use std::time::{Duration, Instant};

use crate::mapped::Mapped;
use crate::measurement::{Measurement, Setup};
use crate::memory::{mib, mixed_sizes, touched};
use crate::process;

const PEAK_BYTES: usize = 1 << 30;
const POLL: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_secs(3);

/// 1 GiB of mixed sizes is allocated and freed; then the process idles until nine tenths of what it took are
/// back with the system, for ten seconds at most, and three seconds more.
///
/// Figures: seconds from the last free until then, 10 if it never happens, and the CPU time of the three
/// seconds, in percent of one core.
pub(crate) fn peakreturn(setup: &Setup) -> Measurement {
    let sizes = mixed_sizes(setup.scaled(PEAK_BYTES), 1);
    let mut slots = Mapped::filled(sizes.len(), |_| None);
    let before = process::rss_bytes_counted();
    for (slot, &size) in slots.iter_mut().zip(sizes.iter()) {
        *slot = Some(touched(size));
    }
    let peak = process::rss_bytes_counted().saturating_sub(before);
    for slot in &mut *slots {
        drop(slot.take());
    }
    let waited = wait_until(setup.scaled_pause(PATIENCE), || {
        process::rss_bytes_counted().saturating_sub(before) <= peak / 10
    });
    let idle = setup.scaled_pause(IDLE);
    let cpu_before = process::cpu_time();
    thread::sleep(idle);
    let cpu_after = process::cpu_time();
    let cpu = (cpu_after.user + cpu_after.system).saturating_sub(cpu_before.user + cpu_before.system);
    let kept = process::rss_bytes_counted().saturating_sub(before);
    Measurement {
        ns: None,
        extra: vec![
            ("peak_mib", mib(peak)),
            ("return90_s", waited.as_secs_f64()),
            ("idle_cpu_percent", 100.0 * cpu.as_secs_f64() / idle.as_secs_f64()),
            ("kept_mib", mib(kept)),
        ],
    }
}

/// How long it took until `holds`, looked at every [`POLL`]; `patience` if it did not happen.
fn wait_until(patience: Duration, holds: impl Fn() -> bool) -> Duration {
    let clock = Instant::now();
    while !holds() {
        if clock.elapsed() + POLL > patience {
            return patience;
        }
        thread::sleep(POLL);
    }
    clock.elapsed()
}

#[cfg(test)]
mod tests {
    use super::wait_until;
    use std::cell::Cell;
    use std::time::Duration;

    #[test]
    fn waiting_ends_when_it_holds_or_patience_does() {
        let patience = Duration::from_millis(170);
        assert!(wait_until(patience, || true) < Duration::from_millis(40));
        let looks = Cell::new(0);
        let waited = wait_until(patience, || looks.replace(looks.get() + 1) == 2);
        assert!((Duration::from_millis(100)..patience).contains(&waited), "{waited:?}");
        assert_eq!(wait_until(patience, || false), patience);
    }
}
