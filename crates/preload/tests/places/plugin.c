// A library that allocates while it is loaded, used and closed, with data of its own for each thread.
#include <stdlib.h>
#include <string.h>

static char *table;
static __thread char *mine;
static __thread char large[3000];

__attribute__((constructor)) static void opened(void) {
    table = calloc(1000, 100);
}

__attribute__((destructor)) static void closed(void) {
    free(table);
}

void *work(void *theirs) {
    free(theirs);
    // The library may stay for other threads, and with it what this one has.
    mine = realloc(mine, mine == NULL ? 3000 : 6000);
    memset(mine, 1, 3000);
    large[17] = 1;
    table[99] = 2;
    char *given = malloc(3000);
    memcpy(given, mine, 3000);
    return given;
}
