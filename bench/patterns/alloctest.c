// alloctest: entries of long-lived tables come and go (after OLogN 2018); operation: an entry put in or out.
//
// After "Testing memory allocators while trying to simulate real-world loads" (ITHare.com). A hash table
// and a search tree (a treap), both intrusive: every entry is one block, linked where it lies. Keys are
// picked from a fixed range; one that is there is taken out, one that is not is put in, so that half of the
// range is live. Sizes follow a Pareto distribution from 32 to 1,024 bytes.

#include "pattern.h"

enum { TABLE_KEYS = 1 << 17, BUCKETS = TABLE_KEYS / 2, TREE_KEYS = 1 << 13, ROUNDS = 600, BYTES_MAX = 1024 };
enum { TABLE_OPS = 4000, TREE_OPS = 2000 };

struct entry {
    uint32_t key;
    uint32_t priority;
    // The bucket's next entry, or the tree's smaller and larger keys.
    struct entry *links[2];
    unsigned char payload[];
};

static struct entry **buckets;
static struct entry *root;
static size_t live_objs;

static struct entry *allocate_entry(struct random *random, uint32_t key) {
    // Smallest size over an even fraction: twice the size, half as many at least as large.
    uint32_t bytes = (uint32_t)(sizeof(struct entry) + 8) * 1024 / random_between(random, 1, 1024);
    if (bytes > BYTES_MAX) bytes = BYTES_MAX;
    struct entry *entry = malloc(bytes);
    must_have(entry, bytes);
    *entry = (struct entry){.key = key, .priority = (uint32_t)random_number(random)};
    memset(entry->payload, (int)key, bytes - sizeof *entry);
    live_objs++;
    return entry;
}

static void free_entry(struct entry *entry) {
    if (entry->payload[0] != (unsigned char)entry->key) fail("an entry lost its contents");
    free(entry);
    live_objs--;
}

static void toggle_in_table(struct random *random, uint32_t key) {
    struct entry **link = &buckets[key * 2654435761u % BUCKETS];
    struct entry **head = link;
    while (*link && (*link)->key != key) link = &(*link)->links[0];
    struct entry *entry = *link;
    if (entry) {
        *link = entry->links[0];
        free_entry(entry);
    } else {
        entry = allocate_entry(random, key);
        entry->links[0] = *head;
        *head = entry;
    }
}

// Splits a tree into the keys below and above `key`, which it does not have.
static void split(struct entry *tree, uint32_t key, struct entry **below, struct entry **above) {
    while (tree) {
        if (tree->key < key) {
            *below = tree;
            below = &tree->links[1];
            tree = *below;
        } else {
            *above = tree;
            above = &tree->links[0];
            tree = *above;
        }
    }
    *below = *above = NULL;
}

// Joins two trees, all keys of one below those of the other.
static void join(struct entry *below, struct entry *above, struct entry **link) {
    while (below && above) {
        if (below->priority > above->priority) {
            *link = below;
            link = &below->links[1];
            below = *link;
        } else {
            *link = above;
            link = &above->links[0];
            above = *link;
        }
    }
    *link = below ? below : above;
}

static void toggle_in_tree(struct random *random, uint32_t key) {
    struct entry **link = &root;
    while (*link && (*link)->key != key) link = &(*link)->links[(*link)->key < key];
    struct entry *entry = *link;
    if (entry) {
        join(entry->links[0], entry->links[1], link);
        free_entry(entry);
        return;
    }
    entry = allocate_entry(random, key);
    link = &root;
    while (*link && (*link)->priority > entry->priority) link = &(*link)->links[(*link)->key < key];
    split(*link, key, &entry->links[0], &entry->links[1]);
    *link = entry;
}

static void toggle(struct random *random, size_t table_ops, size_t tree_ops) {
    for (size_t done = 0; done < table_ops; done++) toggle_in_table(random, random_below(random, TABLE_KEYS));
    for (size_t done = 0; done < tree_ops; done++) toggle_in_tree(random, random_below(random, TREE_KEYS));
}

// Takes everything out and looks whether keys are where they belong.
static void take_all_out(void) {
    for (size_t bucket = 0; bucket < BUCKETS; bucket++) {
        for (struct entry *entry = buckets[bucket], *next; entry; entry = next) {
            if (entry->key * 2654435761u % BUCKETS != bucket) fail("an entry lies in a wrong bucket");
            next = entry->links[0];
            free_entry(entry);
        }
    }
    for (uint32_t key = 0; root; key++) {
        struct entry **link = &root;
        while ((*link)->links[0]) link = &(*link)->links[0];
        struct entry *least = *link;
        if (least->key < key) fail("the tree is not in order");
        key = least->key;
        *link = least->links[1];
        free_entry(least);
    }
}

int main(int argc, char **argv) {
    read_arguments(argc, argv);
    buckets = map_apart(BUCKETS * sizeof *buckets);
    struct random random = {1};
    toggle(&random, TABLE_KEYS, TREE_KEYS);
    start_clock();
    for (size_t round = 0; round < scaled(ROUNDS); round++) toggle(&random, TABLE_OPS, TREE_OPS);
    stop_clock();
    add_extra("live_objs", (double)live_objs);
    take_all_out();
    if (live_objs) fail("%zu entries are nowhere", live_objs);
    report("alloctest", "entry", scaled(ROUNDS) * (TABLE_OPS + TREE_OPS));
}
