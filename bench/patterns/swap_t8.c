// swap_t8: 8 threads replace random objects that they share (this project); operation: a replacement.
//
// Most objects are freed by a thread that did not allocate them. The same total work as the other swap
// rows: see scaling.h.

#include "scaling.h"

int main(int argc, char **argv) {
    read_arguments(argc, argv);
    return run_scaling("swap_t8", 8, true);
}
