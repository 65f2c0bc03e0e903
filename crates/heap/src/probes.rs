//! Probes for tracers: `otel_memory:alloc` and `otel_memory:free`, as OpenTelemetry's eBPF profiler wants
//! them.
//!
//! A probe is a `nop` and a note that says where it is and in which registers its arguments are (version 3 of
//! the notes of SystemTap's `sys/sdt.h`). A tracer puts a breakpoint there and raises the probe's semaphore;
//! while that is 0 the arguments are not even computed. They fire for sampled objects alone: `alloc(address,
//! bytes, weighted_bytes)` with the bytes that the sample stands for, `free(address)`.

use spandrel_platform::sync::{AtomicU16, Ordering};

#[unsafe(link_section = ".probes")]
#[unsafe(export_name = "spandrel_probe_alloc_semaphore")]
static ALLOC: AtomicU16 = AtomicU16::new(0);
#[unsafe(link_section = ".probes")]
#[unsafe(export_name = "spandrel_probe_free_semaphore")]
static FREE: AtomicU16 = AtomicU16::new(0);

core::arch::global_asm!(
    // Retained: what is not loaded refers to it, which counts for nothing with the linker.
    ".pushsection .stapsdt.base,\"aGR\",@progbits,.stapsdt.base,comdat",
    ".weak _.stapsdt.base",
    ".hidden _.stapsdt.base",
    "_.stapsdt.base: .space 1",
    ".size _.stapsdt.base, 1",
    ".popsection",
);

/// A probe with its note.
macro_rules! probe {
    ($name:literal, $semaphore:literal, $places:literal, $($argument:tt)*) => {
        // SAFETY: does nothing; the note is data for others.
        unsafe {
            core::arch::asm!(
                "990: nop",
                ".pushsection .note.stapsdt,\"\",@note",
                ".balign 4",
                ".4byte 992f-991f, 994f-993f, 3",
                "991: .asciz \"stapsdt\"",
                "992: .balign 4",
                "993: .8byte 990b",
                ".8byte _.stapsdt.base",
                concat!(".8byte ", $semaphore),
                ".asciz \"otel_memory\"",
                concat!(".asciz \"", $name, "\""),
                concat!(".asciz \"", $places, "\""),
                "994: .balign 4",
                ".popsection",
                $($argument)*
                options(nostack, preserves_flags)
            );
        }
    };
}

/// An object was sampled.
#[inline]
pub(crate) fn alloc(object: usize, bytes: usize, weighted_bytes: f64) {
    if ALLOC.load(Ordering::Relaxed) != 0 {
        fire_alloc(object, bytes, weighted_bytes as usize);
    }
}

/// A sampled object is freed.
#[inline]
pub(crate) fn free(object: usize) {
    if FREE.load(Ordering::Relaxed) != 0 {
        fire_free(object);
    }
}

#[cold]
#[inline(never)]
fn fire_alloc(object: usize, bytes: usize, weighted_bytes: usize) {
    #[cfg(target_arch = "x86_64")]
    probe!("alloc", "spandrel_probe_alloc_semaphore", "8@%rdi 8@%rsi 8@%rdx",
        in("rdi") object, in("rsi") bytes, in("rdx") weighted_bytes,);
    #[cfg(target_arch = "aarch64")]
    probe!("alloc", "spandrel_probe_alloc_semaphore", "8@x0 8@x1 8@x2",
        in("x0") object, in("x1") bytes, in("x2") weighted_bytes,);
}

#[cold]
#[inline(never)]
fn fire_free(object: usize) {
    #[cfg(target_arch = "x86_64")]
    probe!("free", "spandrel_probe_free_semaphore", "8@%rdi", in("rdi") object,);
    #[cfg(target_arch = "aarch64")]
    probe!("free", "spandrel_probe_free_semaphore", "8@x0", in("x0") object,);
}
