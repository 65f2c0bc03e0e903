//! As one writes it: owned lines, an owned word for each word, a vector of line numbers a word, copied by
//! queries.

use super::SHOWN;
use crate::digest::Map;

pub(super) struct Index {
    lines: Vec<String>,
    postings: Map<String, Vec<usize>>,
}

impl Index {
    pub(super) fn of(text: &str) -> Self {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let mut postings: Map<String, Vec<usize>> = Map::default();
        for (number, line) in lines.iter().enumerate() {
            for word in line.split_whitespace().map(str::to_lowercase) {
                let lines = postings.entry(word).or_default();
                if lines.last() != Some(&number) {
                    lines.push(number);
                }
            }
        }
        Self { lines, postings }
    }

    /// How many lines have all words, and the first of them.
    pub(super) fn query(&self, query: &str) -> (usize, Vec<String>) {
        let words: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
        let of = |word: &String| self.postings.get(word).cloned().unwrap_or_default();
        let mut found = words.first().map(of).unwrap_or_default();
        for lines in words.iter().skip(1).map(of) {
            found.retain(|line| lines.binary_search(line).is_ok());
        }
        (found.len(), found.iter().take(SHOWN).map(|line| self.lines[*line].clone()).collect())
    }
}
