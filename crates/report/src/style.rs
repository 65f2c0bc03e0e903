//! The few styles of text output. Whoever prints decides whether colours survive.

use std::fmt::Display;

use anstyle::{AnsiColor, Style};

/// Headings.
pub(crate) const BOLD: Style = Style::new().bold();
/// Labels and the heads of tables.
pub(crate) const DIM: Style = Style::new().dimmed();
/// What deserves a second look.
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default();

/// `text` in a style.
pub(crate) fn styled(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}
