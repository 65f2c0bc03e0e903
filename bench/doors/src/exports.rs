//! Looks into a library for the functions that it must export to stand before libc.

use std::fs;
use std::path::Path;

use object::{Object, ObjectSymbol};

const NEEDED: [&str; 5] = ["malloc", "free", "calloc", "realloc", "posix_memalign"];

/// Fails with the names that are missing.
pub(crate) fn check(library: &Path) -> Result<(), String> {
    let bytes = fs::read(library).map_err(|error| format!("{}: {error}", library.display()))?;
    let file =
        object::File::parse(bytes.as_slice()).map_err(|error| format!("{}: {error}", library.display()))?;
    let exported: Vec<&str> = file
        .dynamic_symbols()
        .filter(|symbol| symbol.is_definition() && symbol.is_global())
        .filter_map(|symbol| symbol.name().ok())
        .collect();
    let missing: Vec<&str> = NEEDED.into_iter().filter(|name| !exported.contains(name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!("{} does not export {}", library.display(), missing.join(" ")))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::process::Command;

    use super::check;

    /// A shared object of this source.
    fn compile(folder: &Path, source: &str) -> std::path::PathBuf {
        let (file, library) = (folder.join("x.c"), folder.join("libx.so"));
        fs::write(&file, source).expect("written");
        let status =
            Command::new("cc").args(["-shared", "-fPIC", "-w"]).arg(&file).arg("-o").arg(&library).status();
        assert!(status.expect("a C compiler").success());
        library
    }

    #[test]
    fn a_hidden_function_is_missed() {
        let folder = tempfile::tempdir().expect("a folder");
        let others = "void free(){} void calloc(){} void realloc(){} void posix_memalign(){}";
        let whole = compile(folder.path(), &format!("{others} void malloc(){{}}"));
        assert_eq!(check(&whole), Ok(()));
        let hidden = "__attribute__((visibility(\"hidden\"))) void malloc(){}";
        let missed = check(&compile(folder.path(), &format!("{others} {hidden}")));
        assert!(missed.expect_err("malloc is hidden").ends_with("does not export malloc"));
    }

    #[test]
    fn a_function_that_is_only_called_is_missed() {
        let folder = tempfile::tempdir().expect("a folder");
        let calls = compile(folder.path(), "#include <stdlib.h>\nvoid f(void) { free(malloc(1)); }");
        assert!(check(&calls).expect_err("it calls them").contains("malloc free"));
    }
}
