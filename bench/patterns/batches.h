// Batches of small blocks, for sh6bench and sh8bench: each thread allocates batch after batch and frees
// some of them at once, some late, in the order of allocation or in reverse.
#ifndef BATCHES_H
#define BATCHES_H

#include "pattern.h"

enum { BATCH_OBJS = 250, KEPT_BATCHES = 128, BYTES_MIN = 1, BYTES_MAX = 1000, BATCH_THREADS_MAX = 8 };

struct batch {
    unsigned char mark;
    unsigned char *objects[BATCH_OBJS];
};

// Slots for batches that are kept: some for each thread, or all for all when batches change threads.
typedef _Atomic(struct batch *) batch_slot;

struct batch_thread {
    struct random random;
    size_t batches;
    size_t slots;
    batch_slot *kept;
};

// Small sizes are the more frequent, as the third power of an even spread has it: half are below 126 bytes.
// Sizes within a batch are alike, or mixed.
static struct batch *allocate_batch(struct random *random, bool mixed) {
    struct batch *batch = malloc(sizeof *batch);
    must_have(batch, sizeof *batch);
    batch->mark = (unsigned char)random_number(random);
    size_t bytes = 0;
    for (size_t index = 0; index < BATCH_OBJS; index++) {
        if (mixed || index == 0) {
            uint64_t even = random_below(random, BYTES_MAX);
            bytes = BYTES_MIN + even * even * even / (BYTES_MAX * BYTES_MAX);
        }
        batch->objects[index] = allocate(bytes, batch->mark);
    }
    return batch;
}

static void free_batch(struct batch *batch, bool in_reverse) {
    if (!batch) return;
    for (size_t index = 0; index < BATCH_OBJS; index++) {
        release(batch->objects[in_reverse ? BATCH_OBJS - 1 - index : index], batch->mark);
    }
    free(batch);
}

static void *work_on_batches(void *argument) {
    struct batch_thread *thread = argument;
    for (size_t done = 0; done < thread->batches; done++) {
        uint32_t dice = random_below(&thread->random, 8);
        bool in_reverse = dice & 1;
        struct batch *batch = allocate_batch(&thread->random, dice >= 6);
        if (dice & 2) {
            free_batch(batch, in_reverse);
            continue;
        }
        // Kept: an older batch, perhaps another thread's, makes room for it.
        batch_slot *slot = &thread->kept[random_below(&thread->random, (uint32_t)thread->slots)];
        free_batch(atomic_exchange(slot, batch), in_reverse);
    }
    return NULL;
}

static int run_batches(const char *row, size_t threads, bool exchanged, size_t total_batches) {
    batch_slot *slots = map_apart(KEPT_BATCHES * sizeof *slots);
    struct batch_thread states[BATCH_THREADS_MAX];
    for (size_t index = 0; index < threads; index++) {
        states[index].random.state = index;
        states[index].batches = scaled(total_batches) / threads;
        states[index].slots = exchanged ? KEPT_BATCHES : KEPT_BATCHES / threads;
        states[index].kept = exchanged ? slots : slots + index * (KEPT_BATCHES / threads);
    }
    start_clock();
    run_threads(threads, work_on_batches, states, sizeof *states);
    for (size_t index = 0; index < KEPT_BATCHES; index++) free_batch(slots[index], false);
    stop_clock();
    report(row, "object", scaled(total_batches) / threads * threads * BATCH_OBJS);
    return 0;
}

#endif
