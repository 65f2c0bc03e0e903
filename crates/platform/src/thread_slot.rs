//! One word a thread, in the executable's or shared object's own TLS block.
//!
//! The standard `thread_local!` compiles to a call of `__tls_get_addr` in a shared object; a slot of our
//! own is one load with the initial-exec model, which the linker turns into a constant offset in an
//! executable. Its first value comes from the TLS image, so that no reader tests for initialisation.
//! A shared object with such a slot can be loaded at start (`LD_PRELOAD`, linked libraries) and by
//! `dlopen` while glibc's surplus of static TLS lasts.

/// Defines a module `$name` with `get()` and `set()` for a pointer-sized slot of each thread, whose
/// first value is the expression `$initial` (`0usize`) or the address of the static named after `sym`.
///
/// ```
/// spandrel_platform::thread_slot!(visits, 0usize);
/// visits::set(3 as *mut u8);
/// assert_eq!(visits::get() as usize, 3);
/// assert_eq!(std::thread::spawn(|| visits::get() as usize).join().unwrap(), 0);
/// ```
#[cfg(not(shuttle))]
#[macro_export]
macro_rules! thread_slot {
    ($name:ident, 0usize) => {
        $crate::thread_slot!(@define $name, "0",);
    };
    ($name:ident, sym $initial:path) => {
        $crate::thread_slot!(@define $name, "{initial}", initial = sym $initial);
    };
    (@define $name:ident, $value:literal, $($operand:tt)*) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            core::arch::global_asm!(
                concat!(".pushsection .tdata.", $crate::thread_slot!(@symbol $name), ",\"awT\",@progbits"),
                concat!(".hidden ", $crate::thread_slot!(@symbol $name)),
                concat!(".globl ", $crate::thread_slot!(@symbol $name)),
                concat!(".type ", $crate::thread_slot!(@symbol $name), ", @object"),
                concat!(".size ", $crate::thread_slot!(@symbol $name), ", 8"),
                ".balign 8",
                concat!($crate::thread_slot!(@symbol $name), ":"),
                concat!(".quad ", $value),
                ".popsection",
                $($operand)*
            );

            /// The calling thread's value.
            #[inline(always)]
            pub(super) fn get() -> *mut u8 {
                let value: *mut u8;
                // Where the slot lies is the same in all threads and at all times, so it may be kept; what it
                // holds may not, since code may go on in another thread.
                #[cfg(target_arch = "x86_64")]
                // SAFETY: reads this thread's own slot, which lives as long as the thread.
                unsafe {
                    let offset: *mut u8;
                    core::arch::asm!(
                        concat!("mov {0}, [rip + ", $crate::thread_slot!(@symbol $name), "@GOTTPOFF]"),
                        out(reg) offset,
                        options(pure, nomem, nostack, preserves_flags)
                    );
                    core::arch::asm!(
                        "mov {0}, qword ptr fs:[{1}]",
                        lateout(reg) value, in(reg) offset,
                        options(readonly, nostack, preserves_flags)
                    );
                }
                #[cfg(target_arch = "aarch64")]
                // SAFETY: reads this thread's own slot, which lives as long as the thread.
                unsafe {
                    core::arch::asm!(
                        concat!("adrp {0}, :gottprel:", $crate::thread_slot!(@symbol $name)),
                        concat!("ldr {0}, [{0}, :gottprel_lo12:", $crate::thread_slot!(@symbol $name), "]"),
                        "mrs {1}, tpidr_el0",
                        "ldr {0}, [{0}, {1}]",
                        out(reg) value, out(reg) _,
                        options(readonly, nostack, preserves_flags)
                    );
                }
                value
            }

            /// Sets the calling thread's value.
            #[inline(always)]
            pub(super) fn set(value: *mut u8) {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: writes this thread's own slot; no reference to it is ever made.
                unsafe {
                    core::arch::asm!(
                        concat!("mov {0}, [rip + ", $crate::thread_slot!(@symbol $name), "@GOTTPOFF]"),
                        "mov qword ptr fs:[{0}], {1}",
                        out(reg) _, in(reg) value,
                        options(nostack, preserves_flags)
                    );
                }
                #[cfg(target_arch = "aarch64")]
                // SAFETY: writes this thread's own slot; no reference to it is ever made.
                unsafe {
                    core::arch::asm!(
                        concat!("adrp {0}, :gottprel:", $crate::thread_slot!(@symbol $name)),
                        concat!("ldr {0}, [{0}, :gottprel_lo12:", $crate::thread_slot!(@symbol $name), "]"),
                        "mrs {1}, tpidr_el0",
                        "str {2}, [{0}, {1}]",
                        out(reg) _, out(reg) _, in(reg) value,
                        options(nostack, preserves_flags)
                    );
                }
            }
        }
    };
    // Two copies of a crate in one program must not share a slot: the symbol carries crate and version.
    (@symbol $name:ident) => {
        concat!("__", env!("CARGO_CRATE_NAME"), "_", env!("CARGO_PKG_VERSION_MAJOR"), "_",
            env!("CARGO_PKG_VERSION_MINOR"), "_", env!("CARGO_PKG_VERSION_PATCH"), "_", stringify!($name))
    };
}

/// The same for shuttle, whose threads are all one of the system's.
#[cfg(shuttle)]
#[macro_export]
macro_rules! thread_slot {
    ($name:ident, 0usize) => {
        $crate::thread_slot!(@define $name, core::ptr::null_mut());
    };
    ($name:ident, sym $initial:path) => {
        $crate::thread_slot!(@define $name, (&raw const $initial).cast_mut().cast());
    };
    (@define $name:ident, $initial:expr) => {
        mod $name {
            extern crate std;
            #[allow(unused_imports)]
            use super::*;

            $crate::shuttle::thread_local! {
                static SLOT: core::cell::Cell<*mut u8> = core::cell::Cell::new($initial);
            }

            /// The calling thread's value.
            pub(super) fn get() -> *mut u8 {
                SLOT.with(core::cell::Cell::get)
            }

            /// Sets the calling thread's value.
            pub(super) fn set(value: *mut u8) {
                SLOT.with(|slot| slot.set(value));
            }
        }
    };
}
