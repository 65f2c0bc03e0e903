//! Profiles that are written here and read again, with everything that the format can hold.

use spandrel_profile::{
    Builder, Function, Label, Line, Location, Mapping, Profile, ValueType, encode, merge, read, subtract,
    write,
};

use crate::data::go_profile;

/// A profile with a value in every field.
fn complete() -> Profile {
    let mut builder = Builder::new(&[ValueType::new("objects", "count"), ValueType::new("space", "bytes")]);
    let mapping = builder.mapping(Mapping {
        start: 0x1000,
        limit: 0x2000,
        offset: 0x40,
        file: "/bin/app".into(),
        build_id: "c0ffee".into(),
        has_functions: true,
        has_filenames: true,
        has_line_numbers: true,
        has_inline_frames: true,
    });
    let function = builder.function(Function {
        name: "Order::add".into(),
        system_name: "_ZN5Order3addEv".into(),
        file: "order.rs".into(),
        start_line: 7,
    });
    let lines = vec![Line { function, line: 9, column: 4 }, Line { function, line: -1, column: 0 }];
    let location = Location { mapping: Some(mapping), address: u64::MAX, lines, is_folded: true };
    let location = builder.location(location);
    let labels = vec![Label::number("bytes", -48, "bytes"), Label::text("thread", "wörker")];
    builder.sample(vec![location, location], labels, &[i64::MIN, i64::MAX]);
    let header = builder.header();
    header.default_sample_type = "objects".into();
    header.period_type = ValueType::new("space", "bytes");
    (header.period, header.time_ns, header.duration_ns) = (512, 1, 2);
    (header.drop_frames, header.keep_frames) = ("malloc".into(), "main".into());
    (header.comments, header.doc_url) = (vec!["one".into(), "two".into()], "https://example.org".into());
    builder.finish()
}

#[test]
fn nothing_is_lost() {
    let profile = complete();
    let mut file = Vec::new();
    write(&profile, &mut file).expect("memory takes everything");
    assert!(file.starts_with(&[0x1f, 0x8b]));
    assert_eq!(read(&file).expect("sound").0, profile);
    assert_eq!(read(&encode(&profile)).expect("sound").0, profile);
    let mut again = Vec::new();
    write(&profile, &mut again).expect("memory takes everything");
    assert_eq!(file, again, "the same profile gives the same bytes");
}

#[test]
fn sums_are_sums() {
    // Alone, so that samples with equal stacks are one, and those of nothing but zeros gone.
    let once = merge(&[go_profile("jsonsrv")]).expect("there is one");
    let twice = merge(&[once.clone(), once.clone()]).expect("of one type");
    let doubled = once.samples.iter().map(|it| it.values.iter().map(|it| it * 2).collect::<Vec<_>>());
    assert_eq!(
        doubled.collect::<Vec<_>>(),
        twice.samples.iter().map(|it| it.values.clone()).collect::<Vec<_>>()
    );
    assert_eq!(subtract(&twice, &once).expect("of one type"), once);
}

#[test]
fn sums_stay_in_range() {
    let profile = complete();
    let twice = merge(&[profile.clone(), profile]).expect("of one type");
    assert_eq!(twice.samples[0].values, [i64::MIN, i64::MAX]);
}
