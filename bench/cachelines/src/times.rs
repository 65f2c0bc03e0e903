//! Nanoseconds an operation: variants interleaved, medians over rounds.

use std::time::Instant;

use crate::rows::{Row, Scale, Variant};

pub(crate) fn print(rows: &[&Row], scale: Scale, rounds: usize) {
    for row in rows {
        println!("\n{}: {}\n", row.name, row.what);
        println!("| variant | ns | to the first | lowest to highest |\n|---|---:|---:|---:|");
        let mut samples = vec![Vec::new(); row.variants.len()];
        for _ in 0..rounds {
            for (variant, samples) in row.variants.iter().zip(&mut samples) {
                samples.push(sample(variant, scale));
            }
        }
        let medians: Vec<f64> = samples.iter_mut().map(|samples| median(samples)).collect();
        for ((variant, samples), median) in row.variants.iter().zip(&samples).zip(&medians) {
            let (lowest, highest) = (samples[0], samples[samples.len() - 1]);
            let ratio = median / medians[0];
            println!("| {} | {median:.2} | {ratio:.2} | {lowest:.2} to {highest:.2} |", variant.name);
        }
    }
}

fn sample(variant: &Variant, scale: Scale) -> f64 {
    let mut work = (variant.prepare)(scale);
    let start = Instant::now();
    let operations = work();
    start.elapsed().as_secs_f64() * 1e9 / operations as f64
}

fn median(samples: &mut [f64]) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}
