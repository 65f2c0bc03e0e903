//! Whether a library must be built again.
//!
//! Beside each library lies a recipe: everything that decided what came out, as text. A crate's sources have
//! its version in their path and hardly ever change under it; where they do, as in a patched crate, the times
//! of the files tell.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The library exists, was built by this recipe, and no file of `sources` is newer.
pub(crate) fn is_fresh(library: &Path, recipe: &str, sources: &[PathBuf]) -> bool {
    let built = modified(library);
    let same_recipe = fs::read_to_string(recipe_path(library)).is_ok_and(|written| written == recipe);
    built.is_some() && same_recipe && sources.iter().all(|source| modified(source) <= built)
}

/// Keeps the recipe of a library that has just been built.
pub(crate) fn keep(library: &Path, recipe: &str) -> Result<(), String> {
    let path = recipe_path(library);
    fs::write(&path, recipe).map_err(|error| format!("{}: {error}", path.display()))
}

fn recipe_path(library: &Path) -> PathBuf {
    library.with_extension("recipe")
}

fn modified(file: &Path) -> Option<SystemTime> {
    file.metadata().ok()?.modified().ok()
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::time::{Duration, SystemTime};

    use super::{is_fresh, keep};

    #[test]
    fn a_missing_library_another_recipe_and_newer_sources_are_seen() {
        let folder = tempfile::tempdir().expect("a folder");
        let library = folder.path().join("libx.so");
        let source = folder.path().join("x.c");
        fs::write(&source, "").expect("written");
        keep(&library, "cc").expect("kept");
        assert!(!is_fresh(&library, "cc", &[]), "there is no library yet");

        fs::write(&library, "").expect("written");
        assert!(is_fresh(&library, "cc", std::slice::from_ref(&source)));
        assert!(!is_fresh(&library, "cc -O3", std::slice::from_ref(&source)));

        let later = SystemTime::now() + Duration::from_secs(60);
        File::options().append(true).open(&source).and_then(|file| file.set_modified(later)).expect("set");
        assert!(!is_fresh(&library, "cc", &[source]));
    }
}
