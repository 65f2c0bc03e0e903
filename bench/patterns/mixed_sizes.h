// Sizes like those of a real heap: most objects are small, most bytes are in few large ones.
//
// One object in 400 has 1 to 256 KiB, evenly. The others are spread log-normally around 30 bytes, up to 32
// KiB; the mean is about 140 bytes. The normal number is the sum of four even ones, which needs no
// mathematics library and ends at 3.5 standard deviations.
#ifndef MIXED_SIZES_H
#define MIXED_SIZES_H

#include "pattern.h"

enum { LARGE_ONE_IN = 400, LARGE_BYTES_MIN = 1 << 10, LARGE_BYTES_MAX = 256 << 10 };
enum { SMALL_BYTES_MAX = 32 << 10 };

// Binary logarithms of the small sizes: the median, and the standard deviation.
#define SMALL_MEDIAN_LOG2 4.907
#define SMALL_SIGMA_LOG2 2.54

static inline size_t mixed_size(struct random *random) {
    bool large = random_below(random, LARGE_ONE_IN) == 0;
    if (large) return random_between(random, LARGE_BYTES_MIN, LARGE_BYTES_MAX);
    uint64_t number = random_number(random);
    double sum = 0;
    for (unsigned part = 0; part < 4; part++) sum += (double)(number >> 16 * part & 0xFFFF) / 65536;
    // A sum of four has the mean 2 and the variance 1/3.
    double log2_bytes = SMALL_MEDIAN_LOG2 + SMALL_SIGMA_LOG2 * (sum - 2) * 1.7320508;
    if (log2_bytes < 0) return 1;
    unsigned whole = (unsigned)log2_bytes;
    size_t bytes = (size_t)((double)((size_t)1 << whole) * (1 + log2_bytes - whole));
    return bytes < SMALL_BYTES_MAX ? bytes : SMALL_BYTES_MAX;
}

// Objects of mixed sizes in slots that lie apart.
struct mixed_objs {
    uint64_t seed;
    size_t objs;
    size_t bytes;
    void **slots;
};

static const unsigned char MIXED_MARK = 0x96;

// Allocates and touches objects until there are `total_bytes` of them.
static inline void fill_mixed(struct mixed_objs *mixed, size_t total_bytes) {
    struct random random = {mixed->seed};
    for (mixed->objs = mixed->bytes = 0; mixed->bytes < total_bytes; mixed->objs++) {
        size_t bytes = mixed_size(&random);
        mixed->slots[mixed->objs] = allocate_touched(bytes, MIXED_MARK);
        mixed->bytes += bytes;
    }
}

// Frees a random `percent` of them, or all that are left.
static inline void free_mixed(struct mixed_objs *mixed, unsigned percent) {
    struct random sizes = {mixed->seed}, choice = {mixed->seed + 1};
    for (size_t index = 0; index < mixed->objs; index++) {
        size_t bytes = mixed_size(&sizes);
        if (mixed->slots[index] && random_below(&choice, 100) < percent) {
            release(mixed->slots[index], MIXED_MARK);
            mixed->slots[index] = NULL;
            mixed->bytes -= bytes;
        }
    }
}

// Slots enough for objects of that many bytes. They become resident when they are used: `slot_bytes` says
// how much of it.
static inline void **map_mixed_slots(size_t total_bytes) {
    return map_apart(total_bytes / 32 * sizeof(void *));
}

static inline size_t slot_bytes(const struct mixed_objs *mixed) {
    return mixed->objs * sizeof(void *);
}

#endif
