// Calls of known functions, one inside the other, for the walk to find. Built several times, with and without
// frame pointers; PREFIX tells the copies apart.
#include <alloca.h>
#include <string.h>

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define NAME(name) JOIN(PREFIX, name)

typedef int (*callback)(void *);

__attribute__((noipa)) int NAME(inner)(callback call, void *context) {
    volatile char room[700];
    room[3] = 1;
    return call(context) + room[3];
}

// A frame whose size is known at run time alone.
__attribute__((noipa)) int NAME(middle)(callback call, void *context, int bytes) {
    char *room = alloca(bytes);
    memset(room, 1, bytes);
    __asm__ volatile("" : : "r"(room) : "memory");
    return NAME(inner)(call, context) + room[bytes - 1];
}

__attribute__((noipa)) int NAME(outer)(callback call, void *context) {
    int sum = 0;
    for (int bytes = 100; bytes < 101; bytes++) sum += NAME(middle)(call, context, bytes);
    return sum;
}

// Calls with a frame pointer that points nowhere.
__attribute__((noipa)) int NAME(astray)(callback call, void *context) {
    int result;
    __asm__ volatile(
        "mov %%rbp, %%r12\n\t"
        "mov %%rsp, %%r13\n\t"
        "and $-16, %%rsp\n\t"
        "movabs $0x4141414141414141, %%rbp\n\t"
        "call *%1\n\t"
        "mov %%r13, %%rsp\n\t"
        "mov %%r12, %%rbp\n\t"
        : "=a"(result)
        : "r"(call), "D"(context)
        : "r12", "r13", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "memory", "cc");
    return result + 1;
}
