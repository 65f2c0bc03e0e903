//! Files that are no profile, or a damaged one: an error of one line, and never a panic.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use spandrel_profile::{
    Graph, GraphOptions, Limits, Profile, ReadError, drop_uninteresting, encode, read, read_with,
    simplify_names, total,
};

use crate::data::{bytes, go_profile};

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).expect("memory takes everything");
    encoder.finish().expect("memory takes everything")
}

/// The error of bytes that are no profile; always one line.
#[track_caller]
fn refused(content: &[u8]) -> ReadError {
    let error = read(content).expect_err("it is no profile");
    assert!(!error.to_string().contains('\n'), "{error}");
    error
}

#[test]
fn what_is_no_profile_is_told_so() {
    assert_eq!(refused(b""), ReadError::Empty);
    assert_eq!(refused(&gzip(b"")), ReadError::Empty);
    for content in ["hello", "\u{7f}ELF\u{2}\u{1}", "{\"a\": 1}", "<html>", "\n\n\n", "\u{0}\u{0}\u{0}"] {
        assert!(read(content.as_bytes()).is_err(), "{content:?}");
        refused(&gzip(content.as_bytes()));
    }
    assert!(matches!(refused(&[0x1f, 0x8b]), ReadError::Gzip(_)));
    assert!(matches!(refused(&[0x1f, 0x8b, 8, 0, 1, 2, 3]), ReadError::Gzip(_)));
}

#[test]
fn every_cut_is_noticed() {
    let file = bytes("mapcache_early.heap.pb.gz");
    for length in 0..file.len() {
        refused(&file[..length]);
    }
    let message = encode(&go_profile("mapcache_early"));
    let mut accepted = 0;
    for length in 0..message.len() {
        // A cut between two fields leaves a message; it is refused unless nothing refers behind it.
        match read(&message[..length]) {
            Ok((profile, _)) => {
                accepted += 1;
                use_everything(profile);
            }
            Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
        }
    }
    assert!(accepted < 10, "{accepted} cuts went unnoticed");
}

#[test]
fn lengths_that_lie_are_refused() {
    // A sample, a text and a packed list that claim 2^63 bytes.
    for field in [0x12, 0x32, 0x0a] {
        let mut message = vec![field];
        message.extend([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
        refused(&message);
        refused(&gzip(&message));
    }
}

#[test]
fn references_to_nowhere_are_refused() {
    let profile = go_profile("mapcache_early");
    let message = encode(&profile);
    let (ours, _) = read(&message).expect("it was just written");
    assert_eq!(ours, profile);
    // Types, a sample, a location, a function and a mapping, each with a number that leads nowhere; the
    // texts are "" and "a".
    let texts = [0x32, 0, 0x32, 1, b'a'];
    let types = [0x0a, 4, 8, 1, 16, 1];
    let cases: [(&[u8], &str); 9] = [
        (&[0x12, 5, 10, 1, 7, 18, 1], "truncated"),
        (&[0x12, 6, 10, 1, 7, 18, 1, 5], "there is no location 7"),
        (&[0x12, 4, 18, 2, 5, 5], "a sample has 2 values for 1 sample types"),
        (&[0x12, 0], "a sample has 0 values for 1 sample types"),
        (&[0x22, 4, 8, 1, 16, 9], "there is no mapping 9"),
        (&[0x22, 6, 8, 1, 34, 2, 8, 9], "there is no function 9"),
        (&[0x2a, 4, 8, 1, 16, 9], "there is no text 9 among 2"),
        (&[0x2a, 2, 8, 0], "a function has the id 0"),
        (&[0x1a, 2, 8, 1, 0x1a, 2, 8, 1], "two entries are mapping 1"),
    ];
    for (bad, part) in cases {
        let message = [&types, &texts[..], bad].concat();
        let error = refused(&message).to_string();
        assert!(error.contains(part) || part == "truncated", "{bad:?}: {error}");
    }
    // A text with the number -1.
    let negative = [&[0x70][..], &[0xff; 9], &[1]].concat();
    assert!(refused(&[&types, &texts[..], &negative].concat()).to_string().contains("no text -1"));
}

#[test]
fn bombs_are_defused() {
    let limits = Limits { unpacked_bytes: 1 << 20, entries: 1000 };
    let zeros = gzip(&vec![0; 64 << 20]);
    assert!(zeros.len() < 400 << 10);
    assert_eq!(read_with(&zeros, &limits), Err(ReadError::TooLarge { bytes_max: 1 << 20 }));
    // Two bytes a sample.
    let samples = [0x12, 0].repeat(1001);
    assert_eq!(read_with(&samples, &limits), Err(ReadError::TooManyEntries { entries_max: 1000 }));
    // The labels of one sample.
    let labels = [&[0x12, 0xa0, 0x1f][..], &[0x1a, 0].repeat(2000)].concat();
    assert_eq!(read_with(&labels, &limits), Err(ReadError::TooManyEntries { entries_max: 1000 }));
    let plain = vec![b'x'; (1 << 20) + 1];
    assert_eq!(read_with(&plain, &limits), Err(ReadError::TooLarge { bytes_max: 1 << 20 }));
}

/// Numbers that look random and are the same in every run (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
}

/// Changes a few bytes: other values, bits, copies, holes.
fn mutate(content: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = random.below(content.len());
        match random.below(5) {
            0 => content[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
            1 => content[at] ^= 1 << random.below(8),
            2 => {
                let end = content.len().min(at + 1 + random.below(16));
                let copy = content[at..end].to_vec();
                let to = random.below(content.len());
                content.splice(to..to, copy);
            }
            3 => {
                let end = content.len().min(at + 1 + random.below(16));
                content.drain(at..end);
                content.push(0);
            }
            _ => content[at] = u8::try_from(random.below(256)).expect("a byte"),
        }
    }
}

/// Does with a profile what the command does.
fn use_everything(mut profile: Profile) {
    simplify_names(&mut profile);
    let _no_expression = drop_uninteresting(&mut profile);
    for index in 0..profile.sample_types.len() {
        let _sum = total(&profile, index);
        let mut options = GraphOptions::all(index);
        options.node_fraction = 0.005;
        options.nodes_max = Some(20);
        let graph = Graph::new(&profile, &options);
        assert!(graph.nodes.len() <= 20);
    }
}

fn survives_mutations(content: &[u8], rounds: usize) -> usize {
    let mut random = Random(rounds as u64);
    let mut accepted = 0;
    for _ in 0..rounds {
        let mut mutant = content.to_vec();
        mutate(&mut mutant, &mut random);
        match read(&mutant) {
            Ok((profile, _)) => {
                accepted += 1;
                assert_eq!(
                    read(&encode(&profile)).map(|(again, _)| again.samples.len()),
                    Ok(profile.samples.len())
                );
                use_everything(profile);
            }
            Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
        }
    }
    accepted
}

#[test]
fn mutants_are_refused_or_sound() {
    let accepted = survives_mutations(&encode(&go_profile("mapcache_early")), 1500);
    assert!(accepted > 50, "most mutants die early, so little is tested: {accepted}");
    survives_mutations(&bytes("mapcache_early.heap.pb.gz"), 1000);
    let accepted = survives_mutations(&bytes("mapcache.heap.debug1.txt")[..6000], 1000);
    assert!(accepted > 50, "most mutants die early, so little is tested: {accepted}");
}
