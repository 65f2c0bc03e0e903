//! Whether the loader of an ELF program will load the library: same machine, dynamically linked.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use object::elf::{
    EM_386, EM_AARCH64, EM_ARM, EM_RISCV, EM_X86_64, ET_DYN, ET_EXEC, FileHeader64, Machine, PT_DYNAMIC,
};
use object::read::elf::{FileHeader, ProgramHeader};
use object::{Endianness, FileKind, ReadCache};

/// The machine that this command, and with it the library, is built for.
const OUR_MACHINE: Machine = if cfg!(target_arch = "aarch64") { EM_AARCH64 } else { EM_X86_64 };

/// Checks an ELF file.
pub(super) fn check(path: &Path, file: File) -> Result<(), String> {
    let shown = path.display();
    let damaged = |error: object::Error| format!("`{shown}` is damaged: {error}");
    let data = ReadCache::new(file);
    match FileKind::parse(&data).map_err(damaged)? {
        FileKind::Elf64 => {}
        FileKind::Elf32 => {
            return Err(format!("`{shown}` is a 32-bit program, and the library has 64 bits"));
        }
        _ => return Err(format!("`{shown}` is no ELF program")),
    }
    let header = FileHeader64::<Endianness>::parse(&data).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;
    let machine = header.e_machine(endian);
    if machine != OUR_MACHINE || endian != Endianness::Little {
        return Err(format!(
            "`{shown}` is built for {}, and the library for {}",
            machine_name(machine),
            machine_name(OUR_MACHINE)
        ));
    }
    if ![ET_EXEC, ET_DYN].contains(&header.e_type(endian)) {
        return Err(format!("`{shown}` is an object file, not a program: link it first"));
    }
    let mut loader = None;
    let mut is_dynamic = false;
    for segment in header.program_headers(endian, &data).map_err(damaged)? {
        is_dynamic |= segment.p_type(endian) == PT_DYNAMIC;
        loader = loader.or(segment.interpreter(endian, &data).map_err(damaged)?);
    }
    match loader.filter(|_| is_dynamic) {
        Some(loader) => check_loader(path, Path::new(OsStr::from_bytes(loader))),
        None => Err(format!(
            "`{shown}` is statically linked, so nothing can be loaded into it: link it dynamically, \
             or make Spandrel its allocator where it is built"
        )),
    }
}

fn check_loader(path: &Path, loader: &Path) -> Result<(), String> {
    let (shown, shown_loader) = (path.display(), loader.display());
    let is_musl = loader.file_name().is_some_and(|name| name.as_bytes().starts_with(b"ld-musl-"));
    if is_musl && !cfg!(target_env = "musl") {
        return Err(format!("`{shown}` is linked with musl, and the library needs glibc"));
    }
    if !loader.exists() {
        return Err(format!("`{shown}` needs the loader `{shown_loader}`, which does not exist"));
    }
    Ok(())
}

fn machine_name(machine: Machine) -> String {
    match machine {
        EM_386 => "x86".to_string(),
        EM_X86_64 => "x86-64".to_string(),
        EM_ARM => "ARM".to_string(),
        EM_AARCH64 => "aarch64".to_string(),
        EM_RISCV => "RISC-V".to_string(),
        other => format!("another machine (ELF number {})", other.0),
    }
}
