// handoff: one thread allocates, another frees (this project); operation: an object of 64 bytes.
//
// The ring has 1,024 pointers: the pipeline of two threads at its barest.

#include "pattern.h"

enum { RING_OBJS = 1024, OBJECT_BYTES = 64, OBJECTS = 15000000 };

static void *ring[RING_OBJS];
// Objects ever put in, written by the producer alone; objects ever taken out, written by the consumer
// alone.
static _Alignas(128) atomic_size_t put_objs;
static _Alignas(128) atomic_size_t taken_objs;
static size_t total_objs;

static void *produce(void *unused) {
    for (size_t index = 0; index < total_objs; index++) {
        void *object = allocate(OBJECT_BYTES, (unsigned char)index);
        unsigned looks = 0;
        while (index - atomic_load_explicit(&taken_objs, memory_order_acquire) == RING_OBJS) {
            wait_a_little(&looks);
        }
        ring[index % RING_OBJS] = object;
        atomic_store_explicit(&put_objs, index + 1, memory_order_release);
    }
    return unused;
}

int main(int argc, char **argv) {
    read_arguments(argc, argv);
    total_objs = scaled(OBJECTS);
    start_clock();
    pthread_t producer = start_thread(produce, NULL);
    for (size_t index = 0; index < total_objs; index++) {
        unsigned looks = 0;
        while (atomic_load_explicit(&put_objs, memory_order_acquire) == index) wait_a_little(&looks);
        release(ring[index % RING_OBJS], (unsigned char)index);
        atomic_store_explicit(&taken_objs, index + 1, memory_order_release);
    }
    join_thread(producer);
    stop_clock();
    report("handoff", "object", total_objs);
}
