// frag90: 1 GiB of mixed sizes, 90 % freed at random (this project); operation: an object.
//
// What stays resident at once, and while the program idles? Figures leave out the row's own bookkeeping.

#include "mixed_sizes.h"

enum { PERCENT_FREED = 90 };

int main(int argc, char **argv) {
    static const char *const after[] = {"rss_after_1s_mib", "rss_after_2s_mib", "rss_after_3s_mib"};
    read_arguments(argc, argv);
    size_t total_bytes = scaled(1024 * MIB);
    struct mixed_objs mixed = {.seed = 1, .slots = map_mixed_slots(total_bytes)};
    start_clock();
    fill_mixed(&mixed, total_bytes);
    size_t full_rss = rss_bytes();
    free_mixed(&mixed, PERCENT_FREED);
    stop_clock();
    double own = (double)slot_bytes(&mixed);
    double now_mib = mib((double)rss_bytes() - own);
    add_extra("live_mib", mib((double)mixed.bytes));
    add_extra("rss_full_mib", mib((double)full_rss - own));
    add_extra("rss_now_mib", now_mib);
    for (size_t second = 0; second < 3; second++) {
        idle_ms(1000);
        add_extra(after[second], mib((double)rss_bytes() - own));
    }
    free_mixed(&mixed, 100);
    report("frag90", "object", mixed.objs);
}
