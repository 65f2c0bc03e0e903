//! One ELF file: what its header says, and its debug sections, read one by one.
//!
//! A file is never read as a whole: headers come through a cache of small reads, and each debug section is
//! read, and inflated if need be, into memory of its own. That costs no more than a mapping whose pages are
//! all touched, needs no unsafe code, and a file that shrinks meanwhile is an error instead of a signal.

use std::fs::File;
use std::path::{Path, PathBuf};

use gimli::{RunTimeEndian, SectionId};
use object::read::{Object as _, ObjectSection as _, ObjectSymbol as _, ReadCache};
use object::{Architecture, CompressionFormat, ObjectKind, RelocationKind, RelocationTarget};

use crate::error::{Error, Reason};

/// No section of a program inflates to more than this.
const INFLATED_BYTES_MAX: u64 = 16 << 30;
/// Deflate packs at most 1032 bytes into one; Zstandard more, but not in debug sections.
const INFLATION_MAX: u64 = 4096;

/// What of the debug information is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Types, names and files: no address ranges, no variables' places, no unwinding.
    Types,
    /// Everything, for looking up addresses too.
    Everything,
}

impl Wanted {
    fn includes(self, section: SectionId) -> bool {
        match section {
            // The root of a unit may name its address by a number in this table.
            SectionId::DebugAddr
            | SectionId::DebugAbbrev
            | SectionId::DebugInfo
            | SectionId::DebugLine
            | SectionId::DebugLineStr
            | SectionId::DebugStr
            | SectionId::DebugStrOffsets
            | SectionId::DebugTypes
            | SectionId::DebugCuIndex
            | SectionId::DebugTuIndex => true,
            _ => self == Self::Everything,
        }
    }
}

/// The machine that a program is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// The processor.
    pub architecture: Architecture,
    /// Bytes of a pointer: 4 or 8.
    pub pointer_bytes: u8,
    /// The order of bytes.
    pub endian: RunTimeEndian,
}

/// An open ELF file.
pub(crate) struct ObjectFile {
    path: PathBuf,
    cache: ReadCache<File>,
}

/// Links from a file to others.
#[derive(Debug, Default)]
pub(crate) struct Links {
    pub(crate) build_id: Option<Vec<u8>>,
    /// Name and checksum of the file with the debug information.
    pub(crate) debug_link: Option<(Vec<u8>, u32)>,
    /// Name and build id of the supplementary file.
    pub(crate) alt_link: Option<(Vec<u8>, Vec<u8>)>,
}

impl ObjectFile {
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let io = |error| Error::new(path, Reason::Io(error));
        let file = File::open(path).map_err(io)?;
        let metadata = file.metadata().map_err(io)?;
        if !metadata.is_file() {
            return Err(Error::new(path, Reason::NotAFile));
        }
        if metadata.len() == 0 {
            return Err(Error::new(path, Reason::Empty));
        }
        let object = Self { path: path.to_path_buf(), cache: ReadCache::new(file) };
        match object::FileKind::parse(&object.cache) {
            Ok(object::FileKind::Elf32 | object::FileKind::Elf64) => {}
            _ => return Err(Error::new(path, Reason::NotElf)),
        }
        object.parse().map(drop)?;
        Ok(object)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn parse(&self) -> Result<object::File<'_, &ReadCache<File>>, Error> {
        object::File::parse(&self.cache).map_err(|error| Error::damaged(&self.path, error))
    }

    pub(crate) fn machine(&self) -> Result<Machine, Error> {
        let file = self.parse()?;
        Ok(Machine {
            architecture: file.architecture(),
            pointer_bytes: if file.is_64() { 8 } else { 4 },
            endian: if file.is_little_endian() { RunTimeEndian::Little } else { RunTimeEndian::Big },
        })
    }

    /// Whether other programs are linked with the file: it is a shared object that is no program.
    pub(crate) fn is_library(&self) -> Result<bool, Error> {
        let file = self.parse()?;
        Ok(file.kind() == ObjectKind::Dynamic && file.section_by_name(".interp").is_none())
    }

    pub(crate) fn links(&self) -> Result<Links, Error> {
        let file = self.parse()?;
        let own = |bytes: &[u8]| bytes.to_vec();
        Ok(Links {
            build_id: file.build_id().ok().flatten().map(own),
            debug_link: file.gnu_debuglink().ok().flatten().map(|(name, crc)| (own(name), crc)),
            alt_link: file.gnu_debugaltlink().ok().flatten().map(|(name, id)| (own(name), own(id))),
        })
    }

    /// Whether there is a section of this name with something in it.
    pub(crate) fn has_section(&self, name: &str) -> Result<bool, Error> {
        let file = self.parse()?;
        Ok(file
            .section_by_name(name)
            .is_some_and(|section| section.size() > 0 && section.file_range().is_some()))
    }

    /// The bytes of a debug section; none when there is no such section, or it is not wanted.
    ///
    /// `is_dwo` asks for the section of a split file, called `.debug_info.dwo` and so on.
    pub(crate) fn section(&self, id: SectionId, wanted: Wanted, is_dwo: bool) -> Result<Vec<u8>, Error> {
        let name = if is_dwo { id.dwo_name() } else { Some(id.name()) };
        let Some(name) = name.filter(|_| wanted.includes(id)) else {
            return Ok(Vec::new());
        };
        let file = self.parse()?;
        let Some(first) = file.section_by_name(name) else {
            return Ok(Vec::new());
        };
        // Object files and split files have a section of the same name for each unit of a single type.
        let others = file.sections().filter(|section| section.name() == Ok(name));
        let first_index = first.index();
        let others = others.filter(|section| section.index() != first_index);
        let file_bytes = self.file_bytes()?;
        let what = |error: String| Error::damaged(&self.path, format_args!("section {name}: {error}"));
        let (mut bytes, mut stored_bytes) = (Vec::new(), 0_u64);
        for section in std::iter::once(first).chain(others) {
            let range = section.compressed_file_range().map_err(|error| what(error.to_string()))?;
            stored_bytes = stored_bytes.saturating_add(range.compressed_size);
            if stored_bytes > file_bytes {
                return Err(what("it is longer than the file".to_string()));
            }
            let mut part = self.bytes_of(&section).map_err(what)?;
            if file.kind() == ObjectKind::Relocatable {
                relocate(&file, &section, &mut part);
            }
            if bytes.is_empty() { bytes = part } else { bytes.extend_from_slice(&part) }
        }
        Ok(bytes)
    }

    fn file_bytes(&self) -> Result<u64, Error> {
        let metadata = std::fs::metadata(&self.path);
        metadata.map(|file| file.len()).map_err(|error| Error::new(&self.path, Reason::Io(error)))
    }

    fn bytes_of<'data>(&self, section: &impl object::ObjectSection<'data>) -> Result<Vec<u8>, String> {
        let range = section.compressed_file_range().map_err(|error| error.to_string())?;
        if range.format == CompressionFormat::None {
            return self.read(range.offset, range.uncompressed_size);
        }
        let data = self.read(range.offset, range.compressed_size)?;
        let inflated_max = (data.len() as u64).saturating_mul(INFLATION_MAX).min(INFLATED_BYTES_MAX);
        if range.uncompressed_size > inflated_max {
            return Err(format!("it claims to inflate to {} bytes", range.uncompressed_size));
        }
        let compressed = object::CompressedData {
            format: range.format,
            data: &data,
            uncompressed_size: range.uncompressed_size,
        };
        compressed.decompress().map(std::borrow::Cow::into_owned).map_err(|error| error.to_string())
    }

    fn read(&self, offset: u64, len: u64) -> Result<Vec<u8>, String> {
        use std::os::unix::fs::FileExt;
        let file = File::open(&self.path).map_err(|error| error.to_string())?;
        let file_len = file.metadata().map_err(|error| error.to_string())?.len();
        if offset.checked_add(len).is_none_or(|end| end > file_len) {
            return Err("it ends behind the end of the file".to_string());
        }
        let len = usize::try_from(len).map_err(|error| error.to_string())?;
        let mut bytes = vec![0; len];
        file.read_exact_at(&mut bytes, offset).map_err(|error| error.to_string())?;
        Ok(bytes)
    }
}

/// Writes the values that a linker would into the bytes of a section of an object file.
///
/// Debug sections have absolute relocations alone: places in other sections, and addresses.
fn relocate<'data>(
    file: &object::File<'data, &'data ReadCache<File>>,
    section: &impl object::ObjectSection<'data>,
    bytes: &mut [u8],
) {
    for (offset, relocation) in section.relocations() {
        let RelocationTarget::Symbol(symbol) = relocation.target() else { continue };
        let address = file.symbol_by_index(symbol).map_or(0, |symbol| symbol.address());
        let field = usize::from(relocation.size()) / 8;
        let at = usize::try_from(offset).unwrap_or(usize::MAX);
        let Some(place) = at.checked_add(field).and_then(|end| bytes.get_mut(at..end)) else { continue };
        if relocation.kind() != RelocationKind::Absolute || !matches!(field, 4 | 8) {
            continue;
        }
        let is_little = file.is_little_endian();
        let implicit = if relocation.has_implicit_addend() { number(place, is_little) } else { 0 };
        let value = address.wrapping_add_signed(relocation.addend()).wrapping_add(implicit);
        if is_little {
            place.copy_from_slice(&value.to_le_bytes()[..field]);
        } else {
            place.copy_from_slice(&value.to_be_bytes()[8 - field..]);
        }
    }
}

fn number(bytes: &[u8], is_little: bool) -> u64 {
    let join = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
    if is_little { bytes.iter().rev().fold(0, join) } else { bytes.iter().fold(0, join) }
}
