// What every pattern needs: arguments, random numbers, the clock, threads, readings of memory, the report.
//
// Nothing in here calls malloc, so that what a row shows is what its own text allocates: bookkeeping is
// mapped apart (`map_apart`), files of /proc are read into buffers on the stack, the report is written by
// write(2).
#ifndef PATTERN_H
#define PATTERN_H

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { CACHE_LINE_BYTES = 64, OS_PAGE_BYTES = 4096, QUICK_DIVISOR = 20, EXTRAS_MAX = 16 };

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

static bool quick;
static uint64_t started_ns, measured_ns;
static struct {
    const char *name;
    double value;
} extras[EXTRAS_MAX];
static size_t extras_count;

// Says what is wrong and ends the program: a pattern that fails has no figures.
__attribute__((noreturn, format(printf, 1, 2))) static inline void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

// Reads the only argument there is: `--quick`, a twentieth of the work.
static inline void read_arguments(int argc, char **argv) {
    quick = argc == 2 && strcmp(argv[1], "--quick") == 0;
    if (argc > 1 && !quick) {
        fprintf(stderr, "usage: %s [--quick]\n", argv[0]);
        exit(2);
    }
}

static inline size_t scaled(size_t amount) {
    return quick && amount > QUICK_DIVISOR ? amount / QUICK_DIVISOR : amount;
}

// Random numbers, the same in every run (SplitMix64).
struct random {
    uint64_t state;
};

static inline uint64_t random_number(struct random *random) {
    uint64_t mixed = random->state += 0x9E3779B97F4A7C15;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
    return mixed ^ (mixed >> 31);
}

// From 0 to `end` - 1.
static inline uint32_t random_below(struct random *random, uint32_t end) {
    return (random_number(random) >> 32) * end >> 32;
}

// From `least` to `most`, evenly.
static inline uint32_t random_between(struct random *random, uint32_t least, uint32_t most) {
    return least + random_below(random, most - least + 1);
}

static inline uint64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static inline void start_clock(void) {
    started_ns = now_ns();
}

// Adds the time since `start_clock` to what is measured.
static inline void stop_clock(void) {
    measured_ns += now_ns() - started_ns;
}

// Sleeps; with --quick a twentieth of it.
static inline void idle_ms(long milliseconds) {
    long long ns = (long long)scaled((size_t)milliseconds * 1000) * 1000;
    struct timespec time = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    nanosleep(&time, NULL);
}

// Waits for another thread: a few looks, then the core goes to whoever needs it.
static inline void wait_a_little(unsigned *looks) {
    if (++*looks % 64 == 0) {
        sched_yield();
    } else {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
    }
}

// Pages of their own for a pattern's bookkeeping, zeroed.
static inline void *map_apart(size_t bytes) {
    int access = PROT_READ | PROT_WRITE, kind = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void *start = mmap(NULL, bytes, access, kind, -1, 0);
    if (start == MAP_FAILED) fail("the kernel refuses %zu bytes", bytes);
    return start;
}

static inline void must_have(const void *block, size_t bytes) {
    if (!block) fail("malloc refuses %zu bytes", bytes);
}

// A block whose first and last byte are written.
static inline void *allocate(size_t bytes, unsigned char mark) {
    unsigned char *block = malloc(bytes);
    must_have(block, bytes);
    block[bytes - 1] = mark;
    block[0] = mark;
    return block;
}

// The same with a byte in every OS page written.
static inline void *allocate_touched(size_t bytes, unsigned char mark) {
    unsigned char *block = allocate(bytes, mark);
    for (size_t at = OS_PAGE_BYTES; at < bytes; at += OS_PAGE_BYTES) block[at] = mark;
    return block;
}

// Frees a block after a look at its first byte. NULL is fine.
static inline void release(void *block, unsigned char mark) {
    if (block && *(unsigned char *)block != mark) fail("a block lost its contents");
    free(block);
}

static inline pthread_t start_thread(void *(*body)(void *), void *argument) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, body, argument)) fail("no more threads");
    return thread;
}

static inline void join_thread(pthread_t thread) {
    if (pthread_join(thread, NULL)) fail("a thread cannot be joined");
}

// Runs `body` on `count` threads, each with its element of `arguments`, and waits for all.
static inline void run_threads(size_t count, void *(*body)(void *), void *arguments, size_t argument_bytes) {
    pthread_t threads[count];
    for (size_t index = 0; index < count; index++) {
        threads[index] = start_thread(body, (char *)arguments + index * argument_bytes);
    }
    for (size_t index = 0; index < count; index++) join_thread(threads[index]);
}

// The number behind `field` in a file of /proc/self; the file must be shorter than the buffer.
static inline size_t proc_number(const char *path, const char *field) {
    char text[4096];
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = file < 0 ? -1 : read(file, text, sizeof text - 1);
    if (length < 0) fail("%s cannot be read", path);
    close(file);
    text[length] = 0;
    const char *found = strstr(text, field);
    if (!found) fail("%s has no %s", path, field);
    return strtoul(found + strlen(field), NULL, 10);
}

// Resident memory now. The kernel's count may be off by some dozen pages a core.
static inline size_t rss_bytes(void) {
    char text[128];
    int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t length = file < 0 ? -1 : read(file, text, sizeof text - 1);
    if (length < 0) fail("/proc/self/statm cannot be read");
    close(file);
    text[length] = 0;
    char *second = strchr(text, ' ');
    return second ? strtoul(second, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE) : 0;
}

static inline double mib(double bytes) {
    return bytes / (double)MIB;
}

// User and system time of the process, in seconds.
static inline void cpu_seconds(double *user_s, double *system_s) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    *user_s = (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec * 1e-6;
    *system_s = (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec * 1e-6;
}

// A figure of the row's own; the unit is in its name, which must outlive the report.
static inline void add_extra(const char *name, double value) {
    if (extras_count == EXTRAS_MAX) fail("too many figures");
    extras[extras_count].name = name;
    extras[extras_count++].value = value;
}

// Prints the line that a pattern is run for.
static inline void report(const char *row, const char *unit, size_t ops) {
    double user_s, system_s;
    size_t peak_rss_kib = proc_number("/proc/self/status", "VmHWM:");
    cpu_seconds(&user_s, &system_s);
    char line[2048];
    int length = snprintf(line, sizeof line,
                          "{\"row\":\"%s\",\"unit\":\"%s\",\"ops\":%zu,\"ns\":%llu,\"user_s\":%.6f,"
                          "\"system_s\":%.6f,\"peak_rss_kib\":%zu,\"extra\":{",
                          row, unit, ops, (unsigned long long)measured_ns, user_s, system_s, peak_rss_kib);
    for (size_t index = 0; index < extras_count; index++) {
        length += snprintf(line + length, sizeof line - (size_t)length, "%s\"%s\":%.3f", index ? "," : "",
                           extras[index].name, extras[index].value);
    }
    length += snprintf(line + length, sizeof line - (size_t)length, "}}\n");
    if (write(STDOUT_FILENO, line, (size_t)length) != length) fail("the report cannot be written");
}

#endif
