//! Heap profiles as text and drawings: narrow terminals, hostile names, nothing at all.

use spandrel_profile::{
    Builder, Function, Granularity, Graph, GraphOptions, Label, Line, Location, Profile, ValueType, merge,
    subtract,
};
use spandrel_report::profile::{
    LabelReport, ProfileReport, View, WasteReport, flame_graph, flame_graph_of_change, labels_text, top,
    tree, waste_text,
};

use crate::golden::assert_golden;

fn types() -> [ValueType; 2] {
    [ValueType::new("inuse_objects", "count"), ValueType::new("inuse_space", "bytes")]
}

/// Three objects of 33 bytes in objects of 48, two of 40000 bytes; one stack with a name that moves the
/// cursor.
fn profile() -> Profile {
    let mut builder = Builder::new(&types());
    let mut frame = |name: &str| {
        let function = builder.function(Function { name: name.into(), ..Function::default() });
        let lines = vec![Line { function, line: 0, column: 0 }];
        builder.location(Location { lines, ..Location::default() })
    };
    let (evil, long) = (frame("evil\u{1b}[2J\nname;x"), frame(&"a_very_long_name::".repeat(10)));
    let small = vec![
        Label::number("bytes", 33, "bytes"),
        Label::number("size_class", 48, "bytes"),
        Label::text("type", "Vec<\u{1b}u8>"),
        Label::text("thread", "main"),
    ];
    let large = vec![Label::number("bytes", 40_000, "bytes"), Label::number("size_class", 40_960, "bytes")];
    builder.sample(vec![evil, long], small, &[3, 99]);
    builder.sample(vec![long], large, &[2, 80_000]);
    builder.finish()
}

fn all(profile: &Profile) -> Graph {
    Graph::new(profile, &GraphOptions::all(1))
}

fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

#[test]
fn text_fits_its_terminal_and_moves_no_cursor() {
    let profile = profile();
    let view = View { profile: &profile, sample_index: 1, node_fraction: 0.0, unit: None };
    let labels = LabelReport::all(&profile, 1);
    let waste = WasteReport::new(&profile, 1).expect("it has sizes");
    for width in [30, 60, 200] {
        let texts = [
            top(&view, &all(&profile), Some(width)),
            tree(&view, &all(&profile), Some(width)),
            labels_text(&labels, &profile, 1, None, Some(width)),
            waste_text(&waste, None, Some(width)),
        ];
        for text in texts {
            let shown = plain(&text);
            assert!(shown.lines().all(|line| line.chars().count() <= width), "{width}: {shown}");
            assert!(!shown.contains('\u{1b}'), "{shown:?}");
        }
    }
    let wide = plain(&top(&view, &all(&profile), None));
    assert!(wide.contains("evil\\u{1b}[2J\\nname;x"), "{wide}");
}

#[test]
fn waste_is_known_where_both_sizes_are() {
    let waste = WasteReport::new(&profile(), 1).expect("it has sizes");
    assert_eq!(waste.sizes, "both");
    let small = &waste.classes[0];
    assert_eq!((small.class, small.object_bytes, small.waste.bytes), (5, 48, 144));
    assert_eq!((small.waste.rounding_min_bytes, small.waste.rounding_max_bytes), (45, 45));
    let large = &waste.classes[1];
    assert_eq!((large.class, large.waste.bytes, large.waste.rounding_max_bytes), (0, 81_920, 1920));
    let text = plain(&waste_text(&waste, Some(1), None));
    assert!(text.contains("and 1 more sites"), "{text}");
}

#[test]
fn json_keeps_its_form() {
    let profile = profile();
    let report = ProfileReport {
        labels: vec![LabelReport::new(&profile, 1, "type")],
        waste: WasteReport::new(&profile, 1).ok(),
        ..ProfileReport::new(&profile, 1, Granularity::Function)
    };
    let json = serde_json::to_string_pretty(&report).expect("a report is JSON");
    assert_golden("profile.json", &format!("{json}\n"));
}

#[test]
fn types_begin_with_their_coverage() {
    let text = plain(&labels_text(&[LabelReport::new(&profile(), 1, "type")], &profile(), 1, None, None));
    let line =
        "Types are known for 0.1 % of inuse_space: 0.1 % exact, 0 % inferred, 0 % ambiguous, 100 % unknown.";
    assert_eq!(text.lines().nth(1), Some(line));
    assert!(text.contains("(not told)") && text.contains("Vec<\\u{1b}u8>"), "{text}");
}

#[test]
fn nothing_is_drawn_as_nothing() {
    let draw = |profile: &Profile| {
        let mut drawing = Vec::new();
        flame_graph(profile, 1, &mut drawing).expect("memory takes everything");
        String::from_utf8(drawing).expect("SVG is text")
    };
    let empty = Builder::new(&types()).finish();
    assert!(draw(&empty).contains("nothing"));
    let graph = Graph::new(&empty, &GraphOptions::all(1));
    let view = View { profile: &empty, sample_index: 1, node_fraction: 0.005, unit: Some("MB") };
    assert!(top(&view, &graph, None).contains("Showing nodes accounting for 0, 0% of 0 total"));
    assert!(plain(&labels_text(&[], &empty, 1, None, None)).contains("No sample has a label."));
    assert!(WasteReport::new(&empty, 1).is_err());
    // A drawing is the same every time, and a name breaks neither lines nor markup.
    let drawing = draw(&profile());
    assert_eq!(drawing, draw(&profile()));
    assert!(drawing.contains("name,x") && !drawing.contains('\u{1b}'));
}

#[test]
fn changes_are_drawn_though_they_may_be_negative() {
    let before = profile();
    let after = merge(&[before.clone(), before.clone()]).expect("of one type");
    let mut drawing = Vec::new();
    flame_graph_of_change(&before, &after, 1, &mut drawing).expect("memory takes everything");
    assert!(String::from_utf8(drawing).expect("SVG is text").contains("what changed"));
    let less = subtract(&before, &after).expect("of one type");
    flame_graph(&less, 1, Vec::new()).expect("memory takes everything");
    let view = View { profile: &less, sample_index: 1, node_fraction: 0.0, unit: None };
    assert!(top(&view, &all(&less), None).contains("-78.12kB"));
}
