//! What programs may ask of their `malloc`: statistics in glibc's forms, trimming, tuning.

use core::ffi::{c_char, c_int};

/// `M_` parameters that programs set are accepted and have no effect: there is nothing here that they
/// describe.
#[unsafe(no_mangle)]
extern "C" fn mallopt(_parameter: c_int, _value: c_int) -> c_int {
    1
}

#[unsafe(no_mangle)]
extern "C" fn malloc_trim(_keep_bytes: usize) -> c_int {
    spandrel::c_abi::trim().into()
}

#[unsafe(no_mangle)]
extern "C" fn mallinfo2() -> libc::mallinfo2 {
    let stats = spandrel::stats();
    let large = &stats.classes[0];
    let heap = &stats.page_heap;
    let live_bytes = stats.live_bytes() as usize;
    // SAFETY: a structure of integers, for which zero is a value.
    let mut info: libc::mallinfo2 = unsafe { core::mem::zeroed() };
    info.arena = heap.committed_bytes as usize;
    info.ordblks =
        stats.classes.iter().map(|class| class.spans_cached + class.spans_partial).sum::<u64>() as usize;
    info.hblks = large.live_objs() as usize;
    info.hblkhd = large.live_bytes() as usize;
    info.uordblks = live_bytes;
    info.fordblks = (heap.committed_bytes as usize).saturating_sub(live_bytes);
    info.keepcost = heap.free_bytes as usize;
    info
}

/// The same in `int`s; what does not fit is cut to the largest.
#[unsafe(no_mangle)]
extern "C" fn mallinfo() -> libc::mallinfo {
    let wide = mallinfo2();
    let cut = |value: usize| c_int::try_from(value).unwrap_or(c_int::MAX);
    // SAFETY: a structure of integers, for which zero is a value.
    let mut info: libc::mallinfo = unsafe { core::mem::zeroed() };
    info.arena = cut(wide.arena);
    info.ordblks = cut(wide.ordblks);
    info.hblks = cut(wide.hblks);
    info.hblkhd = cut(wide.hblkhd);
    info.uordblks = cut(wide.uordblks);
    info.fordblks = cut(wide.fordblks);
    info.keepcost = cut(wide.keepcost);
    info
}

#[unsafe(no_mangle)]
extern "C" fn malloc_stats() {
    spandrel::c_abi::print_summary();
}

/// Writes an XML document, with an element for each size class in use. `options` must be 0.
#[unsafe(no_mangle)]
unsafe extern "C" fn malloc_info(options: c_int, stream: *mut libc::FILE) -> c_int {
    if options != 0 {
        // SAFETY: libc gives a valid address for the calling thread.
        unsafe { *libc::__errno_location() = libc::EINVAL };
        return -1;
    }
    let stats = spandrel::stats();
    let print = |format: *const c_char, values: [u64; 3]| {
        // SAFETY: the stream is the caller's, and each format below takes at most three 64-bit numbers.
        unsafe { libc::fprintf(stream, format, values[0], values[1], values[2]) };
    };
    print(c"<malloc version=\"spandrel-1\">\n".as_ptr(), [0; 3]);
    let class_format = c"<sizes size=\"%lu\" count=\"%lu\" total=\"%lu\"/>\n";
    for class in stats.classes.iter().filter(|class| class.span_bytes > 0) {
        print(class_format.as_ptr(), [class.object_bytes, class.live_objs(), class.live_bytes()]);
    }
    let heap = &stats.page_heap;
    print(c"<system type=\"current\" size=\"%lu\"/>\n".as_ptr(), [heap.committed_bytes, 0, 0]);
    print(c"<system type=\"max\" size=\"%lu\"/>\n".as_ptr(), [heap.peak_committed_bytes, 0, 0]);
    print(c"</malloc>\n".as_ptr(), [0; 3]);
    0
}
