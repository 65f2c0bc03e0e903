//! From addresses to functions, lines and inlined calls, outside of the process that ran them.
//!
//! A profiled program writes down addresses and where its files were mapped, nothing more: names take a
//! hundred megabytes of memory to look up, which is no business of a program that runs. So it is done here,
//! from the files themselves:
//!
//! ```text
//!   address --mapping--> offset in the file --program headers--> address in the file
//!           --DWARF--> inlined calls, innermost first, with name, linker's name, type parameters, line
//!           --symbol table, where there is no DWARF--> name, and whether several functions share the code
//! ```
//!
//! A file is only believed if its build id is that of the mapping. Stripped files lead to their debug files
//! by the same id ([`spandrel_debuginfo::Search`]).
//!
//! Of a Rust function the linker's name, in the older of its two forms, does not tell its type parameters,
//! and its name in the DWARF does, without the module it is in. So a name for people is put together from
//! both, and what types were told is kept beside the profile ([`Symbols`]) for [`crate::attribute_types`].

mod binary;
mod dwarf;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

pub(crate) use binary::Binary;
use binary::SymbolHit;
use dwarf::{Frame, Lookup, Splits};
use spandrel_debuginfo::{DebugInfo, Search, Wanted, gimli};

use crate::model::{Function, FunctionId, Line, LocationId, MappingId, Profile, Text};
use crate::names::demangle;

/// Where the files of a program are.
#[derive(Clone, Debug, Default)]
pub struct BinaryFiles {
    /// Files that are looked at before the paths that a profile names, recognised by their build ids; the
    /// first one also stands for a program whose build id the profile does not know.
    pub binaries: Vec<PathBuf>,
    /// Where debug files are.
    pub search: Search,
}

/// What the debug information tells of the functions of a profile beyond their names.
#[derive(Clone, Debug, Default)]
pub struct Symbols {
    /// By function.
    pub functions: HashMap<FunctionId, FunctionFacts>,
    /// What could not be read, a line each.
    pub problems: Vec<String>,
}

/// What is known of a function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FunctionFacts {
    /// Its name without scope and type parameters: `push`.
    pub bare_name: String,
    /// Its type parameters, in order.
    pub parameters: Vec<TypeParameter>,
}

/// The type that a parameter of a function stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeParameter {
    /// The type with its scope: `my_crate::Order`.
    pub type_name: String,
    /// The size of a value of it, if known.
    pub bytes: Option<u64>,
}

/// Fills in functions, lines and inlined calls of all locations that have none, as far as files can be found.
///
/// ```no_run
/// use spandrel_profile::{BinaryFiles, read, symbolize};
/// let (mut profile, _) = read(&std::fs::read("heap.pb.gz")?)?;
/// let symbols = symbolize(&mut profile, &BinaryFiles::default());
/// for problem in &symbols.problems {
///     eprintln!("{problem}");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn symbolize(profile: &mut Profile, files: &BinaryFiles) -> Symbols {
    let mut symbols = Symbols::default();
    let mut bare: BTreeMap<MappingId, Vec<LocationId>> = BTreeMap::new();
    for (index, location) in profile.locations.iter().enumerate() {
        if let Some(mapping) = location.mapping.filter(|_| location.lines.is_empty()) {
            bare.entry(mapping).or_default().push(LocationId::new(index));
        }
    }
    let known = profile.functions.iter().enumerate();
    let mut functions: HashMap<Function, FunctionId> =
        known.map(|(index, function)| (function.clone(), FunctionId::new(index))).collect();
    for (mapping, locations) in bare {
        match find(profile, mapping, files) {
            Ok(Some(found)) => {
                found.fill(profile, mapping, &locations, &mut functions, &mut symbols);
            }
            Ok(None) => {}
            Err(problem) => symbols.problems.push(problem),
        }
    }
    symbols
}

/// The file of a mapping, and its debug information.
pub(crate) struct Found {
    pub(crate) binary: Binary,
    pub(crate) debug: Option<DebugInfo>,
}

/// `None` for what is no file, such as the kernel's own code.
pub(crate) fn find(
    profile: &Profile,
    mapping: MappingId,
    files: &BinaryFiles,
) -> Result<Option<Found>, String> {
    let it = profile.mapping(mapping);
    let is_program = mapping.index() == 0;
    let mut refused = None;
    // The kernel says of a file that was replaced that it is gone.
    let file = it.file.strip_suffix(" (deleted)").unwrap_or(&it.file);
    let named = (!file.is_empty() && !file.starts_with('[')).then(|| PathBuf::from(file));
    let given = files.binaries.iter().map(|path| (path.clone(), true));
    let by_id = by_build_id(&it.build_id, &files.search).map(|path| (path, false));
    for (path, is_given) in given.chain(named.map(|path| (path, false))).chain(by_id) {
        let binary = match Binary::open(&path) {
            Ok(binary) => binary,
            Err(problem) => {
                refused.get_or_insert(problem);
                continue;
            }
        };
        let is_same = match (&binary.build_id, &*it.build_id) {
            (Some(ours), theirs) if !theirs.is_empty() => ours == theirs,
            // Without build ids a given file is taken for the program, and a path at its word.
            _ => !is_given || is_program,
        };
        if is_same {
            let debug = DebugInfo::open(&path, Wanted::Everything, &files.search).ok();
            let binary = match &debug {
                Some(debug) if debug.read_from() != path => binary.with_symbols_of(debug.read_from()),
                _ => binary,
            };
            return Ok(Some(Found { binary, debug }));
        }
        if !is_given || is_program {
            let path = path.display();
            refused.get_or_insert(format!("`{path}` is not the file that ran: its build id is another"));
        }
    }
    refused.map_or(Ok(None), Err)
}

/// The debug file that stands for a file that is gone.
fn by_build_id(build_id: &str, search: &Search) -> Option<PathBuf> {
    let is_id = build_id.len() > 2 && build_id.bytes().all(|digit| digit.is_ascii_hexdigit());
    let (head, tail) = is_id.then(|| build_id.split_at(2))?;
    let name = Path::new(".build-id").join(head).join(format!("{tail}.debug"));
    search.debug_folders.iter().map(|folder| folder.join(&name)).find(|path| path.is_file())
}

impl Found {
    fn fill(
        &self,
        profile: &mut Profile,
        mapping: MappingId,
        locations: &[LocationId],
        functions: &mut HashMap<Function, FunctionId>,
        symbols: &mut Symbols,
    ) {
        let range = profile.mapping(mapping).clone();
        let in_file = |id: &LocationId| {
            let address = profile.location(*id).address;
            let offset = address.wrapping_sub(range.start).wrapping_add(range.offset);
            Some((*id, self.binary.address_of(offset)?))
        };
        let places: Vec<(LocationId, u64)> = locations.iter().filter_map(in_file).collect();
        let addresses: Vec<u64> = places.iter().map(|(_, address)| *address).collect();
        let mut problem = |error: gimli::Error| {
            let path = self.debug.as_ref().map(|debug| debug.path().display().to_string());
            symbols.problems.push(format!("`{}`: {error}", path.unwrap_or_default()));
        };
        let splits = self.debug.as_ref().map(|debug| Splits::of(debug, &addresses));
        let splits = splits.and_then(|splits| splits.map_err(&mut problem).ok());
        let lookup =
            self.debug.as_ref().zip(splits.as_ref()).map(|(debug, splits)| Lookup::new(debug, splits));
        let mut lookup = lookup.and_then(|lookup| lookup.map_err(&mut problem).ok());
        let mut has_any = false;
        for (id, address) in places {
            let symbol = self.binary.symbol(address);
            let mut frames = lookup.as_mut().map_or_else(Vec::new, |lookup| lookup.frames(address));
            complete(&mut frames, symbol.as_ref());
            let mut intern = |frame: &Frame| {
                let function = function_of(frame);
                let id = *functions.entry(function).or_insert_with_key(|function| {
                    profile.functions.push(function.clone());
                    FunctionId::new(profile.functions.len() - 1)
                });
                symbols.functions.entry(id).or_insert_with(|| frame.facts.clone());
                Line { function: id, line: frame.line, column: frame.column }
            };
            let lines: Vec<Line> = frames.iter().map(&mut intern).collect();
            has_any |= !lines.is_empty();
            let location = &mut profile.locations[id.index()];
            location.lines = lines;
            location.is_folded |= symbol.is_some_and(|it| it.is_shared);
        }
        let entry = &mut profile.mappings[mapping.index()];
        entry.has_functions |= has_any;
        entry.has_filenames |= has_any && lookup.is_some();
        entry.has_line_numbers |= has_any && lookup.is_some();
        entry.has_inline_frames |= has_any && lookup.is_some();
    }
}

/// Takes the name of the outermost frame from the symbol table, where the DWARF has none.
fn complete(frames: &mut Vec<Frame>, symbol: Option<&SymbolHit>) {
    let Some(symbol) = symbol else { return };
    match frames.last_mut() {
        None => frames.push(Frame { linkage: Some(symbol.name.clone()), ..Frame::default() }),
        // Of functions that share their code, the symbol may be that of another.
        Some(outermost)
            if outermost.linkage.is_none() && (outermost.name.is_empty() || !symbol.is_shared) =>
        {
            outermost.linkage = Some(symbol.name.clone());
        }
        Some(_) => {}
    }
}

fn function_of(frame: &Frame) -> Function {
    let system_name = frame.linkage.as_deref().unwrap_or(&frame.name);
    Function {
        name: readable(&frame.name, frame.linkage.as_deref()),
        system_name: system_name.into(),
        file: frame.file.as_str().into(),
        start_line: frame.start_line,
    }
}

/// The demangled name, with the type parameters that only the DWARF has.
fn readable(name: &str, linkage: Option<&str>) -> Text {
    /// The parameter that nearly every container has and nobody sets.
    const GLOBAL: &str = ", alloc::alloc::Global>";
    let name = name.replace(GLOBAL, ">");
    let Some(demangled) = linkage.map(|it| demangle(it).unwrap_or_else(|| it.to_string())) else {
        return name.into();
    };
    // The older mangling of Rust ends in a hash and loses parameters.
    let is_older_rust =
        linkage.is_some_and(|it| it.starts_with("_ZN") && it.ends_with('E') && it.contains("17h"));
    match name.find('<').map(|at| &name[at..]) {
        Some(parameters) if is_older_rust && name.ends_with('>') => format!("{demangled}{parameters}").into(),
        _ => demangled.replace(GLOBAL, ">").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn names_have_module_and_parameters() {
        let older = "_ZN5alloc3vec16Vec$LT$T$C$A$GT$4push17h3eb1f3c114e4fa07E";
        assert_eq!(
            &*readable("push<a::Order, alloc::alloc::Global>", Some(older)),
            "alloc::vec::Vec<T,A>::push<a::Order>"
        );
        assert_eq!(&*readable("main", Some("_ZN1a4main17h3eb1f3c114e4fa07E")), "a::main");
        assert_eq!(&*readable("push<a::Order, alloc::alloc::Global>", None), "push<a::Order>");
        assert_eq!(&*readable("push_back", Some("_ZN5Order4pushEi")), "Order::push");
        assert_eq!(&*readable("", Some("malloc")), "malloc");
    }
}
