/* Misuse of the heap, a kind a run. Says "returned" if the last wrong call has returned. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char place[64];

/* Frees as many objects of a size as wait until they are used again, and more. */
static void pass(size_t bytes, int objs)
{
    static void *all[10000];
    for (int i = 0; i < objs; i++)
        all[i] = malloc(bytes);
    for (int i = 0; i < objs; i++)
        free(all[i]);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    char local[64];
    size_t bytes = argc > 2 ? atoi(argv[2]) : 48;
    char *block = malloc(bytes);
    if (!strcmp(what, "nothing")) {
        pass(48, 1000);
        free(block);
    } else if (!strcmp(what, "double-free")) {
        free(block);
        free(block);
    } else if (!strcmp(what, "double-free-late")) {
        free(block);
        pass(48, 60);
        free(block);
    } else if (!strcmp(what, "double-free-realloc")) {
        free(block);
        block = realloc(block, 4000);
    } else if (!strcmp(what, "interior")) {
        block = malloc(100);
        free(block + 16);
    } else if (!strcmp(what, "stack")) {
        free(local + 16);
    } else if (!strcmp(what, "static")) {
        free(place);
    } else if (!strcmp(what, "sized")) {
        void (*free_sized)(void *, size_t) = dlsym(RTLD_DEFAULT, "free_sized");
        free_sized(block, 200);
    } else if (!strcmp(what, "write-after-free")) {
        free(block);
        block[9] = 1;
        pass(48, 5000);
        pass(48, 5000);
    } else if (!strcmp(what, "write-to-link")) {
        void *all[200];
        for (int i = 0; i < 200; i++)
            all[i] = malloc(48);
        for (int i = 0; i < 200; i++)
            free(all[i]);
        for (int i = 0; i < 100; i++)
            *(void **)all[i] = place;
        pass(48, 5000);
        pass(48, 5000);
    } else if (!strcmp(what, "overflow")) {
        /* By one byte, for every length: from 64 on the object ends at the forbidden page, or has marks. */
        memset(block, 1, bytes);
        block[bytes] = 1;
        free(block);
    } else if (!strcmp(what, "overflow-resized")) {
        /* The same, of one that was shorter before. */
        block = realloc(block, bytes + 1);
        memset(block, 1, bytes + 1);
        block[bytes + 1] = 1;
        free(block);
    } else if (!strcmp(what, "overflow-zeroed")) {
        block = calloc(bytes, 1);
        block[bytes] = 1;
        free(block);
    } else if (!strcmp(what, "overflow-aligned")) {
        block = aligned_alloc(8192, bytes);
        block[bytes] = 1;
        free(block);
    } else if (!strcmp(what, "usable")) {
        size_t (*usable)(void *) = dlsym(RTLD_DEFAULT, "malloc_usable_size");
        printf("%zu\n", usable(block));
        free(block);
    } else if (!strcmp(what, "overread")) {
        block = malloc(64);
        return block[64] + 1;
    } else if (!strcmp(what, "underflow")) {
        block = malloc(100);
        block[-1] = 1;
        free(block);
    } else if (!strcmp(what, "touch-after-free")) {
        free(block);
        block[0] = 1;
    } else if (!strcmp(what, "large-double-free")) {
        block = malloc(100000);
        free(block);
        free(block);
    } else if (!strcmp(what, "large-interior")) {
        block = malloc(100000);
        free(block + 65536);
    } else if (!strcmp(what, "own-double-free")) {
        block = malloc(8 << 20);
        free(block);
        free(block);
    }
    puts("returned");
    return 0;
}
