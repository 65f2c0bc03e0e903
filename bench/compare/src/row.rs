//! The rows of the tables: what can be measured on each track.

use std::fs;
use std::path::{Path, PathBuf};

use rows::{Kind, ROWS};
use serde::{Deserialize, Serialize};

use crate::track::Track;

/// The folder of this workspace, whose cargo configuration the builds need.
pub(crate) const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Rows of the Rust track that belong together, by how their names begin. The first that fits counts.
const FAMILIES: [(&str, &str); 18] = [
    ("pair", "pairs"),
    ("varpair", "pairs"),
    ("zeroed", "zeroed"),
    ("fifo", "batches"),
    ("lifo", "batches"),
    ("randfree", "batches"),
    ("churn10k", "churn"),
    ("churn1m", "churn"),
    ("churn", "threads"),
    ("grow", "collections"),
    ("vecpush", "collections"),
    ("format", "collections"),
    ("btreemap", "collections"),
    ("hashmap", "collections"),
    ("json", "collections"),
    ("handoff", "threads"),
    ("spawn", "threads"),
    ("swap", "threads"),
];

/// One thing that is measured on one track.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) track: Track,
    /// What the command line calls it.
    pub(crate) name: String,
    /// What it is, in a few words.
    pub(crate) about: String,
    /// The rows that it is averaged with in the chart.
    pub(crate) family: String,
    /// Its time counts, not only its memory.
    pub(crate) is_timed: bool,
}

/// All rows of a track.
pub(crate) fn all(track: Track) -> Vec<Row> {
    match track {
        Track::RustRelease | Track::RustLto => ROWS.iter().map(|row| rust_row(track, row)).collect(),
        Track::Preload => files(track, "c", "//"),
        Track::Programs => files(track, "sh", "#"),
    }
}

/// The folder that a track's rows lie in, a file each, if they are files.
fn folder(track: Track) -> PathBuf {
    Path::new(WORKSPACE).join(if track == Track::Programs { "programs" } else { "patterns" })
}

/// The file of a row that is one.
pub(crate) fn source(row: &Row) -> PathBuf {
    let extension = if row.track == Track::Programs { "sh" } else { "c" };
    folder(row.track).join(&row.name).with_extension(extension)
}

fn rust_row(track: Track, row: &rows::Row) -> Row {
    let is_timed = row.kind == Kind::Speed;
    let family = match FAMILIES.iter().find(|(start, _)| row.name.starts_with(start)) {
        _ if !is_timed => "memory",
        Some((_, family)) => family,
        None => "others",
    };
    Row {
        track,
        name: row.name.to_owned(),
        about: if is_timed { format!("a {}", row.unit) } else { "resident memory".to_owned() },
        family: family.to_owned(),
        is_timed,
    }
}

/// The files of a track, in alphabetical order; what each is about is its first line of comment.
fn files(track: Track, extension: &str, comment: &str) -> Vec<Row> {
    let entries = fs::read_dir(folder(track)).into_iter().flatten().flatten();
    let mut rows: Vec<Row> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .filter_map(|path| {
            let name = path.file_stem()?.to_str()?.to_owned();
            let about = first_comment(&fs::read_to_string(&path).ok()?, comment);
            let about = about.strip_prefix(&format!("{name}: ")).unwrap_or(&about).to_owned();
            let family = if track == Track::Programs { "programs" } else { "C patterns" }.to_owned();
            Some(Row { track, name, about, family, is_timed: true })
        })
        .collect();
    rows.sort_by(|one, other| one.name.cmp(&other.name));
    rows
}

fn first_comment(text: &str, comment: &str) -> String {
    let lines = text.lines().filter(|line| !line.starts_with("#!"));
    let first =
        lines.filter_map(|line| line.strip_prefix(comment)).map(str::trim).find(|line| !line.is_empty());
    first.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::{Row, all, first_comment};
    use crate::track::Track;

    #[test]
    fn every_rust_row_has_a_family_and_memory_rows_are_not_timed() {
        let rows = all(Track::RustRelease);
        let strays: Vec<&str> = rows
            .iter()
            .filter(|row| row.is_timed && row.family == "others")
            .map(|row| row.name.as_str())
            .collect();
        assert!(strays.is_empty(), "rows without a family: {strays:?}");
        let family = |name: &str| rows.iter().find(|row| row.name == name).map(|row| row.family.as_str());
        assert_eq!(family("churn10k"), Some("churn"));
        assert_eq!(family("churn16t"), Some("threads"));
        assert!(rows.iter().any(|row: &Row| row.name == "frag90" && !row.is_timed));
    }

    #[test]
    fn what_a_file_is_about_is_its_first_comment() {
        assert_eq!(first_comment("#!/bin/sh\n#\n# Sorts.\nsort x\n", "#"), "Sorts.");
        assert_eq!(first_comment("// Larson's server.\n#include <stdio.h>\n", "//"), "Larson's server.");
        assert_eq!(first_comment("int x;\n", "//"), "");
    }
}
