// larson: server threads leave objects to others (after Larson and Krishnan 1998); operation: a replacement.
//
// From "Memory allocation for long-running server applications" (ISMM 1998). Each of two chains has an
// array of 5,000 objects of 8 to 1,000 bytes, filled by the main thread. A thread replaces random ones for
// a while, then starts the next thread of its chain, passes the whole array on and exits: many objects are
// freed by a thread that did not allocate them.

#include "pattern.h"

#include <semaphore.h>

enum { CHAINS = 2, SLOTS = 5000, BYTES_MIN = 8, BYTES_MAX = 1000, REPLACEMENTS = 50000, GENERATIONS = 400 };

struct chain {
    struct random random;
    size_t generations_left;
    unsigned char *slots[SLOTS];
};

static sem_t chains_ended;

static unsigned char mark_of(size_t slot) {
    return (unsigned char)slot;
}

static void *serve(void *argument) {
    struct chain *chain = argument;
    for (size_t done = 0; done < REPLACEMENTS; done++) {
        size_t slot = random_below(&chain->random, SLOTS);
        release(chain->slots[slot], mark_of(slot));
        chain->slots[slot] = allocate(random_between(&chain->random, BYTES_MIN, BYTES_MAX), mark_of(slot));
    }
    if (--chain->generations_left) {
        pthread_detach(start_thread(serve, chain));
    } else {
        sem_post(&chains_ended);
    }
    return NULL;
}

int main(int argc, char **argv) {
    read_arguments(argc, argv);
    size_t generations = scaled(GENERATIONS);
    struct chain *chains = map_apart(CHAINS * sizeof *chains);
    sem_init(&chains_ended, 0, 0);
    for (size_t index = 0; index < CHAINS; index++) {
        chains[index].random.state = index;
        chains[index].generations_left = generations;
        for (size_t slot = 0; slot < SLOTS; slot++) {
            size_t bytes = random_between(&chains[index].random, BYTES_MIN, BYTES_MAX);
            chains[index].slots[slot] = allocate(bytes, mark_of(slot));
        }
    }
    start_clock();
    for (size_t index = 0; index < CHAINS; index++) pthread_detach(start_thread(serve, &chains[index]));
    for (size_t index = 0; index < CHAINS; index++) sem_wait(&chains_ended);
    stop_clock();
    for (size_t index = 0; index < CHAINS; index++) {
        for (size_t slot = 0; slot < SLOTS; slot++) release(chains[index].slots[slot], mark_of(slot));
    }
    report("larson", "replacement", CHAINS * generations * REPLACEMENTS);
}
