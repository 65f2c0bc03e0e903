// malloclarge: blocks of 5 to 25 MiB replaced at random (after Leijen, mimalloc-bench); operation: a block.
//
// Twenty blocks are live. One byte in each OS page is written: an allocator that gives blocks back to the
// kernel at once pays for every page again.

#include "pattern.h"

enum { SLOTS = 20, BLOCKS = 300, MIB_MIN = 5, MIB_MAX = 25 };

int main(int argc, char **argv) {
    read_arguments(argc, argv);
    struct random random = {1};
    void *slots[SLOTS] = {0};
    size_t blocks = scaled(BLOCKS);
    start_clock();
    for (size_t made = 0; made < blocks; made++) {
        size_t slot = random_below(&random, SLOTS);
        release(slots[slot], (unsigned char)slot);
        size_t bytes = random_between(&random, MIB_MIN * (uint32_t)MIB, MIB_MAX * (uint32_t)MIB);
        slots[slot] = allocate_touched(bytes, (unsigned char)slot);
    }
    stop_clock();
    for (size_t slot = 0; slot < SLOTS; slot++) release(slots[slot], (unsigned char)slot);
    report("malloclarge", "block", blocks);
}
