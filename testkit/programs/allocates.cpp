// A program that allocates in functions named after what they allocate, and prints the stack and size of each
// allocation as a heap profile in text. Built by the tests.
#include <execinfo.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <new>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

struct Sample {
    std::size_t bytes;
    int frames;
    void* stack[40];
};

Sample samples[1000];
int sample_count = 0;
bool is_recording = false;

}  // namespace

__attribute__((noinline)) void* operator new(std::size_t bytes) {
    if (is_recording && sample_count < 1000) {
        is_recording = false;
        Sample& sample = samples[sample_count++];
        sample.bytes = bytes;
        sample.frames = backtrace(sample.stack, 40);
        is_recording = true;
    }
    return std::malloc(bytes);
}

void operator delete(void* object) noexcept { std::free(object); }
void operator delete(void* object, std::size_t) noexcept { std::free(object); }

struct Order {
    std::uint64_t id;
    std::uint64_t quantities[5];
};

// What the machine can't tell from an order: with link-time optimisation the compiler makes one function of
// what containers of both have in common.
struct Parcel {
    std::uint64_t weight;
    std::uint64_t sides[5];
};

template <typename T>
__attribute__((noinline)) void keep(T& object) {
    asm volatile("" : : "r"(&object) : "memory");
}

__attribute__((noinline)) void site_vector() {
    std::vector<Order> orders;
    for (int id = 0; id < 9; ++id) orders.push_back(Order{});
    keep(orders);
}

__attribute__((noinline)) void site_map() {
    std::map<int, Order> orders;
    for (int id = 0; id < 9; ++id) orders[id] = Order{};
    keep(orders);
}

__attribute__((noinline)) void site_vector_parcel() {
    std::vector<Parcel> parcels;
    for (int weight = 0; weight < 11; ++weight) parcels.push_back(Parcel{});
    keep(parcels);
}

__attribute__((noinline)) void site_map_parcel() {
    std::map<int, Parcel> parcels;
    for (int weight = 0; weight < 11; ++weight) parcels[weight] = Parcel{};
    keep(parcels);
}

__attribute__((noinline)) void site_list() {
    std::list<Order> orders;
    orders.push_back(Order{});
    keep(orders);
}

__attribute__((noinline)) void site_shared() {
    auto order = std::make_shared<Order>();
    keep(order);
}

__attribute__((noinline)) void site_string() {
    std::string text(100, 'x');
    keep(text);
}

__attribute__((noinline)) void site_strings(const std::string& text) {
    std::vector<std::string> texts;
    texts.push_back(text);
    keep(texts);
}

__attribute__((noinline)) void site_plain() {
    Order* order = new Order;
    keep(*order);
}

// A constructor has two names for one code.
struct Depot {
    std::vector<Order> orders;
    __attribute__((noinline)) Depot() { orders.push_back(Order{}); }
};

__attribute__((noinline)) void site_constructor() {
    Depot depot;
    keep(depot);
}

int main() {
    std::string text(50, 'y');
    void* warm[2];
    backtrace(warm, 2);
    is_recording = true;
    site_vector();
    site_vector_parcel();
    site_map();
    site_map_parcel();
    site_list();
    site_shared();
    site_string();
    site_strings(text);
    site_plain();
    site_constructor();
    is_recording = false;
    std::printf("heap profile: 0: 0 [0: 0] @ heapprofile\n");
    for (int index = 0; index < sample_count; ++index) {
        const Sample& sample = samples[index];
        std::printf("1: %zu [1: %zu] @", sample.bytes, sample.bytes);
        // The first one is `operator new` itself.
        for (int frame = 1; frame < sample.frames; ++frame) std::printf(" %p", sample.stack[frame]);
        std::printf("\n");
    }
    std::printf("\nMAPPED_LIBRARIES:\n");
    std::FILE* maps = std::fopen("/proc/self/maps", "r");
    for (int byte = std::fgetc(maps); byte != EOF; byte = std::fgetc(maps)) std::putchar(byte);
    return 0;
}
