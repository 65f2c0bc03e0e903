// idle500: 500 threads free what they had, and sleep (this project); operation: an object.
//
// Each allocates 1 MiB of mixed sizes, frees it all, does a little more, and sleeps. The baseline is read
// when all threads have been started and wait for the first allocation, their stacks touched;
// `kept_kib_per_thread` is what is resident beyond it after 3 s, the threads being alive and asleep.

#include "mixed_sizes.h"

enum { THREADS = 500, LITTLE_OBJS = 100, LITTLE_BYTES = 48, STACK_TOUCHED_BYTES = 48 << 10 };

static const unsigned char LITTLE_MARK = 0x1E;

static pthread_barrier_t stage;

static void touch_stack(void) {
    volatile unsigned char room[STACK_TOUCHED_BYTES];
    for (size_t at = 0; at < sizeof room; at += OS_PAGE_BYTES) room[at] = 1;
}

static void *live(void *argument) {
    struct mixed_objs *mixed = argument;
    touch_stack();
    pthread_barrier_wait(&stage); // started
    pthread_barrier_wait(&stage); // go
    fill_mixed(mixed, MIB);
    pthread_barrier_wait(&stage); // full
    pthread_barrier_wait(&stage); // looked at
    free_mixed(mixed, 100);
    for (size_t done = 0; done < LITTLE_OBJS; done++) {
        release(allocate(LITTLE_BYTES, LITTLE_MARK), LITTLE_MARK);
    }
    pthread_barrier_wait(&stage); // empty
    pthread_barrier_wait(&stage); // end
    return NULL;
}

int main(int argc, char **argv) {
    read_arguments(argc, argv);
    size_t threads_count = scaled(THREADS), slots_bytes = MIB / 32 * sizeof(void *);
    struct mixed_objs *mixed = map_apart(threads_count * sizeof *mixed);
    char *slots = map_apart(threads_count * slots_bytes);
    // Resident from the beginning, so that it is part of the baseline.
    memset(slots, 0xFF, threads_count * slots_bytes);
    pthread_barrier_init(&stage, NULL, (unsigned)threads_count + 1);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 256 * KIB);
    pthread_t threads[THREADS];
    for (size_t index = 0; index < threads_count; index++) {
        mixed[index].seed = 2 * index;
        mixed[index].slots = (void **)(slots + index * slots_bytes);
        if (pthread_create(&threads[index], &attributes, live, &mixed[index])) fail("no more threads");
    }
    pthread_barrier_wait(&stage);
    double baseline = (double)rss_bytes();
    start_clock();
    pthread_barrier_wait(&stage);
    pthread_barrier_wait(&stage);
    double full = (double)rss_bytes();
    pthread_barrier_wait(&stage);
    pthread_barrier_wait(&stage);
    stop_clock();
    double now = (double)rss_bytes();
    idle_ms(3000);
    double kept = (double)rss_bytes() - baseline;
    pthread_barrier_wait(&stage);
    size_t ops = 0;
    for (size_t index = 0; index < threads_count; index++) {
        join_thread(threads[index]);
        ops += mixed[index].objs + LITTLE_OBJS;
    }
    add_extra("kept_kib_per_thread", kept / (double)KIB / (double)threads_count);
    add_extra("rss_full_mib", mib(full - baseline));
    add_extra("rss_now_mib", mib(now - baseline));
    add_extra("rss_joined_mib", mib((double)rss_bytes() - baseline));
    report("idle500", "object", ops);
}
