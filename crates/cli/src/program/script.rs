//! The first line of a script, read as the kernel and `env` read it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// What starts a script.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FirstLine<'a> {
    /// The interpreter, as written.
    pub(super) interpreter: &'a OsStr,
    /// The program that `env` looks for, when the interpreter is `env` and is asked for nothing special.
    pub(super) through_env: Option<&'a OsStr>,
}

/// Reads a head that starts with `#!`; `None` when no interpreter follows.
pub(super) fn parse(head: &[u8]) -> Option<FirstLine<'_>> {
    let line = head.strip_prefix(b"#!")?.split(|&byte| byte == b'\n' || byte == 0).next()?;
    let mut words = line.split(|&byte| byte == b' ' || byte == b'\t').filter(|word| !word.is_empty());
    let interpreter = words.next()?;
    let is_env = interpreter.rsplit(|&byte| byte == b'/').next() == Some(b"env".as_slice());
    let through_env = if is_env { env_program(words) } else { None };
    Some(FirstLine {
        interpreter: OsStr::from_bytes(interpreter),
        through_env: through_env.map(OsStr::from_bytes),
    })
}

/// The program among the arguments of `env`: behind `-S` and assignments. Other options hide it.
fn env_program<'a>(words: impl Iterator<Item = &'a [u8]>) -> Option<&'a [u8]> {
    words
        .map(|word| word.strip_prefix(b"-S").unwrap_or(word))
        .find(|word| !word.is_empty() && !word.contains(&b'='))
        .filter(|word| !word.starts_with(b"-"))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::parse;

    #[test]
    fn first_lines_are_read_as_the_kernel_does() {
        let cases: [(&str, &str, Option<&str>); 7] = [
            ("#!/bin/sh\n", "/bin/sh", None),
            ("#! /bin/sh -e\n", "/bin/sh", None),
            ("#!/usr/bin/env python3\n", "/usr/bin/env", Some("python3")),
            ("#!/usr/bin/env -S FOO=1 python3 -u\n", "/usr/bin/env", Some("python3")),
            ("#!/usr/bin/env -Spython3 -u\n", "/usr/bin/env", Some("python3")),
            ("#!/usr/bin/env -i python3\n", "/usr/bin/env", None),
            ("#!/bin/sh", "/bin/sh", None),
        ];
        for (head, interpreter, through_env) in cases {
            let line = parse(head.as_bytes()).expect("there is an interpreter");
            assert_eq!(line.interpreter, interpreter, "{head}");
            assert_eq!(line.through_env, through_env.map(OsStr::new), "{head}");
        }
        assert_eq!(parse(b"#!\n/bin/sh"), None);
        assert_eq!(parse(b"#!  "), None);
    }
}
