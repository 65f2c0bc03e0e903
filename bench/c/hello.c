// Greets. With an argument it also prints its own peak resident memory in KiB (VmHWM), without allocating for
// that.
//
//   cc -O2 -o hello c/hello.c

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static long peak_rss_kib(void) {
    static char text[8192];
    int file = open("/proc/self/status", O_RDONLY);
    if (file < 0) return -1;
    ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    if (length < 0) return -1;
    text[length] = 0;
    const char *field = strstr(text, "VmHWM:");
    return field ? strtol(field + strlen("VmHWM:"), NULL, 10) : -1;
}

int main(int argc, char **argv) {
    (void)argv;
    puts("hello, world");
    if (argc > 1) {
        fflush(stdout);
        printf("%ld\n", peak_rss_kib());
    }
    return 0;
}
