//! A heap profile as text, in the form that Go gives to `debug=1` and that `pprof` reads, too.
//!
//! ```text
//! heap profile: 3: 3072 [10: 10240] @ heap/2
//! 3: 3072 [10: 10240] @ 0x55d0 0x55e0
//! #    0x55d0    parse+0x40
//! ```
//!
//! Objects and bytes in use, in brackets those ever allocated. Readers of this form multiply what they read
//! by what the number behind `heap/` tells them of the sampling; our figures stand for all already, and
//! twice a distance of one byte tells them so.

use spandrel_platform::bytes::Bytes;
use spandrel_platform::process::{File, pids};

use super::symbol::Names;
use super::text::Text;
use crate::profile::message::{Fields, Profile, Values, values};
use crate::profile::wire::field;
use crate::snapshot;
use crate::stats::MemStats;

/// Writes the profile in `message`.
pub(super) fn write(message: &[u8], out: &mut Bytes) {
    let profile = Profile::new(message);
    let names = Names::of(profile.addresses());
    let samples = || Fields(message).of(field::SAMPLE);
    let total = samples().map(values).fold([0; 4], |sum: Values, values| {
        [0, 1, 2, 3].map(|index| i64::wrapping_add(sum[index], values[index]))
    });
    out.text("heap profile: ");
    put_values(total, out);
    out.text(" @ heap/2\n# One sample in about ");
    out.decimal(Fields(message).number(field::PERIOD)).text(" bytes; the figures stand for all.\n");
    for sample in samples() {
        put_values(values(sample), out);
        out.text(" @");
        profile.stack(sample).for_each(|address| {
            out.text(" ").address(address);
        });
        out.text("\n");
        for address in profile.stack(sample) {
            if let Some((name, offset)) = names.get(address) {
                out.text("#\t").address(address).text("\t").extend(name);
                out.text("+").address(offset).text("\n");
            }
        }
    }
    put_stats(out);
    put_maps(out);
}

fn put_values([alloc_objects, alloc_bytes, objects, bytes]: Values, out: &mut Bytes) {
    out.signed(objects).text(": ").signed(bytes).text(" [");
    out.signed(alloc_objects).text(": ").signed(alloc_bytes).text("]");
}

/// What Go appends: its statistics, as far as they mean something here.
fn put_stats(out: &mut Bytes) {
    let mut stats = MemStats::zero();
    snapshot::collect(&mut stats);
    out.text("\n# runtime.MemStats\n");
    for (name, value) in [
        ("Alloc", stats.alloc),
        ("TotalAlloc", stats.total_alloc),
        ("Sys", stats.sys),
        ("Mallocs", stats.mallocs),
        ("Frees", stats.frees),
        ("HeapAlloc", stats.heap_alloc),
        ("HeapSys", stats.heap_sys),
        ("HeapIdle", stats.heap_idle),
        ("HeapInuse", stats.heap_inuse),
        ("HeapReleased", stats.heap_released),
        ("HeapObjects", stats.heap_objects),
        ("BuckHashSys", stats.buck_hash_sys),
        ("OtherSys", stats.other_sys),
    ] {
        out.text("# ").text(name).text(" = ").decimal(value).text("\n");
    }
    out.text("# PID = ").decimal(pids().0).text("\n");
}

/// Which file an address is from, for readers that look names up themselves.
fn put_maps(out: &mut Bytes) {
    out.text("\nMAPPED_LIBRARIES:\n");
    if let Some(file) = File::open(c"/proc/self/maps") {
        file.read_to_end(out);
    }
}
