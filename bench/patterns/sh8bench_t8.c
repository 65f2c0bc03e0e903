// sh8bench_t8: sh8bench with 8 threads (after MicroQuill's SmartHeap test); operation: an object.
//
// Of the batches that are kept, seven of eight are freed by another thread.

#include "batches.h"

int main(int argc, char **argv) {
    read_arguments(argc, argv);
    return run_batches("sh8bench_t8", 8, true, 100000);
}
