// Threads that churn, the same work for any number of them: `scale THREADS`.
//
// 131,072 live objects of 16 to 512 bytes in all, shared out among the threads, each of which replaces its own
// at random; 40 million replacements in all. So what differs is the number of threads alone. Prints millions
// of replacements a second.
//
//   cc -O2 -pthread -o scale bench/c/scale.c && LD_PRELOAD=$(spandrel library) ./scale 64

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { OBJECTS = 1 << 17, REPLACEMENTS = 40000000, THREADS_MAX = 1024 };

static long threads;
static pthread_barrier_t start;
// When each thread began and ended, in seconds.
static double begun[THREADS_MAX], ended[THREADS_MAX];

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static void *churn(void *number) {
    uint64_t random = (uintptr_t)number * 0x9E3779B97F4A7C15 + 1;
    long objects = OBJECTS / threads;
    char **live = calloc(objects, sizeof *live);
    if (live == NULL) abort();
    pthread_barrier_wait(&start);
    begun[(uintptr_t)number] = now();
    for (long round = 0; round < REPLACEMENTS / threads; round++) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        char **slot = &live[(random >> 20) % objects];
        free(*slot);
        *slot = malloc(16 + random % 497);
        if (*slot == NULL) abort();
        **slot = 1;
    }
    ended[(uintptr_t)number] = now();
    for (long index = 0; index < objects; index++) free(live[index]);
    free(live);
    return NULL;
}

int main(int argc, char **argv) {
    threads = argc == 2 ? atol(argv[1]) : 0;
    if (threads < 1 || threads > THREADS_MAX) {
        fprintf(stderr, "usage: scale THREADS, 1 to %d\n", THREADS_MAX);
        return 2;
    }
    pthread_t ids[THREADS_MAX];
    pthread_barrier_init(&start, NULL, threads);
    for (long number = 0; number < threads; number++) {
        if (pthread_create(&ids[number], NULL, churn, (void *)number) != 0) abort();
    }
    for (long number = 0; number < threads; number++) pthread_join(ids[number], NULL);
    double first = begun[0], last = ended[0];
    for (long number = 1; number < threads; number++) {
        if (begun[number] < first) first = begun[number];
        if (ended[number] > last) last = ended[number];
    }
    printf("%ld threads: %.1f million a second\n", threads, REPLACEMENTS / (last - first) / 1e6);
    return 0;
}
