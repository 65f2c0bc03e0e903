//! The contenders as shared objects: built by the program `doors`, and looked at before they are used.
//!
//! A library that cannot be preloaded is skipped by the dynamic linker with a line on stderr, and the figures
//! would be of the C library. So each is first put under a program that prints its own mappings.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::contender::Contender;
use crate::process;
use crate::track::Track;
use crate::workshop;

/// The allocator that is there when nothing is preloaded.
const PRELOADED_BY_NOBODY: &str = "glibc";
/// What `doors` said last, for runs that build nothing.
const SAVED: &str = "doors/libraries.json";

/// What `doors build` says of a contender.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Library {
    name: String,
    /// None if nothing is to be preloaded, or if it could not be built.
    #[serde(rename = "library")]
    file: Option<PathBuf>,
    version: Option<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    error: Option<String>,
}

/// Builds the libraries of these contenders, or finds what was built before, and tries each.
pub(crate) fn get(names: &[&str], build: bool) -> Vec<Library> {
    let said = if build { build_all(names) } else { saved() };
    names.iter().map(|name| checked(name, &said)).collect()
}

impl Library {
    fn without(name: &str, error: Option<String>) -> Library {
        Library { name: name.to_owned(), file: None, version: None, env: BTreeMap::new(), error }
    }

    /// This library as a contender on `track`.
    pub(crate) fn contender(&self, track: Track) -> Contender {
        let path = self.error.clone().map_or_else(|| Ok(self.file.clone()), Err);
        Contender {
            env: self.env.clone(),
            version: self.version.clone(),
            ..Contender::new(track, &self.name, path)
        }
    }

    /// Fails unless a program runs under the library, has it mapped, and nobody complains.
    fn check(&self) -> Result<(), String> {
        let Some(file) = &self.file else {
            return Err("there is no library of it".to_owned());
        };
        let file = file.canonicalize().map_err(|error| format!("{}: {error}", file.display()))?;
        let mut command = Command::new("cat");
        command.arg("/proc/self/maps").stdin(Stdio::null()).env("LD_PRELOAD", &file).envs(&self.env);
        let output = command.output().map_err(|error| format!("cat does not start: {error}"))?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() || !output.stderr.is_empty() {
            return Err(format!(
                "a program under it fails: {}",
                process::failure_text(output.status, &complaint)
            ));
        }
        if is_mapped(&String::from_utf8_lossy(&output.stdout), &file) {
            Ok(())
        } else {
            Err(format!("{} is not mapped by a program that it was preloaded into", file.display()))
        }
    }
}

/// Whether the text of a process's `/proc/PID/maps` names the file.
fn is_mapped(maps: &str, library: &Path) -> bool {
    let path = library.to_string_lossy();
    maps.lines().any(|line| line.strip_suffix(&*path).is_some_and(|before| before.ends_with(' ')))
}

/// What was said of `name`, with an error if the library does not stand the test.
fn checked(name: &str, said: &Result<Vec<Library>, String>) -> Library {
    if name == PRELOADED_BY_NOBODY {
        return Library { version: workshop::glibc_version(), ..Library::without(name, None) };
    }
    let libraries = match said {
        Ok(libraries) => libraries,
        Err(error) => return Library::without(name, Some(error.clone())),
    };
    let Some(found) = libraries.iter().find(|library| library.name == name) else {
        return Library::without(name, Some("its library was not built".to_owned()));
    };
    let error = found.error.clone().or_else(|| found.check().err());
    Library { error, ..found.clone() }
}

/// Has `doors` build the libraries, and keeps what it says for later.
fn build_all(names: &[&str]) -> Result<Vec<Library>, String> {
    eprintln!("building the libraries for preloading");
    let mut command = workshop::cargo();
    command.args(["run", "--quiet", "--release", "--package", "doors"]);
    command.args(["--target-dir".as_ref(), workshop::target_folder()?.as_os_str()]);
    command.args(["--", "build"]).args(names.iter().filter(|&&name| name != PRELOADED_BY_NOBODY));
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| format!("cargo: {error}"))?;
    let libraries = parse(&String::from_utf8_lossy(&output.stdout));
    if libraries.is_empty() && !output.status.success() {
        return Err(format!("`doors build` failed: {}", output.status));
    }
    keep(&libraries)?;
    Ok(libraries)
}

fn parse(lines: &str) -> Vec<Library> {
    lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn saved() -> Result<Vec<Library>, String> {
    let path = workshop::target_folder()?.join(SAVED);
    let text = fs::read_to_string(path).map_err(|_| "its library was not built".to_owned())?;
    Ok(parse(&text))
}

/// Adds to what is known from earlier builds.
fn keep(libraries: &[Library]) -> Result<(), String> {
    let path = workshop::target_folder()?.join(SAVED);
    let is_news = |old: &Library| libraries.iter().all(|library| library.name != old.name);
    let older = saved().unwrap_or_default().into_iter().filter(is_news);
    let lines: Vec<String> = libraries.iter().cloned().chain(older).map(|library| line(&library)).collect();
    let folder = path.parent().expect("it lies in a folder");
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&path, lines.concat()))
        .map_err(|error| format!("{}: {error}", path.display()))
}

fn line(library: &Library) -> String {
    serde_json::to_string(library).expect("a library has nothing that JSON lacks") + "\n"
}

#[cfg(test)]
mod tests {
    use super::{Library, checked, is_mapped, parse};
    use std::path::{Path, PathBuf};

    fn library(path: &str) -> Library {
        Library { file: Some(PathBuf::from(path)), ..Library::without("some", None) }
    }

    #[test]
    fn what_doors_says_is_read_and_other_lines_are_not() {
        let said = concat!(
            "building\n",
            r#"{"name":"mimalloc","library":"/x/mi.so","version":"3","env":{"K":"V"},"error":null}"#,
            "\n",
            r#"{"name":"ferroc","library":null,"version":null,"env":{},"error":"does not compile"}"#,
        );
        let libraries = parse(said);
        assert_eq!(libraries.len(), 2);
        assert_eq!(libraries[0].env["K"], "V");
        assert_eq!(libraries[1].error.as_deref(), Some("does not compile"));
    }

    #[test]
    fn a_library_that_is_mapped_is_taken() {
        let maps = std::fs::read_to_string("/proc/self/maps").expect("every Linux has it");
        let own = maps.lines().find(|line| line.contains("/libc.so")).expect("tests are linked dynamically");
        let path = own.split_ascii_whitespace().last().expect("a path");
        assert_eq!(library(path).check(), Ok(()));
    }

    #[test]
    fn mappings_name_the_library_by_its_whole_path() {
        let maps = concat!(
            "7f00-7f01 r-xp 00000000 fe:00 42    /usr/lib/libc.so.6\n",
            "7f02-7f03 rw-p 00000000 00:00 0 \n",
        );
        assert!(is_mapped(maps, Path::new("/usr/lib/libc.so.6")));
        assert!(!is_mapped(maps, Path::new("/lib/libc.so.6")));
        assert!(!is_mapped(maps, Path::new("/usr/lib/libmimalloc.so")));
    }

    #[test]
    fn a_library_that_is_missing_or_complained_about_is_refused() {
        let missing = library("/no/such/library.so").check().expect_err("it is not there");
        assert!(missing.contains("/no/such/library.so"), "{missing}");
        let no_library = library("/proc/self/status").check().expect_err("it is no library");
        assert!(no_library.contains("a program under it fails"), "{no_library}");
    }

    #[test]
    fn the_c_library_needs_none_and_others_keep_their_reason() {
        assert!(checked("glibc", &Err("no cargo".to_owned())).error.is_none());
        assert_eq!(checked("some", &Err("no cargo".to_owned())).error.as_deref(), Some("no cargo"));
        assert!(checked("some", &Ok(Vec::new())).error.is_some());
    }
}
