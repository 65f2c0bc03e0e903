//! Any bytes through the reader of heap profiles, and through all that the command does with what comes out.
//!
//! `cargo +nightly fuzz run profile`; put real profiles into `corpus/profile` to begin with.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spandrel_profile::{
    Counted, Graph, GraphOptions, Limits, drop_uninteresting, encode, merge, read_with, simplify_names, sizes,
    subtract, total, type_coverage, waste_by_class, waste_by_site,
};

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { unpacked_bytes: 16 << 20, entries: 1 << 20 };
    let Ok((mut profile, _)) = read_with(bytes, &limits) else { return };
    let (again, _) = read_with(&encode(&profile), &Limits::default()).expect("what was read can be written");
    assert_eq!(again.samples.len(), profile.samples.len());
    let nothing = subtract(&profile, &profile).expect("of the same types");
    let _sum = merge(&[profile.clone(), nothing]).expect("of the same types");
    simplify_names(&mut profile);
    let _no_expression = drop_uninteresting(&mut profile);
    for index in 0..profile.sample_types.len() {
        let graph = Graph::new(&profile, &GraphOptions { node_fraction: 0.005, ..GraphOptions::all(index) });
        assert!(graph.total >= 0 && total(&profile, index) == graph.total);
        let _coverage = type_coverage(&profile, index);
        if let (Some(sizes), Some(counted)) = (sizes(&profile), Counted::of(&profile, index)) {
            let _classes = waste_by_class(&profile, sizes, counted);
            let _sites = waste_by_site(&profile, sizes, counted);
        }
    }
});
