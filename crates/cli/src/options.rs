//! The variable `SPANDREL`: what the user set, checked, and what the child gets.
//!
//! The allocator itself ignores what it does not understand, since it must not end a program over an
//! option. A person who types an option wants to know, so `spandrel run` refuses it.

use std::ffi::OsStr;
use std::path::Path;

use spandrel_report::units::parse_bytes;

use crate::failure::Failure;

/// The name of the variable.
pub(crate) const VARIABLE: &str = "SPANDREL";

/// The value for a child that leaves its records in `records`: the user's own options, then ours.
pub(crate) fn for_child(user: Option<&OsStr>, records: &Path) -> Result<String, Failure> {
    let user = match user {
        Some(user) => user
            .to_str()
            .ok_or_else(|| Failure::new("the variable SPANDREL is not UTF-8"))?,
        None => "",
    };
    check(user).map_err(|said| {
        Failure::new(format_args!("bad option in the variable SPANDREL: {said}"))
    })?;
    let records = records
        .to_str()
        .filter(|records| !records.contains(','))
        .ok_or_else(|| {
            Failure::new(format_args!(
                "the temporary folder {} has a comma or is not UTF-8: set TMPDIR to another one",
                records.display()
            ))
        })?;
    // A run within a run inherits a folder for records; its own takes the place.
    let own = user
        .split(',')
        .filter(|option| !option.is_empty() && !option.starts_with("record="));
    let ours = format!("record={records}");
    Ok(own.chain([ours.as_str()]).collect::<Vec<_>>().join(","))
}

/// Says what is wrong with a value.
type ValueCheck = fn(&str) -> Result<(), String>;

/// The options that the allocator knows, and the checks of their values.
const OPTIONS: [(&str, ValueCheck); 6] = [
    ("memlimit", limit),
    ("stats", |value| one_of(value, &["exit", "exact"])),
    ("background", switch),
    ("madvdontneed", switch),
    ("scavtrace", switch),
    ("record", path),
];

/// Checks a list `key=value,key=value`.
fn check(options: &str) -> Result<(), String> {
    for option in options.split(',').filter(|option| !option.is_empty()) {
        let Some((key, value)) = option.split_once('=') else {
            return Err(format!("`{option}` has no value: write `{option}=...`"));
        };
        let Some((_, check_value)) = OPTIONS.iter().find(|(known, _)| *known == key) else {
            let known: Vec<_> = OPTIONS.iter().map(|(known, _)| *known).collect();
            return Err(format!(
                "unknown key `{key}`: the keys are {}",
                known.join(", ")
            ));
        };
        check_value(value).map_err(|said| format!("`{option}`: {said}"))?;
    }
    Ok(())
}

fn limit(value: &str) -> Result<(), String> {
    match value {
        "off" => Ok(()),
        _ => parse_bytes(value)
            .map(|_| ())
            .map_err(|_| "write a number of bytes, a size like 512MiB, or `off`".to_string()),
    }
}

fn switch(value: &str) -> Result<(), String> {
    one_of(value, &["0", "1"])
}

fn path(value: &str) -> Result<(), String> {
    if value.is_empty() {
        Err("write a path".to_string())
    } else {
        Ok(())
    }
}

fn one_of(value: &str, known: &[&str]) -> Result<(), String> {
    if known.contains(&value) {
        return Ok(());
    }
    Err(format!(
        "write {}",
        known
            .iter()
            .map(|known| format!("`{known}`"))
            .collect::<Vec<_>>()
            .join(" or ")
    ))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::path::Path;

    use super::{check, for_child};

    #[test]
    fn known_options_pass_and_others_are_named() {
        for good in [
            "",
            ",",
            "memlimit=512MiB",
            "memlimit=off,stats=exact,background=0",
            "record=/a/b",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        let bad = [
            ("memlimit", "`memlimit` has no value: write `memlimit=...`"),
            (
                "memlimit=lots",
                "`memlimit=lots`: write a number of bytes, a size like 512MiB, or `off`",
            ),
            ("stats=1", "`stats=1`: write `exit` or `exact`"),
            ("background=yes", "`background=yes`: write `0` or `1`"),
            ("record=", "`record=`: write a path"),
        ];
        for (options, said) in bad {
            assert_eq!(check(options), Err(said.to_string()));
        }
        assert!(
            check("memlimit=1KiB,hugo=1").is_err_and(|said| said.starts_with("unknown key `hugo`"))
        );
    }

    #[test]
    fn the_child_gets_the_users_options_and_one_folder() {
        let child = |user: &str| for_child(Some(OsStr::new(user)), Path::new("/tmp/r"));
        assert_eq!(
            for_child(None, Path::new("/tmp/r")),
            Ok("record=/tmp/r".to_string())
        );
        assert_eq!(
            child("stats=exact,"),
            Ok("stats=exact,record=/tmp/r".to_string())
        );
        assert_eq!(
            child("record=/tmp/outer,stats=exit"),
            Ok("stats=exit,record=/tmp/r".to_string())
        );
        assert!(for_child(None, Path::new("/tmp/a,b")).is_err());
    }
}
