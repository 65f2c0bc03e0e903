// cachesizes: a cache whose values change in size (this project); operation: a look-up.
//
// The budget is 64 MiB: can the memory of one size serve the next? Each phase puts in twice the budget.
// Four look-ups of ten ask for a key that was put in lately, and what is found becomes the youngest; the
// oldest are evicted to make room. `rss_phaseN_mib` is resident memory after each phase and
// `peak_over_live` the greatest of all over the greatest sum of values, both without the hash table.

#include "pattern.h"

enum { PHASES = 6, BUCKETS = 1 << 18, RECENT_KEYS = 4096, HITS_IN_10 = 4, PHASE_BUDGETS = 2 };

#define BUDGET_BYTES (64 * MIB)

// Sizes of values, each range evenly spread.
static const struct {
    uint32_t least, most;
    const char *rss;
} phases[PHASES] = {
    {48, 160, "rss_phase1_mib"},      {200, 400, "rss_phase2_mib"}, {1000, 2000, "rss_phase3_mib"},
    {12000, 40000, "rss_phase4_mib"}, {64, 128, "rss_phase5_mib"},  {48, 8000, "rss_phase6_mib"},
};

struct value {
    uint64_t key;
    uint32_t bytes;
    struct value *next_in_bucket;
    struct value *younger, *older;
};

static struct value *buckets[BUCKETS];
// The ends of the list of all values by age.
static struct value *youngest, *oldest;
static size_t live_bytes, live_bytes_most;

static struct value **find(uint64_t key) {
    struct value **link = &buckets[key * 0x9E3779B97F4A7C15 >> 46];
    while (*link && (*link)->key != key) link = &(*link)->next_in_bucket;
    return link;
}

static void unlink_age(struct value *value) {
    *(value->younger ? &value->younger->older : &youngest) = value->older;
    *(value->older ? &value->older->younger : &oldest) = value->younger;
}

static void link_youngest(struct value *value) {
    value->younger = NULL;
    value->older = youngest;
    *(youngest ? &youngest->younger : &oldest) = value;
    youngest = value;
}

static void evict_oldest(void) {
    struct value *value = oldest;
    struct value **link = find(value->key);
    if (*link != value || ((unsigned char *)value)[value->bytes - 1] != (unsigned char)value->key) {
        fail("a value lost its contents");
    }
    *link = value->next_in_bucket;
    unlink_age(value);
    live_bytes -= value->bytes;
    free(value);
}

static void put(uint64_t key, uint32_t bytes) {
    while (live_bytes + bytes > BUDGET_BYTES) evict_oldest();
    struct value *value = malloc(bytes);
    must_have(value, bytes);
    memset(value, (int)(unsigned char)key, bytes);
    value->key = key;
    value->bytes = bytes;
    struct value **link = find(key);
    if (*link) fail("a key is there twice");
    value->next_in_bucket = NULL;
    *link = value;
    link_youngest(value);
    live_bytes += bytes;
    if (live_bytes > live_bytes_most) live_bytes_most = live_bytes;
}

int main(int argc, char **argv) {
    read_arguments(argc, argv);
    struct random random = {1};
    uint64_t next_key = 1;
    size_t ops = 0;
    for (size_t phase = 0; phase < PHASES; phase++) {
        size_t left = scaled(PHASE_BUDGETS * BUDGET_BYTES);
        start_clock();
        while (left > 0) {
            ops++;
            if (random_below(&random, 10) < HITS_IN_10 && next_key > RECENT_KEYS) {
                struct value *value = *find(next_key - 1 - random_below(&random, RECENT_KEYS));
                if (value) {
                    unlink_age(value);
                    link_youngest(value);
                }
                continue;
            }
            uint32_t bytes = random_between(&random, phases[phase].least, phases[phase].most);
            put(next_key++, bytes);
            left -= bytes < left ? bytes : left;
        }
        stop_clock();
        add_extra(phases[phase].rss, mib((double)rss_bytes() - sizeof buckets));
    }
    add_extra("live_mib", mib((double)live_bytes));
    size_t peak_kib = proc_number("/proc/self/status", "VmHWM:");
    add_extra("peak_over_live", ((double)peak_kib * (double)KIB - sizeof buckets) / (double)live_bytes_most);
    while (oldest) evict_oldest();
    report("cachesizes", "look-up", ops);
}
