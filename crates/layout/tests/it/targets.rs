//! Other machines: 32 and 64 bits, both orders of bytes, against clang's own layouts for each.

use crate::programs::{run, types};
use crate::truth::{layout_of, parse_clang};

const TARGETS: [&str; 7] = [
    "i386-linux-gnu",
    "armv7-linux-gnueabihf",
    "aarch64-linux-gnu",
    "riscv64-linux-gnu",
    "mips-linux-gnu",
    "powerpc64-linux-gnu",
    "s390x-linux-gnu",
];

const SOURCE: &str = "\
struct plain { char a; double b; long long c; char d; long e; void *p; };
struct bits { unsigned a:3; unsigned b:7; unsigned long long c; unsigned d:1; unsigned e:30; unsigned f:5;
              char g; };
struct __attribute__((packed)) tight { unsigned a:3; unsigned b:17; unsigned c:14; char d; };
struct nested { char a; struct plain in; char b; long double l; };
struct asked { char a; long b __attribute__((aligned(32))); char c; };
union either { long long l; struct bits b; char c[13]; };
struct plain k1; struct bits k2; struct tight k3; struct nested k4; struct asked k5; union either k6;
";

#[test]
fn records_are_as_clang_lays_them_out_everywhere() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("records.c"), SOURCE).expect("can be written");
    for target in TARGETS {
        for version in ["-gdwarf-4", "-gdwarf-5"] {
            let dump = "-fdump-record-layouts-simple";
            let args =
                ["-target", target, "-g", version, "-c", "records.c", "-o", "records.o", "-Xclang", dump];
            let said = run(folder.path(), "clang", &args);
            let types = types(&folder.path().join("records.o"));
            let truth = parse_clang(&said);
            assert_eq!(truth.len(), 6, "{target}: {said}");
            for (name, layouts) in truth {
                let found = types.get(types.find(&name).unwrap_or_else(|error| panic!("{target}: {error}")));
                let (bytes, align, offsets) = layout_of(found);
                let (true_bytes, true_align, true_offsets) = &layouts[0];
                assert_eq!((bytes, &offsets), (*true_bytes, true_offsets), "{target} {version}: {name}");
                let is_bound = found.record().is_some_and(|record| record.is_packed);
                assert!(align == *true_align || is_bound, "{target} {version}: {name}: {align} {true_align}");
            }
        }
    }
}
