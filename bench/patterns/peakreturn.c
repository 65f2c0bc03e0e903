// peakreturn: 1 GiB is freed; when is it back with the kernel? (this project); operation: an object.
//
// Sizes are mixed, and the program idles once all is free. `return90_s` is when 90 % is back, read every 50
// ms (10 means never), `return_cpu_ms` the processor time until then, `idle_cpu_percent` that of the 3 s
// after it: an idle process should use none.

#include "mixed_sizes.h"

enum { POLL_MS = 50, GIVE_UP_MS = 10000, IDLE_MS = 3000 };

static double cpu_ms(void) {
    double user_s, system_s;
    cpu_seconds(&user_s, &system_s);
    return (user_s + system_s) * 1e3;
}

int main(int argc, char **argv) {
    read_arguments(argc, argv);
    size_t total_bytes = scaled(1024 * MIB);
    size_t before_rss = rss_bytes();
    struct mixed_objs mixed = {.seed = 1, .slots = map_mixed_slots(total_bytes)};
    start_clock();
    fill_mixed(&mixed, total_bytes);
    size_t peak_rss = rss_bytes();
    free_mixed(&mixed, 100);
    stop_clock();
    size_t base_rss = before_rss + slot_bytes(&mixed);
    size_t enough_rss = base_rss + (peak_rss - base_rss) / 10;
    double cpu_before_ms = cpu_ms();
    unsigned waited_ms = 0;
    while (rss_bytes() > enough_rss && waited_ms < GIVE_UP_MS) {
        idle_ms(POLL_MS);
        waited_ms += POLL_MS;
    }
    add_extra("return90_s", waited_ms * 1e-3);
    add_extra("return_cpu_ms", cpu_ms() - cpu_before_ms);
    cpu_before_ms = cpu_ms();
    uint64_t idle_start_ns = now_ns();
    idle_ms(IDLE_MS);
    add_extra("idle_cpu_percent", (cpu_ms() - cpu_before_ms) * 1e8 / (double)(now_ns() - idle_start_ns));
    add_extra("rss_peak_mib", mib((double)peak_rss - (double)slot_bytes(&mixed)));
    add_extra("rss_end_mib", mib((double)rss_bytes() - (double)slot_bytes(&mixed)));
    report("peakreturn", "object", mixed.objs);
}
