//! Which type a Go program allocated: told by the program's code.
//!
//! Go's profiles name the line that allocated, never the type. But the code knows: before it calls the
//! allocator, it loads the address of the type's description into a register.
//!
//! ```text
//!   lea  rbx, [main.Session]     <- the description of a type
//!   mov  eax, 96
//!   call runtime.mallocgc
//!   mov  [rsp+8], rax            <- the address in the profile, less one
//! ```
//!
//! The DWARF says which type each description belongs to (`DW_AT_go_runtime_type`). Code is decoded from
//! the start of its function, and a register is believed only if nothing was written to it since, in a run
//! of instructions that nobody jumps into. Generic code that several types share loads the description from
//! memory, and tells nothing.

use std::collections::{HashMap, HashSet};

use iced_x86::{
    Code, Decoder, DecoderOptions, FlowControl, Instruction, InstructionInfoFactory, OpAccess, Register,
};
use spandrel_classes::fit;
use spandrel_debuginfo::{DebugInfo, gimli};

use crate::groups::{TYPE_CONFIDENCE_LABEL, TYPE_LABEL};
use crate::model::{Label, LocationId, MappingId, Profile, Sample};
use crate::symbols::{Binary, BinaryFiles, find};
use crate::waste::{BYTES_LABEL, TYPE_BYTES_LABEL, requests};

/// Go's attribute for the description of a type: its address, or, since 1.26, its distance from
/// `runtime.types`.
const DW_AT_GO_RUNTIME_TYPE: gimli::DwAt = gimli::DwAt(0x2904);
/// What Go puts before an object of more than 512 bytes that holds pointers.
const HEADER_BYTES: u64 = 8;

/// The size of a pointer, which the DWARF takes for granted.
const POINTER_BYTES: u64 = 8;

/// The registers of arguments, in the order of Go's calling convention.
const ARGUMENTS: [Register; 5] = [Register::RAX, Register::RBX, Register::RCX, Register::RDI, Register::RSI];

/// What an allocating function makes of the type that it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// An object of the type.
    One,
    /// Several of them, side by side.
    Many,
    /// Something of its own, of which the type is the description: a map, a channel.
    Own,
}

/// Functions of Go's runtime by the beginnings of their names, which arguments may be a type, and what they
/// make.
const ALLOCATORS: [(&str, &[usize], Shape); 8] = [
    ("runtime.newobject", &[0], Shape::One),
    ("runtime.mallocgc", &[1], Shape::One),
    ("runtime.convT", &[0], Shape::One),
    ("runtime.makeslice", &[0], Shape::Many),
    // Before Go 1.20 the type came first.
    ("runtime.growslice", &[4, 0], Shape::Many),
    ("runtime.makechan", &[0], Shape::Own),
    ("runtime.makemap", &[0], Shape::Own),
    ("runtime.mapassign", &[0], Shape::Own),
];
/// Functions that make bytes for what the language calls something.
const BYTES: [(&str, &str); 7] = [
    ("runtime.concatstring", "string"),
    ("runtime.slicebytetostring", "string"),
    ("runtime.slicerunetostring", "string"),
    ("runtime.intstring", "string"),
    ("runtime.rawstring", "string"),
    ("runtime.stringtoslicebyte", "[]uint8"),
    ("runtime.rawbyteslice", "[]uint8"),
];

/// The type of an object, as the code that allocates it says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Allocated {
    name: String,
    /// The size of an element; 0 if it says nothing of the object's size.
    element_bytes: u64,
    shape: Shape,
}

struct GoType {
    name: String,
    bytes: u64,
}

/// A Go program with its types by the addresses of their descriptions.
struct Program {
    binary: Binary,
    types: HashMap<u64, GoType>,
}

/// Labels the samples of a Go profile with the types that the program's code names, as
/// [`attribute_types`](crate::attribute_types) does; gives back a line for each file that could not be used.
///
/// A profile of another language, or without its program, stays as it is.
pub fn attribute_go_types(profile: &mut Profile, files: &BinaryFiles) -> Option<String> {
    let is_go = profile.functions.iter().any(|function| function.name.starts_with("runtime."));
    if !is_go || profile.mappings.is_empty() {
        return None;
    }
    let program = match Program::find(profile, files) {
        Ok(program) => program?,
        Err(problem) => return Some(problem),
    };
    let start = profile.mappings[0].clone();
    let mut known: HashMap<LocationId, Option<Allocated>> = HashMap::new();
    let mut samples = std::mem::take(&mut profile.samples);
    for sample in samples.iter_mut().filter(|sample| sample.text(TYPE_LABEL).is_none()) {
        let Some(&leaf) = sample.stack.first() else { continue };
        let allocated = known.entry(leaf).or_insert_with(|| {
            let in_file = profile.location(leaf).address.wrapping_sub(start.start).wrapping_add(start.offset);
            // The address is one less than where the call returns to.
            program.allocated(program.binary.address_of(in_file)?.wrapping_add(1))
        });
        if let Some(allocated) = allocated {
            label(sample, allocated);
        }
    }
    profile.samples = samples;
    None
}

fn label(sample: &mut Sample, allocated: &Allocated) {
    let slot_bytes = sample.number(BYTES_LABEL).and_then(|it| u64::try_from(it).ok());
    let confidence = match slot_bytes.and_then(|slot| allocated.fits(slot)) {
        Some(true) => "exact",
        Some(false) => "ambiguous",
        None => "inferred",
    };
    sample.labels.push(Label::text(TYPE_LABEL, &allocated.name));
    sample.labels.push(Label::text(TYPE_CONFIDENCE_LABEL, confidence));
    if confidence == "exact" && allocated.element_bytes > 0 {
        let bytes = i64::try_from(allocated.element_bytes).unwrap_or(i64::MAX);
        sample.labels.push(Label::number(TYPE_BYTES_LABEL, bytes, "bytes"));
    }
}

impl Allocated {
    /// Whether an object of a class can be this; `None` if that can't be told.
    fn fits(&self, slot_bytes: u64) -> Option<bool> {
        /// Go puts several small objects without pointers into one of this size.
        const TINY_BYTES: u64 = 16;
        let slot = usize::try_from(slot_bytes).ok().filter(|&slot| slot > 0)?;
        let element = usize::try_from(self.element_bytes).ok().filter(|&element| element > 0)?;
        let class_of = |bytes: u64| usize::try_from(bytes).map(|bytes| fit(bytes).object_bytes).ok();
        match self.shape {
            Shape::Own => None,
            Shape::One => Some(
                class_of(self.element_bytes) == Some(slot)
                    || class_of(self.element_bytes.saturating_add(HEADER_BYTES)) == Some(slot)
                    || self.element_bytes < TINY_BYTES && slot_bytes == TINY_BYTES,
            ),
            Shape::Many => {
                let (least, most) = requests(slot, None);
                let header = HEADER_BYTES as usize;
                let fits = |least: usize, most: usize| most / element * element >= least;
                Some(fits(least, most) || fits(least.saturating_sub(header), most.saturating_sub(header)))
            }
        }
    }
}

impl Program {
    fn find(profile: &Profile, files: &BinaryFiles) -> Result<Option<Self>, String> {
        let Some(found) = find(profile, MappingId::new(0), files)? else { return Ok(None) };
        let Some(debug) = found.debug.filter(|_| found.binary.is_x86_64) else { return Ok(None) };
        Self::new(found.binary, &debug).map(Some).map_err(|error| {
            let path = debug.path().display();
            format!("`{path}`: its types can't be read: {error}")
        })
    }

    fn new(binary: Binary, debug: &DebugInfo) -> gimli::Result<Self> {
        let base = binary.data_symbol("runtime.types").unwrap_or(0);
        let dwarf = debug.dwarf();
        let mut types = HashMap::new();
        let mut headers = dwarf.units();
        while let Some(header) = headers.next()? {
            let unit = dwarf.unit(header)?;
            let mut entries = unit.entries();
            while let Some(entry) = entries.next_dfs()? {
                let Some(described) = entry.attr_value(DW_AT_GO_RUNTIME_TYPE) else { continue };
                let value = match described {
                    gimli::AttributeValue::Addr(address) => address,
                    offset => offset.udata_value().unwrap_or(0),
                };
                let address = if value < base { base.wrapping_add(value) } else { value };
                let name = entry.attr_value(gimli::DW_AT_name);
                let Some(name) = name.and_then(|it| dwarf.attr_string(&unit, it).ok()) else { continue };
                let bytes = entry.attr_value(gimli::DW_AT_byte_size).and_then(|it| it.udata_value());
                let name = name.to_string_lossy().into_owned();
                let is_pointer = entry.tag() == gimli::DW_TAG_pointer_type;
                let bytes = bytes.unwrap_or(if is_pointer { POINTER_BYTES } else { 0 });
                types.insert(address, GoType { name, bytes });
            }
        }
        types.remove(&0);
        types.remove(&base);
        Ok(Self { binary, types })
    }

    /// What is allocated by the call that returns to an address.
    fn allocated(&self, returns_to: u64) -> Option<Allocated> {
        let (start, code) = self.binary.code(returns_to.wrapping_sub(1))?;
        let targets = branch_targets(start, code);
        let mut factory = InstructionInfoFactory::new();
        let mut registers: HashMap<Register, u64> = HashMap::new();
        let mut instruction = Instruction::default();
        let mut decoder = Decoder::with_ip(64, code, start, DecoderOptions::NONE);
        while decoder.can_decode() {
            decoder.decode_out(&mut instruction);
            if targets.contains(&instruction.ip()) {
                registers.clear();
            }
            if instruction.next_ip() == returns_to {
                let is_call = instruction.flow_control() == FlowControl::Call;
                let callee = self.binary.function_at(instruction.near_branch_target())?;
                return is_call.then(|| self.by_callee(callee, &registers)).flatten();
            }
            step(&mut factory, &instruction, &mut registers);
        }
        None
    }

    fn by_callee(&self, callee: &str, registers: &HashMap<Register, u64>) -> Option<Allocated> {
        if let Some((_, name)) = BYTES.iter().find(|(start, _)| callee.starts_with(start)) {
            return Some(Allocated { name: (*name).to_string(), element_bytes: 1, shape: Shape::Many });
        }
        let (_, arguments, shape) = ALLOCATORS.iter().find(|(start, ..)| callee.starts_with(start))?;
        let value = |index: &usize| registers.get(&ARGUMENTS[*index]).and_then(|it| self.types.get(it));
        let found = arguments.iter().find_map(value)?;
        Some(Allocated {
            name: if *shape == Shape::Many { format!("[]{}", found.name) } else { found.name.clone() },
            element_bytes: if *shape == Shape::Own { 0 } else { found.bytes },
            shape: *shape,
        })
    }
}

/// The addresses in a function that its own jumps lead to.
fn branch_targets(start: u64, code: &[u8]) -> HashSet<u64> {
    let decoder = Decoder::with_ip(64, code, start, DecoderOptions::NONE);
    let jumps = decoder.into_iter().filter(|it| {
        matches!(it.flow_control(), FlowControl::UnconditionalBranch | FlowControl::ConditionalBranch)
    });
    jumps.map(|it| it.near_branch_target()).filter(|&target| target != 0).collect()
}

/// What an instruction does to the addresses that registers are known to hold.
fn step(factory: &mut InstructionInfoFactory, it: &Instruction, registers: &mut HashMap<Register, u64>) {
    if it.flow_control() != FlowControl::Next {
        // Whatever comes after a call or a jump, nobody has seen its registers.
        registers.clear();
        return;
    }
    let moved = match it.code() {
        Code::Mov_r64_rm64 | Code::Mov_rm64_r64 => registers.get(&it.op1_register()).copied(),
        Code::Lea_r64_m if it.is_ip_rel_memory_operand() => Some(it.ip_rel_memory_address()),
        _ => None,
    };
    for used in factory.info(it).used_registers() {
        let is_written = !matches!(used.access(), OpAccess::None | OpAccess::Read | OpAccess::CondRead);
        if is_written {
            registers.remove(&used.register().full_register());
        }
    }
    if let Some(address) = moved.filter(|_| it.op0_register() != Register::None) {
        registers.insert(it.op0_register().full_register(), address);
    }
}

#[cfg(all(test, not(bare_machine)))]
mod tests {
    use std::path::{Path, PathBuf};

    use std::collections::HashMap;

    use iced_x86::{Decoder, DecoderOptions, FlowControl, InstructionInfoFactory, Register};
    use spandrel_classes::class_of_size;
    use spandrel_debuginfo::{DebugInfo, Search, Wanted};

    use super::{Allocated, Program, Shape, step};
    use crate::symbols::Binary;

    fn binary(name: &str) -> PathBuf {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/go_binaries");
        let folder = Path::new(folder);
        assert!(folder.is_dir(), "the test data is missing: put it at `../shared/data` beside the workspace");
        folder.join(name)
    }

    fn program(name: &str) -> Program {
        let path = binary(name);
        let debug = DebugInfo::open(&path, Wanted::Everything, &Search::default()).expect("it has DWARF");
        Program::new(Binary::open(&path).expect("an ELF file"), &debug).expect("sound DWARF")
    }

    /// Every call in the program of a function whose name begins so: where it returns to, and the callee.
    fn calls(program: &Program, start: &str) -> Vec<(u64, String)> {
        let functions: Vec<_> = program.binary.functions().collect();
        let code = functions.iter().filter_map(|(address, _)| program.binary.code(*address));
        let decoders = code.map(|(address, code)| Decoder::with_ip(64, code, address, DecoderOptions::NONE));
        let calls =
            decoders.flat_map(|it| it.into_iter().filter(|it| it.flow_control() == FlowControl::Call));
        let named = calls.filter_map(|it| {
            let callee = program.binary.function_at(it.near_branch_target())?;
            callee.starts_with(start).then(|| (it.next_ip(), callee.to_string()))
        });
        named.collect()
    }

    /// Go's compiler calls a function of its own for each of the smallest classes, whose number is in the
    /// name: the type that we find must have that class.
    #[test]
    fn types_have_the_classes_that_the_compiler_chose() {
        let mut known = 0;
        for name in ["net_amd64_dwarf5z", "web_amd64_dwarf5z"] {
            let program = program(name);
            for kind in ["runtime.mallocgcSmallScanNoHeaderSC", "runtime.mallocgcSmallNoScanSC"] {
                for (returns_to, callee) in calls(&program, kind) {
                    let Some(found) = program.allocated(returns_to) else { continue };
                    let class: u8 = callee[kind.len()..].parse().expect("a number of a class");
                    let bytes = usize::try_from(found.element_bytes).expect("a size");
                    assert_eq!(class_of_size(bytes), class, "{name} {returns_to:#x}: {found:?}");
                    known += 1;
                }
            }
        }
        assert!(known > 30, "only {known} types were found");
    }

    #[test]
    fn most_calls_of_the_allocator_tell_a_type() {
        let program = program("web_amd64_dwarf5z");
        for kind in ["runtime.newobject", "runtime.makeslice", "runtime.growslice"] {
            let calls = calls(&program, kind);
            let known =
                calls.iter().filter(|(returns_to, _)| program.allocated(*returns_to).is_some()).count();
            assert!(!calls.is_empty() && known * 10 >= calls.len() * 7, "{kind}: {known} of {}", calls.len());
        }
    }

    /// What `rax` and `rbx` are known to hold after some instructions at address 0x1000.
    fn known_after(code: &[&[u8]]) -> (Option<u64>, Option<u64>) {
        let code = code.concat();
        let mut registers = HashMap::new();
        let mut factory = InstructionInfoFactory::new();
        for instruction in Decoder::with_ip(64, &code, 0x1000, DecoderOptions::NONE) {
            step(&mut factory, &instruction, &mut registers);
        }
        (registers.get(&Register::RAX).copied(), registers.get(&Register::RBX).copied())
    }

    #[test]
    fn registers_are_believed_until_they_are_written() {
        const LEA_RAX: &[u8] = &[0x48, 0x8d, 0x05, 0x10, 0, 0, 0]; // lea rax, [rip+0x10]
        const MOV_RBX_RAX: &[u8] = &[0x48, 0x89, 0xc3];
        const MOV_EAX_1: &[u8] = &[0xb8, 1, 0, 0, 0];
        const MOV_BL_1: &[u8] = &[0xb3, 1];
        const CMOVE_RAX_RCX: &[u8] = &[0x48, 0x0f, 0x44, 0xc1];
        const STORE_RAX: &[u8] = &[0x48, 0x89, 0x04, 0x24]; // mov [rsp], rax
        const CALL: &[u8] = &[0xe8, 0, 0, 0, 0];
        const JNE: &[u8] = &[0x75, 0];
        let type_address = Some(0x1017);
        assert_eq!(known_after(&[LEA_RAX]), (type_address, None));
        assert_eq!(known_after(&[LEA_RAX, MOV_RBX_RAX, MOV_EAX_1]), (None, type_address));
        assert_eq!(known_after(&[LEA_RAX, STORE_RAX]), (type_address, None));
        assert_eq!(known_after(&[LEA_RAX, MOV_RBX_RAX, MOV_BL_1]), (type_address, None));
        assert_eq!(known_after(&[LEA_RAX, CMOVE_RAX_RCX]), (None, None));
        assert_eq!(known_after(&[LEA_RAX, CALL]), (None, None));
        assert_eq!(known_after(&[LEA_RAX, JNE]), (None, None));
    }

    #[test]
    fn sizes_confirm_types() {
        let of = |element_bytes, shape| Allocated { name: String::new(), element_bytes, shape };
        assert_eq!(of(40, Shape::One).fits(48), Some(true));
        assert_eq!(of(40, Shape::One).fits(64), Some(false));
        assert_eq!(of(8, Shape::One).fits(16), Some(true), "tiny objects share a block");
        assert_eq!(of(600, Shape::One).fits(640), Some(true));
        assert_eq!(of(576, Shape::One).fits(640), Some(true), "with a header");
        assert_eq!(of(24, Shape::Many).fits(96), Some(true));
        assert_eq!(of(1000, Shape::Many).fits(96), Some(false));
        assert_eq!(of(0, Shape::Own).fits(96), None);
    }
}
