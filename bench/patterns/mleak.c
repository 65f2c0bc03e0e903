// mleak: threads that come and go (after Leijen, mimalloc-bench); operation: a thread.
//
// What a thread leaves behind must be of use to later ones. Two threads live at a time. Each allocates 200
// objects of 8 to 2,048 bytes, frees half, and hands the rest to the next thread in its place, which frees
// them. `growth_kib` is resident memory at the end over that after a tenth of the threads: it should be
// next to nothing.

#include "pattern.h"

enum { THREADS = 12000, ABREAST = 2, OBJS = 200, BYTES_MIN = 8, BYTES_MAX = 2048 };

struct visitor {
    struct random random;
    void *inherited[OBJS / 2];
};

static const unsigned char MARK = 0x3C;

static void *visit(void *argument) {
    struct visitor *visitor = argument;
    void *objects[OBJS];
    for (size_t index = 0; index < OBJS; index++) {
        objects[index] = allocate(random_between(&visitor->random, BYTES_MIN, BYTES_MAX), MARK);
    }
    for (size_t index = 0; index < OBJS / 2; index++) {
        release(visitor->inherited[index], MARK);
        release(objects[2 * index], MARK);
        visitor->inherited[index] = objects[2 * index + 1];
    }
    return NULL;
}

int main(int argc, char **argv) {
    read_arguments(argc, argv);
    struct visitor *visitors = map_apart(ABREAST * sizeof *visitors);
    for (size_t index = 0; index < ABREAST; index++) visitors[index].random.state = index;
    size_t rounds = scaled(THREADS) / ABREAST, tenth_rss = 0;
    start_clock();
    for (size_t round = 0; round < rounds; round++) {
        run_threads(ABREAST, visit, visitors, sizeof *visitors);
        if (round == rounds / 10) tenth_rss = rss_bytes();
    }
    stop_clock();
    add_extra("growth_kib", ((double)rss_bytes() - (double)tenth_rss) / (double)KIB);
    for (size_t index = 0; index < ABREAST; index++) {
        for (size_t left = 0; left < OBJS / 2; left++) release(visitors[index].inherited[left], MARK);
    }
    report("mleak", "thread", rounds * ABREAST);
}
