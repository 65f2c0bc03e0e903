//! C and C++ sources compiled and linked into one shared object, several at a time.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use crate::commands::run;
use crate::freshness;
use crate::workshop::Workshop;

/// What a shared object is made of.
#[derive(Debug)]
pub(crate) struct SharedObject<'a> {
    pub(crate) compiler: Compiler,
    pub(crate) sources: Vec<PathBuf>,
    pub(crate) includes: Vec<PathBuf>,
    /// For every source.
    pub(crate) flags: &'a [&'a str],
    /// Besides `-shared`, after the objects.
    pub(crate) link_flags: &'a [&'a str],
}

/// Which compiler compiles and links.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Compiler {
    C,
    Cxx,
}

impl Compiler {
    /// The variable that names another, and the usual one.
    fn program(self) -> String {
        let (variable, usual) = match self {
            Compiler::C => ("CC", "cc"),
            Compiler::Cxx => ("CXX", "c++"),
        };
        env::var(variable).ok().filter(|name| !name.is_empty()).unwrap_or_else(|| usual.to_owned())
    }
}

impl SharedObject<'_> {
    /// Builds the library of the peer `name` unless it is up to date; gives its path.
    pub(crate) fn build(&self, workshop: &Workshop, name: &str) -> Result<PathBuf, String> {
        let library = workshop.library(name);
        let recipe = self.recipe();
        if freshness::is_fresh(&library, &recipe, &self.sources) {
            return Ok(library);
        }
        eprintln!("building {name} ({} files)", self.sources.len());
        let scratch = workshop.scratch(name);
        fs::create_dir_all(&scratch).map_err(|error| format!("{}: {error}", scratch.display()))?;
        let objects = self.compile(&scratch)?;
        run(Command::new(self.compiler.program())
            .arg("-shared")
            .arg("-o")
            .arg(&library)
            .args(objects)
            .args(self.link_flags))?;
        freshness::keep(&library, &recipe)?;
        Ok(library)
    }

    /// Everything that decides what comes out.
    fn recipe(&self) -> String {
        let paths: Vec<String> =
            self.includes.iter().chain(&self.sources).map(|path| path.display().to_string()).collect();
        format!(
            "{} {}\n-shared {}\n{}\n",
            self.compiler.program(),
            self.flags.join(" "),
            self.link_flags.join(" "),
            paths.join("\n")
        )
    }

    /// Compiles on all cores; after a failure nothing more is begun.
    fn compile(&self, scratch: &Path) -> Result<Vec<PathBuf>, String> {
        let objects: Vec<PathBuf> =
            (0..self.sources.len()).map(|index| scratch.join(format!("{index}.o"))).collect();
        let jobs = Mutex::new(self.sources.iter().zip(&objects));
        let next_job = || jobs.lock().expect("no worker panics").next();
        let work = || -> Result<(), String> {
            while let Some((source, object)) = next_job() {
                if let Err(reason) = self.compile_one(source, object) {
                    while next_job().is_some() {}
                    return Err(reason);
                }
            }
            Ok(())
        };
        let workers = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            workers.into_iter().try_for_each(|worker| worker.join().expect("no worker panics"))
        })?;
        Ok(objects)
    }

    fn compile_one(&self, source: &Path, object: &Path) -> Result<(), String> {
        let mut command = Command::new(self.compiler.program());
        command.args(self.flags);
        for folder in &self.includes {
            command.arg("-I").arg(folder);
        }
        run(command.arg("-c").arg(source).arg("-o").arg(object)).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::{Compiler, SharedObject};

    fn sources_in(folder: &Path, texts: &[&str]) -> Vec<PathBuf> {
        let paths = (0..texts.len()).map(|index| folder.join(format!("{index}.c")));
        let written = paths.zip(texts).map(|(path, text)| fs::write(&path, text).map(|()| path));
        written.collect::<Result<_, _>>().expect("written")
    }

    fn shared_object(sources: Vec<PathBuf>) -> SharedObject<'static> {
        SharedObject { compiler: Compiler::C, sources, includes: vec![], flags: &["-DF=f"], link_flags: &[] }
    }

    #[test]
    fn every_source_becomes_an_object_and_flags_count() {
        let folder = tempfile::tempdir().expect("a folder");
        let sources = sources_in(folder.path(), &["int F(void) { return 1; }"; 5]);
        let objects = shared_object(sources).compile(folder.path()).expect("compiled");
        assert_eq!(objects.len(), 5);
        assert!(objects.iter().all(|object| object.is_file()));
    }

    #[test]
    fn a_failure_tells_the_compilers_first_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let sources = sources_in(folder.path(), &["int f;", "int f = ;", "int f;"]);
        let reason = shared_object(sources).compile(folder.path()).expect_err("the second is wrong");
        assert!(reason.contains("1.c:1:9: error"), "{reason}");
    }

    #[test]
    fn the_recipe_has_all_that_decides() {
        let recipe = shared_object(vec!["/s/x.c".into()]).recipe();
        assert!(recipe.contains("-DF=f") && recipe.contains("/s/x.c"), "{recipe}");
        let linked = SharedObject { link_flags: &["-ldl"], ..shared_object(vec!["/s/x.c".into()]) };
        assert_ne!(linked.recipe(), recipe);
    }
}
