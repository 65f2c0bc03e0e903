//! The older text forms.

use spandrel_profile::{Format, Graph, GraphOptions, Profile, ReadError, read, total};

use crate::data::{SAMPLE_TYPES, bytes, go_profile};

fn kinds(profile: &Profile) -> Vec<&str> {
    profile.sample_types.iter().map(|it| &*it.kind).collect()
}

/// Go writes the same profile in both forms, the text without weights.
#[test]
fn gos_text_form_has_the_sums_of_its_protobuf() {
    for name in ["jsonsrv", "mapcache"] {
        let (text, format) = read(&bytes(&format!("{name}.heap.debug1.txt"))).expect("Go writes sound text");
        let packed = go_profile(name);
        assert_eq!(format, Format::Tcmalloc);
        assert_eq!(kinds(&text), SAMPLE_TYPES);
        assert_eq!(text.period, 524_288);
        for (index, kind) in SAMPLE_TYPES.iter().enumerate() {
            assert_eq!(total(&text, index), total(&packed, index), "{name} {kind}");
        }
    }
}

/// The names stand in the text as comments, so its rows are those of the protobuf as well. Of stacks that are
/// nothing but runtime, the text does not name all.
#[test]
fn gos_text_form_has_the_rows_of_its_protobuf() {
    for name in ["jsonsrv", "mapcache"] {
        let (text, _) = read(&bytes(&format!("{name}.heap.debug1.txt"))).expect("Go writes sound text");
        for index in 0..4 {
            let rows = |profile: &Profile| {
                let nodes = Graph::new(profile, &GraphOptions::all(index)).nodes;
                let user = nodes
                    .into_iter()
                    .filter(|it| !it.name.starts_with("runtime.") && &*it.name != "<unknown>");
                user.map(|it| (it.name.to_string(), it.flat, it.cum)).collect::<Vec<_>>()
            };
            for (ours, gos) in rows(&text).iter().zip(&rows(&go_profile(name))) {
                assert_eq!(ours, gos, "{name} {index}");
            }
            assert_eq!(rows(&text).len(), rows(&go_profile(name)).len(), "{name} {index}");
        }
    }
}

const JEMALLOC: &str = "heap_v2/524288
  t*: 3: 1049088 [0: 0]
  t0: 2: 1048832 [0: 0]
  t7: 1: 256 [0: 0] worker
@ 0x4009 0x4109 0x1011 0x1021 0x2031
  t*: 2: 1048832 [0: 0]
  t0: 1: 524416 [0: 0]
  t7: 1: 524416 [0: 0]
# a remark
@ 0x1012
  t*: 1: 256 [0: 0]

MAPPED_LIBRARIES:
00001000-00002000 r-xp 00000000 fe:01 7 /bin/app
00002000-00003000 r-xp 00000000 fe:01 9 /lib/libc.so.6
00003000-00004000 rw-p 00000000 00:00 0 [heap]
00004000-00005000 r-xp 00000000 fe:01 9 /lib/libjemalloc.so.2
";

#[test]
fn jemallocs_form_with_threads_and_mappings() {
    let (profile, format) = read(JEMALLOC.as_bytes()).expect("a sound text");
    assert_eq!(format, Format::Jemalloc);
    assert_eq!(kinds(&profile), ["objects", "space"]);
    assert_eq!(profile.period, 524_288);
    let files: Vec<_> = profile.mappings.iter().map(|it| &*it.file).collect();
    assert_eq!(files, ["/bin/app", "/lib/libc.so.6", "/lib/libjemalloc.so.2"]);
    // 1 - e^-(524416/524288) is seen of objects of 524416 bytes, 1 - e^-(256/524288) of those of 256.
    let rows: Vec<_> = profile
        .samples
        .iter()
        .map(|it| (it.text("thread").map(|it| &**it), &it.values[..], it.number("bytes"), it.stack.len()))
        .collect();
    assert_eq!(
        rows,
        [
            (Some("0"), &[1, 829_496][..], Some(524_416), 3),
            (Some("7"), &[1, 829_496], Some(524_416), 3),
            (None, &[1, 0], Some(524_416), 3),
            (None, &[2048, 524_416], Some(256), 1),
        ]
    );
    let leaf = profile.location(profile.samples[0].stack[0]);
    assert_eq!((leaf.address, leaf.mapping.map(|it| it.index())), (0x1010, Some(0)));
    assert_eq!(profile.location(profile.samples[0].stack[2]).mapping.map(|it| it.index()), Some(1));
}

#[test]
fn tcmallocs_forms() {
    let exact =
        "heap profile: 2: 96 [3: 144] @ heapprofile\n 1: 48 [2: 96] @ 0x2 0x3\n 1: 48 [1: 48] @ 0x4\n";
    let (profile, _) = read(exact.as_bytes()).expect("a sound text");
    assert_eq!(kinds(&profile), SAMPLE_TYPES);
    assert_eq!(profile.samples[0].values, [2, 96, 1, 48]);

    let sampled = "heap profile: 1: 64 [1: 64] @ heap_v2/64\n 1: 64 [1: 64] @ 0x2\n";
    let (profile, _) = read(sampled.as_bytes()).expect("a sound text");
    assert_eq!(kinds(&profile), ["objects", "space"]);
    assert_eq!((profile.period, &profile.samples[0].values[..]), (64, &[1, 101][..]));
}

#[test]
fn damaged_lines_are_named() {
    let cases = [
        ("heap_v2/many\n", "line 1: expected `heap_v2/` and a sampling period: `heap_v2/many`"),
        ("heap_v2/512\n@ 0x1 zz\n", "line 2: expected addresses like 0x1f: `@ 0x1 zz`"),
        ("heap_v2/512\n@ 0x1\n", "line 2: the stack has no row for all threads"),
        ("heap_v2/512\n@ 0x1\n t*: 1: 2\n", "line 3: expected `objects: bytes [objects: bytes]`"),
        ("heap_v2/512\nhello\n", "line 2: expected a stack or the row of a thread: `hello`"),
        ("heap profile: 1: 2 [1: 2] @ cpu\n", "line 1: there is no such kind of heap profile"),
        ("heap profile: 1: 2 [1: 2] @ heap/8\n0: 3 [1: 2] @ 0x1\n", "line 2: no objects, and yet bytes"),
        ("heap profile: 1: 2 [1: 2] @ heap/8\n1: 3 [1: 2] 0x1\n", "line 2: expected `@`"),
    ];
    for (text, part) in cases {
        match read(text.as_bytes()) {
            Err(ReadError::Malformed(why)) => assert!(why.contains(part), "{text:?}: {why}"),
            other => panic!("{text:?}: {other:?}"),
        }
    }
}
