//! The text files of the project as git knows them (tracked, or new and not ignored), held in memory.

use std::path::Path;
use std::process::Command;

use super::mask::Masked;

/// All text files; the rules look at nothing else.
pub(super) struct Tree {
    pub(super) files: Vec<File>,
}

/// One text file.
pub(super) struct File {
    /// Relative to the workspace, with `/`.
    pub(super) path: String,
    pub(super) text: String,
    /// The Rust code with comments and strings blanked out; empty for other files.
    pub(super) masked: Masked,
}

impl Tree {
    /// Reads what `git ls-files` names; a file that is no UTF-8 text, or deleted and still in the index,
    /// is left out.
    pub(super) fn read(root: &Path) -> Self {
        let output = Command::new("git")
            .args(["ls-files", "-z", "-co", "--exclude-standard"])
            .current_dir(root)
            .output()
            .expect("git runs");
        assert!(output.status.success(), "git ls-files: {}", String::from_utf8_lossy(&output.stderr));
        let listing = String::from_utf8(output.stdout).expect("paths are UTF-8");
        let read = |path: &str| Some(File::new(path, std::fs::read_to_string(root.join(path)).ok()?));
        let mut files: Vec<File> =
            listing.split('\0').filter(|path| !path.is_empty()).filter_map(read).collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files.dedup_by(|a, b| a.path == b.path);
        Self { files }
    }

    /// A tree of a few files, for the tests of the rules.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        Self { files: files.iter().map(|(path, text)| File::new(path, (*text).to_owned())).collect() }
    }

    /// The file at `path`.
    pub(super) fn get(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// The Rust sources.
    pub(super) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.is_rust())
    }

    /// Whether `path` is a file, or a folder that holds one.
    pub(super) fn has(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        self.files.iter().any(|file| file.path == path || file.path.starts_with(&folder))
    }
}

impl File {
    fn new(path: &str, text: String) -> Self {
        let masked = if path.ends_with(".rs") { Masked::new(&text) } else { Masked::default() };
        Self { path: path.to_owned(), text, masked }
    }

    pub(super) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The lines of the text with their numbers from 1.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        numbered(&self.text)
    }

    /// The lines of the Rust code with their numbers from 1, comments and strings blank.
    pub(super) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        numbered(&self.masked.code)
    }

    /// The lines of the Rust comments with their numbers from 1, everything else blank.
    pub(super) fn comments(&self) -> impl Iterator<Item = (usize, &str)> {
        numbered(&self.masked.comments)
    }

    /// The package folder this source belongs to, if it lies under that package's `src`.
    pub(super) fn package_of_src(&self) -> Option<&str> {
        self.path.split_once("/src/").map(|(package, _)| package)
    }
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line))
}

/// Where `word` stands in `line` as a whole word: not a part of a longer identifier.
pub(super) fn find_word(line: &str, word: &str) -> Option<usize> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word)
        .map(|(at, _)| at)
        .find(|&at| !line[..at].ends_with(is_part) && !line[at + word.len()..].starts_with(is_part))
}

/// The path that `relative` means inside `folder`, without `.` and `..`.
pub(super) fn join(folder: &str, relative: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in relative.split('/') {
        match part {
            "." => {}
            ".." => _ = parts.pop(),
            part => parts.push(part),
        }
    }
    parts.join("/")
}
