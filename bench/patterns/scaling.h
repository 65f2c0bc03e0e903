// The same work by 1 to 64 threads, for the churn and swap rows: how does an allocator scale?
//
// 32 million objects of 8 to 256 bytes are replaced, whatever the number of threads; each does its share. A
// thread has 2,048 live objects of its own, or all share 16,384. On two cores a perfect allocator takes
// half as long with two threads as with one, and not longer with 64.
#ifndef SCALING_H
#define SCALING_H

#include "pattern.h"

enum { OWN_OBJS = 2048, SHARED_OBJS = 16384 };
enum { BYTES_MIN = 8, BYTES_MAX = 256, REPLACEMENTS = 32000000 };

static const unsigned char MARK = 0xC3;

typedef _Atomic(void *) slot;

struct replacer {
    struct random random;
    size_t replacements;
    size_t slots_count;
    slot *slots;
};

static void *fresh(struct random *random) {
    return allocate(random_between(random, BYTES_MIN, BYTES_MAX), MARK);
}

// Own slots: free the old object, then allocate the new one.
static void *churn(void *argument) {
    struct replacer *replacer = argument;
    for (size_t done = 0; done < replacer->replacements; done++) {
        slot *slot = &replacer->slots[random_below(&replacer->random, (uint32_t)replacer->slots_count)];
        release(atomic_load_explicit(slot, memory_order_relaxed), MARK);
        atomic_store_explicit(slot, fresh(&replacer->random), memory_order_relaxed);
    }
    return NULL;
}

// Slots of all: what comes out was allocated by any of the threads.
static void *swap(void *argument) {
    struct replacer *replacer = argument;
    for (size_t done = 0; done < replacer->replacements; done++) {
        slot *slot = &replacer->slots[random_below(&replacer->random, (uint32_t)replacer->slots_count)];
        release(atomic_exchange(slot, fresh(&replacer->random)), MARK);
    }
    return NULL;
}

static int run_scaling(const char *row, size_t threads, bool swapped) {
    size_t slots_count = swapped ? SHARED_OBJS : threads * OWN_OBJS;
    slot *slots = map_apart(slots_count * sizeof *slots);
    struct replacer *replacers = map_apart(threads * sizeof *replacers);
    for (size_t index = 0; index < threads; index++) {
        replacers[index].random.state = index;
        replacers[index].replacements = scaled(REPLACEMENTS) / threads;
        replacers[index].slots_count = swapped ? SHARED_OBJS : OWN_OBJS;
        replacers[index].slots = swapped ? slots : slots + index * OWN_OBJS;
    }
    struct random random = {threads};
    for (size_t index = 0; index < slots_count; index++) slots[index] = fresh(&random);
    start_clock();
    run_threads(threads, swapped ? swap : churn, replacers, sizeof *replacers);
    stop_clock();
    for (size_t index = 0; index < slots_count; index++) release(slots[index], MARK);
    report(row, "replacement", scaled(REPLACEMENTS) / threads * threads);
    return 0;
}

#endif
