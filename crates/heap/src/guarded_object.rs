//! What is known of a guarded object, small or large: where it lies, and the stacks of allocation and free.
//!
//! It lies in pages that nothing else uses, and what is left of them before and behind it has marks:
//!
//! ```text
//!   first                                  end, where a forbidden page begins
//!   | marks | the object, `bytes` of it | marks, up to its alignment |
//! ```

use core::ops::Range;

use spandrel_platform::process::thread_number;

use crate::config::{GUARDED_FRAMES, GUARDED_MARK};
use crate::die;
use crate::line::Line;

/// A call: in which thread, and its stack, ended by 0.
#[derive(Debug)]
struct Call {
    thread: u32,
    frames: [usize; GUARDED_FRAMES],
}

impl Call {
    fn note(&mut self, frames: &[usize]) {
        self.thread = thread_number();
        self.frames = [0; GUARDED_FRAMES];
        self.frames.iter_mut().zip(frames).for_each(|(kept, frame)| *kept = *frame);
    }

    fn print(&self, what: &[u8]) {
        let len = self.frames.iter().take_while(|&&frame| frame != 0).count();
        die::print_call(what, self.thread, &self.frames[..len]);
    }
}

/// What is known of an object. All zero: there never was one.
#[derive(Debug)]
pub(crate) struct Known {
    /// The start of the object.
    pub(crate) object: *mut u8,
    pub(crate) bytes: usize,
    /// 0 for a large one.
    pub(crate) class: u8,
    pub(crate) in_use: bool,
    record: u32,
    allocated: Call,
    freed: Call,
}

/// How long the pages of an object are.
pub(crate) fn bytes_of(pages: &Range<*mut u8>) -> usize {
    pages.end.addr() - pages.start.addr()
}

/// Where an object is to be.
#[derive(Clone, Copy)]
pub(crate) struct Spot {
    pub(crate) object: *mut u8,
    pub(crate) bytes: usize,
    pub(crate) class: u8,
}

impl Known {
    /// The object is in use from now on.
    ///
    /// # Safety
    /// The pages are accessible, the object lies in them, and nothing else does.
    pub(crate) unsafe fn begin(&mut self, spot: Spot, pages: &Range<*mut u8>, record: u32, frames: &[usize]) {
        let Spot { object, bytes, class } = spot;
        (self.object, self.bytes, self.class, self.in_use, self.record) =
            (object, bytes, class, true, record);
        self.allocated.note(frames);
        for (first, bytes) in self.marks(pages) {
            // SAFETY: they lie beside the object in its pages.
            unsafe { first.write_bytes(GUARDED_MARK, bytes) };
        }
    }

    /// It is not any more; its record.
    pub(crate) fn end(&mut self, frames: &[usize]) -> u32 {
        self.in_use = false;
        self.freed.note(frames);
        self.record
    }

    /// Ends the process unless this is the object at a pointer that is freed as one of a class (0: any), in
    /// use, and with its marks.
    pub(crate) fn check(&self, pages: &Range<*mut u8>, object: *mut u8, class: u8) {
        let line = || die::begin().text(b"free of ").address(object.addr());
        if object != self.object {
            let line = line().text(b", which points into a guarded object, or beside one");
            self.report(line, object.addr());
        }
        if !self.in_use {
            self.report(die::begin().text(b"double free of ").address(object.addr()), object.addr());
        }
        if class != 0 && class != self.class {
            self.report(line().text(b" with a layout of class ").decimal(class.into()), object.addr());
        }
        for (first, bytes) in self.marks(pages) {
            for index in 0..bytes {
                let mark = first.wrapping_add(index);
                // SAFETY: the pages of an object in use are accessible.
                if unsafe { mark.read() } != GUARDED_MARK {
                    let line = die::begin().text(b"a write beside the object at ").address(object.addr());
                    self.report(line.text(b", seen when it was freed"), mark.addr());
                }
            }
        }
    }

    /// Says that a forbidden address was touched, and ends the process.
    pub(crate) fn report_touch(&self, address: usize) -> ! {
        let line = die::begin();
        let what: &[u8] = if !self.in_use {
            b"a touch of a freed object at "
        } else if address < self.object.addr() {
            b"a touch before the start of the object at "
        } else {
            b"a touch behind the end of the object at "
        };
        self.report(line.text(what).address(self.object.addr()), address)
    }

    /// Says what was done with the object, and who allocated and freed it; ends the process.
    fn report(&self, line: Line, address: usize) -> ! {
        let offset = address.wrapping_sub(self.object.addr()).cast_signed();
        let line = line.text(b": offset ").text(if offset < 0 { b"-" } else { b"" });
        let line = line.decimal(offset.unsigned_abs() as u64).text(b" of ").decimal(self.bytes as u64);
        let line = line.text(b" bytes");
        let line = if self.class == 0 { line } else { line.text(b", class ").decimal(self.class.into()) };
        die::end_with(line, || {
            self.allocated.print(b"allocated");
            if !self.in_use {
                self.freed.print(b"freed");
            }
        })
    }

    /// The marks in its pages: before it, and behind it.
    fn marks(&self, pages: &Range<*mut u8>) -> [(*mut u8, usize); 2] {
        let behind = self.object.wrapping_add(self.bytes);
        [(pages.start, self.object.addr() - pages.start.addr()), (behind, pages.end.addr() - behind.addr())]
    }
}
