// rptest: random lifetimes, frees by other threads (after Jansson, rpmalloc-benchmark); operation: an object.
//
// Each of two threads has 1,000 slots. A loop frees 100 of them, allocates 100 objects into random slots
// (what lay there is freed), and every second loop allocates a parcel of 100 more for the other thread to
// free. Sizes from 16 to 16,000 bytes fall off linearly in one half of the loops, exponentially in the
// other. Every OS page of an object is written. The threads meet every 64 loops, so that neither runs far
// ahead.

#include "pattern.h"

enum { THREADS = 2, SLOTS = 1000, LOOP_OBJS = 100, LOOPS = 20000, CROSS_EVERY = 2, MEET_EVERY = 64 };
enum { BYTES_MIN = 16, BYTES_MAX = 16000, HALVING_BYTES = 512 };

static const unsigned char MARK = 0xA5;

static pthread_barrier_t meeting;

struct parcel {
    struct parcel *next;
    void *objects[LOOP_OBJS];
};

struct tester {
    struct random random;
    size_t loops;
    void *slots[SLOTS];
    // Parcels from the other thread, which pushes while this one takes all.
    _Alignas(128) _Atomic(struct parcel *) inbox;
    struct tester *other;
};

static size_t linear_size(struct random *random) {
    // The lesser of two even ones falls off linearly.
    uint32_t one = random_between(random, BYTES_MIN, BYTES_MAX);
    uint32_t other = random_between(random, BYTES_MIN, BYTES_MAX);
    return one < other ? one : other;
}

static size_t exponential_size(struct random *random) {
    // Half as frequent every 512 bytes; evenly spread between, which is near enough.
    unsigned halvings = (unsigned)__builtin_ctzll(random_number(random) | 1ull << 30);
    return BYTES_MIN + halvings * HALVING_BYTES + random_below(random, HALVING_BYTES);
}

static void *allocate_object(struct tester *tester, bool linear) {
    size_t bytes = linear ? linear_size(&tester->random) : exponential_size(&tester->random);
    return allocate_touched(bytes, MARK);
}

static void send_parcel(struct tester *tester, bool linear) {
    struct parcel *parcel = malloc(sizeof *parcel);
    must_have(parcel, sizeof *parcel);
    for (size_t index = 0; index < LOOP_OBJS; index++) {
        parcel->objects[index] = allocate_object(tester, linear);
    }
    parcel->next = atomic_load(&tester->other->inbox);
    while (!atomic_compare_exchange_weak(&tester->other->inbox, &parcel->next, parcel)) {
    }
}

static void free_inbox(struct tester *tester) {
    struct parcel *next;
    for (struct parcel *parcel = atomic_exchange(&tester->inbox, NULL); parcel; parcel = next) {
        for (size_t index = 0; index < LOOP_OBJS; index++) release(parcel->objects[index], MARK);
        next = parcel->next;
        free(parcel);
    }
}

static void *test(void *argument) {
    struct tester *tester = argument;
    for (size_t loop = 0; loop < tester->loops; loop++) {
        bool linear = loop < tester->loops / 2;
        for (size_t index = 0; index < LOOP_OBJS; index++) {
            void **slot = &tester->slots[random_below(&tester->random, SLOTS)];
            release(*slot, MARK);
            *slot = NULL;
        }
        for (size_t index = 0; index < LOOP_OBJS; index++) {
            void **slot = &tester->slots[random_below(&tester->random, SLOTS)];
            release(*slot, MARK);
            *slot = allocate_object(tester, linear);
        }
        if (loop % CROSS_EVERY == 0) send_parcel(tester, linear);
        free_inbox(tester);
        if (loop % MEET_EVERY == 0) pthread_barrier_wait(&meeting);
    }
    return NULL;
}

int main(int argc, char **argv) {
    read_arguments(argc, argv);
    struct tester *testers = map_apart(THREADS * sizeof *testers);
    size_t loops = scaled(LOOPS);
    for (size_t index = 0; index < THREADS; index++) {
        testers[index].random.state = index;
        testers[index].loops = loops;
        testers[index].other = &testers[(index + 1) % THREADS];
    }
    pthread_barrier_init(&meeting, NULL, THREADS);
    start_clock();
    run_threads(THREADS, test, testers, sizeof *testers);
    stop_clock();
    for (size_t index = 0; index < THREADS; index++) {
        free_inbox(&testers[index]);
        for (size_t slot = 0; slot < SLOTS; slot++) release(testers[index].slots[slot], MARK);
    }
    report("rptest", "object", THREADS * (loops + (loops + CROSS_EVERY - 1) / CROSS_EVERY) * LOOP_OBJS);
}
