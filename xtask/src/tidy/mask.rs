//! A small tokenizer for Rust: it splits a source into code and comments and forgets what strings say.
//!
//! Both halves keep the line breaks and the columns of the source: what does not belong to a half is a
//! space there. So a rule can search the code for a word and never trip over a string or a comment.
//! Known to it: line and nested block comments; strings, byte and C strings, raw ones with any number of
//! `#`; character literals as opposed to lifetimes.

/// One source in two halves.
#[derive(Default)]
pub(super) struct Masked {
    /// The source with comments and the insides of literals blank; the quotes themselves remain.
    pub(super) code: String,
    /// The source with everything but comments blank.
    pub(super) comments: String,
}

impl Masked {
    pub(super) fn new(source: &str) -> Self {
        let chars: Vec<char> = source.chars().collect();
        let mut masked = Self::default();
        let mut at = 0;
        while at < chars.len() {
            let (part, len) = next_part(&chars[at..], at.checked_sub(1).map(|before| chars[before]));
            let is_last = |index: usize| index == 0 || index + 1 == len;
            for (index, &c) in chars[at..at + len].iter().enumerate() {
                let in_code = part == Part::Code || part == Part::Literal && is_last(index);
                masked.code.push(if in_code { c } else { blank(c) });
                masked.comments.push(if part == Part::Comment { c } else { blank(c) });
            }
            at += len;
        }
        masked
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Code,
    Comment,
    Literal,
}

fn blank(c: char) -> char {
    if c == '\n' { '\n' } else { ' ' }
}

/// The part that begins here and its length in characters, at least 1.
fn next_part(rest: &[char], before: Option<char>) -> (Part, usize) {
    let after_identifier = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    match *rest {
        ['/', '/', ..] => (Part::Comment, rest.iter().take_while(|&&c| c != '\n').count()),
        ['/', '*', ..] => (Part::Comment, block_comment_len(rest)),
        ['"', ..] => (Part::Literal, string_len(rest)),
        ['\'', ..] => char_len(rest).map_or((Part::Code, 1), |len| (Part::Literal, len)),
        ['r', ..] if !after_identifier || before.is_some_and(|c| c == 'b' || c == 'c') => {
            raw_string_len(rest).map_or((Part::Code, 1), |len| (Part::Literal, len))
        }
        _ => (Part::Code, 1),
    }
}

fn block_comment_len(rest: &[char]) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        match rest[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn string_len(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != '"' {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

/// `'x'`, `'\n'`, `'\u{1F600}'`; `None` for a lifetime or a label.
fn char_len(rest: &[char]) -> Option<usize> {
    match *rest {
        ['\'', '\\', _, ..] => {
            let tail = rest[3..].iter().position(|&c| c == '\'')?;
            Some(3 + tail + 1)
        }
        ['\'', _, '\'', ..] => Some(3),
        _ => None,
    }
}

/// `r"..."`, `r#"..."#` and so on; `None` for an identifier such as `r#type` or `result`.
fn raw_string_len(rest: &[char]) -> Option<usize> {
    let hashes = rest[1..].iter().take_while(|&&c| c == '#').count();
    let body = 1 + hashes + 1;
    if rest.get(body - 1) != Some(&'"') {
        return None;
    }
    let ends = |at: &usize| {
        rest[*at] == '"' && rest[at + 1..].iter().take(hashes).filter(|&&c| c == '#').count() == hashes
    };
    Some((body..rest.len()).find(ends).map_or(rest.len(), |at| at + 1 + hashes))
}

#[cfg(test)]
mod tests {
    use super::Masked;

    fn code_words(source: &str) -> Vec<String> {
        let masked = Masked::new(source);
        assert_eq!(masked.code.chars().count(), source.chars().count());
        assert_eq!(masked.code.lines().count(), source.lines().count());
        masked
            .code
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn comments_and_strings_are_no_code() {
        assert_eq!(code_words("a // b\nc /* d /* e */ f */ g"), ["a", "c", "g"]);
        assert_eq!(code_words(r#"a("b \" c", d)"#), ["a", "d"]);
        assert_eq!(code_words("a(r#\"b \" c\"#, br\"d\\\", e)"), ["a", "r", "br", "e"]);
        assert_eq!(code_words("a = \"// b\"; c"), ["a", "c"]);
    }

    #[test]
    fn a_lifetime_is_no_character() {
        assert_eq!(code_words("fn f<'a>(x: &'a str) {}"), ["fn", "f", "a", "x", "a", "str"]);
        assert_eq!(code_words("['\"', a, '\\'', b, '\\u{41}', c]"), ["a", "b", "c"]);
    }

    #[test]
    fn a_raw_identifier_is_code() {
        assert_eq!(code_words("r#type + for_r + \"x\""), ["r", "type", "for", "r"]);
    }

    #[test]
    fn comments_are_the_other_half() {
        let masked = Masked::new("a // b\n\"// c\" /* d */");
        let words: Vec<&str> = masked.comments.split_whitespace().collect();
        assert_eq!(words, ["//", "b", "/*", "d", "*/"]);
    }
}
