//! How a row is timed: warm-up, repetitions, nanoseconds an operation.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use crate::process;

/// How much work a process does.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Timed repetitions after the warm-up.
    pub repetitions: usize,
    /// How long one repetition of a row without a natural end should take.
    pub repetition_time: Duration,
    /// Numbers of objects are divided by this.
    divisor: usize,
}

impl Setup {
    /// The setup that figures are quoted from, or with `quick` one that only shows that a row runs.
    pub fn new(quick: bool) -> Setup {
        match quick {
            false => Setup { repetitions: 5, repetition_time: Duration::from_millis(20), divisor: 1 },
            true => Setup { repetitions: 2, repetition_time: Duration::from_millis(1), divisor: 20 },
        }
    }

    /// A number of objects, bytes or threads, or the small share of it that a quick run makes do with.
    ///
    /// ```
    /// # use rows::Setup;
    /// assert_eq!(Setup::new(false).scaled(200), 200);
    /// assert_eq!(Setup::new(true).scaled(200), 10);
    /// assert_eq!(Setup::new(true).scaled(1), 1);
    /// ```
    pub fn scaled(&self, number: usize) -> usize {
        (number / self.divisor).max(1)
    }

    /// A pause, or the small share of it that a quick run makes do with.
    pub fn scaled_pause(&self, pause: Duration) -> Duration {
        pause / u32::try_from(self.divisor).expect("the divisor is small")
    }
}

/// What a row found out.
#[derive(Clone, Debug, Default)]
pub struct Measurement {
    /// Wall nanoseconds an operation in the fastest repetition and in the median one; none for a row without
    /// operations.
    pub ns: Option<Nanoseconds>,
    /// Figures of this row alone, each with its unit in its name.
    pub extra: Vec<(&'static str, f64)>,
}

/// Nanoseconds an operation, over the repetitions of one process.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nanoseconds {
    /// Wall time of the fastest repetition.
    pub wall_min: f64,
    /// Wall time of the median repetition.
    pub wall_median: f64,
    /// User CPU time of all threads, mean of the repetitions with whatever they did off the clock.
    pub user_mean: f64,
}

/// Times `body`, which does `ops` operations a call, after one call to warm up.
pub(crate) fn timed(setup: &Setup, ops: usize, mut body: impl FnMut()) -> Measurement {
    timed_by(setup, ops, || {
        let start = Instant::now();
        body();
        start.elapsed()
    })
}

/// As [`timed`], for a `body` that holds the clock itself and returns the time that counts.
pub(crate) fn timed_by(setup: &Setup, ops: usize, mut body: impl FnMut() -> Duration) -> Measurement {
    body();
    let ns_per_op = |time: Duration| time.as_secs_f64() * 1e9 / ops as f64;
    let user_before = process::cpu_time().user;
    let mut walls: Vec<f64> = Vec::with_capacity(setup.repetitions);
    for _ in 0..setup.repetitions {
        walls.push(ns_per_op(body()));
    }
    let user = process::cpu_time().user - user_before;
    walls.sort_by(f64::total_cmp);
    let ns = Nanoseconds {
        wall_min: walls[0],
        wall_median: walls[walls.len() / 2],
        user_mean: ns_per_op(user) / setup.repetitions as f64,
    };
    Measurement { ns: Some(ns), extra: Vec::new() }
}

/// Times `threads` threads that each do `ops_per_thread` operations at the same time.
///
/// All begin when each has what `prepare` makes of its number, and none lets go of that before all have done
/// their `work`. Wall time is from the first to begin to the last to end, by the threads' own clocks: where
/// there are more threads than cores, a thread that only waits for the others is late on both occasions.
pub(crate) fn timed_threads<Load>(
    setup: &Setup,
    threads: usize,
    ops_per_thread: usize,
    prepare: impl Fn(usize) -> Load + Sync,
    work: impl Fn(&mut Load) + Sync,
) -> Measurement {
    timed_by(setup, threads * ops_per_thread, || {
        let (start, end) = (Barrier::new(threads), Barrier::new(threads));
        let run = |thread| {
            let mut load = prepare(thread);
            start.wait();
            let began = Instant::now();
            work(&mut load);
            let ended = Instant::now();
            end.wait();
            (began, ended)
        };
        let run = &run;
        thread::scope(|scope| {
            let running: Vec<_> = (0..threads).map(|thread| scope.spawn(move || run(thread))).collect();
            let times = running.into_iter().map(|thread| thread.join().expect("a row does not panic"));
            let times = times.reduce(|all, one| (all.0.min(one.0), all.1.max(one.1)));
            times.map_or(Duration::ZERO, |(began, ended)| ended - began)
        })
    })
}

/// Times `body`, which does as many operations as it is told, in repetitions long enough for the clock.
///
/// The number of operations doubles until a call takes [`Setup::repetition_time`]; those calls are the
/// warm-up.
///
/// # Panics
/// When no number of operations takes time.
pub(crate) fn timed_loop(setup: &Setup, mut body: impl FnMut(usize)) -> Measurement {
    let mut long_enough = |ops| {
        let start = Instant::now();
        body(ops);
        start.elapsed() >= setup.repetition_time
    };
    let mut ops = 64;
    while !(long_enough(ops) && long_enough(ops)) {
        ops = ops.checked_mul(2).expect("the optimiser has removed the operations");
    }
    timed(setup, ops, || body(ops))
}

#[cfg(test)]
mod tests {
    use super::{Setup, timed_by, timed_loop, timed_threads};
    use std::thread;
    use std::time::Duration;

    #[test]
    fn minimum_and_median_are_taken_from_the_repetitions_without_the_warm_up() {
        let mut times_ms = [1000, 30, 10, 20].into_iter();
        let setup = Setup { repetitions: 3, ..Setup::new(true) };
        let measurement =
            timed_by(&setup, 1000, || Duration::from_millis(times_ms.next().expect("four calls")));
        let ns = measurement.ns.expect("a timed row has nanoseconds");
        assert!((ns.wall_min - 10_000.0).abs() < 1e-6, "{ns:?}");
        assert!((ns.wall_median - 20_000.0).abs() < 1e-6, "{ns:?}");
    }

    #[test]
    fn threads_are_timed_from_the_first_to_begin_to_the_last_to_end() {
        let pause = |thread| Duration::from_millis(20 + 20 * thread as u64);
        let prepare = |thread| {
            thread::sleep(Duration::from_millis(100));
            thread
        };
        let measurement = timed_threads(&Setup::new(true), 2, 1, prepare, |&mut thread| {
            thread::sleep(pause(thread));
        });
        let wall_ms = measurement.ns.expect("timed").wall_min * 2.0 / 1e6;
        assert!((40.0..140.0).contains(&wall_ms), "{wall_ms}");
    }

    #[test]
    fn a_loop_is_given_enough_operations_for_the_clock_and_divided_by_them() {
        let op = Duration::from_micros(50);
        let ns = timed_loop(&Setup::new(true), |ops| thread::sleep(op * ops as u32)).ns.expect("timed");
        assert!((50_000.0..1_000_000.0).contains(&ns.wall_min), "{ns:?}");
    }
}
