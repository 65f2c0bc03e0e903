//! Sizes, alignments and offsets against what the compilers themselves say.

use std::collections::HashMap;

use spandrel_layout::{Type, Types};

use crate::programs::{compile, data};

fn read(name: &str) -> String {
    std::fs::read_to_string(data("layouts").join(name)).expect("is there")
}

/// Size, alignment, offsets in bits.
pub(crate) type Layout = (u64, u64, Vec<u64>);

/// The records that clang dumped: name without `struct` to layouts, several where a name is used twice.
pub(crate) fn parse_clang(text: &str) -> HashMap<String, Vec<Layout>> {
    let mut layouts: HashMap<String, Vec<Layout>> = HashMap::new();
    for block in text.split("*** Dumping AST Record Layout").skip(1) {
        let value = |key: &str| {
            let rest = block.lines().find_map(|line| line.trim().strip_prefix(key))?;
            Some(rest.trim_end_matches(">").to_string())
        };
        let name = value("Type:").expect("each has a type");
        let name = name.trim().trim_start_matches("struct ").trim_start_matches("union ").to_string();
        let number = |key| value(key).and_then(|text| text.parse::<u64>().ok()).expect("a number") / 8;
        let offsets = value("FieldOffsets:").unwrap_or_default();
        let offsets = offsets.trim().trim_start_matches('[').trim_end_matches(']');
        let offsets = offsets.split(", ").filter(|text| !text.is_empty());
        let mut offsets: Vec<u64> = offsets.map(|text| text.parse().expect("a number")).collect();
        if name == "bits_zero" {
            // Its second field is `unsigned :0`, which no debug information has.
            offsets.remove(1);
        }
        layouts.entry(name).or_default().push((number("Size:"), number("Alignment:"), offsets));
    }
    layouts
}

pub(crate) fn layout_of(found: &Type) -> Layout {
    let record = found.record().expect("a record");
    let offsets = record.members.iter().map(|member| member.offset_bits.expect("no virtual bases"));
    (found.bytes.expect("defined"), found.align.bytes(), offsets.collect())
}

fn compare_with_clang(types: &Types, what: &str) {
    let truth = parse_clang(&read("clang_record_layouts_c.txt"));
    let mut compared = 0;
    for (name, layouts) in &truth {
        // Anonymous types are called after their place; the table of the other reader has those.
        if name.contains("(anonymous") || name.contains("(unnamed") {
            continue;
        }
        let last = |found: &Type| found.name.rsplit("::").next().map(str::to_string);
        let ours: Vec<&Type> = types
            .records()
            .map(|(_, found, _)| found)
            .filter(|found| last(found).as_deref() == Some(name) && !found.name.contains('<'))
            .collect();
        assert!(ours.len() >= layouts.len(), "{what}: {name} is missing");
        for layout in layouts {
            let fits = ours.iter().any(|found| {
                let (bytes, align, offsets) = layout_of(found);
                // The alignment of a packed record is known up to a bound alone.
                let is_bound = found.record().is_some_and(|record| record.is_packed) && layout.1 <= align;
                (bytes, &offsets) == (layout.0, &layout.2) && (align == layout.1 || is_bound)
            });
            let ours: Vec<Layout> = ours.iter().map(|found| layout_of(found)).collect();
            assert!(fits, "{what}: {name}: clang {layout:?}, here {ours:?}");
            compared += 1;
        }
    }
    assert!(compared >= 40, "{what}: {compared} compared");
}

#[test]
fn c_is_as_clang_lays_it_out() {
    let source = read("c_layout.c");
    for compiler in ["gcc", "clang"] {
        for version in ["-gdwarf-4", "-gdwarf-5"] {
            let compiled = compile("c_layout.c", &source, &[compiler, "-g", version, "-w"]);
            compare_with_clang(&compiled.types, &format!("{compiler} {version}"));
        }
    }
}

/// The name that debug information has for what the program calls by its short name.
fn full_name(short: &str) -> String {
    format!("rust_layout::{}", short.replace(',', ", "))
}

#[test]
fn rust_is_as_the_program_says() {
    let compiled = compile("rust_layout.rs", &read("rust_layout.rs"), &["rustc", "--edition", "2024", "-g"]);
    let output = compiled.output();
    assert_eq!(output, read("rust_truth.tsv"), "the table is that of this compiler");
    let mut compared = 0;
    for line in output.lines() {
        let cells: Vec<&str> = line.split('\t').collect();
        let number = |index: usize| cells[index].parse::<u64>().expect("a number");
        if let Some((name, field)) = cells[0].strip_prefix('@').and_then(|name| name.split_once('.')) {
            let id = compiled.types.find(&full_name(name)).expect("exactly one");
            let record = compiled.types.get(id).record().expect("a record");
            let member = record.members.iter().find(|member| &*member.name == field).expect("it is there");
            assert_eq!(member.offset_bits, Some(number(1) * 8), "{line}");
        } else {
            let name = match cells[0] {
                "closure" => "rust_layout::main::{closure_env#3}".to_string(),
                "future" => "rust_layout::big_future::{async_fn_env#0}".to_string(),
                name => full_name(name),
            };
            let found = compiled.types.iter().map(|(_, found)| found).find(|found| *found.name == *name);
            let Some(found) = found else {
                // Nothing was ever made of these.
                assert!(["rust_layout::Never"].contains(&name.as_str()), "{name} is missing");
                continue;
            };
            assert_eq!((found.bytes, found.align.bytes()), (Some(number(1)), number(2)), "{line}");
        }
        compared += 1;
    }
    assert!(compared > 150, "{compared}");
}

/// A name, a size, an alignment, fields with their offsets.
type Printed = (String, u64, u64, Vec<(String, u64)>);

/// Types of `-Zprint-type-sizes`; the fields of those without variants.
fn rustc_layouts() -> Vec<Printed> {
    let text = read("rustc_print_type_sizes.txt");
    let mut layouts: Vec<Printed> = Vec::new();
    let mut at = 0;
    let mut is_plain = true;
    for line in text.lines().filter_map(|line| line.strip_prefix("print-type-size ")) {
        let bytes = |rest: &str| rest.trim().split(' ').next().and_then(|text| text.parse::<u64>().ok());
        if let Some(rest) = line.strip_prefix("type: `") {
            let (name, rest) = rest.rsplit_once("`: ").expect("a size");
            let align = rest.split("alignment: ").nth(1).and_then(bytes).expect("an alignment");
            layouts.push((name.to_string(), bytes(rest).expect("a size"), align, Vec::new()));
            (at, is_plain) = (0, true);
        } else if line.starts_with("    padding: ") {
            at += bytes(line.trim_start_matches("    padding: ")).expect("a size");
        } else if let Some(rest) = line.strip_prefix("    field `.").filter(|_| is_plain) {
            let (name, rest) = rest.split_once("`: ").expect("a size");
            if let Some(offset) = rest.split("offset: ").nth(1).and_then(bytes) {
                at = offset;
            }
            layouts.last_mut().expect("a type comes first").3.push((name.to_string(), at));
            at += bytes(rest).expect("a size");
        } else if line.trim_start().starts_with("variant") || line.trim_start().starts_with("discriminant") {
            is_plain = false;
            layouts.last_mut().expect("a type comes first").3.clear();
        }
    }
    layouts
}

#[test]
fn rust_is_as_rustc_prints_it() {
    let compiled = compile("rust_layout.rs", &read("rust_layout.rs"), &["rustc", "--edition", "2024", "-g"]);
    let by_name: HashMap<&str, &Type> =
        compiled.types.iter().map(|(_, found)| (&*found.name, found)).collect();
    let (mut types, mut offsets) = (0, 0);
    for (name, bytes, align, fields) in rustc_layouts() {
        let full = full_name(&name);
        let Some(found) = by_name.get(full.as_str()).or(by_name.get(name.as_str())) else { continue };
        assert_eq!((found.bytes, found.align.bytes()), (Some(bytes), align), "{name}");
        types += 1;
        let Some(record) = found.record() else { continue };
        for (field, offset) in fields {
            let debug_name = if field.parse::<u32>().is_ok() { format!("__{field}") } else { field };
            let member = record.members.iter().find(|member| *member.name == *debug_name);
            let member = member.unwrap_or_else(|| panic!("{name} has no {debug_name}"));
            // What is of no size has no place that both must agree on.
            if member.bits != Some(0) {
                assert_eq!(member.offset_bits, Some(offset * 8), "{name}.{debug_name}");
                offsets += 1;
            }
        }
    }
    assert!(types > 60 && offsets > 150, "{types} types, {offsets} offsets");
}
