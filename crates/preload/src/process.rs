//! The ends of a process that run no destructors: they complete the record first.

use core::ffi::c_int;

fn end(status: c_int) -> ! {
    spandrel::c_abi::process_ends();
    loop {
        // SAFETY: ends the process; there is nothing to return to.
        unsafe { libc::syscall(libc::SYS_exit_group, status) };
    }
}

#[unsafe(no_mangle)]
extern "C" fn _exit(status: c_int) -> ! {
    end(status)
}

#[unsafe(no_mangle)]
extern "C" fn _Exit(status: c_int) -> ! {
    end(status)
}
