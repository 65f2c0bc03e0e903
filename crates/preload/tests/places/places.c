// The hard places of a process's life, one for each name that main knows; exit code 0 when all went well.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)
#define EXPECT(condition)                                                                  \
    do {                                                                                   \
        if (!(condition)) {                                                                \
            dprintf(2, "places.c:%d: not so: %s\n", __LINE__, #condition);                 \
            _exit(1);                                                                      \
        }                                                                                  \
    } while (0)

// A block filled with its seed, whose ends can be checked.
struct block {
    unsigned char *bytes;
    size_t length;
    unsigned char seed;
};

static int try_take(struct block *block, size_t length, unsigned seed) {
    block->bytes = malloc(length);
    block->length = length;
    block->seed = seed;
    if (block->bytes == NULL) {
        EXPECT(errno == ENOMEM);
        return 0;
    }
    memset(block->bytes, block->seed, length);
    return 1;
}

static struct block take(size_t length, unsigned seed) {
    struct block block;
    EXPECT(try_take(&block, length, seed));
    return block;
}

static void check(const struct block *block) {
    for (size_t i = 0; i < block->length; i += block->length > 4096 ? 509 : 1)
        EXPECT(block->bytes[i] == block->seed);
    EXPECT(block->length == 0 || block->bytes[block->length - 1] == block->seed);
}

static void give(struct block *block) {
    check(block);
    free(block->bytes);
    block->bytes = NULL;
}

static unsigned step(unsigned *state) {
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static size_t some_length(unsigned *state) {
    return step(state) % 16 ? 1 + step(state) % 2000 : 1 + step(state) % 200000;
}

// Allocates, checks and frees 64 blocks.
static void churn(unsigned seed) {
    struct block blocks[64];
    for (int i = 0; i < 64; i++)
        blocks[i] = take(some_length(&seed), seed);
    for (int i = 0; i < 64; i++)
        give(&blocks[i * 27 % 64]);
}

// Before main, before constructors even, and after main.

static struct block earliest, early, at_exit, at_the_end;

static void before_constructors(int argc, char **argv, char **envp) {
    (void)argc, (void)argv, (void)envp;
    earliest = take(3000, 1);
}
__attribute__((section(".preinit_array"), used)) static void (*preinit)(int, char **, char **) = before_constructors;

__attribute__((constructor(101))) static void constructed(void) {
    early = take(100000, 2);
    churn(1);
}

__attribute__((destructor(101))) static void destructed(void) {
    give(&earliest);
    give(&early);
    churn(2);
    at_the_end = take(50, 3); // Never freed.
}

static void exiting(void) {
    if (at_exit.bytes != NULL)
        give(&at_exit);
    churn(3);
}

static int ends(void) {
    check(&earliest);
    check(&early);
    at_exit = take(70000, 4);
    for (int i = 0; i < 40; i++) // More than the C library has places for without a call of malloc.
        EXPECT(atexit(exiting) == 0 || i > 0);
    return 0;
}

// Keys whose destructors allocate, free and set the key again, in each of the rounds that there are.

static pthread_key_t keys[64];

static void key_ends(void *value) {
    static __thread int rounds;
    free(value);
    churn(5);
    if (++rounds < 200)
        pthread_setspecific(keys[rounds % 64], malloc(333));
}

static void *sets_keys(void *unused) {
    for (int i = 0; i < 64; i++)
        pthread_setspecific(keys[i], malloc(200 + i));
    return unused;
}

static int thread_keys(void) {
    for (int i = 0; i < 64; i++)
        EXPECT(pthread_key_create(&keys[i], key_ends) == 0);
    for (int i = 0; i < 200; i++) {
        pthread_t thread;
        EXPECT(pthread_create(&thread, NULL, sets_keys, NULL) == 0);
        EXPECT(pthread_join(thread, NULL) == 0);
    }
    return 0;
}

// Threads: very many that live briefly, and very many at once.

static long resident_pages(void) {
    long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    EXPECT(file != NULL && fscanf(file, "%ld %ld", &size, &resident) == 2);
    fclose(file);
    return resident;
}

static void *lives_briefly(void *block) {
    unsigned seed = (unsigned)(uintptr_t)block;
    free(block);
    churn(seed);
    return malloc(100);
}

static int short_threads(long threads) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 64 << 10);
    long before = 0;
    for (long done = 0; done < threads; done += 4) {
        pthread_t ids[4];
        for (int i = 0; i < 4; i++)
            EXPECT(pthread_create(&ids[i], &attributes, lives_briefly, malloc(64)) == 0);
        for (int i = 0; i < 4; i++) {
            void *block;
            EXPECT(pthread_join(ids[i], &block) == 0);
            free(block);
        }
        if (done == threads / 4 / 4 * 4)
            before = resident_pages();
    }
    EXPECT(resident_pages() < before + 8192);
    return 0;
}

static pthread_barrier_t all_are_there;

static void *lives_with_others(void *seed) {
    unsigned state = (unsigned)(uintptr_t)seed;
    struct block blocks[50];
    for (int i = 0; i < 50; i++)
        blocks[i] = take(1 + step(&state) % 3000, state);
    pthread_barrier_wait(&all_are_there);
    for (int i = 0; i < 50; i++)
        check(&blocks[i]);
    for (int i = 0; i < 20; i++)
        churn(state + i);
    for (int i = 0; i < 50; i++)
        give(&blocks[i]);
    return NULL;
}

static int live_threads(long threads) {
    pthread_t *ids = calloc(threads, sizeof *ids);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 64 << 10);
    pthread_barrier_init(&all_are_there, NULL, threads);
    for (long i = 0; i < threads; i++)
        EXPECT(pthread_create(&ids[i], &attributes, lives_with_others, (void *)(i + 1)) == 0);
    for (long i = 0; i < threads; i++)
        EXPECT(pthread_join(ids[i], NULL) == 0);
    free(ids);
    return 0;
}

// Children of a process whose threads are allocating.

static volatile int is_over;

static void *churns(void *seed) {
    for (unsigned round = 0; !is_over; round++)
        churn((unsigned)(uintptr_t)seed + round);
    return NULL;
}

static void start_churning(pthread_t *ids, int threads) {
    for (int i = 0; i < threads; i++)
        EXPECT(pthread_create(&ids[i], NULL, churns, (void *)(uintptr_t)(i * 1000003)) == 0);
}

static void stop_churning(pthread_t *ids, int threads) {
    is_over = 1;
    for (int i = 0; i < threads; i++)
        EXPECT(pthread_join(ids[i], NULL) == 0);
}

static void await(pid_t child) {
    int status;
    EXPECT(waitpid(child, &status, 0) == child);
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static int forks(long count) {
    pthread_t ids[8];
    start_churning(ids, 8);
    for (long i = 0; i < count; i++) {
        struct block inherited = take(1 + i * 37 % 5000, i);
        pid_t child = fork();
        EXPECT(child >= 0);
        if (child == 0) {
            alarm(60);
            // 64 MiB in blocks of several kinds; one child in 16 writes to all of it.
            unsigned char *blocks[58];
            for (int j = 0; j < 58; j++) {
                size_t length = j < 48 ? MIB / 2 + j : 4 * MIB + j;
                EXPECT((blocks[j] = malloc(length)) != NULL);
                blocks[j][0] = blocks[j][length - 1] = j;
                if (i % 16 == 0)
                    memset(blocks[j], j, length);
            }
            for (unsigned j = 0; j < 4; j++)
                churn(i + j);
            for (int j = 0; j < 58; j++) {
                EXPECT(blocks[j][0] == j);
                free(blocks[j]);
            }
            give(&inherited);
            _exit(0);
        }
        await(child);
        give(&inherited);
        // So that the next fork comes at another moment of the threads.
        struct timespec pause = {0, i * 1237 % 800 * 1000};
        nanosleep(&pause, NULL);
    }
    stop_churning(ids, 8);
    return 0;
}

static int spawns(void) {
    extern char **environ;
    char *arguments[] = {"true", NULL};
    pthread_t ids[4];
    start_churning(ids, 4);
    for (int i = 0; i < 100; i++) {
        pid_t child;
        EXPECT(posix_spawn(&child, "/bin/true", NULL, NULL, arguments, environ) == 0);
        await(child);
        child = vfork();
        EXPECT(child >= 0);
        if (child == 0) {
            execve("/bin/true", arguments, environ);
            _exit(1);
        }
        await(child);
        child = vfork();
        EXPECT(child >= 0);
        if (child == 0)
            _exit(0);
        await(child);
        churn(i);
    }
    stop_churning(ids, 4);
    return 0;
}

// A handler on a stack of its own that allocates, while the program is on the short path of malloc and free.

static volatile int signals;

static void on_signal(int signal) {
    (void)signal;
    char *block = malloc(60);
    if (block == NULL)
        _exit(3);
    memset(block, 7, 60);
    free(block);
    signals++;
}

static int handlers(void) {
    stack_t stack = {.ss_sp = malloc(64 << 10), .ss_size = 64 << 10};
    EXPECT(sigaltstack(&stack, NULL) == 0);
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK | SA_RESTART};
    EXPECT(sigaction(SIGALRM, &action, NULL) == 0 && sigaction(SIGUSR1, &action, NULL) == 0);
    alarm(0);
    // At a known place: any size, any path.
    for (int i = 0; i < 10000; i++) {
        struct block block = take(1 + i * 31 % 5000, i);
        raise(SIGUSR1);
        give(&block);
    }
    EXPECT(signals == 10000);
    return 0;
}

// Libraries that come and go.

static void *uses_library(void *path) {
    for (int i = 0; i < 20; i++) {
        void *library = dlopen(path, RTLD_NOW);
        if (library == NULL)
            dprintf(2, "%s\n", dlerror());
        EXPECT(library != NULL);
        void *(*work)(void *) = (void *(*)(void *))dlsym(library, "work");
        EXPECT(work != NULL);
        struct block block = take(500, i);
        free(work(block.bytes)); // It frees ours and gives us one of its own.
        EXPECT(dlclose(library) == 0);
        churn(i);
    }
    return NULL;
}

static int libraries(char *path) {
    pthread_t ids[4];
    for (int i = 0; i < 4; i++)
        EXPECT(pthread_create(&ids[i], NULL, uses_library, path) == 0);
    for (int i = 0; i < 4; i++)
        EXPECT(pthread_join(ids[i], NULL) == 0);
    uses_library(path);
    return 0;
}

// An allocator that is loaded late, used by threads that outlive its being closed.

static void *(*late_malloc)(size_t);
static void (*late_free)(void *);

static void *uses_late(void *unused) {
    for (int i = 0; i < 1000; i++)
        late_free(late_malloc(i * 7 % 3000));
    void *kept = late_malloc(100);
    pthread_barrier_wait(&all_are_there);
    pthread_barrier_wait(&all_are_there);
    (void)kept;
    return unused;
}

static int late(char *path) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
        dprintf(2, "%s\n", dlerror());
    EXPECT(library != NULL);
    late_malloc = (void *(*)(size_t))dlsym(library, "malloc");
    late_free = (void (*)(void *))dlsym(library, "free");
    EXPECT(late_malloc != NULL && late_malloc != (void *(*)(size_t))malloc);
    pthread_barrier_init(&all_are_there, NULL, 5);
    pthread_t ids[4];
    for (int i = 0; i < 4; i++)
        EXPECT(pthread_create(&ids[i], NULL, uses_late, NULL) == 0);
    pthread_barrier_wait(&all_are_there);
    // So much is free at once that a background thread starts.
    void *blocks[64];
    for (int i = 0; i < 64; i++)
        memset(blocks[i] = late_malloc(MIB), i, MIB);
    for (int i = 0; i < 64; i++)
        late_free(blocks[i]);
    EXPECT(dlclose(library) == 0);
    struct timespec pause = {0, 600 * 1000 * 1000};
    nanosleep(&pause, NULL);
    pthread_barrier_wait(&all_are_there);
    for (int i = 0; i < 4; i++)
        EXPECT(pthread_join(ids[i], NULL) == 0);
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    await(child);
    return 0;
}

// The kernel refuses.

#define LEDGER_BLOCKS ((long)3500000)
static struct block *ledger; // Mapped before the kernel begins to refuse.

static void open_ledger(void) {
    ledger = mmap(NULL, LEDGER_BLOCKS * sizeof *ledger, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    EXPECT(ledger != MAP_FAILED);
}

// Allocates until there is no more, in blocks of a size; then frees all.
static long fill(size_t length, long most) {
    long count = 0;
    while (count < most && count < LEDGER_BLOCKS && try_take(&ledger[count], length, count))
        count++;
    for (long i = 0; i < count; i++)
        give(&ledger[i]);
    return count;
}

// A block that grows and shrinks keeps its bytes, whether or not it gets what it asks for.
static void grow_and_shrink(void) {
    struct block block = take(100, 9);
    size_t lengths[] = {5000, 70000, 300000, 5 * MIB, 9 * MIB, 120 * MIB, 6 * MIB, 4 * MIB, 40000, 10};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        unsigned char *bytes = realloc(block.bytes, lengths[i]);
        if (bytes == NULL) {
            EXPECT(errno == ENOMEM);
            check(&block);
            continue;
        }
        size_t kept = block.length < lengths[i] ? block.length : lengths[i];
        struct block after = {bytes, kept, block.seed};
        check(&after);
        memset(bytes, block.seed, lengths[i]);
        block = (struct block){bytes, lengths[i], block.seed};
    }
    give(&block);
}

static int address_space(void) {
    open_ledger();
    churn(1);
    struct rlimit before, limit;
    EXPECT(getrlimit(RLIMIT_AS, &before) == 0);
    limit = before;
    limit.rlim_cur = 700 * MIB;
    EXPECT(setrlimit(RLIMIT_AS, &limit) == 0);
    // From large to small: what arenas have taken of the address space stays theirs.
    size_t lengths[] = {10 * MIB, 3 * MIB, 100000, 30000, 1000, 200};
    for (int i = 0; i < 6; i++) {
        EXPECT((size_t)fill(lengths[i], 600 * MIB / lengths[i]) * lengths[i] > 150 * MIB);
        grow_and_shrink();
    }
    EXPECT(setrlimit(RLIMIT_AS, &before) == 0);
    EXPECT(fill(MIB, 800) == 800);
    return 0;
}

static int locked(void) {
    open_ledger();
    struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
    setrlimit(RLIMIT_MEMLOCK, &unlimited);
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
        return 77;
    size_t lengths[] = {64, 5000, 100000, 3 * MIB, 5 * MIB};
    for (int i = 0; i < 5; i++) {
        EXPECT(fill(lengths[i], 20 * MIB / lengths[i]) > 0);
        malloc_trim(0);
        for (int j = 0; j < 200; j++) {
            // Pages that could not be given back are not zero.
            unsigned char *zeros = calloc(1, lengths[i]);
            EXPECT(zeros != NULL);
            for (size_t k = 0; k < lengths[i]; k++)
                EXPECT(zeros[k] == 0);
            memset(zeros, 255, lengths[i]);
            free(zeros);
        }
    }
    return 0;
}

static int many_maps(void) {
    open_ledger();
    struct block kept[40];
    for (int i = 0; i < 40; i++)
        kept[i] = take(1 + (size_t)i * 150000, i);
    // Neighbours of different rights are mappings of their own.
    size_t pages = 200000;
    char *maps = mmap(NULL, pages * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    EXPECT(maps != MAP_FAILED);
    size_t page = 0;
    while (page < pages && mprotect(maps + page * 4096, 4096, PROT_READ) == 0)
        page += 2;
    int is_exhausted = page < pages;
    for (int round = 0; round < 3; round++) {
        grow_and_shrink();
        fill(1000, 100000);
        fill(300000, 500);
        fill(5 * MIB, 20);
        malloc_trim(0);
        for (int i = 0; i < 40; i++)
            check(&kept[i]);
    }
    for (int i = 0; i < 40; i += 2)
        give(&kept[i]);
    EXPECT(munmap(maps, pages * 4096) == 0);
    for (int i = 1; i < 40; i += 2)
        give(&kept[i]);
    EXPECT(fill(MIB, 300) == 300);
    EXPECT(fill(5 * MIB, 60) == 60);
    return is_exhausted ? 0 : 77;
}

// From now on a system call fails with EPERM.
static void refuse(int call) {
    struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof steps / sizeof *steps, steps};
    EXPECT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    EXPECT(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0);
}

static int sandbox(void) {
    open_ledger();
    int calls[] = {SYS_madvise, SYS_mremap, SYS_clone, SYS_munmap, SYS_mprotect, SYS_mmap};
    // Arenas and caches that are there stay usable when nothing new can be had.
    fill(MIB, 100);
    for (int i = 0; i < 6; i++) {
        struct block kept[40];
        for (int j = 0; j < 40; j++)
            kept[j] = take(1 + (size_t)j * 5000, j);
        refuse(calls[i]);
        grow_and_shrink();
        fill(1000, 50000);
        fill(5 * MIB, 4);
        malloc_trim(0);
        for (int j = 0; j < 40; j++)
            give(&kept[j]);
        for (unsigned j = 0; j < 100; j++)
            churn(j);
    }
    return 0;
}

static int churn_only(void) {
    for (unsigned i = 0; i < 300; i++)
        churn(i);
    return 0;
}

static int plain(void) {
    for (unsigned i = 0; i < 300; i++)
        churn(i);
    grow_and_shrink();
    return 0;
}

int main(int argc, char **argv) {
    const char *place = argc > 1 ? argv[1] : "plain";
    const char *argument = argc > 2 ? argv[2] : "0";
    if (strcmp(place, "plain") == 0) return plain();
    if (strcmp(place, "churn") == 0) return churn_only();
    if (strcmp(place, "ends") == 0) return ends();
    if (strcmp(place, "thread-keys") == 0) return thread_keys();
    if (strcmp(place, "short-threads") == 0) return short_threads(atol(argument));
    if (strcmp(place, "live-threads") == 0) return live_threads(atol(argument));
    if (strcmp(place, "forks") == 0) return forks(atol(argument));
    if (strcmp(place, "spawns") == 0) return spawns();
    if (strcmp(place, "handlers") == 0) return handlers();
    if (strcmp(place, "libraries") == 0) return libraries(argv[2]);
    if (strcmp(place, "late") == 0) return late(argv[2]);
    if (strcmp(place, "address-space") == 0) return address_space();
    if (strcmp(place, "locked") == 0) return locked();
    if (strcmp(place, "many-maps") == 0) return many_maps();
    if (strcmp(place, "sandbox") == 0) return sandbox();
    return 2;
}
