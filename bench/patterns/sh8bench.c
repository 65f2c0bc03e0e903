// sh8bench: sh6bench, batches change threads (after MicroQuill's SmartHeap test); operation: an object.
//
// Two threads. Batches that are kept lie in slots that all threads share, and whoever needs the slot frees
// them: half of those by the other thread.

#include "batches.h"

int main(int argc, char **argv) {
    read_arguments(argc, argv);
    return run_batches("sh8bench", 2, true, 100000);
}
