//! The source of a type: where it is, and its text.
//!
//! C and C++ have the file and the line of each type and member in their debug information. Rust and Go have
//! neither; there the source is looked for: from the first file of the crate, or in the files of the package,
//! which debug information does name, a declaration of that name is searched. A file whose path is like the
//! module path of the type is taken before others.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use crate::model::{Language, Type};
use crate::types::Types;

/// Files larger than this are no source that somebody wrote.
const FILE_BYTES_MAX: u64 = 8 << 20;
/// A crate with more files than this is not searched further.
const FILES_MAX: usize = 4000;

/// A file of source, line by line.
#[derive(Debug)]
pub struct SourceFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its lines, without their ends.
    pub lines: Vec<String>,
}

/// The text of a type's declaration.
#[derive(Clone, Debug)]
pub struct Declaration {
    /// The file.
    pub file: Rc<SourceFile>,
    /// The index of the line with its name.
    pub name_line: usize,
    /// The index of the line with the brace that closes it; the same as the first for one on a single line.
    pub end_line: usize,
}

/// For each name of a type, the files and the indices of the lines that declare one.
type Index = HashMap<String, Vec<(PathBuf, usize)>>;

/// Reads source files, each once.
#[derive(Debug, Default)]
pub struct Sources {
    files: RefCell<HashMap<PathBuf, Option<Rc<SourceFile>>>>,
    /// What each crate declares, by its first file.
    indices: RefCell<HashMap<PathBuf, Rc<Index>>>,
}

impl Sources {
    /// A file, if it is there and is text.
    #[must_use]
    pub fn file(&self, path: &Path) -> Option<Rc<SourceFile>> {
        if let Some(known) = self.files.borrow().get(path) {
            return known.clone();
        }
        let is_readable = path.metadata().is_ok_and(|file| file.is_file() && file.len() <= FILE_BYTES_MAX);
        let text = is_readable.then(|| std::fs::read_to_string(path).ok()).flatten();
        let file = text.map(|text| {
            let lines = text.lines().map(str::to_string).collect();
            Rc::new(SourceFile { path: path.to_path_buf(), lines })
        });
        self.files.borrow_mut().insert(path.to_path_buf(), file.clone());
        file
    }

    /// The declaration of a type, if its source is at hand.
    #[must_use]
    pub fn declaration(&self, types: &Types, found: &Type) -> Option<Declaration> {
        if let Some(source) = &found.source {
            let file = self.file(Path::new(&*source.file))?;
            let name_line = usize::try_from(source.line).ok()?.checked_sub(1)?;
            return declaration_at(file, name_line);
        }
        match found.language {
            Language::Rust => self.find_rust(types, &found.name),
            Language::Go => self.find_go(types, &found.name),
            _ => None,
        }
    }

    fn find_rust(&self, types: &Types, name: &str) -> Option<Declaration> {
        let plain = name.split('<').next()?;
        let mut path: Vec<&str> = plain.split("::").collect();
        let type_name = path.pop()?;
        let crate_name = *path.first()?;
        types.root(crate_name).iter().find_map(|root| self.find_below(root, type_name, &path[1..]))
    }

    /// The declaration of a type in a crate, by its name and the modules that it lies in.
    fn find_below(&self, root: &str, type_name: &str, modules: &[&str]) -> Option<Declaration> {
        let index = self.index(Path::new(root));
        // The first of those that are most alike; equal ones stand in one file, in modules of their own.
        let places = index.get(type_name)?;
        let best = places.iter().map(|(file, _)| likeness(file, modules)).max()?;
        let mut near = places.iter().filter(|(file, _)| likeness(file, modules) == best);
        near.find_map(|(file, line)| declaration_at(self.file(file)?, *line))
    }

    /// Where a crate declares which types.
    fn index(&self, root: &Path) -> Rc<Index> {
        if let Some(known) = self.indices.borrow().get(root) {
            return known.clone();
        }
        let mut files = vec![root.to_path_buf()];
        // A crate of one file in a folder of others (`examples/`, `src/bin/`) is not searched beyond it.
        let is_crate = root.file_name().is_some_and(|name| name == "lib.rs" || name == "main.rs");
        if let Some(folder) = root.parent().filter(|_| is_crate) {
            collect(folder, &mut files);
        }
        let mut index = Index::new();
        for path in files {
            let Some(file) = self.file(&path) else { continue };
            for (line, text) in file.lines.iter().enumerate() {
                for name in declared(text) {
                    index.entry(name.to_string()).or_default().push((path.clone(), line));
                }
            }
        }
        let index = Rc::new(index);
        self.indices.borrow_mut().insert(root.to_path_buf(), index.clone());
        index
    }

    fn find_go(&self, types: &Types, name: &str) -> Option<Declaration> {
        let plain = name.split('[').next()?;
        let (package, type_name) = plain.rsplit_once('.')?;
        let files: &[Arc<str>] = types.root(package);
        files.iter().filter_map(|file| self.file(Path::new(&**file))).find_map(|file| {
            let line = file.lines.iter().position(|line| {
                let rest = line.trim().strip_prefix("type ").unwrap_or(line.trim());
                let rest = rest.strip_prefix(type_name);
                rest.is_some_and(|rest| rest.trim_start().starts_with("struct") || rest.starts_with('['))
            })?;
            declaration_at(file, line)
        })
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    for path in paths {
        if files.len() >= FILES_MAX {
            return;
        }
        if path.is_dir() && !path.is_symlink() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !files.contains(&path) {
            files.push(path);
        }
    }
}

/// How many modules of a path the path of a file names, in order.
fn likeness(file: &Path, modules: &[&str]) -> usize {
    let stem = file.with_extension("");
    let parts: Vec<&str> = stem.iter().filter_map(|part| part.to_str()).collect();
    let mut modules = modules.iter();
    let mut next = modules.next();
    let mut alike = 0;
    for part in parts {
        if next.is_some_and(|module| *module == part) {
            alike += 1;
            next = modules.next();
        }
    }
    alike
}

/// The names of the types that a line of Rust declares.
fn declared(line: &str) -> impl Iterator<Item = &str> {
    let code = code_of(line);
    let keywords = ["struct ", "enum ", "union "].into_iter();
    keywords.flat_map(move |keyword| code.match_indices(keyword)).filter_map(move |(at, keyword)| {
        let is_word = code[..at].chars().next_back().is_none_or(|c| matches!(c, ' ' | '{' | ';' | '\t'));
        let rest = code[at + keyword.len()..].trim_start();
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        (is_word && end > 0).then(|| &rest[..end])
    })
}

/// The declaration that begins at a line: to the brace that closes its first one.
fn declaration_at(file: Rc<SourceFile>, name_line: usize) -> Option<Declaration> {
    let mut depth = 0_u32;
    let mut is_open = false;
    for (index, line) in file.lines.iter().enumerate().skip(name_line) {
        for c in code_of(line).chars() {
            match c {
                '{' => (depth, is_open) = (depth + 1, true),
                '}' => depth = depth.saturating_sub(1),
                // A tuple, a unit, or a mere name.
                ';' if !is_open => return Some(Declaration { file, name_line, end_line: index }),
                _ => {}
            }
            if is_open && depth == 0 {
                return Some(Declaration { file, name_line, end_line: index });
            }
        }
    }
    None
}

/// A line without its comment at the end.
pub(crate) fn code_of(line: &str) -> &str {
    let end = line.find("//").into_iter().chain(line.find("/*")).min();
    end.map_or(line, |end| &line[..end])
}
