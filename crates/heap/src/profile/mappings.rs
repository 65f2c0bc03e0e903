//! The files that are mapped with code in them, as `/proc/self/maps` and the files' headers in memory tell.
//!
//! The headers are read through `/proc/self/mem`: a library may be unmapped meanwhile, and then a read fails
//! where a look would fault.

use crate::config::{BUILD_ID_BYTES, MAPPINGS_MAX, PATHS_BYTES};
use spandrel_platform::process::{close_file, open_file, read_at, read_some};

/// A number of four bytes in a file.
type Half = u32;

/// A mapping with code.
#[derive(Clone, Copy)]
pub(crate) struct Mapping {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) offset: u64,
    path: (usize, usize),
    build_id: [u8; BUILD_ID_BYTES],
    build_id_len: usize,
}

impl Mapping {
    const NONE: Self =
        Self { start: 0, end: 0, offset: 0, path: (0, 0), build_id: [0; BUILD_ID_BYTES], build_id_len: 0 };

    pub(crate) fn build_id(&self) -> &[u8] {
        &self.build_id[..self.build_id_len]
    }
}

/// All of them, in the order of their addresses.
#[repr(C)]
pub(crate) struct Mappings {
    mappings: [Mapping; MAPPINGS_MAX],
    len: usize,
    paths: [u8; PATHS_BYTES],
    paths_len: usize,
}

impl Mappings {
    pub(crate) fn all(&self) -> &[Mapping] {
        &self.mappings[..self.len]
    }

    pub(crate) fn path(&self, mapping: &Mapping) -> &[u8] {
        &self.paths[mapping.path.0..mapping.path.1]
    }

    /// The number of the mapping of an address, from 1 on; 0 if there is none.
    pub(crate) fn number_of(&self, address: usize) -> usize {
        let after = self.all().partition_point(|mapping| mapping.start <= address);
        let holds = after > 0 && address < self.mappings[after - 1].end;
        if holds { after } else { 0 }
    }

    /// Makes this what is mapped now.
    pub(crate) fn read(&mut self) {
        (self.len, self.paths_len) = (0, 0);
        let Some(maps) = open_file(c"/proc/self/maps") else { return };
        let memory = open_file(c"/proc/self/mem");
        let mut line = Line::default();
        let mut header = 0;
        let mut buffer = [0; 1024];
        loop {
            let read = read_some(maps, &mut buffer);
            if read == 0 {
                break;
            }
            for &byte in &buffer[..read] {
                if byte != b'\n' {
                    line.push(byte);
                    continue;
                }
                if line.offset() == Some(0) {
                    header = line.start();
                }
                self.add(&line, header, memory);
                line = Line::default();
            }
        }
        close_file(maps);
        if let Some(memory) = memory {
            close_file(memory);
        }
    }

    fn add(&mut self, line: &Line, header: usize, memory: Option<i32>) {
        let path = line.path();
        let is_code =
            line.is_executable() && path.first().is_some_and(|&first| first == b'/' || first == b'[');
        if !is_code || self.len == MAPPINGS_MAX || self.paths_len + path.len() > PATHS_BYTES {
            return;
        }
        let known = self.all().last().filter(|last| self.path(last) == path).map(|last| last.path);
        let place = known.unwrap_or((self.paths_len, self.paths_len + path.len()));
        if known.is_none() {
            self.paths[place.0..place.1].copy_from_slice(path);
            self.paths_len = place.1;
        }
        let mut mapping = Mapping {
            start: line.start(),
            end: line.end(),
            offset: line.offset().unwrap_or(0),
            path: place,
            ..Mapping::NONE
        };
        if let Some(memory) = memory {
            mapping.build_id_len = build_id(memory, header, &mut mapping.build_id);
        }
        self.mappings[self.len] = mapping;
        self.len += 1;
    }
}

/// A line of the file: `start-end perms offset device inode path`.
struct Line {
    bytes: [u8; 512],
    len: usize,
}

impl Default for Line {
    fn default() -> Self {
        Self { bytes: [0; 512], len: 0 }
    }
}

impl Line {
    fn push(&mut self, byte: u8) {
        if self.len < self.bytes.len() {
            self.bytes[self.len] = byte;
            self.len += 1;
        }
    }

    fn word(&self, index: usize) -> &[u8] {
        self.bytes[..self.len].split(|&byte| byte == b' ').nth(index).unwrap_or(&[])
    }

    fn start(&self) -> usize {
        self.word(0).split(|&byte| byte == b'-').next().map_or(0, hex)
    }

    fn end(&self) -> usize {
        self.word(0).split(|&byte| byte == b'-').nth(1).map_or(0, hex)
    }

    fn is_executable(&self) -> bool {
        self.word(1).get(2) == Some(&b'x')
    }

    fn offset(&self) -> Option<u64> {
        let word = self.word(2);
        (!word.is_empty()).then(|| hex(word) as u64)
    }

    /// The path, without what the kernel says of files that are gone.
    fn path(&self) -> &[u8] {
        let bytes = &self.bytes[..self.len];
        let start = bytes.iter().position(|&byte| byte == b'/' || byte == b'[').unwrap_or(bytes.len());
        bytes[start..].strip_suffix(b" (deleted)").unwrap_or(&bytes[start..])
    }
}

fn hex(digits: &[u8]) -> usize {
    digits.iter().fold(0, |value, &digit| value << 4 | char::from(digit).to_digit(16).unwrap_or(0) as usize)
}

/// Reads the build id of the file whose ELF header is at an address; its length, 0 if there is none.
fn build_id(memory: i32, header: usize, id: &mut [u8; BUILD_ID_BYTES]) -> usize {
    const ELF_BYTES: usize = size_of::<[u64; 8]>();
    const SEGMENT_BYTES: usize = size_of::<[u64; 7]>();
    const NOTE: Half = 4;
    const GNU_BUILD_ID: Half = 3;
    let read = |address: usize, bytes: &mut [u8]| read_at(memory, bytes, address as u64) == bytes.len();
    let word = |bytes: &[u8], at: usize| {
        u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap_or_default()) as usize
    };
    let half = |bytes: &[u8], at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap_or_default());
    let mut elf = [0; ELF_BYTES];
    if !read(header, &mut elf) || elf[..5] != *b"\x7fELF\x02" {
        return 0;
    }
    let (first, count) = (word(&elf, 32), usize::from(u16::from_le_bytes([elf[56], elf[57]])));
    let mut base = None;
    for index in 0..count.min(64) {
        let mut segment = [0; SEGMENT_BYTES];
        if !read(header.wrapping_add(first + index * SEGMENT_BYTES), &mut segment) {
            return 0;
        }
        if half(&segment, 0) == 1 && base.is_none() {
            // The first loaded segment tells where addresses of the file begin.
            base = Some(header.wrapping_sub(word(&segment, 16) & !0xfff));
        }
        if half(&segment, 0) != NOTE {
            continue;
        }
        let mut note = [0; 256];
        let bytes = word(&segment, 32).min(note.len());
        let base = base.unwrap_or(if elf[16] == 2 { 0 } else { header });
        if !read(base.wrapping_add(word(&segment, 16)), &mut note[..bytes]) {
            continue;
        }
        let mut at = 0;
        while at + 16 <= bytes {
            let (name, length) = (half(&note, at) as usize, half(&note, at + 4) as usize);
            let text = at + 12 + name.next_multiple_of(4);
            if half(&note, at + 8) == GNU_BUILD_ID && name == 4 && text + length <= bytes {
                let length = length.min(id.len());
                id[..length].copy_from_slice(&note[text..text + length]);
                return length;
            }
            at = text.saturating_add(length.next_multiple_of(4));
        }
    }
    0
}
