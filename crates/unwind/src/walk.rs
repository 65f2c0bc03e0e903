//! The walk from frame to frame.

use crate::bounds::Bounds;
use crate::rules::{Base, Frame, Rule, Saved};
use crate::tables::find_rule;
use crate::{cache, images};

/// What leads from a function to its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registers {
    /// Address of code.
    pub pc: usize,
    /// The stack pointer.
    pub sp: usize,
    /// The frame pointer, which may hold anything.
    pub fp: usize,
}

impl Registers {
    /// Those of the calling function.
    #[inline(always)]
    #[must_use]
    pub fn here() -> Self {
        let (pc, sp, fp): (usize, usize, usize);
        #[cfg(target_arch = "x86_64")]
        // SAFETY: reads three registers.
        unsafe {
            core::arch::asm!(
                "lea {pc}, [rip]",
                "mov {sp}, rsp",
                "mov {fp}, rbp",
                pc = out(reg) pc, sp = out(reg) sp, fp = out(reg) fp,
                options(nomem, nostack, preserves_flags)
            );
        }
        #[cfg(target_arch = "aarch64")]
        // SAFETY: reads three registers.
        unsafe {
            core::arch::asm!(
                "adr {pc}, .",
                "mov {sp}, sp",
                "mov {fp}, x29",
                pc = out(reg) pc, sp = out(reg) sp, fp = out(reg) fp,
                options(nomem, nostack, preserves_flags)
            );
        }
        Self { pc, sp, fp }
    }
}

/// Writes the addresses of the calls that led to `here` into `frames`, the innermost first, and returns those
/// that were found: first that of `here`, then return addresses, each less one, so that it lies in the call.
/// The first `skip` are left out.
///
/// `stack` holds the stack pointer and is readable; nothing else of the stack is read.
pub fn walk(here: Registers, stack: Bounds, skip: usize, frames: &mut [usize]) -> &[usize] {
    let mut count = 0;
    let mut left_out = 0;
    let mut at = Some(here);
    while let Some(registers) = at
        && count < frames.len()
    {
        if left_out < skip {
            left_out += 1;
        } else {
            frames[count] = registers.pc;
            count += 1;
        }
        at = caller(registers, stack);
    }
    &frames[..count]
}

/// The registers at the call that made the frame.
fn caller(registers: Registers, stack: Bounds) -> Option<Registers> {
    match rule_at(registers.pc) {
        Some(rule) => by_rule(registers, rule, stack),
        None => by_frame_pointer(registers, stack),
    }
}

/// What the unwind tables say of an address of code.
fn rule_at(pc: usize) -> Option<Rule> {
    if cfg!(not(target_arch = "x86_64")) {
        // The others have frame pointers.
        return None;
    }
    let image = images::image_of(pc)?;
    let key = cache::key(pc, image.identity);
    if let Some(word) = cache::get(key) {
        return Rule::unpack(word);
    }
    let rule = find_rule(image.table_segment()?, image.header, pc)?;
    if let Some(word) = rule.pack() {
        cache::put(key, word);
    }
    Some(rule)
}

/// The way by a rule: the caller's frame lies above.
fn by_rule(registers: Registers, rule: Rule, stack: Bounds) -> Option<Registers> {
    let Frame { base, offset, indirect } = rule.frame;
    let base = if base == Base::Sp { registers.sp } else { registers.fp };
    let at = base.wrapping_add_signed(offset as isize);
    let sp = if indirect { word(stack, at)? } else { at };
    // The frame of a signal may be on a stack of its own, and then the caller's is elsewhere.
    if sp <= registers.sp {
        return None;
    }
    let saved = |saved: Saved, same: usize| match saved {
        Saved::Same => Some(same),
        Saved::AtFrame(offset) => word(stack, sp.wrapping_add_signed(offset.into())),
        Saved::AtSp(offset) => word(stack, registers.sp.wrapping_add_signed(offset.into())),
        Saved::Lost => None,
    };
    let pc = saved(rule.pc, 0)?;
    let fp = saved(rule.fp, registers.fp).unwrap_or(0);
    // A return address is behind the call; an interrupted one is exact.
    let pc = if rule.is_signal { pc } else { pc.wrapping_sub(1) };
    (pc > 1).then_some(Registers { pc, sp, fp })
}

/// The way by frame pointers: the caller's is where it points to, the return address is next to it.
fn by_frame_pointer(registers: Registers, stack: Bounds) -> Option<Registers> {
    let saved = registers.fp;
    if saved < registers.sp {
        return None;
    }
    let fp = word(stack, saved)?;
    let pc = word(stack, saved + size_of::<usize>())?;
    let sp = saved + 2 * size_of::<usize>();
    (pc > 1).then_some(Registers { pc: pc.wrapping_sub(1), sp, fp })
}

/// The word at an address, if that is on the stack.
fn word(stack: Bounds, address: usize) -> Option<usize> {
    // SAFETY: the word lies inside bounds that are readable, as their maker promises.
    stack.has_word(address).then(|| unsafe { core::ptr::with_exposed_provenance::<usize>(address).read() })
}
