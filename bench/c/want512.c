// Wants 512 MiB: allocates and touches blocks of 1 MiB until it has them or is refused, frees them, and does
// it again, to see that a heap that ran out goes on. For use under a memory limit.
//
//   cc -O2 -o want512 c/want512.c
//
// Prints how many blocks it got each time. Exit code 0 if blocks kept what was written to them, a refusal
// came with ENOMEM, a small block could be had after the large ones were freed, and the second time gave
// about as many as the first.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 1 << 20, BLOCKS_WANTED = 512 };

static unsigned char *blocks[BLOCKS_WANTED];
static int wrong;

static void complain(const char *what) {
    fprintf(stderr, "want512: %s\n", what);
    wrong = 1;
}

static int take(void) {
    int count = 0;
    while (count < BLOCKS_WANTED) {
        errno = 0;
        unsigned char *block = malloc(BLOCK_BYTES);
        if (!block) {
            if (errno != ENOMEM) complain("refused without ENOMEM");
            break;
        }
        memset(block, count & 255, BLOCK_BYTES);
        blocks[count++] = block;
    }
    return count;
}

static void give_back(int count) {
    for (int index = 0; index < count; index++) {
        unsigned char *block = blocks[index];
        unsigned char mark = index & 255;
        if (block[0] != mark || block[BLOCK_BYTES / 2] != mark || block[BLOCK_BYTES - 1] != mark) {
            complain("a block lost its contents");
        }
        free(block);
    }
}

int main(void) {
    int first = take();
    printf("first: %d of %d blocks of 1 MiB\n", first, BLOCKS_WANTED);
    give_back(first);
    void *small = malloc(100);
    if (!small) complain("no small block after everything was freed");
    free(small);
    int second = take();
    printf("second: %d of %d blocks of 1 MiB\n", second, BLOCKS_WANTED);
    give_back(second);
    if (second < first - first / 16) complain("far fewer blocks the second time");
    return wrong;
}
