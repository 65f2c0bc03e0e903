// cachescratch_padded: the same with objects padded by hand (after Berger et al., 2000); operation: a write.
//
// Objects have 128 bytes. What cachescratch takes longer than this is the price of false sharing.

#include "sharing.h"

int main(int argc, char **argv) {
    read_arguments(argc, argv);
    return run_sharing("cachescratch_padded", true, true);
}
