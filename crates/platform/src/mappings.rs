//! What is mapped in the process and how much of it is resident: `/proc/self/smaps`, read without memory.
//!
//! The kernel writes for each mapping a line with addresses, rights and name, and below it lines with
//! figures, of which only `Rss` is read here:
//!
//! ```text
//!   7f2c8e000000-7f2c8e021000 rw-p 00000000 00:00 0              [anon:name]
//!   Size:                132 kB
//!   Rss:                   8 kB
//! ```

use core::ffi::CStr;

use crate::process::read_pieces;

/// Longest part of a line that is looked at: long paths are cut.
const LINE_BYTES: usize = 256;

/// A mapping with what is resident of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// First address.
    pub start: usize,
    /// The address after the last.
    pub end: usize,
    /// What lies behind it.
    pub backing: Backing,
    /// What is resident of it, in bytes.
    pub resident_bytes: u64,
}

/// What lies behind a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backing {
    /// Nothing but memory.
    Anonymous,
    /// A file, which changes of the process do not reach: programs, libraries.
    File,
    /// A file or memory that is shared with whoever maps it.
    Shared,
    /// The heap of `brk`.
    Break,
    /// The stack of the first thread.
    Stack,
}

/// Calls `see` for each mapping of the process, in the order of addresses; `false` without `/proc`.
pub fn mappings(see: impl FnMut(&Mapping)) -> bool {
    mappings_of(c"/proc/self/smaps", see)
}

/// Calls `see` with the name of the file that is mapped at an address, and where in the file that is; not at
/// all if there is none.
pub fn file_at(address: usize, mut see: impl FnMut(&[u8], usize)) {
    lines_of(c"/proc/self/maps", |line| {
        let Some(mapping) = header(line).filter(|mapping| (mapping.start..mapping.end).contains(&address))
        else {
            return;
        };
        let mut words = line.split(|&byte| byte == b' ').filter(|word| !word.is_empty());
        let offset = words.nth(2).and_then(hexadecimal).unwrap_or_default();
        if let Some(name) = words.nth(2).filter(|name| name.starts_with(b"/")) {
            see(name, address - mapping.start + offset);
        }
    });
}

fn mappings_of(path: &CStr, mut see: impl FnMut(&Mapping)) -> bool {
    let mut current = None;
    let is_open = lines_of(path, |line| take_line(line, &mut current, &mut see));
    if let Some(mapping) = current {
        see(&mapping);
    }
    is_open
}

/// Calls `see` for each line of a file; `false` if it can't be opened.
fn lines_of(path: &CStr, mut see: impl FnMut(&[u8])) -> bool {
    let mut line = [0u8; LINE_BYTES];
    let mut length = 0;
    read_pieces(path, |bytes| {
        for &byte in bytes {
            if byte != b'\n' {
                if let Some(free) = line.get_mut(length) {
                    *free = byte;
                    length += 1;
                }
                continue;
            }
            see(&line[..length]);
            length = 0;
        }
    })
}

/// A line with addresses begins a mapping; a line `Rss:` belongs to the one that began last.
fn take_line(line: &[u8], current: &mut Option<Mapping>, see: &mut impl FnMut(&Mapping)) {
    if let Some(next) = header(line) {
        if let Some(mapping) = current.replace(next) {
            see(&mapping);
        }
    } else if let (Some(mapping), Some(figure)) = (current, line.strip_prefix(b"Rss:")) {
        let digits = figure.iter().filter(|byte| byte.is_ascii_digit());
        let kib = digits.fold(0, |value: u64, digit| value * 10 + u64::from(digit - b'0'));
        mapping.resident_bytes = kib << 10;
    }
}

/// The mapping that a line of addresses begins; `None` for other lines.
fn header(line: &[u8]) -> Option<Mapping> {
    let mut words = line.split(|&byte| byte == b' ').filter(|word| !word.is_empty());
    let addresses = words.next()?;
    let dash = addresses.iter().position(|&byte| byte == b'-')?;
    let (start, end) = (hexadecimal(&addresses[..dash])?, hexadecimal(&addresses[dash + 1..])?);
    let rights = words.next()?;
    // Offset, device and inode come before the name.
    let backing = match (rights.get(3), words.nth(3)) {
        (Some(b's'), _) => Backing::Shared,
        (_, Some(b"[heap]")) => Backing::Break,
        (_, Some(b"[stack]")) => Backing::Stack,
        (_, Some(name)) if name.starts_with(b"/") => Backing::File,
        _ => Backing::Anonymous,
    };
    Some(Mapping { start, end, backing, resident_bytes: 0 })
}

fn hexadecimal(digits: &[u8]) -> Option<usize> {
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    digits.iter().try_fold(0, |value, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(value << 4 | digit as usize)
    })
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::boxed::Box;
    use std::vec::Vec;
    use std::{format, fs};

    use super::{Backing, Mapping, file_at, header, mappings, mappings_of};

    #[test]
    fn lines_are_read() {
        let read = |text: &str| header(text.as_bytes()).map(|mapping| (mapping.start, mapping.backing));
        let file = "55d0c0a00000-55d0c0a02000 r--p 00000000 08:01 42                 /usr/bin/cat";
        assert_eq!(read(file), Some((0x55d0_c0a0_0000, Backing::File)));
        assert_eq!(read("1000-2000 rw-p 0 00:00 0 "), Some((0x1000, Backing::Anonymous)));
        assert_eq!(read("1000-2000 rw-p 0 00:00 0 [anon:x y]"), Some((0x1000, Backing::Anonymous)));
        assert_eq!(read("1000-2000 rw-s 0 00:01 7 /memfd:x (deleted)"), Some((0x1000, Backing::Shared)));
        assert_eq!(read("1000-2000 rw-p 0 00:00 0    [heap]"), Some((0x1000, Backing::Break)));
        assert_eq!(read("1000-2000 rw-p 0 00:00 0    [stack]"), Some((0x1000, Backing::Stack)));
        for other in
            ["Rss:        8 kB", "VmFlags: rd wr", "", "-", "x-y rw-p", "1-", "12345678901234567-2 r"]
        {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    fn a_long_file_is_read_in_pieces() {
        let path = std::env::temp_dir().join(format!("spandrel-mappings-{}", std::process::id()));
        let mut text = std::string::String::new();
        for number in 1..=500 {
            let name = "x".repeat(number);
            text += &format!("{number:x}000-{number:x}800 r-xp 00000000 08:01 42   /{name}\n");
            text += &format!("Size:    9 kB\nRss:    {number} kB\nPss:    7 kB\n");
        }
        fs::write(&path, text).unwrap();
        let mut seen = Vec::new();
        let name = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
        assert!(mappings_of(&name, |mapping| seen.push(*mapping)));
        fs::remove_file(path).unwrap();
        assert_eq!(seen.len(), 500);
        let last = Mapping {
            start: 500 << 12,
            end: (500 << 12) + 0x800,
            backing: Backing::File,
            resident_bytes: 500 << 10,
        };
        assert_eq!(seen[499], last);
    }

    #[test]
    fn files_are_found_by_address() {
        let mut found = None;
        let code = files_are_found_by_address as fn() as usize;
        file_at(code, |name, offset| found = Some((name.to_vec(), offset)));
        let (name, offset) = found.expect("this program is mapped");
        let program = std::env::current_exe().unwrap();
        assert_eq!(name, program.to_str().unwrap().as_bytes());
        assert!(offset > 0 && (offset as u64) < fs::metadata(program).unwrap().len());
        file_at((&raw const name).addr(), |_, _| panic!("the stack is no file"));
    }

    #[test]
    fn this_process_is_there() {
        let block = Box::new([1u8; 1 << 20]);
        let mut resident_bytes = 0;
        let mut holds_block = false;
        assert!(mappings(|mapping| {
            resident_bytes += mapping.resident_bytes;
            holds_block |= (mapping.start..mapping.end).contains(&block.as_ptr().addr());
        }));
        assert!(holds_block && resident_bytes > 1 << 20);
        assert!(!mappings_of(c"/nonexistent", |_| ()));
    }
}
