//! Everything that reads what others have written.

use std::io::Write;

use spandrel::record::Record;
use spandrel::serve::request::{Parsed, parse};
use spandrel_layout::{Analyzer, Budgets, Load, Search, Types};
use spandrel_profile::{
    Counted, Graph, GraphOptions, Limits, drop_uninteresting, encode, merge, read_with, simplify_names,
    sizes, subtract, total, type_coverage, waste_by_class, waste_by_site,
};
use spandrel_unwind::rules::Rule;
use spandrel_unwind::tables::{Segment, find_rule};

/// A value of `SPANDREL`, and the text of a file with budgets of layouts.
pub fn texts(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Err(error) = spandrel::check_options(&text) {
        assert!(text.contains(error.option) && !error.reason.is_empty());
    }
    let _budgets = text.parse::<Budgets>();
}

/// The record of a process.
pub fn record(bytes: &[u8]) {
    if let Some(record) = Record::from_bytes(bytes) {
        for stats in [&record.last, &record.peak] {
            for class in &stats.classes {
                let _sums = (class.live_bytes(), class.requested_bytes(), class.spans());
            }
            let _sums = (stats.allocs(), stats.frees(), stats.live_bytes());
        }
    }
}

/// A program file: its debug information, and all that is said about the layouts in it.
pub fn program(bytes: &[u8]) {
    let mut file = tempfile::NamedTempFile::new().expect("the temporary folder can be written");
    file.write_all(bytes).expect("there is room for it");
    let load = Load { search: &Search::default(), threads: 1, progress: &|_, _| {} };
    let Ok(types) = Types::load(file.path(), load) else { return };
    let mut analyzer = Analyzer::new(&types, None);
    for (id, _, _) in types.records() {
        let _analysis = analyzer.analyze(id);
    }
}

/// A heap profile, and all that the command does with it.
///
/// # Panics
/// If a profile that was read can't be written and read again.
pub fn profile(bytes: &[u8]) {
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
}

/// The sections `.eh_frame_hdr` and `.eh_frame` of a program, after eight bytes that say where the header
/// begins and which address is looked for: a rule or none.
pub fn unwind(bytes: &[u8]) {
    let Some((numbers, bytes)) = bytes.split_first_chunk::<8>() else { return };
    let number = |at: usize| {
        u32::from_le_bytes([numbers[at], numbers[at + 1], numbers[at + 2], numbers[at + 3]]) as usize
    };
    let address = 0x10_0000;
    let (header, pc) = (address + number(0), address + number(4));
    if let Some(rule) = find_rule(Segment { bytes, address }, header, pc) {
        assert!(rule.pack().is_none_or(|word| Rule::unpack(word) == Some(rule)));
    }
}

/// The start of an HTTP request: what is read lies inside, and more bytes never turn an answer into another
/// one.
pub fn request(bytes: &[u8]) {
    let whole = parse(bytes);
    if let Parsed::Complete(request) = whole {
        assert!(request.head_bytes <= bytes.len());
        assert!(request.path.starts_with(b"/"));
        assert!(bytes[..request.head_bytes].ends_with(b"\n"));
        let _value = request.parameter(b"seconds");
        // The body is no part of it.
        assert_eq!(parse(&bytes[..request.head_bytes]), whole);
    }
    for len in [bytes.len() / 2, bytes.len().saturating_sub(1)] {
        match parse(&bytes[..len]) {
            Parsed::Partial => {}
            decided => assert_eq!(decided, whole),
        }
    }
}
