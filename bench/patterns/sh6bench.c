// sh6bench: batches of blocks freed in mixed order (after MicroQuill's SmartHeap test); operation: an object.
//
// Two threads, each with its own batches. They are freed in the order of allocation or in reverse, at once
// or late; no object changes threads.

#include "batches.h"

int main(int argc, char **argv) {
    read_arguments(argc, argv);
    return run_batches("sh6bench", 2, false, 120000);
}
