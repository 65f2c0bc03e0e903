// 1,024 slots with blocks of random sizes that are replaced, for simple and simplethread: sizes from 16 to
// 32,768 bytes, each doubling half as frequent as the one before.
#ifndef SLOTS_H
#define SLOTS_H

#include "pattern.h"

enum { SLOTS = 1024, BYTES_MIN = 16, DOUBLINGS_MAX = 10, REPLACEMENTS = 40000000 };

static const unsigned char MARK = 0x69;

struct slot_thread {
    struct random random;
    size_t replacements;
    void *slots[SLOTS];
};

static void *replace_slots(void *argument) {
    struct slot_thread *thread = argument;
    for (size_t done = 0; done < thread->replacements; done++) {
        void **slot = &thread->slots[random_below(&thread->random, SLOTS)];
        uint64_t bits = random_number(&thread->random) | 1ull << DOUBLINGS_MAX;
        uint32_t least = (uint32_t)BYTES_MIN << __builtin_ctzll(bits);
        release(*slot, MARK);
        *slot = allocate(random_between(&thread->random, least, 2 * least), MARK);
    }
    for (size_t slot = 0; slot < SLOTS; slot++) release(thread->slots[slot], MARK);
    return NULL;
}

static int run_slots(const char *row, size_t threads) {
    struct slot_thread *states = map_apart(threads * sizeof *states);
    for (size_t index = 0; index < threads; index++) {
        states[index].random.state = index;
        states[index].replacements = scaled(REPLACEMENTS);
    }
    start_clock();
    if (threads == 1) {
        replace_slots(states);
    } else {
        run_threads(threads, replace_slots, states, sizeof *states);
    }
    stop_clock();
    report(row, "replacement", threads * scaled(REPLACEMENTS));
    return 0;
}

#endif
