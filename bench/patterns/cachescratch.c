// cachescratch: passive false sharing (after Berger et al., Hoard, 2000); operation: a write.
//
// From "Hoard: a scalable memory allocator for multithreaded applications" (ASPLOS 2000). The main thread
// gives each of two threads small objects that lie side by side; the threads free them and go on with
// objects of their own.

#include "sharing.h"

int main(int argc, char **argv) {
    read_arguments(argc, argv);
    return run_sharing("cachescratch", true, false);
}
