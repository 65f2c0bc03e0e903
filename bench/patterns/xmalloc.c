// xmalloc: some threads allocate, others free (after Lever and Boreham 2000); operation: an object.
//
// From "malloc() performance in a multithreaded Linux environment" (USENIX Freenix 2000). Two producers
// fill batches of 4,096 objects of 8 to 512 bytes, two consumers free them. A batch is a block itself; at
// most 8 wait in the queue between them.

#include "pattern.h"

enum { PRODUCERS = 2, CONSUMERS = 2, BATCH_OBJS = 4096, QUEUE_BATCHES = 8, BATCHES = 5000 };

static const unsigned short SIZES[] = {8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 40, 56, 80};
static const unsigned char MARK = 0x5A;

struct batch {
    void *objects[BATCH_OBJS];
};

static pthread_mutex_t queue_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t queue_has_room = PTHREAD_COND_INITIALIZER;
static pthread_cond_t queue_has_batch = PTHREAD_COND_INITIALIZER;
static struct batch *queue[QUEUE_BATCHES];
static size_t put_batches, taken_batches;
static size_t batches_of_each_producer;

static void put(struct batch *batch) {
    pthread_mutex_lock(&queue_lock);
    while (put_batches - taken_batches == QUEUE_BATCHES) pthread_cond_wait(&queue_has_room, &queue_lock);
    queue[put_batches++ % QUEUE_BATCHES] = batch;
    pthread_cond_signal(&queue_has_batch);
    pthread_mutex_unlock(&queue_lock);
}

static struct batch *take(void) {
    pthread_mutex_lock(&queue_lock);
    while (put_batches == taken_batches) pthread_cond_wait(&queue_has_batch, &queue_lock);
    struct batch *batch = queue[taken_batches++ % QUEUE_BATCHES];
    pthread_cond_signal(&queue_has_room);
    pthread_mutex_unlock(&queue_lock);
    return batch;
}

static void *produce(void *seed) {
    struct random random = {(uintptr_t)seed};
    for (size_t made = 0; made < batches_of_each_producer; made++) {
        struct batch *batch = malloc(sizeof *batch);
        must_have(batch, sizeof *batch);
        for (size_t index = 0; index < BATCH_OBJS; index++) {
            size_t bytes = SIZES[random_below(&random, sizeof SIZES / sizeof *SIZES)];
            batch->objects[index] = allocate(bytes, MARK);
        }
        put(batch);
    }
    return NULL;
}

// A consumer ends when it takes NULL.
static void *consume(void *unused) {
    for (struct batch *batch; (batch = take());) {
        for (size_t index = 0; index < BATCH_OBJS; index++) release(batch->objects[index], MARK);
        free(batch);
    }
    return unused;
}

int main(int argc, char **argv) {
    read_arguments(argc, argv);
    batches_of_each_producer = scaled(BATCHES) / PRODUCERS;
    pthread_t producers[PRODUCERS], consumers[CONSUMERS];
    start_clock();
    for (size_t index = 0; index < CONSUMERS; index++) consumers[index] = start_thread(consume, NULL);
    for (size_t index = 0; index < PRODUCERS; index++) {
        producers[index] = start_thread(produce, (void *)index);
    }
    for (size_t index = 0; index < PRODUCERS; index++) join_thread(producers[index]);
    for (size_t index = 0; index < CONSUMERS; index++) put(NULL);
    for (size_t index = 0; index < CONSUMERS; index++) join_thread(consumers[index]);
    stop_clock();
    report("xmalloc", "object", PRODUCERS * batches_of_each_producer * BATCH_OBJS);
}
