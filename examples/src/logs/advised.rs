//! With the advice applied.
//!
//! - The text stays where it is: a line is an offset of four bytes into it.
//! - A word is written in lower case into one buffer, which is used again, and is a number from then on. One
//!   that was never seen lies in the text already, or is copied into an arena: words end together.
//! - Postings are not a vector a word. All pairs of word and line are counted, and then put into one array,
//!   in which each word's lines are a slice: a counting sort, and two allocations.
//! - A query intersects sorted slices, the shortest first, in a vector that is used again.

use spandrel_pool::Arena;

use crate::digest::Map;

pub(super) struct Index<'a> {
    text: &'a str,
    /// Where each line begins; and where the last one ends.
    line_starts: Vec<u32>,
    words: Map<&'a str, u32>,
    /// Where each word's lines begin in `postings`; and where the last one's end.
    word_starts: Vec<u32>,
    postings: Vec<u32>,
    /// Used again from query to query.
    found: Vec<u32>,
    lists: Vec<(u32, u32)>,
}

/// A word in a line, by number.
struct Occurrence {
    word: u32,
    line: u32,
}

impl<'a> Index<'a> {
    /// Words that are not in the text as they are sought lie in the arena.
    pub(super) fn of(text: &'a str, arena: &'a Arena) -> Self {
        assert!(u32::try_from(text.len()).is_ok(), "offsets have four bytes");
        let mut line_starts = vec![0];
        let mut words: Map<&str, u32> = Map::default();
        // The line that each word was last seen in, which with this is counted once.
        let mut last_lines: Vec<u32> = Vec::new();
        let mut occurrences = Vec::with_capacity(text.len() / 8);
        let mut lower = String::new();
        for (line, content) in (0..).zip(text.lines()) {
            for word in content.split_whitespace() {
                let word = match in_lower_case(word, &mut lower) {
                    None => number(&mut words, word, |word| word),
                    Some(lower) => number(&mut words, lower, |lower| arena.alloc_str(lower)),
                };
                if word as usize == last_lines.len() {
                    last_lines.push(u32::MAX);
                }
                let last = &mut last_lines[word as usize];
                if *last != line {
                    *last = line;
                    occurrences.push(Occurrence { word, line });
                }
            }
            let end = content.as_ptr().addr() + content.len() - text.as_ptr().addr();
            line_starts.push(u32::try_from(end + 1).expect("it was checked"));
        }
        let (word_starts, postings) = sorted_by_word(&occurrences, words.len());
        Self { text, line_starts, words, word_starts, postings, found: Vec::new(), lists: Vec::new() }
    }

    pub(super) fn line(&self, line: u32) -> &'a str {
        let [start, next] = [0, 1].map(|after| self.line_starts[line as usize + after] as usize);
        &self.text[start..next - 1]
    }

    /// The lines that have all words, in order.
    pub(super) fn query(&mut self, query: &str) -> &[u32] {
        let Self { words, word_starts, postings, found, lists, .. } = self;
        found.clear();
        lists.clear();
        let mut lower = String::new();
        for word in query.split_whitespace() {
            let word = in_lower_case(word, &mut lower).unwrap_or(word);
            let Some(&word) = words.get(word) else { return found };
            lists.push((word_starts[word as usize], word_starts[word as usize + 1]));
        }
        lists.sort_unstable_by_key(|(start, end)| end - start);
        let mut lists = lists.iter().map(|(start, end)| &postings[*start as usize..*end as usize]);
        found.extend_from_slice(lists.next().unwrap_or_default());
        for mut lines in lists {
            found.retain(|line| {
                lines = &lines[lines.partition_point(|other| other < line)..];
                lines.first() == Some(line)
            });
        }
        found
    }
}

/// The number of a word; `keep` makes one that lives as long as the index.
fn number<'w, 'a>(
    words: &mut Map<&'a str, u32>,
    word: &'w str,
    keep: impl FnOnce(&'w str) -> &'a str,
) -> u32 {
    if let Some(number) = words.get(word) {
        return *number;
    }
    let number = u32::try_from(words.len()).expect("fewer words than bytes");
    words.insert(keep(word), number);
    number
}

/// None when the word is in lower case already; the letters of the log are ASCII, all but none.
fn in_lower_case<'b>(word: &str, buffer: &'b mut String) -> Option<&'b str> {
    if !word.bytes().any(|byte| byte.is_ascii_uppercase()) && word.is_ascii() {
        return None;
    }
    buffer.clear();
    if word.is_ascii() {
        buffer.push_str(word);
        buffer.make_ascii_lowercase();
    } else {
        buffer.push_str(&word.to_lowercase());
    }
    Some(buffer)
}

/// A counting sort, which keeps the lines of a word in order.
fn sorted_by_word(occurrences: &[Occurrence], words: usize) -> (Vec<u32>, Vec<u32>) {
    let mut starts = vec![0u32; words + 1];
    for occurrence in occurrences {
        starts[occurrence.word as usize + 1] += 1;
    }
    for word in 0..words {
        starts[word + 1] += starts[word];
    }
    let mut next = starts.clone();
    let mut postings = vec![0; occurrences.len()];
    for occurrence in occurrences {
        let place = &mut next[occurrence.word as usize];
        postings[*place as usize] = occurrence.line;
        *place += 1;
    }
    (starts, postings)
}
