// helloc: a process that has hardly begun (this project); operation: the first malloc and its free.
//
// `rss_start_kib` is resident memory before the program has called malloc, `rss_first_kib` after the first
// block. Both are exact, from the kernel's walk over the pages.

#include "pattern.h"

static double exact_rss_kib(void) {
    return (double)proc_number("/proc/self/smaps_rollup", "Rss:");
}

int main(int argc, char **argv) {
    read_arguments(argc, argv);
    add_extra("rss_start_kib", exact_rss_kib());
    start_clock();
    release(allocate(16, 1), 1);
    stop_clock();
    add_extra("rss_first_kib", exact_rss_kib());
    report("helloc", "pair", 1);
}
