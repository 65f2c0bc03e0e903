//! The committed numbers: a line for each sequence with its instructions and the project's limit for it.
//!
//! A number may be less than one instruction above the committed one, and not above a limit that the
//! committed one keeps. A committed number above its limit is a known fault: it fails nothing until it grows.

use std::fmt::Write as _;

/// From here on a number has grown. What callgrind counts does not vary, so a tenth less than one instruction
/// is room for the rounding of what happens once in many rounds.
const GROWN: f64 = 0.9;
const NAME_COLUMNS: usize = 22;

/// The file, read.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Ledger {
    /// The comments at its head, with their line breaks.
    head: String,
    entries: Vec<Entry>,
}

#[derive(Debug, PartialEq)]
struct Entry {
    name: String,
    instructions: f64,
    limit: Option<f64>,
}

/// What [`Ledger::compare`] finds.
pub(super) struct Comparison {
    pub(super) table: String,
    pub(super) is_fine: bool,
}

impl Entry {
    /// The most that may be counted.
    fn most(&self) -> f64 {
        let grown = self.instructions + GROWN;
        match self.limit {
            Some(limit) if self.instructions <= limit => grown.min(limit),
            _ => grown,
        }
    }

    /// What there is to say about a new count.
    fn remark(&self, counted: f64) -> &'static str {
        let is_over = self.limit.is_some_and(|limit| counted > limit);
        if counted > self.instructions + GROWN {
            "TOO MANY: more than committed"
        } else if counted > self.most() {
            "TOO MANY: over the limit"
        } else if counted < self.instructions - GROWN {
            "fewer than committed: --accept keeps the gain"
        } else if is_over {
            "over the limit, as is known"
        } else {
            ""
        }
    }
}

impl Ledger {
    /// Reads the file: comments, then lines of name, instructions and limit, `-` for none.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut ledger = Self::default();
        for line in text.lines() {
            if line.starts_with('#') {
                ledger.head += line;
                ledger.head.push('\n');
            } else if !line.trim().is_empty() {
                ledger.entries.push(parse_entry(line).ok_or_else(|| format!("not an entry: `{line}`"))?);
            }
        }
        Ok(ledger)
    }

    /// The file with new numbers: limits stay, and what was not counted goes.
    pub(super) fn accept(&self, counted: &[(String, f64)]) -> String {
        let mut text = self.head.clone();
        for (name, instructions) in counted {
            let limit = self.entry(name).and_then(|entry| entry.limit);
            let _ = writeln!(text, "{name:<NAME_COLUMNS$}{instructions:>8.1}{:>8}", shown(limit));
        }
        text
    }

    /// New numbers beside the committed ones.
    pub(super) fn compare(&self, counted: &[(String, f64)]) -> Comparison {
        let mut table = format!(
            "{:<NAME_COLUMNS$}{:>8}{:>11}{:>8}  instructions an operation\n",
            "sequence", "counted", "committed", "limit"
        );
        let mut is_fine = true;
        for (name, instructions) in counted {
            let (committed, limit, remark) = match self.entry(name) {
                Some(entry) => {
                    is_fine &= *instructions <= entry.most();
                    (format!("{:.1}", entry.instructions), shown(entry.limit), entry.remark(*instructions))
                }
                None => {
                    is_fine = false;
                    ("-".to_owned(), shown(None), "NEW: --accept enters it")
                }
            };
            let row = format!("{name:<NAME_COLUMNS$}{instructions:>8.1}{committed:>11}{limit:>8}  {remark}");
            table += row.trim_end();
            table.push('\n');
        }
        for entry in self.entries.iter().filter(|entry| counted.iter().all(|(name, _)| *name != entry.name)) {
            is_fine = false;
            let _ = writeln!(table, "{:<NAME_COLUMNS$} GONE: --accept removes it", entry.name);
        }
        Comparison { table, is_fine }
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }
}

fn parse_entry(line: &str) -> Option<Entry> {
    let mut words = line.split_whitespace();
    let (name, instructions, limit) = (words.next()?, words.next()?, words.next()?);
    let limit = if limit == "-" { None } else { Some(limit.parse().ok()?) };
    let entry = Entry { name: name.to_owned(), instructions: instructions.parse().ok()?, limit };
    words.next().is_none().then_some(entry)
}

fn shown(limit: Option<f64>) -> String {
    limit.map_or_else(|| "-".to_owned(), |limit| limit.to_string())
}

#[cfg(test)]
mod tests {
    use super::Ledger;

    const TEXT: &str = "# One.\n# Two.\n\na  10.0  20\nb  45.5  40\nc  7.0  -\nd  19.5  20\n";

    fn counted(numbers: &[(&str, f64)]) -> Vec<(String, f64)> {
        numbers.iter().map(|&(name, number)| (name.to_owned(), number)).collect()
    }

    /// Whether all is fine when one number of the four is another.
    fn is_fine_with(name: &str, number: f64) -> bool {
        let committed = [("a", 10.0), ("b", 45.5), ("c", 7.0), ("d", 19.5)];
        let changed = committed.map(|(other, same)| (other, if other == name { number } else { same }));
        Ledger::parse(TEXT).expect("a ledger").compare(&counted(&changed)).is_fine
    }

    #[test]
    fn one_instruction_more_fails() {
        assert!(is_fine_with("a", 10.0) && is_fine_with("a", 10.5) && is_fine_with("a", 5.0));
        assert!(!is_fine_with("a", 11.0) && !is_fine_with("c", 8.0));
    }

    #[test]
    fn a_limit_that_is_kept_is_held_and_one_that_is_not_is_known() {
        assert!(is_fine_with("d", 20.0) && !is_fine_with("d", 20.1));
        assert!(is_fine_with("b", 46.0) && !is_fine_with("b", 46.5));
    }

    #[test]
    fn sequences_and_entries_have_to_match() {
        let ledger = Ledger::parse("a 10.0 -\n").expect("a ledger");
        assert!(ledger.compare(&counted(&[("a", 10.0)])).is_fine);
        assert!(!ledger.compare(&counted(&[("a", 10.0), ("b", 1.0)])).is_fine);
        assert!(!ledger.compare(&[]).is_fine);
        for bad in ["a\n", "a b -\n", "a 1.0\n", "a 1.0 x\n", "a 1.0 - -\n"] {
            assert!(Ledger::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn accepting_keeps_comments_and_limits() {
        let text = Ledger::parse(TEXT).expect("a ledger").accept(&counted(&[("a", 12.34), ("e", 5.0)]));
        let mut lines = text.lines();
        assert_eq!([lines.next(), lines.next()], [Some("# One."), Some("# Two.")]);
        let words: Vec<Vec<&str>> = lines.map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(words, [["a", "12.3", "20"], ["e", "5.0", "-"]]);
        assert!(Ledger::parse(&text).is_ok());
    }
}
