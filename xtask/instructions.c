// Short sequences of calls for `cargo xtask instructions` to count: `instructions SEQUENCE COUNT`.
//
// A sequence is a loop of COUNT rounds, compiled without knowledge of what the functions do. Two runs that
// differ in COUNT alone differ by the instructions of the rounds; the same for `empty`, or `sizes`, is what
// the loop itself costs. What remains is everything from an argument's register to the return, with the jump
// through the procedure linkage table.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// C++'s `operator new(size_t)` and `operator delete(void *, size_t)`, weak because only the preloaded library
// has them.
__attribute__((weak)) void *_Znwm(size_t);
__attribute__((weak)) void _ZdlPvm(void *, size_t);

// Sizes of several classes.
static const size_t SIZES[8] = {24, 200, 33, 64, 500, 16, 120, 900};

// What the compiler must believe to be used.
#define USED(value) __asm__ volatile("" : : "r"(value) : "memory")
#define ROUNDS(count) for (long round = (count); round > 0; round--)

static size_t size_of_round(long round) {
    size_t size = SIZES[round % 8];
    __asm__ volatile("" : "+r"(size));
    return size;
}

static void empty(long count) {
    ROUNDS(count) USED(round);
}

static void sizes(long count) {
    ROUNDS(count) USED(size_of_round(round));
}

static void malloc_free(long count) {
    ROUNDS(count) {
        void *object = malloc(64);
        USED(object);
        free(object);
    }
}

static void calloc_free(long count) {
    ROUNDS(count) {
        void *object = calloc(1, 64);
        USED(object);
        free(object);
    }
}

static void realloc_in_place(long count) {
    void *object = malloc(64);
    ROUNDS(count) {
        object = realloc(object, 64);
        USED(object);
    }
    free(object);
}

static void new_delete(long count) {
    ROUNDS(count) {
        void *object = _Znwm(64);
        USED(object);
        _ZdlPvm(object, 64);
    }
}

static void varied(long count) {
    ROUNDS(count) {
        void *object = malloc(size_of_round(round));
        USED(object);
        free(object);
    }
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        void (*run)(long count);
    } SEQUENCES[] = {
        {"empty", empty},
        {"sizes", sizes},
        {"malloc_free", malloc_free},
        {"calloc_free", calloc_free},
        {"realloc", realloc_in_place},
        {"new_delete", new_delete},
        {"varied", varied},
    };
    for (size_t i = 0; argc == 3 && i < sizeof SEQUENCES / sizeof *SEQUENCES; i++) {
        if (strcmp(argv[1], SEQUENCES[i].name) == 0) {
            SEQUENCES[i].run(atol(argv[2]));
            return 0;
        }
    }
    fputs("usage: instructions SEQUENCE COUNT\n", stderr);
    return 2;
}
