//! `/debug/pprof/symbol`: names of addresses, from the symbol tables of the program's own files.
//!
//! Addresses come as `0x12+0x34`, lines `0x12 name` go, as linkers know the names; the asker takes the
//! trouble to make them readable. `/proc/self/maps` says which file an address is from, the file's program
//! headers what it is called there, and a walk over the symbols (`.symtab`, or `.dynsym` in a stripped file)
//! who owns it. Files are read, not mapped: one that is cut short meanwhile must not end the program.
//! Whatever is odd in a file only means that nothing has a name.

use core::ffi::CStr;
use core::ops::Range;

use spandrel_platform::bytes::{Bytes, Growing};
use spandrel_platform::process::File;

use super::text::Text;
use crate::config::{SERVE_ADDRESSES, SERVE_TABLE_BYTES, SHT_DYNSYM, SHT_SYMTAB};

/// An address and who owns it.
#[derive(Clone, Copy, Debug)]
struct Place {
    address: u64,
    /// The same as the file knows it.
    file_address: u64,
    /// Where the name stands among the names; empty without one.
    name: (usize, usize),
    /// From the start of the function.
    offset: u64,
}

/// Addresses and the functions that own them.
#[derive(Debug)]
pub(super) struct Names {
    /// In the order of addresses.
    places: Growing<Place>,
    texts: Bytes,
}

impl Names {
    /// Looks up addresses, the first so many thousand of them.
    pub(super) fn of(addresses: impl Iterator<Item = u64>) -> Self {
        let mut names = Self { places: Growing::new(SERVE_ADDRESSES), texts: Bytes::new(SERVE_TABLE_BYTES) };
        for address in addresses {
            names.places.push(Place { address, file_address: 0, name: (0, 0), offset: 0 });
        }
        names.places.as_mut_slice().sort_unstable_by_key(|place| place.address);
        let mut maps = Bytes::new(SERVE_TABLE_BYTES);
        if let Some(file) = File::open(c"/proc/self/maps") {
            file.read_to_end(&mut maps);
            names.look_up(maps.as_slice());
        }
        names
    }

    fn look_up(&mut self, maps: &[u8]) {
        let all = self.places.as_mut_slice();
        for mapping in maps.split(|byte| *byte == b'\n').filter_map(mapping) {
            let first = all.partition_point(|place| place.address < mapping.addresses.start);
            let end = all.partition_point(|place| place.address < mapping.addresses.end);
            if first >= end {
                continue;
            }
            let places = &mut all[first..end];
            for place in &mut *places {
                place.file_address = place.address - mapping.addresses.start + mapping.offset;
            }
            // Without a file there are no names.
            let _nameless = name_all(places, mapping.path, &mut self.texts);
        }
    }

    /// The function that owns an address, and how far into it that is.
    pub(super) fn get(&self, address: u64) -> Option<(&[u8], u64)> {
        let places = self.places.as_slice();
        let place = &places[places.binary_search_by_key(&address, |place| place.address).ok()?];
        Some((self.name(place)?, place.offset))
    }

    fn name(&self, place: &Place) -> Option<&[u8]> {
        let (start, len) = place.name;
        self.texts.as_slice().get(start..start + len).filter(|name| !name.is_empty())
    }
}

/// Writes the names of the addresses in `asked`.
pub(super) fn write(asked: &[u8], out: &mut Bytes) {
    let names = Names::of(asked.split(|byte| *byte == b'+').filter_map(hexadecimal));
    out.text("num_symbols: 1\n");
    for place in names.places.as_slice() {
        if let Some(name) = names.name(place) {
            out.address(place.address).text(" ").extend(name);
            out.text("\n");
        }
    }
}

/// `0x12ab`, or without the `0x`.
fn hexadecimal(text: &[u8]) -> Option<u64> {
    let text = text.trim_ascii();
    let digits = text.strip_prefix(b"0x").or(text.strip_prefix(b"0X")).unwrap_or(text);
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    digits.iter().try_fold(0, |number, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(number << 4 | u64::from(digit))
    })
}

/// A line of `/proc/self/maps` that has a file.
struct Mapping<'a> {
    addresses: Range<u64>,
    offset: u64,
    path: &'a [u8],
}

fn mapping(line: &[u8]) -> Option<Mapping<'_>> {
    let mut rest = line;
    let mut word = || {
        let start = rest.iter().position(|byte| *byte != b' ')?;
        let len = rest[start..].iter().position(|byte| *byte == b' ').unwrap_or(rest.len() - start);
        let word = &rest[start..start + len];
        rest = &rest[start + len..];
        Some(word)
    };
    let (range, _rights, offset, _device, _inode) = (word()?, word()?, word()?, word()?, word()?);
    let dash = range.iter().position(|byte| *byte == b'-')?;
    let path = rest.trim_ascii_start();
    let addresses = hexadecimal(&range[..dash])?..hexadecimal(&range[dash + 1..])?;
    path.starts_with(b"/").then_some(Mapping { addresses, offset: hexadecimal(offset)?, path })
}

/// A part of a file.
fn part(file: &File, offset: u64, bytes: u64) -> Option<Bytes> {
    let mut out = Bytes::new(SERVE_TABLE_BYTES);
    let bytes = usize::try_from(bytes).ok()?;
    let read = out.extend_with(bytes, |room| {
        let read = file.read_at(offset, room);
        (read, read)
    })?;
    (read == bytes).then_some(out)
}

/// Finds the owners of places, which are sorted and all in this file, and adds their names to `names`.
fn name_all(places: &mut [Place], path: &[u8], names: &mut Bytes) -> Option<()> {
    let mut text = [0; libc::PATH_MAX as usize];
    text.get_mut(..path.len())?.copy_from_slice(path);
    let file = File::open(CStr::from_bytes_until_nul(&text).ok()?)?;
    let mut head = [0; EHDR_BYTES];
    let is_elf = file.read_at(0, &mut head) == EHDR_BYTES && head[..5] == *b"\x7fELF\x02";
    if !is_elf {
        return None;
    }
    to_virtual(&file, &head, places)?;
    let sections = table(&file, &head, EHDR_SHOFF, EHDR_SHENTSIZE, SHDR_BYTES)?;
    let sections = || sections.as_slice().chunks_exact(SHDR_BYTES);
    let of_kind = |kind: u32| sections().find(move |section| word(section, SHDR_TYPE) == Some(kind));
    let symbols = of_kind(SHT_SYMTAB).or_else(|| of_kind(SHT_DYNSYM))?;
    let strings = sections().nth(word(symbols, SHDR_LINK)? as usize)?;
    let content = |section| part(&file, long(section, SHDR_OFFSET)?, long(section, SHDR_SIZE)?);
    let (symbols, strings) = (content(symbols)?, content(strings)?);
    for symbol in symbols.as_slice().chunks_exact(SYM_BYTES) {
        // A damaged symbol has no name; the next may have one.
        let _nameless = name_owned(places, symbol, strings.as_slice(), names);
    }
    Some(())
}

/// The field `count_field + 2` of the file's head counts entries; a table of them begins where
/// `offset_field` says.
fn table(
    file: &File,
    head: &[u8],
    offset_field: usize,
    size_field: usize,
    entry_bytes: usize,
) -> Option<Bytes> {
    let (size, count) = (half(head, size_field)?, half(head, size_field + 2)?);
    if usize::from(size) != entry_bytes {
        return None;
    }
    part(file, long(head, offset_field)?, u64::from(size) * u64::from(count))
}

/// Offsets in the file become addresses as the file counts them.
fn to_virtual(file: &File, head: &[u8], places: &mut [Place]) -> Option<()> {
    let segments = table(file, head, EHDR_PHOFF, EHDR_PHENTSIZE, PHDR_BYTES)?;
    for place in places {
        let offset = place.file_address;
        place.file_address = segments.as_slice().chunks_exact(PHDR_BYTES).find_map(|segment| {
            let (start, bytes) = (long(segment, PHDR_OFFSET)?, long(segment, PHDR_FILESZ)?);
            let at = offset.checked_sub(start).filter(|at| *at < bytes)?;
            let is_loaded = word(segment, 0)? == PT_LOAD;
            is_loaded.then(|| long(segment, PHDR_VADDR).map(|base| base.wrapping_add(at)))?
        })?;
    }
    Some(())
}

/// Gives the places that a function owns its name, if none owned them before.
fn name_owned(places: &mut [Place], symbol: &[u8], strings: &[u8], names: &mut Bytes) -> Option<()> {
    let is_function = matches!(symbol[SYM_INFO] & 15, STT_FUNC | STT_GNU_IFUNC);
    let (start, bytes) = (long(symbol, SYM_VALUE)?, long(symbol, SYM_SIZE)?);
    if !is_function || bytes == 0 {
        return None;
    }
    let first = places.partition_point(|place| place.file_address < start);
    let owned = places[first..].iter_mut().take_while(|place| place.file_address - start < bytes);
    let mut owned = owned.filter(|place| place.name.1 == 0).peekable();
    owned.peek()?;
    let name = strings.get(word(symbol, SYM_NAME)? as usize..)?;
    let name = &name[..name.iter().position(|byte| *byte == 0)?];
    let at = names.as_slice().len();
    names.extend(name);
    for place in owned {
        place.name = (at, name.len());
        place.offset = place.file_address - start;
    }
    Some(())
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_ne_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

// The 64-bit form of ELF: sizes of its structures, and where their fields are.
const EHDR_BYTES: usize = size_of::<libc::Elf64_Ehdr>();
const EHDR_PHOFF: usize = core::mem::offset_of!(libc::Elf64_Ehdr, e_phoff);
const EHDR_SHOFF: usize = core::mem::offset_of!(libc::Elf64_Ehdr, e_shoff);
const EHDR_PHENTSIZE: usize = core::mem::offset_of!(libc::Elf64_Ehdr, e_phentsize);
const EHDR_SHENTSIZE: usize = core::mem::offset_of!(libc::Elf64_Ehdr, e_shentsize);
const PHDR_BYTES: usize = size_of::<libc::Elf64_Phdr>();
const PHDR_OFFSET: usize = core::mem::offset_of!(libc::Elf64_Phdr, p_offset);
const PHDR_VADDR: usize = core::mem::offset_of!(libc::Elf64_Phdr, p_vaddr);
const PHDR_FILESZ: usize = core::mem::offset_of!(libc::Elf64_Phdr, p_filesz);
const PT_LOAD: u32 = libc::PT_LOAD;
const SHDR_BYTES: usize = size_of::<libc::Elf64_Shdr>();
const SHDR_TYPE: usize = core::mem::offset_of!(libc::Elf64_Shdr, sh_type);
const SHDR_OFFSET: usize = core::mem::offset_of!(libc::Elf64_Shdr, sh_offset);
const SHDR_SIZE: usize = core::mem::offset_of!(libc::Elf64_Shdr, sh_size);
const SHDR_LINK: usize = core::mem::offset_of!(libc::Elf64_Shdr, sh_link);
const SYM_BYTES: usize = size_of::<libc::Elf64_Sym>();
const SYM_NAME: usize = core::mem::offset_of!(libc::Elf64_Sym, st_name);
const SYM_INFO: usize = core::mem::offset_of!(libc::Elf64_Sym, st_info);
const SYM_VALUE: usize = core::mem::offset_of!(libc::Elf64_Sym, st_value);
const SYM_SIZE: usize = core::mem::offset_of!(libc::Elf64_Sym, st_size);
const STT_FUNC: u8 = 2;
const STT_GNU_IFUNC: u8 = 10;

#[cfg(test)]
mod tests {
    extern crate std;
    use super::{hexadecimal, mapping, write};
    use spandrel_platform::bytes::Bytes;
    use std::format;
    use std::string::String;

    fn names(asked: &str) -> String {
        let mut out = Bytes::new(1 << 20);
        write(asked.as_bytes(), &mut out);
        String::from_utf8(out.as_slice().to_vec()).unwrap()
    }

    #[unsafe(no_mangle)]
    extern "C" fn spandrel_test_named_function(value: u32) -> u32 {
        value.wrapping_mul(3) ^ 0x55
    }

    #[test]
    fn own_functions_and_libcs() {
        let own = (spandrel_test_named_function as extern "C" fn(u32) -> u32 as usize) + 1;
        let libc = libc::getpid as unsafe extern "C" fn() -> i32 as usize;
        let said = names(&format!("{libc:#x}+{own:#x}+0x10+rubbish"));
        assert!(said.starts_with("num_symbols: 1\n"), "{said}");
        assert!(said.contains(&format!("{own:#x} spandrel_test_named_function\n")), "{said}");
        let line =
            said.lines().find(|line| line.starts_with(&format!("{libc:#x} "))).expect("libc has names");
        assert!(line.ends_with("getpid"), "{line}");
        assert_eq!(said.lines().count(), 3, "{said}");
    }

    #[test]
    fn many_addresses() {
        let own = spandrel_test_named_function as extern "C" fn(u32) -> u32 as usize;
        let said = names(&format!("{own:#x}+").repeat(3000));
        assert_eq!(said.lines().count(), 3001);
    }

    #[test]
    fn lines_of_maps() {
        let line = b"7f00-8f00 r-xp 0002a000 08:01 123                /usr/lib/a b.so";
        let found = mapping(line).unwrap();
        assert_eq!((found.addresses, found.offset), (0x7f00..0x8f00, 0x2a000));
        assert_eq!(found.path, b"/usr/lib/a b.so");
        for line in [&b"7f00-8f00 rw-p 0 00:00 0"[..], b"7f00-8f00 rw-p 0 00:00 0   [heap]", b"", b"x"] {
            assert!(mapping(line).is_none());
        }
    }

    #[test]
    fn numbers() {
        assert_eq!(hexadecimal(b"0x7F"), Some(127));
        assert_eq!(hexadecimal(b"ffffffffffffffff"), Some(u64::MAX));
        for wrong in [&b""[..], b"0x", b"0xg", b"11111111111111111", b"-1"] {
            assert_eq!(hexadecimal(wrong), None);
        }
    }
}
