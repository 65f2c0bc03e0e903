//! Finds and reads the debug information of a program.
//!
//! A program's DWARF is rarely in one piece. [`DebugInfo::open`] takes the path of any ELF file, of any
//! architecture, 32 or 64 bit, and puts together what belongs to it:
//!
//! 1. the file itself, or, where it was stripped, the file that its build id or its debug link names in the
//!    debug folders ([`Search`]);
//! 2. the supplementary file that `.gnu_debugaltlink` names, as distributions have it (`dwz`);
//! 3. the package (`.dwp`) beside it; single `.dwo` files are opened unit by unit
//!    ([`DebugInfo::split`]), so that memory stays bounded.
//!
//! Compressed sections are inflated, relocations of object files applied. What comes out is
//! [`gimli::Dwarf`] over plain slices: read it with gimli, hand it to `addr2line`, or ask [`Names`] how the
//! source calls a type and with which template parameters a function was made.
//!
//! No input makes this crate panic: whatever is wrong with a file is an [`Error`] of one line.
//!
//! ```no_run
//! use spandrel_debuginfo::{DebugInfo, Names, Search, Wanted};
//!
//! let info = DebugInfo::open("target/debug/app".as_ref(), Wanted::Types, &Search::default())?;
//! let dwarf = info.dwarf();
//! let mut units = dwarf.units();
//! while let Some(header) = units.next()? {
//!     let unit = dwarf.unit(header)?;
//!     let names = Names::of(&dwarf, &unit)?;
//!     println!("{} named entries", names.len());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod debug_info;
mod entries;
mod entry;
mod error;
mod names;
mod object_file;
mod search;

pub use debug_info::{DebugInfo, DwoFile, Split};
pub use entries::Entries;
pub use entry::{Entry, EntryId, Flags, Place};
pub use error::{Error, Reason};
pub use gimli;
pub use names::{Names, TemplateParameter};
pub use object::Architecture;
pub use object_file::{Machine, Wanted};
pub use search::Search;

/// How bytes of a section are read.
pub type Reader<'a> = gimli::EndianSlice<'a, gimli::RunTimeEndian>;
/// The DWARF of one file.
pub type Dwarf<'a> = gimli::Dwarf<Reader<'a>>;
/// One unit of it.
pub type Unit<'a> = gimli::Unit<Reader<'a>>;
