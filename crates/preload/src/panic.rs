//! A panic without the standard library: one line, and the end.

use core::panic::PanicInfo;

use spandrel::c_abi;

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let (file, line) = info.location().map_or(("?", 0), |place| (place.file(), place.line()));
    c_abi::die_of_panic(file, line)
}

/// The answer of a frame that handles no exception: `_URC_CONTINUE_UNWIND`.
const CONTINUE_UNWIND: i32 = 8;

/// What the unwinder asks of each frame of ours that an exception passes, as `std::bad_alloc` does.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() -> i32 {
    CONTINUE_UNWIND
}
