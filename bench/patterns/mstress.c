// mstress: generations of threads, objects outlive them (after Leijen, mimalloc-bench); operation: an object.
//
// In each generation four threads with unequal loads allocate objects whose sizes follow a power law, free
// most of them soon, retain some until they exit, and swap some for what lies in 1,000 slots that all
// threads and all generations share. After every second generation the main thread empties half of those
// slots.

#include "pattern.h"

enum { THREADS = 4, TRANSFER_SLOTS = 1000, LOCAL_SLOTS = 512, GENERATIONS = 300, LOAD_OBJS = 12000 };
enum { RETAINED_MAX = LOAD_OBJS * THREADS, BYTES_MIN = 8, DOUBLINGS_MAX = 12 };

struct object {
    uint64_t bytes;
};

struct worker {
    struct random random;
    size_t objs;
    struct object **retained;
};

static _Atomic(struct object *) transfer[TRANSFER_SLOTS];

// 16 bytes to 128 KiB; twice the size, half as frequent. Its words all hold its size.
static struct object *allocate_object(struct random *random) {
    unsigned doublings = (unsigned)__builtin_ctzll(random_number(random) | 1ull << DOUBLINGS_MAX);
    uint64_t least = (uint64_t)(2 * BYTES_MIN) << doublings;
    uint64_t bytes = (least + random_below(random, (uint32_t)least)) & ~(uint64_t)7;
    struct object *object = malloc(bytes);
    must_have(object, bytes);
    uint64_t *words = (uint64_t *)object;
    for (size_t index = 0; index < bytes / sizeof *words; index++) words[index] = bytes;
    return object;
}

static void free_object(struct object *object) {
    if (!object) return;
    uint64_t bytes = object->bytes;
    if (bytes < 2 * BYTES_MIN || ((uint64_t *)object)[bytes / sizeof bytes - 1] != bytes) {
        fail("an object lost its contents");
    }
    free(object);
}

static void *work(void *argument) {
    struct worker *worker = argument;
    struct object *local[LOCAL_SLOTS] = {0};
    size_t retained = 0;
    for (size_t made = 0; made < worker->objs; made++) {
        struct object *object = allocate_object(&worker->random);
        uint32_t fate = random_below(&worker->random, 100);
        if (fate < 75) {
            struct object **slot = &local[random_below(&worker->random, LOCAL_SLOTS)];
            free_object(*slot);
            *slot = object;
        } else if (fate < 80) {
            worker->retained[retained++] = object;
        } else {
            free_object(atomic_exchange(&transfer[random_below(&worker->random, TRANSFER_SLOTS)], object));
        }
    }
    for (size_t index = 0; index < LOCAL_SLOTS; index++) free_object(local[index]);
    for (size_t index = 0; index < retained; index++) free_object(worker->retained[index]);
    return NULL;
}

int main(int argc, char **argv) {
    read_arguments(argc, argv);
    struct worker workers[THREADS];
    for (size_t index = 0; index < THREADS; index++) {
        workers[index].random.state = index;
        workers[index].objs = (index + 1) * LOAD_OBJS * 2 / (THREADS + 1);
        workers[index].retained = map_apart(RETAINED_MAX * sizeof(struct object *));
    }
    size_t ops = 0;
    start_clock();
    for (size_t generation = 0; generation < scaled(GENERATIONS); generation++) {
        run_threads(THREADS, work, workers, sizeof *workers);
        for (size_t index = 0; index < THREADS; index++) ops += workers[index].objs;
        for (size_t slot = 0; generation % 2 == 1 && slot < TRANSFER_SLOTS; slot += 2) {
            free_object(atomic_exchange(&transfer[slot], NULL));
        }
    }
    for (size_t slot = 0; slot < TRANSFER_SLOTS; slot++) free_object(transfer[slot]);
    stop_clock();
    report("mstress", "object", ops);
}
