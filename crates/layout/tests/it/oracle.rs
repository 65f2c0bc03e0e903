//! Sizes, gaps and best sizes against the tables of an independent reader.

use std::collections::HashMap;

use spandrel_layout::{Allocator, Deep, Gaps, Object, Obstacle, RecordKind, Reorder, Type, TypeId, Types};

use crate::programs::{compile, data};

/// A row of a table: what its head line calls each cell.
type Row = HashMap<String, String>;

fn table(name: &str) -> Vec<Row> {
    let text = std::fs::read_to_string(data("layouts").join(name)).expect("is there");
    let mut lines = text.lines().map(|line| line.split('\t').map(str::to_string));
    let head: Vec<String> = lines.next().expect("a head line").collect();
    lines.map(|cells| head.iter().cloned().zip(cells).collect()).collect()
}

/// The type of a row: anonymous ones have other names there, so those are found by line and size.
fn find<'types>(types: &'types Types, row: &Row) -> Option<(TypeId, &'types Type)> {
    let name = row["name"].as_str();
    let is_size = |found: &Type| found.bytes.is_some_and(|bytes| bytes.to_string() == row["size"]);
    let is_kind = |kind: RecordKind| (kind == RecordKind::Union) == (row["kind"] == "union");
    if let Some(line) = name.rsplit("<anon@").next().filter(|_| name.contains("<anon@")) {
        let line = line.trim_end_matches('>');
        let is_line =
            |found: &Type| found.source.as_ref().is_some_and(|source| source.line.to_string() == line);
        let mut all = types
            .records()
            .filter(|(_, found, record)| is_line(found) && is_size(found) && is_kind(record.kind));
        return all.next().map(|(id, found, _)| (id, found));
    }
    let mut all = types.records().filter(|(_, found, _)| &*found.name == name && is_size(found));
    all.next().map(|(id, found, _)| (id, found))
}

fn compare(types: &Types, table_name: &str) {
    let mut deep = Deep::new(types);
    let mut differences = Vec::new();
    let rows = table(table_name);
    for row in &rows {
        let Some((id, found)) = find(types, row) else {
            differences.push(format!("{}: not found", row["name"]));
            continue;
        };
        let record = found.record().expect("only records were searched");
        let gaps = Gaps::of(found, record);
        let members = if record.variants.is_some() { 0 } else { record.members.len() };
        let deep_pad = deep.bits(id) as f64 / 8.0;
        let cells = [
            ("size", found.bytes.unwrap_or(0).to_string()),
            ("align", found.align.bytes().to_string()),
            ("members", members.to_string()),
            ("holes", gaps.holes().to_string()),
            ("hole_bytes", gaps.hole_bytes().to_string()),
            ("bit_holes", gaps.bit_holes().to_string()),
            ("bit_hole_bits", gaps.bit_hole_bits().to_string()),
            ("padding", gaps.padding_bytes().to_string()),
            ("bit_padding", gaps.padding_bits().to_string()),
            ("deep_pad", deep_pad.to_string()),
        ];
        let best = Reorder::of(types, id);
        let class = |bytes| {
            let (align, language) = (1, found.language);
            Allocator::Go.cost(Object { bytes, align, has_pointers: false, language, pointer_bytes: 8 })
        };
        let (optimal, saved) = match &best {
            Ok(best) => (best.bytes_best.to_string(), best.saved_bytes().to_string()),
            // There, a packed record is called optimal, and where the order says nothing the cell is empty.
            Err(Obstacle::Packed) => (row["size"].clone(), "0".to_string()),
            Err(_) if found.bytes == Some(0) => ("0".to_string(), "0".to_string()),
            Err(_) => (String::new(), String::new()),
        };
        let cells = cells.into_iter().chain([("go_class", class(found.bytes.unwrap_or(0)).to_string())]);
        let is_told = !row["optimal"].is_empty();
        if !is_told {
            let grows = best.as_ref().is_ok_and(|best| best.bytes_best > best.bytes_now);
            assert!(!grows, "{}", row["name"]);
        }
        let order = [("optimal", optimal), ("saved", saved)].into_iter().filter(|_| is_told);
        for (head, ours) in cells.chain(order) {
            if row[head] != ours {
                differences.push(format!("{}: {head} {} there, {ours} here", row["name"], row[head]));
            }
        }
    }
    assert!(rows.len() > 40, "the table is whole");
    assert!(differences.is_empty(), "{table_name}:\n{}", differences.join("\n"));
}

fn c_source() -> String {
    std::fs::read_to_string(data("layouts/c_layout.c")).expect("is there")
}

#[test]
fn c_by_gcc() {
    for (version, table) in [("-gdwarf-4", "oracle_c_gcc_d4.tsv"), ("-gdwarf-5", "oracle_c_gcc_d5.tsv")] {
        let compiled = compile("c_layout.c", &c_source(), &["gcc", "-g", version, "-w"]);
        compare(&compiled.types, table);
    }
}

#[test]
fn c_by_clang() {
    for version in ["-gdwarf-4", "-gdwarf-5"] {
        let compiled = compile("c_layout.c", &c_source(), &["clang", "-g", version, "-w"]);
        compare(&compiled.types, "oracle_c_clang_d5.tsv");
    }
}

#[test]
fn rust() {
    let source = std::fs::read_to_string(data("layouts/rust_layout.rs")).expect("is there");
    let compiled = compile("rust_layout.rs", &source, &["rustc", "--edition", "2024", "-g"]);
    compare(&compiled.types, "oracle_rust_d5.tsv");
}
