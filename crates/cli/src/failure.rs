//! Why a command failed, in one line.

use std::fmt::Display;
use std::io;

/// The reason that a command ends early.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Whoever read the output has seen enough: not an error.
    BrokenPipe,
    /// Wrong use or bad input: what is wrong, where, and what to do.
    Said(String),
}

impl Failure {
    /// A failure in one line, whatever `line` holds.
    pub(crate) fn new(line: impl Display) -> Self {
        let line = line.to_string();
        let visible = line.chars().flat_map(|character| {
            let escaped = character.is_control().then(|| character.escape_default());
            let kept = (!character.is_control()).then_some(character);
            escaped.into_iter().flatten().chain(kept)
        });
        Self::Said(visible.collect())
    }

    /// What an output that cannot be written means.
    pub(crate) fn from_output(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::BrokenPipe,
            _ => Self::new(format_args!("cannot write the output: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Failure;

    #[test]
    fn a_failure_is_one_line() {
        assert_eq!(Failure::new("a\nb\u{1b}"), Failure::Said("a\\nb\\u{1b}".to_string()));
    }
}
