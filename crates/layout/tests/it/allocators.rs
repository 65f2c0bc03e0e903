//! What objects cost, against the allocators themselves: a program asks each for every size.

use std::collections::BTreeMap;
use std::path::Path;

use spandrel_layout::{Allocator, Language, Object};

use crate::programs::run;

/// Prints every size at which the usable size changes.
const SOURCE: &str = "\
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
int main(void) {
    size_t last = 0;
    for (size_t n = 1; n <= 200000; n++) {
        void *p = malloc(n);
        size_t usable = malloc_usable_size(p);
        if (usable != last) printf(\"%zu %zu\\n\", n, last = usable);
        free(p);
    }
}
";

fn c_object(bytes: u64) -> Object {
    Object { bytes, align: 1, has_pointers: false, language: Language::C, pointer_bytes: 8 }
}

#[test]
fn costs_are_those_of_the_allocators() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("sizes.c"), SOURCE).expect("can be written");
    run(folder.path(), "gcc", &["-O1", "-fno-builtin", "sizes.c", "-o", "sizes"]);
    let libraries = "/usr/lib/x86_64-linux-gnu";
    let cases = [
        (Allocator::Glibc, None),
        (Allocator::Jemalloc, Some("libjemalloc.so.2")),
        (Allocator::Mimalloc, Some("libmimalloc.so.2.0")),
        (Allocator::Tcmalloc, Some("libtcmalloc_minimal.so.4")),
    ];
    for (allocator, library) in cases {
        let library = library.map(|name| format!("{libraries}/{name}"));
        if let Some(library) = &library {
            assert!(Path::new(library).exists(), "this test needs {library}: .ci/run installs it");
        }
        let preload = library.unwrap_or_default();
        let output = run(folder.path(), "env", &[&format!("LD_PRELOAD={preload}"), "./sizes"]);
        let steps: BTreeMap<u64, u64> = output
            .lines()
            .filter_map(|line| {
                let (bytes, usable) = line.split_once(' ')?;
                Some((bytes.parse().ok()?, usable.parse().ok()?))
            })
            .collect();
        let limit = if allocator == Allocator::Glibc { 100_000 } else { 200_000 };
        for bytes in 1..=limit {
            let (_, usable) = steps.range(..=bytes).next_back().expect("the first step is at 1");
            let beside = if allocator == Allocator::Glibc { 8 } else { 0 };
            assert_eq!(allocator.cost(c_object(bytes)), usable + beside, "{allocator}: {bytes}");
        }
    }
}

#[test]
fn borders_are_where_costs_change() {
    for allocator in spandrel_layout::ALLOCATORS {
        for language in [Language::C, Language::Rust, Language::Go] {
            for bytes in (1..3000).chain([4096, 4097, 32_760, 32_768, 32_769, 131_072, 131_073, 1 << 40]) {
                let object = Object { language, has_pointers: true, ..c_object(bytes) };
                let cost = |bytes| allocator.cost(Object { bytes, ..object });
                let (cheaper, room) = (allocator.next_cheaper(object), allocator.head_room(object));
                assert!(cheaper < bytes && (cheaper == 0 || cost(cheaper) < cost(bytes)), "{bytes}");
                assert_eq!(cost(cheaper + 1), cost(bytes), "{allocator} {bytes}");
                assert_eq!(cost(bytes + room), cost(bytes), "{allocator} {bytes}");
                assert!(cost(bytes + room + 1) > cost(bytes), "{allocator} {bytes}");
            }
        }
    }
}

#[test]
fn the_edges_of_go() {
    let go = |bytes, has_pointers| {
        let object = Object { has_pointers, language: Language::Go, ..c_object(bytes) };
        Allocator::Go.cost(object)
    };
    let cases = [
        (32, false, 32),
        (33, false, 48),
        (1024, false, 1024),
        (1025, false, 1152),
        (32_768, false, 32_768),
        (32_769, false, 40_960),
        (512, true, 512),
        (513, true, 576),
        (1016, true, 1024),
        (1017, true, 1152),
        (32_760, true, 32_768),
        (32_761, true, 32_768),
        (0, true, 0),
    ];
    for (bytes, has_pointers, cost) in cases {
        assert_eq!(go(bytes, has_pointers), cost, "{bytes} {has_pointers}");
    }
}
