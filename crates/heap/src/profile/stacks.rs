//! Call stacks, each kept once, for as long as a row of the profile refers to it.

use core::ptr::null_mut;

use crate::config::{FRAMES_BYTES_MAX, STACK_CHAINS, STACK_FRAMES_MAX, STACKS_MAX, STACKS_STEP};
use crate::meta;
use crate::profile::slab::{Entry, Slab, Table};

/// A call stack.
#[repr(C)]
pub(crate) struct Stack {
    hash: u64,
    /// Addresses of code, the allocation's caller first; return addresses less one.
    frames: *mut usize,
    len: u32,
    /// Rows that refer to it.
    rows: u32,
    /// The next in its chain, or the next unused one.
    next: u32,
}

// SAFETY: integers and a pointer, which may be null.
unsafe impl Entry for Stack {
    fn link(&mut self) -> &mut u32 {
        &mut self.next
    }
}

/// Numbers of frames for which memory is taken: powers of two from 8 on.
const SIZES: usize = (STACK_FRAMES_MAX / 8).ilog2() as usize + 1;

pub(crate) struct Stacks {
    slab: Slab<Stack, { STACKS_MAX / STACKS_STEP }>,
    chains: Table<u32, STACK_CHAINS>,
    /// Memory for frames that is not used, by its size, linked through its first word.
    unused: [*mut usize; SIZES],
    frames_bytes: usize,
}

impl Stacks {
    pub(crate) const EMPTY: Self = Self {
        slab: Slab::new(STACKS_STEP),
        chains: Table::new(),
        unused: [null_mut(); SIZES],
        frames_bytes: 0,
    };

    /// The frames of a stack.
    pub(crate) fn frames(&self, number: u32) -> &[usize] {
        let stack = self.slab.get(number);
        if stack.frames.is_null() {
            return &[];
        }
        // SAFETY: so many were written when the stack was made.
        unsafe { core::slice::from_raw_parts(stack.frames, stack.len as usize) }
    }

    /// Stacks that are kept.
    pub(crate) fn used(&self) -> usize {
        self.slab.used()
    }

    /// The number of a stack for one more row; 0 if there is no room.
    pub(crate) fn take(&mut self, frames: &[usize]) -> u32 {
        if !self.chains.make() {
            return 0;
        }
        let hash = hash(frames);
        let chain = hash as usize % STACK_CHAINS;
        let mut number = self.chains[chain];
        while number != 0 {
            let stack = self.slab.get(number);
            if stack.hash == hash && self.frames(number) == frames {
                self.slab.get_mut(number).rows += 1;
                return number;
            }
            number = stack.next;
        }
        self.make(frames, hash, chain)
    }

    fn make(&mut self, frames: &[usize], hash: u64, chain: usize) -> u32 {
        let memory = self.memory(frames.len());
        if memory.is_null() {
            return 0;
        }
        let number = self.slab.take();
        if number == 0 {
            self.give_memory(memory, frames.len());
            return 0;
        }
        for (index, &frame) in frames.iter().enumerate() {
            // SAFETY: the memory has room for so many.
            unsafe { memory.add(index).write(frame) };
        }
        let next = self.chains[chain];
        self.chains[chain] = number;
        let stack = self.slab.get_mut(number);
        *stack = Stack { hash, frames: memory, len: frames.len() as u32, rows: 1, next };
        number
    }

    /// A row does not need its stack any more.
    pub(crate) fn give(&mut self, number: u32) {
        let stack = self.slab.get_mut(number);
        stack.rows -= 1;
        if stack.rows > 0 {
            return;
        }
        let (frames, len, next) = (stack.frames, stack.len as usize, stack.next);
        let chain = stack.hash as usize % STACK_CHAINS;
        if self.chains[chain] == number {
            self.chains[chain] = next;
        } else {
            let mut before = self.chains[chain];
            while self.slab.get(before).next != number {
                before = self.slab.get(before).next;
            }
            self.slab.get_mut(before).next = next;
        }
        self.give_memory(frames, len);
        self.slab.give(number);
    }

    /// Memory for so many frames; null if there is none.
    fn memory(&mut self, frames: usize) -> *mut usize {
        let size = size_of_frames(frames);
        let unused = self.unused[size];
        if !unused.is_null() {
            // SAFETY: unused memory holds the address of the next in its first word.
            self.unused[size] = unsafe { unused.cast::<*mut usize>().read() };
            return unused;
        }
        let bytes = (8 << size) * size_of::<usize>();
        if self.frames_bytes + bytes > FRAMES_BYTES_MAX {
            return null_mut();
        }
        self.frames_bytes += bytes;
        meta::alloc(bytes, align_of::<usize>()).cast()
    }

    fn give_memory(&mut self, memory: *mut usize, frames: usize) {
        let size = size_of_frames(frames);
        // SAFETY: nobody uses the memory any more, and it has room for a pointer.
        unsafe { memory.cast::<*mut usize>().write(self.unused[size]) };
        self.unused[size] = memory;
    }
}

fn size_of_frames(frames: usize) -> usize {
    (frames.max(1).next_power_of_two().max(8) / 8).ilog2() as usize
}

fn hash(frames: &[usize]) -> u64 {
    frames.iter().fold(frames.len() as u64, |hash, &frame| super::mix(hash ^ frame as u64))
}
