//! The tables of real files, read here and by `gimli`: the same rule at every address where one changes.

use gimli::{
    BaseAddresses, CfaRule, CieOrFde, EhFrame, NativeEndian, RegisterRule, UnwindContext, UnwindSection,
    X86_64,
};
use object::{Object, ObjectSection, ObjectSegment};
use spandrel_unwind::rules::{Base, Frame, Rule, Saved};
use spandrel_unwind::tables::{Segment, find_rule};

/// What `gimli` says, as far as a rule can say it.
fn expected(row: &gimli::UnwindTableRow<usize>, is_signal: bool) -> Option<Rule> {
    let CfaRule::RegisterAndOffset { register, offset } = *row.cfa() else { return None };
    let base = match register {
        X86_64::RSP => Base::Sp,
        X86_64::RBP => Base::Fp,
        _ => return None,
    };
    let saved = |register, missing| match row.register(register) {
        None => missing,
        Some(RegisterRule::SameValue) => Saved::Same,
        Some(RegisterRule::Offset(offset)) => Saved::AtFrame(i16::try_from(offset).unwrap()),
        _ => Saved::Lost,
    };
    let fp = saved(X86_64::RBP, Saved::Same);
    let frame = Frame { base, offset: i32::try_from(offset).unwrap(), indirect: false };
    Some(Rule { frame, fp, pc: saved(X86_64::RA, Saved::Lost), is_signal })
}

/// The number of rows that were compared.
fn compare(path: &std::path::Path) -> usize {
    let bytes = std::fs::read(path).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let address = |name| file.section_by_name(name).unwrap().address();
    let (header, frames) = (address(".eh_frame_hdr"), address(".eh_frame"));
    let segment = file
        .segments()
        .find(|segment| (segment.address()..segment.address() + segment.size()).contains(&header))
        .unwrap();
    let segment = Segment { bytes: segment.data().unwrap(), address: segment.address() as usize };
    let section = file.section_by_name(".eh_frame").unwrap();
    let section = EhFrame::new(section.data().unwrap(), NativeEndian);
    let bases = BaseAddresses::default().set_eh_frame(frames).set_eh_frame_hdr(header).set_text(0);
    let mut context = UnwindContext::new();
    let mut entries = section.entries(&bases);
    let mut compared = 0;
    while let Some(entry) = entries.next().unwrap() {
        let CieOrFde::Fde(partial) = entry else { continue };
        let entry = partial.parse(EhFrame::cie_from_offset).unwrap();
        let mut rows = entry.rows(&section, &bases, &mut context).unwrap();
        while let Some(row) = rows.next_row().unwrap() {
            let Some(expected) = expected(row, entry.is_signal_trampoline()) else { continue };
            for pc in [row.start_address(), row.end_address() - 1] {
                let found = find_rule(segment, header as usize, pc as usize);
                assert_eq!(found, Some(expected), "{} at {pc:#x}", path.display());
            }
            compared += 1;
        }
    }
    compared
}

#[test]
fn this_program() {
    assert!(compare(&std::env::current_exe().unwrap()) > 1000);
}

#[test]
fn the_c_library() {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let path = maps.lines().filter_map(|line| line.split_whitespace().nth(5));
    let path = path.into_iter().find(|path| path.contains("/libc.so")).expect("it is mapped");
    assert!(compare(path.as_ref()) > 1000);
}

/// Bytes that were damaged give some rule or none, never a panic.
#[test]
fn damaged_tables() {
    let bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let header = file.section_by_name(".eh_frame_hdr").unwrap();
    let frames = file.section_by_name(".eh_frame").unwrap();
    let text = file.section_by_name(".text").unwrap();
    let start = header.address().min(frames.address());
    let end = (header.address() + header.size()).max(frames.address() + frames.size());
    let segment = file
        .segments()
        .find(|segment| (segment.address()..segment.address() + segment.size()).contains(&header.address()));
    let segment = segment.unwrap();
    let whole = segment.data().unwrap();
    let range = (start - segment.address()) as usize..((end - segment.address()) as usize).min(whole.len());
    let mut state = 7u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    let mut table = whole[range].to_vec();
    for round in 0..40_000 {
        let at = if round % 3 == 0 { random() % 64 } else { random() % table.len() };
        let before = table[at];
        table[at] = random() as u8;
        let length = if round % 7 == 0 { random() % table.len() } else { table.len() };
        let pc = text.address() as usize + random() % text.size() as usize;
        let segment = Segment { bytes: &table[..length], address: start as usize };
        let _any = find_rule(segment, header.address() as usize, pc);
        if round % 100 != 0 {
            table[at] = before;
        }
    }
}
