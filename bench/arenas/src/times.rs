//! Nanoseconds an operation: variants interleaved, medians over rounds.

use std::time::{Duration, Instant};

use crate::rows::{Row, Run};

/// How long a sample takes at least.
const SAMPLE: Duration = Duration::from_millis(5);

pub(crate) fn print(rows: &[&Row], rounds: usize) {
    println!("| row | variant | ns | to the first | lowest to highest |\n|---|---|---:|---:|---:|");
    for row in rows {
        let times: Vec<usize> = row.variants.iter().map(|(_, run)| times_for_a_sample(run)).collect();
        let mut samples = vec![Vec::new(); row.variants.len()];
        for round in 0..rounds {
            for at in 0..row.variants.len() {
                let at = (at + round) % row.variants.len();
                let begin = Instant::now();
                (0..times[at]).for_each(|_| row.variants[at].1());
                let ns = begin.elapsed().as_secs_f64() * 1e9;
                samples[at].push(ns / (times[at] * row.operations) as f64);
            }
        }
        let medians: Vec<f64> = samples.iter_mut().map(|samples| median(samples)).collect();
        for (((name, _), samples), median) in row.variants.iter().zip(&samples).zip(&medians) {
            let (lowest, highest) = (samples[0], samples[samples.len() - 1]);
            let ratio = median / medians[0];
            println!("| {} | {name} | {median:.2} | {ratio:.2} | {lowest:.2} to {highest:.2} |", row.name);
        }
    }
}

fn times_for_a_sample(run: &Run) -> usize {
    let mut times = 1;
    loop {
        let begin = Instant::now();
        (0..times).for_each(|_| run());
        if begin.elapsed() >= SAMPLE {
            return times;
        }
        times *= 2;
    }
}

fn median(samples: &mut [f64]) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}
