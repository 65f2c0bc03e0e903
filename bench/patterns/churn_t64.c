// churn_t64: 64 threads replace random objects of their own (this project); operation: a replacement.
//
// The same total work as the other churn rows: see scaling.h.

#include "scaling.h"

int main(int argc, char **argv) {
    read_arguments(argc, argv);
    return run_scaling("churn_t64", 64, false);
}
