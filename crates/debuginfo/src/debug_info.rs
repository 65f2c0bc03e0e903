//! All debug information that belongs to one program.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use gimli::{DwarfPackageSections, DwarfSections, EndianSlice, SectionId};

use crate::error::{Error, Reason};
use crate::object_file::{Machine, ObjectFile, Wanted};
use crate::search::{Search, hex};
use crate::{Dwarf, Reader, Unit};

/// The debug information of a program, in memory.
#[derive(Debug)]
pub struct DebugInfo {
    path: PathBuf,
    read_from: PathBuf,
    machine: Machine,
    wanted: Wanted,
    sections: DwarfSections<Vec<u8>>,
    supplement: Option<DwarfSections<Vec<u8>>>,
    package: Option<DwarfPackageSections<Vec<u8>>>,
    /// Whether the file is itself a `.dwo`: its units need no skeleton.
    is_split: bool,
    is_library: bool,
}

/// The part of a unit that lies in another file, from [`DebugInfo::split`].
#[derive(Debug)]
pub enum Split<'info> {
    /// In the package, which is in memory already.
    Package(Box<Dwarf<'info>>),
    /// In a `.dwo` file of its own, in memory as long as this value is.
    File(Box<DwoFile>),
}

/// A `.dwo` file in memory.
#[derive(Debug)]
pub struct DwoFile {
    sections: DwarfSections<Vec<u8>>,
    machine: Machine,
}

impl DebugInfo {
    /// Reads the debug information of the program, library or object file at `path`.
    ///
    /// # Errors
    /// There is no such file, it is no ELF file or is damaged, or no debug information is found for it.
    pub fn open(path: &Path, wanted: Wanted, search: &Search) -> Result<Self, Error> {
        let file = ObjectFile::open(path)?;
        let links = file.links()?;
        if file.has_section(".debug_info.dwo")? && !file.has_section(".debug_info")? {
            return Self::load(path, &file, None, None, wanted, true);
        }
        let debug = if file.has_section(".debug_info")? {
            file
        } else {
            search.debug_file(path, &links).ok_or_else(|| {
                let build_id = links.build_id.as_deref().map(hex);
                Error::new(path, Reason::NoDebugInfo { build_id })
            })?
        };
        let supplement = match debug.links()?.alt_link {
            Some((name, id)) => Some(search.supplement(debug.path(), &name, &id).ok_or_else(|| {
                Error::new(path, Reason::NoSupplement(String::from_utf8_lossy(&name).into_owned()))
            })?),
            None => None,
        };
        let package = [path, debug.path()].into_iter().find_map(package_of);
        Self::load(path, &debug, supplement.as_ref(), package.as_ref(), wanted, false)
    }

    fn load(
        path: &Path,
        file: &ObjectFile,
        supplement: Option<&ObjectFile>,
        package: Option<&ObjectFile>,
        wanted: Wanted,
        is_split: bool,
    ) -> Result<Self, Error> {
        let plain = |id| file.section(id, wanted, is_split);
        let load_supplement = |file: &ObjectFile| DwarfSections::load(|id| file.section(id, wanted, false));
        let load_package = |file: &ObjectFile| {
            let is_index = |id| matches!(id, SectionId::DebugCuIndex | SectionId::DebugTuIndex);
            DwarfPackageSections::load(|id| {
                file.section(id, wanted, !is_index(id)).map_err(|error| error.reason)
            })
            .map_err(|reason| Error::new(file.path(), reason))
        };
        Ok(Self {
            path: path.to_path_buf(),
            read_from: file.path().to_path_buf(),
            machine: file.machine()?,
            wanted,
            sections: DwarfSections::load(plain)?,
            supplement: supplement.map(load_supplement).transpose()?,
            package: package.map(load_package).transpose()?,
            is_split,
            is_library: file.is_library()?,
        })
    }

    /// The file that was asked for.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file that the debug information comes from: the same, or one in a debug folder.
    #[must_use]
    pub fn read_from(&self) -> &Path {
        &self.read_from
    }

    /// The machine that the program is for.
    #[must_use]
    pub fn machine(&self) -> Machine {
        self.machine
    }

    /// Whether other programs are linked with the file, a shared library.
    #[must_use]
    pub fn is_library(&self) -> bool {
        self.is_library
    }

    /// Whether the file is itself the split part of another one: its units are whole as they are.
    #[must_use]
    pub fn is_split(&self) -> bool {
        self.is_split
    }

    /// The DWARF of the file, and of its supplementary file.
    #[must_use]
    pub fn dwarf(&self) -> Dwarf<'_> {
        let slice = |section| Reader::new(section, self.machine.endian);
        let mut dwarf = borrow(&self.sections, self.machine);
        if self.is_split {
            dwarf.file_type = gimli::DwarfFileType::Dwo;
        }
        if let Some(supplement) = &self.supplement {
            dwarf.set_sup(supplement.borrow(|section| slice(section)));
        }
        dwarf
    }

    /// The package of split units, if there is one.
    ///
    /// # Errors
    /// Its index is damaged.
    pub fn package(&self) -> Result<Option<gimli::DwarfPackage<Reader<'_>>>, Error> {
        let slice = |section| EndianSlice::new(section, self.machine.endian);
        let Some(sections) = &self.package else { return Ok(None) };
        let package = sections.borrow(|section| slice(section), slice(&[]));
        package.map(Some).map_err(|error| Error::damaged(&self.path, format_args!("its package: {error}")))
    }

    /// The part of `skeleton` that lies elsewhere; `None` when the unit is whole, or the file is gone.
    ///
    /// A unit whose `.dwo` file is gone is no error: the skeleton is left, and says nothing.
    ///
    /// # Errors
    /// The package or the file is damaged.
    pub fn split<'info>(
        &self,
        package: Option<&gimli::DwarfPackage<Reader<'info>>>,
        dwarf: &Dwarf<'info>,
        skeleton: &Unit<'info>,
    ) -> Result<Option<Split<'info>>, Error> {
        let Some(id) = skeleton.dwo_id else { return Ok(None) };
        let damaged = |error: gimli::Error| Error::damaged(&self.path, error);
        if let Some(found) = package.map(|package| package.find_cu(id, dwarf)).transpose().map_err(damaged)? {
            return Ok(found.map(|dwarf| Split::Package(Box::new(dwarf))));
        }
        let Some(name) = skeleton.dwo_name().map_err(damaged)? else { return Ok(None) };
        let name = dwarf.attr_string(skeleton, name).map_err(damaged)?;
        let folder = skeleton.comp_dir.map_or(&b""[..], |folder| folder.slice());
        let Some(file) = self.dwo_file(Path::new(OsStr::from_bytes(folder)), &name) else {
            return Ok(None);
        };
        let sections = DwarfSections::load(|id| file.section(id, self.wanted, true))?;
        Ok(Some(Split::File(Box::new(DwoFile { sections, machine: file.machine()? }))))
    }

    /// A `.dwo` file lies where the compiler wrote it, or beside the program.
    fn dwo_file(&self, folder: &Path, name: &[u8]) -> Option<ObjectFile> {
        let name = Path::new(OsStr::from_bytes(name));
        let beside = self.read_from.parent().unwrap_or(Path::new("."));
        let base = name.file_name().map(|base| beside.join(base));
        let candidates = [Some(folder.join(name)), Some(beside.join(name)), base];
        candidates.into_iter().flatten().find_map(|candidate| ObjectFile::open(&candidate).ok())
    }
}

impl Split<'_> {
    /// Calls `visit` with the DWARF of the part; `parent` is that of the skeleton's file.
    pub fn visit<T>(&self, parent: &Dwarf<'_>, visit: impl FnOnce(&Dwarf<'_>) -> T) -> T {
        match self {
            Self::Package(dwarf) => visit(dwarf),
            Self::File(file) => {
                let mut dwarf = borrow(&file.sections, file.machine);
                let addresses = parent.debug_addr;
                dwarf.file_type = gimli::DwarfFileType::Dwo;
                dwarf.debug_addr = addresses;
                visit(&dwarf)
            }
        }
    }
}

impl DwoFile {
    /// The DWARF of the part, complete for looking up addresses; `parent` is that of the skeleton's file.
    #[must_use]
    pub fn dwarf<'a>(&'a self, parent: &Dwarf<'a>) -> Dwarf<'a> {
        let mut dwarf = borrow(&self.sections, self.machine);
        dwarf.make_dwo(parent);
        dwarf
    }
}

fn borrow(sections: &DwarfSections<Vec<u8>>, machine: Machine) -> Dwarf<'_> {
    sections.borrow(|section| Reader::new(section, machine.endian))
}

/// `app.dwp` beside `app`.
fn package_of(path: &Path) -> Option<ObjectFile> {
    let mut name = path.file_name()?.to_os_string();
    name.push(".dwp");
    ObjectFile::open(&path.with_file_name(name)).ok()
}
