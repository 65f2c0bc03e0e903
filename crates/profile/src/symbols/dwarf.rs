//! What the DWARF tells of an address: the inlined calls there, and the type parameters of each function.

use std::collections::HashMap;

use addr2line::Context;
use spandrel_debuginfo::gimli::{self, AttributeValue, UnitOffset};
use spandrel_debuginfo::{DebugInfo, Dwarf, Names, Reader, Unit};

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

/// Looks addresses up in one file.
pub(super) struct Lookup<'info> {
    context: Context<Reader<'info>>,
    dwarf: Dwarf<'info>,
    /// The units by the offset of their header.
    headers: Vec<(usize, gimli::UnitHeader<Reader<'info>>)>,
    units: HashMap<usize, Option<NamedUnit<'info>>>,
    functions: HashMap<(usize, usize), Frame>,
}

/// A unit and what it calls its types.
struct NamedUnit<'info> {
    unit: Unit<'info>,
    names: Names<'info>,
}

/// The place of an entry: the offset of its unit's header, and its own in the unit.
type Place = (usize, usize);

impl<'info> Lookup<'info> {
    pub(super) fn new(info: &'info DebugInfo) -> gimli::Result<Self> {
        let dwarf = info.dwarf();
        let mut headers = Vec::new();
        let mut iterator = dwarf.units();
        while let Some(header) = iterator.next()? {
            if let Some(offset) = header.offset().to_debug_info_offset(&header) {
                headers.push((offset.0, header));
            }
        }
        let context = Context::from_dwarf(info.dwarf())?;
        Ok(Self { context, dwarf, headers, units: HashMap::new(), functions: HashMap::new() })
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
        let unit = self.context.find_dwarf_and_unit(address).skip_all_loads();
        let unit = unit.and_then(|unit| unit.header.offset().to_debug_info_offset(&unit.header));
        let Ok(mut frames) = self.context.find_frames(address).skip_all_loads() else { return Vec::new() };
        let mut places = Vec::new();
        while let Ok(Some(frame)) = frames.next() {
            let place = frame.dw_die_offset.and_then(|offset| Some((unit?.0, offset.0)));
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
            let Some((unit_offset, offset)) = next else { break };
            let Some(origin) = self.read_entry(unit_offset, UnitOffset(offset), &mut frame) else { break };
            next = self.place_of(unit_offset, origin);
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
        unit_offset: usize,
        offset: UnitOffset,
        frame: &mut Frame,
    ) -> Option<AttributeValue<Reader<'info>>> {
        self.load(unit_offset);
        let NamedUnit { unit, names } = self.units.get(&unit_offset)?.as_ref()?;
        let entry = unit.entry(offset).ok()?;
        let text = |name| {
            let value = entry.attr_value(name)?;
            self.dwarf.attr_string(unit, value).ok().map(|it| it.to_string_lossy().into_owned())
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

    fn load(&mut self, unit_offset: usize) {
        if self.units.contains_key(&unit_offset) {
            return;
        }
        let index = self.headers.binary_search_by_key(&unit_offset, |(offset, _)| *offset).ok();
        let loaded = index.and_then(|index| {
            let unit = self.dwarf.unit(self.headers[index].1).ok()?;
            let names = Names::of(&self.dwarf, &unit).ok()?;
            Some(NamedUnit { unit, names })
        });
        self.units.insert(unit_offset, loaded);
    }

    /// The place that a reference in a unit leads to.
    fn place_of(&self, unit_offset: usize, reference: AttributeValue<Reader<'info>>) -> Option<Place> {
        match reference {
            AttributeValue::UnitRef(offset) => Some((unit_offset, offset.0)),
            AttributeValue::DebugInfoRef(offset) => {
                let behind = self.headers.partition_point(|(start, _)| *start <= offset.0);
                let (start, _) = self.headers[..behind].last()?;
                Some((*start, offset.0 - start))
            }
            _ => None,
        }
    }
}
