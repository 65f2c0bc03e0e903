// One thread allocates, another frees: N million objects are handed over through a ring.
//
//   cc -O2 -pthread -o handover c/handover.c
//   ./handover [MILLIONS [BYTES]]        default: 10 million objects of random sizes from 16 to 512 bytes
//
// Prints the time for each object and resident memory: the most of a thousand samples, and those after 10, 50
// and 100 % of the objects. At most RING_OBJS are live at a time, so memory that grows from 10 to 100 % is
// memory that the allocator does not bring back from the thread that frees to the one that allocates.

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { RING_OBJS = 4096, SIZE_MIN = 16, SIZE_MAX = 512, SAMPLES = 1000 };

static void *ring[RING_OBJS];
// Objects ever put in, written by the producer alone; objects ever taken out, written by the consumer alone.
static _Alignas(64) atomic_size_t put_objs;
static _Alignas(64) atomic_size_t taken_objs;

static size_t total_objs;
static size_t fixed_bytes;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static long rss_kib(void) {
    char text[8192];
    int file = open("/proc/self/status", O_RDONLY);
    ssize_t length = file < 0 ? -1 : read(file, text, sizeof text - 1);
    if (length < 0) fail("/proc/self/status");
    close(file);
    text[length] = 0;
    const char *field = strstr(text, "VmRSS:");
    return field ? strtol(field + strlen("VmRSS:"), NULL, 10) : -1;
}

static size_t next_size(unsigned long *state) {
    if (fixed_bytes) return fixed_bytes;
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return SIZE_MIN + (*state >> 33) % (SIZE_MAX - SIZE_MIN + 1);
}

static void *produce(void *unused) {
    unsigned long state = 1;
    for (size_t index = 0; index < total_objs; index++) {
        unsigned char *object = malloc(next_size(&state));
        if (!object) fail("malloc");
        object[0] = index & 255;
        while (index - atomic_load_explicit(&taken_objs, memory_order_acquire) == RING_OBJS) sched_yield();
        ring[index % RING_OBJS] = object;
        atomic_store_explicit(&put_objs, index + 1, memory_order_release);
    }
    return unused;
}

static double now_s(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

int main(int argc, char **argv) {
    double millions = argc > 1 ? atof(argv[1]) : 10;
    fixed_bytes = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
    total_objs = millions * 1e6;
    if (total_objs < SAMPLES) {
        fprintf(stderr, "usage: handover [MILLIONS [BYTES]]\n");
        return 2;
    }
    size_t sample_every = total_objs / SAMPLES;
    long tenth_kib = 0, half_kib = 0, most_kib = 0;
    double start_s = now_s();
    pthread_t producer;
    if (pthread_create(&producer, NULL, produce, NULL)) fail("pthread_create");
    for (size_t index = 0; index < total_objs; index++) {
        while (atomic_load_explicit(&put_objs, memory_order_acquire) == index) sched_yield();
        unsigned char *object = ring[index % RING_OBJS];
        if (object[0] != (index & 255)) {
            fprintf(stderr, "handover: object %zu lost its contents\n", index);
            return 1;
        }
        free(object);
        atomic_store_explicit(&taken_objs, index + 1, memory_order_release);
        if (index % sample_every == 0) {
            long kib = rss_kib();
            if (kib > most_kib) most_kib = kib;
            if (index <= total_objs / 10) tenth_kib = kib;
            if (index <= total_objs / 2) half_kib = kib;
        }
    }
    pthread_join(producer, NULL);
    double time_s = now_s() - start_s;
    printf("objects %zu, %.1f ns each\n", total_objs, time_s / total_objs * 1e9);
    printf("VmRSS KiB: most %ld, at 10 %% %ld, at 50 %% %ld, at the end %ld\n", most_kib, tenth_kib, half_kib,
           rss_kib());
    return 0;
}
