// simple: one thread replaces blocks in 1,024 slots (after glibc's benchmarks); operation: a replacement.
//
// The process has no other thread. Sizes from 16 to 32,768 bytes, small ones the most frequent: the working
// set is that of bench-malloc-thread, the single thread that of bench-malloc-simple.

#include "slots.h"

int main(int argc, char **argv) {
    read_arguments(argc, argv);
    return run_slots("simple", 1);
}
