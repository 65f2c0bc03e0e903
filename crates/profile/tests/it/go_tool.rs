//! Every row of every `-top` that Go's tool printed: name, flat, cum, inlining, order.

use spandrel_profile::{Graph, GraphOptions, Inlined, Profile, read, simplify_names, write};

use crate::data::{GO_PROFILES, SAMPLE_TYPES, go_profile, text};

/// A row of `-top`.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    name: String,
    flat: i64,
    cum: i64,
}

fn printed(file: &str) -> Vec<Row> {
    let text = text(file);
    let rows = text.lines().skip_while(|line| !line.trim_start().starts_with("flat ")).skip(1);
    let number = |word: &str| word.trim_end_matches('B').parse().expect("a number of bytes or objects");
    rows.map(|line| {
        let mut words = line.split_whitespace();
        let mut word = || words.next().expect("six columns");
        let (flat, _, _, cum, _) = (number(word()), word(), word(), number(word()), word());
        Row { name: words.collect::<Vec<_>>().join(" "), flat, cum }
    })
    .collect()
}

fn computed(profile: &Profile, sample_type: &str) -> Vec<Row> {
    let index = profile.sample_index(Some(sample_type)).expect("Go has it");
    let graph = Graph::new(profile, &GraphOptions::all(index));
    let row = |node: &spandrel_profile::Node| {
        let inlined = match node.inlined() {
            Inlined::Never => "",
            Inlined::Partly => " (partial-inline)",
            Inlined::Always => " (inline)",
        };
        Row { name: format!("{}{inlined}", node.name), flat: node.flat, cum: node.cum }
    };
    graph.nodes.iter().map(row).collect()
}

#[test]
fn every_row_is_that_of_gos_tool() {
    let mut rows = 0;
    for name in GO_PROFILES {
        let mut profile = go_profile(name);
        simplify_names(&mut profile);
        for sample_type in SAMPLE_TYPES {
            let printed = printed(&format!("{name}.{sample_type}.topall.txt"));
            let computed = computed(&profile, sample_type);
            for (row, (ours, gos)) in computed.iter().zip(&printed).enumerate() {
                assert_eq!(ours, gos, "row {row} of {name} {sample_type}");
            }
            assert_eq!(computed.len(), printed.len(), "rows of {name} {sample_type}");
            rows += printed.len();
        }
    }
    assert!(rows > 3000, "the test data is much smaller than it was: {rows} rows");
}

#[test]
fn what_is_written_has_the_same_rows() {
    for name in GO_PROFILES {
        let profile = go_profile(name);
        let mut file = Vec::new();
        write(&profile, &mut file).expect("memory takes everything");
        let (again, _) = read(&file).expect("it was just written");
        assert_eq!(again, profile, "{name}");
    }
}
