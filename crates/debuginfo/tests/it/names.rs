//! Names and template parameters, as the source has them.

use std::path::Path;

use spandrel_debuginfo::{DebugInfo, Names, Search, TemplateParameter, Wanted, gimli};

use crate::programs::run;

const SOURCE: &str = "\
mod shapes { pub struct Node<T> { pub value: T, pub next: Option<Box<Node<T>>> } }
#[inline(never)] fn make<T>(value: T) -> Box<shapes::Node<T>> { Box::new(shapes::Node { value, next: None }) }
fn main() { std::hint::black_box(make(7_u16)); }
";

/// What `visit` returns for the first entry of the program with this name.
fn find<R>(path: &Path, name: &str, visit: impl Fn(&Names<'_>, gimli::UnitOffset) -> R) -> Option<R> {
    let info = DebugInfo::open(path, Wanted::Types, &Search::default()).expect("debug information");
    let dwarf = info.dwarf();
    let mut units = dwarf.units();
    while let Some(header) = units.next().expect("sound units") {
        let unit = dwarf.unit(header).expect("a sound unit");
        let names = Names::of(&dwarf, &unit).expect("sound names");
        let mut entries = unit.entries();
        while let Some(entry) = entries.next_dfs().expect("sound entries") {
            let Some(value) = entry.attr_value(gimli::DW_AT_name) else { continue };
            if dwarf.attr_string(&unit, value).is_ok_and(|found| found.slice() == name.as_bytes()) {
                return Some(visit(&names, entry.offset()));
            }
        }
    }
    None
}

#[test]
fn functions_and_types_of_rust() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("program.rs"), SOURCE).expect("can be written");
    run(folder.path(), "rustc", &["-g", "program.rs"]);
    let program = folder.path().join("program");
    let name = |wanted: &str| find(&program, wanted, |names, at| names.qualified(at)).flatten();
    assert_eq!(name("Node<u16>").as_deref(), Some("program::shapes::Node<u16>"));
    assert_eq!(name("make<u16>").as_deref(), Some("program::make<u16>"));
    let parameters = find(&program, "make<u16>", |names, at| names.template_parameters(at));
    let value = TemplateParameter { name: "T".into(), type_name: "u16".into(), type_bytes: Some(2) };
    assert_eq!(parameters, Some(vec![value]));
    let parameters = find(&program, "new<program::shapes::Node<u16>>", |names, at| {
        names.template_parameters(at).into_iter().map(|found| (found.type_name, found.type_bytes)).collect()
    });
    let node = ("program::shapes::Node<u16>".to_string(), Some(16));
    assert_eq!(parameters, Some(vec![node]));
}
