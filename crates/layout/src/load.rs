//! Reads the types of a program: every unit, on several threads.
//!
//! Most compilers write units that stand alone: every type that a unit uses is described in it. Such units
//! are read one at a time, by as many threads as there are processors; what a thread keeps of a unit are the
//! types that it had not seen, so memory grows with the number of different types and not with the size of
//! the file. Tools that shrink debug information (`dwz`, type units, link-time optimisation) let units refer
//! to each other. Then a first pass finds out which units do, and those that hang together are read
//! together.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use spandrel_debuginfo::gimli::{self, UnitHeader};
use spandrel_debuginfo::{DebugInfo, Dwarf, Entries, EntryId, Error, Reader, Search, Split, Unit, Wanted};

use crate::build::{Builder, UnitFacts};
use crate::model::Language;
use crate::types::Types;

/// How types are read.
#[derive(Clone, Copy)]
pub struct Load<'a> {
    /// Where the debug information of a stripped program may be.
    pub search: &'a Search,
    /// At most so many threads; 0 for as many as there are processors.
    pub threads: usize,
    /// Is told the number of units read, and of all units, now and then, from any thread.
    pub progress: &'a (dyn Fn(usize, usize) + Sync),
}

impl std::fmt::Debug for Load<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Load").field("search", self.search).field("threads", &self.threads).finish()
    }
}

impl Types {
    /// Reads the types of the program, library or object file at `path`.
    ///
    /// A unit that is damaged is left out and named in [`Types::problems`].
    ///
    /// # Errors
    /// The file cannot be used at all.
    ///
    /// ```no_run
    /// use spandrel_layout::{Load, Search, Types};
    ///
    /// let load = Load { search: &Search::default(), threads: 0, progress: &|_, _| {} };
    /// let types = Types::load("target/debug/app".as_ref(), load)?;
    /// let node = types.get(types.find("tree::Node")?);
    /// println!("{} has {:?} bytes", node.name, node.bytes);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn load(path: &Path, load: Load<'_>) -> Result<Self, Error> {
        let info = DebugInfo::open(path, Wanted::Types, load.search)?;
        let mut types = Self::default();
        types.set_machine(info.machine());
        let dwarf = info.dwarf();
        let loader = Loader { info: &info, dwarf: &dwarf, package: info.package()?, load };
        let headers = loader.headers(&mut types);
        let groups = if loader.is_entangled(&headers) { loader.groups(&headers) } else { alone(&headers) };
        let read = loader.in_threads(&groups, |group, types| loader.read(&headers, group, types));
        read.into_iter().for_each(|other| types.merge(other));
        if let Err(error) = loader.read_type_units(&mut types) {
            types.add_problem(format!("type units of the package: {error}"));
        }
        Ok(types)
    }
}

/// A unit, and whether it belongs to the supplementary file.
type Header<'a> = (UnitHeader<Reader<'a>>, bool);

struct Loader<'load, 'info> {
    info: &'load DebugInfo,
    dwarf: &'load Dwarf<'info>,
    package: Option<gimli::DwarfPackage<Reader<'info>>>,
    load: Load<'load>,
}

/// A unit with what is kept of it.
struct Part<'a> {
    entries: Entries<'a>,
    facts: UnitFacts,
    root: Option<Root>,
}

/// The name of a crate or package, and files of its source.
type Root = (String, Vec<Arc<str>>);

impl<'info> Loader<'_, 'info> {
    /// All units, in the order of the identities of their entries.
    fn headers(&self, types: &mut Types) -> Vec<Header<'info>> {
        let mut headers = Vec::new();
        let mut units = self.dwarf.units();
        push_all(&mut headers, types, false, || units.next());
        let mut units = self.dwarf.type_units();
        push_all(&mut headers, types, false, || units.next());
        if let Some(supplement) = self.dwarf.sup() {
            let mut units = supplement.units();
            push_all(&mut headers, types, true, || units.next());
        }
        headers
    }

    /// Whether units refer to entries of each other: some abbreviation has a form for that.
    fn is_entangled(&self, headers: &[Header<'info>]) -> bool {
        let mut seen = HashSet::new();
        headers.iter().any(|(header, is_supplement)| {
            let is_new = seen.insert((header.debug_abbrev_offset().0, *is_supplement));
            is_new && self.abbreviations_refer(header, *is_supplement)
        })
    }

    fn abbreviations_refer(&self, header: &UnitHeader<Reader<'info>>, is_supplement: bool) -> bool {
        let Ok(abbreviations) = self.dwarf_of(is_supplement).abbreviations(header) else { return false };
        // Every producer numbers them from 1 without a gap.
        let all = (1..).map_while(|code| abbreviations.get(code));
        let mut forms = all.flat_map(|abbreviation| abbreviation.attributes()).map(|found| found.form());
        forms.any(|form| {
            matches!(
                form,
                gimli::DW_FORM_ref_addr
                    | gimli::DW_FORM_ref_sig8
                    | gimli::DW_FORM_GNU_ref_alt
                    | gimli::DW_FORM_ref_sup4
                    | gimli::DW_FORM_ref_sup8
            )
        })
    }

    fn dwarf_of(&self, is_supplement: bool) -> &Dwarf<'info> {
        match self.dwarf.sup() {
            Some(supplement) if is_supplement => supplement,
            _ => self.dwarf,
        }
    }

    /// Units that refer to each other, directly or through others, in groups.
    fn groups(&self, headers: &[Header<'info>]) -> Vec<Vec<usize>> {
        let mut starts: Vec<(EntryId, usize)> = headers.iter().map(start_of).zip(0..).collect();
        starts.sort_unstable();
        let signatures: HashMap<u64, usize> = headers
            .iter()
            .zip(0..)
            .filter_map(|(header, index)| Some((signature_of(header)?, index)))
            .collect();
        let all: Vec<Vec<usize>> = alone(headers);
        let links: Mutex<Vec<(usize, usize)>> = Mutex::new(Vec::new());
        self.in_threads(&all, |unit, _| {
            // What cannot be read is told when it is read again.
            let Ok(Some(part)) = self.part(&headers[unit[0]]) else { return };
            let by_place = part.entries.references().filter_map(|target| {
                let behind = starts.partition_point(|(start, _)| *start <= target);
                Some(starts[behind.checked_sub(1)?].1)
            });
            let by_signature = part.entries.wanted_signatures();
            let targets = by_place.chain(by_signature.filter_map(|found| signatures.get(&found).copied()));
            let found: HashSet<usize> = targets.filter(|&target| target != unit[0]).collect();
            let mut links = links.lock().expect("nobody panics with it");
            links.extend(found.into_iter().map(|target| (unit[0], target)));
        });
        join(headers.len(), &links.into_inner().expect("nobody panics with it"))
    }

    /// Reads the units of a group and builds their types.
    fn read(&self, headers: &[Header<'info>], group: &[usize], types: &mut Types) {
        let mut entries = Entries::default();
        let mut facts = Vec::new();
        for &index in group {
            let header = &headers[index];
            match self.part(header) {
                Ok(Some(part)) => {
                    part.root.into_iter().for_each(|(name, files)| types.add_root(name, files));
                    entries.append(part.entries);
                    facts.push(UnitFacts { end: entries.as_slice().len(), ..part.facts });
                }
                Ok(None) => {
                    if let Err(error) = self.read_split(header, types) {
                        types.add_problem(problem(header, &error));
                    }
                }
                Err(error) => types.add_problem(problem(header, &error)),
            }
        }
        entries.link_signatures();
        if !facts.is_empty() {
            self.build(&entries, &facts, types);
        }
    }

    fn build(&self, entries: &Entries<'_>, facts: &[UnitFacts], types: &mut Types) {
        let mut builder = Builder::new(entries, facts, self.info.machine(), types);
        builder.run();
        if self.info.is_library() {
            builder.mark_exported();
        }
    }

    /// Distributes groups of units among threads; each collects types of its own.
    fn in_threads(&self, groups: &[Vec<usize>], work: impl Fn(&[usize], &mut Types) + Sync) -> Vec<Types> {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let threads = if self.load.threads == 0 { processors } else { self.load.threads };
        let next = AtomicUsize::new(0);
        let run = || {
            let mut types = Types::default();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(group) = groups.get(index) else { return types };
                (self.load.progress)(index, groups.len());
                work(group, &mut types);
            }
        };
        thread::scope(|scope| {
            let others: Vec<_> = (1..threads.min(groups.len())).map(|_| scope.spawn(run)).collect();
            let mut collected = vec![run()];
            collected.extend(others.into_iter().map(|thread| thread.join().expect("readers do not panic")));
            collected
        })
    }

    /// A unit that is whole; none if it is the skeleton of a split one.
    fn part(&self, (header, is_supplement): &Header<'info>) -> gimli::Result<Option<Part<'info>>> {
        let dwarf = self.dwarf_of(*is_supplement);
        let unit = dwarf.unit(*header)?;
        if unit.dwo_id.is_some() && !self.info.is_split() {
            return Ok(None);
        }
        part(dwarf, &unit, *is_supplement).map(Some)
    }

    /// Reads the part of a unit that lies elsewhere.
    fn read_split(&self, (header, _): &Header<'info>, types: &mut Types) -> Result<(), String> {
        let said = |error: gimli::Error| error.to_string();
        let skeleton = self.dwarf.unit(*header).map_err(said)?;
        let split = self.info.split(self.package.as_ref(), self.dwarf, &skeleton);
        let split = split.map_err(|error| error.to_string())?.ok_or("its split part was not found")?;
        if let Split::Package(dwarf) = &split {
            let mut part = self.split_part(dwarf, &skeleton).map_err(said)?;
            self.add_type_units(&mut part).map_err(said)?;
            part.entries.link_signatures();
            part.root.into_iter().for_each(|(name, files)| types.add_root(name, files));
            let facts = [part.facts];
            self.build(&part.entries, &facts, types);
            return Ok(());
        }
        split.visit(self.dwarf, |dwarf| {
            let mut part = self.split_part(dwarf, &skeleton).map_err(said)?;
            part.entries.link_signatures();
            part.root.into_iter().for_each(|(name, files)| types.add_root(name, files));
            let facts = [part.facts];
            self.build(&part.entries, &facts, types);
            Ok(())
        })
    }

    /// The units of a split file: those of single types, and the one with the code.
    fn split_part<'part>(&self, dwarf: &Dwarf<'part>, skeleton: &Unit<'_>) -> gimli::Result<Part<'part>> {
        let mut whole: Option<Part<'part>> = None;
        let mut add = |header: UnitHeader<Reader<'part>>| -> gimli::Result<()> {
            let mut unit = dwarf.unit(header)?;
            unit.dwo_id = skeleton.dwo_id;
            let next = part(dwarf, &unit, false)?;
            match &mut whole {
                None => whole = Some(next),
                Some(whole) => {
                    whole.entries.append(next.entries);
                    whole.facts.end = whole.entries.as_slice().len();
                }
            }
            Ok(())
        };
        let mut units = dwarf.units();
        while let Some(header) = units.next()? {
            add(header)?;
        }
        let mut units = dwarf.type_units();
        while let Some(header) = units.next()? {
            add(header)?;
        }
        whole.ok_or(gimli::Error::MissingUnitDie)
    }

    /// A package has each type unit once, apart from the units that use it: those that a unit refers to are
    /// added to it, and those that these refer to.
    fn add_type_units(&self, whole: &mut Part<'info>) -> gimli::Result<()> {
        let Some(package) = &self.package else { return Ok(()) };
        let mut tried = HashSet::new();
        for number in 1..u32::MAX {
            let next = whole.entries.missing_signatures().find(|signature| !tried.contains(signature));
            let Some(signature) = next else { break };
            tried.insert(signature);
            let Some(dwarf) = package.find_tu(gimli::DebugTypeSignature(signature), self.dwarf)? else {
                continue;
            };
            if let Some(unit) = type_unit(&dwarf)? {
                whole.entries.append(Entries::of_part(&dwarf, &unit, number)?);
                whole.facts.end = whole.entries.as_slice().len();
            }
        }
        Ok(())
    }

    /// Reads all type units of a package: those too that nothing but variables refers to.
    fn read_type_units(&self, types: &mut Types) -> gimli::Result<()> {
        let Some(package) = &self.package else { return Ok(()) };
        let (mut entries, mut facts) = (Entries::default(), Vec::new());
        for number in 1..=package.tu_index.unit_count() {
            let dwarf = package.tu_sections(number, self.dwarf)?;
            if let Some(unit) = type_unit(&dwarf)? {
                entries.append(Entries::of_part(&dwarf, &unit, number)?);
                let end = entries.as_slice().len();
                facts.push(UnitFacts { end, ..facts_of(&dwarf, &unit, end) });
            }
        }
        entries.link_signatures();
        if !facts.is_empty() {
            self.build(&entries, &facts, types);
        }
        Ok(())
    }
}

fn alone(headers: &[Header<'_>]) -> Vec<Vec<usize>> {
    (0..headers.len()).map(|index| vec![index]).collect()
}

/// The identity of the first entry that the unit can have.
fn start_of((header, is_supplement): &Header<'_>) -> EntryId {
    EntryId::in_unit(header, *is_supplement)
}

fn signature_of((header, _): &Header<'_>) -> Option<u64> {
    match header.type_() {
        gimli::UnitType::Type { type_signature, .. } => Some(type_signature.0),
        _ => None,
    }
}

/// The groups that links between `len` things make, each in order.
fn join(len: usize, links: &[(usize, usize)]) -> Vec<Vec<usize>> {
    let mut parents: Vec<usize> = (0..len).collect();
    let find = |parents: &mut Vec<usize>, mut index: usize| {
        while parents[index] != index {
            parents[index] = parents[parents[index]];
            index = parents[index];
        }
        index
    };
    for &(one, other) in links {
        let (one, other) = (find(&mut parents, one), find(&mut parents, other));
        parents[one.max(other)] = one.min(other);
    }
    let mut groups: Vec<Vec<usize>> = vec![Vec::new(); len];
    for index in 0..len {
        groups[find(&mut parents, index)].push(index);
    }
    groups.retain(|group| !group.is_empty());
    groups
}

fn problem(header: &Header<'_>, error: &dyn std::fmt::Display) -> String {
    format!("unit at {:#x}: {error}", header.0.offset().0)
}

fn push_all<'a>(
    headers: &mut Vec<Header<'a>>,
    types: &mut Types,
    is_supplement: bool,
    mut next: impl FnMut() -> gimli::Result<Option<UnitHeader<Reader<'a>>>>,
) {
    loop {
        match next() {
            Ok(Some(header)) => headers.push((header, is_supplement)),
            Ok(None) => return,
            Err(error) => return types.add_problem(format!("units behind the {}th: {error}", headers.len())),
        }
    }
}

fn part<'a>(dwarf: &Dwarf<'a>, unit: &Unit<'a>, is_supplement: bool) -> gimli::Result<Part<'a>> {
    let entries = Entries::of(dwarf, unit, is_supplement)?;
    let facts = facts_of(dwarf, unit, entries.as_slice().len());
    let root = root(unit, facts.language, &facts.files);
    Ok(Part { entries, facts, root })
}

fn facts_of<'a>(dwarf: &Dwarf<'a>, unit: &Unit<'a>, end: usize) -> UnitFacts {
    let language = language(unit);
    // Rust says of no type in which file it is.
    let files = if language == Language::Rust { Vec::new() } else { files(dwarf, unit) };
    UnitFacts { end, language, files, first_file: u32::from(unit.header.version() < 5) }
}

/// The unit of a part of a package: types have a section of their own up to DWARF 4.
fn type_unit<'a>(dwarf: &Dwarf<'a>) -> gimli::Result<Option<Unit<'a>>> {
    let header = match dwarf.type_units().next()? {
        Some(header) => Some(header),
        None => dwarf.units().next()?,
    };
    header.map(|header| dwarf.unit(header)).transpose()
}

/// Where the source of the unit's types is to be looked for: a crate's first file, a package's files.
fn root(unit: &Unit<'_>, language: Language, files: &[Arc<str>]) -> Option<Root> {
    let name = unit.name?.to_string_lossy();
    match language {
        Language::Rust => {
            // `src/lib.rs/@/a_crate.0123456789abcdef-cgu.0`, or a hash alone where builds are incremental.
            let (file, unit_name) = name.split_once("/@/")?;
            let folder = unit.comp_dir.map(|folder| folder.to_string_lossy()).unwrap_or_default();
            let file = Path::new(&*folder).join(file);
            let told = unit_name.split_once('.').map(|(crate_name, _)| crate_name.to_string());
            let crate_name = told.or_else(|| crate_of(&file))?;
            Some((crate_name, vec![Arc::from(file.to_string_lossy())]))
        }
        Language::Go => Some((name.into_owned(), files.to_vec())),
        _ => None,
    }
}

/// The crate whose first file this is, by the custom of cargo: the folder of the package, without a version,
/// or the file itself.
fn crate_of(file: &Path) -> Option<String> {
    let stem = file.file_stem()?.to_str()?;
    let name = match stem {
        "lib" | "main" => {
            let folders = file.ancestors().skip(1).filter_map(|folder| folder.file_name()?.to_str());
            folders.into_iter().find(|folder| *folder != "src")?
        }
        stem => stem,
    };
    let is_version = |text: &str| text.starts_with(|c: char| c.is_ascii_digit()) && text.contains('.');
    let name =
        name.rsplit_once('-').filter(|(_, version)| is_version(version)).map_or(name, |(name, _)| name);
    Some(name.replace('-', "_"))
}

fn language(unit: &Unit<'_>) -> Language {
    let mut entries = unit.entries();
    let root = entries.next_dfs().ok().flatten();
    match root.and_then(|root| root.attr_value(gimli::DW_AT_language)) {
        Some(gimli::AttributeValue::Language(language)) => match language {
            gimli::DW_LANG_C89
            | gimli::DW_LANG_C
            | gimli::DW_LANG_C99
            | gimli::DW_LANG_C11
            | gimli::DW_LANG_C17 => Language::C,
            gimli::DW_LANG_C_plus_plus
            | gimli::DW_LANG_C_plus_plus_03
            | gimli::DW_LANG_C_plus_plus_11
            | gimli::DW_LANG_C_plus_plus_14
            | gimli::DW_LANG_C_plus_plus_17
            | gimli::DW_LANG_C_plus_plus_20 => Language::Cpp,
            gimli::DW_LANG_Rust => Language::Rust,
            gimli::DW_LANG_Go => Language::Go,
            _ => Language::Other,
        },
        _ => Language::Other,
    }
}

/// The files of the unit's line table, in full.
fn files<'a>(dwarf: &Dwarf<'a>, unit: &Unit<'a>) -> Vec<Arc<str>> {
    let Some(program) = &unit.line_program else { return Vec::new() };
    let header = program.header();
    let compiled_in = unit.comp_dir.map(|folder| folder.to_string_lossy().into_owned()).unwrap_or_default();
    let text = |value: gimli::AttributeValue<Reader<'a>>| {
        dwarf.attr_string(unit, value).map(|text| text.to_string_lossy().into_owned()).ok()
    };
    let path = |file: &gimli::FileEntry<Reader<'a>>| {
        let name = text(file.path_name()).unwrap_or_default();
        let folder = file.directory(header).and_then(text).unwrap_or_default();
        let joined = Path::new(&compiled_in).join(folder).join(name);
        Arc::from(joined.to_string_lossy())
    };
    header.file_names().iter().map(path).collect()
}
