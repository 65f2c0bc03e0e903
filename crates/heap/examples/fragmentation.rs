//! What survivors pin: 1 GiB of mixed sizes, nine tenths freed at random, three idle seconds.
//!
//! `cargo run --release -p spandrel --example fragmentation`

use std::alloc::{GlobalAlloc, Layout, System};
use std::time::Duration;

use spandrel::Spandrel;

/// The lists of this program live elsewhere, so that Spandrel's heap holds the objects alone.
#[global_allocator]
static APART: System = System;

const TOTAL_BYTES: usize = 1 << 30;

fn main() {
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    let mut objects = Vec::new();
    let mut held_bytes = 0;
    while held_bytes < TOTAL_BYTES {
        let bytes = mixed_size(&mut random);
        held_bytes += bytes;
        objects.push(allocate(bytes));
    }
    show("all live", &objects);
    objects.retain(|&(object, layout)| {
        let stays = draw(&mut random).is_multiple_of(10);
        if !stays {
            // SAFETY: allocated with this layout, and forgotten here.
            unsafe { Spandrel::new().dealloc(object, layout) };
        }
        stays
    });
    show("a tenth survives", &objects);
    std::thread::sleep(Duration::from_secs(3));
    show("three seconds later", &objects);
}

fn draw(random: &mut u64) -> u64 {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    *random
}

/// One object in 400 has 1 to 256 KiB, the others 1 byte to 32 KiB, half of them less than about 30 bytes.
fn mixed_size(random: &mut u64) -> usize {
    let large = draw(random).is_multiple_of(400);
    let (low, high) = if large { (1024.0f64, 262_144.0f64) } else { (1.0, 32_768.0) };
    let uniform = (draw(random) >> 11) as f64 / (1u64 << 53) as f64;
    let skewed = if large { uniform } else { uniform.powf(1.6) };
    (low * (high / low).powf(skewed)) as usize
}

fn allocate(bytes: usize) -> (*mut u8, Layout) {
    let layout = Layout::from_size_align(bytes.max(1), 8).expect("a small size");
    // SAFETY: the size is not zero; the object is as long as what is written.
    unsafe {
        let object = Spandrel::new().alloc(layout);
        object.write_bytes(1, layout.size());
        (object, layout)
    }
}

fn show(when: &str, objects: &[(*mut u8, Layout)]) {
    let live_bytes: usize = objects.iter().map(|(_, layout)| layout.size()).sum();
    let stats = spandrel::stats();
    let spans: u64 = stats.classes[1..].iter().map(|class| class.spans()).sum();
    let slack_bytes: u64 = stats.classes[1..].iter().map(|class| class.slack_bytes()).sum();
    let heap = &stats.page_heap;
    println!(
        "{when}: {} objects, {} MiB requested; {spans} spans and {} large objects pin {} OS pages, \
         {} MiB, {} MiB of it slack; {} MiB free",
        objects.len(),
        live_bytes >> 20,
        stats.classes[0].live_objs(),
        heap.in_use_bytes / 4096,
        heap.in_use_bytes >> 20,
        slack_bytes >> 20,
        heap.free_bytes >> 20,
    );
}
