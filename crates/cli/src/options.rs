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

/// The value for a child that leaves its records in `records`, with ledgers if `ledger` says so, and its heap
/// profiles in `profiles`, and listens at `serve`: the user's own options, then ours.
pub(crate) fn for_child(
    user: Option<&OsStr>,
    records: &Path,
    profiles: Option<&Path>,
    ledger: bool,
    serve: Option<&str>,
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
        key == "record"
            || serve.is_some() && key == "listen"
            || profiles.is_some() && matches!(key, "profile" | "profileinterval")
    };
    let own = user.split(',').filter(|option| !option.is_empty() && !is_ours(option));
    let ours = format!("{}record={records}", if ledger { "stats=ledger," } else { "" });
    let profiles = profiles.map(run_profile::options);
    let serve = serve.map(listen).transpose()?;
    let ours = [Some(ours), profiles, serve].into_iter().flatten();
    Ok(own.map(str::to_owned).chain(ours).collect::<Vec<_>>().join(","))
}

/// The option that has a program listen at `address`.
fn listen(address: &str) -> Result<String, Failure> {
    let option = format!("listen={address}");
    let checked = spandrel::check_options(&option).map_err(|error| error.reason);
    match checked {
        _ if address.contains(',') => Err(Failure::new(format_args!("`--serve {address}`: no commas"))),
        Ok(()) => Ok(option),
        Err(reason) => Err(Failure::new(format_args!("`--serve {address}`: {reason}"))),
    }
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
        let child = |user: &str| for_child(Some(OsStr::new(user)), Path::new("/tmp/r"), None, false, None);
        assert_eq!(for_child(None, Path::new("/tmp/r"), None, false, None), Ok("record=/tmp/r".to_string()));
        assert_eq!(child("stats=exact,"), Ok("stats=exact,record=/tmp/r".to_string()));
        assert_eq!(child("record=/tmp/outer,stats=exit"), Ok("stats=exit,record=/tmp/r".to_string()));
        assert!(for_child(None, Path::new("/tmp/a,b"), None, false, None).is_err());
        assert!(for_child(Some(OsStr::new("hugo=1")), Path::new("/tmp/r"), None, false, None).is_err());
        let user = Some(OsStr::new("profile=/x,memprofilerate=1"));
        let profiled = "memprofilerate=1,record=/tmp/r,profile=/tmp/p/%p.pb,profileinterval=2".to_string();
        assert_eq!(
            for_child(user, Path::new("/tmp/r"), Some(Path::new("/tmp/p")), false, None),
            Ok(profiled)
        );
        let with_ledger = for_child(None, Path::new("/tmp/r"), None, true, None);
        assert_eq!(with_ledger, Ok("stats=ledger,record=/tmp/r".to_string()));
        let user = Some(OsStr::new("listen=[::1]:1"));
        let serving = |address| for_child(user, Path::new("/tmp/r"), None, false, Some(address));
        assert_eq!(serving("127.0.0.1:0"), Ok("record=/tmp/r,listen=127.0.0.1:0".to_string()));
        for wrong in ["", "0.0.0.0:80", "9000", "127.0.0.1:1,stats=exact"] {
            assert!(serving(wrong).is_err(), "{wrong}");
        }
    }
}
