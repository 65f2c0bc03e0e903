// simplethread: two threads replace blocks of their own (after glibc's benchmarks); operation: a replacement.
//
// Each has 1,024 slots. Sizes from 16 to 32,768 bytes, small ones the most frequent, as in
// bench-malloc-thread.

#include "slots.h"

int main(int argc, char **argv) {
    read_arguments(argc, argv);
    return run_slots("simplethread", 2);
}
