//! Debug information in pieces: split units, packages, units of single types, shared units.

use std::path::Path;

use spandrel_layout::Types;

use crate::programs::{run, types};

const SOURCE: &str = "\
struct inner { char a; double b; char c; };
struct outer { struct inner in; struct outer *next; int tail; };
struct outer object;
int main(void) { return object.tail; }
";

#[track_caller]
fn assert_whole(types: &Types) {
    let outer = types.get(types.find("outer").unwrap_or_else(|error| panic!("{error}")));
    let members = &outer.record().expect("a record").members;
    let places: Vec<_> =
        members.iter().map(|member| (&*member.name, member.offset_bits, member.bits)).collect();
    let expected = [("in", Some(0), Some(192)), ("next", Some(192), Some(64)), ("tail", Some(256), Some(32))];
    assert_eq!((outer.bytes, places.as_slice()), (Some(40), &expected[..]));
    assert_eq!(&*types.get(members[0].type_id).name, "inner", "found where it lies");
}

fn compile(folder: &Path, options: &[&str]) {
    std::fs::write(folder.join("program.c"), SOURCE).expect("can be written");
    let mut args = vec!["-g", "-c", "program.c"];
    args.extend(options);
    run(folder, "gcc", &args);
    run(folder, "gcc", &["program.o", "-o", "program"]);
}

#[test]
fn every_kind_of_piece_is_put_together() {
    let types_apart = "-fdebug-types-section";
    for options in [
        &["-gdwarf-4", types_apart][..],
        &["-gdwarf-5", types_apart],
        &["-gdwarf-4", "-gsplit-dwarf"],
        &["-gdwarf-5", "-gsplit-dwarf"],
        &["-gdwarf-4", "-gsplit-dwarf", types_apart],
        &["-gdwarf-5", "-gsplit-dwarf", types_apart],
    ] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        compile(folder.path(), options);
        assert_whole(&types(&folder.path().join("program")));
        // binutils packages version 4 alone.
        if options.contains(&"-gdwarf-4") && options.contains(&"-gsplit-dwarf") {
            run(folder.path(), "dwp", &["-e", "program", "-o", "program.dwp"]);
            std::fs::remove_file(folder.path().join("program.dwo")).expect("is there");
            assert_whole(&types(&folder.path().join("program")));
        }
    }
}

#[test]
fn units_that_share_are_put_together() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["first", "second"] {
        let source = SOURCE.replace("main", if name == "first" { "main" } else { "other" });
        let source = if name == "first" {
            source
        } else {
            source.replace("struct outer object;", "extern struct outer object;")
        };
        std::fs::write(folder.path().join(format!("{name}.c")), source).expect("can be written");
    }
    run(folder.path(), "gcc", &["-gdwarf-4", "first.c", "second.c", "-o", "program"]);
    run(folder.path(), "dwz", &["program"]);
    assert_whole(&types(&folder.path().join("program")));
    // Link-time optimisation lets units refer to each other as well.
    run(folder.path(), "gcc", &["-g", "-O1", "-flto", "first.c", "second.c", "-o", "program"]);
    assert_whole(&types(&folder.path().join("program")));
}
