//! The end of a process whose heap is misused: one line on standard error, the call stack where it can be
//! walked, then `SIGABRT`.
//!
//! It allocates nothing and takes no lock, so that it works when the heap is broken. If it goes wrong itself,
//! the process ends at once; a second thread that has something to report waits for the end.

use core::time::Duration;

use spandrel_classes::object_bytes;
use spandrel_platform::mappings::file_at;
use spandrel_platform::process::{abort, thread_number};
use spandrel_platform::sync::{AtomicU32, Ordering};
use spandrel_platform::thread::futex_wait;

use crate::config::REPORT_FRAMES;
use crate::line::Line;
use crate::{backtrace, caches};

/// The thread that reports; 0: none.
static REPORTING: AtomicU32 = AtomicU32::new(0);
/// How long another one waits for it.
const PATIENCE: Duration = Duration::from_secs(5);

/// A pointer came back that the allocator never gave out.
#[cold]
pub(crate) fn foreign_pointer(address: usize) -> ! {
    let line = begin().text(b"free of ").address(address).text(b", which is not from this heap");
    end(line)
}

/// A pointer came back that points into an object, not to its start.
#[cold]
pub(crate) fn interior_pointer(address: usize, start: usize, class: u8) -> ! {
    let offset = address.wrapping_sub(start) as u64;
    let line = begin()
        .text(b"free of ")
        .address(address)
        .text(b", which points into a span (start ")
        .address(start)
        .text(b", class ")
        .decimal(class.into())
        .text(b") but not to an object");
    let bytes = object_bytes(class) as u64;
    end(if class == 0 {
        line
    } else {
        line.text(b": offset ").decimal(offset % bytes).text(b" of ").decimal(bytes).text(b" bytes")
    })
}

/// An object came back as one of another class: with a layout that it was not allocated with.
#[cold]
pub(crate) fn wrong_class(address: usize, class: u8, has_class: u8) -> ! {
    let line = begin().text(b"free of ").address(address).text(b" with a wrong layout: it is of ");
    end(of_class(of_class(line, has_class).text(b", the layout of "), class))
}

/// A pointer came back whose object is not in use: it was freed before.
#[cold]
pub(crate) fn double_free(address: usize, class: u8) -> ! {
    end(of_class(begin().text(b"double free of ").address(address).text(b", of "), class))
}

/// An object that was free does not hold what the allocator wrote there.
#[cold]
pub(crate) fn overwritten(address: usize, class: u8) -> ! {
    let line = begin().text(b"the object at ").address(address).text(b", of ");
    end(of_class(line, class).text(b", was written to after it was freed"))
}

/// The same, where it is known at which byte.
#[cold]
pub(crate) fn overwritten_at(address: usize, class: u8, offset: usize) -> ! {
    let line = begin().text(b"the object at ").address(address).text(b", of ");
    let line = of_class(line, class).text(b", was written to after it was freed, at offset ");
    end(line.decimal(offset as u64))
}

/// A bug of the allocator.
#[cold]
pub(crate) fn panicked(file: &[u8], line: u32) -> ! {
    end(begin().text(b"panic at ").text(file).text(b":").decimal(line.into()))
}

fn of_class(line: Line, class: u8) -> Line {
    if class == 0 {
        return line.text(b"class 0 (large)");
    }
    let line = line.text(b"class ").decimal(class.into()).text(b" (");
    line.decimal(object_bytes(class) as u64).text(b" bytes)")
}

/// The start of a report; the only one of the process.
pub(crate) fn begin() -> Line {
    let thread = thread_number();
    match REPORTING.compare_exchange(0, thread, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => Line::new().text(b"spandrel: "),
        Err(other) => {
            if other != thread {
                futex_wait(&REPORTING, other, Some(PATIENCE));
            }
            abort()
        }
    }
}

/// Prints the line with the thread, and the stack; ends the process.
fn end(line: Line) -> ! {
    end_with(line, || ())
}

/// The same; `more` prints what else is known.
pub(crate) fn end_with(line: Line, more: impl FnOnce()) -> ! {
    let thread = REPORTING.load(Ordering::Relaxed);
    line.text(b" (thread ").decimal(thread.into()).text(b")").print();
    let mut frames = [0; REPORT_FRAMES];
    print_call(b"noticed", thread, backtrace::take(caches::current(), &mut frames));
    more();
    abort()
}

/// Prints a call: what happened, in which thread, and each frame with the place in its file.
pub(crate) fn print_call(what: &[u8], thread: u32, frames: &[usize]) {
    Line::new().text(b"spandrel: ").text(what).text(b" in thread ").decimal(thread.into()).print();
    for &frame in frames {
        // A frame is where its call returns to; the call lies before.
        let mut line = Some(Line::new().text(b"spandrel:   ").address(frame));
        file_at(frame - 1, |file, offset| {
            line = line.take().map(|line| line.text(b" ").text(file).text(b"+").address(offset));
        });
        line.into_iter().for_each(Line::print);
    }
}
