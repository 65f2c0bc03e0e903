//! The memory map of a process, as the kernel writes it.

use super::Lines;
use crate::model::Mapping;

/// The executable mappings, the program first. Lines that are none are skipped.
pub(super) fn read(lines: Lines<'_>) -> Vec<Mapping> {
    let mut mappings: Vec<Mapping> = Vec::new();
    for mapping in lines.filter_map(|line| mapping(line.text)) {
        match mappings.last_mut() {
            Some(last) if continues(last, &mapping) => last.limit = mapping.limit,
            _ => mappings.push(mapping),
        }
    }
    if let Some(program) = mappings.iter().position(|it| is_program(&it.file)) {
        mappings.swap(0, program);
    }
    mappings
}

/// Reads `55d0c000-55d0d000 r-xp 00000000 fe:01 7 /bin/app`.
fn mapping(line: &str) -> Option<Mapping> {
    let mut words = line.split_whitespace();
    let hexadecimal = |word: &str| u64::from_str_radix(word, 16).ok();
    let (start, limit) = words.next()?.split_once('-')?;
    let is_executable = words.next()?.contains('x');
    let offset = hexadecimal(words.next()?)?;
    let (_device, _inode) = (words.next()?, words.next()?);
    let file = words.collect::<Vec<_>>().join(" ");
    let (start, limit) = (hexadecimal(start)?, hexadecimal(limit)?);
    let file = file.strip_suffix(" (deleted)").unwrap_or(&file);
    is_executable.then(|| Mapping { start, limit, offset, file: file.into(), ..Mapping::default() })
}

/// Whether `next` is the next part of the same file.
fn continues(last: &Mapping, next: &Mapping) -> bool {
    let size = last.limit.wrapping_sub(last.start);
    last.limit == next.start && last.file == next.file && last.offset.wrapping_add(size) == next.offset
}

/// Whether a file looks like a program rather than a library or a part of the kernel.
fn is_program(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or_default();
    !name.is_empty() && !file.starts_with('[') && !name.ends_with(".so") && !name.contains(".so.")
}

#[cfg(test)]
mod tests {
    use super::{Lines, read};

    #[test]
    fn parts_are_joined_and_the_program_comes_first() {
        let text = "7000-8000 r-xp 00000000 fe:01 9 /lib/libc.so.6\n\
            8000-9000 r--p 00001000 fe:01 9 /lib/libc.so.6\n\
            nonsense\n\
            a000-b000 r-xp 00002000 fe:01 7 /bin/my app (deleted)\n\
            b000-c000 r-xp 00003000 fe:01 7 /bin/my app\n";
        let mappings = read(Lines::new(text));
        let shown: Vec<_> = mappings.iter().map(|it| (&*it.file, it.start, it.limit, it.offset)).collect();
        assert_eq!(shown, [("/bin/my app", 0xa000, 0xc000, 0x2000), ("/lib/libc.so.6", 0x7000, 0x8000, 0)]);
    }
}
