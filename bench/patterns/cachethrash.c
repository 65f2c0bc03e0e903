// cachethrash: active false sharing (after Berger et al., Hoard, 2000); operation: a write.
//
// From "Hoard: a scalable memory allocator for multithreaded applications" (ASPLOS 2000). Two threads
// allocate small objects of their own and write to them: does the allocator put objects of both into one
// cache line?

#include "sharing.h"

int main(int argc, char **argv) {
    read_arguments(argc, argv);
    return run_sharing("cachethrash", false, false);
}
