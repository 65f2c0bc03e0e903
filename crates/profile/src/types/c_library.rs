//! Functions of C's library that allocate on their own account: what their documentation says they return.
//!
//! Names are those of glibc's debug symbols, without the prefixes that tell its copies of one function apart,
//! and those that every program sees.

/// What people call the memory, by the function that asked for it.
const ALLOCATING: [(&str, &str); 14] = [
    ("alloc_dir", "DIR"),
    ("opendir", "DIR"),
    ("fdopendir", "DIR"),
    ("fopen_internal", "FILE"),
    ("fopen", "FILE"),
    ("fdopen", "FILE"),
    ("IO_file_doallocate", "char[] of a FILE"),
    ("strdup", "char[]"),
    ("strndup", "char[]"),
    ("getdelim", "char[]"),
    ("IO_getdelim", "char[]"),
    ("vasprintf_internal", "char[]"),
    ("asprintf", "char[]"),
    ("getcwd", "char[]"),
];

/// The type of what a function of the library has allocated.
pub(super) fn told(function: &str) -> Option<&'static str> {
    let bare = function.trim_start_matches('_');
    let bare = bare.strip_prefix("GI_").unwrap_or(bare).trim_start_matches('_');
    ALLOCATING.iter().find(|(name, _)| *name == bare).map(|(_, known)| *known)
}

#[cfg(test)]
mod tests {
    use super::told;

    #[test]
    fn copies_of_a_function_are_told_by_their_own_name() {
        assert_eq!(told("__alloc_dir"), Some("DIR"));
        assert_eq!(told("__GI___strdup"), Some("char[]"));
        assert_eq!(told("_IO_file_doallocate"), Some("char[] of a FILE"));
        assert_eq!(told("my_strdup"), None);
        assert_eq!(told("alloc::alloc::alloc"), None);
    }
}
