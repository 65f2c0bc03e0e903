//! What the DWARF tells of an address: the inlined calls there, and the type parameters of each function.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use addr2line::{Context, LookupContinuation, LookupResult};
use spandrel_debuginfo::gimli::{self, AttributeValue, UnitOffset};
use spandrel_debuginfo::{DebugInfo, Dwarf, DwoFile, Names, Reader, Split, Unit};

use super::{FunctionFacts, TypeParameter};
use crate::types::generics;

/// References from entry to entry are followed so often.
const ORIGINS_MAX: usize = 8;

/// One function at an address.
#[derive(Clone, Debug, Default)]
pub(super) struct Frame {
    /// The name in the DWARF, with type parameters, without scope.
    pub(super) name: String,
    /// The linker's name.
    pub(super) linkage: Option<String>,
    pub(super) facts: FunctionFacts,
    pub(super) file: String,
    pub(super) line: i64,
    pub(super) column: i64,
    pub(super) start_line: i64,
}

/// Parts of units that lie in other files, as far as some addresses need them.
#[derive(Default)]
pub(super) struct Splits<'info> {
    packaged: Vec<(u64, Arc<Dwarf<'info>>)>,
    files: Vec<(u64, Box<DwoFile>)>,
}

impl<'info> Splits<'info> {
    /// Opens the parts that belong to the code at `addresses`. What is gone or damaged is left out; names
    /// then come from the symbol table.
    pub(super) fn of(info: &'info DebugInfo, addresses: &[u64]) -> gimli::Result<Self> {
        let context = Context::from_dwarf(info.dwarf())?;
        let package = info.package().ok().flatten();
        let mut splits = Self::default();
        let mut seen = HashSet::new();
        for &address in addresses {
            let Some(unit) = context.find_dwarf_and_unit(address).skip_all_loads() else { continue };
            let Some(id) = unit.unit.dwo_id.map(|it| it.0).filter(|&id| seen.insert(id)) else { continue };
            match info.split(package.as_ref(), unit.dwarf, unit.unit) {
                Ok(Some(Split::Package(dwarf))) => splits.packaged.push((id, Arc::from(dwarf))),
                Ok(Some(Split::File(file))) => splits.files.push((id, file)),
                Ok(None) | Err(_) => {}
            }
        }
        Ok(splits)
    }
}

/// Looks addresses up in one file and the parts that lie elsewhere.
pub(super) struct Lookup<'info> {
    context: Context<Reader<'info>>,
    /// The file itself, then the other parts.
    parts: Vec<Part<'info>>,
    /// The parts by the ids that their skeletons have.
    by_id: HashMap<u64, usize>,
    /// The file that this one shares with others.
    supplement: Option<usize>,
    units: HashMap<UnitPlace, Option<NamedUnit<'info>>>,
    functions: HashMap<Place, Frame>,
}

/// The DWARF of one file.
struct Part<'info> {
    dwarf: Arc<Dwarf<'info>>,
    /// The units by the offset of their header.
    headers: Vec<(usize, gimli::UnitHeader<Reader<'info>>)>,
}

/// A unit and what it calls its types.
struct NamedUnit<'info> {
    unit: Unit<'info>,
    names: Names<'info>,
}

/// A part, and the offset in it of the header of a unit.
type UnitPlace = (usize, usize);
/// The place of an entry: its unit, and its own offset in the unit.
type Place = (UnitPlace, usize);

impl<'info> Part<'info> {
    fn new(dwarf: Arc<Dwarf<'info>>) -> gimli::Result<Self> {
        let mut headers = Vec::new();
        let mut iterator = dwarf.units();
        while let Some(header) = iterator.next()? {
            if let Some(offset) = header.offset().to_debug_info_offset(&header) {
                headers.push((offset.0, header));
            }
        }
        Ok(Self { dwarf, headers })
    }
}

impl<'info> Lookup<'info> {
    pub(super) fn new(info: &'info DebugInfo, splits: &'info Splits<'info>) -> gimli::Result<Self> {
        let main = Arc::new(info.dwarf());
        let mut parts = vec![Part::new(Arc::clone(&main))?];
        let mut by_id = HashMap::new();
        let packaged = splits.packaged.iter().map(|(id, dwarf)| (*id, Arc::clone(dwarf)));
        let files = splits.files.iter().map(|(id, file)| (*id, Arc::new(file.dwarf(&main))));
        for (id, dwarf) in packaged.chain(files) {
            by_id.insert(id, parts.len());
            parts.push(Part::new(dwarf)?);
        }
        let supplement = main.sup.as_ref().map(|_| parts.len());
        if let Some(shared) = &main.sup {
            parts.push(Part::new(Arc::clone(shared))?);
        }
        let context = Context::from_arc_dwarf(main)?;
        Ok(Self { context, parts, by_id, supplement, units: HashMap::new(), functions: HashMap::new() })
    }

    /// Finishes a lookup with the parts that it asks for.
    fn finish<L: LookupContinuation<Buf = Reader<'info>>>(&self, mut lookup: LookupResult<L>) -> L::Output {
        loop {
            match lookup {
                LookupResult::Output(output) => return output,
                LookupResult::Load { load, continuation } => {
                    let part =
                        self.by_id.get(&load.dwo_id.0).map(|&part| Arc::clone(&self.parts[part].dwarf));
                    lookup = continuation.resume(part);
                }
            }
        }
    }

    /// The functions at an address, the innermost inlined one first; none where the DWARF knows none.
    pub(super) fn frames(&mut self, address: u64) -> Vec<Frame> {
        let places = self.places(address);
        let complete = |(place, at): (Option<Place>, Frame)| {
            let mut frame = place.map(|place| self.function(place)).unwrap_or_default();
            if frame.name.is_empty() && frame.linkage.is_none() {
                frame.linkage = at.linkage;
            }
            Frame { file: at.file, line: at.line, column: at.column, ..frame }
        };
        places.into_iter().map(complete).collect()
    }

    /// The entries of the functions at an address, and the lines there.
    fn places(&self, address: u64) -> Vec<(Option<Place>, Frame)> {
        let unit = self.finish(self.context.find_dwarf_and_unit(address));
        let unit = unit.and_then(|unit| {
            let part = unit.unit.dwo_id.and_then(|id| self.by_id.get(&id.0)).copied().unwrap_or(0);
            Some((part, unit.header.offset().to_debug_info_offset(&unit.header)?.0))
        });
        let Ok(mut frames) = self.finish(self.context.find_frames(address)) else { return Vec::new() };
        let mut places = Vec::new();
        while let Ok(Some(frame)) = frames.next() {
            let place = frame.dw_die_offset.and_then(|offset| Some((unit?, offset.0)));
            let mut at = Frame::default();
            if let Some(location) = &frame.location {
                at.file = location.file.unwrap_or_default().to_string();
                at.line = location.line.map_or(0, i64::from);
                at.column = location.column.map_or(0, i64::from);
            }
            at.linkage = frame.function.and_then(|it| it.raw_name().ok().map(|it| it.into_owned()));
            places.push((place, at));
        }
        places
    }

    /// The function whose entry, or whose inlined copy, stands at a place.
    fn function(&mut self, place: Place) -> Frame {
        if let Some(known) = self.functions.get(&place) {
            return known.clone();
        }
        let mut frame = Frame::default();
        let mut next = Some(place);
        for _ in 0..ORIGINS_MAX {
            let Some((unit, offset)) = next else { break };
            let Some(origin) = self.read_entry(unit, UnitOffset(offset), &mut frame) else { break };
            next = self.place_of(unit, origin);
        }
        let (bare_name, arguments) = generics::split(&frame.name);
        frame.facts.bare_name = bare_name.to_string();
        // The name spells types as the source does, the entries of parameters know sizes.
        let sizes = std::mem::take(&mut frame.facts.parameters);
        let parameter = |(index, name): (usize, &str)| TypeParameter {
            type_name: name.to_string(),
            bytes: sizes.get(index).filter(|_| sizes.len() == arguments.len()).and_then(|it| it.bytes),
        };
        let named = arguments.iter().copied().enumerate().map(parameter).collect();
        frame.facts.parameters = if arguments.is_empty() { sizes } else { named };
        self.functions.insert(place, frame.clone());
        frame
    }

    /// Takes over what an entry tells, and gives back where it refers to for the rest.
    fn read_entry(
        &mut self,
        place: UnitPlace,
        offset: UnitOffset,
        frame: &mut Frame,
    ) -> Option<AttributeValue<Reader<'info>>> {
        self.load(place);
        let NamedUnit { unit, names } = self.units.get(&place)?.as_ref()?;
        let dwarf = &self.parts[place.0].dwarf;
        let entry = unit.entry(offset).ok()?;
        let text = |name| {
            let value = entry.attr_value(name)?;
            dwarf.attr_string(unit, value).ok().map(|it| it.to_string_lossy().into_owned())
        };
        if frame.name.is_empty() {
            frame.name = text(gimli::DW_AT_name).unwrap_or_default();
        }
        if frame.linkage.is_none() {
            frame.linkage = text(gimli::DW_AT_linkage_name).or_else(|| text(gimli::DW_AT_MIPS_linkage_name));
        }
        if frame.start_line == 0 {
            let line = entry.attr_value(gimli::DW_AT_decl_line).and_then(|it| it.udata_value());
            frame.start_line = line.and_then(|it| i64::try_from(it).ok()).unwrap_or(0);
        }
        if frame.facts.parameters.is_empty() {
            let parameters = names.template_parameters(offset).into_iter();
            frame.facts.parameters = parameters
                .map(|it| TypeParameter { type_name: it.type_name, bytes: it.type_bytes })
                .collect();
        }
        entry
            .attr_value(gimli::DW_AT_abstract_origin)
            .or_else(|| entry.attr_value(gimli::DW_AT_specification))
    }

    fn load(&mut self, place: UnitPlace) {
        if self.units.contains_key(&place) {
            return;
        }
        let Part { dwarf, headers } = &self.parts[place.0];
        let index = headers.binary_search_by_key(&place.1, |(offset, _)| *offset).ok();
        let loaded = index.and_then(|index| {
            let unit = dwarf.unit(headers[index].1).ok()?;
            let names = Names::of(dwarf, &unit).ok()?;
            Some(NamedUnit { unit, names })
        });
        self.units.insert(place, loaded);
    }

    /// The place that a reference in a unit leads to.
    fn place_of(&self, (part, unit): UnitPlace, reference: AttributeValue<Reader<'info>>) -> Option<Place> {
        match reference {
            AttributeValue::UnitRef(offset) => Some(((part, unit), offset.0)),
            AttributeValue::DebugInfoRef(offset) => self.place_in(part, offset.0),
            AttributeValue::DebugInfoRefSup(offset) => self.place_in(self.supplement?, offset.0),
            _ => None,
        }
    }

    /// The unit that an offset in a part lies in.
    fn place_in(&self, part: usize, offset: usize) -> Option<Place> {
        let headers = &self.parts[part].headers;
        let behind = headers.partition_point(|(start, _)| *start <= offset);
        let (start, _) = headers[..behind].last()?;
        Some(((part, *start), offset - start))
    }
}
