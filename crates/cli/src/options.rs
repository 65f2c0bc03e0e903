//! The variable `SPANDREL`: what the user set, checked, and what the child gets.
//!
//! The allocator itself ignores what it does not understand, since it must not end a program over an
//! option. A person who types an option wants to know, so `spandrel run` refuses it.

use std::ffi::OsStr;
use std::path::Path;

use crate::failure::Failure;

/// The name of the variable.
pub(crate) const VARIABLE: &str = "SPANDREL";

/// The value for a child that leaves its records in `records`: the user's own options, then ours. With
/// `ledger` the records have ledgers.
pub(crate) fn for_child(user: Option<&OsStr>, records: &Path, ledger: bool) -> Result<String, Failure> {
    let user = match user {
        Some(user) => user.to_str().ok_or_else(|| Failure::new("the variable SPANDREL is not UTF-8"))?,
        None => "",
    };
    spandrel::check_options(user).map_err(|error| {
        Failure::new(format_args!("bad option `{}` in the variable SPANDREL: {}", error.option, error.reason))
    })?;
    let records = records.to_str().filter(|records| !records.contains(',')).ok_or_else(|| {
        Failure::new(format_args!(
            "the temporary folder {} has a comma or is not UTF-8: set TMPDIR to another one",
            records.display()
        ))
    })?;
    // A run within a run inherits a folder for records; its own takes the place.
    let own = user.split(',').filter(|option| !option.is_empty() && !option.starts_with("record="));
    let ours = format!("{}record={records}", if ledger { "stats=ledger," } else { "" });
    Ok(own.chain([ours.as_str()]).collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::path::Path;

    use super::for_child;

    #[test]
    fn the_child_gets_the_users_options_and_one_folder() {
        let child = |user: &str| for_child(Some(OsStr::new(user)), Path::new("/tmp/r"), false);
        assert_eq!(for_child(None, Path::new("/tmp/r"), false), Ok("record=/tmp/r".to_string()));
        let with_ledger = for_child(None, Path::new("/tmp/r"), true);
        assert_eq!(with_ledger, Ok("stats=ledger,record=/tmp/r".to_string()));
        assert_eq!(child("stats=exact,"), Ok("stats=exact,record=/tmp/r".to_string()));
        assert_eq!(child("record=/tmp/outer,stats=exit"), Ok("stats=exit,record=/tmp/r".to_string()));
        assert!(for_child(None, Path::new("/tmp/a,b"), false).is_err());
        assert!(for_child(Some(OsStr::new("hugo=1")), Path::new("/tmp/r"), false).is_err());
    }
}
