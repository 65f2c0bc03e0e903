// False sharing, for cachescratch and cachethrash: threads that allocate a few small objects, write to them
// many times, and free them. When objects of two threads lie in one cache line, each write takes the line
// from the other core.
#ifndef SHARING_H
#define SHARING_H

#include "pattern.h"

enum { SHARERS = 2, SHARER_OBJS = 8, OBJECT_BYTES = 8, PADDED_BYTES = 128, WRITES = 8000, ROUNDS = 30000 };

struct sharer {
    bool padded;
    size_t rounds;
    void *objects[SHARER_OBJS];
};

static pthread_barrier_t sharers_ready, last_round;

static void *allocate_object(bool padded) {
    void *object = padded ? aligned_alloc(PADDED_BYTES, PADDED_BYTES) : malloc(OBJECT_BYTES);
    must_have(object, OBJECT_BYTES);
    memset(object, 0, OBJECT_BYTES);
    return object;
}

// Writes to the objects in turn and looks whether each has the sum that it must have.
static void write_to(struct sharer *sharer) {
    for (uint64_t turn = 0; turn < WRITES / SHARER_OBJS; turn++) {
        for (size_t index = 0; index < SHARER_OBJS; index++) {
            volatile uint64_t *object = sharer->objects[index];
            *object += turn;
        }
    }
    for (size_t index = 0; index < SHARER_OBJS; index++) {
        uint64_t turns = WRITES / SHARER_OBJS;
        if (*(uint64_t *)sharer->objects[index] != turns * (turns - 1) / 2) fail("an object lost a write");
    }
}

static void free_objects(struct sharer *sharer) {
    for (size_t index = 0; index < SHARER_OBJS; index++) free(sharer->objects[index]);
}

static void *share(void *argument) {
    struct sharer *sharer = argument;
    pthread_barrier_wait(&sharers_ready);
    for (size_t round = 0; round < sharer->rounds; round++) {
        // The objects of the round before; in the first round those that came from the main thread, if any.
        free_objects(sharer);
        for (size_t index = 0; index < SHARER_OBJS; index++) {
            sharer->objects[index] = allocate_object(sharer->padded);
        }
        write_to(sharer);
    }
    pthread_barrier_wait(&last_round);
    return NULL;
}

// Pairs of objects of different threads that lie in one line, all being live.
static size_t shared_pairs(struct sharer *sharers) {
    size_t pairs = 0;
    for (size_t first = 0; first < SHARER_OBJS; first++) {
        for (size_t second = 0; second < SHARER_OBJS; second++) {
            uintptr_t one = (uintptr_t)sharers[0].objects[first];
            uintptr_t other = (uintptr_t)sharers[1].objects[second];
            pairs += one / CACHE_LINE_BYTES == other / CACHE_LINE_BYTES;
        }
    }
    return pairs;
}

// `handed_out`: the main thread allocates the first objects of each thread, side by side.
static int run_sharing(const char *row, bool handed_out, bool padded) {
    struct sharer *sharers = map_apart(SHARERS * sizeof *sharers);
    pthread_barrier_init(&sharers_ready, NULL, SHARERS);
    pthread_barrier_init(&last_round, NULL, SHARERS);
    for (size_t index = 0; handed_out && index < SHARER_OBJS; index++) {
        for (size_t thread = 0; thread < SHARERS; thread++) {
            sharers[thread].objects[index] = allocate_object(padded);
        }
    }
    for (size_t thread = 0; thread < SHARERS; thread++) {
        sharers[thread].padded = padded;
        sharers[thread].rounds = scaled(ROUNDS);
    }
    start_clock();
    run_threads(SHARERS, share, sharers, sizeof *sharers);
    stop_clock();
    add_extra("shared_pairs", (double)shared_pairs(sharers));
    for (size_t thread = 0; thread < SHARERS; thread++) free_objects(&sharers[thread]);
    report(row, "write", SHARERS * scaled(ROUNDS) * WRITES);
    return 0;
}

#endif
