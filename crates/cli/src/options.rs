//! The variable `SPANDREL`: what the user set, checked, and what the child gets.
//!
//! The allocator itself ignores what it does not understand, since it must not end a program over an
//! option. A person who types an option wants to know, so `spandrel run` refuses it.

use std::ffi::OsStr;
use std::path::Path;

use crate::failure::Failure;
use crate::run_profile;

/// The name of the variable.
pub(crate) const VARIABLE: &str = "SPANDREL";

/// The value for a child that leaves its records in `records`, and its heap profiles in `profiles`: the
/// user's own options, then ours.
pub(crate) fn for_child(
    user: Option<&OsStr>,
    records: &Path,
    profiles: Option<&Path>,
) -> Result<String, Failure> {
    let user = match user {
        Some(user) => user.to_str().ok_or_else(|| Failure::new("the variable SPANDREL is not UTF-8"))?,
        None => "",
    };
    spandrel::check_options(user).map_err(|error| {
        Failure::new(format_args!("bad option `{}` in the variable SPANDREL: {}", error.option, error.reason))
    })?;
    let records = plain(records)?;
    let profiles = profiles.map(plain).transpose()?;
    // A run within a run inherits a folder for records; its own takes the place.
    let is_ours = |option: &str| {
        let key = option.split('=').next().unwrap_or(option);
        key == "record" || profiles.is_some() && matches!(key, "profile" | "profileinterval")
    };
    let own = user.split(',').filter(|option| !option.is_empty() && !is_ours(option));
    let ours = format!("record={records}");
    let profiles = profiles.map(run_profile::options);
    Ok(own.chain([ours.as_str()]).chain(profiles.as_deref()).collect::<Vec<_>>().join(","))
}

/// The path of a folder as it can stand in an option.
fn plain(folder: &Path) -> Result<&str, Failure> {
    folder.to_str().filter(|folder| !folder.contains(',')).ok_or_else(|| {
        Failure::new(format_args!(
            "the temporary folder {} has a comma or is not UTF-8: set TMPDIR to another one",
            folder.display()
        ))
    })
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::path::Path;

    use super::for_child;

    #[test]
    fn the_child_gets_the_users_options_and_one_folder() {
        let child = |user: &str| for_child(Some(OsStr::new(user)), Path::new("/tmp/r"), None);
        assert_eq!(for_child(None, Path::new("/tmp/r"), None), Ok("record=/tmp/r".to_string()));
        assert_eq!(child("stats=exact,"), Ok("stats=exact,record=/tmp/r".to_string()));
        assert_eq!(child("record=/tmp/outer,stats=exit"), Ok("stats=exit,record=/tmp/r".to_string()));
        assert!(for_child(None, Path::new("/tmp/a,b"), None).is_err());
        assert!(for_child(Some(OsStr::new("hugo=1")), Path::new("/tmp/r"), None).is_err());
        let user = Some(OsStr::new("profile=/x,memprofilerate=1"));
        let profiled = "memprofilerate=1,record=/tmp/r,profile=/tmp/p/%p.pb,profileinterval=2".to_string();
        assert_eq!(for_child(user, Path::new("/tmp/r"), Some(Path::new("/tmp/p"))), Ok(profiled));
    }
}
